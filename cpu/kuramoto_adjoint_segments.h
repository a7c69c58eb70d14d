// The steps between the checkpoints in the backward of cpu/kuramoto_adjoint.h: computed again,
// segment by segment from the last, or several segments side by side. These do not depend on each
// other, and a sparse graph gathers four circles of an oscillator, which lie in one line, in little
// more time than one: 0.6 of the run's time an oscillator and step.
#pragma once

#include "cpu/kuramoto_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// How many segments are computed side by side: together they are no longer than the run has
// checkpoints, so that memory stays in proportion to the root of the steps.
template <class Real, class Graph, class Edges>
int64_t KuramotoAdjoint<Real, Graph, Edges>::lanesOf(int64_t every) const {
  int64_t lanes = 1;
  if constexpr (requires { graph_.mostLanes(); }) {
    if (!grad_.pulls) lanes = graph_.mostLanes();
  }
  while (lanes > 1 && lanes * every * every > op_.steps) lanes /= 2;
  return lanes;
}

template <class Real, class Graph, class Edges>
void KuramotoAdjoint<Real, Graph, Edges>::runSegments() {
  const int64_t every = op_.checkpointEvery < op_.steps ? op_.checkpointEvery : op_.steps;
  const int64_t lanes = lanesOf(every);
  if constexpr (requires { graph_.widened(lanes); }) {
    if (lanes > 1) {
      Graph wide = graph_.widened(lanes);
      runSegments(every, lanes, wide);
      return;
    }
  }
  runSegments(every, 1, graph_);
}

// `graph`: for `lanes` segments of `every` steps; the last may be shorter or missing.
template <class Real, class Graph, class Edges>
void KuramotoAdjoint<Real, Graph, Edges>::runSegments(int64_t every, int64_t lanes, Graph& graph) {
  const int64_t pullLength = op_.stages * 2 * count_, together = lanes * every;
  auto* const phases = context_.template workspace<Phase>(together * count_);
  Real* const pulls =
      grad_.pulls ? nullptr : context_.template workspace<Real>(together * pullLength);
  KuramotoStepper<Real, Graph> stepper(op_, c_, graph, context_, lanes, every);
  for (int64_t first = (op_.steps - 1) / together * together; first >= 0; first -= together) {
    const int64_t end = first + together < op_.steps ? first + together : op_.steps;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      // A lane without steps stands at the first one's phases.
      const int64_t start = first + lane * every < end ? first + lane * every : first;
      const Phase* const from = checkpoint(start / every);
      memcpy(phases + (start - first) * count_, from, size_t(count_) * sizeof(Phase));
      memcpy(stepper.phases() + lane * count_, from, size_t(count_) * sizeof(Phase));
    }
    if (!grad_.pulls) stepper.prepare();
    const int64_t count = end - first < every ? end - first : every;
    // The last step is computed for its pulls only.
    for (int64_t k = 0; k < (pulls ? count : count - 1); ++k) {
      StepRecord<Real> records[kMostLanes];
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const int64_t at = lane * every + k, n = first + at;
        if (n >= end) break;
        if (grad_.pulls) records[lane].givenPulls = grad_.pulls.data + n * pullLength;
        if (pulls) records[lane].keptPulls = pulls + at * pullLength;
        if (k + 1 < every && n + 1 < end) records[lane].phases = phases + (at + 1) * count_;
      }
      stepper.step(first + k, records);
    }
    runSteps({first, end, phases, grad_.pulls ? grad_.pulls.data + first * pullLength : pulls});
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
