// Loads, stores and the sum of the lanes of cpu/vector.h, which includes this file. Loads widen
// from any storage type and stores narrow to it; the partial forms touch only the first `count`
// lanes.
#pragma once

#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE Vector<Real> load(const Real* from) {
  Vector<Real> result;
  memcpy(&result.v, from, sizeof result.v);
  return result;
}
template <class Real>
HOST_DEVICE void store(Real* to, Vector<Real> x) {
  memcpy(to, &x.v, sizeof x.v);
}

HOST_DEVICE Vector<float> load(const bfloat16* from) {
#if defined(__AVX512BW__)
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from));
  return (Vector<float>::Native)_mm512_slli_epi32(wide, 16);
#elif defined(__AVX2__)
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)from));
  return (Vector<float>::Native)_mm256_slli_epi32(wide, 16);
#else
  return eachLane<float>([&](int lane) { return widen(from[lane]); });
#endif
}
HOST_DEVICE Vector<float> load(const float16* from) {
#if defined(__AVX512F__)
  return (Vector<float>::Native)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from));
#elif defined(__F16C__)
  return (Vector<float>::Native)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from));
#else
  return eachLane<float>([&](int lane) { return widen(from[lane]); });
#endif
}
#if defined(__AVX512BW__)
// Half of the last place is rounded up, or, where the number is odd, a bit more; a NaN becomes
// quiet. The upper halves of the lanes are then gathered by one permutation.
HOST_DEVICE void store(bfloat16* to, Vector<float> x) {
  const __m512i bits = (__m512i)x.v;
  const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
  const __mmask16 notNumber = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  __m512i rounded = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
  rounded = _mm512_mask_sub_epi32(rounded, odd, rounded, _mm512_set1_epi32(-1));
  rounded = _mm512_mask_or_epi32(rounded, notNumber, bits, _mm512_set1_epi32(0x400000));
  typedef uint16_t Halves __attribute__((vector_size(kVectorBytes)));
  constexpr Halves upper = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  const __m512i chosen = _mm512_permutexvar_epi16((__m512i)upper, rounded);
  _mm256_storeu_si256((__m256i*)to, _mm512_castsi512_si256(chosen));
}
#else
HOST_DEVICE void store(bfloat16* to, Vector<float> x) {
  const VectorInteger<float> bits = toBits(x);
  const VectorInteger<float> odd = (bits >> 16) & 1;
  const VectorInteger<float> rounded = (bits + odd + 0x7fff) >> 16;
  const VectorInteger<float> quiet = (bits >> 16) | 0x40;
  const VectorInteger<float> isNumber = x.v == x.v;
  const VectorInteger<float> chosen = isNumber.v ? rounded.v : quiet.v;
  typedef uint16_t Halves __attribute__((vector_size(kVectorBytes / 2)));
  const Halves halves = __builtin_convertvector(chosen.v, Halves);
  memcpy(to, &halves, sizeof halves);
}
#endif
HOST_DEVICE void store(float16* to, Vector<float> x) {
#if defined(__AVX512F__)
  _mm256_storeu_si256((__m256i*)to, _mm512_cvtps_ph(x.v, 0));
#elif defined(__F16C__)
  _mm_storeu_si128((__m128i*)to, _mm256_cvtps_ph(x.v, 0));
#else
  for (int lane = 0; lane < Vector<float>::kLanes; ++lane) to[lane] = narrow<float16>(x[lane]);
#endif
}

template <class Storage>
HOST_DEVICE Vector<Compute<Storage>> loadPartial(const Storage* from, int64_t count) {
  Storage lanes[Vector<Compute<Storage>>::kLanes] = {};
  memcpy(lanes, from, size_t(count) * sizeof(Storage));
  return load(lanes);
}
template <class Storage>
HOST_DEVICE void storePartial(Storage* to, Vector<Compute<Storage>> x, int64_t count) {
  Storage lanes[Vector<Compute<Storage>>::kLanes];
  store(lanes, x);
  memcpy(to, lanes, size_t(count) * sizeof(Storage));
}

// Adds the upper half of the lanes to the lower one until one is left.
template <class Real, class Native>
HOST_DEVICE Real sumOfHalves(Native x) {
  constexpr int kBytes = int(sizeof(Native)) / 2;
  if constexpr (kBytes == int(sizeof(Real))) {
    return x[0] + x[1];
  } else {
    typedef Real Half __attribute__((vector_size(kBytes)));
    Half low, high;
    memcpy(&low, &x, kBytes);
    memcpy(&high, reinterpret_cast<const char*>(&x) + kBytes, kBytes);
    return sumOfHalves<Real>(Half(low + high));
  }
}

// The sum of all lanes, in a fixed order: halves first.
template <class Real>
HOST_DEVICE Real sumLanes(Vector<Real> x) {
  return sumOfHalves<Real>(x.v);
}

}  // namespace entrain::inline ENTRAIN_ISA
