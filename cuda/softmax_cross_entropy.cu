// A team of threads owns a row: a warp up to 2048 logits, a block beyond. A thread keeps a maximum
// and a sum of exponentials of its logits, eight of them between two corrections of the maximum, so
// that memory is read once; the team combines them in a fixed tree. The losses are averaged by one
// block. Floor: memory, the logits once forward, read and written once backward; the exponentials
// are 9/8 of one a logit. Not measured on a GPU yet.
#include "ops/softmax_cross_entropy.h"

#include "cuda/fault.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct SoftmaxTuning {
  static constexpr int threads = 256;              // not measured
  static constexpr int64_t warpVocabulary = 2048;  // logits; not measured
  static constexpr int items = 8;                  // logits a thread has in flight; not measured
  static constexpr int meanThreads = 1024;
};

// The row, and the place in its team, of a thread of teams of kTeam.
template <int kTeam>
struct TeamPlace {
  int64_t row;
  int member;
  __device__ TeamPlace()
      : row(int64_t(blockIdx.x) * (SoftmaxTuning::threads / kTeam) + int(threadIdx.x) / kTeam),
        member(int(threadIdx.x) % kTeam) {}
};

template <int kTeam, class Real>
__device__ __forceinline__ ScaledSumOfExponentials<Compute<Real>> shareOf(const Real* logits,
                                                                          int64_t vocabulary,
                                                                          int member) {
  using Number = Compute<Real>;
  constexpr int kItems = SoftmaxTuning::items;
  ScaledSumOfExponentials<Number> total = {negativeInfinity<Number>(), 0};
  for (int64_t begin = member; begin < vocabulary; begin += kTeam * kItems) {
    Number values[kItems];
    Number most = total.maximum;
#pragma unroll
    for (int j = 0; j < kItems; ++j) {
      const int64_t i = begin + j * kTeam;
      values[j] = i < vocabulary ? widen(logits[i]) : negativeInfinity<Number>();
      most = maximum(most, values[j]);
    }
    const Number base = exponentialBase(most);
    Number sum = total.sum * exponential(total.maximum - base);
#pragma unroll
    for (int j = 0; j < kItems; ++j) sum += exponential(values[j] - base);
    total = {most, sum};
  }
  return total;
}

struct CombineSums {
  template <class Sums>
  HOST_DEVICE Sums operator()(const Sums& a, const Sums& b) const {
    return combine(a, b);
  }
};

template <int kTeam, class Real>
__global__ void __launch_bounds__(SoftmaxTuning::threads)
    softmaxForwardKernel(SoftmaxCrossEntropyForward<Real> op, double* losses, FaultSlot faults) {
  using Sums = ScaledSumOfExponentials<Compute<Real>>;
  const TeamPlace<kTeam> place;
  const bool alive = place.row < op.rows;
  const Real* logits = op.logits.data + (alive ? place.row * op.vocabulary : 0);
  // All threads of a warp take part in its shuffles; a row beyond the last has no logits.
  Sums total = shareOf<kTeam>(logits, alive ? op.vocabulary : 0, place.member);
  if constexpr (kTeam == kWarp) {
    total = warpReduce(total, CombineSums{});
  } else {
    const Sums nothing = {negativeInfinity<Compute<Real>>(), 0};
    total = blockReduce(total, nothing, CombineSums{}, sharedMemory<Sums>());
  }
  if (!alive || place.member != 0) return;
  const auto logSumExp = logarithmOf(total);
  const int32_t target = op.targets[place.row];
  op.logSumExp[place.row] = logSumExp;
  if (isClass(target, op.vocabulary)) {
    losses[place.row] = double(logSumExp - widen(logits[target]));
  } else {
    losses[place.row] = __builtin_nan("");
    raise(faults, FaultRule::targetRange, place.row, target);
  }
}

template <class Number>
__global__ void __launch_bounds__(SoftmaxTuning::meanThreads)
    softmaxMeanKernel(const double* losses, int64_t rows, View<Number> loss) {
  double sum = 0;
  for (int64_t row = threadIdx.x; row < rows; row += SoftmaxTuning::meanThreads) {
    sum += losses[row];
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  if (threadIdx.x == 0) loss[0] = Number(sum / double(rows));
}

template <int kTeam, class Real>
__global__ void __launch_bounds__(SoftmaxTuning::threads)
    softmaxBackwardKernel(SoftmaxCrossEntropyBackward<Real> op) {
  using Number = Compute<Real>;
  const TeamPlace<kTeam> place;
  if (place.row >= op.rows) return;
  const int32_t target = op.targets[place.row];
  const bool valid = isClass(target, op.vocabulary);
  const Number logSumExp = op.logSumExp[place.row];
  // A target that is no class makes its row NaN.
  const Number scale = valid ? op.gradLoss[0] / Number(op.rows) : Number(__builtin_nan(""));
  const int64_t first = place.row * op.vocabulary;
#pragma unroll 4
  for (int64_t c = place.member; c < op.vocabulary; c += kTeam) {
    const Number logit = widen(op.logits[first + c]);
    const Number gradient = c == target ? softmaxTargetGradient(logit, logSumExp, scale)
                                        : softmaxGradient(logit, logSumExp, scale);
    op.gradLogits[first + c] = narrow<Real>(gradient);
  }
}

// Calls body of a compile-time team size and the grid for it.
template <class Body>
void withTeam(int64_t rows, int64_t vocabulary, const Body& body) {
  if (vocabulary <= SoftmaxTuning::warpVocabulary) {
    body(std::integral_constant<int, kWarp>{},
         dim3(unsigned(ceilDivide(rows, SoftmaxTuning::threads / kWarp))));
  } else {
    body(std::integral_constant<int, SoftmaxTuning::threads>{}, dim3(unsigned(rows)));
  }
}

}  // namespace

template <class Real>
void run(const SoftmaxCrossEntropyForward<Real>& op, Context& context) {
  using Sums = ScaledSumOfExponentials<Compute<Real>>;
  const Workspace<double> losses(context, op.rows);
  withTeam(op.rows, op.vocabulary, [&](auto team, dim3 grid) {
    launch(softmaxForwardKernel<decltype(team)::value, Real>, grid, dim3(SoftmaxTuning::threads),
           SoftmaxTuning::threads / kWarp * sizeof(Sums), context, op, losses.data(),
           context.faultSlot());
  });
  launch(softmaxMeanKernel<Compute<Real>>, dim3(1), dim3(SoftmaxTuning::meanThreads),
         SoftmaxTuning::meanThreads / kWarp * sizeof(double), context, losses.data(), op.rows,
         op.loss);
}

template <class Real>
void run(const SoftmaxCrossEntropyBackward<Real>& op, Context& context) {
  withTeam(op.rows, op.vocabulary, [&](auto team, dim3 grid) {
    launch(softmaxBackwardKernel<decltype(team)::value, Real>, grid, dim3(SoftmaxTuning::threads),
           0, context, op);
  });
}

EXPORT_KERNELS(SoftmaxCrossEntropyForward)
EXPORT_KERNELS(SoftmaxCrossEntropyBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
