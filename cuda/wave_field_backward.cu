// One time over all nodes: the field and every gradient of both ends in one pass over the unordered
// pairs (cuda/wave_symmetric.cuh). Otherwise a pass for what receivers hear, one for what comes
// back to the sources, and two for the slopes of either end (cuda/wave_pairs.cuh,
// cuda/wave_slopes.cuh), for up to 256 times each; gradients gather in double between them. Floor
// on an H200 (33.4e12 issue slots/s): 8000² 48 µs, 1.8 forwards. Not run on a GPU yet.
#include "cuda/wave_direct.cuh"
#include "cuda/wave_slopes.cuh"
#include "cuda/wave_slots.cuh"
#include "cuda/widened.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

// What gathers in double over the times: of receivers φ and the position, of sources A, ω and the
// position.
enum HeardGradient : int64_t { kHeardPhase = 0, kHeardPosition = 1, kReceiverGradients = 4 };
enum SentGradient : int64_t {
  kSentAmplitude = 0,
  kSentFrequency = 1,
  kSentPosition = 2,
  kSourceGradients = 5
};

struct WaveGradients {
  double *receivers, *sources, *totals;  // (4, S), (5, N), (2)
};

__device__ __forceinline__ void gather(double& to, double x, bool isFirst) {
  to = isFirst ? x : to + x;
}

// ρ, and the gradient of φ over S, of a receiver.
template <class Real>
__device__ __forceinline__ ReceiverGradient<Real> weightAt(const WaveFieldBackward<Real>& op,
                                                           int64_t sample, int64_t s) {
  const Real* const from = op.gradField.data + 2 * sample * op.receivers + s;
  return receiverGradient(receiverCircle(op.phases[existingNode(op, s)]), from[0],
                          from[op.receivers]);
}

// ρ (count, S) of the samples from `first` on.
template <class Real>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    waveWeightsKernel(WaveFieldBackward<Real> op, int64_t first, int64_t count, Real* weights) {
  const int64_t i = globalThread();
  if (i >= op.receivers * count) return;
  weights[i] = weightAt(op, first + i / op.receivers, i % op.receivers).sum;
}

// From S: the field, and the gradient of φ.
template <class Real, class Sums>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    takeHeardKernel(WaveFieldBackward<Real> op, Sums sums, int64_t first, int64_t count,
                    WaveGradients gradients) {
  const int64_t s = globalThread();
  if (s >= op.receivers) return;
  const Circle<Real> circle = receiverCircle(op.phases[existingNode(op, s)]);
  double gradPhase = 0;
  for (int64_t m = 0; m < count; ++m) {
    const double sum = sums.total(m, s);
    gradPhase += sum * double(weightAt(op, first + m, s).phasePerSum);
    if (!op.field) continue;
    Real* const to = op.field.data + 2 * (first + m) * op.receivers + s;
    to[0] = circle.cosine * Real(sum);
    to[op.receivers] = circle.sine * Real(sum);
  }
  gather(gradients.receivers[kHeardPhase * op.receivers + s], gradPhase, first == 0);
}

// What R adds to the gradients of A and ω.
template <class Real>
__device__ __forceinline__ void takeAnswer(const WaveFieldBackward<Real>& op, int64_t j,
                                           int64_t sample, double cosine, double sine,
                                           double& gradAmplitude, double& gradFrequency) {
  const Circle<Real> circle = waveSource(op.frequencies[j], op.times[sample]);
  const auto gradient = sourceGradient(Circle<double>{double(circle.sine), double(circle.cosine)},
                                       Propagator<double>{cosine, sine});
  gradAmplitude += gradient.amplitude;
  gradFrequency += op.times[sample] * double(op.amplitudes[j]) * gradient.frequency;
}

// From R, planes (count, 2, N): the gradients of A and ω.
template <class Real>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    takeAnswersKernel(WaveFieldBackward<Real> op, PartSums<Real> sums, int64_t first, int64_t count,
                      WaveGradients gradients) {
  const int64_t j = globalThread();
  if (j >= op.nodes) return;
  double gradAmplitude = 0, gradFrequency = 0;
  for (int64_t m = 0; m < count; ++m) {
    takeAnswer(op, j, first + m, sums.total(2 * m, j), sums.total(2 * m + 1, j), gradAmplitude,
               gradFrequency);
  }
  gather(gradients.sources[kSentAmplitude * op.nodes + j], gradAmplitude, first == 0);
  gather(gradients.sources[kSentFrequency * op.nodes + j], gradFrequency, first == 0);
}

// From the slopes of one end: its gradient of the position, (3, count).
template <class Real>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    takeSlopesKernel(PartSums<Real> sums, double* gradients, bool isFirst) {
  const int64_t i = globalThread();
  if (i >= 3 * sums.count) return;
  gather(gradients[i], sums.total(i / sums.count, i % sums.count), isFirst);
}

// From the blocks' sums for k and ε, (blocks, 2): their totals, by one block in a fixed order.
static __global__ void __launch_bounds__(WaveInputTuning::threads)
    takeTotalsKernel(const double* totals, int64_t blocks, double* to, bool isFirst) {
  for (int n = 0; n < 2; ++n) {
    double sum = 0;
    for (int64_t i = threadIdx.x; i < blocks; i += WaveInputTuning::threads) {
      sum += totals[2 * i + n];
    }
    sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
    if (threadIdx.x == 0) gather(to[n], sum, isFirst);
  }
}

template <class Real>
__device__ __forceinline__ void putTotals(const WaveFieldBackward<Real>& op,
                                          const WaveGradients& gradients) {
  if (op.gradWavenumber) op.gradWavenumber[0] = Real(gradients.totals[0]);
  if (op.gradSoftening) op.gradSoftening[0] = Real(gradients.totals[1]);
}

// A node's gradients from both of its parts.
template <class Real>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    putGradientsKernel(WaveFieldBackward<Real> op, WaveSlots slots, WaveGradients gradients) {
  const int64_t i = globalThread();
  if (i >= op.nodes) return;
  if (i == 0) putTotals(op, gradients);
  const auto heard = [&](int64_t n, double sum) {
    slots.forEach(i, [&](int64_t s) { sum += gradients.receivers[n * op.receivers + s]; });
    return Real(sum);
  };
  const auto sent = [&](int64_t n) { return gradients.sources[n * op.nodes + i]; };
  if (op.gradPhases) op.gradPhases[i] = heard(kHeardPhase, 0);
  if (op.gradAmplitudes) op.gradAmplitudes[i] = Real(sent(kSentAmplitude));
  if (op.gradFrequencies) op.gradFrequencies[i] = Real(sent(kSentFrequency));
  for (int64_t axis = 0; op.gradPositions && axis < 3; ++axis) {
    op.gradPositions[axis * op.nodes + i] =
        heard(kHeardPosition + axis, sent(kSentPosition + axis));
  }
}

// All of a node at one time, from the sums of the triangle.
template <class Real>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    putSymmetricKernel(WaveFieldBackward<Real> op, TriangleSums<Real> sums,
                       WaveGradients gradients) {
  const int64_t i = globalThread();
  if (i >= op.nodes) return;
  if (i == 0) putTotals(op, gradients);
  const double sum = sums.total(0, i);
  if (op.field) {
    const Circle<Real> circle = receiverCircle(op.phases[i]);
    op.field[i] = circle.cosine * Real(sum);
    op.field[op.nodes + i] = circle.sine * Real(sum);
  }
  if (op.gradPhases) op.gradPhases[i] = Real(sum * double(weightAt(op, 0, i).phasePerSum));
  if (op.gradAmplitudes || op.gradFrequencies) {
    double gradAmplitude = 0, gradFrequency = 0;
    takeAnswer(op, i, 0, sums.total(1, i), sums.total(2, i), gradAmplitude, gradFrequency);
    if (op.gradAmplitudes) op.gradAmplitudes[i] = Real(gradAmplitude);
    if (op.gradFrequencies) op.gradFrequencies[i] = Real(gradFrequency);
  }
  for (int64_t axis = 0; op.gradPositions && axis < 3; ++axis) {
    op.gradPositions[axis * op.nodes + i] = Real(sums.total(3 + axis, i));
  }
}

// ---- host ----

void launchTotals(const double* totals, int64_t blocks, double* to, bool isFirst,
                  const Context& context) {
  launch(takeTotalsKernel, dim3(1), waveBlock(), WaveInputTuning::threads / kWarp * sizeof(double),
         context, totals, blocks, to, isFirst);
}

template <class Real>
void runSymmetricBackward(const WaveFieldBackward<Real>& op, Context& context) {
  const Workspace<Real> planes(context, 3 * op.nodes);
  const Workspace<double> totals(context, 2);
  const WaveGradients gradients = {nullptr, nullptr, totals.data()};
  WaveReceivers<Real>(op, context).template start<WaveStart::sources>(op, context, planes.data());
  launch(waveWeightsKernel<Real>, waveGrid(op.receivers), waveBlock(), 0, context, op, int64_t(0),
         int64_t(1), planes.data() + 2 * op.nodes);
  withSymmetricSums<WaveGradientPair<Real>, Real>(
      op, planes.data(), context, [&](const auto& sums, const double* parts, int64_t blocks) {
        launchTotals(parts, blocks, totals.data(), true, context);
        launch(putSymmetricKernel<Real>, waveGrid(op.nodes), waveBlock(), 0, context, op, sums,
               gradients);
      });
}

// The passes over the pairs of receivers and nodes.
template <class Real>
class WaveBackward {
 public:
  WaveBackward(const WaveFieldBackward<Real>& op, Context& context)
      : op_(op),
        context_(context),
        receivers_(op, context),
        pass_(samplesOfPass<Real>(op)),
        planes_(context, 2 * pass_ * op.nodes),
        weights_(context, pass_ * op.receivers),
        heard_(context, kReceiverGradients * op.receivers),
        sent_(context, kSourceGradients * op.nodes),
        totals_(context, 2),
        gradients_{heard_.data(), sent_.data(), totals_.data()} {}

