// The field of N oscillating sources at nodes of the same set,
//   F_i(t) = e^(iφ_i) Σ_j A_j sin(ω_j t − k d_ij) / d_ij,   d_ij = |x_i − x_j| + ε,
// the sum taking in j = i (d = ε). Nothing of size N² is stored. With ρ of ops/wave_sources.h, C
// and S of ops/wave_pair.h and q = A e^(iω t), the adjoint of a pair is
//   ∂L/∂q_j = Σ_i ρ_i (−S, C),   ∂L/∂d_ij = ρ_i (C' Im q_j − S' Re q_j),
//   ∂L/∂k = −Σ_ij d_ij ρ_i (S Im q_j + C Re q_j),   ∂L/∂ε = Σ_ij ∂L/∂d_ij,
//   ∂L/∂x_i = Σ_j (∂L/∂d_ij + ∂L/∂d_ji) (x_i − x_j) / |x_i − x_j|,  0 where nodes coincide.
#pragma once

#include "ops/wave_sources.h"

namespace entrain::inline ENTRAIN_ISA {

// Up to so many pairs times samples float32 numbers are worked out in float64: sums of so few terms
// may cancel, and the time is that of the call.
constexpr int64_t kFewWavePairs = 64;

// What both directions read.
template <class Real>
struct WaveFieldInputs {
  View<const Real> positions;    // (3, N)
  View<const Real> amplitudes;   // (N)
  View<const Real> frequencies;  // (N), rad per unit of time
  View<const Real> phases;       // (N), rad: of the receivers
  View<const Real> wavenumber;   // (1): k, rad per unit of length
  View<const Real> softening;    // (1): ε > 0
  View<const double> times;      // (M)
  View<const int32_t> targets;   // (S), optional, in any order, repeats allowed: absent, all nodes
  int64_t nodes, receivers, samples;

  template <class Visitor>
  void inputFields(Visitor& visit) {
    visit("positions", positions);
    visit("amplitudes", amplitudes);
    visit("frequencies", frequencies);
    visit("phases", phases);
    visit("wavenumber", wavenumber);
    visit("softening", softening);
    visit("times", times);
    visit.optional("targets", targets);
    visit("nodes", nodes);
    visit("receivers", receivers);
    visit("samples", samples);
  }
  void validateInputs(const Check& check) const {
    check.atLeast("nodes", nodes, 1);
    check.atLeast("receivers", receivers, 1);
    check.atLeast("samples", samples, 1);
    const Size n = {"nodes", nodes};
    check.shape("positions", positions, {{"axes", 3}, n});
    check.shape("amplitudes", amplitudes, {n});
    check.shape("frequencies", frequencies, {n});
    check.shape("phases", phases, {n});
    check.shape("wavenumber", wavenumber, {{"one", 1}});
    check.shape("softening", softening, {{"one", 1}});
    check.shape("times", times, {{"samples", samples}});
    if (targets) check.shape("targets", targets, {{"receivers", receivers}});
    check.rule(targets || receivers == nodes, "receivers", "nodes where there are no targets",
               double(receivers));
  }
  bool hasFewPairs() const {
    return nodes <= kFewWavePairs && receivers <= kFewWavePairs && samples <= kFewWavePairs &&
           nodes * receivers * samples <= kFewWavePairs;
  }
  // The node that receiver s is.
  HOST_DEVICE int64_t nodeOf(int64_t s) const { return targets ? int64_t(targets[s]) : s; }
  HOST_DEVICE WaveMedium<Real> medium() const {
    return WaveMedium<Real>::of(wavenumber[0], softening[0]);
  }
};

template <class Real>
struct WaveFieldForward : WaveFieldInputs<Real> {
  static constexpr const char* name = "waveFieldForward";
  using Types = FullFloatTypes;
  View<Real> field;       // (M, 2, S), written: Re F, Im F
  bool propagator;        // all times as one matrix product of the propagator and the sources
  bool bfloat16Factors;   // of that product, beside float32; sums stay float32
  bool float16Distances;  // |x_i − x_j| is rounded to float16, without propagator, beside float32

  template <class Visitor>
  void fields(Visitor& visit) {
    this->inputFields(visit);
    visit("field", field);
    visit("propagator", propagator);
    visit("bfloat16Factors", bfloat16Factors);
    visit("float16Distances", float16Distances);
  }
  void validate() const {
    const Check check(name);
    this->validateInputs(check);
    check.shape("field", field,
                {{"samples", this->samples}, {"planes", 2}, {"receivers", this->receivers}});
    check.rule(!bfloat16Factors || (propagator && kIsSingle<Real>), "bfloat16Factors",
               "false unless propagator is true and numbers are float32", bfloat16Factors);
    check.rule(!float16Distances || (!propagator && kIsSingle<Real>), "float16Distances",
               "false unless propagator is false and numbers are float32", float16Distances);
  }
};

// One pass over the pairs for every gradient that is asked for, and the field where it is.
template <class Real>
struct WaveFieldBackward : WaveFieldInputs<Real> {
  static constexpr const char* name = "waveFieldBackward";
  using Types = FullFloatTypes;
  View<const Real> gradField;  // (M, 2, S)
  View<Real> gradPositions;    // (3, N), optional, as are all that follow
  View<Real> gradAmplitudes;   // (N)
  View<Real> gradFrequencies;  // (N)
  View<Real> gradPhases;       // (N)
  View<Real> gradWavenumber;   // (1)
  View<Real> gradSoftening;    // (1)
  View<Real> field;            // (M, 2, S): the forward's result once more

  template <class Visitor>
  void fields(Visitor& visit) {
    this->inputFields(visit);
    visit("gradField", gradField);
    visit.optional("gradPositions", gradPositions);
    visit.optional("gradAmplitudes", gradAmplitudes);
    visit.optional("gradFrequencies", gradFrequencies);
    visit.optional("gradPhases", gradPhases);
    visit.optional("gradWavenumber", gradWavenumber);
    visit.optional("gradSoftening", gradSoftening);
    visit.optional("field", field);
  }
  void validate() const {
    const Check check(name);
    this->validateInputs(check);
    const Size n = {"nodes", this->nodes}, one = {"one", 1};
    const Size m = {"samples", this->samples}, planes = {"planes", 2};
    const Size s = {"receivers", this->receivers};
    check.shape("gradField", gradField, {m, planes, s});
    if (gradPositions) check.shape("gradPositions", gradPositions, {{"axes", 3}, n});
    if (gradAmplitudes) check.shape("gradAmplitudes", gradAmplitudes, {n});
    if (gradFrequencies) check.shape("gradFrequencies", gradFrequencies, {n});
    if (gradPhases) check.shape("gradPhases", gradPhases, {n});
    if (gradWavenumber) check.shape("gradWavenumber", gradWavenumber, {one});
    if (gradSoftening) check.shape("gradSoftening", gradSoftening, {one});
    if (field) check.shape("field", field, {m, planes, s});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
