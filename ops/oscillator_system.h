// The systems of oscillators with real states. Each shows a point f of the plane, feels the pull P
// of the others' points with the strength w = s K / Z, and is a few local formulas:
//   phase           θ' = ω + w (cos(θ + α) P.sine - sin(θ + α) P.cosine)          f = e^{iθ}
//   swing           θ' = v,  v' = (the rate of a phase - γ v) / m                  f = e^{iθ}
//   Stuart-Landau   z' = (ρ + iω - |z|²) z + w (P - D z),  D = Σ_{j≠i} A_ij p_j    f = z
//   Ott-Antonsen    Z' = (iω - Δ + K/2 (1 - |Z|²)) Z                              f = Z, no pull
// With each rate stand its derivatives times a gradient of the rate.
#pragma once

#include "ops/oscillators.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

// An oscillator's state, its rate, or a gradient of them; `second` is unused by phases.
template <class Real>
struct OscillatorState {
  Real first, second;
};

// ω + u; w; m, ρ or Δ; γ; D; (sin α, cos α).
template <class Real>
struct OscillatorConstants {
  Real frequency, strength, first, second, rowSum;
  Circle<Real> lag;
};

// What a gradient of the rate gives to everything the rate depends on.
template <class Real>
struct OscillatorAdjoint {
  OscillatorState<Real> state;  // with the pull held
  Circle<Real> pull;
  Real frequency, strength, lag, first, second, rowSum;
};

// The circle of θ + α.
template <class Real>
HOST_DEVICE Circle<Real> rotated(Circle<Real> point, Circle<Real> by) {
  return {fma(point.sine, by.cosine, point.cosine * by.sine),
          fma(point.cosine, by.cosine, -(point.sine * by.sine))};
}

struct PhaseSystem {
  static constexpr int kPlanes = 1;
  static constexpr bool kIsPulled = true, kShowsState = false, kHasRowSum = false;

