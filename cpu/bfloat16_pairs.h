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
// sums[lane] += left.first right[lane].first + left.second right[lane].second
HOST_DEVICE void addPairProducts(Vector<float>& sums, const Bfloat16Pair& left,
                                 Bfloat16Pairs right) {
  // In assembly: a builtin would want its callers compiled for the extension as a whole.
  asm("vdpbf16ps %1%{1to16%}, %2, %0" : "+v"(sums.v) : "m"(left), "v"(right.v));
}

// Two vectors one after the other, rounded to nearest even; subnormal numbers become 0.
HOST_DEVICE void storeNarrowed(bfloat16* to, Vector<float> first, Vector<float> second) {
  Bfloat16Pairs narrowed;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(narrowed.v) : "v"(first.v), "v"(second.v));
  memcpy(to, &narrowed.v, sizeof narrowed.v);
}
#endif

// Pairs of two vectors, rounded to nearest even; not for NaN.
HOST_DEVICE Bfloat16Pairs pairsOf(Vector<float> first, Vector<float> second) {
  typedef uint32_t Words __attribute__((vector_size(kVectorBytes)));
  const auto rounded = [](Vector<float> x) __attribute__((always_inline)) {
    const Words bits = (Words)x.v;
    return bits + 0x7fffu + ((bits >> 16) & 1u);
  };
  const Words pairs = (rounded(first) >> 16) | (rounded(second) & 0xffff0000u);
  return (Vector<float>::NativeInteger)pairs;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
