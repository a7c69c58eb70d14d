// One renormalisation on the way to a Lyapunov exponent (Benettin et al. 1976): how far a perturbed
// state has come from its reference,
//   d = √((1/N) Σ_i (δ_i - δ̄)²),   δ_i wrapped to [-π, π),
// then ln(d / d0), and the perturbation scaled back to d0. δ̄ is the mean where `transverse` (a
// shift of all phases alike never grows, since only differences act) and else 0.
#pragma once

#include "ops/logarithm.h"
#include "ops/operation.h"
#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA {

// What the last place of a phase is worth, rad.
template <class Real>
constexpr double kPhaseResolution = kRadiansPerTurn*(sizeof(Real) == 4 ? 0x1p-32 : 0x1p-64);

// Phases in int32 words, which may not be aligned for int64.
template <class Real>
HOST_DEVICE Integer<Real> phaseFromWords(const int32_t* words) {
  Integer<Real> phase;
  memcpy(&phase, words, sizeof phase);
  return phase;
}
template <class Real>
HOST_DEVICE void phaseToWords(int32_t* words, Integer<Real> phase) {
  memcpy(words, &phase, sizeof phase);
}

template <class Real>
struct LyapunovRenormalise {
  static constexpr const char* name = "lyapunovRenormalise";
  using Types = FullFloatTypes;
  View<Real> growth;    // (slots, pairs): row `slot` written: ln(d / d0); -∞ where d is lost
  View<int32_t> state;  // (2, pairs, N words): references, then the perturbed, which are scaled
  int64_t pairs, oscillators, slots, slot;
  double distance;  // d0, rad
  bool transverse;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("growth", growth);
    visit("state", state);
    visit("pairs", pairs);
    visit("oscillators", oscillators);
    visit("slots", slots);
    visit("slot", slot);
    visit("distance", distance);
    visit("transverse", transverse);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("pairs", pairs, 1);
    check.atLeast("oscillators", oscillators, 1);
    check.atLeast("slots", slots, 1);
    check.within("slot", double(slot), 0, double(slots) - 1);
    check.within("distance", distance, 256 * kPhaseResolution<Real>, 1);
    check.shape("growth", growth, {{"slots", slots}, {"pairs", pairs}});
    check.shape("state", state,
                {{"states of a pair", 2},
                 {"pairs", pairs},
                 {"oscillators", oscillators},
                 {"words of a phase", kPhaseWords<Real>}});
  }

  HOST_DEVICE int32_t* perturbed(int64_t pair, int64_t i) const {
    return state.data + ((pairs + pair) * oscillators + i) * kPhaseWords<Real>;
  }
  HOST_DEVICE Integer<Real> reference(int64_t pair, int64_t i) const {
    return phaseFromWords<Real>(state.data + (pair * oscillators + i) * kPhaseWords<Real>);
  }
  // δ_i - mean.
  HOST_DEVICE double separation(int64_t pair, int64_t i, double mean) const {
    const auto change =
        wrappingDifference(phaseFromWords<Real>(perturbed(pair, i)), reference(pair, i));
    return double(change) * kPhaseResolution<Real> - mean;
  }
  HOST_DEVICE double meanOf(double sum) const { return sum / double(oscillators); }
  HOST_DEVICE double distanceOf(double squares) const {
    return squareRoot(squares / double(oscillators));
  }
  // Below a few places a distance is rounding alone.
  HOST_DEVICE bool isLost(double found) const { return found < 4 * kPhaseResolution<Real>; }
  HOST_DEVICE Real growthOf(double found) const {
    return Real(logarithm(isLost(found) ? 0.0 : found / distance));
  }
  HOST_DEVICE void scaleBack(int64_t pair, int64_t i, double mean, double found) const {
    if (isLost(found)) return;
    const double scaled = separation(pair, i, mean) * (distance / found);
    phaseToWords<Real>(perturbed(pair, i), wrappingSum(reference(pair, i), phaseOf<Real>(scaled)));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
