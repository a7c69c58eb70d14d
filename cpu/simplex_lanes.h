// The vocabulary of ops/simplex_lanes.h for vectors. Masks are mask registers with AVX-512 and
// vectors of 0 and −1 elsewhere.
#pragma once

#include "cpu/vector.h"
#include "ops/simplex_lanes.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct NativeWord;
template <>
struct NativeWord<float> {
  typedef uint32_t Native __attribute__((vector_size(kVectorBytes)));
};
template <>
struct NativeWord<double> {
  typedef uint64_t Native __attribute__((vector_size(kVectorBytes)));
};

template <class Real>
struct VectorWord {
  using Native = typename NativeWord<Real>::Native;
  using Element = decltype(Native{}[0] + 0);

  Native v;

  VectorWord() = default;
  HOST_DEVICE VectorWord(Native native) : v(native) {}
  HOST_DEVICE VectorWord(uint32_t word) : v(word - Native{}) {}
};
template <class Real>
struct WordOf<Vector<Real>> {
  using type = VectorWord<Real>;
};

template <class Real>
HOST_DEVICE VectorWord<Real> operator+(VectorWord<Real> a, VectorWord<Real> b) {
  return a.v + b.v;
}
template <class Real>
HOST_DEVICE VectorWord<Real> operator-(VectorWord<Real> a, VectorWord<Real> b) {
  return a.v - b.v;
}
template <class Real>
HOST_DEVICE VectorWord<Real> operator^(VectorWord<Real> a, VectorWord<Real> b) {
  return a.v ^ b.v;
}
template <class Real>
HOST_DEVICE VectorWord<Real> operator|(VectorWord<Real> a, VectorWord<Real> b) {
  return a.v | b.v;
}
template <class Real>
HOST_DEVICE VectorWord<Real> operator&(VectorWord<Real> a, VectorWord<Real> b) {
  return a.v & b.v;
}
HOST_DEVICE VectorWord<float> operator*(VectorWord<float> a, VectorWord<float> b) {
  return a.v * b.v;
}
HOST_DEVICE VectorWord<double> operator*(VectorWord<double> a, VectorWord<double> b) {
#if defined(__AVX512F__)
  return VectorWord<double>::Native(_mm512_mul_epu32((__m512i)a.v, (__m512i)b.v));
#elif defined(__AVX2__)
  return VectorWord<double>::Native(_mm256_mul_epu32((__m256i)a.v, (__m256i)b.v));
#elif defined(__SSE2__)
  return VectorWord<double>::Native(_mm_mul_epu32((__m128i)a.v, (__m128i)b.v));
#else
  return (a.v & 0xffffffffu) * (b.v & 0xffffffffu);
#endif
}
template <class Real>
HOST_DEVICE VectorWord<Real> shiftLeft(VectorWord<Real> word, int count) {
  return word.v << count;
}
HOST_DEVICE VectorWord<float> shiftRight(VectorWord<float> word, int count) {
  return word.v >> count;
}
HOST_DEVICE VectorWord<double> shiftRight(VectorWord<double> word, int count) {
  return (word.v & 0xffffffffu) >> count;
}

// ---- masks ----

