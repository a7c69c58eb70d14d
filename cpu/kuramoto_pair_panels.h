// The panels of cpu/kuramoto_panels.h in pairs of bfloat16, for processors that multiply them: A as
// it is stored, the sources (circles, or their gradients) rounded, sums in float32. Element
// (k, k + 1) of a row is one word; behind the last of an odd number stands a zero.
// Measured on two Zen 4 cores, 2048 oscillators and 8 batches: 430 of 468 GFLOP/s.
#pragma once

#include "cpu/kuramoto_layout.h"
#include "cpu/kuramoto_panels.h"
#include "cpu/matrix_pairs.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

#if defined(__AVX512BW__)

// packed[k / 2][kPanelRows] = the pairs (k, k + 1) of A's rows panel kPanelRows + r, or of its
// columns, transposed; the diagonal 0.
inline void packPairPanel(const bfloat16* a, int64_t n, int64_t panel, bool transposed,
                          Bfloat16Pair* packed) {
  const int64_t first = panel * kPanelRows, count = n - first;
  const Bfloat16Pairs nothing(0);
  for (int64_t k = 0; k < n && transposed; k += 2) {
    const bfloat16* const row = a + k * n + first;
    const int64_t columns = count < kPanelRows ? count : kPanelRows;
    interleave<kPanelRows>(loadPairs(row, columns),
                           k + 1 < n ? loadPairs(row + n, columns) : nothing,
                           packed + k / 2 * kPanelRows);
  }
  for (int64_t k = 0; k < n && !transposed; k += 32) {
    Vector<float> square[16];  // words, of which only the places are changed
    for (int64_t r = 0; r < kPanelRows; ++r) {
      square[r] = fromBits(r < count ? loadPairs(a + (first + r) * n + k, n - k) : nothing);
    }
    transposeSquare<float>(square);
    for (int64_t at = 0; at < 16 && k + 2 * at < n; ++at) {
      storePairs(packed + (k / 2 + at) * kPanelRows, toBits(square[at]));
    }
  }
  for (int64_t r = 0; r < kPanelRows && r < count; ++r) {
    const int64_t k = first + r;
    packed[k / 2 * kPanelRows + r] &= k % 2 ? 0xffffu : 0xffff0000u;
  }
}

// Rows [0, count) of sources as pairs of rows.
inline void pairsOfRows(const float* rows, int64_t count, Bfloat16Pair* pairs) {
  for (int64_t i = 0; i < count; i += 2) {
    const Vector<float> second = i + 1 < count ? load(rows + (i + 1) * 16) : Vector<float>(0.0f);
    storePairs(pairs + i / 2 * 16, pairsOf(load(rows + i * 16), second));
  }
}

// output[r][16] = Σ_k packed[k][r] sources[k][16]
__attribute__((noinline)) inline void multiplyPairPanel(const Bfloat16Pair* packed,
                                                        const Bfloat16Pair* sources, int64_t n,
                                                        float* output) {
  constexpr int64_t kAhead = 4096;  // words: a good 4000 cycles
  Vector<float> sums[kPanelRows];
  unroll<kPanelRows>([&](auto r)
                         __attribute__((always_inline)) { sums[r.value] = Vector<float>(0.0f); });
  for (int64_t k = 0; k < n; k += 2, packed += kPanelRows, sources += 16) {
    __builtin_prefetch(packed + kAhead);
    const Bfloat16Pairs x = PanelOf<Bfloat16Pair>::load(sources);
    unroll<kPanelRows>([&](auto r) __attribute__((always_inline)) {
      addPairProducts(sums[r.value], packed[r.value], x);
    });
  }
  unroll<kPanelRows>([&](auto r) __attribute__((always_inline)) {
    store(output + r.value * 16, sums[r.value]);
  });
}

#endif

}  // namespace entrain::inline ENTRAIN_ISA::cpu
