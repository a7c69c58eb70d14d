// Sums of gathered rows: output = Σ_e weight_e X(column_e), where row j of X holds the sines and
// cosines of all batches of oscillator j side by side, so that one index serves the whole batch. A
// row of 8 bytes (float32, one batch) is half of a 128-bit vector: two edges make one fma. The
// gather instructions of AVX2 and AVX-512 are slower than the loads they replace (Zen 4).
#pragma once

#include "cpu/matrix_kernel.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// A vector of `bytes` <= kVectorBytes.
template <class Real, int bytes>
struct Pack {
  static constexpr int kLanes = bytes / int(sizeof(Real));
  typedef Real Native __attribute__((vector_size(bytes)));
  Native v;

  HOST_DEVICE static Pack of(Real x) { return {x - Native{}}; }
  HOST_DEVICE static Pack load(const Real* from) {
    Pack result;
    memcpy(&result.v, from, bytes);
    return result;
  }
  HOST_DEVICE void store(Real* to) const { memcpy(to, &v, bytes); }
};

template <class Real, int bytes>
HOST_DEVICE Pack<Real, bytes> multiplyAdd(Pack<Real, bytes> a, Pack<Real, bytes> b,
                                          Pack<Real, bytes> c) {
  using Native [[maybe_unused]] = typename Pack<Real, bytes>::Native;
  [[maybe_unused]] constexpr bool kSingle = sizeof(Real) == 4;
#if defined(__AVX512F__)
  if constexpr (bytes == 64 && kSingle) return {(Native)_mm512_fmadd_ps(a.v, b.v, c.v)};
  if constexpr (bytes == 64 && !kSingle) return {(Native)_mm512_fmadd_pd(a.v, b.v, c.v)};
#endif
#if defined(__FMA__)
  if constexpr (bytes == 32 && kSingle) return {(Native)_mm256_fmadd_ps(a.v, b.v, c.v)};
  if constexpr (bytes == 32 && !kSingle) return {(Native)_mm256_fmadd_pd(a.v, b.v, c.v)};
  if constexpr (bytes == 16 && kSingle) return {(Native)_mm_fmadd_ps(a.v, b.v, c.v)};
  if constexpr (bytes == 16 && !kSingle) return {(Native)_mm_fmadd_pd(a.v, b.v, c.v)};
#endif
  return {a.v * b.v + c.v};
}

// How many Reals apart rows of `columns` are: 8, 16, 32 bytes or whole vectors.
template <class Real>
int64_t gatherStride(int64_t columns) {
  const int64_t bytes = columns * int64_t(sizeof(Real));
  int64_t stride = 8;
  while (stride < bytes && stride < kVectorBytes) stride *= 2;
  if (stride < bytes) stride = (bytes + kVectorBytes - 1) / kVectorBytes * kVectorBytes;
  return stride / int64_t(sizeof(Real));
}

// The weights of edges: of one, or (float) of two, each in both lanes of its edge's row.
template <class Real>
struct EdgeWeights {
  const Real* data;
  HOST_DEVICE Real operator()(int64_t e) const { return data[e]; }
  HOST_DEVICE void prefetch(int64_t e) const { __builtin_prefetch(data + e); }
  HOST_DEVICE Pack<float, 16> pair(int64_t e) const {
#if defined(__x86_64__)
    const __m128 two = _mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(data + e)));
    return {(Pack<float, 16>::Native)_mm_unpacklo_ps(two, two)};
#else
    return {{data[e], data[e], data[e + 1], data[e + 1]}};
#endif
  }
};
template <class Real>
struct UnitWeights {
  HOST_DEVICE Real operator()(int64_t) const { return Real(1); }
  HOST_DEVICE void prefetch(int64_t) const {}
  HOST_DEVICE Pack<float, 16> pair(int64_t) const { return Pack<float, 16>::of(1); }
};

// Rows of 8 bytes of two edges in one vector; both indices come with one load.
HOST_DEVICE Pack<float, 16> loadPairs(const float* sources, const int32_t* columns) {
#if defined(__x86_64__)
  uint64_t both;
  memcpy(&both, columns, sizeof both);
  const float *const first = sources + 2 * (both & 0xffffffff), *const second =
                                                                    sources + 2 * (both >> 32);
  const __m128 low = _mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(first)));
  return {(Pack<float, 16>::Native)_mm_loadh_pi(low, reinterpret_cast<const __m64*>(second))};
#else
  const float *const first = sources + 2 * int64_t(columns[0]), *const second =
                                                                    sources +
                                                                    2 * int64_t(columns[1]);
  return {{first[0], first[1], second[0], second[1]}};
#endif
}

// Edges come from L3, in pieces too short for the processor to foresee: a page ahead, 10 to 20 %.
template <class Weights>
HOST_DEVICE void prefetchEdges(const int32_t* columns, const Weights& weights, int64_t e) {
  constexpr int64_t kAhead = 1024;
  __builtin_prefetch(columns + e + kAhead);
  weights.prefetch(e + kAhead);
}

