// Kuramoto oscillators all to all: every stage a pass over the oscillators and the sum of circles.
// Floor of an Euler step in float32: 12 bytes an oscillator (phase read and written, free rotation
// read) from the cache, and for 16 of them 7 instructions of the multiplying pipes for the pull
// and, two phases sharing a segment, 8 with one permutation for the sums: 16 cycles where a core
// begins one a cycle. Measured on a Zen 4 core at 3.66 GHz, in its caches: 19.4 cycles, 0.33 ns an
// oscillator, a cycle less where four coefficients do.
#include "cpu/kernel.h"
#include "cpu/kuramoto_global_step.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// A run: its plan, its state, and the sums of each block.
template <class Real>
struct GlobalRun {
  const KuramotoGlobalForward<Real>& op;
  GlobalPlan<Real> plan;
  Integer<Real>*phases = nullptr, *stagePhases = nullptr;  // padded
  Integer<Real>* free = nullptr;                           // padded; null where drifts are whole
  Real *rateSums = nullptr, *noise = nullptr;              // padded; null where not needed
  Circle<double>*sums = nullptr, *plainSums = nullptr;  // of blocks: weighted by precision, and not
  GlobalStage<Real>* stages = nullptr;                  // of systems: the one that runs
};

template <class Real>
GlobalRun<Real> prepare(const KuramotoGlobalForward<Real>& op, Context& context) {
  GlobalRun<Real> run = {.op = op, .plan = globalPlan<Real>(op, context)};
  const int64_t length = run.plan.length;
  run.phases = context.workspace<Integer<Real>>(length);
  run.stagePhases = op.stages > 1 ? context.workspace<Integer<Real>>(length) : nullptr;
  run.free = run.plan.shift > 0 ? context.workspace<Integer<Real>>(length) : nullptr;
  run.rateSums = op.stages > 1 ? context.workspace<Real>(length) : nullptr;
  run.noise = op.diffusion > 0 ? context.workspace<Real>(length) : nullptr;
  run.sums = context.workspace<Circle<double>>(run.plan.blockCount);
  run.plainSums = op.precision && op.recordEvery > 0 && (op.recordR || op.recordPsi)
                      ? context.workspace<Circle<double>>(run.plan.blockCount)
                      : nullptr;
  run.stages = context.workspace<GlobalStage<Real>>(run.plan.systemCount);
  return run;
}

// Row `row` of the checkpoints gets the phases of a block.
template <class Real>
void keepPhases(const GlobalRun<Real>& run, const GlobalBlock& block, int64_t row) {
  if (!run.op.checkpoints) return;
  const GlobalSystem& system = run.plan.systemOf(block);
  const int64_t element = row * run.plan.elements + system.first + block.begin;
  memcpy(run.op.checkpoints.data + element * kPhaseWords<Real>,
         run.phases + system.place + block.begin,
         size_t(block.end - block.begin) * sizeof(Integer<Real>));
}

template <class Real>
void sumBlock(const GlobalRun<Real>& run, const GlobalBlock& block, int64_t number,
              const Integer<Real>* phases) {
  const GlobalSystem& system = run.plan.systemOf(block);
  const Real* const weights =
      run.plan.precision ? run.plan.precision + system.nodePlace + block.begin : nullptr;
  run.sums[number] =
      sumCircles<Real>(phases + system.place + block.begin, weights, block.end - block.begin);
}

HOST_DEVICE void phasesOf(const float* radians, int64_t count, int32_t* to) {
  typedef float Halves __attribute__((vector_size(kVectorBytes / 2)));
  constexpr int kLanes = Vector<double>::kLanes;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Halves halves;
    memcpy(&halves, radians + i, sizeof halves);
    const Vector<double> wide = __builtin_convertvector(halves, Vector<double>::Native);
    global::storeNarrow(to + i, turnsOfAngle(wide) * 0x1p32);
  }
  for (; i < count; ++i) to[i] = phaseOf<float>(double(radians[i]));
}
HOST_DEVICE void phasesOf(const double* radians, int64_t count, int64_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = phaseOf<double>(radians[i]);
}