#if defined(__AVX512F__)
template <class Real>
struct LaneMask;
template <>
struct LaneMask<float> {
  __mmask16 bits;
};
template <>
struct LaneMask<double> {
  __mmask8 bits;
};
HOST_DEVICE LaneMask<float> isLess(Vector<float> a, Vector<float> b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)};
}
HOST_DEVICE LaneMask<double> isLess(Vector<double> a, Vector<double> b) {
  return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)};
}
HOST_DEVICE LaneMask<float> isAtLeast(Vector<float> a, Vector<float> b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NLT_UQ)};
}
HOST_DEVICE LaneMask<double> isAtLeast(Vector<double> a, Vector<double> b) {
  return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_NLT_UQ)};
}
HOST_DEVICE LaneMask<float> alsoLess(LaneMask<float> mask, Vector<float> a, Vector<float> b) {
  return {_mm512_mask_cmp_ps_mask(mask.bits, a.v, b.v, _CMP_LT_OQ)};
}
HOST_DEVICE LaneMask<double> alsoLess(LaneMask<double> mask, Vector<double> a, Vector<double> b) {
  return {_mm512_mask_cmp_pd_mask(mask.bits, a.v, b.v, _CMP_LT_OQ)};
}
HOST_DEVICE LaneMask<float> alsoAtLeast(LaneMask<float> mask, Vector<float> a, Vector<float> b) {
  return {_mm512_mask_cmp_ps_mask(mask.bits, a.v, b.v, _CMP_NLT_UQ)};
}
HOST_DEVICE LaneMask<double> alsoAtLeast(LaneMask<double> mask, Vector<double> a,
                                         Vector<double> b) {
  return {_mm512_mask_cmp_pd_mask(mask.bits, a.v, b.v, _CMP_NLT_UQ)};
}
HOST_DEVICE LaneMask<float> isLessSigned(VectorWord<float> a, VectorWord<float> b) {
  return {_mm512_cmplt_epi32_mask((__m512i)a.v, (__m512i)b.v)};
}
HOST_DEVICE LaneMask<double> isLessSigned(VectorWord<double> a, VectorWord<double> b) {
  return {_mm512_cmplt_epi64_mask((__m512i)(a.v << 32), (__m512i)(b.v << 32))};
}
HOST_DEVICE LaneMask<float> both(LaneMask<float> a, LaneMask<float> b) {
  return {_kand_mask16(a.bits, b.bits)};
}
HOST_DEVICE LaneMask<double> both(LaneMask<double> a, LaneMask<double> b) {
  return {_kand_mask8(a.bits, b.bits)};
}
HOST_DEVICE LaneMask<float> either(LaneMask<float> a, LaneMask<float> b) {
  return {_kor_mask16(a.bits, b.bits)};
}
HOST_DEVICE LaneMask<double> either(LaneMask<double> a, LaneMask<double> b) {
  return {_kor_mask8(a.bits, b.bits)};
}
HOST_DEVICE LaneMask<float> opposite(LaneMask<float> a) {
  return {_knot_mask16(a.bits)};
}
HOST_DEVICE LaneMask<double> opposite(LaneMask<double> a) {
  return {_knot_mask8(a.bits)};
}
HOST_DEVICE Vector<float> addWhere(LaneMask<float> mask, Vector<float> a, Vector<float> b) {
  return (Vector<float>::Native)_mm512_mask_add_ps(a.v, mask.bits, a.v, b.v);
}
HOST_DEVICE Vector<double> addWhere(LaneMask<double> mask, Vector<double> a, Vector<double> b) {
  return (Vector<double>::Native)_mm512_mask_add_pd(a.v, mask.bits, a.v, b.v);
}
HOST_DEVICE VectorWord<float> addWhere(LaneMask<float> mask, VectorWord<float> a,
                                       VectorWord<float> b) {
  return VectorWord<float>::Native(
      _mm512_mask_add_epi32((__m512i)a.v, mask.bits, (__m512i)a.v, (__m512i)b.v));
}
HOST_DEVICE VectorWord<double> addWhere(LaneMask<double> mask, VectorWord<double> a,
                                        VectorWord<double> b) {
  return VectorWord<double>::Native(
      _mm512_mask_add_epi64((__m512i)a.v, mask.bits, (__m512i)a.v, (__m512i)b.v));
}
HOST_DEVICE VectorWord<float> pick(LaneMask<float> mask, VectorWord<float> a, VectorWord<float> b) {
  return VectorWord<float>::Native(_mm512_mask_blend_epi32(mask.bits, (__m512i)b.v, (__m512i)a.v));
}
HOST_DEVICE VectorWord<double> pick(LaneMask<double> mask, VectorWord<double> a,
                                    VectorWord<double> b) {
  return VectorWord<double>::Native(_mm512_mask_blend_epi64(mask.bits, (__m512i)b.v, (__m512i)a.v));
}
HOST_DEVICE Vector<float> pick(LaneMask<float> mask, Vector<float> a, Vector<float> b) {
  return (Vector<float>::Native)_mm512_mask_blend_ps(mask.bits, b.v, a.v);
}
HOST_DEVICE Vector<double> pick(LaneMask<double> mask, Vector<double> a, Vector<double> b) {
  return (Vector<double>::Native)_mm512_mask_blend_pd(mask.bits, b.v, a.v);
}
HOST_DEVICE LaneMask<float> butNot(LaneMask<float> a, LaneMask<float> b) {
  return {_kandn_mask16(b.bits, a.bits)};
}
HOST_DEVICE LaneMask<double> butNot(LaneMask<double> a, LaneMask<double> b) {
  return {_kandn_mask8(b.bits, a.bits)};
}
// As integers, which Zen compares in twice as many units: negative numbers are negative there too.
HOST_DEVICE Vector<float> positivePart(Vector<float> x) {
  return (Vector<float>::Native)_mm512_max_epi32((__m512i)x.v, _mm512_setzero_si512());
}
HOST_DEVICE Vector<double> positivePart(Vector<double> x) {
  return (Vector<double>::Native)_mm512_max_pd(x.v, _mm512_setzero_pd());
}
#else
template <class Real>
using LaneMask = VectorInteger<Real>;
template <class Real>
HOST_DEVICE LaneMask<Real> isLess(Vector<Real> a, Vector<Real> b) {
  return less(a, b);
}
template <class Real>
HOST_DEVICE LaneMask<Real> isAtLeast(Vector<Real> a, Vector<Real> b) {
  return ~less(a, b).v;
}
template <class Real>
HOST_DEVICE LaneMask<Real> alsoLess(LaneMask<Real> mask, Vector<Real> a, Vector<Real> b) {
  return mask & less(a, b);
}
template <class Real>
HOST_DEVICE LaneMask<Real> alsoAtLeast(LaneMask<Real> mask, Vector<Real> a, Vector<Real> b) {
  return mask.v & ~less(a, b).v;
}
HOST_DEVICE LaneMask<float> isLessSigned(VectorWord<float> a, VectorWord<float> b) {
  return Vector<float>::NativeInteger(a.v) < Vector<float>::NativeInteger(b.v);
}
HOST_DEVICE LaneMask<double> isLessSigned(VectorWord<double> a, VectorWord<double> b) {
  return Vector<double>::NativeInteger(a.v << 32) < Vector<double>::NativeInteger(b.v << 32);
}
template <class Real>
HOST_DEVICE LaneMask<Real> both(LaneMask<Real> a, LaneMask<Real> b) {
  return a & b;
}
template <class Real>
HOST_DEVICE LaneMask<Real> either(LaneMask<Real> a, LaneMask<Real> b) {
  return a | b;
}
template <class Real>
HOST_DEVICE LaneMask<Real> opposite(LaneMask<Real> a) {
  return ~a.v;
}

