// P = A X and G = A^T g for few columns, from A as it lies in memory: every element is read once
// for up to kThinColumns columns, and the diagonal counts as 0. Sources and results are planes:
// column c at sources + c stride, zeros beyond n. Bound by reading A.
#pragma once

#include "cpu/lane_sums.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

#if defined(__AVX512F__)
constexpr int kThinSumVectors = 24;
#else
constexpr int kThinSumVectors = 8;
#endif
template <class Real>
constexpr int kThinColumns = kThinSumVectors >= 24 && Vector<Real>::kLanes >= 16 ? 8 : 4;
constexpr int kRowsAhead = 8;  // of A, between the prefetch and the load where rows are crossed

// Vectors of A in Real, whatever it is stored in; of the partial one only `count` elements exist,
// the others are 0.
template <class Real, class Storage>
HOST_DEVICE Vector<Real> loadAs(const Storage* from) {
  if constexpr (std::is_same_v<Compute<Storage>, Real>) {
    return load(from);
  } else {
    return eachLane<Real>([&](int lane) { return Real(widen(from[lane])); });
  }
}
template <class Real, class Storage>
HOST_DEVICE Vector<Real> loadFirst(const Storage* from, int64_t count) {
  constexpr int kLanes = Vector<Real>::kLanes;
#if defined(__AVX512F__)
  const auto mask = (uint32_t(1) << count) - 1;
  if constexpr (std::is_same_v<Storage, float>) {
    return (Vector<float>::Native)_mm512_maskz_loadu_ps(__mmask16(mask), from);
  } else if constexpr (std::is_same_v<Storage, double>) {
    return (Vector<double>::Native)_mm512_maskz_loadu_pd(__mmask8(mask), from);
  }
#endif
  if (count >= kLanes) return loadAs<Real>(from);
  Storage lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  return loadAs<Real>(lanes);
}

// 0 in the lane of element `diagonal` of those from `first` on.
template <class Real>
HOST_DEVICE Vector<Real> withoutDiagonal(Vector<Real> a, int64_t first, int64_t diagonal) {
  typename Vector<Real>::NativeInteger lanes;
  for (int lane = 0; lane < Vector<Real>::kLanes; ++lane) lanes[lane] = lane;
  const VectorInteger<Real> here = lanes == VectorInteger<Real>(Integer<Real>(diagonal - first)).v;
  return select(here, Vector<Real>(Real(0)), a);
}

template <class Real, class Storage>
struct ThinMatrix {
  const Storage* a;  // (n, n)
  int64_t n;
  int64_t stride;  // of source planes
};

// results[c][r] = Σ_j A(row + r, j) x_c(j) for r in [0, rows); rows beyond the end repeat the last.
template <int columns, int rows, class Real, class Storage>
__attribute__((noinline)) void pullThinRows(const ThinMatrix<Real, Storage>& m, const Real* sources,
                                            int64_t row, Real (&results)[columns * rows]) {
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  const Storage* from[rows];
  for (int r = 0; r < rows; ++r) from[r] = m.a + (row + r < m.n ? row + r : m.n - 1) * m.n;
  Vector<Real> sums[columns * rows];
  unroll<columns * rows>([&](auto k) __attribute__((always_inline)) {
    sums[k.value] = Vector<Real>(Real(0));
  });
  const auto add = [&](int64_t j, auto isMasked, int64_t count) __attribute__((always_inline)) {
    Vector<Real> x[columns];
    unroll<columns>([&](auto c) __attribute__((always_inline)) {
      x[c.value] = load(sources + c.value * m.stride + j);
    });
    unroll<rows>([&](auto r) __attribute__((always_inline)) {
      Vector<Real> a;
      if constexpr (isMasked.value) {
        a = withoutDiagonal(loadFirst<Real>(from[r.value] + j, count), j, row + r.value);
      } else {
        a = loadAs<Real>(from[r.value] + j);
      }
      unroll<columns>([&](auto c) __attribute__((always_inline)) {
        constexpr int at = c.value * rows + r.value;
        sums[at] = multiplyAdd(a, x[c.value], sums[at]);
      });
    });
  };
  const int64_t whole = m.n / kLanes * kLanes;
  const int64_t masked = row / kLanes * kLanes;
  const int64_t after = (row + rows + kLanes - 1) / kLanes * kLanes;
  int64_t j = 0;
  for (; j < masked; j += kLanes) add(j, Constant<0>{}, kLanes);
  for (; j < after && j < whole; j += kLanes) add(j, Constant<1>{}, kLanes);
  for (; j < whole; j += kLanes) add(j, Constant<0>{}, kLanes);
  if (j < m.n) add(j, Constant<1>{}, m.n - j);
  sumsOfLanes(sums, results);
}

