// Sums over the neighbours i ± 1 … i ± k of a ring, without indices: O(k) adds of whole vectors
// where k is small, else a sum that slides along the ring, in float64 and afresh in every block.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kDirectNeighbours = 16;
constexpr int64_t kRingBlock = 64;  // oscillators to a partial sum

// Rows (oscillator, stride) of a ring of n with neighbours k, and around them what its sums need.
template <class Real>
struct RingLayout {
  int64_t n, k, stride;

  bool direct() const { return k <= kDirectNeighbours; }
  int64_t halo() const { return direct() ? k : 0; }
  int64_t blocks() const { return (n + kRingBlock - 1) / kRingBlock; }
  // Reals before the partial sums, which are doubles.
  int64_t rowLength() const { return ((n + 2 * halo()) * stride + 127) / 64 * 64; }
  int64_t length() const {
    return rowLength() +
           (direct() ? 0 : blocks() * stride * int64_t(sizeof(double) / sizeof(Real)));
  }
  template <class Pointer>
  auto rows(Pointer sources) const {
    return sources + halo() * stride;
  }
  double* sums(Real* sources) const { return reinterpret_cast<double*>(sources + rowLength()); }
  const double* sums(const Real* sources) const {
    return reinterpret_cast<const double*>(sources + rowLength());
  }
};

// To be called when rows [begin, end) have been written: `begin` is a multiple of kRingBlock.
template <class Real>
void completeRing(const RingLayout<Real>& ring, Real* sources, int64_t begin, int64_t end) {
  const int64_t stride = ring.stride, n = ring.n;
  Real* const rows = ring.rows(sources);
  if (ring.direct()) {
    const size_t bytes = size_t(stride) * sizeof(Real);
    for (int64_t i = begin; i < end && i < ring.k; ++i) {
      memcpy(rows + (n + i) * stride, rows + i * stride, bytes);
    }
    for (int64_t i = begin > n - ring.k ? begin : n - ring.k; i < end; ++i) {
      memcpy(rows + (i - n) * stride, rows + i * stride, bytes);
    }
    return;
  }
  double* const sums = ring.sums(sources);
  for (int64_t first = begin; first < end; first += kRingBlock) {
    double* const to = sums + first / kRingBlock * stride;
    const int64_t last = first + kRingBlock < end ? first + kRingBlock : end;
    for (int64_t c = 0; c < stride; ++c) to[c] = 0;
    for (int64_t i = first; i < last; ++i) {
      for (int64_t c = 0; c < stride; ++c) to[c] += double(rows[i * stride + c]);
    }
  }
}

// to[c] += the rows first, first + 1, … of which there are `count`, around the ring.
template <class Real>
void addRingRows(const RingLayout<Real>& ring, const Real* sources, int64_t first, int64_t count,
                 double* to) {
  const int64_t stride = ring.stride;
  const Real* const rows = ring.rows(sources);
  int64_t i = (first + ring.n) % ring.n;
  while (count > 0) {
    const bool block = i % kRingBlock == 0 && count >= kRingBlock && i + kRingBlock <= ring.n;
    const double* const sums = ring.sums(sources) + i / kRingBlock * stride;
    for (int64_t c = 0; c < stride; ++c) to[c] += block ? sums[c] : double(rows[i * stride + c]);
    i += block ? kRingBlock : 1;
    count -= block ? kRingBlock : 1;
    if (i == ring.n) i = 0;
  }
}

// Rows [begin, end) of the neighbours' sums: output[i - begin][stride], with room for a vector
// more; `scratch`: stride doubles.
template <class Real>
void sumNeighbours(const RingLayout<Real>& ring, const Real* sources, int64_t begin, int64_t end,
                   Real* output, double* scratch) {
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  const int64_t stride = ring.stride, n = ring.n, k = ring.k;
  const Real* const rows = ring.rows(sources);
  if (ring.direct()) {
    const Real* from = rows + begin * stride;
    for (int64_t at = 0; at < (end - begin) * stride; at += kLanes) {
      Vector<Real> left(Real(0)), right(Real(0));
      for (int64_t distance = 1; distance <= k; ++distance) {
        left += load(from + at - distance * stride);
        right += load(from + at + distance * stride);
      }
      store(output + at, left + right);
    }
    return;
  }
  for (int64_t c = 0; c < stride; ++c) scratch[c] = 0;
  addRingRows(ring, sources, begin - k, k, scratch);
  addRingRows(ring, sources, begin + 1, k, scratch);
  int64_t leaving = (begin - k + n) % n, entering = (begin + 1 + k) % n;
  for (int64_t i = begin; i < end; ++i) {
    const Real *const here = rows + i * stride, *const next = rows + (i + 1 < n ? i + 1 : 0) * stride;
    const Real *const old = rows + leaving * stride, *const fresh = rows + entering * stride;
    for (int64_t c = 0; c < stride; ++c) {
      output[(i - begin) * stride + c] = Real(scratch[c]);
      scratch[c] += (double(here[c]) - double(old[c])) + (double(fresh[c]) - double(next[c]));
    }
    if (++leaving == n) leaving = 0;
    if (++entering == n) entering = 0;
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
