// Single instructions that CUDA C++ has no name for: all inline PTX of the house, and what stands
// in for it in the emulator, which is accurate where the hardware approximates.
#pragma once

#include "cuda/launch.cuh"
#include "cuda/matrix_unit.cuh"
#include "ops/phase.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA::cuda::instruction {

#if defined(ENTRAIN_SIMT)

inline float squareRoot(float x) {
  return __builtin_sqrtf(x);
}
inline float inverseSquareRoot(float x) {
  return 1.0f / __builtin_sqrtf(x);
}
inline float inverse(float x) {
  return 1.0f / x;
}
inline float sine(float x) {
  Circle<float> circle;
  sineCosine(x, circle.sine, circle.cosine);
  return circle.sine;
}
inline float cosine(float x) {
  Circle<float> circle;
  sineCosine(x, circle.sine, circle.cosine);
  return circle.cosine;
}
template <class Tile>
void loadShared(Tile& tile, const bfloat16* from, int stride) {
  tile.load(from, stride);
}

#else

__device__ __forceinline__ float squareRoot(float x) {
  float y;
  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float inverseSquareRoot(float x) {
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float inverse(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float sine(float x) {
  float y;
  asm("sin.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float cosine(float x) {
  float y;
  asm("cos.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Tiles of bfloat16 in shared memory. The functions of mma.h lose the address space of bfloat16
// (not of float16), which turns two ldmatrix into generic loads and transpositions.
template <bool kIsLeft>
__device__ __forceinline__ void loadShared(FactorTile<bfloat16, kIsLeft, RowMajor, true>& tile,
                                           const bfloat16* from, int stride) {
  static_assert(sizeof tile.fragment.x == 16);
  unsigned words[4];
  const unsigned address = unsigned(__cvta_generic_to_shared(from));
#if __CUDA_ARCH__ >= 800
  if constexpr (kIsLeft) {
    asm volatile("wmma.load.a.sync.aligned.row.m16n16k16.shared.bf16 {%0, %1, %2, %3}, [%4], %5;"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address), "r"(stride)
                 : "memory");
  } else {
    asm volatile("wmma.load.b.sync.aligned.row.m16n16k16.shared.bf16 {%0, %1, %2, %3}, [%4], %5;"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address), "r"(stride)
                 : "memory");
  }
#endif
  memcpy(tile.fragment.x, words, sizeof words);
}
template <bool kIsLeft>
__device__ __forceinline__ void loadShared(FactorTile<bfloat16, kIsLeft, RowMajor, false>&,
                                           const bfloat16*, int) {}

#endif

// Two floats rounded to a half type, ties to even, the first one in the lower half of a word.
template <class Storage>
__device__ __forceinline__ uint32_t narrowPair(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32_t word;
  if constexpr (std::is_same_v<Storage, bfloat16>) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  } else {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  }
  return word;
#else
  return narrow<Storage>(first).bits | uint32_t(narrow<Storage>(second).bits) << 16;
#endif
}

// float16 needs none of what follows bfloat16.
template <bool kIsLeft>
__device__ __forceinline__ void loadShared(FactorTile<float16, kIsLeft, RowMajor>& tile,
                                           const float16* from, int stride) {
  tile.load(from, stride);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda::instruction