// output(c)[k] = Σ_i A(i, first + k) g_c(i) for the `width` columns of A from `first` on, which
// fill `vectors` vectors.
template <int columns, int vectors, class Real, class Storage, class Output>
__attribute__((noinline)) void pullThinColumns(const ThinMatrix<Real, Storage>& m,
                                               const Real* sources, int64_t first, int64_t width,
                                               const Output& output) {
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  Vector<Real> sums[columns * vectors];
  unroll<columns * vectors>([&](auto k) __attribute__((always_inline)) {
    sums[k.value] = Vector<Real>(Real(0));
  });
  const int64_t lastCount = width - (vectors - 1) * kLanes;
  const auto add = [&](int64_t i, auto isMasked) __attribute__((always_inline)) {
    const Storage* from = m.a + i * m.n + first;
    unroll<vectors>([&](auto v) __attribute__((always_inline)) {
      __builtin_prefetch(from + kRowsAhead * m.n + v.value * kLanes);
    });
    Vector<Real> g[columns];
    unroll<columns>([&](auto c) __attribute__((always_inline)) {
      g[c.value] = Vector<Real>(sources[c.value * m.stride + i]);
    });
    unroll<vectors>([&](auto v) __attribute__((always_inline)) {
      constexpr int64_t at = v.value * kLanes;
      Vector<Real> a =
          v.value + 1 < vectors ? loadAs<Real>(from + at) : loadFirst<Real>(from + at, lastCount);
      if constexpr (isMasked.value) a = withoutDiagonal(a, first + at, i);
      unroll<columns>([&](auto c) __attribute__((always_inline)) {
        Vector<Real>& sum = sums[c.value * vectors + v.value];
        sum = multiplyAdd(a, g[c.value], sum);
      });
    });
  };
  int64_t i = 0;
  for (; i < first; ++i) add(i, Constant<0>{});
  for (; i < first + width; ++i) add(i, Constant<1>{});
  for (; i < m.n; ++i) add(i, Constant<0>{});
  unroll<columns * vectors>([&](auto k) __attribute__((always_inline)) {
    store(output(k.value / vectors) + k.value % vectors * kLanes, sums[k.value]);
  });
}

// The same for any width up to kThinSumVectors / columns vectors.
template <int columns, class Real, class Storage, class Output, int... n>
void pullThinColumnsOf(const ThinMatrix<Real, Storage>& m, const Real* sources, int64_t first,
                       int64_t width, const Output& output, std::integer_sequence<int, n...>) {
  const int64_t vectors = (width + Vector<Real>::kLanes - 1) / Vector<Real>::kLanes;
  ((vectors == n + 1 ? pullThinColumns<columns, n + 1>(m, sources, first, width, output) : void()),
   ...);
}

// Rows [begin, end) of P (or, transposed, of G) in `columns` columns; output(c) is where the
// column's element `begin` goes, with room for whole vectors.
template <int columns, class Real, class Storage, class Output>
void pullThin(const ThinMatrix<Real, Storage>& m, const Real* sources, int64_t begin, int64_t end,
              bool transposed, const Output& output) {
  constexpr int kVectors = kThinSumVectors / columns;
  constexpr int kRows = kVectors > 8 ? 8 : kVectors;
  if (transposed) {
    constexpr int64_t kWidth = kVectors * Vector<Real>::kLanes;
    for (int64_t j = begin; j < end; j += kWidth) {
      const auto part = [&](int c) { return output(c) + (j - begin); };
      pullThinColumnsOf<columns>(m, sources, j, end - j < kWidth ? end - j : kWidth, part,
                                 std::make_integer_sequence<int, kVectors>{});
    }
    return;
  }
  for (int64_t i = begin; i < end; i += kRows) {
    Real results[columns * kRows];
    pullThinRows<columns, kRows>(m, sources, i, results);
    const int64_t count = end - i < kRows ? end - i : kRows;
    for (int c = 0; c < columns; ++c) {
      for (int64_t r = 0; r < count; ++r) output(c)[i - begin + r] = results[c * kRows + r];
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
