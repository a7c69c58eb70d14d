// A phase as a fixed-point fraction of a turn: 32 bits beside float, 64 beside double, in two's
// complement. It wraps for free, is equally fine everywhere (2^-32 turn = 1.5e-9 rad; a float near
// 2π resolves 4.8e-7) and sums of it do not depend on their order.
#pragma once

#include "ops/polynomial.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr double kRadiansPerTurn = 6.283185307179586;
constexpr double kTurnsPerRadian = 0.15915494309189535;
constexpr double kTurnsPerRadianRest = -9.839338337591011e-18;  // 1/2π beyond double

// How many int32 words hold one phase in a state tensor.
template <class Real>
constexpr int64_t kPhaseWords = int64_t(sizeof(Lane<Real>) / sizeof(int32_t));

// An angle in turns less the whole ones: in [-1/2, 1/2] and a little. `Wide` is double or a vector.
template <class Wide>
HOST_DEVICE Wide turnsOfAngle(Wide radians) {
  const Wide high = radians * kTurnsPerRadian;
  const Wide low = fma(radians, Wide(kTurnsPerRadian), -high) + radians * kTurnsPerRadianRest;
  return (high - roundToEven(high)) + low;
}

// The phase of an angle in radians, any size.
template <class Real>
HOST_DEVICE Integer<Real> phaseOf(double radians) {
  const double turns = turnsOfAngle(radians);
  if constexpr (sizeof(Real) == 4) {
    return int32_t(toInteger(turns * 0x1p32));
  } else {
    const int64_t half = toInteger(turns * 0x1p63);  // 2^64 would leave the range
    return wrappingSum(half, half);
  }
}

// The angle of a phase, in [0, 2π).
HOST_DEVICE float radiansOf(int32_t phase) {
  const float angle = float(double(uint32_t(phase)) * (kRadiansPerTurn * 0x1p-32));
  return angle < 0x1.921fb4p2f ? angle : 0x1.921fb4p2f;  // the last float below 2π
}
HOST_DEVICE double radiansOf(int64_t phase) {
  const double angle = double(uint64_t(phase)) * (kRadiansPerTurn * 0x1p-64);
  return angle < 0x1.921fb54442d18p2 ? angle : 0x1.921fb54442d17p2;
}

// A change of phase by `turns`, of any size, rounded to the last place; whole turns fall away.
template <class Real>
HOST_DEVICE Integer<Real> phaseStep(Real turns) {
  using Number = Lane<Real>;
  const Real rest = turns - roundToEven(turns);
  if constexpr (std::is_same_v<Real, float>) {
    return int32_t(toInteger(double(rest) * 0x1p32));  // +2^31 becomes -2^31: the same phase
  } else if constexpr (kIsSingle<Real>) {
    return toInteger(rest * Real(Number(0x1p32)));  // as the conversion of x86 has it, too
  } else {
    const auto half = toInteger(rest * Real(Number(0x1p63)));  // 2^64 would leave the range
    return wrappingSum(half, half);
  }
}

// sin of a phase: folded to a quarter turn on either side of 0, where an odd polynomial takes over.
// Relative error 2^-27.5 before rounding for float, 2^-71 for double.
template <class Real>
HOST_DEVICE Real sineOfPhase(Integer<Real> phase) {
  using Number = Lane<Real>;
  constexpr Integer<Number> kQuarter = Integer<Number>(1) << (8 * sizeof(Number) - 2);
  // sin t = cos(t - 1/4), which is even in t - 1/4.
  const auto distance = wrappingAbsolute(wrappingDifference(phase, Integer<Real>(kQuarter)));
  const Real x = toReal(wrappingDifference(Integer<Real>(kQuarter), distance)) *
                 Real(Number(1) / Number(kQuarter));  // quarter turns, in [-1, 1]
  const Real z = x * x;
  if constexpr (kIsSingle<Real>) {
    return x * polynomial(z, 0x1.921fb6p+0f, -0x1.4abbc2p-1f, 0x1.4668bp-4f, -0x1.324ccap-8f,
                          0x1.3daff6p-13f);
  } else {
    return x * polynomial(z, 0x1.921fb54442d18p+0, -0x1.4abbce625be53p-1, 0x1.466bc6775aae2p-4,
                          -0x1.32d2cce62bd51p-8, 0x1.50783487ebdfcp-13, -0x1.e3074fdc289ecp-19,
                          0x1.e8f4337c90228p-25, -0x1.6fad443eb17c9p-31, 0x1.aabac06c23cbap-38,
                          -0x1.7eb49e241df64p-45);
  }
}

// `scale` times sin of a phase, for float: the factor goes into the coefficients. With 5 of them
// the error is 3.3e-9 of the scale, with 4 it is 5.9e-7.
template <class Real, int terms = 5>
struct ScaledSine {
  static_assert(terms == 4 || terms == 5);
  Real c0, c1, c2, c3, c4;

