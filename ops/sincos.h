// sin x and cos x together, over any Real: x = n π/2 + r with |r| <= π/4, then minimax polynomials.
// Near 0 the reduction takes three parts of π/2 by fma (Cody & Waite 1980); beyond kReductionLimit
// it takes the bits of 2/π that matter (Payne & Hanek 1983), number by number.
#pragma once

#include "ops/polynomial.h"

namespace entrain::inline ENTRAIN_ISA {

// Up to here n is right within the polynomials' margin and n times the error of π/2 is nothing.
template <class Real>
constexpr Lane<Real> kReductionLimit = kIsSingle<Real> ? Lane<Real>(1e5) : Lane<Real>(1e12);

// 192 bits of 2/π, of which the first has the weight 2^-first; first >= -63.
HOST_DEVICE void bitsOfTwoOverPi(int first, uint32_t (&window)[6]) {
  constexpr uint32_t kBits[] = {
      0,           0,  // weights from 2^63 on
      0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu,
      0xdebbc561u, 0xb7246e3au, 0x424dd2e0u, 0x06492eeau, 0x09d1921cu, 0xfe1deb1cu, 0xb129a73eu,
      0xe88235f5u, 0x2ebb4484u, 0xe99c7026u, 0xb45f7e41u, 0x3991d639u, 0x835339f4u, 0x9c845f8bu,
      0xbdf9283bu, 0x1ff897ffu, 0xde05980fu, 0xef2f118bu, 0x5a0a6d1fu, 0x6d367ecfu, 0x27cb09b7u,
      0x4f463f66u, 0x9e5fea2du, 0x7527bac7u, 0xebe5f17bu, 0x3d0739f7u, 0x8a5292eau, 0x6bfb5fb1u,
      0x1f8d5d08u, 0x56033046u, 0xfc7b6babu, 0xf0cfbc20u, 0x9af4361du};
  const int start = first + 63;
  const int word = start / 32;
  const int shift = start % 32;
  for (int i = 0; i < 6; ++i) {
    const uint64_t pair = uint64_t(kBits[word + i]) << 32 | kBits[word + i + 1];
    window[i] = uint32_t(pair << shift >> 32);
  }
}

// x mod π/2 for |x| >= 2^16, in [-π/4, π/4]; `n` gets the quadrant, 0 to 4. NaN for infinity.
HOST_DEVICE_RARE double reduceFar(double x, double& n) {
  const int64_t bits = toBits(absolute(x));
  const int exponent = int(bits >> 52) - 1075;  // |x| = mantissa · 2^exponent
  n = 0;
  if (exponent == 972) return x - x;
  const uint64_t mantissa = (uint64_t(bits) & 0xfffffffffffffu) | 0x10000000000000u;
  // Bits of 2/π of weight 2^(2 - exponent) and more only add multiples of four quadrants.
  uint32_t window[6];
  bitsOfTwoOverPi(exponent - 1, window);
  // The product modulo 2^192: two bits of quadrant, then 190 of the fraction.
  const uint32_t factor[2] = {uint32_t(mantissa), uint32_t(mantissa >> 32)};
  uint32_t product[6] = {};
  for (int j = 0; j < 2; ++j) {
    uint64_t carry = 0;
    for (int i = 5 - j; i >= 0; --i) {
      carry += uint64_t(window[i + j]) * factor[j] + product[i];
      product[i] = uint32_t(carry);
      carry >>= 32;
    }
  }
  const uint64_t high = uint64_t(product[0]) << 32 | product[1];
  const uint64_t middle = uint64_t(product[2]) << 32 | product[3];
  const int64_t fraction = int64_t(high << 2 | middle >> 62);  // of a quadrant, 2^-64, signed
  const uint64_t rest = middle << 2 | product[4] >> 30;
  const double quadrant = double(high >> 62) + (fraction < 0 ? 1.0 : 0.0);
  const double r = (double(fraction) * 0x1p-64 + double(rest) * 0x1p-128) * 0x1.921fb54442d18p0;
  n = x < 0 ? -quadrant : quadrant;
  return x < 0 ? -r : r;
}

// r = x - n π/2 and the whole number n.
template <class Real>
HOST_DEVICE Real reduceQuarterTurns(Real x, Real& n) {
  Real r;
  if constexpr (kIsSingle<Real>) {
    n = roundToEven(x * Real(0x1.45f306p-1f));
    r = fma(n, Real(-0x1.921fb6p0f), x);  // exact
    r = fma(n, Real(0x1.ee59dap-50f), fma(n, Real(0x1.777a5cp-25f), r));
  } else {
    n = roundToEven(x * Real(0x1.45f306dc9c883p-1));
    r = fma(n, Real(-0x1.921fb54442d18p0), x);  // exact
    r = fma(n, Real(0x1.f1976b7ed8fbcp-110), fma(n, Real(-0x1.1a62633145c07p-54), r));
  }
  rarely(
      less(Real(kReductionLimit<Real>), absolute(x)),
      [](auto argument, auto& turns, auto& rest) {
        double quadrant;
        rest = Lane<Real>(reduceFar(argument, quadrant));
        turns = Lane<Real>(quadrant);
      },
      x, n, r);
  return r;
}

// sin x and cos x; NaN for NaN and infinity.
template <class Real>
HOST_DEVICE void sineCosine(Real x, Real& sine, Real& cosine) {
  using Number = Lane<Real>;
  constexpr bool single = kIsSingle<Real>;
  constexpr Integer<Number> kSign = Integer<Number>(1) << (8 * sizeof(Number) - 1);
  constexpr int kToSign = 8 * sizeof(Number) - 2;
  Real n;
  const Real r = reduceQuarterTurns(x, n);
  const Real z = r * r;
  Real s, c;
  if constexpr (single) {
    s = polynomial(z, -0x1.555556p-3f, 0x1.111108p-7f, -0x1.a00ed4p-13f,
                   0x1.6ca88ep-19f);  // relative error 2^-37.3 for |r| <= 0.8
    c = polynomial(z, 0x1.555556p-5f, -0x1.6c16b8p-10f, 0x1.a01074p-16f,
                   -0x1.24075ap-22f);  // 2^-42.9
  } else {
    s = polynomial(z, -0x1.5555555555555p-3, 0x1.111111111110ap-7, -0x1.a01a01a0186a1p-13,
                   0x1.71de3a52e0bdbp-19, -0x1.ae64522474b3fp-26, 0x1.612048d475558p-33,
                   -0x1.aa80a35ceae57p-41);  // 2^-68.4
    c = polynomial(z, 0x1.5555555555555p-5, -0x1.6c16c16c16c0ep-10, 0x1.a01a01a018a42p-16,
                   -0x1.27e4fb75bef4dp-22, 0x1.1eed8c5d9ed3bp-29, -0x1.9392e9347aa5ap-37,
                   0x1.aaa23a2f36bc2p-45);  // 2^-74.8
  }
  const Real sineOfRest = fma(r * z, s, r);
  const Real cosineOfRest = fma(z * z, c, fma(z, Real(Number(-0.5)), Real(Number(1))));
  const auto quadrant = toBits(n + Real(Number(single ? 0x1.8p23 : 0x1.8p52)));
  const auto odd = nonZero(quadrant & 1);
  sine = fromBits(toBits(select(odd, cosineOfRest, sineOfRest)) ^ ((quadrant << kToSign) & kSign));
  cosine = fromBits(toBits(select(odd, sineOfRest, cosineOfRest)) ^
                    (((quadrant + 1) << kToSign) & kSign));
}

}  // namespace entrain::inline ENTRAIN_ISA
