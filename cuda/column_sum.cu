// A narrow matrix is read as one of fewer and wider rows, as on the CPU. First pass: a block owns a
// strip of columns and a fixed number of rows; a warp adds every eighth row, a lane keeps 16 bytes
// of neighbouring columns, and the warps' sums are added in their order. Second pass: a block adds
// one column's blocks of rows. Floor: memory, the input once; the second pass reads 1/256 of it.
// Not measured on a GPU yet.
#include "ops/column_sum.h"

#include "cuda/pack.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct ColumnSumTuning {
  static constexpr int warps = 8;  // not measured
  static constexpr int threads = warps * kWarp;
  static constexpr int64_t blockRows = 256;  // not measured; fixes the order of summation
};

template <int kCount, class Real>
__device__ __forceinline__ void addRow(Compute<Real> (&sums)[kCount], const Real* row) {
  const auto pack = loadPack<kCount>(row);
#pragma unroll
  for (int j = 0; j < kCount; ++j) sums[j] += widen(pack.values[j]);
}

template <int kCount, class Real>
__global__ void __launch_bounds__(ColumnSumTuning::threads)
    columnPartKernel(View<const Real> input, FoldedMatrix matrix, int64_t strips,
                     Compute<Real>* partial) {
  using Total = Compute<Real>;
  constexpr int kWarps = ColumnSumTuning::warps;
  constexpr int kStrip = kWarp * kCount;
  const int64_t block = blockIdx.x / strips;
  const int64_t strip = blockIdx.x % strips * kStrip;
  const int64_t column = strip + laneIndex() * kCount;
  const int64_t first = block * ColumnSumTuning::blockRows;
  const int64_t end = min(first + ColumnSumTuning::blockRows, matrix.rows);
  Total sums[kCount] = {};
  if (column < matrix.width) {
#pragma unroll 4
    for (int64_t row = first + warpIndex(); row < end; row += kWarps) {
      const int64_t i = row * matrix.width + column;
      if (i < matrix.elements) addRow<kCount>(sums, input.data + i);  // the last row may be shorter
    }
  }
  Total* shared = sharedMemory<Total>();  // (warps, strip)
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    shared[warpIndex() * kStrip + laneIndex() * kCount + j] = sums[j];
  }
  __syncthreads();  // all warps' sums are there
  for (int c = int(threadIdx.x); c < kStrip; c += ColumnSumTuning::threads) {
    const int64_t owned = strip + c;
    if (owned >= matrix.width) break;
    Total total = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) total += shared[warp * kStrip + c];
    partial[block * matrix.width + owned] = total;
  }
}

template <class Total>
__global__ void columnTotalKernel(const Total* partial, int64_t groups, View<Total> output) {
  const int64_t column = blockIdx.x;
  Total sum = 0;
#pragma unroll 4
  for (int64_t group = threadIdx.x; group < groups; group += blockDim.x) {
    sum += partial[group * output.length + column];
  }
  sum = blockReduce(sum, Total(0), cuda::Sum{}, sharedMemory<Total>());
  if (threadIdx.x == 0) output[column] = sum;
}

}  // namespace

template <class Real>
void run(const ColumnSum<Real>& op, Context& context) {
  using Total = Compute<Real>;
  if (op.columns == 0) return;
  const FoldedMatrix matrix(op.rows, op.columns);
  const int64_t blocks = ceilDivide(matrix.rows, ColumnSumTuning::blockRows);
  const Workspace<Total> partial(context, blocks * matrix.width);
  // A row that is no multiple of 16 bytes leaves the next one unaligned.
  const bool aligned = areAligned(op.input.data) && op.columns % kPackLength<Real> == 0;
  withPackLength<Real>(aligned, [&](auto length) {
    constexpr int kCount = decltype(length)::value;
    const int64_t strips = ceilDivide(matrix.width, kWarp * kCount);
    launch(columnPartKernel<kCount, Real>, dim3(unsigned(blocks * strips)),
           dim3(ColumnSumTuning::threads), ColumnSumTuning::threads * kCount * sizeof(Total),
           context, op.input, matrix, strips, partial.data());
  });
  const int64_t groups = blocks * matrix.fold;
  const int64_t threads =
      max(int64_t(kWarp), min(ceilDivide(groups, kWarp) * kWarp, int64_t(1024)));
  launch(columnTotalKernel<Total>, dim3(unsigned(op.columns)), dim3(unsigned(threads)),
         size_t(threads / kWarp) * sizeof(Total), context, partial.data(), groups, op.output);
}

EXPORT_KERNELS(ColumnSum)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
