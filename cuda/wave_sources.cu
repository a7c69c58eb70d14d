// The sources at all times and their adjoint, and what receivers make of a potential. A thread an
// element; sums over the times are float64, by 8 threads each of which takes every eighth time.
// Floor: memory, and some 60 float64 operations a source and time, 0.1 ns on an H200. Repeated
// targets are sorted (cuda/wave_slots.cuh). Not run on a GPU yet.
#include "ops/wave_sources.h"

#include "cuda/wave_slots.cuh"
#include "cuda/wave_values.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct WaveSourceTuning {
  static constexpr int threads = 256;              // not measured
  static constexpr int strands = threads / kWarp;  // of a sum over times
};

// The node of receiver s, or nodes where there is none.
template <class Operation>
__device__ __forceinline__ int64_t nodeOf(const Operation& op, int64_t s) {
  const int64_t node = op.targets ? int64_t(op.targets[s]) : s;
  return node >= 0 && node < op.nodes ? node : op.nodes;
}

// A of source j; NaN where that, ω or t is not finite.
template <class Operation>
__device__ __forceinline__ auto checkedAmplitude(const Operation& op, int64_t j, int64_t m,
                                                 FaultSlot slot) {
  const auto amplitude = op.amplitudes[j];
  if (m == 0) {
    checkFinite(op.amplitudes, j, slot);
    checkFinite(op.frequencies, j, slot);
  }
  if (j == 0) checkFinite(op.times, m, slot);
  return soundValue(amplitude, amplitude, op.frequencies[j], op.times[m]);
}

template <class Real>
__global__ void __launch_bounds__(WaveSourceTuning::threads)
    waveSourcesKernel(WaveSourcesForward<Real> op, FaultSlot slot) {
  const int64_t i = globalThread();
  if (i >= op.nodes * op.samples) return;
  const int64_t m = i / op.nodes, j = i % op.nodes;
  const Real amplitude = checkedAmplitude(op, j, m, slot);
  const Circle<Real> circle = waveSource(op.frequencies[j], op.times[m]);
  op.sources[2 * m * op.nodes + j] = amplitude * circle.cosine;
  op.sources[(2 * m + 1) * op.nodes + j] = amplitude * circle.sine;
}

// A block's 32 elements, each summed by the lanes of its strands; strand 0 gets the total.
template <int kSums>
__device__ __forceinline__ void addStrands(double (&sums)[kSums]) {
  double* const shared = sharedMemory<double>();
  for (int n = 0; n < kSums; ++n) shared[n * WaveSourceTuning::threads + threadIdx.x] = sums[n];
  __syncthreads();  // all strands are there
  if (warpIndex() != 0) return;
  for (int n = 0; n < kSums; ++n) {
    for (int strand = 1; strand < WaveSourceTuning::strands; ++strand) {
      sums[n] += shared[n * WaveSourceTuning::threads + strand * kWarp + laneIndex()];
    }
  }
}

template <class Real>
__global__ void __launch_bounds__(WaveSourceTuning::threads)
    gradSourcesKernel(WaveSourcesBackward<Real> op, FaultSlot slot) {
  const int64_t j = int64_t(blockIdx.x) * kWarp + laneIndex();
  double sums[2] = {};
  for (int64_t m = warpIndex(); j < op.nodes && m < op.samples; m += WaveSourceTuning::strands) {
    const Real sound = checkedAmplitude(op, j, m, slot) * Real(0);  // NaN where it is not
    const Real* const from = op.gradSources.data + 2 * m * op.nodes + j;
    const auto gradient =
        receiverGradient(waveSource(op.frequencies[j], op.times[m]), from[0], from[op.nodes]);
    sums[0] += double(gradient.sum + sound);
    sums[1] = fma(double(gradient.phasePerSum), op.times[m], sums[1]);
  }
  addStrands(sums);
  if (warpIndex() != 0 || j >= op.nodes) return;
  op.gradAmplitudes[j] = Real(sums[0]);
  op.gradFrequencies[j] = op.amplitudes[j] * Real(sums[1]);
}

