// The matrix product of up to 4 rows, as in generation: the right factor is read once. Stored
// (columns, inner), a warp takes a column and reads along the inner dimension; stored
// (inner, columns), a lane takes a column, and the warps of a block and the parts of the product
// share the inner dimension. Floor: memory, the right factor. Not measured on a GPU yet.
#pragma once

#include "cuda/matrix_operand.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct MatrixThinTuning {
  static constexpr int64_t rows = 4;
  static constexpr int warps = 8;  // not measured
  static constexpr int threads = warps * kWarp;
  static constexpr int together = 4;  // reads of a lane at a time; not measured
};

// The factor's elements (m, k) to (m, k + kCount), with zeros beyond the depth.
template <int kCount, class Storage>
__device__ __forceinline__ Pack<Storage, kCount> loadAlongDepth(const Operand<Storage>& from,
                                                                int64_t m, int64_t k) {
  if (from.isDepthContiguous && from.isAligned) return loadPack<kCount>(from.at(m, k));
  Pack<Storage, kCount> pack;
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    pack.values[j] = k + j < from.depth ? *from.at(m, k + j) : Storage{};
  }
  return pack;
}

// sums[r] += left(r, k + j) right[j]
template <int kRows, class Storage, int kCount>
__device__ __forceinline__ void addThin(Compute<Storage> (&sums)[kRows],
                                        const Operand<Storage>& left, int64_t k,
                                        const Pack<Storage, kCount>& right) {
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (r >= left.extent) break;
    const auto factors = loadAlongDepth<kCount>(left, r, k);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      sums[r] = fma(widen(factors.values[j]), widen(right.values[j]), sums[r]);
    }
  }
}

// A warp for each column; right is stored (columns, inner). A lane takes every 32nd pack.
template <int kRows, class Storage>
__global__ void __launch_bounds__(MatrixThinTuning::threads)
    matrixThinRowsKernel(Product<Storage> product) {
  constexpr int kCount = kPackLength<Storage>;
  const int64_t column = int64_t(blockIdx.x) * MatrixThinTuning::warps + warpIndex();
  if (column >= product.output.columns) return;
  const int64_t depth = product.left.depth;
  Compute<Storage> sums[kRows] = {};
#pragma unroll MatrixThinTuning::together
  for (int64_t k = laneIndex() * kCount; k < depth; k += kWarp * kCount) {
    addThin(sums, product.left, k, loadAlongDepth<kCount>(product.right, column, k));
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (r >= product.left.extent) break;
    const auto sum = warpReduce(sums[r], Sum{});
    if (laneIndex() == 0) product.output.put(r, column, sum);
  }
}

// A lane for each column; right is stored (inner, columns). A warp takes every 8th step of the
// part's stretch, and the warps are added in their order.
template <int kRows, class Storage>
__global__ void __launch_bounds__(MatrixThinTuning::threads)
    matrixThinColumnsKernel(Product<Storage> product) {
  using Real = Compute<Storage>;
  constexpr int kWarps = MatrixThinTuning::warps;
  const TilePlace at = tilePlace(product, kWarp);
  const int64_t column = at.column + laneIndex();
  Real sums[kRows] = {};
  if (column < product.output.columns) {
#pragma unroll MatrixThinTuning::together
    for (int64_t k = at.begin + warpIndex(); k < at.end; k += kWarps) {
      const Real right = widen(*product.right.at(column, k));
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        if (r >= product.left.extent) break;
        sums[r] = fma(widen(*product.left.at(r, k)), right, sums[r]);
      }
    }
  }
  Real* const shared = sharedMemory<Real>();  // (warps, rows, lanes)
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    shared[(warpIndex() * kRows + r) * kWarp + laneIndex()] = sums[r];
  }
  __syncthreads();  // all warps' sums are there
  const int row = warpIndex();
  if (row >= product.left.extent || column >= product.output.columns) return;
  Real sum = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) {
    sum += shared[(warp * kRows + row) * kWarp + laneIndex()];
  }
  product.outputOf(at.part).put(row, column, sum);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
