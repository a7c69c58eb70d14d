// bfloat16 of CUDA as far as storage and conversion go.
#pragma once

#include "cuda_runtime.h"
#include "ops/dtype.h"

struct __nv_bfloat16 {
  uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 x) {
  return entrain::widen(entrain::bfloat16{x.bits});
}
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
  return {entrain::narrow<entrain::bfloat16>(x).bits};
}
inline __nv_bfloat16 __float2bfloat16(float x) {
  return __float2bfloat16_rn(x);
}