  HOST_DEVICE explicit ScaledSine(float scale)
      : c0(scale * (terms == 5 ? 0x1.921fb6p+0f : 0x1.921f5cp+0f)),
        c1(scale * (terms == 5 ? -0x1.4abbc2p-1f : -0x1.4ab278p-1f)),
        c2(scale * (terms == 5 ? 0x1.4668bp-4f : 0x1.455cf2p-4f)),
        c3(scale * (terms == 5 ? -0x1.324ccap-8f : -0x1.1bf946p-8f)),
        c4(scale * 0x1.3daff6p-13f) {}
  // Whether 4 do: they err by less than 1/32 of the unit of the result.
  HOST_DEVICE static bool takesFourTerms(float scale) { return absolute(scale) < 53000.0f; }
  // Of the phase that lies a quarter turn after `later`; in quarter turns from the nearest zero.
  HOST_DEVICE Real operator()(Integer<Real> later) const {
    const Real x = fma(absolute(toReal(later)), Real(-0x1p-30f), Real(1.0f));
    const Real z = x * x;
    const Real rest = terms == 5 ? fma(c4, z, c3) : c3;
    return x * fma(fma(fma(rest, z, c2), z, c1), z, c0);
  }
};

// A point of the unit circle, or a sum of such points.
template <class Real>
struct Circle {
  Real sine, cosine;
};

template <class Real>
HOST_DEVICE Circle<Real> circleOfPhase(Integer<Real> phase) {
  using Number = Lane<Real>;
  constexpr Integer<Number> kQuarter = Integer<Number>(1) << (8 * sizeof(Number) - 2);
  return {sineOfPhase<Real>(phase), sineOfPhase<Real>(wrappingSum(phase, Integer<Real>(kQuarter)))};
}

// ---- free rotation ----
// What a constant rate adds in a step is kept with `shift` bits below the last place of a phase,
// and step n adds floor(drift + frac(⌊n / 16⌋ φ)): the Weyl sequence spreads the rounding evenly,
// so that 10^6 steps are off by some 10^-6 rad where plain rounding would collect 10^-3. The same
// sum serves 16 steps (off by 16 last places, 2.3e-8 rad, at most), so that a run may keep it.
// Phases of 64 bits need none of this: shift 0.
constexpr int64_t kDriftSteps = 16;

// The greatest shift at which the steps of `rate · timeStep` radians fit; `rate` is the greatest.
template <class Real>
HOST_DEVICE int driftShift(double greatestRate, double timeStep) {
  if constexpr (!kIsSingle<Real>) return 0;
  const double turns = absolute(greatestRate * timeStep) * kTurnsPerRadian;
  int shift = 0;
  // The bias adds less than one place: 0.499 leaves room for it.
  for (double reach = 0.2495; shift < 16 && turns < reach; reach *= 0.5) ++shift;
  return shift;
}

// The drift of a rate, modulo a turn, in units of 2^-shift of a phase's last place; as a number of
// such units for float, where `Wide` is double or a vector.
template <class Wide>
HOST_DEVICE Wide driftUnits(Wide rate, double timeStep, int shift) {
  const Wide turns = rate * timeStep * kTurnsPerRadian;
  return (turns - roundToEven(turns)) * double(int64_t(1) << (32 + shift));
}
template <class Real>
HOST_DEVICE Integer<Real> driftOf(double rate, double timeStep, int shift) {
  if constexpr (kIsSingle<Real>) {
    return int32_t(toInteger(driftUnits(rate, timeStep, shift)));
  } else {
    return phaseOf<Real>(rate * timeStep);
  }
}

// What the Weyl sequence adds to every drift before step n >= 0.
template <class Real>
HOST_DEVICE Integer<Lane<Real>> driftBias(int64_t n, int shift) {
  if (shift == 0) return 0;
  return Integer<Lane<Real>>((uint32_t(uint64_t(n / kDriftSteps)) * 0x9e3779b9u) >> (32 - shift));
}

// The phase's change of this step.
template <class Real>
HOST_DEVICE Integer<Real> driftStep(Integer<Real> drift, Integer<Lane<Real>> bias, int shift) {
  return wrappingSum(drift, Integer<Real>(bias)) >> shift;
}

// ---- whole turns ----

// How many whole turns a phase in [0, 1) turn passes when it changes by less than one: -1, 0 or 1.
HOST_DEVICE int32_t turnsPassed(int32_t phase, int32_t change) {
  return int32_t((int64_t(uint32_t(phase)) + change) >> 32);
}
HOST_DEVICE int32_t turnsPassed(int64_t phase, int64_t change) {
  const uint64_t before = uint64_t(phase), after = before + uint64_t(change);
  return change >= 0 ? int32_t(after < before) : -int32_t(after > before);
}
// The whole turns of `turns` of which `change` keeps the rest; a half may stand on either side.
HOST_DEVICE int32_t wholeTurns(double turns, int32_t change, int shift) {
  return int32_t(toInteger(turns - double(change) / double(int64_t(1) << (32 + shift))));
}
HOST_DEVICE int32_t wholeTurns(double turns, int64_t change, int) {
  return int32_t(toInteger(turns - double(change) * 0x1p-64));
}

}  // namespace entrain::inline ENTRAIN_ISA
