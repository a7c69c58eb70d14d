// One thread an element of the output, neighbouring threads on neighbouring channels; the taps'
// rereads come from the caches. The weights' gradient: a thread sums one channel over a fixed chunk
// of time, then one thread a weight adds the chunks in order. Floor: memory, 2 arrays forward, 3
// backward. Not measured on a GPU yet.
#include "ops/causal_convolution.h"

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct CausalConvolutionTuning {
  static constexpr int threads = 128;  // not measured
};
constexpr int kThreads = CausalConvolutionTuning::threads;

template <class Real>
__global__ void __launch_bounds__(kThreads)
    convolutionForwardKernel(CausalConvolutionForward<Real> op) {
  const int64_t i = globalThread();
  if (i >= op.output.length) return;
  const int64_t channel = i % op.channels, row = i / op.channels;
  const int64_t t = row % op.time, sequence = row / op.time;
  auto sum = widen(op.bias[channel]);
  for (int64_t tap = 0; tap < op.taps; ++tap) {
    const int64_t back = op.taps - 1 - tap;
    const auto weight = widen(op.weight[channel * op.taps + tap]);
    if (t >= back) {
      sum = fma(weight, widen(op.input[i - back * op.channels]), sum);
    } else if (op.history) {
      const int64_t at = (sequence * (op.taps - 1) + t - back + op.taps - 1) * op.channels;
      sum = fma(weight, widen(op.history[at + channel]), sum);
    }
  }
  op.output[i] = narrow<Real>(sum);
}

template <class Real>
__global__ void __launch_bounds__(kThreads)
    convolutionInputGradientKernel(CausalConvolutionBackward<Real> op) {
  const int64_t i = globalThread();
  if (i >= op.gradInput.length) return;
  const int64_t channel = i % op.channels, t = i / op.channels % op.time;
  Compute<Real> sum = 0;
  for (int64_t tap = 0; tap < op.taps; ++tap) {
    const int64_t ahead = op.taps - 1 - tap;
    if (t + ahead >= op.time) continue;
    sum = fma(widen(op.weight[channel * op.taps + tap]),
              widen(op.gradOutput[i + ahead * op.channels]), sum);
  }
  op.gradInput[i] = narrow<Real>(sum);
}

// One thread a sum: partial[task][slot][channel], a task being a chunk of a sequence; slot `taps`
// is the bias.
template <class Real>
__global__ void __launch_bounds__(kThreads)
    convolutionWeightGradientKernel(CausalConvolutionBackward<Real> op, int64_t tasks,
                                    Compute<Real>* partial) {
  const int64_t i = globalThread();
  const int64_t slots = op.taps + 1;
  if (i >= tasks * slots * op.channels) return;
  const int64_t channel = i % op.channels, slot = i / op.channels % slots;
  const int64_t task = i / (op.channels * slots);
  const int64_t chunks = ceilDivide(op.time, kConvolutionChunk);
  const int64_t begin = task % chunks * kConvolutionChunk;
  const int64_t end = begin + kConvolutionChunk < op.time ? begin + kConvolutionChunk : op.time;
  const int64_t origin = task / chunks * op.time;
  const int64_t back = op.taps - 1 - slot;
  Compute<Real> sum = 0;
  for (int64_t t = begin; t < end; ++t) {
    const auto gradOutput = widen(op.gradOutput[(origin + t) * op.channels + channel]);
    if (slot == op.taps) {
      sum += gradOutput;
    } else if (t >= back) {
      sum = fma(gradOutput, widen(op.input[(origin + t - back) * op.channels + channel]), sum);
    }
  }
  partial[i] = sum;
}

template <class Real>
__global__ void __launch_bounds__(kThreads)
    convolutionWeightSumKernel(CausalConvolutionBackward<Real> op, int64_t tasks,
                               const Compute<Real>* partial) {
  const int64_t i = globalThread(), slots = op.taps + 1;
  if (i >= slots * op.channels) return;
  const int64_t channel = i % op.channels, slot = i / op.channels;
  Compute<Real> sum = 0;
  for (int64_t task = 0; task < tasks; ++task) sum += partial[task * slots * op.channels + i];
  if (slot == op.taps) {
    op.gradBias[channel] = sum;
  } else {
    op.gradWeight[channel * op.taps + slot] = sum;
  }
}

unsigned blocksFor(int64_t elements) {
  return unsigned(ceilDivide(elements, kThreads));
}

}  // namespace

template <class Real>
void run(const CausalConvolutionForward<Real>& op, Context& context) {
  launch(convolutionForwardKernel<Real>, dim3(blocksFor(op.output.length)), dim3(kThreads), 0,
         context, op);
}

template <class Real>
void run(const CausalConvolutionBackward<Real>& op, Context& context) {
  const int64_t tasks = op.batch * ceilDivide(op.time, kConvolutionChunk);
  const int64_t sums = (op.taps + 1) * op.channels;
  const Workspace<Compute<Real>> partial(context, tasks * sums);
  launch(convolutionInputGradientKernel<Real>, dim3(blocksFor(op.gradInput.length)), dim3(kThreads),
         0, context, op);
  launch(convolutionWeightGradientKernel<Real>, dim3(blocksFor(tasks * sums)), dim3(kThreads), 0,
         context, op, tasks, partial.data());
  launch(convolutionWeightSumKernel<Real>, dim3(blocksFor(sums)), dim3(kThreads), 0, context, op,
         tasks, partial.data());
}

EXPORT_KERNELS(CausalConvolutionForward)
EXPORT_KERNELS(CausalConvolutionBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
