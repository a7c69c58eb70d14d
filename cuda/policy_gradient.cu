// A few thousand numbers: bound by the launches. Sums over the actions of a step are a warp's,
// those over steps a block's, in float64 and in an order that the sizes alone decide; the
// recurrence of the advantages is one thread's, on what its block computed for it. Not measured on
// a GPU yet.
#include "ops/policy_gradient.h"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct PolicyGradientTuning {
  static constexpr int threads = 256;            // of a block; not measured
  static constexpr int steps = threads / kWarp;  // that a block treats at once
};

template <class Real>
__global__ void __launch_bounds__(PolicyGradientTuning::threads)
    gaussianActionKernel(GaussianAction<Real> op) {
  const int64_t i = globalThread();
  if (i >= op.action.length) return;
  op.action[i] = gaussianAction<Real>(op.mean[i], op.logDeviation[i % op.actions], op.normal[i]);
}

template <class Real>
__global__ void __launch_bounds__(PolicyGradientTuning::threads)
    advantagesKernel(Advantages<Real> op) {
  const Real discount = Real(op.discount), decay = Real(op.discount * op.trace);
  Real* const differences = sharedMemory<Real>();
  Real sum = 0;  // of the first thread
  for (int64_t end = op.time; end > 0; end -= blockDim.x) {
    // The first thread has the last step.
    const int64_t t = end - 1 - int64_t(threadIdx.x);
    const Real value = t >= 0 ? op.values[t] : Real(0);
    if (t >= 0) {
      const Real nextValue = t + 1 < op.time ? op.values[t + 1] : op.lastValue[0];
      differences[threadIdx.x] =
          temporalDifference<Real>(op.rewards[t], value, nextValue, discount);
    }
    __syncthreads();  // the differences are complete
    if (threadIdx.x == 0) {
      const int64_t count = end < int64_t(blockDim.x) ? end : int64_t(blockDim.x);
      for (int64_t i = 0; i < count; ++i) {
        sum = discountedSum(differences[i], sum, decay);
        differences[i] = sum;
      }
    }
    __syncthreads();  // they are advantages now
    if (t >= 0) {
      op.advantages[t] = differences[threadIdx.x];
      op.returns[t] = differences[threadIdx.x] + value;
    }
    __syncthreads();  // and have been read
  }
}

// terms[t] = the part of step t, by a warp each.
template <class Real>
__global__ void __launch_bounds__(PolicyGradientTuning::threads)
    policyTermKernel(PolicyGradientForward<Real> op, double* terms) {
  const int64_t t = globalThread() / kWarp;
  if (t >= op.time) return;
  Real surprise = 0;
  for (int64_t k = laneIndex(); k < op.actions; k += kWarp) {
    const int64_t at = t * op.actions + k;
    surprise += gaussianSurprise<Real>(op.mean[at], op.logDeviation[k], op.action[at]);
  }
  surprise = warpReduce(surprise, Sum{});
  const Real difference = op.value ? op.returns[t] - op.value[t] : Real(0);
  if (laneIndex() == 0) {
    terms[t] = policyTerm<Real>(surprise, op.advantages[t], difference, op.valueWeight);
  }
}

// The loss, by one block.
template <class Real>
__global__ void __launch_bounds__(PolicyGradientTuning::threads)
    policyLossKernel(PolicyGradientForward<Real> op, const double* terms) {
  double sum = 0, entropy = 0;
  for (int64_t t = threadIdx.x; t < op.time; t += blockDim.x) sum += terms[t];
  for (int64_t k = threadIdx.x; k < op.actions; k += blockDim.x) {
    entropy += gaussianEntropy(double(op.logDeviation[k]));
  }
  double* const scratch = sharedMemory<double>();
  sum = blockReduce(sum, 0.0, Sum{}, scratch);
  entropy = blockReduce(entropy, 0.0, Sum{}, scratch);
  if (threadIdx.x == 0) op.loss[0] = Real(policyLoss(sum, entropy, op.time, op.entropyWeight));
}

// A block has 32 columns; each of its warps takes every eighth step.
template <class Real>
__global__ void __launch_bounds__(PolicyGradientTuning::threads)
    policyGradientKernel(PolicyGradientBackward<Real> op) {
  constexpr int kSteps = PolicyGradientTuning::steps;
  const int64_t k = int64_t(blockIdx.x) * kWarp + laneIndex();
  const Real gradLoss = op.gradLoss[0], share = gradLoss / Real(op.time);
  Real sum = 0;
  if (k < op.actions) {
    for (int64_t t = warpIndex(); t < op.time; t += kSteps) {
      const int64_t at = t * op.actions + k;
      const GaussianGradient<Real> gradient = gaussianSurpriseGradient<Real>(
          op.mean[at], op.logDeviation[k], op.action[at], share * op.advantages[t]);
      op.gradMean[at] = gradient.mean;
      sum += gradient.logDeviation;
    }
  }
  Real* const sums = sharedMemory<Real>();
  sums[threadIdx.x] = sum;
  __syncthreads();  // the sums of all warps are there
  if (warpIndex() != 0 || k >= op.actions) return;
  Real total = -gradLoss * Real(op.entropyWeight);
  for (int warp = 0; warp < kSteps; ++warp) total += sums[warp * kWarp + laneIndex()];
  op.gradLogDeviation[k] = total;
}

template <class Real>
__global__ void __launch_bounds__(PolicyGradientTuning::threads)
    valueGradientKernel(PolicyGradientBackward<Real> op) {
  const int64_t t = globalThread();
  if (t >= op.time) return;
  const Real weight = op.gradLoss[0] / Real(op.time) * Real(op.valueWeight);
  op.gradValue[t] = weight * (op.value[t] - op.returns[t]);
}

dim3 blocksFor(int64_t threads) {
  return dim3(unsigned(ceilDivide(threads, PolicyGradientTuning::threads)));
}
constexpr int kThreads = PolicyGradientTuning::threads;

}  // namespace

template <class Real>
void run(const GaussianAction<Real>& op, Context& context) {
  launch(gaussianActionKernel<Real>, blocksFor(op.action.length), dim3(kThreads), 0, context, op);
}

template <class Real>
void run(const Advantages<Real>& op, Context& context) {
  launch(advantagesKernel<Real>, dim3(1), dim3(kThreads), kThreads * sizeof(Real), context, op);
}

template <class Real>
void run(const PolicyGradientForward<Real>& op, Context& context) {
  const Workspace<double> terms(context, op.time);
  launch(policyTermKernel<Real>, blocksFor(op.time * kWarp), dim3(kThreads), 0, context, op,
         terms.data());
  launch(policyLossKernel<Real>, dim3(1), dim3(kThreads), kWarp * sizeof(double), context, op,
         terms.data());
}

template <class Real>
void run(const PolicyGradientBackward<Real>& op, Context& context) {
  launch(policyGradientKernel<Real>, dim3(unsigned(ceilDivide(op.actions, kWarp))), dim3(kThreads),
         kThreads * sizeof(Real), context, op);
  if (op.gradValue) {
    launch(valueGradientKernel<Real>, blocksFor(op.time), dim3(kThreads), 0, context, op);
  }
}

EXPORT_KERNELS(GaussianAction)
EXPORT_KERNELS(Advantages)
EXPORT_KERNELS(PolicyGradientForward)
EXPORT_KERNELS(PolicyGradientBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
