// The matrix product on the ordinary units: a block of 256 threads sums a square tile of the
// output, a thread a square of it in registers, over tiles of the factors in shared memory, of
// which one is filled while the other is used. Sums run over the inner dimension in order, with
// fma. Floor: arithmetic. Not measured on a GPU yet.
#pragma once

#include "cuda/matrix_operand.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct MatrixTilesTuning {
  static constexpr int side = 16;  // threads along each dimension of the tile
  static constexpr int threads = side * side;
  static constexpr int depth = 16;  // not measured
  static constexpr int blocks = 2;  // of a multiprocessor: 128 registers a thread; not measured
};

// One factor's tile in shared memory: (depth, tile), in the type of the sums.
template <class Storage, int kTile>
struct SharedFactor {
  using Real = Compute<Storage>;
  static constexpr int kCount = kPackLength<Real>;
  static constexpr int kStride = kTile + kCount;  // spreads the transposed writes over the banks
  static constexpr int kElements = MatrixTilesTuning::depth * kStride;
  using Fetch = TileFetch<Storage, kTile, MatrixTilesTuning::depth, MatrixTilesTuning::threads>;

  static __device__ __forceinline__ void store(const Fetch& fetched, bool isDepthContiguous,
                                               Real* shared) {
#pragma unroll
    for (int p = 0; p < Fetch::kPacks; ++p) {
      const auto place = Fetch::spot(isDepthContiguous, p);
#pragma unroll
      for (int j = 0; j < Fetch::kCount; ++j) {
        const int m = isDepthContiguous ? place.m : place.m + j;
        const int k = isDepthContiguous ? place.k + j : place.k;
        shared[k * kStride + m] = widen(fetched.packs[p].values[j]);
      }
    }
  }
};

// The rows or columns of a thread: 16 bytes of neighbours, in each part of the tile.
template <class Real, int kTile>
struct ThreadStrip {
  static constexpr int kCount = kPackLength<Real>;
  static constexpr int kLength = kTile / MatrixTilesTuning::side;
  static constexpr int kPacks = kLength / kCount;
  static_assert(kPacks * kCount == kLength);

  static __device__ __forceinline__ int place(int thread, int i) {
    return i / kCount * (kTile / kPacks) + thread * kCount + i % kCount;
  }
  static __device__ __forceinline__ void load(Real (&values)[kLength], const Real* shared,
                                              int thread) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const auto pack = loadPack<kCount>(shared + place(thread, p * kCount));
#pragma unroll
      for (int j = 0; j < kCount; ++j) values[p * kCount + j] = pack.values[j];
    }
  }
};

// sums += the product of the two tiles in shared memory.
template <class Storage, int kTile, int kLength>
__device__ __forceinline__ void multiplyTile(Compute<Storage> (&sums)[kLength][kLength],
                                             const Compute<Storage>* left,
                                             const Compute<Storage>* right, int y, int x) {
  using Real = Compute<Storage>;
  constexpr int kStride = SharedFactor<Storage, kTile>::kStride;
#pragma unroll
  for (int k = 0; k < MatrixTilesTuning::depth; ++k) {
    Real a[kLength], b[kLength];
    ThreadStrip<Real, kTile>::load(a, left + k * kStride, y);
    ThreadStrip<Real, kTile>::load(b, right + k * kStride, x);
#pragma unroll
    for (int i = 0; i < kLength; ++i) {
#pragma unroll
      for (int j = 0; j < kLength; ++j) sums[i][j] = fma(a[i], b[j], sums[i][j]);
    }
  }
}

template <class Storage, int kTile>
__global__ void __launch_bounds__(MatrixTilesTuning::threads, MatrixTilesTuning::blocks)
    matrixTilesKernel(Product<Storage> product) {
  using Real = Compute<Storage>;
  using Factor = SharedFactor<Storage, kTile>;
  using Strip = ThreadStrip<Real, kTile>;
  constexpr int kDepth = MatrixTilesTuning::depth, kLength = Strip::kLength;
  const TilePlace at = tilePlace(product, kTile);
  const Operand<Storage>&left = product.left, &right = product.right;
  const int x = int(threadIdx.x) % MatrixTilesTuning::side;
  const int y = int(threadIdx.x) / MatrixTilesTuning::side;
  Real* const shared = sharedMemory<Real>();  // (2, left and right, depth, stride)
  typename Factor::Fetch leftFetch, rightFetch;
  Real sums[kLength][kLength] = {};
  leftFetch.fetch(left, at.row, at.begin, at.end);
  rightFetch.fetch(right, at.column, at.begin, at.end);
  int half = 0;
  for (int64_t k = at.begin; k < at.end; k += kDepth, half ^= 1) {
    Real* const leftTile = shared + half * 2 * Factor::kElements;
    Real* const rightTile = leftTile + Factor::kElements;
    Factor::store(leftFetch, left.isDepthContiguous, leftTile);
    Factor::store(rightFetch, right.isDepthContiguous, rightTile);
    // The tiles are there; the other half, which is written next, was read before this barrier.
    __syncthreads();
    leftFetch.fetch(left, at.row, k + kDepth, at.end);
    rightFetch.fetch(right, at.column, k + kDepth, at.end);
    multiplyTile<Storage, kTile>(sums, leftTile, rightTile, y, x);
  }
  const auto output = product.outputOf(at.part);
#pragma unroll
  for (int i = 0; i < kLength; ++i) {
    const int64_t row = at.row + Strip::place(y, i);
#pragma unroll
    for (int j = 0; j < kLength; ++j) {
      const int64_t column = at.column + Strip::place(x, j);
      if (row < output.rows && column < output.columns) output.put(row, column, sums[i][j]);
    }
  }
}

template <class Storage, int kTile>
constexpr size_t matrixTilesShared() {
  return 4 * SharedFactor<Storage, kTile>::kElements * sizeof(Compute<Storage>);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