// The phases that a block starts from.
template <class Real>
void startBlock(const GlobalRun<Real>& run, const GlobalBlock& block, int64_t number) {
  const auto& op = run.op;
  const GlobalSystem& system = run.plan.systemOf(block);
  const int64_t element = system.first + block.begin, count = block.end - block.begin;
  Integer<Real>* const phases = run.phases + system.place + block.begin;
  if (op.state) {
    memcpy(phases, op.state.data + element * kPhaseWords<Real>,
           size_t(count) * sizeof(Integer<Real>));
  } else {
    phasesOf(op.phases.data + element, count, phases);
  }
  for (int64_t i = count; i < padded(count); ++i) phases[i] = 0;
  if (op.winding) memset(op.winding.data + element, 0, size_t(count) * sizeof(int32_t));
  keepPhases(run, block, 0);
  sumBlock(run, block, number, run.phases);
}

template <class Real>
GlobalArrays<Real> arraysOf(const GlobalRun<Real>& run, const GlobalBlock& block, int64_t stage,
                            int64_t step) {
  const auto& op = run.op;
  const GlobalSystem& system = run.plan.systemOf(block);
  const int64_t place = system.place + block.begin;
  GlobalArrays<Real> arrays = constantArrays(op, run.plan, block, step);
  if (stage == op.stages - 1) {
    arrays.free = freeRotation(op, run.plan, block, step, step == 0, run.free);
  }
  arrays.start = run.phases + place;
  arrays.next = run.phases + place;
  if (run.stagePhases) {
    arrays.here = run.stagePhases + place;
    arrays.rateSum = run.rateSums + place;
    if (stage < op.stages - 1) arrays.next = run.stagePhases + place;
  }
  if (run.noise) arrays.noise = run.noise + place;
  if (op.winding) arrays.winding = op.winding.data + system.first + block.begin;
  return arrays;
}

template <class Real>
bool isRecord(const GlobalRun<Real>& run, int64_t step) {
  return run.op.recordEvery > 0 && (step + 1) % run.op.recordEvery == 0;
}

// What a block's phases after a step are kept for.
template <class Real>
void recordBlock(const GlobalRun<Real>& run, const GlobalBlock& block, int64_t number,
                 int64_t step) {
  const auto& op = run.op;
  const GlobalSystem& system = run.plan.systemOf(block);
  const Integer<Real>* const phases = run.phases + system.place + block.begin;
  const int64_t count = block.end - block.begin;
  if (op.checkpointEvery > 0 && step + 1 < op.steps && (step + 1) % op.checkpointEvery == 0) {
    keepPhases(run, block, (step + 1) / op.checkpointEvery);
  }
  if (op.checkpointEvery > 0 && step + 1 == op.steps) {
    keepPhases(run, block, checkpointCount(op.steps, op.checkpointEvery) - 1);
  }
  if (!isRecord(run, step)) return;
  if (run.plainSums) run.plainSums[number] = sumCircles<Real>(phases, nullptr, count);
  if (!op.recordPhases) return;
  // (batch, records, N); ragged banks are one row.
  const int64_t records = recordCount(op.steps, op.recordEvery);
  const int64_t row = op.bankStart ? 0 : block.system, width = op.oscillators;
  Real* const to = op.recordPhases.data +
                   (row * records + (step + 1) / op.recordEvery - 1) * width + system.node +
                   block.begin;
  for (int64_t i = 0; i < count; ++i) to[i] = radiansOf(phases[i]);
}

template <class Real>
void stageBlock(const GlobalRun<Real>& run, const GlobalBlock& block, int64_t number, int64_t stage,
                int64_t step) {
  const auto& op = run.op;
  const bool isLast = stage == op.stages - 1;
  if (run.noise && stage == 0) {
    const int64_t place = run.plan.systemOf(block).place + block.begin;
    drawBlock(op, run.plan, block, step, run.noise + place);
  }
  runStage(run.stages[block.system], arraysOf(run, block, stage, step));
  if (isLast) recordBlock(run, block, number, step);
  const bool isEnd = isLast && step + 1 == op.steps;
  if (!isEnd || isRecord(run, step)) {
    sumBlock(run, block, number, isLast ? run.phases : run.stagePhases);
  }
}

