// How phases and circles lie in memory on their way through a Kuramoto step: vectors of fixed-point
// phases, the planes (sine or cosine, batch, oscillator) of pointwise work, and the rows
// (oscillator, column) that a graph gathers, column 2 b + (0 sine, 1 cosine).
#pragma once

#include "cpu/matrix_pack.h"
#include "cpu/rows.h"
#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
HOST_DEVICE VectorInteger<Real> loadPhases(WholeVector, const Integer<Real>* from) {
  VectorInteger<Real> result;
  memcpy(&result.v, from, sizeof result.v);
  return result;
}
template <class Real>
HOST_DEVICE VectorInteger<Real> loadPhases(PartialVector access, const Integer<Real>* from) {
  VectorInteger<Real> result(Integer<Real>(0));
  memcpy(&result.v, from, size_t(access.count) * sizeof(Integer<Real>));
  return result;
}
template <class Real>
HOST_DEVICE void storePhases(WholeVector, Integer<Real>* to, VectorInteger<Real> phases) {
  memcpy(to, &phases.v, sizeof phases.v);
}
template <class Real>
HOST_DEVICE void storePhases(PartialVector access, Integer<Real>* to, VectorInteger<Real> phases) {
  memcpy(to, &phases.v, size_t(access.count) * sizeof(Integer<Real>));
}

// Planes of some oscillators of all batches: element i of a component and batch is at
// of(component, b)[i].
template <class Real>
struct Planes {
  Real* data;
  int64_t batch, stride;
  HOST_DEVICE Real* of(int component, int64_t b) const {
    return data + (component * batch + b) * stride;
  }
};

template <class Real, int... lane>
HOST_DEVICE void pairsApart(Vector<Real> a, Vector<Real> b, Vector<Real>& first,
                            Vector<Real>& second, std::integer_sequence<int, lane...>) {
  using Selection = typename Vector<Real>::NativeInteger;
  first = __builtin_shuffle(a.v, b.v, Selection{2 * lane...});
  second = __builtin_shuffle(a.v, b.v, Selection{2 * lane + 1 ...});
}
template <class Real, int... lane>
HOST_DEVICE void pairsTogether(Vector<Real> first, Vector<Real> second, Vector<Real>& a,
                               Vector<Real>& b, std::integer_sequence<int, lane...>) {
  constexpr int kLanes = Vector<Real>::kLanes;
  using Selection = typename Vector<Real>::NativeInteger;
  a = __builtin_shuffle(first.v, second.v, Selection{lane / 2 + lane % 2 * kLanes...});
  b = __builtin_shuffle(first.v, second.v, Selection{(kLanes + lane) / 2 + lane % 2 * kLanes...});
}

// Rows narrower than a vector, of 2^rounds columns: vectors of columns, and vectors of rows.
template <int rounds, class Real>
HOST_DEVICE void columnsTogether(Vector<Real>* vectors) {
  constexpr auto lanes = std::make_integer_sequence<int, Vector<Real>::kLanes>{};
  constexpr int kCount = 1 << rounds, kHalf = kCount / 2;
  for (int round = 0; round < rounds; ++round) {
    Vector<Real> next[kCount];
    for (int k = 0; k < kHalf; ++k) {
      pairsTogether(vectors[k], vectors[k + kHalf], next[2 * k], next[2 * k + 1], lanes);
    }
    for (int k = 0; k < kCount; ++k) vectors[k] = next[k];
  }
}
template <int rounds, class Real>
HOST_DEVICE void columnsApart(Vector<Real>* vectors) {
  constexpr auto lanes = std::make_integer_sequence<int, Vector<Real>::kLanes>{};
  constexpr int kCount = 1 << rounds, kHalf = kCount / 2;
  for (int round = 0; round < rounds; ++round) {
    Vector<Real> next[kCount];
    for (int k = 0; k < kHalf; ++k) {
      pairsApart(vectors[2 * k], vectors[2 * k + 1], next[k], next[k + kHalf], lanes);
    }
    for (int k = 0; k < kCount; ++k) vectors[k] = next[k];
  }
}
// Calls function(rounds) where rows of `rowStride` Reals are such narrow ones.
template <class Real, class Function>
HOST_DEVICE bool withNarrowRows(int64_t rowStride, const Function& function) {
  constexpr int kLanes = Vector<Real>::kLanes;
  if constexpr (kLanes > 2) {
    if (rowStride == 2) return function(std::integral_constant<int, 1>{}), true;
  }
  if constexpr (kLanes > 4) {
    if (rowStride == 4) return function(std::integral_constant<int, 2>{}), true;
  }
  if constexpr (kLanes > 8) {
    if (rowStride == 8) return function(std::integral_constant<int, 3>{}), true;
  }
  return false;
}

