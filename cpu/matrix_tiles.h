// Large matrix products in tiles of the output (Goto & van de Geijn 2008,
// doi:10.1145/1356052.1356053, with the roles of the operands exchanged): a block of the right
// operand stays in L2, a panel of the left one in L1, sums in registers.
#pragma once

#include "cpu/kernel.h"
#include "cpu/matrix_pack.h"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t quotientUp(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// How the output is cut into tiles, one after the other down a column of tiles, and the inner
// dimension into blocks. The blocks, hence the bits of the result, depend on the shape alone.
struct Plan {
  int64_t innerBlocks = 1, innerBlock = 0;
  int64_t rowTiles = 1, columnTiles = 1;
  int64_t tileRows = 0, tileColumns = 0;
  int64_t tiles() const { return rowTiles * columnTiles; }
};

// The cost of tiles in cycles, as measured on Zen 4: a vector fma a cycle, and packing. A thread
// that the system holds up makes the others wait for part of a tile.
template <class Real>
double costOf(const Plan& plan, int64_t inner, int64_t threads, bool transposeRight) {
  const double rows = double(plan.tileRows), columns = double(plan.tileColumns);
  const double perInner =
      rows * columns / Vector<Real>::kLanes + rows * 0.5 + columns * (transposeRight ? 0.7 : 0.5);
  const double held = threads > 1 ? 0.05 : 0;
  return (double(quotientUp(plan.tiles(), threads)) + held) * (perInner * double(inner) + 2000);
}

template <class Real>
Plan planOf(int64_t rows, int64_t columns, int64_t inner, int64_t threads, bool transposeRight) {
  Plan plan;
  plan.innerBlocks = quotientUp(inner, kInnerBlock<Real>);
  plan.innerBlock = plan.innerBlocks ? quotientUp(inner, plan.innerBlocks) : 0;
  constexpr int64_t kWidth = kTileColumns<Real>;
  constexpr int64_t kMaximumColumns = 1536 / int64_t(sizeof(Real)) / kWidth * kWidth;
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
      const double cost = costOf<Real>(other, inner, threads, transposeRight);
      if (plan.tileRows == 0 || cost < lowest) {
        plan = other;
        lowest = cost;
      }
    }
  }
  return plan;
}

// to[i] = sums[i] (+ to[i])
template <class Output>
void writeRow(const Compute<Output>* sums, Output* to, int64_t count, bool accumulate) {
  using Real = Compute<Output>;
  constexpr int kLanes = Vector<Real>::kLanes;
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    Vector<Real> sum = left >= kLanes ? load(sums + i) : loadPartial(sums + i, left);
    if (accumulate) sum = sum + (left >= kLanes ? load(to + i) : loadPartial(to + i, left));
    if (left >= kLanes) {
      store(to + i, sum);
    } else {
      storePartial(to + i, sum, left);
    }
  }
}

// One thread's work on tiles, with its packed pieces of the operands.
template <class Storage, class Output>
class TileWorker {
  using Operation = MatrixProductOf<Storage, Output>;
  using Real = Compute<Storage>;
  static constexpr int64_t kWidth = kTileColumns<Real>;

 public:
  // How many Reals of scratch memory a worker needs.
  static int64_t workspace(const Plan& plan) {
    const int64_t sums = kWideSums ? plan.tileRows * plan.tileColumns : 0;
    return kLeftSize + plan.innerBlock * plan.tileColumns + sums + kSpacing;
  }

  TileWorker(const Operation& operation, const Plan& plan, Real* memory)
      : op_(operation),
        plan_(plan),
        left_(memory),
        right_(memory + kLeftSize),
        sums_(right_ + plan.innerBlock * plan.tileColumns) {}

