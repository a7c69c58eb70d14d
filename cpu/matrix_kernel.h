// The register-blocked heart of the matrix product: `Rows` rows of the left operand, broadcast
// element by element, times two vectors of columns of the right one, all sums in registers:
// output[r][c] += sum over k of left[r][k] right[k][c], k ascending in one chain of sums.
#pragma once

#include <type_traits>
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
template <class Element>
constexpr int kTileColumns = kTileVectors* kVectorBytes / int(sizeof(Element));
// The inner length of a panel: 1536 bytes, so that a left panel (21 KiB) stays in L1.
template <class Element>
constexpr int kInnerBlock = 1536 / int(sizeof(Element));
// The row stride of a row-wise left panel: an odd number of cache lines, so that the rows of a
// panel fall into different sets of L1.
template <class Element>
constexpr int kPanelStride = kInnerBlock<Element> + 64 / int(sizeof(Element));

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

// What the elements of packed panels are and how a row of the kernel multiplies them: numbers, with
// fma. cpu/matrix_pairs.h has another.
template <class Element>
struct PanelOf {
  using Sum = Element;
  using Right = Vector<Element>;
  static constexpr int kDepth = 1;  // inner indices in an element

  HOST_DEVICE static Right load(const Element* from) { return entrain::load(from); }
  HOST_DEVICE static void addProducts(const Element& left, const Right (&right)[kTileVectors],
                                      Vector<Sum> (&sums)[kTileVectors]) {
    const Vector<Element> a(left);
    unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
      constexpr int c = column.value;
      sums[c] = multiplyAdd(a, right[c], sums[c]);
    });
  }
  template <class Output>
  HOST_DEVICE static void write(const Vector<Sum> (&sums)[kTileVectors], Output* to) {
    unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
      store(to + column.value * Vector<Sum>::kLanes, sums[column.value]);
    });
  }
};

// A left panel packed by rows or by columns, or one that the kernel reads in place, k being the
// slow index, and packs by columns for the calls that follow.
enum class LeftLayout { rowWise, columnWise, inPlace };

// One tile. Where the output is narrower than the sums, `sums` holds those of the blocks before.
template <class Element, class Output = Element>
struct TileProduct {
  using Sum = typename PanelOf<Element>::Sum;

  int64_t inner;        // at most kInnerBlock
  const Element* left;  // packed panel, or in place: [inner][leftStride]
  int64_t leftStride;
  Element* leftCopy;     // where a left panel read in place is packed
  const Element* right;  // [inner][rightStride], kTileColumns of each row are used
  int64_t rightStride;
  Element* rightCopy;  // where a copying kernel packs the right operand: [inner][kTileColumns]
  Output* output;
  int64_t outputStride;
  const Sum* sums;  // added when not null
  int64_t sumsStride;
  int64_t columns;  // at most kTileColumns
  const Sum* bias;  // added when not null
  bool accumulate;  // adds to what the output holds
  // What a later call reads: while this one runs, `ahead` and `ahead + aheadPair` are brought to
  // L2, aheadStep bytes further every kPrefetchPeriod steps.
  const char* ahead;
  int64_t aheadPair, aheadStep;
};
constexpr int kPrefetchPeriod = 4;
// Steps between the prefetch and the load of an operand that is read in place: 16 x 28 cycles.
constexpr int kStepsAhead = 16;

template <class Element, class Output, class Sum, int Rows>
HOST_DEVICE void writeTile(const TileProduct<Element, Output>& tile,
                           Vector<Sum> (&sums)[Rows][kTileVectors]) {
  constexpr int kLanes = Vector<Sum>::kLanes;
  const auto addAll = [&](const auto* from, int64_t stride) __attribute__((always_inline)) {
    unroll<Rows>([&](auto row) __attribute__((always_inline)) {
      unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
        Vector<Sum>& sum = sums[row.value][column.value];
        sum = sum + load(from + row.value * stride + column.value * kLanes);
      });
    });
  };
  if constexpr (!std::is_same_v<Output, Sum>) {
    if (tile.sums) addAll(tile.sums, tile.sumsStride);
  }
  if (tile.bias) addAll(tile.bias, 0);
  if (tile.accumulate) addAll(tile.output, tile.outputStride);
  unroll<Rows>([&](auto row) __attribute__((always_inline)) {
    PanelOf<Element>::write(sums[row.value], tile.output + row.value * tile.outputStride);
  });
}

template <class Element, class Output, class Sum, int Rows>
__attribute__((noinline)) void writePartialTile(const TileProduct<Element, Output>& tile,
                                                const Sum* sums) {
  for (int r = 0; r < Rows; ++r) {
    for (int64_t c = 0; c < tile.columns; ++c) {
      Output* to = tile.output + r * tile.outputStride + c;
      Sum sum = sums[r * kTileColumns<Element> + c];
      if (tile.sums) sum += tile.sums[r * tile.sumsStride + c];
      if (tile.bias) sum += tile.bias[c];
      if (tile.accumulate) sum += widen(*to);
      *to = narrow<Output>(sum);
    }
  }
}

