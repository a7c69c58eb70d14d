// The register-blocked heart of the matrix product: `Rows` rows of the left operand, broadcast
// element by element, times two vectors of columns of the right one, all sums in registers:
// output[r][c] += sum over k of left[r][k] right[k][c], k ascending in one chain of fma.
#pragma once

#include <utility>

#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Rows x 2 accumulators, 2 vectors of the right operand and 1 broadcast fill the registers: 31 of
// 32 with AVX-512, 15 of 16 with AVX2; SSE has no fma and spends one more on the product.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kTileRows = 3;  // the checks of taller kernels take minutes and gigabytes to compile
#elif defined(__AVX512F__)
constexpr int kTileRows = 14;
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
#else
constexpr int kTileRows = 4;
#endif
constexpr int kTileVectors = 2;
constexpr int kRowSlots = kVectorBytes / 4;  // of a column-wise panel: at least kTileRows
template <class Real>
constexpr int kTileColumns = kTileVectors* Vector<Real>::kLanes;
// The inner length of a panel: 1536 bytes, so that a left panel (21 KiB) stays in L1.
template <class Real>
constexpr int kInnerBlock = 1536 / int(sizeof(Real));
// The row stride of a row-wise left panel: an odd number of cache lines, so that the rows of a
// panel fall into different sets of L1.
template <class Real>
constexpr int kPanelStride = kInnerBlock<Real> + 64 / int(sizeof(Real));

// Calls function(Constant<0>), ..., function(Constant<count - 1>) without a loop.
template <int n>
struct Constant {
  static constexpr int value = n;
};
template <class Function, int... n>
HOST_DEVICE void unroll(const Function& function, std::integer_sequence<int, n...>) {
  (function(Constant<n>{}), ...);
}
template <int count, class Function>
HOST_DEVICE void unroll(const Function& function) {
  unroll(function, std::make_integer_sequence<int, count>{});
}

// a b + c, with one rounding where the instruction set has fma.
template <class Real>
HOST_DEVICE Vector<Real> multiplyAdd(Vector<Real> a, Vector<Real> b, Vector<Real> c) {
#if defined(__FP_FAST_FMAF)
  return fma(a, b, c);
#else
  return a * b + c;
#endif
}

// A left panel packed by rows or by columns, or one that the kernel reads in place, k being the
// slow index, and packs by columns for the calls that follow.
enum class LeftLayout { rowWise, columnWise, inPlace };

template <class Real>
struct TileProduct {
  int64_t inner;     // at most kInnerBlock
  const Real* left;  // packed panel, or in place: [inner][leftStride]
  int64_t leftStride;
  Real* leftCopy;     // where a left panel read in place is packed
  const Real* right;  // [inner][rightStride], kTileColumns of each row are used
  int64_t rightStride;
  Real* rightCopy;  // where a copying kernel packs the right operand: [inner][kTileColumns]
  Real* output;
  int64_t outputStride;
  int64_t columns;   // at most kTileColumns
  const Real* bias;  // added when not null
  bool accumulate;   // adds to what the output holds
  // What a later call reads: while this one runs, `ahead` and `ahead + aheadPair` are brought to
  // L2, aheadStep bytes further every kPrefetchPeriod steps.
  const char* ahead;
  int64_t aheadPair, aheadStep;
};
constexpr int kPrefetchPeriod = 4;
// Steps between the prefetch and the load of an operand that is read in place: 16 x 28 cycles.
constexpr int kStepsAhead = 16;

template <class Real, int Rows>
HOST_DEVICE void writeTile(const TileProduct<Real>& tile,
                           Vector<Real> (&sums)[Rows][kTileVectors]) {
  constexpr int kLanes = Vector<Real>::kLanes;
  Real* const output = tile.output;
  const int64_t stride = tile.outputStride;
  const auto forAll = [&](const auto& function) __attribute__((always_inline)) {
    unroll<Rows>([&](auto row) __attribute__((always_inline)) {
      unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
        function(sums[row.value][column.value], output + row.value * stride + column.value * kLanes,
                 column.value * kLanes);
      });
    });
  };
  if (const Real* bias = tile.bias) {
    forAll([&](Vector<Real> & sum, Real*, int column)
               __attribute__((always_inline)) { sum = sum + load(bias + column); });
  }
  if (tile.accumulate) {
    forAll([&](Vector<Real> & sum, Real * to, int)
               __attribute__((always_inline)) { sum = sum + load(to); });
  }
  forAll([&](Vector<Real> & sum, Real * to, int)
             __attribute__((always_inline)) { store(to, sum); });
}

template <class Real, int Rows>
__attribute__((noinline)) void writePartialTile(const TileProduct<Real>& tile, const Real* sums) {
  for (int r = 0; r < Rows; ++r) {
    for (int64_t c = 0; c < tile.columns; ++c) {
      Real* to = tile.output + r * tile.outputStride + c;
      Real sum = sums[r * kTileColumns<Real> + c];
      if (tile.bias) sum += tile.bias[c];
      if (tile.accumulate) sum += *to;
      *to = sum;
    }
  }
}

