// Floor: arithmetic, rows planes channels size fma (backward: twice that), one vector of them per
// cycle; the input is read and the output written once each, from the size of a head of about 16
// on less than the arithmetic takes.
// A tile is kTileRows rows times up to kWidestTile vectors of columns of one head, with all sums in
// registers. The coupling is widened and padded to whole vectors first (a head of 48 fits L1).
// The gradient of the coupling is such a product over pieces of rows; the pieces, which the shape
// determines, are added in order.
#include "ops/block_diagonal.h"

#include <type_traits>

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// Rows x vectors of sums, the vectors of one row of the right factor and one broadcast number: 29
// of 32 registers with AVX-512, 15 of 16 with AVX2; SSE has no fma and one more for the product.
#if defined(__AVX512F__)
constexpr int kTileRows = 6, kWidestTile = 4;
#elif defined(__AVX2__)
constexpr int kTileRows = 6, kWidestTile = 2;
#else
constexpr int kTileRows = 4, kWidestTile = 2;
#endif
constexpr int64_t kPanelLength = 256;     // inner length of the widened rows of a tile: L1
constexpr int64_t kRowsPerTask = 48;      // a multiple of kTileRows
constexpr int64_t kPanelRows = 64;        // of a gradient's right factor: 16 KiB of L1
constexpr int64_t kLeastPieceRows = 256;  // of a gradient: then adding the pieces costs 1/16
constexpr int64_t kMostPieces = 32;

// a b + c, with one rounding where the instruction set has fma.
template <class Real>
HOST_DEVICE Vector<Real> multiplyAccumulate(Vector<Real> a, Vector<Real> b, Vector<Real> c) {
#if defined(__FMA__)
  return fma(a, b, c);
#else
  return a * b + c;
#endif
}

template <int Vectors, class Real>
using TileSums = Vector<Real>[kTileRows][Vectors];

// sums[r][.] += left(r) right[0 … Vectors), for one inner index
template <int Vectors, class Real, class Left>
HOST_DEVICE void multiplyStep(const Left& left, const Real* right, TileSums<Vectors, Real>& sums) {
  Vector<Real> columns[Vectors];
#pragma GCC unroll 8
  for (int v = 0; v < Vectors; ++v) columns[v] = load(right + v * Vector<Real>::kLanes);
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
    const Vector<Real> broadcast(left(r));
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      sums[r][v] = multiplyAccumulate(broadcast, columns[v], sums[r][v]);
    }
  }
}

template <int Vectors, class Real>
HOST_DEVICE void clearSums(TileSums<Vectors, Real>& sums) {
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) sums[r][v] = Vector<Real>(Real(0));
  }
}

// Calls run.template operator()<Vectors>(column, vectors) for tiles that cover `vectors` vectors of
// columns, as even as they can be.
template <class Real, class Run>
HOST_DEVICE void forTiles(int64_t vectors, const Run& run) {
  const int64_t tiles = (vectors + kWidestTile - 1) / kWidestTile;
  for (int64_t tile = 0, done = 0; tile < tiles; ++tile) {
    const int64_t width = (vectors - done + tiles - tile - 1) / (tiles - tile);
    const int64_t column = done * Vector<Real>::kLanes;
    if (width == 1) run.template operator()<1>(column);
    if (width == 2) run.template operator()<2>(column);
    if constexpr (kWidestTile > 2) {
      if (width == 3) run.template operator()<3>(column);
      if (width == 4) run.template operator()<4>(column);
    }
    done += width;
  }
}

template <class Storage>
HOST_DEVICE void widenRow(const Storage* from, int64_t count, Compute<Storage>* to) {
  constexpr int64_t kLanes = Vector<Compute<Storage>>::kLanes;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
  for (; i < count; ++i) to[i] = widen(from[i]);
}

// ---- products of rows with the coupling ----

// Widens B of every head into (heads, size, padded), padded to whole vectors with zeros.
template <class Real>
Compute<Real>* packCoupling(const Real* coupling, const BlockDiagonalShape& shape, int64_t padded,
                            Context& context) {
  const int64_t size = shape.size;
  auto* const packed = context.workspace<Compute<Real>>(shape.heads * size * padded);
  const auto packRow = [&](int64_t row) {
    const Real* const head = coupling + row / size * size * size;
    auto* const to = packed + row * padded;
    for (int64_t column = 0; column < padded; ++column) {
      to[column] = column < size
                       ? widen(head[couplingElement(row % size, column, size, shape.transpose)])
                       : Compute<Real>(0);
    }
  };
  context.forRange(shape.heads * size, 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) packRow(row);
  });
  return packed;
}

