// Large matrix products in tiles of the output (Goto & van de Geijn 2008,
// doi:10.1145/1356052.1356053, with the roles of the operands exchanged): a block of the right
// operand stays in L2, a panel of the left one in L1, sums in registers.
#pragma once

#include "cpu/kernel.h"
#include "cpu/matrix_pack.h"
#include "cpu/matrix_pairs.h"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t quotientUp(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// How the output is cut into tiles, one after the other down a column of tiles, and the inner
// dimension, in elements of panels, into blocks. The blocks, hence the bits of the result, depend
// on the shape alone.
struct Plan {
  int64_t innerBlocks = 1, innerBlock = 0;
  int64_t rowTiles = 1, columnTiles = 1;
  int64_t tileRows = 0, tileColumns = 0;
  int64_t tiles() const { return rowTiles * columnTiles; }
};

// The cost of tiles in cycles, as measured on Zen 4: a vector of products a cycle, and packing, as
// much for an element of pairs as for one number. A thread that the system holds up makes the
// others wait for part of a tile.
template <class Element>
double costOf(const Plan& plan, int64_t inner, int64_t threads, bool transposeRight) {
  const double rows = double(plan.tileRows), columns = double(plan.tileColumns);
  const double perInner = kTileVectors * rows * columns / kTileColumns<Element> + rows * 0.5 +
                          columns * (transposeRight ? 0.7 : 0.5);
  const double held = threads > 1 ? 0.05 : 0;
  return (double(quotientUp(plan.tiles(), threads)) + held) * (perInner * double(inner) + 2000);
}

template <class Element>
Plan planOf(int64_t rows, int64_t columns, int64_t inner, int64_t threads, bool transposeRight) {
  Plan plan;
  plan.innerBlocks = quotientUp(inner, kInnerBlock<Element>);
  // Whole cache lines, so that no load of a row is split between two.
  constexpr int64_t kLine = 64 / int64_t(sizeof(Element));
  plan.innerBlock = quotientUp(quotientUp(inner, plan.innerBlocks), kLine) * kLine;
  plan.innerBlocks = quotientUp(inner, plan.innerBlock);
  constexpr int64_t kWidth = kTileColumns<Element>;
  constexpr int64_t kMaximumColumns = 1536 / int64_t(sizeof(Element)) / kWidth * kWidth;
  double lowest = 0;
  const int64_t fewest = quotientUp(columns, kMaximumColumns);
  for (int64_t wanted = fewest; wanted <= quotientUp(columns, kWidth); wanted += wanted / 4 + 1) {
    for (int64_t waves = 1; waves <= 4; ++waves) {
      Plan other = plan;
      other.tileColumns = quotientUp(quotientUp(columns, wanted), kWidth) * kWidth;
      other.columnTiles = quotientUp(columns, other.tileColumns);
      const int64_t rowTiles = quotientUp(waves * threads, other.columnTiles);
      other.tileRows = quotientUp(rows, rowTiles);
      other.rowTiles = quotientUp(rows, other.tileRows);
      const double cost = costOf<Element>(other, inner, threads, transposeRight);
      if (plan.tileRows == 0 || cost < lowest) {
        plan = other;
        lowest = cost;
      }
    }
  }
  return plan;
}

// One thread's work on tiles, with its packed pieces of the operands.
template <class Element, class Storage, class Output>
class TileWorker {
  using Operation = MatrixProductOf<Storage, Output>;
  using Sum = typename PanelOf<Element>::Sum;
  static constexpr int64_t kWidth = kTileColumns<Element>;
  static constexpr int64_t kDepth = PanelOf<Element>::kDepth;
  // The kernel can read an operand in place.
  static constexpr bool kInPlace = std::is_same_v<Element, Storage>;
  // Sums are kept apart while the output is narrower than they are; the last block narrows them.
  static constexpr bool kKeepsSums = !std::is_same_v<Output, Sum>;

 public:
  // How many Elements of scratch memory a worker needs.
  static int64_t workspace(const Plan& plan) {
    static_assert(sizeof(Element) == sizeof(Sum));
    const bool keeps = kKeepsSums && plan.innerBlocks > 1;
    const int64_t sums = keeps ? plan.tileRows * plan.tileColumns : 0;
    return kLeftSize + plan.innerBlock * plan.tileColumns + sums + kSpacing;
  }

  TileWorker(const Operation& operation, const Plan& plan, Element* memory)
      : op_(operation),
        plan_(plan),
        left_(memory),
        right_(memory + kLeftSize),
        sums_(reinterpret_cast<Sum*>(right_ + plan.innerBlock * plan.tileColumns)) {}

