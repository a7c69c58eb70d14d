// A block owns a tile of 64 rows times 16, 32, 48 or 64 columns of one head, a thread 4 times 1-4
// sums in registers; the factors pass through shared memory, widened, 16 inner indices at a time.
// The coupling's gradient is such a product with pieces of rows as inner index; the pieces, which
// the shape determines, are added in order by a second kernel.
// Floor: for heads of 48 in float32 about even: 2 rows planes channels size operations of the plain
// units, and memory, every element of both sides once. Not measured on a GPU yet.
#include "ops/block_diagonal.h"

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct BlockDiagonalTuning {
  static constexpr int threads = 256;  // not measured
  static constexpr int rowSums = 4;
  static constexpr int widestColumnSums = 4;
  static constexpr int depth = 16;           // inner indices in shared memory
  static constexpr int leastPieceRows = 64;  // of a gradient
  static constexpr int mostPieces = 64;
};

constexpr int kSide = 16;  // threads along the rows and along the columns of a tile
constexpr int kTileRows = kSide * BlockDiagonalTuning::rowSums;
constexpr int kDepth = BlockDiagonalTuning::depth;
constexpr int kLeftStride = kTileRows + 1;  // odd: writing down a column meets all banks
template <int kColumnSums>
constexpr int kRightStride = kSide* kColumnSums + 1;

template <class Real, int kColumnSums>
constexpr size_t kTileBytes = sizeof(Real) * kDepth*(kLeftStride + kRightStride<kColumnSums>);

template <class Real, int kColumnSums>
using TileSums = Real[BlockDiagonalTuning::rowSums][kColumnSums];

// Which tile a block owns: columns fastest, so that blocks that read the same rows run together.
struct TilePlace {
  int64_t row, head, column;
};
template <int kColumnSums>
__device__ __forceinline__ TilePlace tilePlace(int64_t heads, int64_t size) {
  const int64_t columnTiles = ceilDivide(size, kSide * kColumnSums);
  const int64_t tile = int64_t(blockIdx.x);
  return {tile / columnTiles / heads * kTileRows, tile / columnTiles % heads,
          tile % columnTiles * kSide * kColumnSums};
}

// Fills shared[k][i] for k < kDepth, i < width; neighbouring threads take neighbouring k or i.
template <class Real, class Load>
__device__ __forceinline__ void fillShared(Real* shared, int width, int stride, bool depthFirst,
                                           const Load& load) {
  for (int at = int(threadIdx.x); at < width * kDepth; at += BlockDiagonalTuning::threads) {
    const int k = depthFirst ? at % kDepth : at / width;
    const int i = depthFirst ? at / kDepth : at % width;
    shared[k * stride + i] = load(k, i);
  }
}

// sums[i][j] = sum over k < inner of left(k, row) right(k, column), with row = own row + kSide i
// and column alike; the loads give 0 beyond the edges.
template <class Real, int kColumnSums, class Left, class Right>
__device__ __forceinline__ void multiplyTile(int64_t inner, bool leftDepthFirst, const Left& left,
                                             bool rightDepthFirst, const Right& right,
                                             TileSums<Real, kColumnSums>& sums) {
  constexpr int kRowSums = BlockDiagonalTuning::rowSums;
  Real* const leftTile = sharedMemory<Real>();
  Real* const rightTile = leftTile + kDepth * kLeftStride;
  const int ownRow = int(threadIdx.x) / kSide, ownColumn = int(threadIdx.x) % kSide;
  for (int64_t first = 0; first < inner; first += kDepth) {
    fillShared(leftTile, kTileRows, kLeftStride, leftDepthFirst,
               [&](int k, int i) { return left(first + k, i); });
    fillShared(rightTile, kSide * kColumnSums, kRightStride<kColumnSums>, rightDepthFirst,
               [&](int k, int i) { return right(first + k, i); });
    __syncthreads();  // both tiles are complete
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      Real rows[kRowSums], columns[kColumnSums];
#pragma unroll
      for (int i = 0; i < kRowSums; ++i) rows[i] = leftTile[k * kLeftStride + ownRow + kSide * i];
#pragma unroll
      for (int j = 0; j < kColumnSums; ++j) {
        columns[j] = rightTile[k * kRightStride<kColumnSums> + ownColumn + kSide * j];
      }
#pragma unroll
      for (int i = 0; i < kRowSums; ++i) {
#pragma unroll
        for (int j = 0; j < kColumnSums; ++j) sums[i][j] = fma(rows[i], columns[j], sums[i][j]);
      }
    }
    __syncthreads();  // both tiles have been read
  }
}

