// binary16 of CUDA as far as storage and conversion go.
#pragma once

#include "cuda_runtime.h"
#include "ops/dtype.h"

struct __half {
  uint16_t bits;
};
using half = __half;

inline float __half2float(__half x) {
  return entrain::widen(entrain::float16{x.bits});
}
inline __half __float2half_rn(float x) {
  return {entrain::narrow<entrain::float16>(x).bits};
}
inline __half __float2half(float x) {
  return __float2half_rn(x);
}
inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}
inline unsigned short __half_as_ushort(__half x) {
  return x.bits;
}
