// Packing for the matrix product: pieces of the operands, widened to Compute<Storage>, in the order
// in which the kernel of cpu/matrix_kernel.h reads them.
#pragma once

#include "cpu/matrix_kernel.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// A matrix in memory: element (i, k) is data[i * length + k].
template <class Storage>
struct Stored {
  const Storage* data;
  int64_t count, length;
};

template <class Real, int step, bool upper, int... lane>
HOST_DEVICE Vector<Real> exchange(Vector<Real> a, Vector<Real> b,
                                  std::integer_sequence<int, lane...>) {
  constexpr int kLanes = Vector<Real>::kLanes;
  using Selection = typename Vector<Real>::NativeInteger;
  if constexpr (upper) {
    return __builtin_shuffle(a.v, b.v, Selection{(lane & step ? lane + kLanes : lane + step)...});
  } else {
    return __builtin_shuffle(a.v, b.v, Selection{(lane & step ? lane + kLanes - step : lane)...});
  }
}

// Exchanges rows and lanes of a square by halves, quarters, ...: log2(kLanes) rounds.
template <class Real, int step = Vector<Real>::kLanes / 2>
HOST_DEVICE void transposeSquare(Vector<Real> (&square)[Vector<Real>::kLanes]) {
  constexpr int kLanes = Vector<Real>::kLanes;
  constexpr auto lanes = std::make_integer_sequence<int, kLanes>{};
  unroll<kLanes>([&](auto row) __attribute__((always_inline)) {
    constexpr int r = row.value;
    if constexpr ((r & step) == 0) {
      const Vector<Real> a = square[r], b = square[r + step];
      square[r] = exchange<Real, step, false>(a, b, lanes);
      square[r + step] = exchange<Real, step, true>(a, b, lanes);
    }
  });
  if constexpr (step > 1) transposeSquare<Real, step / 2>(square);
}

// packed[i][kPanelStride] = rows of a matrix of which k is the fast index.
template <class Storage>
void packRows(const Stored<Storage>& from, int64_t first, int count, int64_t k, int64_t inner,
              Compute<Storage>* packed) {
  using Real = Compute<Storage>;
  constexpr int kLanes = Vector<Real>::kLanes;
  for (int i = 0; i < count; ++i, packed += kPanelStride<Real>) {
    const Storage* row = from.data + (first + i) * from.length + k;
    int64_t at = 0;
    for (; at + kLanes <= inner; at += kLanes) store(packed + at, load(row + at));
    if (at < inner) store(packed + at, loadPartial(row + at, inner - at));
  }
}

// packed[k][width] = `width` neighbours of a matrix of which k is the slow index; what lies beyond
// the end of a row is whatever follows in memory, and zero at the end of the matrix.
template <int width, class Storage>
void packColumns(const Stored<Storage>& from, int64_t first, int64_t k, int64_t inner,
                 Compute<Storage>* packed) {
  using Real = Compute<Storage>;
  constexpr int kLanes = Vector<Real>::kLanes;
  static_assert(width % kLanes == 0);
  const int64_t end = from.count * from.length;
  for (int64_t i = 0; i < inner; ++i, packed += width) {
    const int64_t start = (k + i) * from.length + first;
    for (int at = 0; at < width; at += kLanes) {
      const int64_t left = end - (start + at);
      store(packed + at, left >= kLanes ? load(from.data + start + at)
                         : left > 0     ? loadPartial(from.data + start + at, left)
                                        : Vector<Real>(Real(0)));
    }
  }
}

// packed[k][kTileColumns] = a panel of rows of a matrix of which k is the fast index, transposed;
// rows beyond the end repeat the last one.
template <class Storage>
void packTransposed(const Stored<Storage>& from, int64_t first, int64_t k, int64_t inner,
                    Compute<Storage>* packed) {
  using Real = Compute<Storage>;
  constexpr int kLanes = Vector<Real>::kLanes;
  for (int part = 0; part < kTileColumns<Real>; part += kLanes) {
    const Storage* rows[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t row = first + part + lane;
      rows[lane] = from.data + (row < from.count ? row : from.count - 1) * from.length + k;
    }
    for (int64_t at = 0; at < inner; at += kLanes) {
      const int64_t left = inner - at;
      Vector<Real> square[kLanes];
      unroll<kLanes>([&](auto lane) __attribute__((always_inline)) {
        constexpr int l = lane.value;
        square[l] = left >= kLanes ? load(rows[l] + at) : loadPartial(rows[l] + at, left);
      });
      transposeSquare<Real>(square);
      Real* to = packed + at * kTileColumns<Real> + part;
      unroll<kLanes>([&](auto lane) __attribute__((always_inline)) {
        constexpr int l = lane.value;
        if (l < left) store(to + l * kTileColumns<Real>, square[l]);
      });
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