  void multiply(int64_t tile) {
    const int64_t columnTile = tile / plan_.rowTiles, rowTile = tile % plan_.rowTiles;
    rowBegin_ = rowTile * plan_.tileRows;
    rowEnd_ = end(rowBegin_ + plan_.tileRows, op_.rows);
    columnBegin_ = columnTile * plan_.tileColumns;
    columnEnd_ = end(columnBegin_ + plan_.tileColumns, op_.columns);
    for (int64_t block = 0; block < plan_.innerBlocks; ++block) {
      const bool packed = columnTile == packedColumnTile_ && block == packedBlock_;
      const int64_t k = block * plan_.innerBlock * kDepth;
      if (block + 1 < plan_.innerBlocks) {
        multiplyBlock<Sum>(k, packed);
      } else {
        multiplyBlock<Output>(k, packed);
      }
      packedColumnTile_ = columnTile;
      packedBlock_ = block;
    }
  }

 private:
  // Not a multiple of a page: the lines of panels packed together fall into different sets of L1.
  static constexpr int64_t kPanelSize =
      16 + (kTileRows * kPanelStride<Element> > kRowSlots * kInnerBlock<Element>
                ? kTileRows * kPanelStride<Element>
                : kRowSlots * kInnerBlock<Element>);
  // Where the inner index is slow in memory a row holds parts of many panels. They are packed
  // together, a few rows at a time: rows a power of two apart do not stay in caches for the next.
  static constexpr int64_t kPanelsPacked = 8, kRowsPacked = 8;
  static constexpr int64_t kLeftSize = (kInPlace ? 1 : kPanelsPacked) * kPanelSize;
  static constexpr int64_t kSpacing = 128;  // keeps workers off each other's cache lines

  static int64_t end(int64_t wanted, int64_t most) { return wanted < most ? wanted : most; }

  // Rows are cut into panels of nearly equal height: those of 13 run as fast as those of 14.
  int64_t rowOf(int64_t panel) const { return rowBegin_ + panel * (rowEnd_ - rowBegin_) / panels_; }

  template <class Target>
  void multiplyBlock(int64_t k, bool packed) {
    const int64_t nextBlock = k + plan_.innerBlock * kDepth;
    const int64_t inner = end(nextBlock, op_.inner) - k;
    panels_ = quotientUp(rowEnd_ - rowBegin_, kTileRows);
    if (!packed) packRight(k, inner);
    for (int64_t panel = 0; panel < panels_; ++panel) {
      multiplyPanel<Target>(panel, k, inner, packed);
      packed = true;
    }
  }

  template <class Target>
  void multiplyPanel(int64_t panel, int64_t k, int64_t inner, bool packed) {
    const LeftLayout layout = op_.transposeLeft ? LeftLayout::columnWise : LeftLayout::rowWise;
    const int64_t row = rowOf(panel);
    const int count = int(rowOf(panel + 1) - row);
    const bool inPlace = canReadLeftInPlace(row, k + inner);
    if (!inPlace) packLeft(panel, k, inner);
    for (int64_t column = columnBegin_; column < columnEnd_; column += kWidth) {
      TileProduct<Element, Target> tile;
      tile.inner = quotientUp(inner, kDepth);
      tile.left = leftPanel(panel);
      tile.leftStride = op_.rows;
      tile.leftCopy = left_;
      tile.right = rightPanel(column);
      tile.rightStride = kWidth;
      tile.rightCopy = rightPanel(column);
      aim(row, column, k, tile);
      prefetchLeft(panel + 1, k, (column - columnBegin_) / kWidth, tile);
      if constexpr (kInPlace) {
        const bool copying = !packed && copiesRight() && tile.columns == kWidth;
        if (copying) {
          tile.right = op_.right.data + k * op_.columns + column;
          tile.rightStride = op_.columns;
        }
        const bool first = inPlace && column == columnBegin_;
        if (first) tile.left = op_.left.data + k * op_.rows + row;
        tileKernel<Element, Target>(count, first ? LeftLayout::inPlace : layout, copying)(tile);
      } else {
        tileKernel<Element, Target>(count, layout, false)(tile);
      }
    }
  }

  // Says where the tile's sums go and what is added to them.
  template <class Target>
  void aim(int64_t row, int64_t column, int64_t k, TileProduct<Element, Target>& tile) const {
    Sum* const kept = sums_ + (row - rowBegin_) * plan_.tileColumns + column - columnBegin_;
    tile.columns = end(kWidth, op_.columns - column);
    tile.sums = nullptr;
    tile.sumsStride = plan_.tileColumns;
    tile.bias = nullptr;
    if constexpr (std::is_same_v<Target, Output>) {
      tile.output = op_.output.data + row * op_.columns + column;
      tile.outputStride = op_.columns;
      tile.accumulate = op_.accumulate || (!kKeepsSums && k > 0);
      if (kKeepsSums && k > 0) tile.sums = kept;
      if (op_.bias && (kKeepsSums || k == 0)) tile.bias = op_.bias.data + column;
    } else {
      tile.output = kept;
      tile.outputStride = plan_.tileColumns;
      tile.accumulate = k > 0;
    }
  }

