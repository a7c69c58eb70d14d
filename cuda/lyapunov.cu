// Block (pair, piece) sums δ of its piece, then the squares about the mean of all pieces, then
// scales its piece; every block adds the pieces in the same order. Floor: memory, three times the
// states; below about 10^6 phases the launches. Not measured on a GPU yet.
#include "ops/lyapunov.h"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct LyapunovTuning {
  static constexpr int threads = 256;     // not measured
  static constexpr int64_t piece = 2048;  // oscillators; not measured; fixes the order
};

// A share of one pair: oscillators `first` + threads n below `end`.
template <class Real>
struct PieceOfPair {
  int64_t pair, first, end;

  __device__ PieceOfPair(const LyapunovRenormalise<Real>& op, int64_t pieces) {
    const int64_t begin = blockIdx.x % pieces * LyapunovTuning::piece;
    pair = blockIdx.x / pieces;
    first = begin + threadIdx.x;
    end = min(begin + LyapunovTuning::piece, op.oscillators);
  }
};

__device__ double sumOfBlock(double part) {
  return blockReduce(part, 0.0, Sum{}, sharedMemory<double>());
}
__device__ double sumOfPieces(const double* parts, int64_t pieces) {
  double sum = 0;
  for (int64_t q = threadIdx.x; q < pieces; q += LyapunovTuning::threads) sum += parts[q];
  return sumOfBlock(sum);
}
template <class Real>
__device__ double meanOfPair(const LyapunovRenormalise<Real>& op, const double* sums,
                             int64_t pieces, int64_t pair) {
  return op.transverse ? op.meanOf(sumOfPieces(sums + pair * pieces, pieces)) : 0.0;
}

template <class Real>
__global__ void __launch_bounds__(LyapunovTuning::threads)
    separationSumKernel(LyapunovRenormalise<Real> op, int64_t pieces, double* sums) {
  const PieceOfPair<Real> part(op, pieces);
  double sum = 0;
  for (int64_t i = part.first; i < part.end; i += LyapunovTuning::threads) {
    sum += op.separation(part.pair, i, 0);
  }
  sum = sumOfBlock(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <class Real>
__global__ void __launch_bounds__(LyapunovTuning::threads)
    squareSumKernel(LyapunovRenormalise<Real> op, int64_t pieces, const double* sums,
                    double* squares) {
  const PieceOfPair<Real> part(op, pieces);
  const double mean = meanOfPair(op, sums, pieces, part.pair);
  double sum = 0;
  for (int64_t i = part.first; i < part.end; i += LyapunovTuning::threads) {
    const double separation = op.separation(part.pair, i, mean);
    sum += separation * separation;
  }
  sum = sumOfBlock(sum);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

template <class Real>
__global__ void __launch_bounds__(LyapunovTuning::threads)
    scaleBackKernel(LyapunovRenormalise<Real> op, int64_t pieces, const double* sums,
                    const double* squares) {
  const PieceOfPair<Real> part(op, pieces);
  const double mean = meanOfPair(op, sums, pieces, part.pair);
  const double found = op.distanceOf(sumOfPieces(squares + part.pair * pieces, pieces));
  for (int64_t i = part.first; i < part.end; i += LyapunovTuning::threads) {
    op.scaleBack(part.pair, i, mean, found);
  }
  if (threadIdx.x == 0 && blockIdx.x % pieces == 0) {
    op.growth[op.slot * op.pairs + part.pair] = op.growthOf(found);
  }
}

}  // namespace

template <class Real>
void run(const LyapunovRenormalise<Real>& op, Context& context) {
  using Tuning = LyapunovTuning;
  const int64_t pieces = ceilDivide(op.oscillators, Tuning::piece);
  const Workspace<double> sums(context, op.pairs * pieces), squares(context, op.pairs * pieces);
  const dim3 blocks(unsigned(op.pairs * pieces)), threads(Tuning::threads);
  const size_t shared = Tuning::threads / kWarp * sizeof(double);
  if (op.transverse) {
    launch(separationSumKernel<Real>, blocks, threads, shared, context, op, pieces, sums.data());
  }
  launch(squareSumKernel<Real>, blocks, threads, shared, context, op, pieces, sums.data(),
         squares.data());
  launch(scaleBackKernel<Real>, blocks, threads, shared, context, op, pieces, sums.data(),
         squares.data());
}

EXPORT_KERNELS(LyapunovRenormalise)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
