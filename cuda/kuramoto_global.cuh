// All steps of one Kuramoto system, all to all, by a team of threads: a stage is one pass over the
// oscillators, which moves them by the total of the stage before and adds up the next one.
#pragma once

#include "cuda/kuramoto_prepare.cuh"
#include "cuda/kuramoto_team.cuh"
#include "ops/kuramoto_global.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// What a run needs beside its arguments, in memory.
template <class Real>
struct GlobalScratch {
  const unsigned long long* greatestStep;
  const double* precisionSums;  // Σ p, of every system or of all alike; null without precisions
  const Real* bases;            // (rows, N): s / Z; null where all oscillators of a system agree
  Real* noise;                  // (rows, N); null without
  const Real* givenPulls;       // T of an earlier run, as `pulls`, or null
  unsigned char* states;        // (rows, N) states; null where registers hold them
  unsigned long long* teamWords;
};

template <class Real>
struct GlobalTask {
  KuramotoGlobalForward<Real> op;
  GlobalScratch<Real> scratch;
  int64_t system;  // of a grid
};

// Σ p and s / Z.
template <class Real, class Operation>
__device__ __forceinline__ double precisionSum(const Operation& op,
                                               const GlobalScratch<Real>& scratch,
                                               const SystemPlace& place) {
  if (!scratch.precisionSums) return double(place.count);
  return scratch.precisionSums[op.bankStart ? place.system : 0];
}
template <class Operation>
HOST_DEVICE bool hasBases(const Operation& op) {
  return op.sign || (op.precision && op.normalisation == kByDegree);
}

template <class Operation, class Real>
__global__ void __launch_bounds__(KuramotoPrepareTuning::threads)
    globalBaseKernel(const Operation op, GlobalScratch<Real> scratch, Real* bases) {
  for (int64_t system = blockIdx.y; system < precisionSums(op); system += gridDim.y) {
    const SystemPlace place = placeOf(op, system);
    const double total = precisionSum(op, scratch, place);
    for (int64_t i = globalThread(); i < place.count; i += int64_t(gridDim.x) * blockDim.x) {
      const double own = double(precisionOf(op, place.node + i));
      const double sign = op.sign ? double(op.sign[place.node + i]) : 1.0;
      bases[place.node + i] = Real(sign * globalShare(op.normalisation, place.count, total, own));
    }
  }
}

// Sets Σ p and s / Z where they are needed.
template <class Operation, class Real>
void prepareStrengths(const Operation& op, const GlobalScratch<Real>& scratch, double* sums,
                      Real* bases, Context& context) {
  if (op.precision) sumPrecisions(op, sums, context);
  if (!hasBases(op)) return;
  constexpr int kThreads = KuramotoPrepareTuning::threads;
  const int64_t across =
      min(ceilDivide(op.oscillators, int64_t(kThreads)), KuramotoPrepareTuning::mostBlocks);
  const int64_t down = min(precisionSums(op), int64_t(64));
  launch(globalBaseKernel<Operation, Real>, dim3(unsigned(across), unsigned(down)), dim3(kThreads),
         0, context, op, scratch, bases);
}

// ---- one system ----

// What changes from stage to stage.
template <class Real, bool kMany, bool kPlain>
struct GlobalState {
  Phase<Real> start, drift;
  Circle<Real> here;
  __device__ void setStage(Phase<Real>) {}
  __device__ Phase<Real> stage() const { return start; }
};
template <class Real>
struct GlobalState<Real, true, true> {
  Phase<Real> start, drift;
  Circle<Real> here;  // of the stage
  Real sum;           // of the stages' rates so far, by weight
  __device__ void setStage(Phase<Real>) {}
};
template <class Real>
struct GlobalState<Real, true, false> {
  Phase<Real> start, drift, now;
  Circle<Real> here;
  Real sum;
  __device__ void setStage(Phase<Real> phase) { now = phase; }
  __device__ Phase<Real> stage() const { return now; }
};

// A run without precisions, signs, lag, noise, drive that changes or counting of turns.
template <class Real>
bool isPlain(const KuramotoGlobalForward<Real>& op) {
  return !op.precision && !op.sign && !op.frustration && op.diffusion == 0 &&
         op.driveKind != kStepDrive && !op.winding;
}

// Oscillators that a thread holds in registers.
template <class Real, bool kMany, bool kPlain>
constexpr int kGlobalHeld = kIsSingle<Real> ? (kPlain ? (kMany ? 9 : 20) : (kMany ? 5 : 6))
                                            : (kPlain ? (kMany ? 5 : 8) : (kMany ? 2 : 4));