template <class Storage>
struct ProductTile {
  const Storage* input;           // first row, at the head's first channel
  Storage* output;                // first row, at the tile's first column
  int64_t channels;               // stride of both
  int64_t rows;                   // at most kTileRows
  int64_t inner;                  // the size of a head
  const Compute<Storage>* right;  // packed B of the head from the tile's first column on
  int64_t padded;                 // stride of right
  int64_t columns;                // of this tile, less than its vectors have at a head's end
};

template <int Vectors, class Storage>
__attribute__((noinline)) void multiplyTile(const ProductTile<Storage>& tile) {
  using Real = Compute<Storage>;
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  TileSums<Vectors, Real> sums;
  clearSums<Vectors, Real>(sums);
  const auto multiply = [&](const Real* left, int64_t stride, const Real* right, int64_t count)
      __attribute__((always_inline)) {
    for (int64_t k = 0; k < count; ++k) {
      multiplyStep<Vectors>([&](int r) { return left[r * stride + k]; }, right + k * tile.padded,
                            sums);
    }
  };
  bool inPlace = false;
  if constexpr (std::is_same_v<Storage, Real>) {
    if ((inPlace = tile.rows == kTileRows)) {
      multiply(tile.input, tile.channels, tile.right, tile.inner);
    }
  }
  if (!inPlace) {
    Real panel[kTileRows * kPanelLength] = {};
    for (int64_t k = 0; k < tile.inner; k += kPanelLength) {
      const int64_t count = tile.inner - k < kPanelLength ? tile.inner - k : kPanelLength;
      for (int64_t r = 0; r < tile.rows; ++r) {
        widenRow(tile.input + r * tile.channels + k, count, panel + r * kPanelLength);
      }
      multiply(panel, kPanelLength, tile.right + k * tile.padded, count);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
    if (r >= tile.rows) break;
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      Storage* const to = tile.output + r * tile.channels + v * kLanes;
      const int64_t left = tile.columns - v * kLanes;
      if (left >= kLanes) {
        store(to, sums[r][v]);
      } else {
        storePartial(to, sums[r][v], left);
      }
    }
  }
}

// Asks for the next tile's part of a head: too short a stretch of each row for the hardware to see.
template <class Storage>
HOST_DEVICE void prefetchTile(const Storage* rows, int64_t channels, int64_t size) {
  for (int r = 0; r < kTileRows; ++r) {
    for (int64_t k = 0; k < size; k += 64 / int64_t(sizeof(Storage))) {
      __builtin_prefetch(rows + r * channels + k);
    }
  }
}

template <class Real>
void multiplyRows(View<const Real> input, View<const Real> coupling, View<Real> output,
                  const BlockDiagonalShape& shape, Context& context) {
  constexpr int64_t kLanes = Vector<Compute<Real>>::kLanes;
  const int64_t size = shape.size, channels = shape.channels;
  const int64_t vectors = (size + kLanes - 1) / kLanes, padded = vectors * kLanes;
  const auto* const packed = packCoupling(coupling.data, shape, padded, context);
  const auto multiplyHead = [&](int64_t begin, int64_t end, int64_t head) {
    forTiles<Compute<Real>>(vectors, [&]<int Vectors>(int64_t column) {
      const int64_t widest = Vectors * kLanes;
      const int64_t columns = size - column < widest ? size - column : widest;
      for (int64_t row = begin; row < end; row += kTileRows) {
        const int64_t first = row * channels + head * size;
        const int64_t rows = end - row < kTileRows ? end - row : kTileRows;
        if (end - row >= 2 * kTileRows) {
          prefetchTile(input.data + first + kTileRows * channels, channels, size);
        }
        multiplyTile<Vectors>(
            ProductTile<Real>{input.data + first, output.data + first + column, channels, rows,
                              size, packed + head * size * padded + column, padded, columns});
      }
    });
  };
  context.forRange(shape.rows, kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t head = 0; head < shape.heads; ++head) multiplyHead(begin, end, head);
  });
}

// ---- the gradient of the coupling ----

// gradCoupling[j][k] = sum over rows of left[row][j] right[row][k], for each head.
template <class Storage>
struct CouplingGradient {
  using Real = Compute<Storage>;
  const Storage *left, *right;
  BlockDiagonalShape shape;
  int64_t vectors, padded;  // columns of a head
  int64_t pieceRows, pieces;
  Real* partial;  // (pieces, heads, size, padded)
};

