// Many steps of fixed length through an oscillator system, by explicit Runge-Kutta methods of 1
// (Euler), 2 (Heun) or 4 stages, and the discrete adjoint of exactly these steps. Phases of swing
// equations are taken back to [0, 2π) after every step. The order parameter of a state is
//   R e^{iψ} = 1/N Σ f_j,
// f_j being e^{iθ_j}, or z_j of Stuart-Landau and Ott-Antonsen.
#pragma once

#include "ops/oscillators.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct OscillatorStepsForward : CoupledOscillators<Real>, OscillatorKind<Real> {
  static constexpr const char* name = "oscillatorStepsForward";
  using Types = FullFloatTypes;
  View<const Real> start;   // (batch, length of a state)
  View<Real> final;         // (batch, length)
  View<int32_t> winding;    // (batch, N), optional, swing: turns taken off in this run
  View<Real> recordR;       // (batch, records), optional: R after steps n, 2n, …
  View<Real> recordPsi;     // (batch, records), optional: in [0, 2π)
  View<Real> recordStates;  // (batch, records, length), optional
  View<Real> checkpoints;   // (checkpointCount(steps, checkpointEvery), batch, length), optional
  int64_t steps, stages;    // stages: 1, 2 or 4
  int64_t recordEvery, checkpointEvery;  // steps; 0: never
  double timeStep;                       // > 0

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("start", start);
    visit("final", final);
    visit.optional("winding", winding);
    visit.optional("recordR", recordR);
    visit.optional("recordPsi", recordPsi);
    visit.optional("recordStates", recordStates);
    visit.optional("checkpoints", checkpoints);
    this->coupledFields(visit);
    this->kindFields(visit);
    visit("steps", steps);
    visit("stages", stages);
    visit("recordEvery", recordEvery);
    visit("checkpointEvery", checkpointEvery);
    visit("timeStep", timeStep);
  }
  void validate() const;
};

template <class Real>
struct OscillatorStepsBackward : CoupledOscillators<Real>,
                                 OscillatorKind<Real>,
                                 GraphSources,
                                 CoupledGradients<Real>,
                                 KindGradients<Real> {
  static constexpr const char* name = "oscillatorStepsBackward";
  using Types = FullFloatTypes;
  View<const Real> checkpoints;       // as the run left them
  View<const Real> gradFinal;         // (batch, length), optional
  View<const Real> gradRecordR;       // (batch, records), optional
  View<const Real> gradRecordStates;  // (batch, records, length), optional
  View<Real> gradStart;               // (batch, length)
  int64_t steps, stages, recordEvery, checkpointEvery;
  double timeStep;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("checkpoints", checkpoints);
    visit.optional("gradFinal", gradFinal);
    visit.optional("gradRecordR", gradRecordR);
    visit.optional("gradRecordStates", gradRecordStates);
    visit("gradStart", gradStart);
    this->coupledFields(visit);
    this->kindFields(visit);
    this->sourceFields(visit);
    this->coupledGradientFields(visit);
    this->kindGradientFields(visit);
    visit("steps", steps);
    visit("stages", stages);
    visit("recordEvery", recordEvery);
    visit("checkpointEvery", checkpointEvery);
    visit("timeStep", timeStep);
  }
  void validate() const;
};

// ---- validation ----

template <class Operation>
void checkSteps(const Check& check, const Operation& op, int64_t leastCheckpointEvery) {
  check.atLeast("steps", op.steps, 1);
  check.atLeast("recordEvery", op.recordEvery, 0);
  check.atLeast("checkpointEvery", op.checkpointEvery, leastCheckpointEvery);
  check.rule(op.stages == 1 || op.stages == 2 || op.stages == 4, "stages", "1, 2 or 4",
             double(op.stages));
  check.rule(op.timeStep > 0 && op.timeStep <= 1e300, "timeStep", "a positive finite number",
             op.timeStep);
  op.validateCoupled(check, op.steps);
  op.validateKind(check, op);
}

template <class Operation>
Size stateLength(const Operation& op) {
  return {"length of a state", planesOf(op.system) * op.oscillators};
}

template <class Real>
void OscillatorStepsForward<Real>::validate() const {
  const Check check(name);
  checkSteps(check, *this, 0);
  const Size rows = {"batch", this->batch}, length = stateLength(*this);
  const Size records = {"records", recordCount(steps, recordEvery)};
  check.shape("start", start, {rows, length});
  check.shape("final", final, {rows, length});
  if (winding) {
    check.rule(this->system == kSwing, "winding", "absent unless the system has inertia", 1);
    check.shape("winding", winding, {rows, {"oscillators", this->oscillators}});
  }
  if (recordR) check.shape("recordR", recordR, {rows, records});
  if (recordPsi) check.shape("recordPsi", recordPsi, {rows, records});
  if (recordStates) check.shape("recordStates", recordStates, {rows, records, length});
  if (checkpoints) {
    const int64_t count = checkpointCount(steps, checkpointEvery);
    check.shape("checkpoints", checkpoints, {{"checkpoints", count}, rows, length});
  }
}

template <class Real>
void OscillatorStepsBackward<Real>::validate() const {
  const Check check(name);
  checkSteps(check, *this, 1);
  this->validateSources(check, *this);
  this->validateCoupledGradients(check, *this);
  this->validateKindGradients(check, *this);
  const Size rows = {"batch", this->batch}, length = stateLength(*this);
  const Size records = {"records", recordCount(steps, recordEvery)};
  const int64_t count = checkpointCount(steps, checkpointEvery);
  check.shape("checkpoints", checkpoints, {{"checkpoints", count}, rows, length});
  if (gradFinal) check.shape("gradFinal", gradFinal, {rows, length});
  if (gradRecordR) check.shape("gradRecordR", gradRecordR, {rows, records});
  if (gradRecordStates) check.shape("gradRecordStates", gradRecordStates, {rows, records, length});
  check.shape("gradStart", gradStart, {rows, length});
}

}  // namespace entrain::inline ENTRAIN_ISA
