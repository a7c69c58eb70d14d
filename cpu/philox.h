// Blocks of random words, several positions of the generator in the lanes of a vector: the words of
// ops/philox.h to the bit, at a few tenths of a nanosecond each.
#pragma once

#include "cpu/vector.h"
#include "ops/philox.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Lanes of 64 bits whose lower halves hold a word; the upper halves are whatever came.
typedef uint64_t WordLanes __attribute__((vector_size(kVectorBytes)));

// The 64-bit products of the lanes' lower halves.
HOST_DEVICE WordLanes widenedProduct(WordLanes a, uint32_t b) {
#if defined(__AVX512F__)
  return (WordLanes)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
  return (WordLanes)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__x86_64__)
  return (WordLanes)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
  return (a & 0xffffffffu) * b;
#endif
}

constexpr int64_t kBlockPositions = 64;
constexpr int64_t kBlockWords = 4 * kBlockPositions;

// words[4 i + j] = word j of position + i, for i in [0, kBlockPositions).
inline void randomBlock(RandomStream random, int64_t position, uint32_t (&words)[kBlockWords]) {
  constexpr int kLanes = kVectorBytes / 8;
  constexpr int kTogether = 4;  // vectors: the rounds of one are a single chain of products
  static_assert(kBlockPositions % (kLanes * kTogether) == 0);
  for (int first = 0; first < kBlockPositions; first += kLanes * kTogether) {
    WordLanes a[kTogether], b[kTogether], c[kTogether], d[kTogether];
    for (int i = 0; i < kTogether; ++i) {
      for (int lane = 0; lane < kLanes; ++lane) {
        a[i][lane] = uint64_t(position) + uint64_t(first + i * kLanes + lane);
      }
      b[i] = a[i] >> 32;
      c[i] = random.stream - WordLanes{};
      d[i] = WordLanes{};
    }
    uint32_t key0 = random.seedLow, key1 = random.seedHigh;
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < kTogether; ++i) {
        const WordLanes p = widenedProduct(a[i], 0xd2511f53u);
        const WordLanes q = widenedProduct(c[i], 0xcd9e8d57u);
        a[i] = (q >> 32) ^ b[i] ^ uint64_t(key0);
        b[i] = q;
        c[i] = (p >> 32) ^ d[i] ^ uint64_t(key1);
        d[i] = p;
      }
      key0 += 0x9e3779b9u;
      key1 += 0xbb67ae85u;
    }
    for (int i = 0; i < kTogether; ++i) {
      uint64_t pairs[2][kLanes];
      const WordLanes low = (a[i] & 0xffffffffu) | b[i] << 32;
      const WordLanes high = (c[i] & 0xffffffffu) | d[i] << 32;
      memcpy(pairs[0], &low, sizeof low);
      memcpy(pairs[1], &high, sizeof high);
      uint32_t* to = words + 4 * (first + i * kLanes);
      for (int lane = 0; lane < kLanes; ++lane) {
        memcpy(to + 4 * lane, &pairs[0][lane], 8);
        memcpy(to + 4 * lane + 2, &pairs[1][lane], 8);
      }
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
