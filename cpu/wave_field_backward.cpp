// The wave field's gradients, and the field beside them, from one pass over the pairs for up to
// kWaveSamples times; nothing of size N² is stored. Floor for one time: 36 multiplications, a root
// and two divisions, 42 cycles of AVX-512, for a vector of pairs in both directions. Measured on a
// Zen 4: 47, and for 8000 nodes 1.65 times the field alone, at 8 times 2.5 times.
#include "cpu/rows.h"
#include "cpu/wave_adjoint.h"
#include "cpu/widened.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// Planes of the nodes' gradients.
enum Gradient : int64_t { kPosition = 0, kAmplitude = 3, kFrequency, kPhase, kGradients };

template <class Real>
struct Receivers {
  const int32_t* nodes;  // null where all nodes are
  int64_t count, padded;
  const Real *x, *y, *z;
  Circle<const Real*> circle;  // e^(iφ); NaN where there is no such node
};

template <class Real>
const Real* gathered(const Real* from, const Receivers<Real>& receivers, Context& context) {
  Real* const to = context.workspace<Real>(receivers.padded);
  for (int64_t s = 0; s < receivers.count; ++s) to[s] = from[receivers.nodes[s]];
  memset(to + receivers.count, 0, size_t(receivers.padded - receivers.count) * sizeof(Real));
  return to;
}

template <class Real>
Receivers<Real> receiversOf(const WaveFieldBackward<Real>& op, const WaveGeometry<Real>& geometry,
                            Context& context) {
  int64_t faulty;
  Receivers<Real> all = {receiverNodes(op.targets, op.nodes, faulty, context),
                         op.receivers,
                         paddedWaveNodes(op.receivers),
                         geometry.x,
                         geometry.y,
                         geometry.z,
                         {}};
  const Real* phases;
  if (all.nodes) {
    all.x = gathered(geometry.x, all, context);
    all.y = gathered(geometry.y, all, context);
    all.z = gathered(geometry.z, all, context);
    phases = gathered(op.phases.data, all, context);
  } else {
    phases = paddedCopy(op.phases.data, op.nodes, all.padded, context);
  }
  Real* const sine = context.workspace<Real>(all.padded);
  Real* const cosine = context.workspace<Real>(all.padded);
  context.forRange(all.padded, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; s += Vector<Real>::kLanes) {
      const auto circle = receiverCircle(load(phases + s));
      store(sine + s, circle.sine);
      store(cosine + s, circle.cosine);
    }
  });
  for (int64_t s = 0; faulty > 0 && s < op.receivers; ++s) {
    if (op.targets[s] >= 0 && op.targets[s] < op.nodes) continue;
    sine[s] = cosine[s] = Real(__builtin_nan(""));
  }
  all.circle = {sine, cosine};
  return all;
}

// ---- the planes of a pass ----

template <class Real>
struct PassPlanes {
  Real* unit;     // e^(iω t), [samples][2][nodes]
  Real* sources;  // q, of the same shape
  Real* weights;  // ρ, [samples][receivers]
  Real* phase;    // the gradient of φ over S, of the same shape
};

template <class Real>
PassPlanes<Real> takePlanes(int64_t samples, int64_t nodes, int64_t receivers, Context& context) {
  return {
      context.workspace<Real>(2 * samples * nodes), context.workspace<Real>(2 * samples * nodes),
      context.workspace<Real>(samples * receivers), context.workspace<Real>(samples * receivers)};
}

// q of the pass' times, from amplitudes that are padded.
template <class Real>
void fillSources(const WaveFieldInputs<Real>& ones, const Real* amplitudes, int64_t first,
                 int64_t count, const PassPlanes<Real>& planes, Context& context) {
  waveSourcePlanes(ones, first, count, count, planes.unit, context);
  const int64_t padded = paddedWaveNodes(ones.nodes);
  context.forRange(padded, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = 0; plane < 2 * count; ++plane) {
      for (int64_t j = begin; j < end; j += Vector<Real>::kLanes) {
        const int64_t at = plane * padded + j;
        store(planes.sources + at, load(amplitudes + j) * load(planes.unit + at));
      }
    }
  });
}

