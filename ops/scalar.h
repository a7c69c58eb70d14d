// The arithmetic vocabulary of all formulas: fma, rounding, selection and bit access for float and
// double. cpu/vector.h gives the same names to SIMD vectors, so that a formula written once against
// these names is scalar CUDA code, a scalar loop and a vector kernel.
#pragma once

#include <cstdint>
#include <cstring>

#include "ops/host_device.h"

namespace entrain::inline ENTRAIN_ISA {

HOST_DEVICE float fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
HOST_DEVICE double fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}

HOST_DEVICE float squareRoot(float x) {
  return __builtin_sqrtf(x);
}
HOST_DEVICE double squareRoot(double x) {
  return __builtin_sqrt(x);
}

HOST_DEVICE float absolute(float x) {
  return __builtin_fabsf(x);
}
HOST_DEVICE double absolute(double x) {
  return __builtin_fabs(x);
}

// Ties go to the even neighbour, as the default rounding mode has it.
HOST_DEVICE float roundToEven(float x) {
  return __builtin_rintf(x);
}
HOST_DEVICE double roundToEven(double x) {
  return __builtin_rint(x);
}

HOST_DEVICE float floorOf(float x) {
  return __builtin_floorf(x);
}
HOST_DEVICE double floorOf(double x) {
  return __builtin_floor(x);
}

// Comparisons give a Mask<Real>; select(mask, a, b) is a where the mask holds and b elsewhere.
HOST_DEVICE bool less(float a, float b) {
  return a < b;
}
HOST_DEVICE bool less(double a, double b) {
  return a < b;
}
HOST_DEVICE float select(bool mask, float a, float b) {
  return mask ? a : b;
}
HOST_DEVICE double select(bool mask, double a, double b) {
  return mask ? a : b;
}

// The smaller and the larger of two numbers; NaN in `a` stays NaN.
template <class Real>
HOST_DEVICE Real minimum(Real a, Real b) {
  return select(less(b, a), b, a);
}
template <class Real>
HOST_DEVICE Real maximum(Real a, Real b) {
  return select(less(a, b), b, a);
}

// The integer type with the width of a number: int32_t, int64_t, or a vector of them.
template <class Real>
struct IntegerOf;
template <>
struct IntegerOf<float> {
  using type = int32_t;
};
template <>
struct IntegerOf<double> {
  using type = int64_t;
};
template <class Real>
using Integer = typename IntegerOf<Real>::type;

// The number type of one lane: float for float and for a vector of floats.
template <class Real>
struct LaneOf {
  using type = Real;
};
template <class Real>
using Lane = typename LaneOf<Real>::type;

HOST_DEVICE int32_t toBits(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
HOST_DEVICE int64_t toBits(double x) {
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
HOST_DEVICE float fromBits(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
HOST_DEVICE double fromBits(int64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// The integer nearest to a number that is known to fit.
HOST_DEVICE int32_t toInteger(float x) {
  return int32_t(__builtin_rintf(x));
}
HOST_DEVICE int64_t toInteger(double x) {
  return int64_t(__builtin_rint(x));
}
HOST_DEVICE float toReal(int32_t n) {
  return float(n);
}
HOST_DEVICE double toReal(int64_t n) {
  return double(n);
}

// The bits moved up by `count` places, those that leave coming in below.
template <int count>
HOST_DEVICE int32_t rotateLeft(int32_t n) {
  return int32_t((uint32_t(n) << count) | (uint32_t(n) >> (32 - count)));
}

// Integers modulo 2^32 or 2^64: what overflows wraps around.
HOST_DEVICE int32_t wrappingSum(int32_t a, int32_t b) {
  return int32_t(uint32_t(a) + uint32_t(b));
}
HOST_DEVICE int64_t wrappingSum(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
HOST_DEVICE int32_t wrappingDifference(int32_t a, int32_t b) {
  return int32_t(uint32_t(a) - uint32_t(b));
}
HOST_DEVICE int64_t wrappingDifference(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) - uint64_t(b));
}
// |n|; of the least integer, that integer itself.
HOST_DEVICE int32_t wrappingAbsolute(int32_t n) {
  return n < 0 ? wrappingDifference(int32_t(0), n) : n;
}
HOST_DEVICE int64_t wrappingAbsolute(int64_t n) {
  return n < 0 ? wrappingDifference(int64_t(0), n) : n;
}

// Calls function(values...) on numbers, for each lane where the mask holds: a way out for the few
// arguments that a vector formula cannot treat.
template <class Function, class... Real>
HOST_DEVICE void rarely(bool mask, Function function, Real&... values) {
  if (mask) function(values...);
}

// Where an integer is not 0.
HOST_DEVICE bool nonZero(int32_t n) {
  return n != 0;
}
HOST_DEVICE bool nonZero(int64_t n) {
  return n != 0;
}

}  // namespace entrain::inline ENTRAIN_ISA
