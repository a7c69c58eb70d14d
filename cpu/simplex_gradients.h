// Gradients from hashes, as ops/simplex_lanes.h has them, for vectors.
#pragma once

#include "cpu/simplex_lanes.h"

namespace entrain::inline ENTRAIN_ISA {

HOST_DEVICE void signedUnit(VectorWord<float> word, Vector<float>& x) {
#if defined(__AVX512F__)
  // (word & 0x807fffff) | 0x3f800000 in one instruction.
  x = (Vector<float>::Native)_mm512_ternarylogic_epi32(
      (__m512i)word.v, _mm512_set1_epi32(int(0x807fffffu)), _mm512_set1_epi32(0x3f800000), 0xea);
  return;
#endif
  x = (Vector<float>::Native)((word.v & 0x807fffffu) | 0x3f800000u);
}
HOST_DEVICE void signedUnit(VectorWord<double> word, Vector<double>& x) {
  const auto sign = (word.v & 0x80000000u) << 32;
  x = (Vector<double>::Native)(sign | (word.v & 0x007fffffu) << 29 | 0x3ff0000000000000u);
}
HOST_DEVICE void signedTwo(VectorWord<float> word, Vector<float>& x) {
  x = (Vector<float>::Native)(word.v & 0xc0000000u);
}
HOST_DEVICE void signedTwo(VectorWord<double> word, Vector<double>& x) {
  x = (Vector<double>::Native)((word.v & 0xc0000000u) << 32);
}

// In the lowest 16 bits of each lane; the others do not matter.
template <class Real>
HOST_DEVICE VectorWord<Real> numberOfTwelve(VectorWord<Real> hash) {
  using Native = typename VectorWord<Real>::Native;
#if defined(__AVX512BW__)
  const __m512i h = (__m512i)hash.v, products = _mm512_madd_epi16(h, _mm512_ror_epi32(h, 11));
  return Native(_mm512_mulhi_epu16(products, _mm512_set1_epi16(12)));
#elif defined(__AVX2__)
  const __m256i h = (__m256i)hash.v;
  const __m256i turned = _mm256_or_si256(_mm256_srli_epi32(h, 11), _mm256_slli_epi32(h, 21));
  return Native(_mm256_mulhi_epu16(_mm256_madd_epi16(h, turned), _mm256_set1_epi16(12)));
#elif defined(__SSE2__)
  const __m128i h = (__m128i)hash.v;
  const __m128i turned = _mm_or_si128(_mm_srli_epi32(h, 11), _mm_slli_epi32(h, 21));
  return Native(_mm_mulhi_epu16(_mm_madd_epi16(h, turned), _mm_set1_epi16(12)));
#else
  const Native low = hash.v & 0xffffffffu, turned = low >> 11 | ((low << 21) & 0xffffffffu);
  const Native products = low * turned + (low >> 16) * (turned >> 16);
  return (products & 0xffffu) * 12u >> 16;
#endif
}
// The sixteen numbers that signedTwoOf chooses from; for bytes, the highest byte of each.
template <uint32_t codes>
struct SignedTwos {
  float numbers[16];
  uint8_t bytes[kVectorBytes];

  constexpr SignedTwos() : numbers(), bytes() {
    for (int i = 0; i < kVectorBytes; ++i) {
      const uint32_t code = (codes << (2 * (i % 16))) >> 30;
      bytes[i] = uint8_t(code << 6);
      if (i < 16) numbers[i] = code == 1 ? 2.0f : code == 3 ? -2.0f : 0.0f;
    }
  }
};
template <uint32_t codes>
alignas(64) constexpr SignedTwos<codes> kSignedTwos;

template <uint32_t codes, class Real>
HOST_DEVICE void signedTwoOf(VectorWord<Real> number, Vector<Real>& x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Real) == 4) {
    const __m512 numbers = _mm512_load_ps(kSignedTwos<codes>.numbers);
    x = (Vector<float>::Native)_mm512_permutexvar_ps((__m512i)number.v, numbers);
    return;
  }
#endif
#if defined(__SSSE3__)
  // The highest byte tells them apart; a byte of 0x80 in the selection gives 0.
  constexpr int kTop = 8 * sizeof(Real) - 8;
  const auto at = number.v << kTop | ((typename VectorWord<Real>::Element(1) << kTop) / 255 << 7);
#endif
#if defined(__AVX512BW__)
  const __m512i bytes = _mm512_loadu_si512(kSignedTwos<codes>.bytes);
  x = (typename Vector<Real>::Native)_mm512_shuffle_epi8(bytes, (__m512i)at);
#elif defined(__AVX2__)
  const __m256i bytes = _mm256_loadu_si256((const __m256i*)kSignedTwos<codes>.bytes);
  x = (typename Vector<Real>::Native)_mm256_shuffle_epi8(bytes, (__m256i)at);
#elif defined(__SSSE3__)
  const __m128i bytes = _mm_loadu_si128((const __m128i*)kSignedTwos<codes>.bytes);
  x = (typename Vector<Real>::Native)_mm_shuffle_epi8(bytes, (__m128i)at);
#else
  signedTwo(VectorWord<Real>(VectorWord<Real>(codes).v << 2 * (number.v & 15u)), x);
#endif
}

HOST_DEVICE void fromFloatBits(VectorWord<float> word, Vector<float>& x) {
  x = (Vector<float>::Native)word.v;
}
HOST_DEVICE void fromFloatBits(VectorWord<double> word, Vector<double>& x) {
  const auto sign = (word.v & 0x80000000u) << 32;
  const auto magnitude = (word.v & 0x7fffffffu) << 29;
  const auto bias = VectorWord<double>::Native(magnitude != 0) & uint64_t(1023 - 127) << 52;
  x = (Vector<double>::Native)(sign | (magnitude + bias));
}

}  // namespace entrain::inline ENTRAIN_ISA
