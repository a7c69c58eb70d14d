// Sums over the lanes of many vectors at once.
#pragma once

#include "cpu/matrix_pack.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// to[k] = the sum of the lanes of sums[k], many at once by transposition.
template <class Real, int count>
HOST_DEVICE void sumsOfLanes(const Vector<Real> (&sums)[count], Real* to) {
  constexpr int kLanes = Vector<Real>::kLanes;
  unroll<(count + kLanes - 1) / kLanes>([&](auto part) __attribute__((always_inline)) {
    constexpr int first = part.value * kLanes;
    constexpr int here = count - first < kLanes ? count - first : kLanes;
    Vector<Real> square[kLanes];
    unroll<kLanes>([&](auto k) __attribute__((always_inline)) {
      square[k.value] = k.value < here ? sums[first + k.value] : Vector<Real>(Real(0));
    });
    transposeSquare<Real>(square);
    unroll<kLanes - 1>([&](auto k) __attribute__((always_inline)) {
      square[0] = square[0] + square[k.value + 1];
    });
    storePartial(to + first, square[0], here);
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
