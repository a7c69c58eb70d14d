// Vector types of CUDA with their sizes and alignments.
#pragma once

#include <cstddef>
#include <cstdint>

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

#define SIMT_VECTOR_TYPES(Scalar, name)                                       \
  struct alignas(2 * sizeof(Scalar)) name##2 {                                \
    Scalar x, y;                                                              \
  };                                                                          \
  struct name##3_ {                                                           \
    Scalar x, y, z;                                                           \
  };                                                                          \
  struct alignas(4 * sizeof(Scalar) > 16 ? 16 : 4 * sizeof(Scalar)) name##4 { \
    Scalar x, y, z, w;                                                        \
  };                                                                          \
  inline name##2 make_##name##2(Scalar x, Scalar y) {                         \
    return {x, y};                                                            \
  }                                                                           \
  inline name##4 make_##name##4(Scalar x, Scalar y, Scalar z, Scalar w) {     \
    return {x, y, z, w};                                                      \
  }

SIMT_VECTOR_TYPES(signed char, char)
SIMT_VECTOR_TYPES(unsigned char, uchar)
SIMT_VECTOR_TYPES(short, short)
SIMT_VECTOR_TYPES(unsigned short, ushort)
SIMT_VECTOR_TYPES(int, int)
SIMT_VECTOR_TYPES(unsigned, uint)
SIMT_VECTOR_TYPES(long long, longlong)
SIMT_VECTOR_TYPES(unsigned long long, ulonglong)
SIMT_VECTOR_TYPES(float, float)
SIMT_VECTOR_TYPES(double, double)
#undef SIMT_VECTOR_TYPES

using int3 = int3_;
using float3 = float3_;
using double3 = double3_;
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) {
  return {x, y, z};
}
inline float3 make_float3(float x, float y, float z) {
  return {x, y, z};
}