template <class Real>
void finishBlock(const GlobalRun<Real>& run, const GlobalBlock& block) {
  const auto& op = run.op;
  const GlobalSystem& system = run.plan.systemOf(block);
  const int64_t element = system.first + block.begin, count = block.end - block.begin;
  const Integer<Real>* const phases = run.phases + system.place + block.begin;
  if (op.finalState) {
    memcpy(op.finalState.data + element * kPhaseWords<Real>, phases,
           size_t(count) * sizeof(Integer<Real>));
  }
  for (int64_t i = 0; op.finalPhases && i < count; ++i) {
    op.finalPhases[element + i] = radiansOf(phases[i]);
  }
  if (!op.winding || op.steps == 0) return;
  const global::RatesOf<KuramotoGlobalForward<Real>> rates(op, system, block);
  const Integer<Real>* const drifts = run.plan.drifts + system.ratePlace + block.begin;
  for (int64_t i = 0; i < count; ++i) {
    op.winding[element + i] +=
        int32_t(op.steps) *
        wholeTurns(rates[i] * system.timeStep * kTurnsPerRadian, drifts[i], run.plan.shift);
  }
}

// All steps of `count` systems from `first` on.
template <class Real, class Blocks>
void runSystems(const GlobalRun<Real>& run, int64_t first, int64_t count, const Blocks& blocks) {
  const auto& op = run.op;
  const auto each = [&](const auto& body) { blocks(run.plan, first, count, body); };
  each([&](const GlobalBlock& block, int64_t number) { startBlock(run, block, number); });
  for (int64_t step = 0; step < op.steps; ++step) {
    for (int64_t stage = 0; stage < op.stages; ++stage) {
      for (int64_t b = first; b < first + count; ++b) {
        const GlobalSystem& system = run.plan.systems[b];
        const Circle<double> sum = totalOf(system, run.sums);
        const Circle<Real> total = {Real(sum.sine), Real(sum.cosine)};
        run.stages[b] = globalStage<Real>(op, run.plan, system, step, stage, total);
        if (!op.pulls) continue;
        Real* const kept =
            op.pulls.data + ((step * op.stages + stage) * run.plan.systemCount + b) * 2;
        kept[0] = total.sine;
        kept[1] = total.cosine;
      }
      each([&](const GlobalBlock& block, int64_t number) {
        stageBlock(run, block, number, stage, step);
      });
    }
    if (!isRecord(run, step) || !(op.recordR || op.recordPsi)) continue;
    const int64_t records = recordCount(op.steps, op.recordEvery);
    for (int64_t b = first; b < first + count; ++b) {
      const GlobalSystem& system = run.plan.systems[b];
      const int64_t at = b * records + (step + 1) / op.recordEvery - 1;
      Real R, psi;
      orderParameter(totalOf(system, run.plainSums ? run.plainSums : run.sums), system.count, R,
                     psi);
      if (op.recordR) op.recordR[at] = R;
      if (op.recordPsi) op.recordPsi[at] = psi;
    }
  }
  each([&](const GlobalBlock& block, int64_t) { finishBlock(run, block); });
}

}  // namespace

template <class Real>
void run(const KuramotoGlobalForward<Real>& op, Context& context) {
  const GlobalRun<Real> run = prepare(op, context);
  if (run.plan.blockCount == 0) return;
  if (isTaskEach(run.plan, context)) {
    context.forEach(run.plan.systemCount, [&](int64_t b) { runSystems(run, b, 1, InOrder{}); });
  } else {
    runSystems(run, 0, run.plan.systemCount, OnAllThreads{context});
  }
}

EXPORT_KERNELS(KuramotoGlobalForward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
