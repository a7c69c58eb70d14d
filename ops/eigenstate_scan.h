// Eigenstate scan: a linear recurrence of complex numbers with a diagonal transition,
//   c_k(t) = lambda_k(t) c_k(t-1) + beta_k(t),   t = 0 ... time - 1,
//   lambda_k(t) = σ(alpha_k + s tanh a_k(t)) exp(i (omega_k + s tanh w_k(t))),
// after LRU (Orvieto et al. 2023, arXiv:2303.06349) and Mamba (Gu & Dao 2023, arXiv:2312.00752).
// Complex arrays hold the real plane, then the imaginary plane, in their last dimension.
#pragma once

#include "ops/eigenvalue.h"
#include "ops/fault.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr double kGreatestSelectionScale = 1e4;

// How many states `boundaries` keeps of each sequence: those before steps 0, n, 2n, …
HOST_DEVICE int64_t boundaryCount(int64_t time, int64_t checkpointEvery) {
  return checkpointEvery > 0 ? (time + checkpointEvery - 1) / checkpointEvery : 0;
}

// The state in which a sequence has no past: `initial` where given, else 0. One token of generation
// is a scan with time = 1, `initial` its state in and `final` its state out; with `exact` it has
// the bits of the whole scan, so there is no operation of its own for it.
template <class Real>
struct EigenstateScanForward {
  static constexpr const char* name = "eigenstateScanForward";
  using Types = FloatTypes;
  using Scalar = Compute<Real>;
  View<const Real> input;        // (batch, time, 2 channels), or (batch, time, channels): realInput
  View<const Scalar> logDecay;   // (channels): alpha; the magnitude |lambda| when magnitudeForm
  View<const Scalar> frequency;  // (channels): omega; the phase when magnitudeForm
  View<const Real> selection;    // (batch, time, 2 channels), optional: a, then w
  View<const uint8_t> reset;     // (batch, time), optional: where not 0, c(t-1) counts as 0
  View<const Scalar> initial;    // (batch, 2 channels), optional: c(-1)
  View<Real> states;             // (batch, time, 2 channels), optional, written
  View<Scalar> final;            // (batch, 2 channels), optional, written: c(time - 1)
  View<Scalar> boundaries;       // (batch, ceil(time / checkpointEvery), 2 channels), optional,
                                 // written: the state before step i checkpointEvery (and its reset)
  int64_t batch, time, channels;
  int64_t checkpointEvery;  // steps; 0 without boundaries
  double decayScale;        // s of a
  double frequencyScale;    // s of w
  bool realInput;
  bool magnitudeForm;  // without selection only
  bool exact;          // the order of operations of one step after another

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("logDecay", logDecay);
    visit("frequency", frequency);
    visit.optional("selection", selection);
    visit.optional("reset", reset);
    visit.optional("initial", initial);
    visit.optional("states", states);
    visit.optional("final", final);
    visit.optional("boundaries", boundaries);
    visit("batch", batch);
    visit("time", time);
    visit("channels", channels);
    visit("checkpointEvery", checkpointEvery);
    visit("decayScale", decayScale);
    visit("frequencyScale", frequencyScale);
    visit("realInput", realInput);
    visit("magnitudeForm", magnitudeForm);
    visit("exact", exact);
  }
  void validate() const;
};

