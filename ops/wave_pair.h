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

// A number of half turns folded to a quarter turn on either side of a whole number of them.
template <class Real>
struct FoldedWave {
  Real x;              // in [-1/2, 1/2] half turns
  Integer<Real> sign;  // the sign bit, set where the whole number is odd
};
template <class Real>
HOST_DEVICE FoldedWave<Real> foldWave(Real halfTurns) {
  using Number = Lane<Real>;
  constexpr int kToSign = 8 * sizeof(Number) - 1;
  const Real whole = roundToEven(halfTurns);
  return {halfTurns - whole, toBits(whole + Real(Number(kIsSingle<Real> ? 0x1.8p23 : 0x1.8p52)))
                                 << kToSign};
}
// sin πx / x of z = x², times ±1, and cos πx, for float: minimax on |x| <= 1/2 by Remez exchange,
// relative error 2^-27.5 and absolute error 2^-24.4.
template <int sign, class Real>
HOST_DEVICE Real foldedSineRatio(Real z) {
  return polynomial(z, sign * 0x1.921fb6p+1f, sign * -0x1.4abbc2p+2f, sign * 0x1.4668bp+1f,
                    sign * -0x1.324ccap-1f, sign * 0x1.3daff6p-4f);
}
template <class Real>
HOST_DEVICE Real foldedCosine(Real z) {
  return polynomial(z, 0x1.fffffep-1f, -0x1.3bd3a6p+2f, 0x1.03bd06p+2f, -0x1.54f61ap+0f,
                    0x1.c1f066p-3f);
}

// x with its sign changed where the sign bit is set.
template <class Real>
HOST_DEVICE Real withSignChanged(Real x, Integer<Real> sign) {
  return fromBits(toBits(x) ^ sign);
}

// cos k d and sin k d.
template <class Real>
HOST_DEVICE Circle<Real> waveCircle(const WaveMedium<Lane<Real>>& medium, Real distance) {
  const auto [x, sign] = foldWave(distance * Real(medium.turnsPerUnit + medium.turnsPerUnit));
  Real sine, cosine;
  if constexpr (kIsSingle<Real>) {
    const Real z = x * x;
    sine = x * foldedSineRatio<1>(z);
    cosine = foldedCosine(z);
  } else {
    sineCosine(x * Real(3.141592653589793), sine, cosine);
  }
  return {withSignChanged(sine, sign), withSignChanged(cosine, sign)};
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

// G itself: a receiver hears Re G Im q + Im G Re q of a source.
template <class Real>
struct ComplexPropagator {
  Real real, imaginary;  // C, -S
};
template <class Real>
HOST_DEVICE ComplexPropagator<Real> complexPropagator(const WaveMedium<Lane<Real>>& medium,
                                                      Real distance) {
  const Real inverse = Real(Lane<Real>(1)) / distance;
  if constexpr (kIsSingle<Real>) {
    const auto [x, sign] = foldWave(distance * Real(medium.turnsPerUnit + medium.turnsPerUnit));
    const Real z = x * x;
    const Real signedInverse = withSignChanged(inverse, sign);  // one change of sign for both
    return {foldedCosine(z) * signedInverse, (x * signedInverse) * foldedSineRatio<-1>(z)};
  } else {
    const Circle<Real> circle = waveCircle(medium, distance);
    return {circle.cosine * inverse, -(circle.sine * inverse)};
  }
}

// A sin(π h - k d) / d of a source whose phase is h half turns: half the work of G for one time.
template <class Real>
HOST_DEVICE Real heardWave(const WaveMedium<Lane<Real>>& medium, Real distance, Real amplitude,
                           Real halfTurns) {
  const Lane<Real> rate = medium.turnsPerUnit + medium.turnsPerUnit;
  const auto [x, sign] = foldWave(fma(distance, Real(-rate), halfTurns));
  const Real scale = withSignChanged(amplitude, sign) / distance;
  if constexpr (kIsSingle<Real>) {
    return (x * scale) * foldedSineRatio<1>(x * x);
  } else {
    Real sine, cosine;
    sineCosine(x * Real(3.141592653589793), sine, cosine);
    return sine * scale;
  }
}

}  // namespace entrain::inline ENTRAIN_ISA
