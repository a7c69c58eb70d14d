// A learned gate: y = σ(g + b) v, b broadcast over rows.
#pragma once

#include "ops/exponential.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE Real gated(Real value, Real gate, Real bias) {
  return sigmoid(gate + bias) * value;
}

// dL/dv = σ dL/dy,  dL/dg = σ (1 − σ) v dL/dy; dL/db is the sum of dL/dg over rows.
template <class Real>
struct GateGradients {
  Real value, gate;
};
template <class Real>
HOST_DEVICE GateGradients<Real> gatedGradients(Real gradOutput, Real value, Real gate, Real bias) {
  const Real s = sigmoid(gate + bias);
  const Real gradValue = s * gradOutput;
  return {gradValue, gradValue * (Real(1) - s) * value};
}

template <class Real>
struct GateForward {
  static constexpr const char* name = "gateForward";
  using Types = FloatTypes;
  View<const Real> value;  // (rows, width)
  View<const Real> gate;   // (rows, width)
  View<const Real> bias;   // (width)
  View<Real> output;       // (rows, width), written
  int64_t rows, width;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("value", value);
    visit("gate", gate);
    visit("bias", bias);
    visit("output", output);
    visit("rows", rows);
    visit("width", width);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("width", width, 1);
    const Size rowSize = {"rows", rows}, widthSize = {"width", width};
    check.shape("value", value, {rowSize, widthSize});
    check.shape("gate", gate, {rowSize, widthSize});
    check.shape("bias", bias, {widthSize});
    check.shape("output", output, {rowSize, widthSize});
  }
};

template <class Real>
struct GateBackward {
  static constexpr const char* name = "gateBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;  // (rows, width)
  View<const Real> value;       // (rows, width)
  View<const Real> gate;        // (rows, width)
  View<const Real> bias;        // (width)
  View<Real> gradValue;         // (rows, width), written
  View<Real> gradGate;          // (rows, width), written
  int64_t rows, width;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("value", value);
    visit("gate", gate);
    visit("bias", bias);
    visit("gradValue", gradValue);
    visit("gradGate", gradGate);
    visit("rows", rows);
    visit("width", width);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("width", width, 1);
    const Size rowSize = {"rows", rows}, widthSize = {"width", width};
    check.shape("gradOutput", gradOutput, {rowSize, widthSize});
    check.shape("value", value, {rowSize, widthSize});
    check.shape("gate", gate, {rowSize, widthSize});
    check.shape("bias", bias, {widthSize});
    check.shape("gradValue", gradValue, {rowSize, widthSize});
    check.shape("gradGate", gradGate, {rowSize, widthSize});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