// Those of a block by itself: more threads to hide latency.
template <class Real, bool kMany, bool kPlain>
constexpr int kBlockHeld =
    kGlobalHeld<Real, kMany, kPlain> < 16 ? kGlobalHeld<Real, kMany, kPlain> : 16;
template <class Real>
int64_t blockHeld(const KuramotoGlobalForward<Real>& op) {
  if (op.stages > 1)
    return isPlain(op) ? kBlockHeld<Real, true, true> : kBlockHeld<Real, true, false>;
  return isPlain(op) ? kBlockHeld<Real, false, true> : kBlockHeld<Real, false, false>;
}

// kMany: more than one stage; kPlain: only for runs that are plain, which need fewer registers.
template <class Real, bool kMany, bool kPlain, class Team>
class GlobalRun {
 public:
  using State = GlobalState<Real, kMany, kPlain>;

  __device__ GlobalRun(const GlobalTask<Real>& task, const SystemPlace& place, Team& team)
      : op_(task.op),
        scratch_(task.scratch),
        place_(place),
        team_(team),
        clock_(clockOf(task.op, place.timeStep, greatestOf(task.scratch.greatestStep))),
        coupling_(couplingOf(task.op, place.system)),
        rows_(rowsOf(task.op)) {
    const double total = precisionSum(op_, scratch_, place_);
    base_ = Real(globalShare(op_.normalisation, place_.count, total, 1));
    scale_ = circleScale<Real>(total, isWeighted());
  }

  template <class States>
  __device__ void run(States& states) {
    FixedSum sums;
    each(states, [&](int64_t i, State& state) { sums = sums + begin(i, state); });
    for (int64_t n = 0;; ++n) {
      const bool isRecord = n > 0 && op_.recordEvery > 0 && n % op_.recordEvery == 0;
      const bool isEnd = n == op_.steps;
      if (isRecord) record(states, n / op_.recordEvery - 1);
      if (isEnd || (op_.checkpointEvery > 0 && n % op_.checkpointEvery == 0)) {
        keep(states,
             isEnd ? checkpointCount(op_.steps, op_.checkpointEvery) - 1 : n / op_.checkpointEvery);
      }
      FixedSum total;
      const bool isOrder = isRecord && (op_.recordR || op_.recordPsi);
      const bool isPulled = !isEnd && !scratch_.givenPulls;
      if (isPulled || (isOrder && !isWeighted())) total = team_.total(sums);
      if (isOrder) recordOrder(states, n / op_.recordEvery - 1, total);
      if (isEnd) break;
      if (!kPlain && scratch_.noise) drawNoise(n);
      step(states, n, total, sums);
    }
    each(states, [&](int64_t i, State& state) { storeFinal(op_, place_.row + i, state.start); });
  }

 private:
  template <class States, class Function>
  __device__ __forceinline__ void each(States& states, const Function& function) {
    states.each(team_, place_.count, function);
  }

  __device__ __forceinline__ bool isWeighted() const { return !kPlain && op_.precision; }
  __device__ __forceinline__ Real precision(int64_t i) const {
    return isWeighted() ? op_.precision[place_.node + i] : Real(1);
  }
  __device__ __forceinline__ FixedSum fixed(int64_t i, Circle<Real> here) const {
    if (!isWeighted()) return toFixed<false>(here, scale_);
    const Real p = precision(i);
    return toFixed<true>(Circle<Real>{p * here.sine, p * here.cosine}, scale_);
  }
  // Adds the noise to a velocity.
  __device__ __forceinline__ Real disturbed(int64_t i, Real velocity) const {
    if (kPlain || !scratch_.noise) return velocity;
    return fma(clock_.noise, scratch_.noise[place_.row + i], velocity);
  }

  __device__ __forceinline__ FixedSum begin(int64_t i, State& state) {
    state.start = startPhase(op_, place_.row + i);
    const double rate = freeRate(op_, place_.node + i, place_.row + i);
    state.drift = driftOf<Real>(rate, clock_.timeStep, clock_.shift);
    state.here = circleOfPhase<Real>(state.start);
    state.setStage(state.start);
    if (!kPlain && op_.winding) op_.winding[place_.row + i] = 0;
    return fixed(i, state.here);
  }

