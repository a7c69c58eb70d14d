// Layer normalisation of every row x of `width` elements (Ba, Kiros & Hinton 2016,
// arXiv:1607.06450), with the biased variance:
//   y = w (x − μ) r + b,   μ = mean x,   r = 1 / √(mean (x − μ)² + ε).
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// x̂ = (x − μ) r
template <class Real>
HOST_DEVICE Real normalised(Real x, Real mean, Real inverseDeviation) {
  return (x - mean) * inverseDeviation;
}

template <class Real>
HOST_DEVICE Real inverseDeviationOf(Real variance, Real epsilon) {
  return Real(1) / squareRoot(variance + epsilon);
}

// With g = w dL/dy: dL/dx = r (g − mean g − x̂ mean (g x̂)).
template <class Real>
HOST_DEVICE Real layerNormGradient(Real g, Real xHat, Real meanG, Real meanGXHat,
                                   Real inverseDeviation) {
  return inverseDeviation * fma(-xHat, meanGXHat, g - meanG);
}

template <class Real>
struct LayerNormForward {
  static constexpr const char* name = "layerNormForward";
  using Types = FloatTypes;
  View<const Real> input;                // (rows, width)
  View<const Real> weight;               // (width)
  View<const Real> bias;                 // (width)
  View<Real> output;                     // (rows, width), written
  View<Compute<Real>> mean;              // (rows), written
  View<Compute<Real>> inverseDeviation;  // (rows), written
  int64_t rows, width;
  double epsilon;  // added to the variance, at least 0

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("weight", weight);
    visit("bias", bias);
    visit("output", output);
    visit("mean", mean);
    visit("inverseDeviation", inverseDeviation);
    visit("rows", rows);
    visit("width", width);
    visit("epsilon", epsilon);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("width", width, 1);
    check.within("epsilon", epsilon, 0, 1e30);
    const Size rowSize = {"rows", rows}, widthSize = {"width", width};
    check.shape("input", input, {rowSize, widthSize});
    check.shape("weight", weight, {widthSize});
    check.shape("bias", bias, {widthSize});
    check.shape("output", output, {rowSize, widthSize});
    check.shape("mean", mean, {rowSize});
    check.shape("inverseDeviation", inverseDeviation, {rowSize});
  }
};

// dL/dw = Σ_rows dL/dy x̂,  dL/db = Σ_rows dL/dy, in an order that only the sizes decide.
template <class Real>
struct LayerNormBackward {
  static constexpr const char* name = "layerNormBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;                 // (rows, width)
  View<const Real> input;                      // (rows, width)
  View<const Real> weight;                     // (width)
  View<const Compute<Real>> mean;              // (rows), of the forward
  View<const Compute<Real>> inverseDeviation;  // (rows), of the forward
  View<Real> gradInput;                        // (rows, width), written
  View<Compute<Real>> gradWeight;              // (width), written
  View<Compute<Real>> gradBias;                // (width), written
  int64_t rows, width;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("input", input);
    visit("weight", weight);
    visit("mean", mean);
    visit("inverseDeviation", inverseDeviation);
    visit("gradInput", gradInput);
    visit("gradWeight", gradWeight);
    visit("gradBias", gradBias);
    visit("rows", rows);
    visit("width", width);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("width", width, 1);
    const Size rowSize = {"rows", rows}, widthSize = {"width", width};
    check.shape("gradOutput", gradOutput, {rowSize, widthSize});
    check.shape("input", input, {rowSize, widthSize});
    check.shape("weight", weight, {widthSize});
    check.shape("mean", mean, {rowSize});
    check.shape("inverseDeviation", inverseDeviation, {rowSize});
    check.shape("gradInput", gradInput, {rowSize, widthSize});
    check.shape("gradWeight", gradWeight, {widthSize});
    check.shape("gradBias", gradBias, {widthSize});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
