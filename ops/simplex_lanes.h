// What simplex noise needs beyond ops/scalar.h: words of 32 bits that wrap around, masks that are
// combined, and numbers in float64 that become a cell and an offset of the working type.
// cpu/simplex_lanes.h gives the same names to vectors.
#pragma once

#include "ops/scalar.h"

// Loops over axes and corners are written out, so that their arrays stand in registers;
// those around a whole evaluation are not, so that its code stands there once.
#if defined(__CUDA_ARCH__)
#define SIMPLEX_UNROLL _Pragma("unroll")
#define SIMPLEX_ROLLED _Pragma("unroll 1")
#elif defined(__CUDACC__)
#define SIMPLEX_UNROLL
#define SIMPLEX_ROLLED
#else
#define SIMPLEX_UNROLL _Pragma("GCC unroll 8")
#define SIMPLEX_ROLLED _Pragma("GCC unroll 1")
#endif

namespace entrain::inline ENTRAIN_ISA {

// The unsigned word beside a number: 32 bits that wrap around (in a vector of doubles, the lower
// half of a lane; what stands in the upper half never matters).
template <class Real>
struct WordOf {
  using type = uint32_t;
};
template <class Real>
using Word = typename WordOf<Real>::type;

// float64 in as many lanes as the working type.
template <class Real>
struct WideOf {
  using type = double;
};
template <class Real>
using Wide = typename WideOf<Real>::type;

template <class Real>
HOST_DEVICE Word<Real> wordsOf(uint32_t word) {
  return Word<Real>(word);
}

HOST_DEVICE bool isLess(float a, float b) {
  return a < b;
}
HOST_DEVICE bool isLess(double a, double b) {
  return a < b;
}
// Not less: it holds for NaN.
HOST_DEVICE bool isAtLeast(float a, float b) {
  return !(a < b);
}
HOST_DEVICE bool isAtLeast(double a, double b) {
  return !(a < b);
}
// The same where a mask holds.
template <class Real>
HOST_DEVICE bool alsoLess(bool mask, Real a, Real b) {
  return mask && a < b;
}
template <class Real>
HOST_DEVICE bool alsoAtLeast(bool mask, Real a, Real b) {
  return mask && !(a < b);
}
HOST_DEVICE bool isLessSigned(uint32_t a, uint32_t b) {
  return int32_t(a) < int32_t(b);
}
HOST_DEVICE bool both(bool a, bool b) {
  return a && b;
}
HOST_DEVICE bool either(bool a, bool b) {
  return a || b;
}
HOST_DEVICE bool opposite(bool a) {
  return !a;
}
HOST_DEVICE bool butNot(bool a, bool b) {
  return a && !b;
}

// a + b where the mask holds, and a elsewhere.
HOST_DEVICE float addWhere(bool mask, float a, float b) {
  return mask ? a + b : a;
}
HOST_DEVICE double addWhere(bool mask, double a, double b) {
  return mask ? a + b : a;
}
HOST_DEVICE uint32_t addWhere(bool mask, uint32_t a, uint32_t b) {
  return mask ? a + b : a;
}
HOST_DEVICE uint32_t pick(bool mask, uint32_t a, uint32_t b) {
  return mask ? a : b;
}
HOST_DEVICE float pick(bool mask, float a, float b) {
  return mask ? a : b;
}
HOST_DEVICE double pick(bool mask, double a, double b) {
  return mask ? a : b;
}

// x where it is above 0; NaN need not stay.
HOST_DEVICE float positivePart(float x) {
  return __builtin_fmaxf(x, 0.0f);
}
HOST_DEVICE double positivePart(double x) {
  return __builtin_fmax(x, 0.0);
}

HOST_DEVICE uint32_t shiftLeft(uint32_t word, int count) {
  return word << count;
}
HOST_DEVICE uint32_t shiftRight(uint32_t word, int count) {
  return word >> count;
}

// ±[1, 2): the sign is the word's highest bit, the mantissa its lowest 23.
HOST_DEVICE void signedUnit(uint32_t word, float& x) {
  x = fromBits(int32_t((word & 0x807fffffu) | 0x3f800000u));
}
HOST_DEVICE void signedUnit(uint32_t word, double& x) {
  const uint64_t sign = uint64_t(word & 0x80000000u) << 32;
  x = fromBits(int64_t(sign | uint64_t(word & 0x007fffffu) << 29 | 0x3ff0000000000000u));
}
// 0 or ±2 from the word's highest two bits: sign, and whether it is not 0.
HOST_DEVICE void signedTwo(uint32_t word, float& x) {
  x = fromBits(int32_t(word & 0xc0000000u));
}
HOST_DEVICE void signedTwo(uint32_t word, double& x) {
  x = fromBits(int64_t(uint64_t(word & 0xc0000000u) << 32));
}

// A number below 12 from a hash h: ⌊12 ((l l' + m m') mod 2^16) / 2^16⌋ of the halves l and m of h
// and l' and m' of h turned to the right by 11 bits.
HOST_DEVICE uint32_t numberOfTwelve(uint32_t hash) {
  const uint32_t turned = hash >> 11 | hash << 21;
  return ((hash * turned + (hash >> 16) * (turned >> 16)) & 0xffffu) * 12u >> 16;
}
// 0 or ±2 from a number of twelve: as signedTwo, from that number's pair of bits of `codes`,
// counted from the highest down.
template <uint32_t codes>
HOST_DEVICE void signedTwoOf(uint32_t number, float& x) {
  signedTwo(codes << (2 * number), x);
}
template <uint32_t codes>
HOST_DEVICE void signedTwoOf(uint32_t number, double& x) {
  signedTwo(codes << (2 * number), x);
}

// The number whose float32 bits a word is; for float64 a normal one or 0.
HOST_DEVICE void fromFloatBits(uint32_t word, float& x) {
  x = fromBits(int32_t(word));
}
HOST_DEVICE void fromFloatBits(uint32_t word, double& x) {
  x = double(fromBits(int32_t(word)));
}

// The integer `x` modulo 2^32; any word where x is not finite.
template <class WideReal>
HOST_DEVICE WideReal below32Bits(WideReal x) {
  const WideReal high = floorOf(x * WideReal(0x1p-32));
  return fma(high, WideReal(-0x1p32), x);
}
template <class Real>
HOST_DEVICE uint32_t wordOf(double x) {
  return uint32_t(uint64_t(toBits(below32Bits(x) + 0x1p52)));
}
template <class Real>
HOST_DEVICE Real narrowed(double x) {
  return Real(x);
}
HOST_DEVICE double widened(float x) {
  return x;
}
HOST_DEVICE double widened(double x) {
  return x;
}

// The table's entry `word` modulo 256.
template <class Real>
HOST_DEVICE uint32_t lookUp(const uint32_t* table, uint32_t word) {
  return table[word & 255u];
}

}  // namespace entrain::inline ENTRAIN_ISA