  // All stages of step n; `total` is the sum at its start, `sums` this thread's at its end.
  template <class States>
  __device__ __forceinline__ void step(States& states, int64_t n, FixedSum total, FixedSum& sums) {
    const int64_t stages = kMany ? op_.stages : 1;
#pragma unroll 1
    for (int64_t stage = 0; stage < stages; ++stage) {
      const int64_t at = ((n * stages + stage) * op_.batch + place_.system) * 2;
      Circle<Real> sum;
      if (scratch_.givenPulls) {
        sum = {scratch_.givenPulls[at], scratch_.givenPulls[at + 1]};
      } else {
        if (stage > 0) total = team_.total(sums);
        sum = fromFixed<Real>(total, 1 / scale_);
      }
      if (op_.pulls && team_.isLeader()) {
        op_.pulls[at] = sum.sine;
        op_.pulls[at + 1] = sum.cosine;
      }
      sums = {};
      const bool isLast = stage + 1 == stages;
      each(states, [&](int64_t i, State& state) {
        const Real rate = rateOf(i, n, state, sum);
        if constexpr (kMany) {
          const Real part = Real(stageWeight(stages, stage));
          state.sum = stage == 0 ? part * rate : fma(part, rate, state.sum);
          if (isLast) {
            advance(i, n, state, state.sum);
          } else {
            moveOn(i, stage, state, rate);
          }
        } else {
          advance(i, n, state, rate);
        }
        sums = sums + fixed(i, state.here);
      });
    }
  }

  // What pulls and drives an oscillator in a stage.
  __device__ __forceinline__ Real rateOf(int64_t i, int64_t n, const State& state,
                                         Circle<Real> sum) const {
    const Real p = precision(i);
    const Circle<Real> pull = {fma(-p, state.here.sine, sum.sine),
                               fma(-p, state.here.cosine, sum.cosine)};
    if constexpr (kPlain) {
      return coupledRate(coupling_ * base_, state.here, pull);
    } else {
      const Real base = scratch_.bases ? scratch_.bases[place_.node + i] : base_;
      const Circle<Real> here = laggedCircle(op_, state.stage(), state.here);
      const Real rate = coupledRate(coupling_ * base, here, pull);
      if (op_.driveKind != kStepDrive) return rate;
      return rate + op_.drive[n * op_.oscillators + place_.node + i];
    }
  }

  // To the next stage.
  __device__ __forceinline__ void moveOn(int64_t i, int64_t stage, State& state, Real rate) const {
    const Real free = Real(freeRate(op_, place_.node + i, place_.row + i));
    const Phase<Real> phase =
        stagePhase(clock_, op_.stages, stage + 1, state.start, disturbed(i, rate + free));
    state.here = circleOfPhase<Real>(phase);
    state.setStage(phase);
  }
  // To the next step.
  __device__ __forceinline__ void advance(int64_t i, int64_t n, State& state, Real rate) const {
    const int64_t step = op_.firstStep + n;
    rate = disturbed(i, rate);
    if (!kPlain && op_.winding) {
      const double free = freeRate(op_, place_.node + i, place_.row + i);
      const int32_t turns = turnsTaken(clock_, step, state.start, state.drift, free, rate);
      if (turns != 0) op_.winding[place_.row + i] += turns;
    }
    state.start = nextPhase(clock_, step, state.start, state.drift, rate);
    state.here = circleOfPhase<Real>(state.start);
    state.setStage(state.start);
  }

  // Each thread draws for its own oscillators, so that nobody waits.
  __device__ void drawNoise(int64_t n) {
    forOwn(team_, place_.count, [&](int64_t i) {
      scratch_.noise[place_.row + i] = stepNormal(op_, rows_, n, place_.row + i);
    });
  }

  template <class States>
  __device__ __forceinline__ void record(States& states, int64_t number) {
    if (!op_.recordPhases) return;
    const int64_t begin = place_.recordRow + number * op_.oscillators;
    each(states,
         [&](int64_t i, State& state) { op_.recordPhases[begin + i] = radiansOf(state.start); });
  }
  // Without precisions the stage's total is the order parameter's.
  template <class States>
  __device__ __forceinline__ void recordOrder(States& states, int64_t number, FixedSum total) {
    const double scale = circleScale<Real>(double(place_.count), false);
    if (isWeighted()) {
      FixedSum own;
      each(states, [&](int64_t, State& state) { own = own + toFixed<false>(state.here, scale); });
      total = team_.total(own);
    }
    if (!team_.isLeader()) return;
    const int64_t at = place_.system * recordCount(op_.steps, op_.recordEvery) + number;
    storeOrder(op_, at, total, 1 / scale, place_.count);
  }
  template <class States>
  __device__ __forceinline__ void keep(States& states, int64_t number) {
    if (!op_.checkpoints) return;
    const int64_t begin = number * rows_ * op_.oscillators + place_.row;
    each(states, [&](int64_t i, State& state) {
      storePhase<Real>(op_.checkpoints.data, begin + i, state.start);
    });
  }

  const KuramotoGlobalForward<Real>& op_;
  const GlobalScratch<Real>& scratch_;
  const SystemPlace place_;
  Team& team_;
  const StepClock<Real> clock_;
  const Real coupling_;
  const int64_t rows_;
  Real base_;
  double scale_;
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda
