// One step of gradient descent with momentum on one tensor, in place, with clipping by the global
// norm:
//   g = scale gradient + weightDecay p
//   m = momentum m + g  (m = g at the first step),   p = p − rate m
// and p = p − rate g without momentum. Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5.
#pragma once

#include "ops/gradient_norm.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct SgdCoefficients {
  Real rate, momentum, weightDecay;
};

template <class Real>
struct SgdState {
  Real parameter, first;
};

template <class Real>
HOST_DEVICE SgdState<Real> sgdStep(SgdState<Real> state, Real gradient, Lane<Real> scale,
                                   const SgdCoefficients<Lane<Real>>& by) {
  const Real g = fma(Real(by.weightDecay), state.parameter, gradient * scale);
  const Real first = fma(Real(by.momentum), state.first, g);
  return {fma(first, Real(-by.rate), state.parameter), first};
}

template <class Real>
struct Sgd {
  static constexpr const char* name = "sgd";
  using Types = FullFloatTypes;
  View<Real> parameter;       // (length), updated
  View<const Real> gradient;  // (length)
  View<Real> first;           // (length), updated; needed for momentum only
  View<const double> norm;    // (1), of all gradients; needed for clipping only
  double rate = 0, momentum = 0, weightDecay = 0;
  double maxNorm = 0;  // 0: no clipping
  int64_t step = 1;    // counted from 1; `first` is written, not read, at step 1

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("parameter", parameter);
    visit("gradient", gradient);
    visit.optional("first", first);
    visit.optional("norm", norm);
    visit("rate", rate);
    visit("momentum", momentum);
    visit("weightDecay", weightDecay);
    visit("maxNorm", maxNorm);
    visit("step", step);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of parameter", parameter.length};
    check.shape("gradient", gradient, {length});
    if (first) check.shape("first", first, {length});
    if (norm) check.shape("norm", norm, {{"one", 1}});
    check.rule(momentum >= 0 && (momentum == 0 || first), "momentum",
               "0 or, with a first moment, above", momentum);
    check.rule(weightDecay >= 0, "weightDecay", "at least 0", weightDecay);
    check.rule(maxNorm >= 0 && (maxNorm == 0 || norm), "maxNorm", "0 or, with a norm, above",
               maxNorm);
    check.atLeast("step", step, 1);
  }

  SgdCoefficients<Real> coefficients() const {
    return {Real(rate), Real(momentum), Real(weightDecay)};
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
