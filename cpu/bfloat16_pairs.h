// Products in bfloat16 with sums in float32, two to a lane: AVX512_BF16's VDPBF16PS, twice the rate
// of fma. x86-64-v4 does not promise it: call only where `multipliesBfloat16()`. The instruction
// rounds each of its two additions to nearest and takes subnormal numbers for 0.
#pragma once

#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Whether this processor has the instruction and this copy the registers for it.
inline bool multipliesBfloat16() {
#if defined(__AVX512F__)
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
#else
  return false;
#endif
}

// Two elements that follow one another along the inner dimension of a product, the first below.
using Bfloat16Pair = uint32_t;
using Bfloat16Pairs = VectorInteger<float>;

#if defined(__AVX512F__)
// In assembly: builtins would want their callers compiled for the extension as a whole.

// sums[lane] += left.first right[lane].first + left.second right[lane].second
HOST_DEVICE void addPairProducts(Vector<float>& sums, const Bfloat16Pair& left,
                                 Bfloat16Pairs right) {
  asm("vdpbf16ps %1%{1to16%}, %2, %0" : "+v"(sums.v) : "m"(left), "v"(right.v));
}

// Pairs of two vectors, rounded to nearest even.
HOST_DEVICE Bfloat16Pairs pairsOf(Vector<float> first, Vector<float> second) {
  __m256i below, above;
  asm("vcvtneps2bf16 %1, %0" : "=v"(below) : "v"(first.v));
  asm("vcvtneps2bf16 %1, %0" : "=v"(above) : "v"(second.v));
  return (Vector<float>::NativeInteger)_mm512_or_si512(
      _mm512_cvtepu16_epi32(below), _mm512_slli_epi32(_mm512_cvtepu16_epi32(above), 16));
}

// Two vectors one after the other, rounded to nearest even; subnormal numbers become 0.
HOST_DEVICE void storeNarrowed(bfloat16* to, Vector<float> first, Vector<float> second) {
  Bfloat16Pairs narrowed;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(narrowed.v) : "v"(first.v), "v"(second.v));
  memcpy(to, &narrowed.v, sizeof narrowed.v);
}
#endif

}  // namespace entrain::inline ENTRAIN_ISA::cpu
