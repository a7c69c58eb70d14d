// What the waves start from: q_j(t) = A_j e^(iω_j t), with ω_j t reduced to a turn in float64 (the
// product to twice that), so that Unix time is as good as 0; and what a receiver makes of them,
//   F_i = e^(iφ_i) S_i,   S_i = Im Σ_j G_ij q_j.
// Adjoints, for g = ∂L/∂F and p = ∂L/∂q: ∂L/∂A = Re(conj(p) q) / A, ∂L/∂ω = t Re(conj(p) i q),
//   ρ_i = ∂L/∂S_i = Re(conj(e^(iφ_i)) g_i),   ∂L/∂φ_i = S_i Re(conj(i e^(iφ_i)) g_i).
#pragma once

#include "ops/operation.h"
#include "ops/wave_pair.h"

namespace entrain::inline ENTRAIN_ISA {

// ω t in turns less the whole ones: in [-1/2, 1/2] and a little. `Wide` is double or a vector.
template <class Wide>
HOST_DEVICE Wide waveTurns(Wide frequency, Wide time) {
  const Wide product = frequency * time;
  const Wide rest = fma(frequency, time, -product);
  return turnsOfAngle(product) + rest * kTurnsPerRadian;
}
// Turns as a phase of 64 bits: the shift by a turn's half is exact and keeps a half turn in range.
template <class Wide>
HOST_DEVICE Integer<Wide> phaseOfTurns(Wide turns) {
  const Integer<Wide> half = toInteger(turns * 0x1p63);
  return wrappingSum(half, half);
}
// Turns as a phase of 32 bits: the lower half of each result.
template <class Wide>
HOST_DEVICE Integer<Wide> shortPhaseOfTurns(Wide turns) {
  return toBits(turns * 0x1p32 + Wide(0x1.8p52));
}
// The phase of ω t, for one source and one time.
template <class Real>
HOST_DEVICE Integer<Real> wavePhase(double frequency, double time) {
  const double turns = waveTurns(frequency, time);
  if constexpr (kIsSingle<Real>) {
    return int32_t(uint32_t(shortPhaseOfTurns(turns)));
  } else {
    return phaseOfTurns(turns);
  }
}
// e^(iω t): cosine and sine.
template <class Real>
HOST_DEVICE Circle<Real> waveSource(Real frequency, double time) {
  return circleOfPhase<Real>(wavePhase<Real>(double(frequency), time));
}

// e^(iφ) of a receiver.
template <class Real>
HOST_DEVICE Circle<Real> receiverCircle(Real phase) {
  Circle<Real> circle;
  sineCosine(phase, circle.sine, circle.cosine);
  return circle;
}
// ρ and, times S, the gradient of φ.
template <class Real>
struct ReceiverGradient {
  Real sum, phasePerSum;
};
template <class Real>
HOST_DEVICE ReceiverGradient<Real> receiverGradient(Circle<Real> circle, Real gradReal,
                                                    Real gradImaginary) {
  return {fma(circle.cosine, gradReal, circle.sine * gradImaginary),
          fma(circle.cosine, gradImaginary, -(circle.sine * gradReal))};
}

// q at all times.
template <class Real>
struct WaveSourcesForward {
  static constexpr const char* name = "waveSourcesForward";
  using Types = FullFloatTypes;
  View<const Real> amplitudes;   // (N)
  View<const Real> frequencies;  // (N), rad per unit of time
  View<const double> times;      // (M)
  View<Real> sources;            // (M, 2, N), written: Re q, Im q
  int64_t nodes, samples;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("amplitudes", amplitudes);
    visit("frequencies", frequencies);
    visit("times", times);
    visit("sources", sources);
    visit("nodes", nodes);
    visit("samples", samples);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("samples", samples, 1);
    const Size n = {"nodes", nodes}, m = {"samples", samples};
    check.shape("amplitudes", amplitudes, {n});
    check.shape("frequencies", frequencies, {n});
    check.shape("times", times, {m});
    check.shape("sources", sources, {m, {"planes", 2}, n});
  }
};

