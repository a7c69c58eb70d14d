// Phase oscillators after Kuramoto 1975, with Sakaguchi's lag alpha, on any graph A:
//   dθ_i/dt = ω_i + u_i + (s_i K / Z_i) Σ_{j≠i} A_ij p_j sin(θ_j - θ_i - α)  [+ √(2D) ξ_i]
// By sin(a - b) = sin a cos b - cos a sin b the sum is a pull of two linear sums,
//   P_i = Σ_{j≠i} A_ij p_j (sin θ_j, cos θ_j),
//   dθ_i/dt = ω_i + u_i + w_i (cos(θ_i + α) P_i.sine - sin(θ_i + α) P_i.cosine),  w_i = s_i K /
//   Z_i:
// O(N) all to all, a matrix product over the batch for dense A, O(edges) on sparse graphs.
//
// Backward, with a_i the gradient of dθ_i/dt: what flows to P_i is
//   g_i = a_i w_i (cos(θ_i + α), -sin(θ_i + α)),
// it goes back through the transposed graph, G_j = Σ_{i≠j} A_ij g_i, and
//   ∂/∂θ_j = p_j (G_j.sine cos θ_j - G_j.cosine sin θ_j)
//            - a_j w_j (sin(θ_j + α) P_j.sine + cos(θ_j + α) P_j.cosine),
//   ∂/∂p_j = G_j.sine sin θ_j + G_j.cosine cos θ_j,   ∂/∂A_ij = p_j (g_i.sine sin θ_j + g_i.cosine
//   cos θ_j).
//
// Phases are fixed-point turns inside (ops/phase.h). Explicit Runge-Kutta methods of 1 (Euler), 2
// (Heun) or 4 stages, whose stage n + 1 starts from stage n alone.
#pragma once

#include "ops/operation.h"
#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA {

// Z_i: max(N - 1, 1); Σ_{j≠i} |A_ij| p_j, where below kLeastDegree nothing pulls; 1.
enum KuramotoNormalisation : int64_t { kByCount, kByDegree, kUnnormalised };
constexpr double kLeastDegree = 1e-8;

// Whom a drive u concerns: nobody; (N) every batch; (batch, N); (steps, N), row n held in step n.
enum KuramotoDrive : int64_t { kNoDrive, kNodeDrive, kBatchDrive, kStepDrive };

// Stage n of a method starts from θ + stageReach · dt · (velocity of stage n - 1), and its velocity
// has the weight stageWeight in the step.
HOST_DEVICE double stageReach(int64_t stages, int64_t n) {
  if (n == 0) return 0;
  return stages == 4 && n < 3 ? 0.5 : 1;
}
HOST_DEVICE double stageWeight(int64_t stages, int64_t n) {
  if (stages == 4) return n == 1 || n == 2 ? 1.0 / 3 : 1.0 / 6;
  return 1.0 / double(stages);
}

// What pulls an oscillator through P, in radians per unit of time; `here` is the circle of θ + α.
template <class Real>
HOST_DEVICE Real coupledRate(Real strength, Circle<Real> here, Circle<Real> pull) {
  return strength * fma(here.cosine, pull.sine, -(here.sine * pull.cosine));
}
// Its derivative with respect to θ_i where P does not change.
template <class Real>
HOST_DEVICE Real coupledRateSlope(Real strength, Circle<Real> here, Circle<Real> pull) {
  return -(strength * fma(here.sine, pull.sine, here.cosine * pull.cosine));
}
// g_i: what the gradient `adjoint` of the rate gives to P.
template <class Real>
HOST_DEVICE Circle<Real> gradPull(Real adjoint, Real strength, Circle<Real> here) {
  const Real weighted = adjoint * strength;
  return {weighted * here.cosine, -(weighted * here.sine)};
}
// What G gives to the phase of a source, without its precision; and to its precision.
template <class Real>
HOST_DEVICE Real gradSourcePhase(Circle<Real> source, Circle<Real> gradSource) {
  return fma(gradSource.sine, source.cosine, -(gradSource.cosine * source.sine));
}
template <class Real>
HOST_DEVICE Real gradSourcePrecision(Circle<Real> source, Circle<Real> gradSource) {
  return fma(gradSource.sine, source.sine, gradSource.cosine * source.cosine);
}

// How many records a run makes, and how many states it keeps for its backward: those before steps
// 0, n, 2n, …, then the last.
HOST_DEVICE int64_t recordCount(int64_t steps, int64_t recordEvery) {
  return recordEvery > 0 ? steps / recordEvery : 0;
}
HOST_DEVICE int64_t checkpointCount(int64_t steps, int64_t checkpointEvery) {
  return checkpointEvery > 0 ? (steps + checkpointEvery - 1) / checkpointEvery + 1 : 0;
}

// What a run and its backward read.
template <class Real>
struct KuramotoSystem {
  View<const Real> naturalFrequencies;  // (N) or (batch, N): rad per unit of time
  View<const Real> coupling;            // (1) or (batch): K
  View<const Real> precision;           // (N), optional: p, not negative
  View<const Real> sign;                // (N), optional: s
  View<const Real> frustration;         // (1), optional: alpha, rad
  View<const Real> drive;               // by driveKind, optional: rad per unit of time
  int64_t batch, oscillators, steps;
  int64_t stages;                        // 1, 2 or 4
  int64_t firstStep;                     // number of the first step: noise and drift count on
  int64_t driveKind, normalisation;      // KuramotoDrive, KuramotoNormalisation
  int64_t recordEvery, checkpointEvery;  // steps; 0: never
  int64_t seedLow, seedHigh, stream;     // of the noise: ops/philox.h; element ((step, batch, N))
  double timeStep;                       // > 0
  double diffusion;                      // D >= 0; Euler and Heun only

  template <class Visitor>
  void systemFields(Visitor& visit) {
    visit("naturalFrequencies", naturalFrequencies);
    visit("coupling", coupling);
    visit.optional("precision", precision);
    visit.optional("sign", sign);
    visit.optional("frustration", frustration);
    visit.optional("drive", drive);
    visit("batch", batch);
    visit("oscillators", oscillators);
    visit("steps", steps);
    visit("stages", stages);
    visit("firstStep", firstStep);
    visit("driveKind", driveKind);
    visit("normalisation", normalisation);
    visit("recordEvery", recordEvery);
    visit("checkpointEvery", checkpointEvery);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("timeStep", timeStep);
    visit("diffusion", diffusion);
  }
  // `rows`: how many times N phases there are: batch, or 1 for ragged banks.
  void validateSystem(const Check& check, int64_t rows) const;
};

// Where a run starts and what it writes. `words` = kPhaseWords<Real>.
template <class Real>
struct KuramotoRun {
  View<const Real> phases;    // (batch, N), rad; this or `state`
  View<const int32_t> state;  // (batch, N words), fixed-point phases
  View<Real> finalPhases;     // (batch, N), optional: in [0, 2π)
  View<int32_t> finalState;   // (batch, N words), optional
  View<int32_t> winding;      // (batch, N), optional: turns taken off in this run
  View<Real> recordR;         // (batch, records), optional: R after steps n, 2n, …
  View<Real> recordPsi;       // (batch, records), optional: in [0, 2π)
  View<Real> recordPhases;    // (batch, records, N), optional
  View<int32_t> checkpoints;  // (segments + 1, batch, N words), optional
  View<Real> pulls;           // optional: every P, for the backward

  template <class Visitor>
  void runFields(Visitor& visit) {
    visit.optional("phases", phases);
    visit.optional("state", state);
    visit.optional("finalPhases", finalPhases);
    visit.optional("finalState", finalState);
    visit.optional("winding", winding);
    visit.optional("recordR", recordR);
    visit.optional("recordPsi", recordPsi);
    visit.optional("recordPhases", recordPhases);
    visit.optional("checkpoints", checkpoints);
    visit.optional("pulls", pulls);
  }
  void validateRun(const Check& check, const KuramotoSystem<Real>& system, int64_t rows,
                   int64_t pullLength) const;
};

// What comes back, and where the gradients go; each is optional. Gradients of arguments that all
// batches share are sums over the batch.
template <class Real>
struct KuramotoGradients {
  View<const Real> gradPhases;        // (batch, N): of finalPhases
  View<const Real> gradRecordR;       // (batch, records)
  View<const Real> gradRecordPhases;  // (batch, records, N)
  View<const int32_t> checkpoints;    // as the run left them
  View<const Real> pulls;             // optional, as the run left them; without, computed again
  View<Real> gradInitial;             // (batch, N): of phases
  View<Real> gradNaturalFrequencies;  // as naturalFrequencies
  View<Real> gradCoupling;            // as coupling
  View<Real> gradPrecision;           // (N)
  View<Real> gradFrustration;         // (1)
  View<Real> gradDrive;               // as drive

  template <class Visitor>
  void gradientFields(Visitor& visit) {
    visit.optional("gradPhases", gradPhases);
    visit.optional("gradRecordR", gradRecordR);
    visit.optional("gradRecordPhases", gradRecordPhases);
    visit("checkpoints", checkpoints);
    visit.optional("pulls", pulls);
    visit.optional("gradInitial", gradInitial);
    visit.optional("gradNaturalFrequencies", gradNaturalFrequencies);
    visit.optional("gradCoupling", gradCoupling);
    visit.optional("gradPrecision", gradPrecision);
    visit.optional("gradFrustration", gradFrustration);
    visit.optional("gradDrive", gradDrive);
  }
  void validateGradients(const Check& check, const KuramotoSystem<Real>& system, int64_t rows,
                         int64_t pullLength) const;
};

// ---- validation ----

template <class T>
void checkOneOf(const Check& check, const char* name, View<T> view, Size shared, Size each,
                int64_t rows) {
  if (view.length == shared.value) return;
  check.shape(name, view, {{each.name, rows}, shared});
}

template <class Real>
void KuramotoSystem<Real>::validateSystem(const Check& check, int64_t rows) const {
  check.atLeast("batch", batch, 1);
  check.atLeast("oscillators", oscillators, 1);
  check.atLeast("steps", steps, 1);
  check.atLeast("firstStep", firstStep, 0);
  check.atLeast("recordEvery", recordEvery, 0);
  check.atLeast("checkpointEvery", checkpointEvery, 0);
  check.rule(stages == 1 || stages == 2 || stages == 4, "stages", "1, 2 or 4", double(stages));
  check.rule(driveKind >= kNoDrive && driveKind <= kStepDrive, "driveKind", "0, 1, 2 or 3",
             double(driveKind));
  check.rule(normalisation >= kByCount && normalisation <= kUnnormalised, "normalisation",
             "0, 1 or 2", double(normalisation));
  check.within("seedLow", double(seedLow), 0, 4294967295.0);
  check.within("seedHigh", double(seedHigh), 0, 4294967295.0);
  check.within("stream", double(stream), 0, 4294967295.0);
  check.rule(timeStep > 0 && timeStep <= 1e300, "timeStep", "a positive finite number", timeStep);
  check.within("diffusion", diffusion, 0, 1e300);
  check.rule(diffusion == 0 || stages < 4, "diffusion", "0 for methods of 4 stages", diffusion);
  const Size n = {"oscillators", oscillators};
  checkOneOf(check, "naturalFrequencies", naturalFrequencies, n, {"batch", batch}, rows);
  if (coupling.length != 1) check.shape("coupling", coupling, {{"batch", batch}});
  if (precision) check.shape("precision", precision, {n});
  if (sign) check.shape("sign", sign, {n});
  if (frustration) check.shape("frustration", frustration, {{"one", 1}});
  switch (driveKind) {
    case kNoDrive:
      check.shape("drive", drive, {{"no drive", 0}});
      break;
    case kNodeDrive:
      check.shape("drive", drive, {n});
      break;
    case kBatchDrive:
      check.shape("drive", drive, {{"batch", rows}, n});
      break;
    default:
      check.shape("drive", drive, {{"steps", steps}, n});
  }
}

template <class Real>
void KuramotoRun<Real>::validateRun(const Check& check, const KuramotoSystem<Real>& system,
                                    int64_t rows, int64_t pullLength) const {
  const Size row = {"batch", rows}, n = {"oscillators", system.oscillators};
  const Size words = {"words", kPhaseWords<Real>};
  const Size records = {"records", recordCount(system.steps, system.recordEvery)};
  check.rule(bool(phases) != bool(state), "state", "given where phases are not, and only there",
             double(state.length));
  if (phases) check.shape("phases", phases, {row, n});
  if (state) check.shape("state", state, {row, n, words});
  if (finalPhases) check.shape("finalPhases", finalPhases, {row, n});
  if (finalState) check.shape("finalState", finalState, {row, n, words});
  if (winding) check.shape("winding", winding, {row, n});
  if (recordR) check.shape("recordR", recordR, {{"batch", system.batch}, records});
  if (recordPsi) check.shape("recordPsi", recordPsi, {{"batch", system.batch}, records});
  if (recordPhases) check.shape("recordPhases", recordPhases, {row, records, n});
  if (checkpoints) {
    const int64_t count = checkpointCount(system.steps, system.checkpointEvery);
    check.shape("checkpoints", checkpoints, {{"checkpoints", count}, row, n, words});
  }
  if (pulls) check.shape("pulls", pulls, {{"pulls", pullLength}});
}

template <class Real>
void KuramotoGradients<Real>::validateGradients(const Check& check,
                                                const KuramotoSystem<Real>& system, int64_t rows,
                                                int64_t pullLength) const {
  const Size row = {"batch", rows}, n = {"oscillators", system.oscillators};
  const Size records = {"records", recordCount(system.steps, system.recordEvery)};
  const int64_t count = checkpointCount(system.steps, system.checkpointEvery);
  check.atLeast("checkpointEvery", system.checkpointEvery, 1);
  check.shape("checkpoints", checkpoints,
              {{"checkpoints", count}, row, n, {"words", kPhaseWords<Real>}});
  if (gradPhases) check.shape("gradPhases", gradPhases, {row, n});
  if (gradRecordR) check.shape("gradRecordR", gradRecordR, {{"batch", system.batch}, records});
  if (gradRecordPhases) check.shape("gradRecordPhases", gradRecordPhases, {row, records, n});
  if (pulls) check.shape("pulls", pulls, {{"pulls", pullLength}});
  if (gradInitial) check.shape("gradInitial", gradInitial, {row, n});
  const auto like = [&](const char* name, View<Real> gradient, View<const Real> of) {
    if (gradient) check.shape(name, gradient, {{"like its argument", of.length}});
  };
  like("gradNaturalFrequencies", gradNaturalFrequencies, system.naturalFrequencies);
  like("gradCoupling", gradCoupling, system.coupling);
  like("gradPrecision", gradPrecision, system.precision);
  like("gradFrustration", gradFrustration, system.frustration);
  like("gradDrive", gradDrive, system.drive);
}

}  // namespace entrain::inline ENTRAIN_ISA
