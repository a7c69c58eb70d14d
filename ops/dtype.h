// Element types: what a buffer stores and what arithmetic is done in.
#pragma once

#include <cstdint>

#include "ops/scalar.h"

#if defined(__F16C__)
// GCC 12 warns of the deliberately undefined register in its own AVX-512 header (bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif
#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

namespace entrain::inline ENTRAIN_ISA {

enum class Dtype : int32_t {
  float64 = 0,
  float32 = 1,
  bfloat16 = 2,
  float16 = 3,
  int32 = 4,
  uint8 = 5
};

// The upper half of a float32: 8 bits of mantissa.
struct bfloat16 {
  uint16_t bits;
};
// IEEE 754 binary16: 11 bits of mantissa, largest number 65504.
struct float16 {
  uint16_t bits;
};

HOST_DEVICE float widen(bfloat16 x) {
  return fromBits(int32_t(uint32_t(x.bits) << 16));
}
HOST_DEVICE float widen(float x) {
  return x;
}
HOST_DEVICE double widen(double x) {
  return x;
}

HOST_DEVICE float widen(float16 x) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(x.bits));
#elif defined(__F16C__)
  return _cvtsh_ss(x.bits);
#else
  // Shift exponent and mantissa to their float32 places and correct the bias by a product, which
  // also normalises subnormal numbers; infinity and NaN get their exponent set apart.
  const int32_t magnitude = int32_t(x.bits & 0x7fffu) << 13;
  const float scaled = fromBits(magnitude) * 0x1p112f;
  const int32_t special = (x.bits & 0x7c00u) == 0x7c00u ? 0x7f800000 : 0;
  return fromBits(toBits(scaled) | special | int32_t(uint32_t(x.bits & 0x8000u) << 16));
#endif
}

// Rounds to the nearest representable number, ties to even.
template <class Storage>
struct Narrow;
template <>
struct Narrow<double> {
  HOST_DEVICE static double of(double x) { return x; }
};
template <>
struct Narrow<float> {
  HOST_DEVICE static float of(float x) { return x; }
};
template <>
struct Narrow<bfloat16> {
  HOST_DEVICE static bfloat16 of(float x) {
    const uint32_t bits = uint32_t(toBits(x));
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {uint16_t((bits >> 16) | 0x40u)};
    return {uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
  }
};
template <>
struct Narrow<float16> {
  HOST_DEVICE static float16 of(float x) {
#if defined(__CUDA_ARCH__)
    return {__half_as_ushort(__float2half_rn(x))};
#elif defined(__F16C__)
    return {uint16_t(_cvtss_sh(x, 0))};
#else
    const uint32_t sign = (uint32_t(toBits(x)) >> 16) & 0x8000u;
    const uint32_t magnitude = uint32_t(toBits(x)) & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return {uint16_t(sign | 0x7e00u)};
    if (magnitude >= 0x477ff000u) return {uint16_t(sign | 0x7c00u)};
    if (magnitude < 0x38800000u) {  // subnormal: the addition rounds at the right place
      const float aligned = fromBits(int32_t(magnitude)) + 0.5f;
      return {uint16_t(sign | uint32_t(toBits(aligned) - toBits(0.5f)))};
    }
    const uint32_t rebased = magnitude - 0x38000000u;
    return {uint16_t(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13))};
#endif
  }
};

template <class Storage, class Real>
HOST_DEVICE Storage narrow(Real x) {
  return Narrow<Storage>::of(x);
}

// What arithmetic on a storage type is done in: float for the half types.
template <class Storage>
struct ComputeOf {
  using type = float;
};
template <>
struct ComputeOf<double> {
  using type = double;
};
template <class Storage>
using Compute = typename ComputeOf<Storage>::type;

template <class T>
struct DtypeOf;
template <>
struct DtypeOf<double> {
  static constexpr Dtype value = Dtype::float64;
};
template <>
struct DtypeOf<float> {
  static constexpr Dtype value = Dtype::float32;
};
template <>
struct DtypeOf<bfloat16> {
  static constexpr Dtype value = Dtype::bfloat16;
};
template <>
struct DtypeOf<float16> {
  static constexpr Dtype value = Dtype::float16;
};
template <>
struct DtypeOf<int32_t> {
  static constexpr Dtype value = Dtype::int32;
};
template <>
struct DtypeOf<uint8_t> {
  static constexpr Dtype value = Dtype::uint8;
};

constexpr const char* dtypeName(Dtype dtype) {
  constexpr const char* names[] = {"float64", "float32", "bfloat16", "float16", "int32", "uint8"};
  return names[int(dtype)];
}

constexpr int64_t dtypeSize(Dtype dtype) {
  constexpr int64_t sizes[] = {8, 4, 2, 2, 4, 1};
  return sizes[int(dtype)];
}

}  // namespace entrain::inline ENTRAIN_ISA
