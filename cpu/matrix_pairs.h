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

// A row of `width` numbers; what follows in the vector is undefined.
template <int width>
HOST_DEVICE Bfloat16Pairs loadRow(const bfloat16* row) {
  if constexpr (width == 32) return loadPairs(row, 32);
  const __m256i numbers = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row));
  return (Vector<float>::NativeInteger)_mm512_castsi256_si512(numbers);
}

// packed[lane] = {first[lane], second[lane]} for `width` lanes: two rows side by side.
template <int width>
HOST_DEVICE void interleave(Bfloat16Pairs first, Bfloat16Pairs second, Bfloat16Pair* packed) {
  // Lane 32 + i of the permutation is number i of the second row.
  const __m512i counts = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i lower = _mm512_or_si512(_mm512_set1_epi32(32 << 16),
                                        _mm512_mullo_epi32(counts, _mm512_set1_epi32(0x10001)));
  unroll<width / 16>([&](auto part) __attribute__((always_inline)) {
    const __m512i chosen = _mm512_add_epi16(lower, _mm512_set1_epi16(16 * part.value));
    const __m512i pairs = _mm512_permutex2var_epi16((__m512i)first.v, chosen, (__m512i)second.v);
    _mm512_storeu_si512(packed + 16 * part.value, pairs);
  });
}

// packed[k / 2][width] = `width` neighbours of a matrix of which k is the slow index; what lies
// beyond the end of a row is whatever follows in memory, and zero at the end of the matrix.
template <int width>
void packColumns(const Stored<bfloat16>& from, int64_t first, int64_t k, int64_t inner,
                 Bfloat16Pair* packed) {
  constexpr int64_t kRowsAhead =
      48;  // prefetched to L2: L1 does not hold rows a power of two apart
  const int64_t end = from.count * from.length;
  const bfloat16* row = from.data + k * from.length + first;
  for (int64_t i = 0; i < inner; i += 2, row += 2 * from.length, packed += width) {
    const bfloat16* const next = row + from.length;
    const int64_t left = end - (next - from.data);
    __builtin_prefetch(row + kRowsAhead * from.length, 0, 2);
    __builtin_prefetch(next + kRowsAhead * from.length, 0, 2);
    if (i + 1 < inner && left >= width) [[likely]] {
      interleave<width>(loadRow<width>(row), loadRow<width>(next), packed);
    } else {
      const int64_t second = i + 1 < inner && left > 0 ? left : 0;
      interleave<width>(loadPairs(row, left + from.length), loadPairs(next, second), packed);
    }
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
