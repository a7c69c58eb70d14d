// Advantage actor-critic with a Gaussian policy of learned deviation (Mnih et al. 2016,
// arXiv:1602.01783; generalised advantages: Schulman et al. 2016, arXiv:1506.02438):
//   log π(a|s) = −Σ_k (½ ((a_k − μ_k) e^(−s_k))² + s_k + ½ ln 2π),
//   L = (1/T) Σ_t (−Â_t log π(a_t|s_t) + ½ c_v (G_t − V_t)²) − c_e Σ_k (s_k + ½ ln 2πe),
//   δ_t = r_t + γ V_{t+1} − V_t,  Â_t = δ_t + γλ Â_{t+1},  G_t = Â_t + V_t.
#pragma once

#include "ops/exponential.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr double kHalfLogTwoPi = 0.9189385332046727;

template <class Real>
HOST_DEVICE Real gaussianAction(Real mean, Real logDeviation, Real normal) {
  return fma(exponential(logDeviation), normal, mean);
}

// One action's part of −log π(a|s); z = (a − μ) e^(−s).
template <class Real>
HOST_DEVICE Real gaussianSurprise(Real mean, Real logDeviation, Real action) {
  const Real z = (action - mean) * exponential(-logDeviation);
  return fma(z * z, Real(Lane<Real>(0.5)), logDeviation + Real(Lane<Real>(kHalfLogTwoPi)));
}
template <class Real>
struct GaussianGradient {
  Real mean, logDeviation;
};
// Its derivatives, times `slope`.
template <class Real>
HOST_DEVICE GaussianGradient<Real> gaussianSurpriseGradient(Real mean, Real logDeviation,
                                                            Real action, Real slope) {
  const Real inverse = exponential(-logDeviation), z = (action - mean) * inverse;
  return {-slope * z * inverse, slope * fma(-z, z, Real(Lane<Real>(1)))};
}

// A step's part of T L; `surprise` is −log π(a_t|s_t), `difference` G_t − V_t.
template <class Real>
HOST_DEVICE double policyTerm(Real surprise, Real advantage, Real difference, double valueWeight) {
  const double squared = double(difference) * double(difference);
  return fma(double(advantage), double(surprise), 0.5 * valueWeight * squared);
}
// The entropy of one action.
HOST_DEVICE double gaussianEntropy(double logDeviation) {
  return logDeviation + (kHalfLogTwoPi + 0.5);
}
// L from the sums of both.
HOST_DEVICE double policyLoss(double terms, double entropy, int64_t time, double entropyWeight) {
  return terms / double(time) - entropyWeight * entropy;
}

// One step of the recurrence, backward in time.
template <class Real>
HOST_DEVICE Real temporalDifference(Real reward, Real value, Real nextValue, Real discount) {
  return fma(discount, nextValue, reward) - value;
}
template <class Real>
HOST_DEVICE Real discountedSum(Real difference, Real next, Real decay) {
  return fma(decay, next, difference);
}

// a = μ + e^s ξ
template <class Real>
struct GaussianAction {
  static constexpr const char* name = "gaussianAction";
  using Types = FullFloatTypes;
  View<const Real> mean;          // (T, K)
  View<const Real> logDeviation;  // (K)
  View<const Real> normal;        // (T, K): ξ
  View<Real> action;              // (T, K), written
  int64_t time, actions;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("mean", mean);
    visit("logDeviation", logDeviation);
    visit("normal", normal);
    visit("action", action);
    visit("time", time);
    visit("actions", actions);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("time", time, 1);
    check.atLeast("actions", actions, 1);
    const Size t = {"time", time}, k = {"actions", actions};
    check.shape("mean", mean, {t, k});
    check.shape("logDeviation", logDeviation, {k});
    check.shape("normal", normal, {t, k});
    check.shape("action", action, {t, k});
  }
};

