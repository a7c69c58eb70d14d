// How reliable each oscillator is: the inverse of a running variance of its phase's change between
// calls,
//   v ← (1 - 1/τ) v + δ²/τ,   p = min(1 / (v + kVarianceFloor), kGreatestPrecision),
// δ the change wrapped to [-π, π), its square the mean over the batch; not divided by time.
#pragma once

#include "ops/operation.h"
#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr double kVarianceFloor = 1e-4;
constexpr double kGreatestPrecision = 100;

// δ² of one phase.
template <class Real>
HOST_DEVICE double squaredPhaseChange(Real before, Real after) {
  const auto change = wrappingDifference(phaseOf<Real>(after), phaseOf<Real>(before));
  constexpr double kRadians = kRadiansPerTurn * (sizeof(Real) == 4 ? 0x1p-32 : 0x1p-64);
  const double radians = double(change) * kRadians;
  return radians * radians;
}
HOST_DEVICE double runningVariance(double variance, double squaredChange, double tau) {
  return fma(squaredChange - variance, 1 / tau, variance);
}
HOST_DEVICE double precisionOf(double variance) {
  return minimum(1 / (variance + kVarianceFloor), kGreatestPrecision);
}

template <class Real>
struct PhasePrecision {
  static constexpr const char* name = "phasePrecision";
  using Types = FullFloatTypes;
  View<const Real> before;    // (batch, N), rad
  View<const Real> after;     // (batch, N), rad
  View<const Real> variance;  // (N): v before
  View<Real> newVariance;     // (N), written: v after
  View<Real> precision;       // (N), written: p
  int64_t batch, oscillators;
  double tau;  // calls, at least 1

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("before", before);
    visit("after", after);
    visit("variance", variance);
    visit("newVariance", newVariance);
    visit("precision", precision);
    visit("batch", batch);
    visit("oscillators", oscillators);
    visit("tau", tau);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("batch", batch, 1);
    check.atLeast("oscillators", oscillators, 1);
    check.within("tau", tau, 1, 1e300);
    const Size row = {"batch", batch}, n = {"oscillators", oscillators};
    check.shape("before", before, {row, n});
    check.shape("after", after, {row, n});
    check.shape("variance", variance, {n});
    check.shape("newVariance", newVariance, {n});
    check.shape("precision", precision, {n});
  }
  HOST_DEVICE void update(int64_t i) const {
    double change = 0;
    for (int64_t b = 0; b < batch; ++b) {
      change += squaredPhaseChange(before[b * oscillators + i], after[b * oscillators + i]);
    }
    const double now = runningVariance(double(variance[i]), change / double(batch), tau);
    newVariance[i] = Real(now);
    precision[i] = Real(precisionOf(now));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
