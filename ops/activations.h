// Elementwise nonlinearities, with adjoints from the output y:
//   relu: max(x, 0), slope 1 where y > 0;   tanh: slope 1 − y²;   sigmoid: σ(x), slope y (1 − y).
#pragma once

#include "ops/exponential.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

struct Rectifier {
  template <class Real>
  HOST_DEVICE static Real value(Real x) {
    return select(less(x, Real(Lane<Real>(0))), Real(Lane<Real>(0)), x);  // NaN stays
  }
  template <class Real>
  HOST_DEVICE static Real gradient(Real gradOutput, Real output) {
    return select(less(Real(Lane<Real>(0)), output), gradOutput, Real(Lane<Real>(0)));
  }
};
struct HyperbolicTangent {
  template <class Real>
  HOST_DEVICE static Real value(Real x) {
    return hyperbolicTangent(x);
  }
  template <class Real>
  HOST_DEVICE static Real gradient(Real gradOutput, Real output) {
    return gradOutput * fma(-output, output, Real(Lane<Real>(1)));
  }
};
struct Logistic {
  template <class Real>
  HOST_DEVICE static Real value(Real x) {
    return sigmoid(x);
  }
  template <class Real>
  HOST_DEVICE static Real gradient(Real gradOutput, Real output) {
    return gradOutput * (output * (Real(Lane<Real>(1)) - output));
  }
};

template <class Real, class Function>
struct ActivationForward {
  using Types = FloatTypes;
  using Nonlinearity = Function;
  View<const Real> input;  // (length)
  View<Real> output;       // (length), written; may be input

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
  }

 protected:
  void validateAs(const char* name) const {
    Check(name).shape("output", output, {{"length of input", input.length}});
  }
};

template <class Real, class Function>
struct ActivationBackward {
  using Types = FloatTypes;
  using Nonlinearity = Function;
  View<const Real> gradOutput;  // (length)
  View<const Real> output;      // (length)
  View<Real> gradInput;         // (length), written; may be gradOutput

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("output", output);
    visit("gradInput", gradInput);
  }

 protected:
  void validateAs(const char* name) const {
    const Check check(name);
    check.shape("output", output, {{"length of gradOutput", gradOutput.length}});
    check.shape("gradInput", gradInput, {{"length of gradOutput", gradOutput.length}});
  }
};

template <class Real>
struct ReluForward : ActivationForward<Real, Rectifier> {
  static constexpr const char* name = "reluForward";
  void validate() const { this->validateAs(name); }
};
template <class Real>
struct ReluBackward : ActivationBackward<Real, Rectifier> {
  static constexpr const char* name = "reluBackward";
  void validate() const { this->validateAs(name); }
};
template <class Real>
struct TanhForward : ActivationForward<Real, HyperbolicTangent> {
  static constexpr const char* name = "tanhForward";
  void validate() const { this->validateAs(name); }
};
template <class Real>
struct TanhBackward : ActivationBackward<Real, HyperbolicTangent> {
  static constexpr const char* name = "tanhBackward";
  void validate() const { this->validateAs(name); }
};
template <class Real>
struct SigmoidForward : ActivationForward<Real, Logistic> {
  static constexpr const char* name = "sigmoidForward";
  void validate() const { this->validateAs(name); }
};
template <class Real>
struct SigmoidBackward : ActivationBackward<Real, Logistic> {
  static constexpr const char* name = "sigmoidBackward";
  void validate() const { this->validateAs(name); }
};

}  // namespace entrain::inline ENTRAIN_ISA
