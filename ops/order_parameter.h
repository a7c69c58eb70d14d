// The Kuramoto order parameter of every row of N phases,
//   R e^(iψ) = (1/N) Σ_j e^(iθ_j),
//   ∂R/∂θ_j = sin(ψ - θ_j) / N,   ∂ψ/∂θ_j = cos(ψ - θ_j) / (N R).
#pragma once

#include "ops/arctangent.h"
#include "ops/operation.h"
#include "ops/phase.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

// Below this R the direction ψ means nothing, and no gradient flows from it.
constexpr double kLeastCoherence = 1e-12;

HOST_DEVICE double coherenceOf(Circle<double> mean) {
  return squareRoot(fma(mean.sine, mean.sine, mean.cosine * mean.cosine));
}
// ψ in [0, 2π).
template <class Real>
HOST_DEVICE Real meanPhaseOf(Circle<double> mean) {
  return radiansOf(phaseOf<Real>(angleOf(mean.cosine, mean.sine)));
}

// What a row's gradients give to its phases: ∂/∂θ_j = x cos θ_j - y sin θ_j.
template <class Real>
HOST_DEVICE Circle<Real> gradMeanCircle(Real gradR, Real gradPsi, Real coherence, Real psi,
                                        int64_t count) {
  Real sine, cosine;
  sineCosine(psi, sine, cosine);
  const Real along = gradR / Real(count);
  const bool directed = coherence > Real(kLeastCoherence);
  const Real across = directed ? gradPsi / (Real(count) * coherence) : Real(0);
  return {fma(along, sine, across * cosine), fma(along, cosine, -(across * sine))};
}
template <class Real>
HOST_DEVICE Real gradPhaseOf(Circle<Real> gradMean, Real phase) {
  Real sine, cosine;
  sineCosine(phase, sine, cosine);
  return fma(gradMean.sine, cosine, -(gradMean.cosine * sine));
}

template <class Real>
struct OrderParameterForward {
  static constexpr const char* name = "orderParameterForward";
  using Types = FullFloatTypes;
  View<const Real> phases;  // (rows, N), rad
  View<Real> coherence;     // (rows), written: R
  View<Real> meanPhase;     // (rows), written: ψ in [0, 2π)
  int64_t rows, oscillators;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("coherence", coherence);
    visit("meanPhase", meanPhase);
    visit("rows", rows);
    visit("oscillators", oscillators);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("oscillators", oscillators, 1);
    check.shape("phases", phases, {{"rows", rows}, {"oscillators", oscillators}});
    check.shape("coherence", coherence, {{"rows", rows}});
    check.shape("meanPhase", meanPhase, {{"rows", rows}});
  }
};

template <class Real>
struct OrderParameterBackward {
  static constexpr const char* name = "orderParameterBackward";
  using Types = FullFloatTypes;
  View<const Real> phases;         // (rows, N)
  View<const Real> coherence;      // (rows)
  View<const Real> meanPhase;      // (rows)
  View<const Real> gradCoherence;  // (rows), optional
  View<const Real> gradMeanPhase;  // (rows), optional
  View<Real> gradPhases;           // (rows, N), written
  int64_t rows, oscillators;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("coherence", coherence);
    visit("meanPhase", meanPhase);
    visit.optional("gradCoherence", gradCoherence);
    visit.optional("gradMeanPhase", gradMeanPhase);
    visit("gradPhases", gradPhases);
    visit("rows", rows);
    visit("oscillators", oscillators);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("oscillators", oscillators, 1);
    const Size row = {"rows", rows}, n = {"oscillators", oscillators};
    check.shape("phases", phases, {row, n});
    check.shape("coherence", coherence, {row});
    check.shape("meanPhase", meanPhase, {row});
    if (gradCoherence) check.shape("gradCoherence", gradCoherence, {row});
    if (gradMeanPhase) check.shape("gradMeanPhase", gradMeanPhase, {row});
    check.shape("gradPhases", gradPhases, {row, n});
  }
  HOST_DEVICE Circle<Real> gradMean(int64_t row) const {
    return gradMeanCircle(gradCoherence ? gradCoherence[row] : Real(0),
                          gradMeanPhase ? gradMeanPhase[row] : Real(0), coherence[row],
                          meanPhase[row], oscillators);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