// Calls write(row, column, sum) for this thread's sums, counted from the tile's corner.
template <class Real, int kColumnSums, class Write>
__device__ __forceinline__ void writeTile(const TileSums<Real, kColumnSums>& sums,
                                          const Write& write) {
  const int ownRow = int(threadIdx.x) / kSide, ownColumn = int(threadIdx.x) % kSide;
#pragma unroll
  for (int i = 0; i < BlockDiagonalTuning::rowSums; ++i) {
#pragma unroll
    for (int j = 0; j < kColumnSums; ++j) {
      write(ownRow + kSide * i, ownColumn + kSide * j, sums[i][j]);
    }
  }
}

// ---- kernels ----

template <class Real, int kColumnSums>
__global__ void __launch_bounds__(BlockDiagonalTuning::threads)
    blockDiagonalKernel(const Real* input, const Real* coupling, Real* output,
                        BlockDiagonalShape shape) {
  using Scalar = Compute<Real>;
  const int64_t size = shape.size;
  const TilePlace place = tilePlace<kColumnSums>(shape.heads, size);
  const int64_t corner = place.row * shape.channels + place.head * size;
  const Real* const head = coupling + place.head * size * size;
  const auto left = [&](int64_t k, int i) {
    return k < size && place.row + i < shape.rows ? widen(input[corner + i * shape.channels + k])
                                                  : Scalar(0);
  };
  const auto right = [&](int64_t k, int j) {
    const int64_t to = place.column + j;
    return k < size && to < size ? widen(head[couplingElement(k, to, size, shape.transpose)])
                                 : Scalar(0);
  };
  TileSums<Scalar, kColumnSums> sums = {};
  multiplyTile<Scalar, kColumnSums>(size, true, left, !shape.transpose, right, sums);
  writeTile<Scalar, kColumnSums>(sums, [&](int i, int j, Scalar sum) {
    if (place.row + i < shape.rows && place.column + j < size) {
      output[corner + i * shape.channels + place.column + j] = narrow<Real>(sum);
    }
  });
}

// partial[piece][head][j][k] = sum over a piece's rows of left[row][j] right[row][k]; the rows of a
// tile are the j of a head.
template <class Real, int kColumnSums>
__global__ void __launch_bounds__(BlockDiagonalTuning::threads)
    couplingPieceKernel(const Real* left, const Real* right, Compute<Real>* partial,
                        BlockDiagonalShape shape, int64_t pieceRows) {
  using Scalar = Compute<Real>;
  const int64_t size = shape.size, rowTiles = ceilDivide(size, kTileRows);
  const TilePlace place = tilePlace<kColumnSums>(shape.heads, size);
  const int64_t tile = place.row / kTileRows, piece = tile / rowTiles;
  const int64_t firstRow = tile % rowTiles * kTileRows, begin = piece * pieceRows;
  const int64_t rest = shape.rows - begin, count = rest < pieceRows ? rest : pieceRows;
  const int64_t corner = begin * shape.channels + place.head * size;
  const auto load = [&](const Real* from, int64_t row, int64_t channel) {
    return row < count && channel < size ? widen(from[corner + row * shape.channels + channel])
                                         : Scalar(0);
  };
  TileSums<Scalar, kColumnSums> sums = {};
  multiplyTile<Scalar, kColumnSums>(
      count, false, [&](int64_t row, int i) { return load(left, row, firstRow + i); }, false,
      [&](int64_t row, int j) { return load(right, row, place.column + j); }, sums);
  Scalar* const to = partial + (piece * shape.heads + place.head) * size * size;
  writeTile<Scalar, kColumnSums>(sums, [&](int i, int j, Scalar sum) {
    const int64_t row = firstRow + i, column = place.column + j;
    if (row < size && column < size) to[row * size + column] = sum;
  });
}