template <class Real>
struct Advantages {
  static constexpr const char* name = "advantages";
  using Types = FullFloatTypes;
  View<const Real> rewards;    // (T)
  View<const Real> values;     // (T)
  View<const Real> lastValue;  // (1): V after the last step
  View<Real> advantages;       // (T), written
  View<Real> returns;          // (T), written
  int64_t time;
  double discount, trace;  // γ and λ

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rewards", rewards);
    visit("values", values);
    visit("lastValue", lastValue);
    visit("advantages", advantages);
    visit("returns", returns);
    visit("time", time);
    visit("discount", discount);
    visit("trace", trace);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("time", time, 1);
    const Size t = {"time", time};
    check.shape("rewards", rewards, {t});
    check.shape("values", values, {t});
    check.shape("lastValue", lastValue, {{"one", 1}});
    check.shape("advantages", advantages, {t});
    check.shape("returns", returns, {t});
    check.within("discount", discount, 0, 1);
    check.within("trace", trace, 0, 1);
  }
};

template <class Real>
struct PolicyGradientForward {
  static constexpr const char* name = "policyGradientForward";
  using Types = FullFloatTypes;
  View<const Real> mean;          // (T, K)
  View<const Real> logDeviation;  // (K)
  View<const Real> action;        // (T, K)
  View<const Real> advantages;    // (T)
  View<const Real> value;         // (T), optional, with returns
  View<const Real> returns;       // (T), optional
  View<Real> loss;                // (1), written
  int64_t time, actions;
  double valueWeight, entropyWeight;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("mean", mean);
    visit("logDeviation", logDeviation);
    visit("action", action);
    visit("advantages", advantages);
    visit.optional("value", value);
    visit.optional("returns", returns);
    visit("loss", loss);
    visit("time", time);
    visit("actions", actions);
    visit("valueWeight", valueWeight);
    visit("entropyWeight", entropyWeight);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("time", time, 1);
    check.atLeast("actions", actions, 1);
    const Size t = {"time", time}, k = {"actions", actions};
    check.shape("mean", mean, {t, k});
    check.shape("logDeviation", logDeviation, {k});
    check.shape("action", action, {t, k});
    check.shape("advantages", advantages, {t});
    if (value) check.shape("value", value, {t});
    if (returns) check.shape("returns", returns, {t});
    check.rule(bool(value) == bool(returns), "returns", "given where value is, and only there",
               double(bool(returns)));
    check.shape("loss", loss, {{"one", 1}});
    check.within("valueWeight", valueWeight, 0, 1e30);
    check.within("entropyWeight", entropyWeight, -1e30, 1e30);
  }
};

template <class Real>
struct PolicyGradientBackward {
  static constexpr const char* name = "policyGradientBackward";
  using Types = FullFloatTypes;
  View<const Real> gradLoss;      // (1)
  View<const Real> mean;          // (T, K)
  View<const Real> logDeviation;  // (K)
  View<const Real> action;        // (T, K)
  View<const Real> advantages;    // (T)
  View<const Real> value;         // (T), optional, with returns and gradValue
  View<const Real> returns;       // (T), optional
  View<Real> gradMean;            // (T, K), written
  View<Real> gradLogDeviation;    // (K), written
  View<Real> gradValue;           // (T), optional, written
  int64_t time, actions;
  double valueWeight, entropyWeight;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradLoss", gradLoss);
    visit("mean", mean);
    visit("logDeviation", logDeviation);
    visit("action", action);
    visit("advantages", advantages);
    visit.optional("value", value);
    visit.optional("returns", returns);
    visit("gradMean", gradMean);
    visit("gradLogDeviation", gradLogDeviation);
    visit.optional("gradValue", gradValue);
    visit("time", time);
    visit("actions", actions);
    visit("valueWeight", valueWeight);
    visit("entropyWeight", entropyWeight);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("time", time, 1);
    check.atLeast("actions", actions, 1);
    const Size t = {"time", time}, k = {"actions", actions};
    check.shape("gradLoss", gradLoss, {{"one", 1}});
    check.shape("mean", mean, {t, k});
    check.shape("logDeviation", logDeviation, {k});
    check.shape("action", action, {t, k});
    check.shape("advantages", advantages, {t});
    if (value) check.shape("value", value, {t});
    if (returns) check.shape("returns", returns, {t});
    check.shape("gradMean", gradMean, {t, k});
    check.shape("gradLogDeviation", gradLogDeviation, {k});
    if (gradValue) check.shape("gradValue", gradValue, {t});
    check.rule(bool(value) == bool(returns) && (!gradValue || value), "returns",
               "given where value is, and gradValue only there", double(bool(returns)));
    check.within("valueWeight", valueWeight, 0, 1e30);
    check.within("entropyWeight", entropyWeight, -1e30, 1e30);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
