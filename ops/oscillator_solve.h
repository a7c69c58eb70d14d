// An oscillator system to a tolerance, by the method of Dormand & Prince 1980 of order 5(4): every
// batch element chooses its own steps (proportional-integral control after Gustafsson 1991, as in
// Hairer, Nørsett & Wanner II.4), output at asked times by the method's interpolant of order 4, and
// the discrete adjoint over the accepted steps, whose lengths count as constants. Phases are not
// wrapped. Errors of phases count against one radian, those of other numbers against their size.
#pragma once

#include "ops/oscillator_steps.h"

namespace entrain::inline ENTRAIN_ISA {

// How a batch element ended.
enum SolveStatus : int32_t {
  kReachedEnd,
  kStepTooSmall,  // the tolerance asks for a step below the resolution of time
  kTooManySteps,  // `maximumSteps` were accepted before the end
  kNotFinite,     // the rates are not finite, however small the step
};

template <class Real>
struct OscillatorSolveForward : CoupledOscillators<Real>, OscillatorKind<Real> {
  static constexpr const char* name = "oscillatorSolveForward";
  using Types = FullFloatTypes;
  View<const Real> start;    // (batch, length of a state)
  View<const double> times;  // (times), ascending, the first not before startTime
  View<Real> trajectory;     // (times, batch, length), optional; NaN where it was not reached
  View<Real> final;          // (batch, length): at the last time, or where the element ended
  View<double> reached;      // (batch): that time
  View<int32_t> status;      // (batch): SolveStatus
  View<int32_t> accepted;    // (batch): steps
  View<int32_t> rejected;    // (batch)
  View<double> stepTimes;   // (maximumSteps + 1, batch), optional: when each step began and the end
  View<Real> checkpoints;   // (checkpointCount(maximumSteps, checkpointEvery), batch, length)
  int64_t maximumSteps;     // accepted, of each element
  int64_t checkpointEvery;  // accepted steps
  double startTime;
  double firstStep;  // 0: chosen by the rates
  double relativeTolerance, absoluteTolerance;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("start", start);
    visit("times", times);
    visit.optional("trajectory", trajectory);
    visit("final", final);
    visit("reached", reached);
    visit("status", status);
    visit("accepted", accepted);
    visit("rejected", rejected);
    visit.optional("stepTimes", stepTimes);
    visit.optional("checkpoints", checkpoints);
    this->coupledFields(visit);
    this->kindFields(visit);
    visit("maximumSteps", maximumSteps);
    visit("checkpointEvery", checkpointEvery);
    visit("startTime", startTime);
    visit("firstStep", firstStep);
    visit("relativeTolerance", relativeTolerance);
    visit("absoluteTolerance", absoluteTolerance);
  }
  void validate() const;
};

template <class Real>
struct OscillatorSolveBackward : CoupledOscillators<Real>,
                                 OscillatorKind<Real>,
                                 GraphSources,
                                 CoupledGradients<Real>,
                                 KindGradients<Real> {
  static constexpr const char* name = "oscillatorSolveBackward";
  using Types = FullFloatTypes;
  View<const Real> checkpoints;  // these five as the run had and left them
  View<const double> times;
  View<const double> stepTimes;
  View<const int32_t> accepted;
  View<const Real> gradTrajectory;  // (times, batch, length), optional
  View<const Real> gradFinal;       // (batch, length), optional
  View<Real> gradStart;             // (batch, length)
  int64_t maximumSteps, checkpointEvery;
  int64_t longest;  // the most accepted steps of an element

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("checkpoints", checkpoints);
    visit("times", times);
    visit("stepTimes", stepTimes);
    visit("accepted", accepted);
    visit.optional("gradTrajectory", gradTrajectory);
    visit.optional("gradFinal", gradFinal);
    visit("gradStart", gradStart);
    this->coupledFields(visit);
    this->kindFields(visit);
    this->sourceFields(visit);
    this->coupledGradientFields(visit);
    this->kindGradientFields(visit);
    visit("maximumSteps", maximumSteps);
    visit("checkpointEvery", checkpointEvery);
    visit("longest", longest);
  }
  void validate() const;
};

// ---- validation ----

template <class Operation>
void checkSolve(const Check& check, const Operation& op) {
  check.atLeast("maximumSteps", op.maximumSteps, 1);
  check.within("maximumSteps", double(op.maximumSteps), 1, 2147483647.0);
  check.atLeast("checkpointEvery", op.checkpointEvery, 1);
  check.rule(op.times.length >= 1, "times", "at least 1 number", double(op.times.length));
  op.validateCoupled(check, 0);
  op.validateKind(check, op);
}

template <class Real>
void OscillatorSolveForward<Real>::validate() const {
  const Check check(name);
  checkSolve(check, *this);
  check.rule(firstStep >= 0, "firstStep", "at least 0", firstStep);
  check.rule(relativeTolerance >= 0, "relativeTolerance", "at least 0", relativeTolerance);
  check.rule(absoluteTolerance > 0, "absoluteTolerance", "above 0", absoluteTolerance);
  const Size rows = {"batch", this->batch}, length = stateLength(*this);
  check.shape("start", start, {rows, length});
  if (trajectory) check.shape("trajectory", trajectory, {{"times", times.length}, rows, length});
  check.shape("final", final, {rows, length});
  check.shape("reached", reached, {rows});
  check.shape("status", status, {rows});
  check.shape("accepted", accepted, {rows});
  check.shape("rejected", rejected, {rows});
  if (stepTimes) {
    check.shape("stepTimes", stepTimes, {{"maximumSteps + 1", maximumSteps + 1}, rows});
  }
  if (checkpoints) {
    const int64_t count = checkpointCount(maximumSteps, checkpointEvery);
    check.shape("checkpoints", checkpoints, {{"checkpoints", count}, rows, length});
  }
}

template <class Real>
void OscillatorSolveBackward<Real>::validate() const {
  const Check check(name);
  checkSolve(check, *this);
  this->validateSources(check, *this);
  this->validateCoupledGradients(check, *this);
  this->validateKindGradients(check, *this);
  const Size rows = {"batch", this->batch}, length = stateLength(*this);
  const int64_t count = checkpointCount(maximumSteps, checkpointEvery);
  check.within("longest", double(longest), 0, double(maximumSteps));
  check.shape("checkpoints", checkpoints, {{"checkpoints", count}, rows, length});
  check.shape("stepTimes", stepTimes, {{"maximumSteps + 1", maximumSteps + 1}, rows});
  check.shape("accepted", accepted, {rows});
  if (gradTrajectory) {
    check.shape("gradTrajectory", gradTrajectory, {{"times", times.length}, rows, length});
  }
  if (gradFinal) check.shape("gradFinal", gradFinal, {rows, length});
  check.shape("gradStart", gradStart, {rows, length});
}

}  // namespace entrain::inline ENTRAIN_ISA