  void multiply(int64_t tile) {
    const int64_t columnTile = tile / plan_.rowTiles, rowTile = tile % plan_.rowTiles;
    rowBegin_ = rowTile * plan_.tileRows;
    rowEnd_ = end(rowBegin_ + plan_.tileRows, op_.rows);
    columnBegin_ = columnTile * plan_.tileColumns;
    columnEnd_ = end(columnBegin_ + plan_.tileColumns, op_.columns);
    for (int64_t block = 0; block < plan_.innerBlocks; ++block) {
      const bool packed = columnTile == packedColumnTile_ && block == packedBlock_;
      multiplyBlock(block * plan_.innerBlock, packed);
      packedColumnTile_ = columnTile;
      packedBlock_ = block;
    }
    if constexpr (kWideSums) narrowSums();
  }

 private:
  // Sums are kept apart while the output is narrower than they are.
  static constexpr bool kWideSums = sizeof(Output) < sizeof(Real);
  static constexpr int64_t kLeftSize = kTileRows * kPanelStride<Real> > kRowSlots* kInnerBlock<Real>
                                           ? kTileRows* kPanelStride<Real>
                                           : kRowSlots* kInnerBlock<Real>;
  static constexpr int64_t kSpacing = 128;  // keeps workers off each other's cache lines

  static int64_t end(int64_t wanted, int64_t most) { return wanted < most ? wanted : most; }

