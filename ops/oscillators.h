// Networks of oscillators with real states: what every one of their operations reads. The systems
// and their equations are in ops/oscillator_system.h; all couple through the pull
//   P_i = Σ_{j≠i} A_ij p_j f_j
// of a pair f_j that each oscillator shows, weighted by s_i K / Z_i. Edges to oneself count
// nowhere.
#pragma once

#include "ops/kuramoto.h"

namespace entrain::inline ENTRAIN_ISA {

// What a state is made of: (N) θ; (2N) θ, then dθ/dt; (2N) x, then y; (2) x, y.
enum OscillatorSystem : int64_t { kPhase, kSwing, kStuartLandau, kOttAntonsen };

// All to all; a matrix (N, N); compressed rows; i ± 1 … i ± neighbours, modulo N.
enum OscillatorGraph : int64_t { kGlobalGraph, kDenseGraph, kSparseGraph, kRingGraph };

HOST_DEVICE int64_t planesOf(int64_t system) {
  return system == kPhase ? 1 : 2;
}

// Parameters that may be one for all, one for each oscillator, or one for each of each batch.
template <class Real>
void checkParameter(const Check& check, const char* name, View<const Real> view, int64_t batch,
                    int64_t oscillators) {
  if (view.length == 1 || view.length == oscillators) return;
  check.shape(name, view, {{"batch", batch}, {"oscillators", oscillators}});
}

template <class Real>
struct CoupledOscillators {
  View<const Real> naturalFrequencies;     // (1), (N) or (batch, N): rad per unit of time
  View<const Real> coupling;               // (1) or (batch): K
  View<const Real> precision;              // (N), optional: p, not negative
  View<const Real> sign;                   // (N), optional: s
  View<const Real> frustration;            // (1), optional: alpha, rad; not of Stuart-Landau
  View<const Real> drive;                  // by driveKind, optional: rad per unit of time
  View<const Real> weight;                 // dense: (N, N); sparse: (edges)
  View<const int32_t> rowPointer, column;  // sparse: (N + 1) and (edges)
  int64_t batch, oscillators;
  int64_t graph;                     // OscillatorGraph
  int64_t neighbours;                // of a ring, on each side; else 0
  int64_t driveKind, normalisation;  // KuramotoDrive, KuramotoNormalisation

  template <class Visitor>
  void coupledFields(Visitor& visit) {
    visit("naturalFrequencies", naturalFrequencies);
    visit("coupling", coupling);
    visit.optional("precision", precision);
    visit.optional("sign", sign);
    visit.optional("frustration", frustration);
    visit.optional("drive", drive);
    visit.optional("weight", weight);
    visit.optional("rowPointer", rowPointer);
    visit.optional("column", column);
    visit("batch", batch);
    visit("oscillators", oscillators);
    visit("graph", graph);
    visit("neighbours", neighbours);
    visit("driveKind", driveKind);
    visit("normalisation", normalisation);
  }
  // `steps` rows of a drive by steps; 0 where there can be none.
  void validateCoupled(const Check& check, int64_t steps) const;
};

// What a system has beside its coupling.
template <class Real>
struct OscillatorKind {
  View<const Real> inertia, damping;  // swing: m > 0, γ; (1), (N) or (batch, N)
  View<const Real> growth;            // Stuart-Landau: ρ; likewise
  View<const Real> width;             // Ott-Antonsen: Δ; (1) or (batch)
  int64_t system;                     // OscillatorSystem

  template <class Visitor>
  void kindFields(Visitor& visit) {
    visit.optional("inertia", inertia);
    visit.optional("damping", damping);
    visit.optional("growth", growth);
    visit.optional("width", width);
    visit("system", system);
  }
  void validateKind(const Check& check, const CoupledOscillators<Real>& coupled) const;
};

// The graph by columns, which a sparse graph's backward needs: whom j pulls.
struct GraphSources {
  View<const int32_t> sourcePointer;  // (N + 1)
  View<const int32_t> source;         // (edges): their rows i
  View<const int32_t> sourceEdge;     // (edges): the edge's place in column and weight

  template <class Visitor>
  void sourceFields(Visitor& visit) {
    visit.optional("sourcePointer", sourcePointer);
    visit.optional("source", source);
    visit.optional("sourceEdge", sourceEdge);
  }
  template <class Real>
  void validateSources(const Check& check, const CoupledOscillators<Real>& coupled) const {
    if (coupled.graph != kSparseGraph) return;
    const Size edges = {"edges", coupled.column.length};
    check.shape("sourcePointer", sourcePointer, {{"oscillators + 1", coupled.oscillators + 1}});
    check.shape("source", source, {edges});
    check.shape("sourceEdge", sourceEdge, {edges});
  }
};

// Where gradients go; each is optional and as long as its argument, summed over what shares it.
template <class Real>
struct CoupledGradients {
  View<Real> gradNaturalFrequencies, gradCoupling, gradPrecision, gradFrustration, gradDrive;
  View<Real> gradWeight;  // 0 for edges to oneself

  template <class Visitor>
  void coupledGradientFields(Visitor& visit) {
    visit.optional("gradNaturalFrequencies", gradNaturalFrequencies);
    visit.optional("gradCoupling", gradCoupling);
    visit.optional("gradPrecision", gradPrecision);
    visit.optional("gradFrustration", gradFrustration);
    visit.optional("gradDrive", gradDrive);
    visit.optional("gradWeight", gradWeight);
  }
  void validateCoupledGradients(const Check& check, const CoupledOscillators<Real>& of) const;
};

template <class Real>
struct KindGradients {
  View<Real> gradInertia, gradDamping, gradGrowth, gradWidth;