// Adds to (or begins) the sums of kTileRows rows of a head with `count` rows of the factors.
template <int Vectors, class Storage>
__attribute__((noinline)) void addOuterProducts(const Storage* left, int64_t channels, int64_t rows,
                                                const Compute<Storage>* panel, int64_t count,
                                                Compute<Storage>* to, int64_t padded, bool begins) {
  using Real = Compute<Storage>;
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  TileSums<Vectors, Real> sums;
  clearSums<Vectors, Real>(sums);
  const Storage* columns[kTileRows];
  for (int r = 0; r < kTileRows; ++r) columns[r] = left + (r < rows ? r : rows - 1);
  for (int64_t row = 0; row < count; ++row) {
    multiplyStep<Vectors>([&](int r) { return widen(columns[r][row * channels]); },
                          panel + row * Vectors * kLanes, sums);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
    if (r >= rows) break;
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      Real* const at = to + r * padded + v * kLanes;
      store(at, begins ? sums[r][v] : load(at) + sums[r][v]);
    }
  }
}

// One piece of rows of one head.
template <class Storage>
void sumPiece(const CouplingGradient<Storage>& gradient, int64_t piece, int64_t head) {
  using Real = Compute<Storage>;
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  const BlockDiagonalShape& shape = gradient.shape;
  const int64_t size = shape.size, channels = shape.channels, padded = gradient.padded;
  const int64_t begin = piece * gradient.pieceRows;
  const int64_t end =
      begin + gradient.pieceRows < shape.rows ? begin + gradient.pieceRows : shape.rows;
  Real* const to = gradient.partial + (piece * shape.heads + head) * size * padded;
  Real panel[kPanelRows * kWidestTile * kLanes];
  for (int64_t first = begin; first < end; first += kPanelRows) {
    const int64_t count = end - first < kPanelRows ? end - first : kPanelRows;
    const Storage* const left = gradient.left + first * channels + head * size;
    const Storage* const right = gradient.right + first * channels + head * size;
    forTiles<Real>(gradient.vectors, [&]<int Vectors>(int64_t column) {
      const int64_t width = Vectors * kLanes;
      const int64_t columns = size - column < width ? size - column : width;
      for (int64_t row = 0; row < count; ++row) {
        widenRow(right + row * channels + column, columns, panel + row * width);
        for (int64_t c = columns; c < width; ++c) panel[row * width + c] = 0;
      }
      for (int64_t j = 0; j < size; j += kTileRows) {
        addOuterProducts<Vectors>(left + j, channels, size - j < kTileRows ? size - j : kTileRows,
                                  panel, count, to + j * padded + column, padded, first == begin);
      }
    });
  }
}

template <class Real>
void sumOuterProducts(View<const Real> left, View<const Real> right,
                      View<Compute<Real>> gradCoupling, const BlockDiagonalShape& shape,
                      Context& context) {
  constexpr int64_t kLanes = Vector<Compute<Real>>::kLanes;
  const int64_t size = shape.size, lines = shape.heads * size;
  const int64_t vectors = (size + kLanes - 1) / kLanes, padded = vectors * kLanes;
  const int64_t even = (shape.rows + kMostPieces - 1) / kMostPieces;
  const int64_t pieceRows = even < kLeastPieceRows ? kLeastPieceRows : even;
  const int64_t pieces = (shape.rows + pieceRows - 1) / pieceRows;
  auto* const partial = context.workspace<Compute<Real>>(pieces * lines * padded);
  const CouplingGradient<Real> gradient = {left.data, right.data, shape,  vectors,
                                           padded,    pieceRows,  pieces, partial};
  context.forEach(pieces * shape.heads, [&](int64_t task) {
    sumPiece(gradient, task / shape.heads, task % shape.heads);
  });
  context.forRange(lines, 16, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      for (int64_t column = 0; column < size; column += kLanes) {
        const auto* const from = partial + line * padded + column;
        auto sum = load(from);
        for (int64_t piece = 1; piece < pieces; ++piece) sum += load(from + piece * lines * padded);
        const int64_t count = size - column < kLanes ? size - column : kLanes;
        storePartial(gradCoupling.data + line * size + column, sum, count);
      }
    }
  });
}

}  // namespace

template <class Real>
void run(const BlockDiagonalForward<Real>& op, Context& context) {
  multiplyRows(op.input, op.coupling, op.output, blockDiagonalShape(op), context);
}

template <class Real>
void run(const BlockDiagonalBackward<Real>& op, Context& context) {
  BlockDiagonalShape shape = blockDiagonalShape(op);
  if (op.transpose) {
    sumOuterProducts(op.input, op.gradOutput, op.gradCoupling, shape, context);
  } else {
    sumOuterProducts(op.gradOutput, op.input, op.gradCoupling, shape, context);
  }
  shape.transpose = !op.transpose;
  multiplyRows(op.gradOutput, op.coupling, op.gradInput, shape, context);
}

EXPORT_KERNELS(BlockDiagonalForward)
EXPORT_KERNELS(BlockDiagonalBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