  // Rows are cut into panels of nearly equal height: those of 13 run as fast as those of 14.
  void multiplyBlock(int64_t k, bool packed) {
    const int64_t inner = end(k + plan_.innerBlock, op_.inner) - k;
    const int64_t rows = rowEnd_ - rowBegin_, panels = quotientUp(rows, kTileRows);
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t row = rowBegin_ + panel * rows / panels;
      const int count = int(rowBegin_ + (panel + 1) * rows / panels - row);
      const int64_t nextRow = panel + 1 < panels ? row + count : rowBegin_;
      const int64_t nextK = panel + 1 < panels ? k : k + plan_.innerBlock;
      multiplyPanel(row, count, k, inner, packed, nextRow, nextK);
      packed = true;
    }
  }

  void multiplyPanel(int64_t row, int count, int64_t k, int64_t inner, bool packed, int64_t nextRow,
                     int64_t nextK) {
    const LeftLayout layout = op_.transposeLeft ? LeftLayout::columnWise : LeftLayout::rowWise;
    const bool inPlace = canReadLeftInPlace(row, k + inner);
    if (!inPlace) packLeft(row, count, k, inner);
    for (int64_t column = columnBegin_; column < columnEnd_; column += kWidth) {
      Real* right = right_ + (column - columnBegin_) * plan_.innerBlock;
      TileProduct<Real> tile;
      tile.inner = inner;
      tile.left = left_;
      tile.leftStride = op_.rows;
      tile.leftCopy = left_;
      tile.right = right;
      tile.rightStride = kWidth;
      tile.rightCopy = right;
      if constexpr (kWideSums) {
        tile.output = sums_ + (row - rowBegin_) * plan_.tileColumns + column - columnBegin_;
        tile.outputStride = plan_.tileColumns;
      } else {
        tile.output = op_.output.data + row * op_.columns + column;
        tile.outputStride = op_.columns;
      }
      tile.columns = end(kWidth, op_.columns - column);
      tile.bias = k == 0 && op_.bias ? op_.bias.data + column : nullptr;
      tile.accumulate = k > 0 || (op_.accumulate && !kWideSums);
      bool copying = false;
      if (!packed) copying = packRight(column, k, inner, tile);
      prefetchLeft(nextRow, nextK, (column - columnBegin_) / kWidth, tile);
      if constexpr (sizeof(Storage) == sizeof(Real)) {
        if (inPlace && column == columnBegin_) {
          tile.left = op_.left.data + k * op_.rows + row;
          tileKernel<Real>(count, LeftLayout::inPlace, copying)(tile);
          continue;
        }
      }
      tileKernel<Real>(count, layout, copying)(tile);
    }
  }

  void narrowSums() {
    for (int64_t row = rowBegin_; row < rowEnd_; ++row) {
      writeRow(sums_ + (row - rowBegin_) * plan_.tileColumns,
               op_.output.data + row * op_.columns + columnBegin_, columnEnd_ - columnBegin_,
               op_.accumulate);
    }
  }

  // Lets the kernel of the part-th column panel prefetch its share of a left panel: two rows of it,
  // or, of a transposed one, every kPrefetchPeriod-th.
  void prefetchLeft(int64_t row, int64_t k, int64_t part, TileProduct<Real>& tile) {
    const auto bytes = [](int64_t count) { return count * int64_t(sizeof(Storage)); };
    tile.ahead = reinterpret_cast<const char*>(left_);
    tile.aheadPair = tile.aheadStep = 0;
    if (k >= op_.inner) return;
    if (op_.transposeLeft) {
      if (part >= kPrefetchPeriod) return;
      tile.ahead = reinterpret_cast<const char*>(op_.left.data + (k + part) * op_.rows + row);
      tile.aheadPair = bytes(kTileRows - 1);
      tile.aheadStep = bytes(kPrefetchPeriod * op_.rows);
    } else {
      if (2 * part >= kTileRows || row + 2 * part + 1 >= op_.rows) return;
      tile.ahead = reinterpret_cast<const char*>(op_.left.data + (row + 2 * part) * op_.inner + k);
      tile.aheadPair = bytes(op_.inner);
      tile.aheadStep = bytes(kPrefetchPeriod);
    }
  }

  // The kernel loads kRowSlots elements of each of its rows of a transposed left operand.
  bool canReadLeftInPlace(int64_t row, int64_t end) const {
    return op_.transposeLeft && sizeof(Storage) == sizeof(Real) &&
           (end - 1) * op_.rows + row + kRowSlots <= op_.inner * op_.rows;
  }

  void packLeft(int64_t row, int count, int64_t k, int64_t inner) {
    if (op_.transposeLeft) {
      packColumns<kRowSlots>(Stored<Storage>{op_.left.data, op_.inner, op_.rows}, row, k, inner,
                             left_);
    } else {
      packRows(Stored<Storage>{op_.left.data, op_.rows, op_.inner}, row, count, k, inner, left_);
    }
  }

  // Whether the kernel itself is to pack this panel while it multiplies.
  bool packRight(int64_t column, int64_t k, int64_t inner, TileProduct<Real>& tile) {
    if (op_.transposeRight) {
      packTransposed(Stored<Storage>{op_.right.data, op_.columns, op_.inner}, column, k, inner,
                     tile.rightCopy);
      return false;
    }
    if constexpr (sizeof(Storage) == sizeof(Real)) {
      if (tile.columns == kWidth) {
        tile.right = op_.right.data + k * op_.columns + column;
        tile.rightStride = op_.columns;
        return true;
      }
    }
    packColumns<kWidth>(Stored<Storage>{op_.right.data, op_.inner, op_.columns}, column, k, inner,
                        tile.rightCopy);
    return false;
  }

  const Operation& op_;
  const Plan& plan_;
  Real* left_;
  Real* right_;
  Real* sums_;
  int64_t rowBegin_ = 0, rowEnd_ = 0, columnBegin_ = 0, columnEnd_ = 0;
  int64_t packedColumnTile_ = -1, packedBlock_ = -1;
};

// output = op(left) op(right) + bias (+ output) for inner >= 1.
template <class Storage, class Output>
void multiplyTiles(const MatrixProductOf<Storage, Output>& op, Context& context) {
  using Real = Compute<Storage>;
  using Worker = TileWorker<Storage, Output>;
  const int64_t threads = context.threads();
  const Plan plan = planOf<Real>(op.rows, op.columns, op.inner, threads, op.transposeRight);
  const int64_t workers = plan.tiles() < threads ? plan.tiles() : threads;
  const int64_t share = Worker::workspace(plan);
  Real* const memory = context.workspace<Real>(workers * share);
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