template <class Scalar>
__global__ void __launch_bounds__(BlockDiagonalTuning::threads)
    sumPiecesKernel(const Scalar* partial, View<Scalar> gradCoupling, int64_t pieces) {
  const int64_t i = globalThread();
  if (i >= gradCoupling.length) return;
  Scalar sum = partial[i];
  for (int64_t piece = 1; piece < pieces; ++piece) sum += partial[piece * gradCoupling.length + i];
  gradCoupling[i] = sum;
}

// ---- run ----

// Calls start.template operator()<kColumnSums>(column tiles of a head), tiles as even as can be.
template <class Start>
void withColumnSums(int64_t size, const Start& start) {
  const int64_t vectors = ceilDivide(size, kSide);
  const int64_t sums =
      ceilDivide(vectors, ceilDivide(vectors, BlockDiagonalTuning::widestColumnSums));
  const int64_t tiles = ceilDivide(size, kSide * sums);
  if (sums == 1) start.template operator()<1>(tiles);
  if (sums == 2) start.template operator()<2>(tiles);
  if (sums == 3) start.template operator()<3>(tiles);
  if (sums == 4) start.template operator()<4>(tiles);
}

template <class Real>
void multiplyRows(View<const Real> input, View<const Real> coupling, View<Real> output,
                  const BlockDiagonalShape& shape, Context& context) {
  withColumnSums(shape.size, [&]<int kColumnSums>(int64_t columnTiles) {
    const int64_t blocks = ceilDivide(shape.rows, kTileRows) * shape.heads * columnTiles;
    launch(blockDiagonalKernel<Real, kColumnSums>, dim3(unsigned(blocks)),
           dim3(BlockDiagonalTuning::threads), kTileBytes<Compute<Real>, kColumnSums>, context,
           input.data, coupling.data, output.data, shape);
  });
}

template <class Real>
void sumOuterProducts(View<const Real> left, View<const Real> right,
                      View<Compute<Real>> gradCoupling, const BlockDiagonalShape& shape,
                      Context& context) {
  using Tuning = BlockDiagonalTuning;
  const int64_t even = ceilDivide(shape.rows, Tuning::mostPieces);
  const int64_t pieceRows = even < Tuning::leastPieceRows ? Tuning::leastPieceRows : even;
  const int64_t pieces = ceilDivide(shape.rows, pieceRows);
  const Workspace<Compute<Real>> partial(context, pieces * gradCoupling.length);
  withColumnSums(shape.size, [&]<int kColumnSums>(int64_t columnTiles) {
    const int64_t rowTiles = pieces * ceilDivide(shape.size, kTileRows);
    launch(couplingPieceKernel<Real, kColumnSums>,
           dim3(unsigned(rowTiles * shape.heads * columnTiles)), dim3(Tuning::threads),
           kTileBytes<Compute<Real>, kColumnSums>, context, left.data, right.data, partial.data(),
           shape, pieceRows);
  });
  launch(sumPiecesKernel<Compute<Real>>,
         dim3(unsigned(ceilDivide(gradCoupling.length, Tuning::threads))), dim3(Tuning::threads), 0,
         context, partial.data(), gradCoupling, pieces);
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

}  // namespace entrain::inline ENTRAIN_ISA::cuda
