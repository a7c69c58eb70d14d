// Sums in an order that is the same for every instruction set: element i goes to lane i mod kLanes
// of a fixed number of lanes, whatever the width of a vector, and the lanes are then halved.
#pragma once

#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
class LaneSums {
 public:
  static constexpr int kLanes = 256 / int(sizeof(Real));
  static constexpr int kVectors = kLanes / Vector<Real>::kLanes;

  LaneSums() {
    for (int j = 0; j < kVectors; ++j) sums_[j] = Vector<Real>(Real(0));
  }

  // Adds term(0), …, term(kLanes - 1), asked for in whole vectors by the index of their first lane.
  template <class Term>
  HOST_DEVICE void add(const Term& term) {
    for (int j = 0; j < kVectors; ++j) sums_[j] += term(j * Vector<Real>::kLanes);
  }
  HOST_DEVICE Real total() const {
    Vector<Real> sums[kVectors];
    for (int j = 0; j < kVectors; ++j) sums[j] = sums_[j];
    for (int half = kVectors / 2; half > 0; half /= 2) {
      for (int j = 0; j < half; ++j) sums[j] += sums[j + half];
    }
    return sumLanes(sums[0]);
  }

 private:
  Vector<Real> sums_[kVectors];
};

// The sum of function(from[0]), …, function(from[count - 1]) in Compute<Storage>.
template <class Storage, class Function>
HOST_DEVICE Compute<Storage> sumOf(const Storage* from, int64_t count, const Function& function) {
  using Real = Compute<Storage>;
  constexpr int64_t kLanes = LaneSums<Real>::kLanes;
  LaneSums<Real> sums;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    sums.add([&](int lane) { return function(load(from + i + lane)); });
  }
  if (i < count) {
    Real rest[kLanes] = {};
    for (int64_t begin = i; begin < count; begin += Vector<Real>::kLanes) {
      const int64_t left = count - begin;
      const int64_t lanes = left < Vector<Real>::kLanes ? left : Vector<Real>::kLanes;
      storePartial(rest + (begin - i), function(loadPartial(from + begin, lanes)), lanes);
    }
    sums.add([&](int lane) { return load(rest + lane); });
  }
  return sums.total();
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