template <class Real>
struct WaveSourcesBackward {
  static constexpr const char* name = "waveSourcesBackward";
  using Types = FullFloatTypes;
  View<const Real> gradSources;  // (M, 2, N)
  View<const Real> amplitudes;   // (N)
  View<const Real> frequencies;  // (N)
  View<const double> times;      // (M)
  View<Real> gradAmplitudes;     // (N), written
  View<Real> gradFrequencies;    // (N), written
  int64_t nodes, samples;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradSources", gradSources);
    visit("amplitudes", amplitudes);
    visit("frequencies", frequencies);
    visit("times", times);
    visit("gradAmplitudes", gradAmplitudes);
    visit("gradFrequencies", gradFrequencies);
    visit("nodes", nodes);
    visit("samples", samples);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("samples", samples, 1);
    const Size n = {"nodes", nodes}, m = {"samples", samples};
    check.shape("gradSources", gradSources, {m, {"planes", 2}, n});
    check.shape("amplitudes", amplitudes, {n});
    check.shape("frequencies", frequencies, {n});
    check.shape("times", times, {m});
    check.shape("gradAmplitudes", gradAmplitudes, {n});
    check.shape("gradFrequencies", gradFrequencies, {n});
  }
};

// F from the complex potential U = Σ_j G_ij q_j.
template <class Real>
struct WaveReceiveForward {
  static constexpr const char* name = "waveReceiveForward";
  using Types = FullFloatTypes;
  View<const Real> potential;   // (M, 2, N): Re U, Im U
  View<const Real> phases;      // (N), rad
  View<const int32_t> targets;  // (S), optional: absent, all nodes
  View<Real> field;             // (M, 2, S), written
  int64_t nodes, receivers, samples;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("potential", potential);
    visit("phases", phases);
    visit.optional("targets", targets);
    visit("field", field);
    visit("nodes", nodes);
    visit("receivers", receivers);
    visit("samples", samples);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("receivers", receivers, 1);
    check.atLeast("samples", samples, 1);
    const Size n = {"nodes", nodes}, m = {"samples", samples}, s = {"receivers", receivers};
    const Size planes = {"planes", 2};
    check.shape("potential", potential, {m, planes, n});
    check.shape("phases", phases, {n});
    if (targets) check.shape("targets", targets, {s});
    check.rule(targets || receivers == nodes, "receivers", "nodes where there are no targets",
               double(receivers));
    check.shape("field", field, {m, planes, s});
  }
};

template <class Real>
struct WaveReceiveBackward {
  static constexpr const char* name = "waveReceiveBackward";
  using Types = FullFloatTypes;
  View<const Real> gradField;   // (M, 2, S)
  View<const Real> potential;   // (M, 2, N)
  View<const Real> phases;      // (N)
  View<const int32_t> targets;  // (S), optional; a node that stands twice gets both gradients
  View<Real> gradPotential;     // (M, 2, N), written
  View<Real> gradPhases;        // (N), written
  int64_t nodes, receivers, samples;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradField", gradField);
    visit("potential", potential);
    visit("phases", phases);
    visit.optional("targets", targets);
    visit("gradPotential", gradPotential);
    visit("gradPhases", gradPhases);
    visit("nodes", nodes);
    visit("receivers", receivers);
    visit("samples", samples);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("receivers", receivers, 1);
    check.atLeast("samples", samples, 1);
    const Size n = {"nodes", nodes}, m = {"samples", samples}, s = {"receivers", receivers};
    const Size planes = {"planes", 2};
    check.shape("gradField", gradField, {m, planes, s});
    check.shape("potential", potential, {m, planes, n});
    check.shape("phases", phases, {n});
    if (targets) check.shape("targets", targets, {s});
    check.rule(targets || receivers == nodes, "receivers", "nodes where there are no targets",
               double(receivers));
    check.shape("gradPotential", gradPotential, {m, planes, n});
    check.shape("gradPhases", gradPhases, {n});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
