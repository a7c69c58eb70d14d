// SiLU: y = x σ(x), σ(x) = 1 / (1 + e^−x). Hendrycks & Gimpel 2016, arXiv:1606.08415.
#pragma once

#include "ops/exponential.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE Real silu(Real x) {
  return x * sigmoid(x);
}

// dL/dx = dL/dy (σ + x σ (1 − σ))
template <class Real>
HOST_DEVICE Real siluGradient(Real gradOutput, Real x) {
  const Real s = sigmoid(x);
  return gradOutput * fma(x * s, Real(1) - s, s);
}

template <class Real>
struct SiluForward {
  static constexpr const char* name = "siluForward";
  using Types = FloatTypes;
  View<const Real> input;  // (length)
  View<Real> output;       // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
  }
  void validate() const {
    Check(name).shape("output", output, {{"length of input", input.length}});
  }
};

template <class Real>
struct SiluBackward {
  static constexpr const char* name = "siluBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;  // (length)
  View<const Real> input;       // (length)
  View<Real> gradInput;         // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("input", input);
    visit("gradInput", gradInput);
  }
  void validate() const {
    const Check check(name);
    check.shape("input", input, {{"length of gradOutput", gradOutput.length}});
    check.shape("gradInput", gradInput, {{"length of gradOutput", gradOutput.length}});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
