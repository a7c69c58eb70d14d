// The ways to form S of all receivers with C and S of each pair on the ordinary units: the triangle
// of nodes at one time, the rectangle of receivers and sources at one or several.
#pragma once

#include "cuda/wave_pairs.cuh"
#include "cuda/wave_symmetric.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

// How many samples a pass over the pairs takes: what their sums leave in memory bounds them.
inline int64_t samplesOfPass(int64_t samples, int64_t sums) {
  using Tuning = WaveInputTuning;
  const int64_t most = min(Tuning::sumElements / (sums > 0 ? sums : 1), Tuning::samples);
  const int64_t least = 32;
  return min(samples, most < least ? least : most);
}
template <class Real>
int64_t samplesOfPass(const WaveFieldInputs<Real>& op) {
  const int64_t parts = ceilDivide(op.nodes, WavePairTuning::partLength);
  return samplesOfPass(op.samples, parts * op.receivers + 2 * op.nodes);
}

// Pairs of receivers and all nodes, without weights yet.
template <class Real>
WavePairs<Real> wavePairsOf(const WaveFieldInputs<Real>& op, const Real* receivers) {
  WavePairs<Real> work = {};
  work.receivers = receivers;
  work.sources = op.positions.data;
  work.wavenumber = op.wavenumber;
  work.softening = op.softening;
  work.receiverCount = op.receivers;
  work.sourceCount = op.nodes;
  return work;
}

// Whether one time over all nodes takes each unordered pair once.
template <class Real>
bool isSymmetric(const WaveFieldInputs<Real>& op) {
  return !op.targets && op.samples == 1 && op.nodes >= WaveSymmetricTuning::leastNodes;
}

// Calls use(sums) with S at one time, the data checked on the way.
template <bool kHalfDistance, class Real, class Use>
void withSineSums(const WaveFieldInputs<Real>& op, Context& context, const Use& use) {
  WaveReceivers<Real> receivers(op, context);
  const Workspace<Real> weights(context, 3 * op.nodes);
  receivers.template start<WaveStart::phases>(op, context, weights.data());
  WavePairs<Real> work = wavePairsOf(op, receivers.positions());
  work.weights = weights.data();
  work.weightPlanes = 3;
  work.sumPlanes = 1;
  using Rule = WaveBySine<Real, kHalfDistance>;
  if (op.receivers < WavePairTuning::denseReceivers) {
    withPairs<Rule, 1>(work, context, use);
  } else {
    withPairs<Rule, 4>(work, context, use);
  }
}

// Calls use(sums) with S at `count` times, of planes (count, 2, N) of q.
template <bool kHalfDistance, class Real, class Use>
void withTimeSums(const WaveFieldInputs<Real>& op, const Real* receivers, const Real* planes,
                  int64_t count, Context& context, const Use& use) {
  WavePairs<Real> work = wavePairsOf(op, receivers);
  work.weights = planes;
  work.weightPlanes = 2 * count;
  work.sumPlanes = count;
  if constexpr (kIsSingle<Real>) {
    if (count > 8) return withPairs<WaveByTimes<Real, 16, kHalfDistance>, 2>(work, context, use);
  }
  withPairs<WaveByTimes<Real, 8, kHalfDistance>, 1>(work, context, use);
}

// Calls use(sums, totals, tasks) with the sums of a symmetric rule, of planes (weights, N).
template <class Rule, class Real, class Use>
void withSymmetricSums(const WaveFieldInputs<Real>& op, const Real* planes, Context& context,
                       const Use& use) {
  WaveSymmetric<Real> work = {};
  work.positions = op.positions.data;
  work.weights = planes;
  work.wavenumber = op.wavenumber;
  work.softening = op.softening;
  withSymmetric<Rule>(work, op.nodes, context, use);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
