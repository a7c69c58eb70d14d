// Some rows at a time. Sparse: a kernel for the points on the circle, then 8 lanes for each
// oscillator share its edges. Ring and all to all: pieces of a row are summed by a block each, then
// every piece scans its points on top of the pieces before it, then a thread for each oscillator
// takes the difference; integers, so the order does not matter. Floor: memory. Not measured on a
// GPU yet.
#include "ops/local_order.h"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct LocalOrderTuning {
  static constexpr int threads = 256;        // not measured
  static constexpr int lanes = 8;            // for one oscillator's edges; not measured
  static constexpr int items = 4;            // phases a thread scans; not measured
  static constexpr int64_t chunk = 1 << 22;  // phases whose points are held at once: 64 MiB
  static constexpr int64_t piece = threads * items;
};

// ---- sparse graphs ----

struct SumPulls {
  HOST_DEVICE PullSum operator()(PullSum a, PullSum b) const {
    return {a.sine + b.sine, a.cosine + b.cosine, a.degree + b.degree};
  }
};

template <class Real>
__global__ void __launch_bounds__(LocalOrderTuning::threads)
    circleKernel(const Real* phases, int64_t count, Circle<Real>* circles) {
  const int64_t i = globalThread();
  if (i < count) circles[i] = circleOf(phases[i]);
}

template <class Real>
__global__ void __launch_bounds__(LocalOrderTuning::threads)
    edgeKernel(LocalOrder<Real> op, int64_t first, int64_t count, const Circle<Real>* circles) {
  constexpr int kLanes = LocalOrderTuning::lanes;
  const int64_t at = globalThread() / kLanes;
  const int lane = laneIndex() % kLanes;
  PullSum sum = {0, 0, 0};
  if (at < count) {
    const int64_t i = at % op.oscillators;
    op.addEdges(sum, circles + (at - i), i, op.rowPointer[i] + lane, kLanes);
  }
  sum = warpReduce<kLanes>(sum, SumPulls{});
  if (at < count && lane == 0) {
    op.order[first + at] = localOrderOf<Real>({sum.sine, sum.cosine}, sum.degree);
  }
}

// ---- rings and all to all ----

template <class Real>
__device__ Circle<int64_t> pointAt(const LocalOrder<Real>& op, int64_t row, int64_t i,
                                   double scale) {
  if (i >= op.oscillators) return {0, 0};
  const Circle<Real> circle = circleOf(op.phases[row * op.oscillators + i]);
  return fixedPoint({double(circle.sine), double(circle.cosine)}, scale);
}