  // Lets the kernel of the part-th column panel prefetch its share of the next left panel: two rows
  // of it, or, of a transposed one, every kPrefetchPeriod-th.
  template <class Target>
  void prefetchLeft(int64_t panel, int64_t k, int64_t part,
                    TileProduct<Element, Target>& tile) const {
    const auto bytes = [](int64_t count) { return count * int64_t(sizeof(Storage)); };
    tile.ahead = reinterpret_cast<const char*>(left_);
    tile.aheadPair = tile.aheadStep = 0;
    if (panel == panels_) k += plan_.innerBlock * kDepth;
    if (k >= op_.inner) return;
    const int64_t row = rowOf(panel < panels_ ? panel : 0);
    if (op_.transposeLeft) {
      if (!kInPlace || part >= kPrefetchPeriod) return;
      tile.ahead = reinterpret_cast<const char*>(op_.left.data + (k + part) * op_.rows + row);
      tile.aheadPair = bytes(kTileRows - 1);
      tile.aheadStep = bytes(kPrefetchPeriod * op_.rows);
    } else {
      if (2 * part >= kTileRows || row + 2 * part + 1 >= op_.rows) return;
      tile.ahead = reinterpret_cast<const char*>(op_.left.data + (row + 2 * part) * op_.inner + k);
      tile.aheadPair = bytes(op_.inner);
      tile.aheadStep = bytes(kPrefetchPeriod * kDepth);
    }
  }

  // The kernel loads kRowSlots elements of each of its rows of a transposed left operand.
  bool canReadLeftInPlace(int64_t row, int64_t end) const {
    return op_.transposeLeft && kInPlace &&
           (end - 1) * op_.rows + row + kRowSlots <= op_.inner * op_.rows;
  }

  Element* leftPanel(int64_t panel) const {
    const bool together = op_.transposeLeft && !kInPlace;
    return left_ + (together ? panel % kPanelsPacked * kPanelSize : 0);
  }
  Element* rightPanel(int64_t column) const {
    return right_ + (column - columnBegin_) * plan_.innerBlock;
  }

  void packLeft(int64_t panel, int64_t k, int64_t inner) {
    if (!op_.transposeLeft) {
      const int64_t row = rowOf(panel);
      packRows(Stored<Storage>{op_.left.data, op_.rows, op_.inner}, row,
               int(rowOf(panel + 1) - row), k, inner, left_);
      return;
    }
    if (!kInPlace && panel % kPanelsPacked > 0) return;
    const int64_t last = kInPlace ? panel + 1 : end(panel + kPanelsPacked, panels_);
    const Stored<Storage> from{op_.left.data, op_.inner, op_.rows};
    for (int64_t at = 0; at < inner; at += kRowsPacked) {
      for (int64_t p = panel; p < last; ++p) {
        packColumns<kRowSlots>(from, rowOf(p), k + at, end(kRowsPacked, inner - at),
                               leftPanel(p) + at / kDepth * kRowSlots);
      }
    }
  }

  // Whether the kernel itself packs whole panels of the right operand while it multiplies.
  bool copiesRight() const { return kInPlace && !op_.transposeRight; }

  void packRight(int64_t k, int64_t inner) {
    if (op_.transposeRight) {
      const Stored<Storage> from{op_.right.data, op_.columns, op_.inner};
      for (int64_t column = columnBegin_; column < columnEnd_; column += kWidth) {
        packTransposed(from, column, k, inner, rightPanel(column));
      }
      return;
    }
    const int64_t copied = copiesRight() ? (columnEnd_ - columnBegin_) / kWidth * kWidth : 0;
    const Stored<Storage> from{op_.right.data, op_.inner, op_.columns};
    for (int64_t at = 0; at < inner; at += kRowsPacked) {
      for (int64_t column = columnBegin_ + copied; column < columnEnd_; column += kWidth) {
        packColumns<kWidth>(from, column, k + at, end(kRowsPacked, inner - at),
                            rightPanel(column) + at / kDepth * kWidth);
      }
    }
  }

  const Operation& op_;
  const Plan& plan_;
  Element* left_;
  Element* right_;
  Sum* sums_;
  int64_t rowBegin_ = 0, rowEnd_ = 0, columnBegin_ = 0, columnEnd_ = 0, panels_ = 0;
  int64_t packedColumnTile_ = -1, packedBlock_ = -1;
};

// output = op(left) op(right) + bias (+ output) for inner >= 1, in panels of Element.
template <class Element, class Storage, class Output>
void multiplyTiles(const MatrixProductOf<Storage, Output>& op, Context& context) {
  using Worker = TileWorker<Element, Storage, Output>;
  const int64_t threads = context.threads(), inner = quotientUp(op.inner, PanelOf<Element>::kDepth);
  const Plan plan = planOf<Element>(op.rows, op.columns, inner, threads, op.transposeRight);
  const int64_t workers = plan.tiles() < threads ? plan.tiles() : threads;
  const int64_t share = Worker::workspace(plan);
  Element* const memory = context.workspace<Element>(workers * share);
  int64_t next = workers;
  context.forEach(workers, [&](int64_t index) {
    Worker worker(op, plan, memory + index * share);
    for (int64_t tile = index; tile < plan.tiles();) {
      worker.multiply(tile);
      tile = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
