// Forward: elementwise, one factor per thread. Backward: a block scales a fixed stretch of elements
// and sums their products over its threads (a tree); one block adds the stretches in a fixed order,
// in double, because there may be many. Floor: memory, every element of three arrays once.
// Not measured on a GPU yet.
#include "ops/scaled_sum.h"

#include "cuda/elementwise.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct ScaledSumTuning {
  static constexpr int threads = 256;        // not measured
  static constexpr int itemsPerThread = 16;  // not measured; fixes the order of summation
  static constexpr int stretch = threads * itemsPerThread;
};

template <class Real>
struct Scale {
  const Real* weight;
  bool sigmoid;
  HOST_DEVICE Real operator()(Real value) const { return scaleFactor(*weight, sigmoid) * value; }
};
template <class Real>
struct ScaleAndAdd {
  const Real* weight;
  bool sigmoid;
  HOST_DEVICE Real operator()(Real value, Real base) const {
    return scaledSum(scaleFactor(*weight, sigmoid), value, base);
  }
};

template <class Real>
__global__ void __launch_bounds__(ScaledSumTuning::threads)
    scaledSumBackwardKernel(ScaledSumBackward<Real> op, Compute<Real>* stretchSums) {
  constexpr int kThreads = ScaledSumTuning::threads;
  const int64_t begin = int64_t(blockIdx.x) * ScaledSumTuning::stretch + threadIdx.x;
  const auto factor = scaleFactor(op.weight[op.index], op.sigmoid);
  Compute<Real> sum = 0;
#pragma unroll
  for (int item = 0; item < ScaledSumTuning::itemsPerThread; ++item) {
    const int64_t i = begin + item * kThreads;
    if (i >= op.gradOutput.length) break;
    const auto gradOutput = widen(op.gradOutput[i]);
    sum = fma(gradOutput, widen(op.value[i]), sum);
    op.gradValue[i] = narrow<Real>(factor * gradOutput);
  }
  sum = blockReduce(sum, Compute<Real>(0), Sum{}, sharedMemory<Compute<Real>>());
  if (threadIdx.x == 0) stretchSums[blockIdx.x] = sum;
}

template <class Real>
__global__ void __launch_bounds__(ScaledSumTuning::threads)
    scaledSumWeightKernel(ScaledSumBackward<Real> op, const Compute<Real>* stretchSums,
                          int64_t stretches) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < stretches; i += ScaledSumTuning::threads) {
    sum += double(stretchSums[i]);
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  const auto slope = scaleFactorGradient(op.weight[op.index], op.sigmoid);
  for (int64_t i = threadIdx.x; i < op.gradWeight.length; i += ScaledSumTuning::threads) {
    op.gradWeight[i] = i == op.index ? slope * Compute<Real>(sum) : Compute<Real>(0);
  }
}

}  // namespace

template <class Real>
void run(const ScaledSumForward<Real>& op, Context& context) {
  const auto* const weight = op.weight.data + op.index;
  if (op.base) {
    elementwise(context, op.output, ScaleAndAdd<Compute<Real>>{weight, op.sigmoid}, op.value,
                op.base);
  } else {
    elementwise(context, op.output, Scale<Compute<Real>>{weight, op.sigmoid}, op.value);
  }
}

template <class Real>
void run(const ScaledSumBackward<Real>& op, Context& context) {
  constexpr int kThreads = ScaledSumTuning::threads;
  const int64_t stretches = ceilDivide(op.gradOutput.length, ScaledSumTuning::stretch);
  const Workspace<Compute<Real>> stretchSums(context, stretches);
  launch(scaledSumBackwardKernel<Real>, dim3(unsigned(stretches)), dim3(kThreads),
         kThreads / kWarp * sizeof(Compute<Real>), context, op, stretchSums.data());
  launch(scaledSumWeightKernel<Real>, dim3(1), dim3(kThreads), kThreads / kWarp * sizeof(double),
         context, op, stretchSums.data(), stretches);
}

EXPORT_KERNELS(ScaledSumForward)
EXPORT_KERNELS(ScaledSumBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