// The adjoint h(t) = g(t) + conj(lambda(t+1)) h(t+1), cut where reset(t+1); gradInput is h. The
// states come from `states`, or are computed again from `input` and `boundaries`.
template <class Real>
struct EigenstateScanBackward {
  static constexpr const char* name = "eigenstateScanBackward";
  using Types = FloatTypes;
  using Scalar = Compute<Real>;
  View<Real> gradInput;          // like input, written; first, because all that has its type and is
                                 // read may be absent
  View<const Real> gradStates;   // (batch, time, 2 channels), optional
  View<const Scalar> gradFinal;  // (batch, 2 channels), optional: added to gradStates(time - 1)
  View<const Real> input;        // as in the forward; needed without states only
  View<const Scalar> logDecay;   // (channels)
  View<const Scalar> frequency;  // (channels)
  View<const Real> selection;    // (batch, time, 2 channels), where the forward had it
  View<const uint8_t> reset;     // (batch, time), where the forward had it
  View<const Scalar> initial;    // (batch, 2 channels), where the forward had it
  View<const Real> states;       // (batch, time, 2 channels), optional
  View<const Scalar> boundaries;  // as in the forward; needed without states only
  View<Scalar> gradLogDecay;      // (channels), written; of the magnitude when magnitudeForm
  View<Scalar> gradFrequency;     // (channels), written; of the phase when magnitudeForm
  View<Real> gradSelection;       // (batch, time, 2 channels), optional, written
  View<Scalar> gradInitial;       // (batch, 2 channels), optional, written
  int64_t batch, time, channels;
  int64_t checkpointEvery;  // steps; used without states only
  double decayScale, frequencyScale;
  bool realInput;
  bool magnitudeForm;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradInput", gradInput);
    visit.optional("gradStates", gradStates);
    visit.optional("gradFinal", gradFinal);
    visit.optional("input", input);
    visit("logDecay", logDecay);
    visit("frequency", frequency);
    visit.optional("selection", selection);
    visit.optional("reset", reset);
    visit.optional("initial", initial);
    visit.optional("states", states);
    visit.optional("boundaries", boundaries);
    visit("gradLogDecay", gradLogDecay);
    visit("gradFrequency", gradFrequency);
    visit.optional("gradSelection", gradSelection);
    visit.optional("gradInitial", gradInitial);
    visit("batch", batch);
    visit("time", time);
    visit("channels", channels);
    visit("checkpointEvery", checkpointEvery);
    visit("decayScale", decayScale);
    visit("frequencyScale", frequencyScale);
    visit("realInput", realInput);
    visit("magnitudeForm", magnitudeForm);
  }
  void validate() const;
};

// ---- validation ----

// What both directions share.
template <class Operation>
void validateScan(const Operation& op, const Check& check) {
  check.atLeast("batch", op.batch, 1);
  check.atLeast("time", op.time, 1);
  check.atLeast("channels", op.channels, 1);
  check.atLeast("checkpointEvery", op.checkpointEvery, 0);
  const Size batch = {"batch", op.batch}, time = {"time", op.time};
  const Size channels = {"channels", op.channels}, planes = {"planes", 2};
  check.shape("logDecay", op.logDecay, {channels});
  check.shape("frequency", op.frequency, {channels});
  if (op.selection) {
    check.shape("selection", op.selection, {batch, time, planes, channels});
    check.within("decayScale", op.decayScale, -kGreatestSelectionScale, kGreatestSelectionScale);
    check.within("frequencyScale", op.frequencyScale, -kGreatestSelectionScale,
                 kGreatestSelectionScale);
    check.rule(!op.magnitudeForm, "selection", "absent in the magnitude form", op.selection.length);
  }
  if (op.reset) check.shape("reset", op.reset, {batch, time});
  if (op.initial) check.shape("initial", op.initial, {batch, planes, channels});
  if (op.states) check.shape("states", op.states, {batch, time, planes, channels});
  if (op.boundaries) {
    check.atLeast("checkpointEvery", op.checkpointEvery, 1);
    check.shape(
        "boundaries", op.boundaries,
        {batch, {"checkpoints", boundaryCount(op.time, op.checkpointEvery)}, planes, channels});
  }
}

template <class Real>
void EigenstateScanForward<Real>::validate() const {
  const Check check(name);
  validateScan(*this, check);
  const Size inputPlanes = {"planes", realInput ? 1 : 2};
  check.shape("input", input,
              {{"batch", batch}, {"time", time}, inputPlanes, {"channels", channels}});
  if (final) check.shape("final", final, {{"batch", batch}, {"planes", 2}, {"channels", channels}});
}

template <class Real>
void EigenstateScanBackward<Real>::validate() const {
  const Check check(name);
  validateScan(*this, check);
  const Size rows = {"batch", batch}, steps = {"time", time}, width = {"channels", channels};
  const Size planes = {"planes", 2}, inputPlanes = {"planes", realInput ? 1 : 2};
  check.shape("gradInput", gradInput, {rows, steps, inputPlanes, width});
  if (gradStates) check.shape("gradStates", gradStates, {rows, steps, planes, width});
  if (gradFinal) check.shape("gradFinal", gradFinal, {rows, planes, width});
  if (input) check.shape("input", input, {rows, steps, inputPlanes, width});
  check.rule(states || (input && boundaries), "states", "given, or input and boundaries instead",
             double(states.length));
  check.shape("gradLogDecay", gradLogDecay, {width});
  check.shape("gradFrequency", gradFrequency, {width});
  if (gradSelection) {
    check.rule(bool(selection), "gradSelection", "absent without selection",
               double(gradSelection.length));
    check.shape("gradSelection", gradSelection, {rows, steps, planes, width});
  }
  if (gradInitial) check.shape("gradInitial", gradInitial, {rows, planes, width});
}

}  // namespace entrain::inline ENTRAIN_ISA
