// A Kuramoto run on a network from its start to its records, checkpoints and final phases.
#pragma once

#include "cpu/kuramoto_stepper.h"
#include "ops/arctangent.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kPhaseGrain = 16384;

// The mean resultant length and direction of `count` points of the circle with this sum.
template <class Real>
void writeOrder(Circle<double> sum, int64_t count, int64_t at, View<Real> length,
                View<Real> direction) {
  if (length) {
    const double square = fma(sum.sine, sum.sine, sum.cosine * sum.cosine);
    length[at] = Real(squareRoot(square) / double(count));
  }
  if (direction) {
    // By way of a phase: that of -1e-20 is 0, not 2π.
    direction[at] = radiansOf(phaseOf<Real>(angleOf(sum.cosine, sum.sine)));
  }
}

template <class Real, class Graph>
class KuramotoRunner {
  using Phase = Integer<Real>;

 public:
  KuramotoRunner(const KuramotoSystem<Real>& system, const KuramotoRun<Real>& run, Graph& graph,
                 Context& context)
      : op_(system),
        run_(run),
        context_(context),
        count_(system.batch * system.oscillators),
        constants_(constantsOf(system, graph, context)),
        stepper_(system, constants_, graph, context) {}

  void run() {
    start();
    stepper_.prepare();
    const int64_t every = op_.recordEvery;
    const bool orders = run_.recordR || run_.recordPsi;
    auto* const order = context_.workspace<Circle<double>>(op_.batch);
    const int64_t pullLength = op_.stages * 2 * count_;
    for (int64_t n = 0; n < op_.steps; ++n) {
      const bool records = every > 0 && (n + 1) % every == 0;
      StepRecord<Real> record;
      if (run_.pulls) record.keptPulls = run_.pulls.data + n * pullLength;
      record.phases = checkpointAfter(n);
      if (records && orders) record.order = order;
      stepper_.step(n, record);
      if (records) writeRecord((n + 1) / every - 1, order);
    }
    finish();
  }

 private:
  void start() {
    Phase* const phases = stepper_.phases();
    Phase* const checkpoint =
        keepsPhases() ? reinterpret_cast<Phase*>(run_.checkpoints.data) : nullptr;
    if (run_.winding) turns_ = context_.workspace<Phase>(count_);
    context_.forRange(count_, kPhaseGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (run_.state) {
          memcpy(phases + i, run_.state.data + i * kPhaseWords<Real>, sizeof(Phase));
        } else {
          phases[i] = phaseOf<Real>(double(run_.phases[i]));
        }
      }
      const size_t bytes = size_t(end - begin) * sizeof(Phase);
      if (checkpoint) memcpy(checkpoint + begin, phases + begin, bytes);
      // Turns are counted of phases in [-π, π), but meant of phases in [0, 2π).
      if (turns_) {
        for (int64_t i = begin; i < end; ++i) turns_[i] = phases[i] < 0 ? 1 : 0;
      }
    });
    if (turns_) stepper_.countTurns(turns_);
  }

  bool keepsPhases() const { return run_.checkpoints && op_.checkpointEvery > 0; }
  // Where the phases after step n are kept for the backward, if they are.
  Phase* checkpointAfter(int64_t n) const {
    if (!keepsPhases()) return nullptr;
    const int64_t every = op_.checkpointEvery, done = n + 1;
    if (done % every != 0 && done != op_.steps) return nullptr;
    const int64_t row = (done + every - 1) / every;
    return reinterpret_cast<Phase*>(run_.checkpoints.data) + row * count_;
  }

  void writeRecord(int64_t record, const Circle<double>* order) {
    const int64_t records = recordCount(op_.steps, op_.recordEvery), n = op_.oscillators;
    for (int64_t b = 0; b < op_.batch && (run_.recordR || run_.recordPsi); ++b) {
      writeOrder(order[b], n, b * records + record, run_.recordR, run_.recordPsi);
    }
    if (!run_.recordPhases) return;
    const Phase* const phases = stepper_.phases();
    context_.forRange(count_, kPhaseGrain, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        run_.recordPhases[(at / n * records + record) * n + at % n] = radiansOf(phases[at]);
      }
    });
  }

  void finish() {
    const Phase* const phases = stepper_.phases();
    context_.forRange(count_, kPhaseGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (run_.finalPhases) run_.finalPhases[i] = radiansOf(phases[i]);
        if (turns_) run_.winding[i] = int32_t(turns_[i] - (phases[i] < 0 ? 1 : 0));
      }
      if (run_.finalState) {
        memcpy(run_.finalState.data + begin * kPhaseWords<Real>, phases + begin,
               size_t(end - begin) * sizeof(Phase));
      }
    });
  }

  const KuramotoSystem<Real>& op_;
  const KuramotoRun<Real>& run_;
  Context& context_;
  int64_t count_;
  KuramotoConstants<Real> constants_;
  KuramotoStepper<Real, Graph> stepper_;
  Phase* turns_ = nullptr;
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu
