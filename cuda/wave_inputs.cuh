// What the wave kernels read: the data checked, the receivers' positions gathered, the sources as
// q = A e^(iω t) or as phases, and the sums of parts on their way to the field.
#pragma once

#include "cuda/hardware_math.cuh"
#include "cuda/reduce.cuh"
#include "cuda/wave_values.cuh"
#include "ops/wave_field.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct WaveInputTuning {
  static constexpr int threads = 128;                       // not measured
  static constexpr int64_t samples = 256;                   // of a pass over the pairs
  static constexpr int64_t sumElements = int64_t(1) << 27;  // bound of the parts' memory
};

// k and ε; NaN where ε is not a softening, which makes every output NaN.
template <class Real>
__device__ __forceinline__ WaveMedium<Real> loadMedium(View<const Real> wavenumber,
                                                       View<const Real> softening) {
  const Real epsilon = softening[0];
  const bool isSound = epsilon > Real(0) && isFiniteNumber(epsilon);
  return WaveMedium<Real>::of(wavenumber[0], isSound ? epsilon : notANumber<Real>());
}

// By the threads of a grid, of which thread i checks the node i and the sample i.
template <class Real>
__device__ __forceinline__ void checkWaves(const WaveFieldInputs<Real>& op, int64_t i,
                                           FaultSlot slot) {
  if (i < op.nodes) {
    for (int64_t axis = 0; axis < 3; ++axis) checkFinite(op.positions, axis * op.nodes + i, slot);
    checkFinite(op.amplitudes, i, slot);
    checkFinite(op.frequencies, i, slot);
  }
  if (i < op.samples) checkFinite(op.times, i, slot);
  if (i != 0) return;
  checkFinite(op.wavenumber, 0, slot);
  const Real epsilon = op.softening[0];
  if (!(epsilon > Real(0)) || !isFiniteNumber(epsilon)) {
    raise(slot, FaultRule::softeningRange, 0, double(epsilon));
  }
}

// Positions (3, S) and, of what is no node, NaN.
template <class Real>
__device__ __forceinline__ void gatherReceiver(const WaveFieldInputs<Real>& op, int64_t s,
                                               Real* positions, FaultSlot slot) {
  if (s >= op.receivers) return;
  const int64_t node = op.targets[s];
  const bool exists = node >= 0 && node < op.nodes;
  if (!exists) raise(slot, FaultRule::receiverRange, s, double(node));
  for (int64_t axis = 0; axis < 3; ++axis) {
    positions[axis * op.receivers + s] =
        exists ? op.positions[axis * op.nodes + node] : notANumber<Real>();
  }
}

// The node of a receiver, or node 0 with NaN sums where there is none.
template <class Real>
__device__ __forceinline__ int64_t existingNode(const WaveFieldInputs<Real>& op, int64_t s) {
  const int64_t node = op.nodeOf(s);
  return node >= 0 && node < op.nodes ? node : 0;
}

// A_j; NaN where that, ω_j or t is not finite.
template <class Real>
__device__ __forceinline__ Real soundAmplitude(const WaveFieldInputs<Real>& op, int64_t j,
                                               int64_t sample) {
  const Real amplitude = op.amplitudes[j];
  return soundValue(amplitude, amplitude, op.frequencies[j], op.times[sample]);
}
// Re q and Im q of one source and time.
template <class Real>
__device__ __forceinline__ Circle<Real> waveSourceAt(const WaveFieldInputs<Real>& op, int64_t j,
                                                     int64_t sample) {
  const Circle<Real> circle = waveSource(op.frequencies[j], op.times[sample]);
  const Real amplitude = soundAmplitude(op, j, sample);
  return {amplitude * circle.sine, amplitude * circle.cosine};
}

// What the first kernel of an operation leaves in `planes`: nothing; of a single time, A, ω t in
// radians and in half turns, both within half a turn of 0, (3, N); of a single time, q, (2, N).
enum class WaveStart { nothing, phases, sources };