template <class Real>
void fillWeights(const WaveFieldBackward<Real>& op, const Receivers<Real>& receivers, int64_t first,
                 int64_t count, const PassPlanes<Real>& planes, Context& context) {
  memset(planes.weights, 0, size_t(count * receivers.padded) * sizeof(Real));
  memset(planes.phase, 0, size_t(count * receivers.padded) * sizeof(Real));
  forEachRowVector<Real>(context, count, receivers.count, [&](int64_t at, int64_t s, auto access) {
    const int64_t m = at / receivers.count;
    const Real* const gradField = op.gradField.data + 2 * (first + m) * receivers.count + s;
    const Circle<Vector<Real>> circle = {access.load(receivers.circle.sine + s),
                                         access.load(receivers.circle.cosine + s)};
    const auto gradient =
        receiverGradient(circle, access.load(gradField), access.load(gradField + receivers.count));
    access.store(planes.weights + m * receivers.padded + s, gradient.sum);
    access.store(planes.phase + m * receivers.padded + s, gradient.phasePerSum);
  });
}

// ---- what the sums give ----

template <class Real>
HOST_DEVICE void accumulate(Real* to, Vector<Real> sum) {
  store(to, load(to) + sum);
}

// The field of the pass' times and, added to `gradient`, that of φ of each receiver.
template <class Real>
void takeHeard(const WaveFieldBackward<Real>& op, const Receivers<Real>& receivers, int64_t first,
               int64_t count, const PassPlanes<Real>& planes, const Real* sums, Real* gradient,
               Context& context) {
  context.forRange(receivers.padded, kRowGrain, [&](int64_t begin, int64_t end) {
    const int64_t last = end < receivers.count ? end : receivers.count;
    for (int64_t m = 0; m < count; ++m) {
      const Real* const heard = sums + heardPlane(int(m)) * receivers.padded;
      const Real* const perSum = planes.phase + m * receivers.padded;
      for (int64_t s = begin; s < end; s += Vector<Real>::kLanes) {
        store(gradient + s, fma(load(heard + s), load(perSum + s), load(gradient + s)));
      }
      if (!op.field) continue;
      Real* const field = op.field.data + 2 * (first + m) * receivers.count;
      forEachVector<Real>(last - begin, [&](int64_t n, auto access) {
        const int64_t s = begin + n;
        const auto sum = access.load(heard + s);
        access.store(field + s, access.load(receivers.circle.cosine + s) * sum);
        access.store(field + receivers.count + s, access.load(receivers.circle.sine + s) * sum);
      });
    }
  });
}

// Adds the gradients of A and ω, and those of the positions.
template <class Real>
void takeAnswers(const WaveFieldBackward<Real>& op, const Real* amplitudes, int64_t first,
                 int64_t count, const PassPlanes<Real>& planes, bool slope, const Real* sums,
                 Real* gradients, Context& context) {
  const int64_t padded = paddedWaveNodes(op.nodes);
  context.forRange(padded, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j += Vector<Real>::kLanes) {
      for (int64_t m = 0; m < count; ++m) {
        const Real* const unit = planes.unit + 2 * m * padded + j;
        const Real* const answer = sums + answerPlane(int(m)) * padded + j;
        const auto gradient =
            sourceGradient(Circle<Vector<Real>>{load(unit + padded), load(unit)},
                           Propagator<Vector<Real>>{load(answer), load(answer + padded)});
        const Vector<Real> factor = load(amplitudes + j) * Real(op.times[first + m]);
        accumulate(gradients + kAmplitude * padded + j, gradient.amplitude);
        accumulate(gradients + kFrequency * padded + j, factor * gradient.frequency);
      }
      for (int64_t axis = 0; slope && axis < 3; ++axis) {
        accumulate(gradients + (kPosition + axis) * padded + j,
                   load(sums + (positionPlane(int(count)) + axis) * padded + j));
      }
    }
  });
}

// Adds what the targets get to their nodes, in the order of the targets.
template <class Real>
void scatter(const Receivers<Real>& receivers, const Real* from, Real* to) {
  for (int64_t s = 0; s < receivers.count; ++s) to[receivers.nodes[s]] += from[s];
}

template <class Real>
void fillWith(View<Real> output, Real value) {
  for (int64_t i = 0; i < output.length; ++i) output[i] = value;
}
template <class Real>
void fillAll(const WaveFieldBackward<Real>& op, Real value) {
  fillWith(op.gradPositions, value);
  fillWith(op.gradAmplitudes, value);
  fillWith(op.gradFrequencies, value);
  fillWith(op.gradPhases, value);
  fillWith(op.gradWavenumber, value);
  fillWith(op.gradSoftening, value);
  fillWith(op.field, value);
}

