// One step of Adam or AdamW on one tensor, in place, with clipping by the global norm:
//   g = scale gradient  (+ weightDecay p without decoupling)
//   m = β1 m + (1 − β1) g,   v = β2 v + (1 − β2) g²
//   p = p (1 − rate weightDecay with decoupling) − rate m̂ / (v̂^(1/2) + ε)
// where m̂ = m / (1 − β1^step) and v̂ = v / (1 − β2^step). Kingma & Ba 2015, arXiv:1412.6980;
// Loshchilov & Hutter 2019, arXiv:1711.05101. What one launch for all tensors would save is said in
// gradient_norm.h.
#pragma once

#include "ops/gradient_norm.h"

namespace entrain::inline ENTRAIN_ISA {

// base^exponent by repeated squaring: the same bits everywhere.
HOST_DEVICE double integerPower(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

// The numbers of a step, formed in double and rounded once.
template <class Real>
struct AdamCoefficients {
  Real beta1, restOfBeta1;  // β1, 1 − β1
  Real beta2, restOfBeta2;  // β2, 1 − β2
  Real stepSize;            // rate / (1 − β1^step)
  Real secondScale;         // (1 − β2^step)^(-1/2)
  Real epsilon;
  Real coupledDecay, keep;  // added to the gradient; factor of the parameter
};

template <class Real>
struct AdamState {
  Real parameter, first, second;
};

template <class Real>
HOST_DEVICE AdamState<Real> adamStep(AdamState<Real> state, Real gradient, Lane<Real> scale,
                                     const AdamCoefficients<Lane<Real>>& by) {
  const Real g = fma(Real(by.coupledDecay), state.parameter, gradient * scale);
  const Real first = fma(Real(by.beta1), state.first, g * by.restOfBeta1);
  const Real second = fma(Real(by.beta2), state.second, g * g * by.restOfBeta2);
  const Real denominator = fma(squareRoot(second), Real(by.secondScale), Real(by.epsilon));
  const Real update = first / denominator;
  return {fma(update, Real(-by.stepSize), state.parameter * by.keep), first, second};
}

template <class Real>
struct AdamW {
  static constexpr const char* name = "adamW";
  using Types = FullFloatTypes;
  View<Real> parameter;       // (length), updated
  View<const Real> gradient;  // (length)
  View<Real> first, second;   // (length), moments, updated
  View<const double> norm;    // (1), of all gradients; needed for clipping only
  double rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weightDecay = 0;
  double maxNorm = 0;     // 0: no clipping
  int64_t step = 1;       // counted from 1
  bool decoupled = true;  // AdamW: decay times the rate; Adam: decay as part of the gradient

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("parameter", parameter);
    visit("gradient", gradient);
    visit("first", first);
    visit("second", second);
    visit.optional("norm", norm);
    visit("rate", rate);
    visit("beta1", beta1);
    visit("beta2", beta2);
    visit("epsilon", epsilon);
    visit("weightDecay", weightDecay);
    visit("maxNorm", maxNorm);
    visit("step", step);
    visit("decoupled", decoupled);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of parameter", parameter.length};
    check.shape("gradient", gradient, {length});
    check.shape("first", first, {length});
    check.shape("second", second, {length});
    if (norm) check.shape("norm", norm, {{"one", 1}});
    check.rule(beta1 >= 0 && beta1 < 1, "beta1", "in [0, 1)", beta1);
    check.rule(beta2 >= 0 && beta2 < 1, "beta2", "in [0, 1)", beta2);
    check.rule(epsilon >= 0, "epsilon", "at least 0", epsilon);
    check.rule(weightDecay >= 0, "weightDecay", "at least 0", weightDecay);
    check.rule(maxNorm >= 0 && (maxNorm == 0 || norm), "maxNorm", "0 or, with a norm, above",
               maxNorm);
    check.atLeast("step", step, 1);
  }

  AdamCoefficients<Real> coefficients() const {
    const double correction1 = 1 - integerPower(beta1, step);
    const double correction2 = 1 - integerPower(beta2, step);
    return {Real(beta1),
            Real(1 - beta1),
            Real(beta2),
            Real(1 - beta2),
            Real(rate / correction1),
            Real(1 / squareRoot(correction2)),
            Real(epsilon),
            Real(decoupled ? 0 : weightDecay),
            Real(decoupled ? 1 - rate * weightDecay : 1)};
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