template <class Real>
HOST_DEVICE Vector<Real> addWhere(LaneMask<Real> mask, Vector<Real> a, Vector<Real> b) {
  return select(mask, a + b, a);
}
template <class Real>
HOST_DEVICE VectorWord<Real> addWhere(LaneMask<Real> mask, VectorWord<Real> a, VectorWord<Real> b) {
  return a.v + (b.v & typename VectorWord<Real>::Native(mask.v));
}
template <class Real>
HOST_DEVICE VectorWord<Real> pick(LaneMask<Real> mask, VectorWord<Real> a, VectorWord<Real> b) {
  return mask.v ? a.v : b.v;
}
template <class Real>
HOST_DEVICE Vector<Real> pick(LaneMask<Real> mask, Vector<Real> a, Vector<Real> b) {
  return select(mask, a, b);
}
template <class Real>
HOST_DEVICE LaneMask<Real> butNot(LaneMask<Real> a, LaneMask<Real> b) {
  return a.v & ~b.v;
}
template <class Real>
HOST_DEVICE Vector<Real> positivePart(Vector<Real> x) {
  return select(less(Vector<Real>(Real(0)), x), x, Vector<Real>(Real(0)));
}
#endif

// The table's entries modulo 256, by a gather where float32 has one.
template <class Real>
HOST_DEVICE auto lookUp(const uint32_t* table, VectorWord<Lane<Real>> word) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Lane<Real>) == 4) {
    return VectorWord<float>(VectorWord<float>::Native(
        _mm512_i32gather_epi32((__m512i)(word.v & 255u), (const int*)table, 4)));
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(Lane<Real>) == 4) {
    return VectorWord<float>(VectorWord<float>::Native(
        _mm256_i32gather_epi32((const int*)table, (__m256i)(word.v & 255u), 4)));
  }