template <class Real>
void copyPlane(View<Real> output, int64_t plane, int64_t nodes, const Real* gradients,
               int64_t padded) {
  for (int64_t at = 0; at < output.length; at += nodes, ++plane) {
    memcpy(output.data + at, gradients + plane * padded, size_t(nodes) * sizeof(Real));
  }
}

template <class Real>
Real* zeros(int64_t count, Context& context) {
  Real* const made = context.workspace<Real>(count);
  memset(made, 0, size_t(count) * sizeof(Real));
  return made;
}

}  // namespace

template <class Real>
void run(const WaveFieldBackward<Real>& op, Context& context) {
  if constexpr (kIsSingle<Real>) {
    if (op.hasFewPairs()) {
      return runWidened<WaveFieldBackward>(op, context,
                                           [&](const auto& wide) { run(wide, context); });
    }
  }
  if (!checkWaves(op, context)) return fillAll(op, Real(__builtin_nan("")));
  const WaveGeometry<Real> geometry(op, context);
  const Receivers<Real> receivers = receiversOf(op, geometry, context);
  const int64_t padded = geometry.padded;
  Real* const ones = context.workspace<Real>(op.nodes);
  fillWith(View<Real>{ones, op.nodes}, Real(1));
  WaveFieldInputs<Real> unit = op;
  unit.amplitudes = {ones, op.nodes};
  const Real* const amplitudes = paddedCopy(op.amplitudes.data, op.nodes, padded, context);

  const int64_t passes = (op.samples + kWaveSamples - 1) / kWaveSamples;
  const int64_t share = (op.samples + passes - 1) / passes;
  const auto planes = takePlanes<Real>(share, padded, receivers.padded, context);
  Real* const nodeSums = context.workspace<Real>(wavePlanes(int(share)) * padded);
  Real* const targetSums = receivers.nodes
                               ? context.workspace<Real>(wavePlanes(int(share)) * receivers.padded)
                               : nodeSums;
  Real* const gradients = zeros<Real>(kGradients * padded, context);
  Real* const ofTargets =
      receivers.nodes ? zeros<Real>(kGradients * receivers.padded, context) : gradients;
  MediumSums<double> medium = {0, 0};
  const bool slope = op.gradPositions || op.gradWavenumber || op.gradSoftening;
  for (int64_t first = 0; first < op.samples; first += share) {
    const int64_t left = op.samples - first, count = left < share ? left : share;
    fillSources(unit, amplitudes, first, count, planes, context);
    fillWeights(op, receivers, first, count, planes, context);
    const WaveSide<Real> nodes = {geometry.x,     geometry.y,     geometry.z,
                                  planes.weights, planes.sources, padded};
    const WaveSide<Real> hearing = {receivers.x,    receivers.y,    receivers.z,
                                    planes.weights, planes.sources, receivers.padded};
    const WavePass<Real> pass = {geometry.medium, nodes,      hearing, op.nodes,
                                 op.receivers,    int(count), slope};
    const auto sum = receivers.nodes ? sumTargets(pass, nodeSums, targetSums, context)
                                     : sumAllPairs(pass, nodeSums, context);
    medium.tension += sum.tension;
    medium.stretch += sum.stretch;
    takeHeard(op, receivers, first, count, planes, targetSums,
              ofTargets + kPhase * receivers.padded, context);
    takeAnswers(op, amplitudes, first, count, planes, slope, nodeSums, gradients, context);
    for (int64_t axis = 0; receivers.nodes && slope && axis < 3; ++axis) {
      scatter(receivers, targetSums + (positionPlane(int(count)) + axis) * receivers.padded,
              gradients + (kPosition + axis) * padded);
    }
  }
  if (receivers.nodes) {
    scatter(receivers, ofTargets + kPhase * receivers.padded, gradients + kPhase * padded);
  }
  copyPlane(op.gradPositions, kPosition, op.nodes, gradients, padded);
  copyPlane(op.gradAmplitudes, kAmplitude, op.nodes, gradients, padded);
  copyPlane(op.gradFrequencies, kFrequency, op.nodes, gradients, padded);
  copyPlane(op.gradPhases, kPhase, op.nodes, gradients, padded);
  fillWith(op.gradWavenumber, Real(-medium.stretch));
  fillWith(op.gradSoftening, Real(-medium.tension));
}

EXPORT_KERNELS(WaveFieldBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
