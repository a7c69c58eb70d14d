// Products of bfloat16 operands in pairs (cpu/bfloat16_pairs.h): panels hold two neighbours along
// the inner dimension in an element of 32 bits, the last of an odd length with 0. An operand whose
// fast index is the inner one has its pairs in memory; of the other, two rows are interleaved.
#pragma once

#include "cpu/bfloat16_pairs.h"
#include "cpu/matrix_pack.h"

#if defined(__AVX512BW__)
namespace entrain::inline ENTRAIN_ISA::cpu {

template <>
struct PanelOf<Bfloat16Pair> {
  using Sum = float;
  using Right = Bfloat16Pairs;
  static constexpr int kDepth = 2;

  HOST_DEVICE static Right load(const Bfloat16Pair* from) {
    return (Vector<float>::NativeInteger)_mm512_loadu_si512(from);
  }
  HOST_DEVICE static void addProducts(const Bfloat16Pair& left, const Right (&right)[kTileVectors],
                                      Vector<float> (&sums)[kTileVectors]) {
    unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
      addPairProducts(sums[column.value], left, right[column.value]);
    });
  }
  HOST_DEVICE static void write(const Vector<float> (&sums)[kTileVectors], float* to) {
    PanelOf<float>::write(sums, to);
  }
  HOST_DEVICE static void write(const Vector<float> (&sums)[kTileVectors], bfloat16* to) {
    storeNarrowed(to, sums[0], sums[1]);
  }
};

HOST_DEVICE void storePairs(Bfloat16Pair* to, Bfloat16Pairs pairs) {
  _mm512_storeu_si512(to, (__m512i)pairs.v);
}

// The first `count` of 32 numbers, 0 for the others.
HOST_DEVICE Bfloat16Pairs loadPairs(const bfloat16* from, int64_t count) {
  const __mmask32 mask = count >= 32 ? ~0u : (1u << count) - 1;
  return (Vector<float>::NativeInteger)_mm512_maskz_loadu_epi16(mask, from);
}

// The first `count` of 16 numbers below the lower halves of the lanes; none where count is
// negative.
HOST_DEVICE __m512i loadHalves(const bfloat16* from, int64_t count) {
  const __mmask16 mask = count >= 16 ? 0xffff : count > 0 ? (1u << count) - 1 : 0;
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
}

// packed[i][kPanelStride] = rows of a matrix of which k is the fast index.
inline void packRows(const Stored<bfloat16>& from, int64_t first, int count, int64_t k,
                     int64_t inner, Bfloat16Pair* packed) {
  for (int i = 0; i < count; ++i, packed += kPanelStride<Bfloat16Pair>) {
    const bfloat16* row = from.data + (first + i) * from.length + k;
    for (int64_t at = 0; at < inner; at += 32) {
      storePairs(packed + at / 2, loadPairs(row + at, inner - at));
    }
  }
}

// packed[k / 2][width] = `width` neighbours of a matrix of which k is the slow index; what lies
// beyond the end of a row is whatever follows in memory, and zero at the end of the matrix.
template <int width>
void packColumns(const Stored<bfloat16>& from, int64_t first, int64_t k, int64_t inner,
                 Bfloat16Pair* packed) {
  const int64_t end = from.count * from.length;
  for (int64_t i = 0; i < inner; i += 2, packed += width) {
    const int64_t start = (k + i) * from.length + first;
    const bool pair = i + 1 < inner;
    unroll<width / 16>([&](auto part) __attribute__((always_inline)) {
      const int64_t upper = start + part.value * 16, lower = upper + from.length;
      const __m512i halves = loadHalves(from.data + upper, end - upper);
      const __m512i others = loadHalves(from.data + lower, pair ? end - lower : 0);
      const __m512i pairs = _mm512_or_si512(halves, _mm512_slli_epi32(others, 16));
      _mm512_storeu_si512(packed + part.value * 16, pairs);
    });
  }
}

// packed[k / 2][kTileColumns] = a panel of rows of a matrix of which k is the fast index,
// transposed; rows beyond the end repeat the last one.
inline void packTransposed(const Stored<bfloat16>& from, int64_t first, int64_t k, int64_t inner,
                           Bfloat16Pair* packed) {
  constexpr int kLanes = Vector<float>::kLanes, kWidth = kTileColumns<Bfloat16Pair>;
  const int64_t pairs = (inner + 1) / 2;
  for (int part = 0; part < kWidth; part += kLanes) {
    const bfloat16* rows[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t row = first + part + lane;
      rows[lane] = from.data + (row < from.count ? row : from.count - 1) * from.length + k;
    }
    for (int64_t at = 0; at < pairs; at += kLanes) {
      Vector<float> square[kLanes];
      unroll<kLanes>([&](auto lane) __attribute__((always_inline)) {
        constexpr int l = lane.value;
        square[l] = fromBits(loadPairs(rows[l] + 2 * at, inner - 2 * at));
      });
      transposeSquare<float>(square);
      Bfloat16Pair* to = packed + at * kWidth + part;
      unroll<kLanes>([&](auto lane) __attribute__((always_inline)) {
        constexpr int l = lane.value;
        if (at + l < pairs) storePairs(to + l * kWidth, toBits(square[l]));
      });
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
#endif
