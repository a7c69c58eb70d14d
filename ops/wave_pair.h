// One pair of oscillators at the softened distance d = |x_i − x_j| + ε, by the propagator
//   G = e^(−ik d) / d = C − iS,   C = cos(k d) / d,   S = sin(k d) / d:
// the source q = A e^(iω t) adds Im(G q) = C Im q − S Re q to what the receiver hears, and G is the
// same from i to j as from j to i. Derivatives: C' = −k S − C / d,  S' = k C − S / d.
#pragma once

#include "ops/phase.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

// k and ε as the loops take them.
template <class Real>
struct WaveMedium {
  Real wavenumber;    // k, rad per unit of length
  Real turnsPerUnit;  // k / 2π
  Real softening;     // ε > 0

  HOST_DEVICE static WaveMedium of(Real wavenumber, Real softening) {
    return {wavenumber, Real(double(wavenumber) * kTurnsPerRadian), softening};
  }
};

// |x|² of a difference of positions; the order of the sum is part of the result.
template <class Real>
HOST_DEVICE Real squaredLength(Real x, Real y, Real z) {
  return fma(z, z, fma(y, y, x * x));
}

// cos k d and sin k d from half turns: folded to a quarter turn on either side of a whole number of
// them, whose sign both share.
template <class Real>
HOST_DEVICE Circle<Real> waveCircle(const WaveMedium<Lane<Real>>& medium, Real distance) {
  using Number = Lane<Real>;
  const Real halfTurns = distance * Real(medium.turnsPerUnit + medium.turnsPerUnit);
  const Real whole = roundToEven(halfTurns);
  const Real x = halfTurns - whole;  // in [-1/2, 1/2] half turns
  const Real z = x * x;
  Real sine, cosine;
  if constexpr (kIsSingle<Real>) {
    // Minimax on |x| <= 1/2 by Remez exchange: sin πx = x P(x²), relative error 2^-27.5;
    // cos πx = Q(x²), absolute error 2^-24.4.
    sine = x * polynomial(z, 0x1.921fb6p+1f, -0x1.4abbc2p+2f, 0x1.4668bp+1f, -0x1.324ccap-1f,
                          0x1.3daff6p-4f);
    cosine = polynomial(z, 0x1.fffffep-1f, -0x1.3bd3a6p+2f, 0x1.03bd06p+2f, -0x1.54f61ap+0f,
                        0x1.c1f066p-3f);
  } else {
    sineCosine(x * Real(3.141592653589793), sine, cosine);
  }
  // The sign bit of an odd count of half turns.
  constexpr int kToSign = 8 * sizeof(Number) - 1;
  const auto sign = toBits(whole + Real(Number(kIsSingle<Real> ? 0x1.8p23 : 0x1.8p52))) << kToSign;
  return {fromBits(toBits(sine) ^ sign), fromBits(toBits(cosine) ^ sign)};
}

// C and S of the propagator.
template <class Real>
struct Propagator {
  Real cosine, sine;
};
template <class Real>
HOST_DEVICE Propagator<Real> propagatorOf(Circle<Real> circle, Real inverseDistance) {
  return {circle.cosine * inverseDistance, circle.sine * inverseDistance};
}
// C' and S'.
template <class Real>
HOST_DEVICE Propagator<Real> propagatorSlope(Propagator<Real> g, Real wavenumber,
                                             Real inverseDistance) {
  return {-fma(g.cosine, inverseDistance, wavenumber * g.sine),
          fma(wavenumber, g.cosine, -(g.sine * inverseDistance))};
}

}  // namespace entrain::inline ENTRAIN_ISA