// Writes columns [first, first + columns) of `count` rows into planes. `rows` holds whole vectors:
// what lies beyond `count` is read and not looked at.
template <class Real>
void planesOfRows(const Real* rows, int64_t rowStride, int64_t first, int64_t columns,
                  int64_t count, Planes<Real> planes) {
  constexpr int kLanes = Vector<Real>::kLanes;
  const auto plane = [&](int64_t c) { return planes.of(int((first + c) % 2), (first + c) / 2); };
  const auto narrow = [&](auto rounds) {
    constexpr int kCount = 1 << rounds.value;
    for (int64_t i = 0; i < count; i += kLanes) {
      Vector<Real> vectors[kCount];
      for (int k = 0; k < kCount; ++k) vectors[k] = load(rows + i * kCount + k * kLanes);
      columnsApart<rounds.value, Real>(vectors);
      for (int k = 0; k < kCount && k < columns; ++k) store(plane(k) + i, vectors[k]);
    }
  };
  if (withNarrowRows<Real>(rowStride, narrow)) return;
  int64_t c = 0;
  for (; c + kLanes <= rowStride && c < columns; c += kLanes) {
    for (int64_t i = 0; i < count; i += kLanes) {
      Vector<Real> square[kLanes];
      for (int r = 0; r < kLanes; ++r) square[r] = load(rows + (i + r) * rowStride + c);
      transposeSquare<Real>(square);
      for (int k = 0; k < kLanes && c + k < columns; ++k) store(plane(c + k) + i, square[k]);
    }
  }
  for (; c < columns; ++c) {
    for (int64_t i = 0; i < count; ++i) plane(c)[i] = rows[i * rowStride + c];
  }
}

// The way back; of the rows only `count` are written, but whole vectors of their columns: zeros
// beyond `columns`.
template <class Real>
void rowsOfPlanes(Planes<Real> planes, int64_t first, int64_t columns, int64_t count, Real* rows,
                  int64_t rowStride) {
  constexpr int kLanes = Vector<Real>::kLanes;
  const auto plane = [&](int64_t c) { return planes.of(int((first + c) % 2), (first + c) / 2); };
  int64_t begin = 0;
  withNarrowRows<Real>(rowStride, [&](auto rounds) {
    constexpr int kCount = 1 << rounds.value;
    for (; begin + kLanes <= count; begin += kLanes) {
      Vector<Real> vectors[kCount];
      for (int k = 0; k < kCount; ++k) {
        vectors[k] = k < columns ? load(plane(k) + begin) : Vector<Real>(Real(0));
      }
      columnsTogether<rounds.value, Real>(vectors);
      for (int k = 0; k < kCount; ++k) store(rows + begin * kCount + k * kLanes, vectors[k]);
    }
  });
  int64_t c = 0;
  for (; c + kLanes <= rowStride && c < columns; c += kLanes) {
    for (int64_t i = 0; i < count; i += kLanes) {
      Vector<Real> square[kLanes];
      for (int k = 0; k < kLanes; ++k) {
        square[k] = c + k < columns ? load(plane(c + k) + i) : Vector<Real>(Real(0));
      }
      transposeSquare<Real>(square);
      for (int r = 0; r < kLanes && i + r < count; ++r) {
        store(rows + (i + r) * rowStride + c, square[r]);
      }
    }
  }
  for (; c < columns; ++c) {
    for (int64_t i = begin; i < count; ++i) rows[i * rowStride + c] = plane(c)[i];
  }
}

// Calls body(worker, block) for every block, in the order of the blocks; `worker` < the number of
// threads is nobody else's at the time, so that scratch memory may go by it.
template <class Body>
__attribute__((always_inline)) inline void forEachBlock(Context& context, int64_t blocks,
                                                        const Body& body) {
  const int64_t threads = context.threads();
  const int64_t workers = blocks < threads ? blocks : threads;
  int64_t next = 0;
  context.forEach(workers, [&](int64_t worker) {
    for (;;) {
      const int64_t block = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
      if (block >= blocks) return;
      body(worker, block);
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