template <class Element, class Output, int Rows, LeftLayout Layout, bool CopyRight>
__attribute__((noinline)) void multiplyTile(const TileProduct<Element, Output>& tile) {
  using Panel = PanelOf<Element>;
  using Sum = typename Panel::Sum;
  constexpr int kLanes = Vector<Sum>::kLanes;
  constexpr bool kKeepsSums = !std::is_same_v<Output, Sum>;
  Vector<Sum> sums[Rows][kTileVectors];
  unroll<Rows>([&](auto row) __attribute__((always_inline)) {
    unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
      sums[row.value][column.value] = Vector<Sum>(Sum(0));
    });
  });
  const Element* left = tile.left;
  const Element* right = tile.right;
  Element* rightCopy = tile.rightCopy;
  Element* leftCopy = tile.leftCopy;
  const int64_t leftStride = Layout == LeftLayout::inPlace   ? tile.leftStride
                             : Layout == LeftLayout::rowWise ? 1
                                                             : kRowSlots;
  const int64_t rightStride = CopyRight ? tile.rightStride : kTileColumns<Element>;
  // Prefetches are spread over the loop: a burst of them would hold up the loads of the right
  // panel.
  const Output* output = tile.output;
  const Output* const lastOutput = output + (Rows - 1) * tile.outputStride;
  const Sum* kept = tile.sums;
  const char* ahead = tile.ahead;
  for (int64_t rest = tile.inner; rest > 0; rest -= kPrefetchPeriod) {
    __builtin_prefetch(output, 1);
    __builtin_prefetch(output + kTileColumns<Element> - 1, 1);
    if constexpr (kKeepsSums) {
      __builtin_prefetch(kept);
      __builtin_prefetch(kept + kTileColumns<Element> - 1);
      kept = kept && output < lastOutput ? kept + tile.sumsStride : kept;
    }
    output = output < lastOutput ? output + tile.outputStride : output;
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + tile.aheadPair, 0, 2);
    ahead += tile.aheadStep;
    for (int step = rest < kPrefetchPeriod ? int(rest) : kPrefetchPeriod; step > 0; --step) {
      typename Panel::Right b[kTileVectors];
      if constexpr (CopyRight) {
        __builtin_prefetch(right + kStepsAhead * rightStride);
        __builtin_prefetch(right + kStepsAhead * rightStride + kTileColumns<Element> - 1);
      }
      unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
        constexpr int c = column.value;
        b[c] = Panel::load(right + c * kLanes);
        if constexpr (CopyRight) store(rightCopy + c * kLanes, b[c]);
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
        Panel::addProducts(left[Layout == LeftLayout::rowWise ? r * kPanelStride<Element> : r], b,
                           sums[r]);
      });
      left += leftStride;
      right += rightStride;
      if constexpr (CopyRight) rightCopy += kTileColumns<Element>;
    }
  }
  if (tile.columns == kTileColumns<Element>) {
    writeTile(tile, sums);
  } else {
    Sum spilled[Rows * kTileColumns<Element>];
    unroll<Rows>([&](auto row) __attribute__((always_inline)) {
      unroll<kTileVectors>([&](auto column) __attribute__((always_inline)) {
        store(spilled + row.value * kTileColumns<Element> + column.value * kLanes,
              sums[row.value][column.value]);
      });
    });
    writePartialTile<Element, Output, Sum, Rows>(tile, spilled);
  }
}

// multiplyTile for a height known only at run time: kernels[rows - 1].
template <class Element, class Output>
using TileKernel = void (*)(const TileProduct<Element, Output>&);
template <class Element, class Output, LeftLayout Layout, bool CopyRight, int... n>
HOST_DEVICE TileKernel<Element, Output> tileKernelOf(int rows, std::integer_sequence<int, n...>) {
  static constexpr TileKernel<Element, Output> kernels[] = {
      multiplyTile<Element, Output, n + 1, Layout, CopyRight>...};
  return kernels[rows - 1];
}
template <class Element, class Output, LeftLayout Layout>
HOST_DEVICE TileKernel<Element, Output> tileKernelOf(int rows, bool copyRight) {
  constexpr auto heights = std::make_integer_sequence<int, kTileRows>{};
  if constexpr (std::is_same_v<Element, Output>) {
    if (copyRight) return tileKernelOf<Element, Output, Layout, true>(rows, heights);
  }
  return tileKernelOf<Element, Output, Layout, false>(rows, heights);
}
// In place and copying only where operands and output are of one type.
template <class Element, class Output = Element>
inline TileKernel<Element, Output> tileKernel(int rows, LeftLayout layout, bool copyRight) {
  if constexpr (std::is_same_v<Element, Output>) {
    if (layout == LeftLayout::inPlace) {
      return tileKernelOf<Element, Output, LeftLayout::inPlace>(rows, copyRight);
    }
  }
  return layout == LeftLayout::rowWise
             ? tileKernelOf<Element, Output, LeftLayout::rowWise>(rows, copyRight)
             : tileKernelOf<Element, Output, LeftLayout::columnWise>(rows, copyRight);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