template <class Real, int Rows, LeftLayout Layout, bool CopyRight>
__attribute__((noinline)) void multiplyTile(const TileProduct<Real>& tile) {
  constexpr int kLanes = Vector<Real>::kLanes;
  Vector<Real> sums[Rows][kTileVectors];
  unroll<Rows>([&](auto row) __attribute__((always_inline)) {
    unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
      sums[row.value][column.value] = Vector<Real>(Real(0));
    });
  });
  const Real* left = tile.left;
  const Real* right = tile.right;
  Real* rightCopy = tile.rightCopy;
  Real* leftCopy = tile.leftCopy;
  const int64_t leftStride = Layout == LeftLayout::inPlace   ? tile.leftStride
                             : Layout == LeftLayout::rowWise ? 1
                                                             : kRowSlots;
  const int64_t rightStride = CopyRight ? tile.rightStride : kTileColumns<Real>;
  // Prefetches are spread over the loop: a burst of them would hold up the loads of the right
  // panel.
  const Real* output = tile.output;
  const Real* const lastOutput = output + (Rows - 1) * tile.outputStride;
  const char* ahead = tile.ahead;
  for (int64_t rest = tile.inner; rest > 0; rest -= kPrefetchPeriod) {
    __builtin_prefetch(output, 1);
    __builtin_prefetch(output + kTileColumns<Real> - 1, 1);
    output = output < lastOutput ? output + tile.outputStride : output;
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + tile.aheadPair, 0, 2);
    ahead += tile.aheadStep;
    for (int step = rest < kPrefetchPeriod ? int(rest) : kPrefetchPeriod; step > 0; --step) {
      Vector<Real> b[kTileVectors];
      if constexpr (CopyRight) {
        __builtin_prefetch(right + kStepsAhead * rightStride);
        __builtin_prefetch(right + kStepsAhead * rightStride + kTileColumns<Real> - 1);
      }
      unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
        constexpr int c = column.value;
        b[c] = load(right + c * kLanes);
        if (CopyRight) store(rightCopy + c * kLanes, b[c]);
      });
      if constexpr (Layout == LeftLayout::inPlace) {
        __builtin_prefetch(left + kStepsAhead * leftStride);
        __builtin_prefetch(left + kStepsAhead * leftStride + Rows - 1);
        unroll<kRowSlots / kLanes>([&](auto part) __attribute__((always_inline)) {
          store(leftCopy + part.value * kLanes, load(left + part.value * kLanes));
        });
        leftCopy += kRowSlots;
      }
      unroll<Rows>([&](auto row) __attribute__((always_inline)) {
        constexpr int r = row.value;
        const Vector<Real> a(left[Layout == LeftLayout::rowWise ? r * kPanelStride<Real> : r]);
        unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
          constexpr int c = column.value;
          sums[r][c] = multiplyAdd(a, b[c], sums[r][c]);
        });
      });
      left += leftStride;
      right += rightStride;
      if (CopyRight) rightCopy += kTileColumns<Real>;
    }
  }
  if (tile.columns == kTileColumns<Real>) {
    writeTile<Real, Rows>(tile, sums);
  } else {
    Real spilled[Rows * kTileColumns<Real>];
    unroll<Rows>([&](auto row) __attribute__((always_inline)) {
      unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
        store(spilled + row.value * kTileColumns<Real> + column.value * kLanes,
              sums[row.value][column.value]);
      });
    });
    writePartialTile<Real, Rows>(tile, spilled);
  }
}

// multiplyTile for a height known only at run time: kernels[rows - 1].
template <class Real>
using TileKernel = void (*)(const TileProduct<Real>&);
template <class Real, LeftLayout Layout, bool CopyRight, int... n>
HOST_DEVICE TileKernel<Real> tileKernelOf(int rows, std::integer_sequence<int, n...>) {
  static constexpr TileKernel<Real> kernels[] = {multiplyTile<Real, n + 1, Layout, CopyRight>...};
  return kernels[rows - 1];
}
template <class Real, LeftLayout Layout>
HOST_DEVICE TileKernel<Real> tileKernelOf(int rows, bool copyRight) {
  constexpr auto heights = std::make_integer_sequence<int, kTileRows>{};
  return copyRight ? tileKernelOf<Real, Layout, true>(rows, heights)
                   : tileKernelOf<Real, Layout, false>(rows, heights);
}
template <class Real>
inline TileKernel<Real> tileKernel(int rows, LeftLayout layout, bool copyRight) {
  switch (layout) {
    case LeftLayout::rowWise:
      return tileKernelOf<Real, LeftLayout::rowWise>(rows, copyRight);
    case LeftLayout::columnWise:
      return tileKernelOf<Real, LeftLayout::columnWise>(rows, copyRight);
    default:
      return tileKernelOf<Real, LeftLayout::inPlace>(rows, copyRight);
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
