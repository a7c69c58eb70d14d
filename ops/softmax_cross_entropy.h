// Cross-entropy of softmax over rows of logits z and target classes t, averaged over the rows:
//   L = 1/rows Σ_r (lse_r − z_r,t_r),   lse_r = ln Σ_c e^z_rc
//   dL/dz_rc = (e^(z_rc − lse_r) − [c = t_r]) / rows
// Exponentials are taken of differences to a maximum, so that logits of any size do not overflow
// (Blanchard, Higham & Higham 2021, https://doi.org/10.1093/imanum/draa038). A logit of −∞ is a
// class of probability 0.
#pragma once

#include "ops/exponential.h"
#include "ops/logarithm.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// Σ e^z of some logits as sum · e^maximum; empty: −∞ and 0.
template <class Real>
struct ScaledSumOfExponentials {
  Real maximum, sum;
};

template <class Real>
HOST_DEVICE Real negativeInfinity() {
  return Real(Lane<Real>(-__builtin_inf()));
}

// What exponents are taken relative to: the maximum, or 0 where all logits are −∞, since ∞ − ∞ is
// not a number.
template <class Real>
HOST_DEVICE Real exponentialBase(Real maximum) {
  return select(less(negativeInfinity<Real>(), maximum), maximum, Real(Lane<Real>(0)));
}

template <class Real>
HOST_DEVICE ScaledSumOfExponentials<Real> combine(ScaledSumOfExponentials<Real> a,
                                                  ScaledSumOfExponentials<Real> b) {
  const Real most = maximum(a.maximum, b.maximum);
  const Real base = exponentialBase(most);
  const Real left = a.sum * exponential(a.maximum - base);
  return {most, fma(b.sum, exponential(b.maximum - base), left)};
}

// ln Σ e^z
template <class Real>
HOST_DEVICE Real logarithmOf(ScaledSumOfExponentials<Real> total) {
  return exponentialBase(total.maximum) + logarithm(total.sum);
}

// dL/dz without the target's −1, for scale = dL/dloss / rows.
template <class Real>
HOST_DEVICE Real softmaxGradient(Real logit, Lane<Real> logSumExp, Lane<Real> scale) {
  return exponential(logit - Real(logSumExp)) * Real(scale);
}
// The same at the target.
template <class Real>
HOST_DEVICE Real softmaxTargetGradient(Real logit, Real logSumExp, Real scale) {
  return (exponential(logit - logSumExp) - Real(1)) * scale;
}

HOST_DEVICE bool isClass(int32_t target, int64_t vocabulary) {
  return target >= 0 && target < vocabulary;
}

template <class Real>
struct SoftmaxCrossEntropyForward {
  static constexpr const char* name = "softmaxCrossEntropyForward";
  using Types = FloatTypes;
  View<const Real> logits;        // (rows, vocabulary)
  View<const int32_t> targets;    // (rows), in [0, vocabulary); elsewhere the loss is NaN
  View<Compute<Real>> loss;       // (1), written; summed in double
  View<Compute<Real>> logSumExp;  // (rows), written
  int64_t rows = 0, vocabulary = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("logits", logits);
    visit("targets", targets);
    visit("loss", loss);
    visit("logSumExp", logSumExp);
    visit("rows", rows);
    visit("vocabulary", vocabulary);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 1);
    check.atLeast("vocabulary", vocabulary, 1);
    check.shape("logits", logits, {{"rows", rows}, {"vocabulary", vocabulary}});
    check.shape("targets", targets, {{"rows", rows}});
    check.shape("loss", loss, {{"one", 1}});
    check.shape("logSumExp", logSumExp, {{"rows", rows}});
  }
};

template <class Real>
struct SoftmaxCrossEntropyBackward {
  static constexpr const char* name = "softmaxCrossEntropyBackward";
  using Types = FloatTypes;
  View<const Real> logits;              // (rows, vocabulary)
  View<const int32_t> targets;          // (rows); outside [0, vocabulary) the row's gradient is NaN
  View<const Compute<Real>> logSumExp;  // (rows), of the forward
  View<const Compute<Real>> gradLoss;   // (1)
  View<Real> gradLogits;                // (rows, vocabulary), written; may be logits
  int64_t rows = 0, vocabulary = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("logits", logits);
    visit("targets", targets);
    visit("logSumExp", logSumExp);
    visit("gradLoss", gradLoss);
    visit("gradLogits", gradLogits);
    visit("rows", rows);
    visit("vocabulary", vocabulary);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 1);
    check.atLeast("vocabulary", vocabulary, 1);
    check.shape("logits", logits, {{"rows", rows}, {"vocabulary", vocabulary}});
    check.shape("targets", targets, {{"rows", rows}});
    check.shape("logSumExp", logSumExp, {{"rows", rows}});
    check.shape("gradLoss", gradLoss, {{"one", 1}});
    check.shape("gradLogits", gradLogits, {{"rows", rows}, {"vocabulary", vocabulary}});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