// Σ over edges [begin, end) of rows of two floats: the edges 2 k and 2 k + 1 of a row go to sum k
// modulo 4, wherever the row lies.
template <class Weights>
HOST_DEVICE void gatherPairs(const float* sources, const int32_t* columns, int64_t begin,
                             int64_t end, const Weights& weights, float* output) {
  using Two = Pack<float, 16>;
  constexpr int kSums = 4;
  Two sums[kSums];
  unroll<kSums>([&](auto k) __attribute__((always_inline)) { sums[k.value] = Two::of(0); });
  int64_t e = begin;
  const auto add = [&](auto k) __attribute__((always_inline)) {
    const int64_t at = e + 2 * k.value;
    sums[k.value] = multiplyAdd(weights.pair(at), loadPairs(sources, columns + at), sums[k.value]);
  };
  for (; e + 2 * kSums <= end; e += 2 * kSums) {
    prefetchEdges(columns, weights, e);
    unroll<kSums>(add);
  }
  if (e < end) prefetchEdges(columns, weights, e);
  unroll<kSums>([&](auto k) __attribute__((always_inline)) {
    const int64_t at = e + 2 * k.value;
    if (at + 2 <= end) {
      add(k);
    } else if (at < end) {
      const float* const last = sources + 2 * int64_t(columns[at]);
      const float weight = weights(at);
      const Two one = {{weight, weight, 0, 0}};
      sums[k.value] = multiplyAdd(one, Two{{last[0], last[1], 0, 0}}, sums[k.value]);
    }
  });
  const auto sum = (sums[0].v + sums[1].v) + (sums[2].v + sums[3].v);
  output[0] = sum[0] + sum[2];
  output[1] = sum[1] + sum[3];
}

// The same for `packs` vectors of a row of `stride` Reals; of one vector in the same order as
// above: a column's sum does not depend on how many stand beside it.
template <int bytes, int packs, class Real, class Weights>
HOST_DEVICE void gatherPacks(const Real* sources, int64_t stride, const int32_t* columns,
                             int64_t begin, int64_t end, const Weights& weights, Real* output) {
  using Part = Pack<Real, bytes>;
  constexpr int kSums = packs == 1 ? 8 : 1;
  Part sums[kSums][packs];
  unroll<kSums * packs>([&](auto k) __attribute__((always_inline)) {
    sums[k.value / packs][k.value % packs] = Part::of(0);
  });
  int64_t e = begin;
  const auto add = [&](auto k) __attribute__((always_inline)) {
    const Real* from = sources + int64_t(columns[e + k.value]) * stride;
    const Part weight = Part::of(weights(e + k.value));
    unroll<packs>([&](auto p) __attribute__((always_inline)) {
      Part& sum = sums[k.value][p.value];
      sum = multiplyAdd(weight, Part::load(from + p.value * Part::kLanes), sum);
    });
  };
  for (; e + kSums <= end; e += kSums) {
    if constexpr (packs == 1) prefetchEdges(columns, weights, e);
    unroll<kSums>(add);
  }
  unroll<kSums>([&](auto k) __attribute__((always_inline)) {
    if (e + k.value < end) add(k);
  });
  if constexpr (packs == 1) {
    const auto even = (sums[0][0].v + sums[2][0].v) + (sums[4][0].v + sums[6][0].v);
    const auto odd = (sums[1][0].v + sums[3][0].v) + (sums[5][0].v + sums[7][0].v);
    Part{even + odd}.store(output);
  } else {
    unroll<packs>([&](auto p) __attribute__((always_inline)) {
      sums[0][p.value].store(output + p.value * Part::kLanes);
    });
  }
}

// A graph's rows: `column` and `weight` (null: all 1) of the edges, those of the row at place q in
// [pointer[q], pointer[q + 1]). The places of a block of rows are the block's own; order[q] is the
// row there (null: q). Columns may name the zeros behind the last source.
template <class Real>
struct GraphRows {
  const int32_t *pointer, *column;
  const Real* weight;
  const int32_t* order;
};

// outputs[i - begin][stride] = rows [begin, end), a block, of a graph's product with X.
template <class Real, class Weights>
void gatherRows(const Real* sources, int64_t stride, const GraphRows<Real>& rows, int64_t begin,
                int64_t end, const Weights& weights, Real* outputs) {
  constexpr int64_t kLanes = kVectorBytes / int64_t(sizeof(Real));
  constexpr int kHalf = kVectorBytes < 32 ? 16 : 32;
  const int64_t bytes = stride * int64_t(sizeof(Real));
  const int32_t* const columns = rows.column;
  for (int64_t q = begin; q < end; ++q) {
    const int64_t first = rows.pointer[q], last = rows.pointer[q + 1];
    Real* const output = outputs + ((rows.order ? rows.order[q] : q) - begin) * stride;
    if (bytes == 8) {
      if constexpr (sizeof(Real) == 4) {
        gatherPairs(sources, columns, first, last, weights, output);
      }
    } else if (bytes == 16) {
      gatherPacks<16, 1>(sources, stride, columns, first, last, weights, output);
    } else if (bytes == 32 && kVectorBytes > 16) {
      gatherPacks<kHalf, 1>(sources, stride, columns, first, last, weights, output);
    } else {
      int64_t at = 0;
      for (; at + 4 * kLanes <= stride; at += 4 * kLanes) {
        gatherPacks<kVectorBytes, 4>(sources + at, stride, columns, first, last, weights,
                                     output + at);
      }
      for (; at < stride; at += kLanes) {
        gatherPacks<kVectorBytes, 1>(sources + at, stride, columns, first, last, weights,
                                     output + at);
      }
    }
  }
}
template <class Real>
void gatherRows(const Real* sources, int64_t stride, const GraphRows<Real>& rows, int64_t begin,
                int64_t end, Real* outputs) {
  if (rows.weight) {
    gatherRows(sources, stride, rows, begin, end, EdgeWeights<Real>{rows.weight}, outputs);
  } else {
    gatherRows(sources, stride, rows, begin, end, UnitWeights<Real>{}, outputs);
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