  template <class Visitor>
  void kindGradientFields(Visitor& visit) {
    visit.optional("gradInertia", gradInertia);
    visit.optional("gradDamping", gradDamping);
    visit.optional("gradGrowth", gradGrowth);
    visit.optional("gradWidth", gradWidth);
  }
  void validateKindGradients(const Check& check, const OscillatorKind<Real>& of) const;
};

// ---- validation ----

template <class Real>
void CoupledOscillators<Real>::validateCoupled(const Check& check, int64_t steps) const {
  check.atLeast("batch", batch, 1);
  check.atLeast("oscillators", oscillators, 1);
  check.atLeast("neighbours", neighbours, 0);
  check.rule(graph >= kGlobalGraph && graph <= kRingGraph, "graph", "0, 1, 2 or 3", double(graph));
  check.rule(normalisation >= kByCount && normalisation <= kUnnormalised, "normalisation",
             "0, 1 or 2", double(normalisation));
  check.rule(driveKind >= kNoDrive && driveKind <= (steps > 0 ? kStepDrive : kBatchDrive),
             "driveKind", "a kind of drive of this operation", double(driveKind));
  const Size rows = {"batch", batch}, n = {"oscillators", oscillators};
  checkParameter(check, "naturalFrequencies", naturalFrequencies, batch, oscillators);
  if (coupling.length != 1) check.shape("coupling", coupling, {rows});
  if (precision) check.shape("precision", precision, {n});
  if (sign) check.shape("sign", sign, {n});
  if (frustration) check.shape("frustration", frustration, {{"one", 1}});
  if (driveKind == kNoDrive) check.shape("drive", drive, {{"no drive", 0}});
  if (driveKind == kNodeDrive) check.shape("drive", drive, {n});
  if (driveKind == kBatchDrive) check.shape("drive", drive, {rows, n});
  if (driveKind == kStepDrive) check.shape("drive", drive, {{"steps", steps}, n});
  if (graph == kDenseGraph) check.shape("weight", weight, {n, n});
  if (graph == kSparseGraph) {
    check.shape("rowPointer", rowPointer, {{"oscillators + 1", oscillators + 1}});
    check.shape("weight", weight, {{"edges", column.length}});
  } else {
    check.shape("rowPointer", rowPointer, {{"none", 0}});
    check.shape("column", column, {{"none", 0}});
  }
  if (graph == kGlobalGraph || graph == kRingGraph) check.shape("weight", weight, {{"none", 0}});
  const bool isRing = graph == kRingGraph;
  check.rule(isRing ? neighbours >= 1 && 2 * neighbours < oscillators : neighbours == 0,
             "neighbours", "at least 1 and below oscillators / 2 for a ring, 0 for others",
             double(neighbours));
}

template <class Real>
void OscillatorKind<Real>::validateKind(const Check& check,
                                        const CoupledOscillators<Real>& coupled) const {
  check.rule(system >= kPhase && system <= kOttAntonsen, "system", "0, 1, 2 or 3", double(system));
  const auto parameter = [&](const char* name, View<const Real> view, bool isUsed) {
    if (isUsed) {
      checkParameter(check, name, view, coupled.batch, coupled.oscillators);
    } else {
      check.shape(name, view, {{"none", 0}});
    }
  };
  parameter("inertia", inertia, system == kSwing);
  parameter("damping", damping, system == kSwing);
  parameter("growth", growth, system == kStuartLandau);
  parameter("width", width, system == kOttAntonsen);
  if (system == kStuartLandau || system == kOttAntonsen) {
    check.shape("frustration", coupled.frustration, {{"none", 0}});
    check.shape("drive", coupled.drive, {{"none", 0}});
  }
  if (system == kOttAntonsen) {
    check.shape("precision", coupled.precision, {{"none", 0}});
    check.shape("sign", coupled.sign, {{"none", 0}});
    check.rule(coupled.oscillators == 1, "oscillators", "1 for Ott-Antonsen",
               double(coupled.oscillators));
    check.rule(coupled.graph == kGlobalGraph, "graph", "0 for Ott-Antonsen", double(coupled.graph));
  }
}

template <class Real>
void checkLike(const Check& check, const char* name, View<Real> gradient, View<const Real> of) {
  if (gradient) check.shape(name, gradient, {{"like its argument", of.length}});
}

template <class Real>
void CoupledGradients<Real>::validateCoupledGradients(const Check& check,
                                                      const CoupledOscillators<Real>& of) const {
  checkLike(check, "gradNaturalFrequencies", gradNaturalFrequencies, of.naturalFrequencies);
  checkLike(check, "gradCoupling", gradCoupling, of.coupling);
  checkLike(check, "gradPrecision", gradPrecision, of.precision);
  checkLike(check, "gradFrustration", gradFrustration, of.frustration);
  checkLike(check, "gradDrive", gradDrive, of.drive);
  checkLike(check, "gradWeight", gradWeight, of.weight);
}

template <class Real>
void KindGradients<Real>::validateKindGradients(const Check& check,
                                                const OscillatorKind<Real>& of) const {
  checkLike(check, "gradInertia", gradInertia, of.inertia);
  checkLike(check, "gradDamping", gradDamping, of.damping);
  checkLike(check, "gradGrowth", gradGrowth, of.growth);
  checkLike(check, "gradWidth", gradWidth, of.width);
}

}  // namespace entrain::inline ENTRAIN_ISA