template <class Real>
__global__ void __launch_bounds__(WaveSourceTuning::threads)
    waveReceiveKernel(WaveReceiveForward<Real> op, FaultSlot slot) {
  const int64_t i = globalThread();
  if (i >= op.receivers * op.samples) return;
  const int64_t m = i / op.receivers, s = i % op.receivers, node = nodeOf(op, s);
  Real* const to = op.field.data + 2 * m * op.receivers + s;
  if (node == op.nodes) {
    if (m == 0) raise(slot, FaultRule::receiverRange, s, double(op.targets[s]));
    to[0] = to[op.receivers] = notANumber<Real>();
    return;
  }
  const Circle<Real> circle = receiverCircle(op.phases[node]);
  const Real sum = op.potential[(2 * m + 1) * op.nodes + node];
  to[0] = circle.cosine * sum;
  to[op.receivers] = circle.sine * sum;
}

// ρ and the gradient of φ over S of node i at place s.
template <class Real>
__device__ __forceinline__ ReceiverGradient<Real> gradientAt(const WaveReceiveBackward<Real>& op,
                                                             int64_t m, int64_t s,
                                                             const Circle<Real>& circle) {
  const Real* const from = op.gradField.data + 2 * m * op.receivers + s;
  return receiverGradient(circle, from[0], from[op.receivers]);
}

template <class Real>
__global__ void __launch_bounds__(WaveSourceTuning::threads)
    gradPotentialKernel(WaveReceiveBackward<Real> op, WaveSlots slots) {
  const int64_t i = globalThread();
  if (i >= op.nodes * op.samples) return;
  const int64_t m = i / op.nodes, node = i % op.nodes;
  const Circle<Real> circle = receiverCircle(op.phases[node]);
  Real sum = 0;
  slots.forEach(node, [&](int64_t s) { sum += gradientAt(op, m, s, circle).sum; });
  op.gradPotential[2 * m * op.nodes + node] = Real(0);
  op.gradPotential[(2 * m + 1) * op.nodes + node] = sum;
}

template <class Real>
__global__ void __launch_bounds__(WaveSourceTuning::threads)
    gradReceiverPhasesKernel(WaveReceiveBackward<Real> op, WaveSlots slots) {
  const int64_t node = int64_t(blockIdx.x) * kWarp + laneIndex();
  double sums[1] = {};
  if (node < op.nodes) {
    const Circle<Real> circle = receiverCircle(op.phases[node]);
    slots.forEach(node, [&](int64_t s) {
      for (int64_t m = warpIndex(); m < op.samples; m += WaveSourceTuning::strands) {
        sums[0] += double(op.potential[(2 * m + 1) * op.nodes + node] *
                          gradientAt(op, m, s, circle).phasePerSum);
      }
    });
  }
  addStrands(sums);
  if (warpIndex() == 0 && node < op.nodes) op.gradPhases[node] = Real(sums[0]);
}

// A thread for each of `count` elements, or a block for 32 of them.
dim3 elementGrid(int64_t count) {
  return dim3(unsigned(ceilDivide(count, WaveSourceTuning::threads)));
}
dim3 strandGrid(int64_t count) {
  return dim3(unsigned(ceilDivide(count, kWarp)));
}

}  // namespace

template <class Real>
void run(const WaveSourcesForward<Real>& op, Context& context) {
  launch(waveSourcesKernel<Real>, elementGrid(op.nodes * op.samples),
         dim3(WaveSourceTuning::threads), 0, context, op, context.faultSlot());
}

template <class Real>
void run(const WaveSourcesBackward<Real>& op, Context& context) {
  launch(gradSourcesKernel<Real>, strandGrid(op.nodes), dim3(WaveSourceTuning::threads),
         2 * WaveSourceTuning::threads * sizeof(double), context, op, context.faultSlot());
}

template <class Real>
void run(const WaveReceiveForward<Real>& op, Context& context) {
  launch(waveReceiveKernel<Real>, elementGrid(op.receivers * op.samples),
         dim3(WaveSourceTuning::threads), 0, context, op, context.faultSlot());
}

template <class Real>
void run(const WaveReceiveBackward<Real>& op, Context& context) {
  withWaveSlots(op.targets, op.nodes, context, [&](const WaveSlots& slots) {
    launch(gradPotentialKernel<Real>, elementGrid(op.nodes * op.samples),
           dim3(WaveSourceTuning::threads), 0, context, op, slots);
    launch(gradReceiverPhasesKernel<Real>, strandGrid(op.nodes), dim3(WaveSourceTuning::threads),
           WaveSourceTuning::threads * sizeof(double), context, op, slots);
  });
}

EXPORT_KERNELS(WaveSourcesForward)
EXPORT_KERNELS(WaveSourcesBackward)
EXPORT_KERNELS(WaveReceiveForward)
EXPORT_KERNELS(WaveReceiveBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