// Block (row, piece): the sum of its points.
template <class Real>
__global__ void __launch_bounds__(LocalOrderTuning::threads)
    pieceSumKernel(LocalOrder<Real> op, int64_t firstRow, int64_t pieces, double scale,
                   Circle<int64_t>* sums) {
  const int64_t row = firstRow + blockIdx.x / pieces;
  const int64_t begin = blockIdx.x % pieces * LocalOrderTuning::piece + threadIdx.x;
  Circle<int64_t> sum = {0, 0};
#pragma unroll
  for (int item = 0; item < LocalOrderTuning::items; ++item) {
    const int64_t i = begin + item * LocalOrderTuning::threads;
    sum = SumFixedPoint{}(sum, pointAt(op, row, i, scale));
  }
  const Circle<int64_t> none = {0, 0};
  sum = blockReduce(sum, none, SumFixedPoint{}, sharedMemory<Circle<int64_t>>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// Block (row, piece): inclusive prefix sums of the row, in the piece.
template <class Real>
__global__ void __launch_bounds__(LocalOrderTuning::threads)
    prefixKernel(LocalOrder<Real> op, int64_t firstRow, int64_t pieces, double scale,
                 const Circle<int64_t>* sums, Circle<int64_t>* prefix) {
  constexpr int kItems = LocalOrderTuning::items;
  Circle<int64_t>* shared = sharedMemory<Circle<int64_t>>();
  const int64_t row = blockIdx.x / pieces, piece = blockIdx.x % pieces;
  const Circle<int64_t> none = {0, 0};
  Circle<int64_t> offset = none;
  for (int64_t q = threadIdx.x; q < piece; q += LocalOrderTuning::threads) {
    offset = SumFixedPoint{}(offset, sums[row * pieces + q]);
  }
  offset = blockReduce(offset, none, SumFixedPoint{}, shared);
  const int64_t begin = piece * LocalOrderTuning::piece + threadIdx.x * kItems;
  Circle<int64_t> points[kItems];
  Circle<int64_t> sum = none;
#pragma unroll
  for (int item = 0; item < kItems; ++item) {
    sum = SumFixedPoint{}(sum, pointAt(op, firstRow + row, begin + item, scale));
    points[item] = sum;
  }
  const Circle<int64_t> own = sum;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const Circle<int64_t> below = shuffleUp(sum, distance);
    if (laneIndex() >= distance) sum = SumFixedPoint{}(below, sum);
  }
  if (laneIndex() == kWarp - 1) shared[warpIndex()] = sum;
  __syncthreads();  // the warps' sums are complete
  for (int warp = 0; warp < warpIndex(); ++warp) offset = SumFixedPoint{}(offset, shared[warp]);
  offset = SumFixedPoint{}(offset, sum - own);
#pragma unroll
  for (int item = 0; item < kItems; ++item) {
    if (begin + item < op.oscillators) {
      prefix[row * op.oscillators + begin + item] = SumFixedPoint{}(offset, points[item]);
    }
  }
}

template <class Real>
__global__ void __launch_bounds__(LocalOrderTuning::threads)
    windowKernel(LocalOrder<Real> op, int64_t first, int64_t count, double scale,
                 const Circle<int64_t>* prefix) {
  const int64_t at = globalThread();
  if (at >= count) return;
  const int64_t i = at % op.oscillators;
  op.order[first + at] = op.windowOrder(prefix + (at - i), i, scale);
}

dim3 blocksFor(int64_t threads) {
  return dim3(unsigned(ceilDivide(threads, LocalOrderTuning::threads)));
}

template <class Real>
void sparseRows(const LocalOrder<Real>& op, Context& context, int64_t chunk) {
  using Tuning = LocalOrderTuning;
  const Workspace<Circle<Real>> circles(context, chunk * op.oscillators);
  for (int64_t row = 0; row < op.rows; row += chunk) {
    const int64_t first = row * op.oscillators;
    const int64_t count = (op.rows - row < chunk ? op.rows - row : chunk) * op.oscillators;
    launch(circleKernel<Real>, blocksFor(count), dim3(Tuning::threads), 0, context,
           op.phases.data + first, count, circles.data());
    launch(edgeKernel<Real>, blocksFor(count * Tuning::lanes), dim3(Tuning::threads), 0, context,
           op, first, count, circles.data());
  }
}

template <class Real>
void windowRows(const LocalOrder<Real>& op, Context& context, int64_t chunk) {
  using Tuning = LocalOrderTuning;
  const int64_t pieces = ceilDivide(op.oscillators, Tuning::piece);
  const Workspace<Circle<int64_t>> prefix(context, chunk * op.oscillators);
  const Workspace<Circle<int64_t>> sums(context, chunk * pieces);
  const double scale = op.scale();
  const size_t shared = Tuning::threads / kWarp * sizeof(Circle<int64_t>);
  for (int64_t row = 0; row < op.rows; row += chunk) {
    const int64_t rows = op.rows - row < chunk ? op.rows - row : chunk;
    const int64_t count = rows * op.oscillators;
    launch(pieceSumKernel<Real>, dim3(unsigned(rows * pieces)), dim3(Tuning::threads), shared,
           context, op, row, pieces, scale, sums.data());
    launch(prefixKernel<Real>, dim3(unsigned(rows * pieces)), dim3(Tuning::threads), shared,
           context, op, row, pieces, scale, sums.data(), prefix.data());
    launch(windowKernel<Real>, blocksFor(count), dim3(Tuning::threads), 0, context, op,
           row * op.oscillators, count, scale, prefix.data());
  }
}

}  // namespace

template <class Real>
void run(const LocalOrder<Real>& op, Context& context) {
  const int64_t most = max(LocalOrderTuning::chunk / op.oscillators, int64_t(1));
  const int64_t chunk = min(op.rows, most);
  if (op.rowPointer) {
    sparseRows(op, context, chunk);
  } else {
    windowRows(op, context, chunk);
  }
}

EXPORT_KERNELS(LocalOrder)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
