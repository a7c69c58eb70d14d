// What the wave field's forward and backward read: the data checked, the positions padded to whole
// tiles, the sources q = A e^(iω t) in planes, and the nodes that the receivers are.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/wave_field.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Nodes are padded to a multiple of this: two vectors of floats of the widest instruction set. What
// stands there lies at the origin and sends nothing.
constexpr int64_t kWavePadding = 32;
inline int64_t paddedWaveNodes(int64_t nodes) {
  return (nodes + kWavePadding - 1) / kWavePadding * kWavePadding;
}

// The first `count` elements of `from`, and zeros up to `padded`.
template <class Real>
Real* paddedCopy(const Real* from, int64_t count, int64_t padded, Context& context) {
  Real* const to = context.workspace<Real>(padded);
  memcpy(to, from, size_t(count) * sizeof(Real));
  memset(to + count, 0, size_t(padded - count) * sizeof(Real));
  return to;
}

// Positions in three padded planes, and the medium.
template <class Real>
struct WaveGeometry {
  WaveMedium<Real> medium;
  int64_t nodes, padded;
  const Real *x, *y, *z;

  WaveGeometry(const WaveFieldInputs<Real>& op, Context& context)
      : medium(op.medium()),
        nodes(op.nodes),
        padded(paddedWaveNodes(op.nodes)),
        x(paddedCopy(op.positions.data, nodes, padded, context)),
        y(paddedCopy(op.positions.data + nodes, nodes, padded, context)),
        z(paddedCopy(op.positions.data + 2 * nodes, nodes, padded, context)) {}
};

// ---- faults ----

// Notes the first element that is not finite.
template <class Real>
bool allFinite(View<const Real> values, Context& context) {
  constexpr int kLanes = Vector<Real>::kLanes;
  Vector<Real> zero(Real(0));
  int64_t i = 0;
  for (; i + kLanes <= values.length; i += kLanes) {
    zero = fma(load(values.data + i), Vector<Real>(Real(0)), zero);
  }
  Real rest = sumLanes(zero);
  for (; i < values.length; ++i) rest += values[i] * Real(0);
  if (rest == Real(0)) return true;
  i = 0;
  while (values[i] * Real(0) == Real(0)) ++i;
  context.raise(runtime::FaultRule::waveFinite, i, double(values[i]));
  return false;
}

// Notes faulty data; where false, nothing finite can come of it and every output is to be NaN.
template <class Real>
bool checkWaves(const WaveFieldInputs<Real>& op, Context& context) {
  bool sound = allFinite(op.positions, context);
  sound = allFinite(op.amplitudes, context) && sound;
  sound = allFinite(op.frequencies, context) && sound;
  sound = allFinite(op.wavenumber, context) && sound;
  sound = allFinite(op.times, context) && sound;
  const Real softening = op.softening[0];
  if (softening > Real(0) && softening * Real(0) == Real(0)) return sound;
  context.raise(runtime::FaultRule::softeningRange, 0, double(softening));
  return false;
}

// The nodes that the receivers are, node 0 in place of one that there is not; null where all are.
// `faulty` counts those.
inline const int32_t* receiverNodes(View<const int32_t> targets, int64_t nodes, int64_t& faulty,
                                    Context& context) {
  faulty = 0;
  if (!targets) return nullptr;
  int32_t* const receivers = context.workspace<int32_t>(targets.length);
  for (int64_t s = 0; s < targets.length; ++s) {
    const int32_t node = targets[s];
    const bool exists = node >= 0 && node < nodes;
    receivers[s] = exists ? node : 0;
    if (exists) continue;
    ++faulty;
    context.raise(runtime::FaultRule::receiverRange, s, double(node));
  }
  return receivers;
}

// NaN in the field of the receivers that there are not.
template <class Operation>
void blankFaultyReceivers(const Operation& op, int64_t faulty) {
  for (int64_t s = 0; faulty > 0 && s < op.receivers; ++s) {
    if (op.targets[s] >= 0 && op.targets[s] < op.nodes) continue;
    for (int64_t row = 0; row < 2 * op.samples; ++row) {
      op.field[row * op.receivers + s] = __builtin_nan("");
    }
  }
}

// ---- sources ----

// The elements of a vector of floats as doubles, first half and second.
typedef float HalfOfFloats __attribute__((vector_size(kVectorBytes / 2)));
typedef int32_t HalfOfIntegers __attribute__((vector_size(kVectorBytes / 2)));
HOST_DEVICE Vector<double> loadWide(const float* from) {
  HalfOfFloats half;
  memcpy(&half, from, sizeof half);
  return __builtin_convertvector(half, Vector<double>::Native);
}
HOST_DEVICE Vector<double> loadWide(const double* from) {
  return load(from);
}

