// P = A X and G = A^T g for many columns and many products of the same A: A is packed once, in
// panels of kPanelRows rows (columns, where transposed), widened, its diagonal 0. A panel then
// streams through the kernel, whose row of sums are registers: element (k, r) broadcast times a
// vector of columns of the sources.
// Measured on two Zen 4 cores: 226 of 234 GFLOP/s with A (16 MiB) in the last-level cache; from A
// as it lies in memory it would be 107 to 165, because rows 2^k apart share a set of L1.
#pragma once

#include "cpu/kernel.h"
#include "cpu/kuramoto_thin.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

#if defined(__AVX512F__)
constexpr int kPanelRows = 16;
#else
constexpr int kPanelRows = 8;
#endif

inline int64_t panelCount(int64_t n) {
  return (n + kPanelRows - 1) / kPanelRows;
}

// packed[k][kPanelRows] = A(panel kPanelRows + r, k), or A(k, panel kPanelRows + r) transposed.
template <class Real, class Storage>
void packPanel(const Storage* a, int64_t n, int64_t panel, bool transposed, Real* packed) {
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  const int64_t first = panel * kPanelRows;
  for (int64_t part = 0; part < kPanelRows; part += kLanes) {
    const int64_t count = n - first - part;  // of rows that exist
    if (transposed) {
      for (int64_t k = 0; k < n; ++k) {
        const Storage* from = a + k * n + first + part;
        store(packed + k * kPanelRows + part, count >= kLanes ? loadAs<Real>(from)
                                              : count > 0     ? loadFirst<Real>(from, count)
                                                              : Vector<Real>(Real(0)));
      }
      continue;
    }
    for (int64_t k = 0; k < n; k += kLanes) {
      Vector<Real> square[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) {
        const Storage* from = a + (first + part + r) * n + k;
        square[r] = r >= count        ? Vector<Real>(Real(0))
                    : n - k >= kLanes ? loadAs<Real>(from)
                                      : loadFirst<Real>(from, n - k);
      }
      transposeSquare<Real>(square);
      for (int64_t at = 0; at < kLanes && k + at < n; ++at) {
        store(packed + (k + at) * kPanelRows + part, square[at]);
      }
    }
  }
  for (int64_t r = 0; r < kPanelRows && first + r < n; ++r) {
    packed[(first + r) * kPanelRows + r] = 0;
  }
}

// output[r][kLanes] = Σ_k packed[k][r] sources[k][kLanes]
template <class Real>
__attribute__((noinline)) void multiplyPanel(const Real* packed, const Real* sources, int64_t n,
                                             Real* output) {
  constexpr int kLanes = Vector<Real>::kLanes;
  constexpr int64_t kAhead = 16384 / int64_t(sizeof(Real));  // elements: a good 4000 cycles
  constexpr int kStepLines =
      kPanelRows * int(sizeof(Real)) / 64 > 0 ? kPanelRows * int(sizeof(Real)) / 64 : 1;
  Vector<Real> sums[kPanelRows];
  unroll<kPanelRows>([&](auto r)
                         __attribute__((always_inline)) { sums[r.value] = Vector<Real>(Real(0)); });
  for (int64_t k = 0; k < n; ++k, packed += kPanelRows, sources += kLanes) {
    unroll<kStepLines>([&](auto line) __attribute__((always_inline)) {
      __builtin_prefetch(packed + kAhead + line.value * (64 / int(sizeof(Real))));
    });
    const Vector<Real> x = load(sources);
    unroll<kPanelRows>([&](auto r) __attribute__((always_inline)) {
      sums[r.value] = multiplyAdd(Vector<Real>(packed[r.value]), x, sums[r.value]);
    });
  }
  unroll<kPanelRows>([&](auto r) __attribute__((always_inline)) {
    store(output + r.value * kLanes, sums[r.value]);
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