  template <class Real>
  HOST_DEVICE static Circle<Real> show(OscillatorState<Real> state) {
    Circle<Real> point;
    sineCosine(state.first, point.sine, point.cosine);
    return point;
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> gradShow(Circle<Real> point, Circle<Real> gradPoint) {
    return {gradSourcePhase(point, gradPoint), Real(Lane<Real>(0))};
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> rate(OscillatorState<Real>, Circle<Real> point,
                                                Circle<Real> pull,
                                                const OscillatorConstants<Real>& c) {
    return {c.frequency + coupledRate(c.strength, rotated(point, c.lag), pull),
            Real(Lane<Real>(0))};
  }
  template <class Real>
  HOST_DEVICE static OscillatorAdjoint<Real> gradRate(OscillatorState<Real>, Circle<Real> point,
                                                      Circle<Real> pull,
                                                      const OscillatorConstants<Real>& c,
                                                      OscillatorState<Real> gradient) {
    const Real zero(Lane<Real>(0));
    const Real a = gradient.first;
    const Circle<Real> here = rotated(point, c.lag);
    const Real slope = a * coupledRateSlope(c.strength, here, pull);
    OscillatorAdjoint<Real> result;
    result.state = {slope, zero};
    result.pull = gradPull(a, c.strength, here);
    result.frequency = a;
    result.strength = a * coupledRate(Real(Lane<Real>(1)), here, pull);
    result.lag = slope;
    result.first = result.second = result.rowSum = zero;
    return result;
  }
};

struct SwingSystem {
  static constexpr int kPlanes = 2;
  static constexpr bool kIsPulled = true, kShowsState = false, kHasRowSum = false;

  template <class Real>
  HOST_DEVICE static Circle<Real> show(OscillatorState<Real> state) {
    return PhaseSystem::show(state);
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> gradShow(Circle<Real> point, Circle<Real> gradPoint) {
    return PhaseSystem::gradShow(point, gradPoint);
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> rate(OscillatorState<Real> state, Circle<Real> point,
                                                Circle<Real> pull,
                                                const OscillatorConstants<Real>& c) {
    const Real torque = PhaseSystem::rate(state, point, pull, c).first;
    return {state.second, fma(-c.second, state.second, torque) / c.first};
  }
  template <class Real>
  HOST_DEVICE static OscillatorAdjoint<Real> gradRate(OscillatorState<Real> state,
                                                      Circle<Real> point, Circle<Real> pull,
                                                      const OscillatorConstants<Real>& c,
                                                      OscillatorState<Real> gradient) {
    const Real q = gradient.second / c.first;
    const OscillatorState<Real> torque = {q, Real(Lane<Real>(0))};
    OscillatorAdjoint<Real> result = PhaseSystem::gradRate(state, point, pull, c, torque);
    result.state.second = fma(-c.second, q, gradient.first);
    result.first = -(q * rate(state, point, pull, c).second);
    result.second = -(q * state.second);
    return result;
  }
};

// The plane's coordinates are x = first = cosine and y = second = sine.
struct StuartLandauSystem {
  static constexpr int kPlanes = 2;
  static constexpr bool kIsPulled = true, kShowsState = true, kHasRowSum = true;

  template <class Real>
  HOST_DEVICE static Circle<Real> show(OscillatorState<Real> state) {
    return {state.second, state.first};
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> gradShow(Circle<Real>, Circle<Real> gradPoint) {
    return {gradPoint.cosine, gradPoint.sine};
  }
  // ρ - |z|² - w D
  template <class Real>
  HOST_DEVICE static Real gain(OscillatorState<Real> z, const OscillatorConstants<Real>& c) {
    return c.first - fma(z.first, z.first, fma(z.second, z.second, c.strength * c.rowSum));
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> rate(OscillatorState<Real> z, Circle<Real>,
                                                Circle<Real> pull,
                                                const OscillatorConstants<Real>& c) {
    const Real g = gain(z, c);
    return {fma(c.strength, pull.cosine, fma(g, z.first, -(c.frequency * z.second))),
            fma(c.strength, pull.sine, fma(g, z.second, c.frequency * z.first))};
  }
  template <class Real>
  HOST_DEVICE static OscillatorAdjoint<Real> gradRate(OscillatorState<Real> z, Circle<Real>,
                                                      Circle<Real> pull,
                                                      const OscillatorConstants<Real>& c,
                                                      OscillatorState<Real> gradient) {
    const Real a = gradient.first, b = gradient.second;
    const Real g = gain(z, c), radial = fma(a, z.first, b * z.second);
    const Real twice = Real(Lane<Real>(-2)) * radial;
    OscillatorAdjoint<Real> result;
    result.state = {fma(twice, z.first, fma(g, a, c.frequency * b)),
                    fma(twice, z.second, fma(g, b, -(c.frequency * a)))};
    result.pull = {c.strength * b, c.strength * a};
    result.frequency = fma(b, z.first, -(a * z.second));
    result.strength = fma(a, pull.cosine, fma(b, pull.sine, -(c.rowSum * radial)));
    result.rowSum = -(c.strength * radial);
    result.first = radial;
    result.second = result.lag = Real(Lane<Real>(0));
    return result;
  }
};

struct OttAntonsenSystem {
  static constexpr int kPlanes = 2;
  static constexpr bool kIsPulled = false, kShowsState = true, kHasRowSum = false;

  template <class Real>
  HOST_DEVICE static Circle<Real> show(OscillatorState<Real> state) {
    return StuartLandauSystem::show(state);
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> gradShow(Circle<Real> point, Circle<Real> gradPoint) {
    return StuartLandauSystem::gradShow(point, gradPoint);
  }
  // (1 - |Z|²) / 2
  template <class Real>
  HOST_DEVICE static Real room(OscillatorState<Real> z) {
    const Real half(Lane<Real>(0.5));
    return half - half * fma(z.first, z.first, z.second * z.second);
  }
  template <class Real>
  HOST_DEVICE static OscillatorState<Real> rate(OscillatorState<Real> z, Circle<Real>, Circle<Real>,
                                                const OscillatorConstants<Real>& c) {
    const Real g = fma(c.strength, room(z), -c.first);
    return {fma(g, z.first, -(c.frequency * z.second)), fma(g, z.second, c.frequency * z.first)};
  }
  template <class Real>
  HOST_DEVICE static OscillatorAdjoint<Real> gradRate(OscillatorState<Real> z, Circle<Real>,
                                                      Circle<Real>,
                                                      const OscillatorConstants<Real>& c,
                                                      OscillatorState<Real> gradient) {
    const Real a = gradient.first, b = gradient.second, zero(Lane<Real>(0));
    const Real g = fma(c.strength, room(z), -c.first), radial = fma(a, z.first, b * z.second);
    const Real inward = -(c.strength * radial);
    OscillatorAdjoint<Real> result;
    result.state = {fma(inward, z.first, fma(g, a, c.frequency * b)),
                    fma(inward, z.second, fma(g, b, -(c.frequency * a)))};
    result.pull = {zero, zero};
    result.frequency = fma(b, z.first, -(a * z.second));
    result.strength = room(z) * radial;
    result.first = -radial;
    result.second = result.lag = result.rowSum = zero;
    return result;
  }
};

// Calls function(PhaseSystem{}) or the like.
template <class Function>
HOST_DEVICE void withSystem(int64_t system, const Function& function) {
  switch (system) {
    case kPhase:
      return function(PhaseSystem{});
    case kSwing:
      return function(SwingSystem{});
    case kStuartLandau:
      return function(StuartLandauSystem{});
    default:
      return function(OttAntonsenSystem{});
  }
}

// An angle in [0, 2π) and how many whole turns were taken off.
template <class Real>
HOST_DEVICE Real wrappedAngle(Real angle, Real& turns) {
  using Number = Lane<Real>;
  constexpr bool single = kIsSingle<Real>;
  const Real one(Number(1)), zero(Number(0));
  const Real turn(Number(single ? 0x1.921fb6p2 : 0x1.921fb54442d18p2));  // 2π, and the rest of it
  const Real turnRest(Number(single ? -0x1.777a5cp-23 : 0x1.1a62633145c07p-52));
  const Real last(Number(single ? 0x1.921fb4p2 : 0x1.921fb54442d17p2));  // below 2π
  turns = floorOf(angle * Real(Number(kTurnsPerRadian)));
  Real rest = fma(-turns, turnRest, fma(-turns, turn, angle));
  // The quotient may have rounded across a whole turn.
  const auto below = less(rest, zero);
  turns = select(below, turns - one, turns);
  rest = select(below, (rest + turn) + turnRest, rest);
  const auto beyond = less(last, rest);
  turns = select(beyond, turns + one, turns);
  return select(beyond, maximum((rest - turn) - turnRest, zero), rest);
}

}  // namespace entrain::inline ENTRAIN_ISA
