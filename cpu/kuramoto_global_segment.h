// The phases of all stages between two checkpoints, for the backward. Where the run left its pulls,
// a block computes its own from the checkpoint alone, just before they are read; otherwise all
// blocks repeat the run together.
#pragma once

#include "cpu/kuramoto_global_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
struct GlobalSegments {
  const KuramotoGlobalBackward<Real>& op;
  const GlobalPlan<Real>& plan;
  int64_t steps;              // of a segment, at most
  Integer<Real>* rows;        // (steps, stages): padded phases
  Integer<Real>* free;        // padded; null where drifts are whole
  Real *rateSums, *noise;     // padded; null where not needed
  GlobalStage<Real>* stages;  // (systems, steps, stages)
  Circle<Real>* pulls;        // the same; null where the run left its own
  Circle<double>* sums;       // of blocks
};

template <class Real>
GlobalSegments<Real> globalSegments(const KuramotoGlobalBackward<Real>& op,
                                    const GlobalPlan<Real>& plan, Context& context) {
  const int64_t steps = op.checkpointEvery < op.steps ? op.checkpointEvery : op.steps;
  const int64_t stages = steps * op.stages;
  return {op,
          plan,
          steps,
          context.workspace<Integer<Real>>((stages > 0 ? stages : 1) * plan.length),
          plan.shift > 0 ? context.workspace<Integer<Real>>(plan.length) : nullptr,
          op.stages > 1 ? context.workspace<Real>(plan.length) : nullptr,
          op.diffusion > 0 ? context.workspace<Real>(plan.length) : nullptr,
          context.workspace<GlobalStage<Real>>(plan.systemCount * stages),
          op.pulls ? nullptr : context.workspace<Circle<Real>>(plan.systemCount * stages),
          context.workspace<Circle<double>>(plan.blockCount)};
}

// Phases of a block at a stage; `step` counts from the segment's first.
template <class Real>
HOST_DEVICE Integer<Real>* phasesOf(const GlobalSegments<Real>& segments, const GlobalBlock& block,
                                    int64_t step, int64_t stage) {
  const GlobalPlan<Real>& plan = segments.plan;
  return segments.rows + (step * segments.op.stages + stage) * plan.length +
         plan.systemOf(block).place + block.begin;
}
template <class Real>
HOST_DEVICE Circle<Real> pullOf(const GlobalSegments<Real>& segments, int64_t system, int64_t step,
                                int64_t stage) {
  const auto& op = segments.op;
  if (op.pulls) {
    const int64_t at = (step * op.stages + stage) * segments.plan.systemCount + system;
    return {op.pulls[2 * at], op.pulls[2 * at + 1]};
  }
  const int64_t inSegment = step % op.checkpointEvery;
  return segments.pulls[(system * segments.steps + inSegment) * op.stages + stage];
}

// The phases of checkpoint `row`.
template <class Real>
HOST_DEVICE void loadCheckpoint(const GlobalSegments<Real>& segments, const GlobalBlock& block,
                                int64_t row, Integer<Real>* to) {
  const GlobalPlan<Real>& plan = segments.plan;
  const int64_t count = block.end - block.begin;
  const int64_t element = row * plan.elements + plan.systemOf(block).first + block.begin;
  memcpy(to, segments.op.checkpoints.data + element * kPhaseWords<Real>,
         size_t(count) * sizeof(Integer<Real>));
  for (int64_t i = count; i < padded(count); ++i) to[i] = 0;
}

// From the phases of a stage to those of the next, which may be a new step's.
template <class Real>
HOST_DEVICE void replayStage(const GlobalSegments<Real>& segments, const GlobalBlock& block,
                             int64_t segment, int64_t step, int64_t stage) {
  const auto& op = segments.op;
  const int64_t place = segments.plan.systemOf(block).place + block.begin;
  const int64_t number = segment * op.checkpointEvery + step;
  GlobalArrays<Real> arrays = constantArrays(op, segments.plan, block, number);
  arrays.start = phasesOf(segments, block, step, 0);
  arrays.here = phasesOf(segments, block, step, stage);
  const bool isLast = stage == op.stages - 1;
  arrays.next = phasesOf(segments, block, isLast ? step + 1 : step, isLast ? 0 : stage + 1);
  if (isLast) {
    arrays.free = freeRotation(op, segments.plan, block, number, step == 0, segments.free);
  }
  if (segments.rateSums) arrays.rateSum = segments.rateSums + place;
  if (segments.noise) {
    if (stage == 0) drawBlock(op, segments.plan, block, number, segments.noise + place);
    arrays.noise = segments.noise + place;
  }
  const int64_t at = (block.system * segments.steps + step) * op.stages + stage;
  runStage(segments.stages[at], arrays);
}

template <class Real>
int64_t stepsOf(const GlobalSegments<Real>& segments, int64_t segment) {
  const auto& op = segments.op;
  const int64_t left = op.steps - segment * op.checkpointEvery;
  return left < op.checkpointEvery ? left : op.checkpointEvery;
}

// A block's part of a segment whose stages are known.
template <class Real>
void replayBlock(const GlobalSegments<Real>& segments, const GlobalBlock& block, int64_t segment) {
  const int64_t steps = stepsOf(segments, segment), stages = segments.op.stages;
  loadCheckpoint(segments, block, segment, phasesOf(segments, block, 0, 0));
  for (int64_t at = 0; at + 1 < steps * stages; ++at) {
    replayStage(segments, block, segment, at / stages, at % stages);
  }
}

template <class Real>
void setStage(const GlobalSegments<Real>& segments, int64_t system, int64_t segment, int64_t step,
              int64_t stage) {
  const auto& op = segments.op;
  const int64_t number = segment * op.checkpointEvery + step;
  segments.stages[(system * segments.steps + step) * op.stages + stage] =
      globalStage<Real>(op, segments.plan, segments.plan.systems[system], number, stage,
                        pullOf(segments, system, number, stage));
}

// Before the first block of a segment is asked for: with pulls only the stages' numbers, without
// them the whole segment.
template <class Real, class Blocks>
void enterSegment(const GlobalSegments<Real>& segments, int64_t first, int64_t count,
                  int64_t segment, const Blocks& blocks) {
  const GlobalPlan<Real>& plan = segments.plan;
  const int64_t stages = segments.op.stages, end = stepsOf(segments, segment) * stages;
  for (int64_t at = 0; at < end; ++at) {
    if (segments.pulls) {
      blocks(plan, first, count, [&](const GlobalBlock& block, int64_t number) {
        if (at == 0) {
          loadCheckpoint(segments, block, segment, phasesOf(segments, block, 0, 0));
        } else {
          replayStage(segments, block, segment, (at - 1) / stages, (at - 1) % stages);
        }
        const int64_t node = plan.systemOf(block).nodePlace + block.begin;
        segments.sums[number] = sumCircles<Real>(
            phasesOf(segments, block, at / stages, at % stages),
            plan.precision ? plan.precision + node : nullptr, block.end - block.begin);
      });
    }
    for (int64_t b = first; b < first + count; ++b) {
      if (segments.pulls) {
        const Circle<double> total = totalOf(plan.systems[b], segments.sums);
        segments.pulls[(b * segments.steps + at / stages) * stages + at % stages] = {
            Real(total.sine), Real(total.cosine)};
      }
      if (at + 1 < end) setStage(segments, b, segment, at / stages, at % stages);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
