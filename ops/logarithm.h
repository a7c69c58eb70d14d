// ln x and ln(1 + x) over any Real: x = 2^n m with sqrt(1/2) <= m < sqrt(2), and with f = m - 1,
// s = f / (2 + f): ln m = 2 artanh s = f - s (f - R), R = 2 s^2/3 + 2 s^4/5 + … as a minimax fit.
#pragma once

#include "ops/polynomial.h"

namespace entrain::inline ENTRAIN_ISA {

// ln x: -infinity at 0, NaN below, subnormal numbers included.
template <class Real>
HOST_DEVICE Real logarithm(Real x) {
  constexpr bool single = kIsSingle<Real>;
  using Number = Lane<Real>;
  using Bits = Integer<Number>;
  constexpr int kMantissa = single ? 23 : 52;
  constexpr Bits kRootHalf = single ? Bits(0x3f3504f3) : Bits(0x3fe6a09e667f3bcd);
  constexpr Number kMagic = Number(single ? 0x1.8p23 : 0x1.8p52);
  constexpr Number kLeastNormal = Number(single ? 0x1p-126 : 0x1p-1022);

  const auto subnormal = less(x, Real(kLeastNormal));
  const Real normal =
      x * select(subnormal, Real(Number(single ? 0x1p25 : 0x1p54)), Real(Number(1)));
  const auto offset = toBits(normal) - kRootHalf;
  // The exponent as a number: an integer added to the bits of 1.5·2^23 (1.5·2^52).
  const auto exponentBits = offset >> kMantissa;
  const Real shift = select(subnormal, Real(Number(single ? 25 : 54)), Real(Number(0)));
  const Real n = fromBits(exponentBits + toBits(kMagic)) - Real(kMagic) - shift;
  const Real f = fromBits((offset & ((Bits(1) << kMantissa) - 1)) + kRootHalf) - Real(Number(1));

  const Real s = f / (f + Real(Number(2)));
  const Real z = s * s;
  Real p, high, low;
  if constexpr (single) {
    p = polynomial(z, 0x1.555554p-1f, 0x1.999a7cp-2f, 0x1.2438a8p-2f,
                   0x1.e2fdd4p-3f);  // relative error of ln m 2^-37.6
    high = Real(0x1.62e4p-1f);       // ln 2 in two parts; n · high is exact
    low = Real(0x1.7f7d1cp-20f);
  } else {
    p = polynomial(z, 0x1.5555555555555p-1, 0x1.9999999999e06p-2, 0x1.249249242aafbp-2,
                   0x1.c71c7259aa01fp-3, 0x1.745cddff6fc64p-3, 0x1.3b20b4de122cdp-3,
                   0x1.0f5bf60746c5ep-3, 0x1.0f6a9a9b7c002p-3);  // 2^-66.7
    high = Real(0x1.62e42fefa38p-1);
    low = Real(0x1.ef35793c7673p-45);
  }
  // f - s (f - R) with the leading f^2/2 taken apart: s (f - R) = f^2/2 - s (f^2/2 + R).
  const Real half = f * f * Real(Number(0.5));
  const Real tail = fma(s, fma(z, p, half), n * low);
  Real result = fma(n, high, f - (half - tail));

  const Real zero = Real(Number(0));
  const Real infinity = fromBits(Integer<Real>(toBits(Number(__builtin_inf()))));
  result = select(less(x, infinity), result, x);
  result = select(less(x, zero), Real(Number(__builtin_nan(""))), result);
  return select(less(absolute(x), Real(Number(single ? 0x1p-149 : 0x1p-1074))), -infinity, result);
}

// ln(1 + x), relatively accurate near 0: the rounding of 1 + x is made good to first order.
template <class Real>
HOST_DEVICE Real logarithmOfOnePlus(Real x) {
  const Real one = Real(Lane<Real>(1));
  const Real sum = x + one;
  const Real lost = select(less(x, one), x - (sum - one), one - (sum - x));
  const Real correction = lost / sum;
  // NaN at -1 and at infinity, where nothing is to be corrected.
  const auto valid = less(absolute(correction), one);
  return logarithm(sum) + select(valid, correction, Real(Lane<Real>(0)));
}

}  // namespace entrain::inline ENTRAIN_ISA
