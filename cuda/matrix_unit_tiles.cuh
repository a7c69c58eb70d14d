// The matrix product of half types on the matrix unit: a block of 8 warps sums a tile (128, 128)
// over tiles of depth 32 in shared memory, of which one is filled while the other is used; a warp
// sums (32, 64) in registers. The factors keep the order they are stored in. Floor: the matrix
// unit, of which 16x16x16 products reach a part. Not measured on a GPU yet.
#pragma once

#include "cuda/matrix_operand.cuh"
#include "cuda/matrix_unit.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct MatrixUnitTuning {
  static constexpr int tile = 128;  // not measured
  static constexpr int depth = 32;  // not measured
  static constexpr int warpsDown = 4, warpsAcross = 2;
  static constexpr int threads = warpsDown * warpsAcross * kWarp;
  static constexpr int rowTiles = tile / warpsDown / kMatrixTile;       // of a warp
  static constexpr int columnTiles = tile / warpsAcross / kMatrixTile;  // of a warp
  static constexpr int padding = 8;  // elements, 16 bytes: rows begin in different banks
  static constexpr int factorElements = tile * (depth + padding);  // the larger of both orders
  static constexpr int patchStride = kMatrixTile + 4;
  static_assert(depth * (tile + padding) <= factorElements);
};

// A factor's tile in shared memory: (tile, depth) where the depth is contiguous, else (depth,
// tile).
template <class Storage, bool kIsDepthContiguous>
struct UnitFactor {
  using Tuning = MatrixUnitTuning;
  using Fetch = TileFetch<Storage, Tuning::tile, Tuning::depth, Tuning::threads>;
  static constexpr int kStride =
      (kIsDepthContiguous ? Tuning::depth : Tuning::tile) + Tuning::padding;

  static __device__ __forceinline__ int place(int m, int k) {
    return kIsDepthContiguous ? m * kStride + k : k * kStride + m;
  }
  static __device__ __forceinline__ void store(const Fetch& fetched, Storage* shared) {
#pragma unroll
    for (int p = 0; p < Fetch::kPacks; ++p) {
      const auto spot = Fetch::spot(kIsDepthContiguous, p);
      storePack(shared + place(spot.m, spot.k), fetched.packs[p]);
    }
  }
};

// The sums of a warp.
template <class Storage, bool kIsLeftDeep, bool kIsRightDeep>
struct UnitSums {
  using Tuning = MatrixUnitTuning;
  using LeftFactor = UnitFactor<Storage, kIsLeftDeep>;
  using RightFactor = UnitFactor<Storage, kIsRightDeep>;
  using LeftOrder = std::conditional_t<kIsLeftDeep, RowMajor, ColumnMajor>;
  using RightOrder = std::conditional_t<kIsRightDeep, ColumnMajor, RowMajor>;
  SumTile tiles[Tuning::rowTiles][Tuning::columnTiles];
  int row, column;  // of the warp in the block's tile

  __device__ __forceinline__ UnitSums()
      : row(warpIndex() / Tuning::warpsAcross * Tuning::rowTiles * kMatrixTile),
        column(warpIndex() % Tuning::warpsAcross * Tuning::columnTiles * kMatrixTile) {
#pragma unroll
    for (auto& line : tiles) {
#pragma unroll
      for (auto& tile : line) tile.fill(0.0f);
    }
  }
  __device__ __forceinline__ void multiply(const Storage* leftTile, const Storage* rightTile) {
#pragma unroll
    for (int k = 0; k < Tuning::depth; k += kMatrixTile) {
      LeftTile<Storage, LeftOrder> left[Tuning::rowTiles];
#pragma unroll
      for (int i = 0; i < Tuning::rowTiles; ++i) {
        left[i].load(leftTile + LeftFactor::place(row + i * kMatrixTile, k), LeftFactor::kStride);
      }
#pragma unroll
      for (int j = 0; j < Tuning::columnTiles; ++j) {
        RightTile<Storage, RightOrder> right;
        right.load(rightTile + RightFactor::place(column + j * kMatrixTile, k),
                   RightFactor::kStride);
#pragma unroll
        for (int i = 0; i < Tuning::rowTiles; ++i) tiles[i][j].multiplyAdd(left[i], right);
      }
    }
  }
  // Which lane holds which sum is unknown, so they pass through a patch of shared memory.
  __device__ __forceinline__ void put(const ProductOutput<Storage>& output, const TilePlace& at,
                                      float* patches) const {
    float* const patch = patches + warpIndex() * kMatrixTile * Tuning::patchStride;
#pragma unroll
    for (int i = 0; i < Tuning::rowTiles; ++i) {
#pragma unroll
      for (int j = 0; j < Tuning::columnTiles; ++j) {
        tiles[i][j].store(patch, Tuning::patchStride);
        __syncwarp();  // the patch is there
        const int64_t firstRow = at.row + row + i * kMatrixTile;
        const int64_t firstColumn = at.column + column + j * kMatrixTile;
#pragma unroll 1  // keeps the addresses of all patches out of the registers
        for (int n = laneIndex(); n < kMatrixTile * kMatrixTile; n += kWarp) {
          const int y = n / kMatrixTile, x = n % kMatrixTile;
          if (firstRow + y < output.rows && firstColumn + x < output.columns) {
            output.put(firstRow + y, firstColumn + x, patch[y * Tuning::patchStride + x]);
          }
        }
        __syncwarp();  // the patch has been read
      }
    }
  }
};

template <class Storage, bool kIsLeftDeep, bool kIsRightDeep>
__global__ void __launch_bounds__(MatrixUnitTuning::threads)
    matrixUnitKernel(Product<Storage> product) {
  using Tuning = MatrixUnitTuning;
  using Sums = UnitSums<Storage, kIsLeftDeep, kIsRightDeep>;
  const TilePlace at = tilePlace(product, Tuning::tile);
  Storage* const shared = sharedMemory<Storage>();  // (2, left and right, factor)
  typename Sums::LeftFactor::Fetch leftFetch;
  typename Sums::RightFactor::Fetch rightFetch;
  Sums sums;
  leftFetch.fetch(product.left, at.row, at.begin, at.end);
  rightFetch.fetch(product.right, at.column, at.begin, at.end);
  int half = 0;
  for (int64_t k = at.begin; k < at.end; k += Tuning::depth, half ^= 1) {
    Storage* const leftTile = shared + half * 2 * Tuning::factorElements;
    Storage* const rightTile = leftTile + Tuning::factorElements;
    Sums::LeftFactor::store(leftFetch, leftTile);
    Sums::RightFactor::store(rightFetch, rightTile);
    // The tiles are there; the other half, which is written next, was read before this barrier.
    __syncthreads();
    leftFetch.fetch(product.left, at.row, k + Tuning::depth, at.end);
    rightFetch.fetch(product.right, at.column, k + Tuning::depth, at.end);
    sums.multiply(leftTile, rightTile);
  }
  __syncthreads();  // the tiles have been read: the patches take their place
  sums.put(product.outputOf(at.part), at, sharedMemory<float>());
}

constexpr size_t kMatrixUnitShared = 4 * MatrixUnitTuning::factorElements * sizeof(bfloat16);
static_assert(MatrixUnitTuning::threads / kWarp * kMatrixTile * MatrixUnitTuning::patchStride *
                  sizeof(float) <=
              kMatrixUnitShared);

}  // namespace entrain::inline ENTRAIN_ISA::cuda
