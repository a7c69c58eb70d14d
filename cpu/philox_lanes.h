// Philox at a vector of positions. A word stands in the lower half of a 64-bit lane, where the
// widening product of two words takes it from; the upper half holds what the rounds leave there.
#pragma once

#include "cpu/vector.h"
#include "ops/philox.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

struct WordLanes {
  static constexpr int kLanes = kVectorBytes / 8;
  typedef uint64_t Native __attribute__((vector_size(kVectorBytes)));
  Native v;

  WordLanes() = default;
  HOST_DEVICE WordLanes(Native native) : v(native) {}
  HOST_DEVICE explicit WordLanes(uint32_t word) : v(uint64_t(word) - Native{}) {}
};

HOST_DEVICE WordLanes operator^(WordLanes a, WordLanes b) {
  return a.v ^ b.v;
}

// The lower half is the product itself: nobody looks at the upper bits of a lane.
HOST_DEVICE void multiplyHalves(uint32_t factor, WordLanes x, WordLanes& high, WordLanes& low) {
  const WordLanes::Native factors = WordLanes(factor).v;
#if defined(__AVX512F__)
  low = WordLanes::Native(_mm512_mul_epu32((__m512i)factors, (__m512i)x.v));
#elif defined(__AVX2__)
  low = WordLanes::Native(_mm256_mul_epu32((__m256i)factors, (__m256i)x.v));
#elif defined(__SSE2__)
  low = WordLanes::Native(_mm_mul_epu32((__m128i)factors, (__m128i)x.v));
#else
  low = factors * (x.v & 0xffffffffu);
#endif
  high = low.v >> 32;
}

// words[j][i] = word j of position `position` + i, for kCount positions, a multiple of
// WordLanes::kLanes.
template <int kCount>
HOST_DEVICE void randomWordLanes(RandomStream random, int64_t position,
                                 uint32_t (&words)[4][kCount]) {
  static_assert(kCount % WordLanes::kLanes == 0);
  typedef uint32_t Halves __attribute__((vector_size(kVectorBytes / 2)));
  WordLanes::Native lane;
  for (int i = 0; i < WordLanes::kLanes; ++i) lane[i] = uint64_t(i);
  for (int begin = 0; begin < kCount; begin += WordLanes::kLanes) {
    const WordLanes::Native positions = lane + uint64_t(position + begin);
    const auto block = philoxRounds<WordLanes>(
        random.seedLow, random.seedHigh,
        {{positions, positions >> 32, WordLanes(random.stream), WordLanes(0u)}});
    for (int j = 0; j < 4; ++j) {
      const Halves halves = __builtin_convertvector(block.words[j].v, Halves);
      memcpy(&words[j][begin], &halves, sizeof halves);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
