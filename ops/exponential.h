// exp, the logistic function and tanh over any Real (float, double, vectors of them), the same bits
// in every lane of every instruction set: e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2.
// The polynomials are minimax fits of (e^r - 1 - r) / r^2 relative to e^r - 1 (Remez exchange).
#pragma once

#include "ops/polynomial.h"

namespace entrain::inline ENTRAIN_ISA {

// 2^n for a whole number n of normal range: adding 1.5·2^23 + 127 (or 1.5·2^52 + 1023) leaves the
// biased exponent in the lowest bits.
template <class Real>
HOST_DEVICE Real powerOfTwo(Real n) {
  if constexpr (kIsSingle<Real>) {
    return fromBits(toBits(n + Real(0x1.8p23f + 127.0f)) << 23);
  } else {
    return fromBits(toBits(n + Real(0x1.8p52 + 1023.0)) << 52);
  }
}

// n = round(x / ln 2) and e^r - 1 for the rest r = x - n ln 2 (two-part Cody-Waite reduction).
template <class Real>
HOST_DEVICE Real exponentialRest(Real x, Real& n) {
  if constexpr (kIsSingle<Real>) {
    n = roundToEven(x * Real(0x1.715476p0f));
    const Real r = fma(n, Real(0x1.05c61p-29f), fma(n, Real(-0x1.62e43p-1f), x));
    const Real q = polynomial(r, 0x1p-1f, 0x1.555556p-3f, 0x1.55549ep-5f, 0x1.11101ep-7f,
                              0x1.6d834ap-10f, 0x1.a2a2aep-13f);  // relative error 2^-31.8
    return fma(r * r, q, r);
  } else {
    n = roundToEven(x * Real(0x1.71547652b82fep0));
    const Real r = fma(n, Real(-0x1.abc9e3b39803fp-56), fma(n, Real(-0x1.62e42fefa39efp-1), x));
    const Real q = polynomial(r, 0x1.0000000000001p-1, 0x1.5555555555557p-3, 0x1.5555555554d3dp-5,
                              0x1.11111111100e6p-7, 0x1.6c16c16f0a083p-10, 0x1.a01a01abe2f93p-13,
                              0x1.a019f3978345cp-16, 0x1.71de023f85927p-19, 0x1.280224232c221p-22,
                              0x1.af4dcfb23ebc5p-26,
                              0x1.e63253d6ec5b3p-30);  // relative error 2^-58.4
    return fma(r * r, q, r);
  }
}

// (1 + x) 2^n for whole n, where only the result may be subnormal or infinite.
template <class Real>
HOST_DEVICE Real onePlusTimesPowerOfTwo(Real x, Real n) {
  // 2^n in two factors, since n may lie beyond the exponents of normal numbers.
  const Real half = roundToEven(n * Real(Lane<Real>(0.5)));
  const Real scale = powerOfTwo(half);
  return fma(x, scale, scale) * powerOfTwo(n - half);
}

// e^x, with subnormal results, infinity beyond the largest number and 0 below the smallest.
template <class Real>
HOST_DEVICE Real exponential(Real x) {
  constexpr bool single = kIsSingle<Real>;
  const Real least = Real(Lane<Real>(single ? -104.0 : -746.0));
  const Real most = Real(Lane<Real>(single ? 89.0 : 710.0));
  Real n;
  const Real rest = exponentialRest(minimum(maximum(x, least), most), n);
  return onePlusTimesPowerOfTwo(rest, n);
}

// σ(x) = 1 / (1 + e^-x), relatively accurate in both tails; 0 where it is below the normal numbers.
template <class Real>
HOST_DEVICE Real sigmoid(Real x) {
  const Real one = Real(Lane<Real>(1));
  // At -87 (-708) the power of two is still in range; e^40 + 1 is e^40 even in double.
  const Real least = Real(Lane<Real>(kIsSingle<Real> ? -87.0 : -708.0));
  const Real most = Real(Lane<Real>(40));
  Real n;
  const Real rest = exponentialRest(-minimum(maximum(x, least), most), n);
  const Real scale = powerOfTwo(n);
  // 1 + 2^n, and what its rounding lost.
  const Real sum = scale + one;
  const Real lost = one - (sum - scale);
  const Real result = one / (fma(scale, rest, lost) + sum);
  return select(less(x, least), Real(Lane<Real>(0)), result);
}

// tanh x is x + x^3 P(x^2) in float and (e^2x - 1) / (e^2x + 1) in double below tanh x = 1/2, and
// 1 - 2 / (e^2x + 1) above; numerator and denominator are formed without cancellation.
template <class Real>
HOST_DEVICE Real hyperbolicTangent(Real x) {
  const Real one = Real(Lane<Real>(1));
  const Real two = Real(Lane<Real>(2));
  // Beyond 10 (20) the result rounds to 1.
  const Real bound = Real(Lane<Real>(kIsSingle<Real> ? 20.0 : 40.0));
  const Real magnitude = absolute(x);
  const Real twice = minimum(magnitude * two, bound);
  Real n;
  const Real rest = exponentialRest(twice, n);
  const Real scale = powerOfTwo(n);
  const Real denominator = fma(scale, rest, scale + one);
  const auto small = less(twice, Real(Lane<Real>(1.0986)));  // ln 3: tanh x = 1/2
  if constexpr (kIsSingle<Real>) {
    const Real square = x * x;
    const Real p = polynomial(square, -0x1.55554cp-2f, 0x1.110d3cp-3f, -0x1.b92bbap-5f,
                              0x1.59568ap-6f, -0x1.9bba74p-8f);  // relative error 2^-29.9
    const Real odd = fma(square * magnitude, p, magnitude);
    return withSign(select(small, odd, one - two / denominator), x);
  } else {
    const Real quotient = select(small, fma(scale, rest, scale - one), two) / denominator;
    return withSign(select(small, quotient, one - quotient), x);
  }
}

}  // namespace entrain::inline ENTRAIN_ISA