template <class Real>
__device__ __forceinline__ void putPhase(const WaveFieldInputs<Real>& op, int64_t j, Real* planes) {
  const auto phase = wavePhase<Real>(double(op.frequencies[j]), op.times[0]);
  const Real halfTurns = toReal(phase) * Real(kIsSingle<Real> ? 0x1p-31 : 0x1p-63);
  planes[j] = soundAmplitude(op, j, 0);
  planes[op.nodes + j] = halfTurns * Real(3.141592653589793);
  planes[2 * op.nodes + j] = halfTurns;
}
template <class Real>
__device__ __forceinline__ void putSource(const WaveFieldInputs<Real>& op, int64_t j,
                                          int64_t sample, Real* planes) {
  const Circle<Real> q = waveSourceAt(op, j, sample);
  planes[j] = q.cosine;
  planes[op.nodes + j] = q.sine;
}

// Thread i checks the node i and the sample i and gathers receiver i.
template <class Real, WaveStart kStart>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    waveStartKernel(WaveFieldInputs<Real> op, Real* gathered, Real* planes, FaultSlot slot) {
  const int64_t i = globalThread();
  checkWaves(op, i, slot);
  if (op.targets) gatherReceiver(op, i, gathered, slot);
  if (i >= op.nodes) return;
  if (kStart == WaveStart::phases) putPhase(op, i, planes);
  if (kStart == WaveStart::sources) putSource(op, i, 0, planes);
}

// planes (count, 2, N) of the samples from `first` on: Re q, Im q.
template <class Real>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    waveSourcePlanesKernel(WaveFieldInputs<Real> op, int64_t first, int64_t count, Real* planes) {
  const int64_t i = globalThread();
  if (i >= op.nodes * count) return;
  const int64_t m = i / op.nodes;
  putSource(op, i % op.nodes, first + m, planes + 2 * m * op.nodes);
}

// S_i of all receivers as parts (parts, planes, receivers), which add up in double in their order.
template <class Real>
struct PartSums {
  const Real* data;
  int64_t parts, planes, count;

  __device__ __forceinline__ double total(int64_t plane, int64_t i) const {
    double sum = 0;
    for (int64_t part = 0; part < parts; ++part) {
      sum += double(data[(part * planes + plane) * count + i]);
    }
    return sum;
  }
};

// F = e^(iφ) S of the samples from `first` on.
template <class Real, class Sums>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    waveFieldKernel(WaveFieldInputs<Real> op, Sums sums, int64_t first, int64_t count,
                    View<Real> field) {
  const int64_t i = globalThread();
  if (i >= op.receivers * count) return;
  const int64_t m = i / op.receivers, s = i % op.receivers;
  const Circle<Real> circle = receiverCircle(op.phases[existingNode(op, s)]);
  const Real sum = Real(sums.total(m, s));
  Real* const to = field.data + 2 * (first + m) * op.receivers + s;
  to[0] = circle.cosine * sum;
  to[op.receivers] = circle.sine * sum;
}

// ---- host ----

inline dim3 waveGrid(int64_t threads) {
  return dim3(unsigned(ceilDivide(threads, WaveInputTuning::threads)));
}
inline dim3 waveBlock() {
  return dim3(WaveInputTuning::threads);
}

// The receivers' positions, valid as long as the object is: the start of every operation.
template <class Real>
class WaveReceivers {
 public:
  WaveReceivers(const WaveFieldInputs<Real>& op, Context& context)
      : gathered_(context, op.targets ? 3 * op.receivers : 0),
        positions_(op.targets ? gathered_.data() : op.positions.data) {}

  template <WaveStart kStart = WaveStart::nothing>
  void start(const WaveFieldInputs<Real>& op, const Context& context, Real* planes = nullptr) {
    launch(waveStartKernel<Real, kStart>, waveGrid(max(max(op.nodes, op.samples), op.receivers)),
           waveBlock(), 0, context, op, gathered_.data(), planes, context.faultSlot());
  }
  const Real* positions() const { return positions_; }

 private:
  Workspace<Real> gathered_;
  const Real* positions_;
};

template <class Real>
void launchSourcePlanes(const WaveFieldInputs<Real>& op, int64_t first, int64_t count, Real* planes,
                        Context& context) {
  launch(waveSourcePlanesKernel<Real>, waveGrid(op.nodes * count), waveBlock(), 0, context, op,
         first, count, planes);
}
template <class Real, class Sums>
void launchField(const WaveFieldInputs<Real>& op, const Sums& sums, int64_t first, int64_t count,
                 View<Real> field, Context& context) {
  launch(waveFieldKernel<Real, Sums>, waveGrid(op.receivers * count), waveBlock(), 0, context, op,
         sums, first, count, field);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
