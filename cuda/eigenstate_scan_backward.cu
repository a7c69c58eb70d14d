// The backward eigenstate scan. Bytes of an element (one complex state): g and c (or beta) in,
// beta's gradient out, 6 reals; with selection 10; chunked 8 or 14, since g and selection are read
// twice. Without states, beta (and selection) are read once more, for states at every eighth step.
// The floor is these bytes over the memory bandwidth; at 4.3 TB/s and float32, fixed lambda:
//   (batch 8, time 8192, 1024 channels): 375 µs; (4, 131072, 64), chunked: 250 µs of 187 µs.
// Not measured on a GPU yet. Sums over time and batch: float32 over 8 steps, double beyond, in an
// order that depends on the shape alone.
#include "cuda/eigenstate_scan_adjoint.cuh"
#include "cuda/eigenstate_scan_pass.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// ---- gradients of the channels' two parameters ----

template <class Real>
struct ReduceTask {
  EigenstateScanBackward<Real> op;
  const double* sums;  // (rows, 2, channels)
  int64_t rows;
  FaultSlot slot;
};

// Each thread adds every 32nd row of a channel, then a binary tree over the threads.
template <class Real>
__global__ void __launch_bounds__(ScanTuning::threads) reduceKernel(const ReduceTask<Real> task) {
  using Scalar = Compute<Real>;
  constexpr int kLanes = ScanTuning::reduceLanes;
  constexpr int kGroups = ScanTuning::threads / kLanes;
  const int lane = int(threadIdx.x) % kLanes, group = int(threadIdx.x) / kLanes;
  const int64_t channels = task.op.channels;
  const int64_t k = int64_t(blockIdx.x) * kLanes + lane;
  Complex<double>* shared = sharedMemory<Complex<double>>();
  Complex<double> sum = {0.0, 0.0};
  if (k < channels) {
#pragma unroll 4
    for (int64_t row = group; row < task.rows; row += kGroups) {
      sum = sum + loadComplex(task.sums + row * 2 * channels, channels, k);
    }
  }
  shared[threadIdx.x] = sum;
  for (int half = kGroups / 2; half > 0; half /= 2) {
    __syncthreads();  // the sums of the last round are there
    if (group < half) {
      shared[threadIdx.x] = shared[threadIdx.x] + shared[int(threadIdx.x) + half * kLanes];
    }
  }
  if (group != 0 || k >= channels) return;
  Complex<double> gradient = shared[lane];
  if (!task.op.selection) {
    const ChannelEigenvalue<double> channel =
        channelOf(double(task.op.logDecay[k]), double(task.op.frequency[k]), task.op.magnitudeForm,
                  k, false, task.slot);
    gradient = parameterGradients(channel, gradient, task.op.magnitudeForm);
  }
  task.op.gradLogDecay[k] = Scalar(gradient.real);
  task.op.gradFrequency[k] = Scalar(gradient.imaginary);
}

template <class Real>
void reduceSums(const BackwardTask<Real>& task, Context& context) {
  const int64_t rows = task.plan.chunks * task.plan.segments * task.op.batch;
  const int64_t blocks = ceilDivide(task.op.channels, ScanTuning::reduceLanes);
  launch(reduceKernel<Real>, dim3(unsigned(blocks)), dim3(ScanTuning::threads),
         ScanTuning::threads * sizeof(Complex<double>), context,
         ReduceTask<Real>{task.op, task.sums, rows, task.slot});
}

// ---- the states again ----

// Writes the state before every ScanTuning::steps-th step, from the coarser `boundaries`.
template <class Real>
void keepStates(const EigenstateScanBackward<Real>& op, Compute<Real>* kept, int64_t count,
                Context& context) {
  EigenstateScanForward<Real> forward = {};
  forward.input = op.input;
  forward.logDecay = op.logDecay;
  forward.frequency = op.frequency;
  forward.selection = op.selection;
  forward.reset = op.reset;
  forward.boundaries = {kept, count};
  forward.batch = op.batch;
  forward.time = op.time;
  forward.channels = op.channels;
  forward.checkpointEvery = ScanTuning::steps;
  forward.decayScale = op.decayScale;
  forward.frequencyScale = op.frequencyScale;
  forward.realInput = op.realInput;
  forward.magnitudeForm = op.magnitudeForm;
  EigenstateScanPlan plan;
  plan.lanes = 64;
  plan.chunk = op.checkpointEvery;
  plan.chunks = boundaryCount(op.time, op.checkpointEvery);
  scanForwardFrom(forward, plan, static_cast<const Compute<Real>*>(op.boundaries.data), context);
}

// ---- the pass ----

template <class Real>
bool areBackwardPairs(const EigenstateScanBackward<Real>& op) {
  return op.channels % 2 == 0 && isPairAligned(op.gradInput.data) &&
         isPairAligned(op.gradStates.data) && isPairAligned(op.input.data) &&
         isPairAligned(op.states.data);
}

template <class Real>
void startBackward(const BackwardTask<Real>& task, Context& context) {
  withSelection(task.op, [&](auto kind) {
    constexpr Selection kSelection = decltype(kind)::value;
    if constexpr (kSelection == Selection::none && sizeof(Real) == 2) {
      if (areBackwardPairs(task.op)) return launchBackward<Real, kSelection, 2>(task, context);
    }
    launchBackward<Real, kSelection, 1>(task, context);
  });
}

template <class Real>
void scanBackward(const EigenstateScanBackward<Real>& op, const EigenstateScanPlan& plan,
                  Context& context) {
  using Scalar = Compute<Real>;
  const int64_t row = op.batch * 2 * op.channels;
  const bool recomputes = !op.states, isChunked = plan.chunks > 1;
  const int64_t keptCount = recomputes ? row * ceilDivide(op.time, int64_t(ScanTuning::steps)) : 0;
  Workspace<Scalar> kept(context, keptCount);
  Workspace<Scalar> ends(context, isChunked ? row * plan.chunks : 0);
  Workspace<double> transitions(context, isChunked ? row * plan.chunks : 0);
  Workspace<double> sums(context, row * plan.chunks * plan.segments);
  BackwardTask<Real> task;
  task.op = op;
  task.plan = plan;
  task.slot = context.faultSlot();
  if (isChunked) {
    task.results = {ends.data(), transitions.data()};
    startBackward(task, context);
    combineCarries(CarryTask<Scalar>{task.results, {}, op.batch, plan.chunks, op.channels, true},
                   context);
    task.results = {};
    task.carries = ends.data();
  }
  if (recomputes) keepStates(op, kept.data(), keptCount, context);
  task.kept = kept.data();
  task.sums = sums.data();
  startBackward(task, context);
  reduceSums(task, context);
}

template <class Real>
void run(const EigenstateScanBackward<Real>& op, Context& context) {
  scanBackward(op, planScan(op.batch, op.time, op.channels, context.multiprocessors, false),
               context);
}

EXPORT_KERNELS(EigenstateScanBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