#endif
  VectorWord<Lane<Real>> result;
  for (int lane = 0; lane < Vector<Lane<Real>>::kLanes; ++lane) {
    result.v[lane] = table[word.v[lane] & 255u];
  }
  return result;
}

// ---- float64 beside float32 ----

// As many doubles as Vector<float> has lanes.
struct WideVector {
  Vector<double> low, high;

  WideVector() = default;
  HOST_DEVICE WideVector(Vector<double> first, Vector<double> second) : low(first), high(second) {}
  HOST_DEVICE WideVector(double x) : low(x), high(x) {}
};
template <>
struct WideOf<Vector<float>> {
  using type = WideVector;
};
template <>
struct WideOf<Vector<double>> {
  using type = Vector<double>;
};
HOST_DEVICE WideVector operator+(WideVector a, WideVector b) {
  return {a.low + b.low, a.high + b.high};
}
HOST_DEVICE WideVector operator-(WideVector a, WideVector b) {
  return {a.low - b.low, a.high - b.high};
}
HOST_DEVICE WideVector operator*(WideVector a, WideVector b) {
  return {a.low * b.low, a.high * b.high};
}
HOST_DEVICE WideVector fma(WideVector a, WideVector b, WideVector c) {
  return {fma(a.low, b.low, c.low), fma(a.high, b.high, c.high)};
}
HOST_DEVICE WideVector floorOf(WideVector x) {
  return {floorOf(x.low), floorOf(x.high)};
}
HOST_DEVICE WideVector roundToEven(WideVector x) {
  return {roundToEven(x.low), roundToEven(x.high)};
}
typedef float HalfFloats __attribute__((vector_size(kVectorBytes / 2)));
template <class Real>
HOST_DEVICE Vector<float> narrowed(WideVector x) {
  const HalfFloats low = __builtin_convertvector(x.low.v, HalfFloats);
  const HalfFloats high = __builtin_convertvector(x.high.v, HalfFloats);
  Vector<float> result;
  memcpy(&result.v, &low, sizeof low);
  memcpy(reinterpret_cast<char*>(&result.v) + sizeof low, &high, sizeof high);
  return result;
}
template <class Real>
HOST_DEVICE Vector<double> narrowed(Vector<double> x) {
  return x;
}
HOST_DEVICE WideVector widened(Vector<float> x) {
  HalfFloats halves[2];
  memcpy(halves, &x.v, sizeof x.v);
  return {__builtin_convertvector(halves[0], Vector<double>::Native),
          __builtin_convertvector(halves[1], Vector<double>::Native)};
}
HOST_DEVICE Vector<double> widened(Vector<double> x) {
  return x;
}

template <class Real>
HOST_DEVICE VectorWord<double> wordOf(Vector<double> x) {
  return VectorWord<double>::Native((below32Bits(x) + 0x1p52).v);
}
template <class Real>
HOST_DEVICE VectorWord<float> wordOf(WideVector x) {
  typedef uint32_t Halves __attribute__((vector_size(kVectorBytes / 2)));
  const Halves low = __builtin_convertvector(wordOf<Vector<double>>(x.low).v, Halves);
  const Halves high = __builtin_convertvector(wordOf<Vector<double>>(x.high).v, Halves);
  VectorWord<float> result;
  memcpy(&result.v, &low, sizeof low);
  memcpy(reinterpret_cast<char*>(&result.v) + sizeof low, &high, sizeof high);
  return result;
}

}  // namespace entrain::inline ENTRAIN_ISA