  void run() {
    receivers_.start(op_, context_);
    for (int64_t first = 0; first < op_.samples; first += pass_) {
      const int64_t count = min(pass_, op_.samples - first);
      launchSourcePlanes<Real>(op_, first, count, planes_.data(), context_);
      launch(waveWeightsKernel<Real>, waveGrid(op_.receivers * count), waveBlock(), 0, context_,
             op_, first, count, weights_.data());
      if (op_.field || op_.gradPhases) hear(first, count);
      if (op_.gradAmplitudes || op_.gradFrequencies) answer(first, count);
      const bool wantsTotals = op_.gradWavenumber || op_.gradSoftening;
      if (op_.gradPositions || wantsTotals) slopesOfReceivers(first, count, wantsTotals);
      if (op_.gradPositions) slopesOfSources(first, count);
    }
    withWaveSlots(op_.targets, op_.nodes, context_, [&](const WaveSlots& slots) {
      launch(putGradientsKernel<Real>, waveGrid(op_.nodes), waveBlock(), 0, context_, op_, slots,
             gradients_);
    });
  }

 private:
  void hear(int64_t first, int64_t count) {
    withTimeSums<false, Real>(
        op_, receivers_.positions(), planes_.data(), count, context_, [&](const auto& sums) {
          launch(takeHeardKernel<Real, PartSums<Real>>, waveGrid(op_.receivers), waveBlock(), 0,
                 context_, op_, sums, first, count, gradients_);
        });
  }
  void answer(int64_t first, int64_t count) {
    WavePairs<Real> work = wavePairsOf<Real>(op_, op_.positions.data);
    work.receiverCount = op_.nodes;
    work.sources = receivers_.positions();
    work.sourceCount = op_.receivers;
    work.weights = weights_.data();
    work.weightPlanes = count;
    work.sumPlanes = 2 * count;
    withPairs<WaveAdjointByTimes<Real, 8>, 1>(work, context_, [&](const auto& sums) {
      launch(takeAnswersKernel<Real>, waveGrid(op_.nodes), waveBlock(), 0, context_, op_, sums,
             first, count, gradients_);
    });
  }
  WaveSlopes<Real> slopes(int64_t count) const {
    WaveSlopes<Real> work = {};
    work.wavenumber = op_.wavenumber;
    work.softening = op_.softening;
    work.samples = count;
    return work;
  }
  void slopesOfReceivers(int64_t first, int64_t count, bool wantsTotals) {
    WaveSlopes<Real> work = slopes(count);
    work.own = receivers_.positions();
    work.ownCount = op_.receivers;
    work.ownWeights = weights_.data();
    work.others = op_.positions.data;
    work.otherCount = op_.nodes;
    work.otherWeights = planes_.data();
    withSlopes<true>(
        work, wantsTotals, context_, [&](const auto& sums, const double* totals, int64_t blocks) {
          takeSlopes(sums, gradients_.receivers + kHeardPosition * op_.receivers, first == 0);
          if (wantsTotals) launchTotals(totals, blocks, gradients_.totals, first == 0, context_);
        });
  }
  void slopesOfSources(int64_t first, int64_t count) {
    WaveSlopes<Real> work = slopes(count);
    work.own = op_.positions.data;
    work.ownCount = op_.nodes;
    work.ownWeights = planes_.data();
    work.others = receivers_.positions();
    work.otherCount = op_.receivers;
    work.otherWeights = weights_.data();
    withSlopes<false>(work, false, context_, [&](const auto& sums, const double*, int64_t) {
      takeSlopes(sums, gradients_.sources + kSentPosition * op_.nodes, first == 0);
    });
  }
  void takeSlopes(const PartSums<Real>& sums, double* to, bool isFirst) {
    launch(takeSlopesKernel<Real>, waveGrid(3 * sums.count), waveBlock(), 0, context_, sums, to,
           isFirst);
  }

  const WaveFieldBackward<Real>& op_;
  Context& context_;
  WaveReceivers<Real> receivers_;
  int64_t pass_;
  const Workspace<Real> planes_, weights_;
  const Workspace<double> heard_, sent_, totals_;
  WaveGradients gradients_;
};

}  // namespace

template <class Real>
void run(const WaveFieldBackward<Real>& op, Context& context) {
  if constexpr (kIsSingle<Real>) {
    if (op.hasFewPairs()) {
      return runWidened<WaveFieldBackward>(op, context,
                                           [&](const auto& wide) { run(wide, context); });
    }
  }
  if (isSymmetric<Real>(op)) return runSymmetricBackward(op, context);
  WaveBackward<Real>(op, context).run();
}

EXPORT_KERNELS(WaveFieldBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