// How many vectors of doubles one vector of Real is widened to.
template <class Real>
constexpr int kWideParts = int(sizeof(double) / sizeof(Real));

// e^(iω t) of a vector: `turns(part)` tells ω t in turns for each of its wide parts.
template <class Real, class Turns>
HOST_DEVICE Circle<Vector<Real>> waveCircleOfTurns(const Turns& turns) {
  VectorInteger<Real> phase;
  if constexpr (kIsSingle<Real>) {
    HalfOfIntegers halves[2];
    for (int part = 0; part < 2; ++part) {
      halves[part] = __builtin_convertvector(shortPhaseOfTurns(turns(part)).v, HalfOfIntegers);
    }
    memcpy(&phase.v, halves, sizeof halves);
  } else {
    phase = phaseOfTurns(turns(0));
  }
  return circleOfPhase<Vector<Real>>(phase);
}

// Twice the turns: half turns.
template <class Real, class Turns>
HOST_DEVICE Vector<Real> halfTurnsOf(const Turns& turns) {
  if constexpr (kIsSingle<Real>) {
    HalfOfFloats halves[2];
    for (int part = 0; part < 2; ++part) {
      halves[part] = __builtin_convertvector((turns(part) + turns(part)).v, HalfOfFloats);
    }
    Vector<Real> result;
    memcpy(&result.v, halves, sizeof halves);
    return result;
  } else {
    return turns(0) + turns(0);
  }
}

// Calls body(j, amplitudes, frequencies) for every vector of the padded nodes of an operation, on
// all threads; the frequencies are widened, both are 0 beyond the nodes.
template <class Operation, class Body>
void forEachSource(const Operation& op, Context& context, const Body& body) {
  using Real = std::remove_cvref_t<decltype(op.amplitudes[0])>;
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  constexpr int64_t kGrain = 64 * kLanes;
  context.forRange(paddedWaveNodes(op.nodes), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j += kLanes) {
      const int64_t left = op.nodes - j;
      Real frequency[kLanes] = {}, amplitude[kLanes] = {};
      if (left > 0) {
        const size_t bytes = size_t(left < kLanes ? left : kLanes) * sizeof(Real);
        memcpy(frequency, op.frequencies.data + j, bytes);
        memcpy(amplitude, op.amplitudes.data + j, bytes);
      }
      Vector<double> wide[kWideParts<Real>];
      for (int part = 0; part < kWideParts<Real>; ++part) {
        wide[part] = loadWide(frequency + part * Vector<double>::kLanes);
      }
      body(j, load(amplitude), wide);
    }
  });
}

// planes[m][2][padded] = Re q, Im q of the samples from `first` on; zeros beyond the nodes, and in
// the samples beyond `count`, up to `planned`.
template <class Real>
void waveSourcePlanes(const WaveFieldInputs<Real>& op, int64_t first, int64_t count,
                      int64_t planned, Real* planes, Context& context) {
  const int64_t padded = paddedWaveNodes(op.nodes);
  forEachSource(op, context, [&](int64_t j, Vector<Real> amplitude, const Vector<double>* wide) {
    for (int64_t m = 0; m < planned; ++m) {
      Real* const to = planes + 2 * m * padded + j;
      if (m >= count) {
        store(to, Vector<Real>(Real(0)));
        store(to + padded, Vector<Real>(Real(0)));
        continue;
      }
      const Vector<double> time(op.times[first + m]);
      const auto circle = waveCircleOfTurns<Real>([&](int part) __attribute__((always_inline)) {
        return waveTurns(wide[part], time);
      });
      store(to, amplitude * circle.cosine);
      store(to + padded, amplitude * circle.sine);
    }
  });
}

// planes[2][padded] = A and ω t in half turns, of one sample.
template <class Real>
void waveHalfTurnPlanes(const WaveFieldInputs<Real>& op, int64_t sample, Real* planes,
                        Context& context) {
  const int64_t padded = paddedWaveNodes(op.nodes);
  const Vector<double> time(op.times[sample]);
  forEachSource(op, context, [&](int64_t j, Vector<Real> amplitude, const Vector<double>* wide) {
    store(planes + j, amplitude);
    store(planes + padded + j, halfTurnsOf<Real>([&](int part) __attribute__((always_inline)) {
            return waveTurns(wide[part], time);
          }));
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
