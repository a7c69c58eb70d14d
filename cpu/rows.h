// Loops over the vectors of a row-major (rows, width) array, over all threads, where an element
// also needs its column.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// How to reach a vector: all its lanes, or the first `count` at the end of a row.
struct WholeVector {
  template <class Storage>
  HOST_DEVICE auto load(const Storage* from) const {
    return entrain::load(from);
  }
  template <class Storage>
  HOST_DEVICE void store(Storage* to, Vector<Compute<Storage>> x) const {
    entrain::store(to, x);
  }
};
struct PartialVector {
  int64_t count;
  template <class Storage>
  HOST_DEVICE auto load(const Storage* from) const {
    return loadPartial(from, count);
  }
  template <class Storage>
  HOST_DEVICE void store(Storage* to, Vector<Compute<Storage>> x) const {
    storePartial(to, x, count);
  }
};

constexpr int64_t kRowGrain = 16384;  // elements a task takes

// Calls body(index, column, access) for every vector of every row: `index` of its first element.
template <class Real, class Body>
void forEachRowVector(Context& context, int64_t rows, int64_t width, const Body& body) {
  constexpr int64_t kLanes = Vector<Compute<Real>>::kLanes;
  const int64_t grain = kRowGrain / width > 1 ? kRowGrain / width : 1;
  context.forRange(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t first = row * width;
      int64_t column = 0;
      for (; column + kLanes <= width; column += kLanes) {
        body(first + column, column, WholeVector{});
      }
      if (column < width) body(first + column, column, PartialVector{width - column});
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
