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

// Two rows of 8 bytes in one vector.
HOST_DEVICE Pack<float, 16> loadPairs(const float* first, const float* second) {
#if defined(__x86_64__)
  const __m128 low = _mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(first)));
  return {(Pack<float, 16>::Native)_mm_loadh_pi(low, reinterpret_cast<const __m64*>(second))};
#else
  return {{first[0], first[1], second[0], second[1]}};
#endif
}

// Ones, then zeros: 16 - 2 r elements on, those of the first r of 8 edges are ones.
alignas(64) inline constexpr int32_t kEdgeMask[32] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                      -1, -1, -1, -1, -1, -1, -1, -1};

// Σ over edges [begin, end) of rows of two floats; weightOf(e) is the weight of edge e. The last
// edges of a row go through the same code as the others, what follows them masked: loops of
// unforeseeable length would cost a random graph more than the idle loads. Near the end of all
// `edges` there is nothing to load.
template <class WeightOf>
HOST_DEVICE void gatherPairs(const float* sources, const int32_t* columns, int64_t edges,
                             int64_t begin, int64_t end, const WeightOf& weightOf, float* output) {
  using Two = Pack<float, 16>;
  typedef int32_t Bits __attribute__((vector_size(16)));
  constexpr int kSums = 4;
  const auto pairs = [&](int64_t e) __attribute__((always_inline)) {
    return loadPairs(sources + 2 * int64_t(columns[e]), sources + 2 * int64_t(columns[e + 1]));
  };
  const auto weights = [&](int64_t e) __attribute__((always_inline)) {
    const float first = weightOf(e), second = weightOf(e + 1);
    return Two{{first, first, second, second}};
  };
  Two sums[kSums];
  unroll<kSums>([&](auto k) __attribute__((always_inline)) { sums[k.value] = Two::of(0); });
  int64_t e = begin;
  for (; e + 2 * kSums <= end; e += 2 * kSums) {
    unroll<kSums>([&](auto k) __attribute__((always_inline)) {
      sums[k.value] = multiplyAdd(weights(e + 2 * k.value), pairs(e + 2 * k.value), sums[k.value]);
    });
  }
  if (e < end && e + 2 * kSums <= edges) {
    const int32_t* const masks = kEdgeMask + 4 * kSums - 2 * (end - e);
    unroll<kSums>([&](auto k) __attribute__((always_inline)) {
      Bits mask;
      memcpy(&mask, masks + 4 * k.value, sizeof mask);
      const auto keep = [&](Two x) __attribute__((always_inline)) {
        return Two{(typename Two::Native)((Bits)x.v & mask)};
      };
      sums[k.value] =
          multiplyAdd(keep(weights(e + 2 * k.value)), keep(pairs(e + 2 * k.value)), sums[k.value]);
    });
    e = end;
  }
  for (; e + 2 <= end; e += 2) sums[0] = multiplyAdd(weights(e), pairs(e), sums[0]);
  if (e < end) {
    const float* last = sources + 2 * int64_t(columns[e]);
    const float weight = weightOf(e);
    sums[1] = multiplyAdd(Two{{weight, weight, 0, 0}}, Two{{last[0], last[1], 0, 0}}, sums[1]);
  }
  const auto sum = (sums[0].v + sums[1].v) + (sums[2].v + sums[3].v);
  output[0] = sum[0] + sum[2];
  output[1] = sum[1] + sum[3];
}

// The same for `packs` vectors of a row of `stride` Reals.
template <int bytes, int packs, class Real, class WeightOf>
HOST_DEVICE void gatherPacks(const Real* sources, int64_t stride, const int32_t* columns,
                             int64_t begin, int64_t end, const WeightOf& weightOf, Real* output) {
  using Part = Pack<Real, bytes>;
  constexpr int kSums = packs < 4 ? 2 : 1;  // chains of each: fma has a latency of 4 cycles
  Part sums[kSums][packs];
  unroll<kSums * packs>([&](auto k) __attribute__((always_inline)) {
    sums[k.value / packs][k.value % packs] = Part::of(0);
  });
  const auto add = [&](int64_t e, auto chain) __attribute__((always_inline)) {
    const Real* from = sources + int64_t(columns[e]) * stride;
    const Part weight = Part::of(weightOf(e));
    unroll<packs>([&](auto p) __attribute__((always_inline)) {
      Part& sum = sums[chain.value][p.value];
      sum = multiplyAdd(weight, Part::load(from + p.value * Part::kLanes), sum);
    });
  };
  int64_t e = begin;
  for (; e + kSums <= end; e += kSums) {
    unroll<kSums>([&](auto k) __attribute__((always_inline)) { add(e + k.value, k); });
  }
  if (e < end) add(e, Constant<0>{});
  unroll<packs>([&](auto p) __attribute__((always_inline)) {
    Part sum = sums[0][p.value];
    if constexpr (kSums > 1) sum.v = sum.v + sums[1][p.value].v;
    sum.store(output + p.value * Part::kLanes);
  });
}

struct CompressedRows {
  const int32_t *pointer, *column;
  int64_t edges;
};

// outputs[i - begin][stride] = rows [begin, end) of a graph's product with X.
template <class Real, class WeightOf>
void gatherRows(const Real* sources, int64_t stride, const CompressedRows& rows, int64_t begin,
                int64_t end, const WeightOf& weightOf, Real* outputs) {
  constexpr int64_t kLanes = kVectorBytes / int64_t(sizeof(Real));
  constexpr int kHalf = kVectorBytes < 32 ? 16 : 32;
  const int64_t bytes = stride * int64_t(sizeof(Real));
  const int32_t* const columns = rows.column;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t first = rows.pointer[i], last = rows.pointer[i + 1];
    Real* const output = outputs + (i - begin) * stride;
    if (bytes == 8) {
      if constexpr (sizeof(Real) == 4) {
        gatherPairs(sources, columns, rows.edges, first, last, weightOf, output);
      }
    } else if (bytes == 16) {
      gatherPacks<16, 1>(sources, stride, columns, first, last, weightOf, output);
    } else if (bytes == 32 && kVectorBytes > 16) {
      gatherPacks<kHalf, 1>(sources, stride, columns, first, last, weightOf, output);
    } else {
      int64_t at = 0;
      for (; at + 4 * kLanes <= stride; at += 4 * kLanes) {
        gatherPacks<kVectorBytes, 4>(sources + at, stride, columns, first, last, weightOf,
                                     output + at);
      }
      for (; at < stride; at += kLanes) {
        gatherPacks<kVectorBytes, 1>(sources + at, stride, columns, first, last, weightOf,
                                     output + at);
      }
    }
  }
}

// Calls function(weightOf) with the weight of an edge: 1 where there are no weights.
template <class Real, class Function>
HOST_DEVICE void withWeights(const Real* weights, const Function& function) {
  if (weights) {
    function([=](int64_t e) { return weights[e]; });
  } else {
    function([](int64_t) { return Real(1); });
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
