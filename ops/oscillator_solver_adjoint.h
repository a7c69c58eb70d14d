// The adjoint of a solution, over the accepted steps as they were taken: segment by segment from
// the last checkpoint of each batch element, as in ops/oscillator_run.h. Outputs within a step give
// to the step's start and, by the interpolant, to all rates of the step.
#pragma once

#include "ops/oscillator_solver.h"

namespace entrain::inline ENTRAIN_ISA {

// The step of a batch element that is being gone through.
struct AdjointControl {
  double time, span;
  int64_t outputBegin, outputEnd;
};

template <class Real>
struct SolveAdjointPlaces {
  StepPlaces<Real> step;
  StepAdjointPlaces<Real> adjoint;
  Real* segment;  // (least of checkpointEvery and longest, batch, length)
  Real* h;        // (batch)
  AdjointControl* control;
  unsigned char* running;  // (batch)
};
template <class Real, class Take>
SolveAdjointPlaces<Real> takeSolveAdjoint(const OscillatorNetwork<Real>& net, int64_t segment,
                                          const Take& take) {
  SolveAdjointPlaces<Real> places;
  places.step = takeStep(net, kMostStages, take);
  places.adjoint = takeStepAdjoint(net, kMostStages, take);
  places.segment = take(segment * net.batch * net.length);
  places.h = take(net.batch);
  places.control = takeAs<Real, AdjointControl>(take, net.batch);
  places.running = takeAs<Real, unsigned char>(take, net.batch);
  return places;
}

enum class StepPurpose { copy, advance, adjoint };

// Chooses step `j` of the segment that is `k` before the last of each element: its length and, for
// the adjoint, its outputs. To advance, another step must follow.
template <class Team, class Real>
TEAM_PASS bool chooseStep(Team& team, const OscillatorSolveBackward<Real>& op,
                          const OscillatorNetwork<Real>& net,
                          const SolveAdjointPlaces<Real>& places, int64_t k, int64_t j,
                          StepPurpose purpose) {
  team.forElements([&](int64_t b) {
    const int64_t count = op.accepted[b], every = op.checkpointEvery;
    const int64_t segment = (count + every - 1) / every - 1 - k, step = segment * every + j;
    const bool isRunning = segment >= 0 && step + (purpose == StepPurpose::advance) < count;
    places.running[b] = isRunning;
    if (!isRunning) return;
    AdjointControl& c = places.control[b];
    c.time = op.stepTimes[step * net.batch + b];
    const double next = op.stepTimes[(step + 1) * net.batch + b];
    c.span = next - c.time;
    places.h[b] = Real(c.span);
    if (purpose != StepPurpose::adjoint) return;
    while (c.outputBegin > 0 && op.times[c.outputBegin - 1] > next) --c.outputBegin;
    c.outputEnd = c.outputBegin;
    while (c.outputBegin > 0 && op.times[c.outputBegin - 1] > c.time) --c.outputBegin;
  });
  return team.any([&](int64_t b) { return places.running[b] != 0; });
}

// λ += the gradients of outputs outputBegin … outputEnd - 1 of each element.
template <class Team, class Real>
TEAM_PASS void addOutputs(const Team& team, const OscillatorSolveBackward<Real>& op,
                          const OscillatorNetwork<Real>& net,
                          const SolveAdjointPlaces<Real>& places, const MarkedElements& uses) {
  const int64_t length = net.length, stride = net.batch * length;
  Real* const lambda = op.gradStart.data;
  team.nodes(uses, length, [&](int64_t b, int64_t i, auto access) {
    const AdjointControl& c = places.control[b];
    const int64_t at = b * length + i;
    auto sum = access.load(lambda + at);
    for (int64_t m = c.outputBegin; m < c.outputEnd; ++m) {
      sum = sum + access.load(op.gradTrajectory.data + m * stride + at);
    }
    access.store(lambda + at, sum);
  });
}

template <class Team, class Real>
TEAM_FUNCTION void adjointOfChosen(Team& team, const OscillatorSolveBackward<Real>& op,
                                   const OscillatorNetwork<Real>& net,
                                   const RungeKutta<Real>& method,
                                   const SolveAdjointPlaces<Real>& places,
                                   const OscillatorSums<Real>& sums, Real* gradWeight,
                                   Real* state) {
  const int64_t stride = net.batch * net.length, n = net.oscillators;
  const MarkedElements uses = {places.running};
  const bool outputs = op.gradTrajectory && team.any([&](int64_t b) {
    return places.running[b] != 0 && places.control[b].outputBegin < places.control[b].outputEnd;
  });
  // Nothing but outputs depends on the rate at the end of a step.
  const int stages = outputs ? kMostStages : kMostStages - 1;
  adjointStep(team, net, method, net.drive, state, places.h, places.adjoint, sums, gradWeight,
              op.gradStart.data, stages, uses,
              [&](auto system, int s, int64_t b, int64_t i, auto access) {
                using System = decltype(system);
                using Number = Loaded<decltype(access), Real>;
                OscillatorState<Number> sum = {Number(Real(0)), Number(Real(0))};
                if (!outputs) return sum;
                const AdjointControl& c = places.control[b];
                for (int64_t m = c.outputBegin; m < c.outputEnd; ++m) {
                  const double theta = (op.times[m] - c.time) / c.span;
                  const Number weight(Real(denseWeight(method, s, theta)));
                  const auto more = loadState<System>(
                      access, op.gradTrajectory.data + m * stride + b * net.length + i, n);
                  sum = {fma(weight, more.first, sum.first), fma(weight, more.second, sum.second)};
                }
                return sum;
              });
  if (outputs) addOutputs(team, op, net, places, uses);
}

template <class Team, class Real>
TEAM_FUNCTION void solveBackward(Team& team, const OscillatorSolveBackward<Real>& op,
                                 const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                                 const SolveAdjointPlaces<Real>& places,
                                 const OscillatorSums<Real>& sums, int64_t group) {
  const int64_t length = net.length, stride = net.batch * length, every = op.checkpointEvery;
  const MarkedElements uses = {places.running};
  Real* const gradWeight = gradWeightOf(sums, net, group);
  copyOrClear(team, length, op.gradFinal.data, op.gradStart.data);
  clearSums(team, net, sums, gradWeight);
  team.forElements([&](int64_t b) {
    places.control[b] = {};
    places.control[b].outputBegin = op.times.length;
  });
  const int64_t segments = (op.longest + every - 1) / every;
  const int64_t most = op.longest < every ? op.longest : every;
  for (int64_t k = 0; k < segments; ++k) {
    if (chooseStep(team, op, net, places, k, 0, StepPurpose::copy)) {
      team.nodes(uses, length, [&](int64_t b, int64_t i, auto access) {
        const int64_t row = (op.accepted[b] + every - 1) / every - 1 - k, at = b * length + i;
        access.store(places.segment + at, access.load(op.checkpoints.data + row * stride + at));
      });
    }
    for (int64_t j = 0; j + 1 < most; ++j) {
      if (!chooseStep(team, op, net, places, k, j, StepPurpose::advance)) break;
      takeFixedStep(team, net, method, net.drive, places.step, places.segment + j * stride,
                    places.segment + (j + 1) * stride, places.h, static_cast<Real*>(nullptr),
                    kMostStages - 1, uses);
    }
    for (int64_t j = most - 1; j >= 0; --j) {
      if (!chooseStep(team, op, net, places, k, j, StepPurpose::adjoint)) continue;
      adjointOfChosen(team, op, net, method, places, sums, gradWeight, places.segment + j * stride);
    }
  }
  if (!op.gradTrajectory) return;
  // Outputs that were the start itself.
  team.forElements([&](int64_t b) {
    AdjointControl& c = places.control[b];
    c.outputBegin = c.outputEnd = 0;
    while (c.outputEnd < op.times.length && op.times[c.outputEnd] <= op.stepTimes[b]) ++c.outputEnd;
  });
  addOutputs(team, op, net, places, MarkedElements{nullptr});
}

}  // namespace entrain::inline ENTRAIN_ISA
