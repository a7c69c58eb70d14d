// The adjoint of the steps of Kuramoto oscillators all to all. Windows of steps are run again from
// their checkpoints, which keeps the phases before each step and the totals T of each stage (where
// these are given, nothing is summed again); then a team of threads goes back through the window,
// with one sum over all oscillators a stage. These sums are of pieces of 1024 oscillators, added in
// an order that N fixes, so gradients do not depend on the launch. Floor of a stage, float32: 50 to
// 70 bytes an oscillator (phase, adjoint and the sums asked for, read and written) from the level-2
// cache, at 5.5 TB/s 10 µs for 10^6, and a grid barrier; in all some 6 forward steps. Not run on a
// GPU yet.
#include "cuda/kuramoto_global.cuh"
#include "cuda/kuramoto_global_plan.h"
#include "cuda/kuramoto_gradients.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <class Real>
struct AdjointTask {
  KuramotoGlobalBackward<Real> op;
  GlobalScratch<Real> scratch;
  AdjointSums<Real> sums;
  StepWindow window;
  const int32_t* phases;     // (window + 1, rows, N words)
  const Real* pulls;         // (window, stages, batch, 2)
  const Real* psi;           // (batch, window), null without gradRecordR
  Phase<Real>* stagePhases;  // (stages - 1, rows, N)
  Real* next;                // (rows, N): the adjoint before the step, on its way
  Real* rates;               // (rows, N): a of the stage
  Real* stepDrive;           // (window, rows, N), null without
  Circle<Real>* partial;     // (2, pieces of all systems)
  int64_t partialLength;
  int64_t system;  // of a grid
};

template <class Real, class Team>
class AdjointRun {
 public:
  __device__ AdjointRun(const AdjointTask<Real>& task, const SystemPlace& place, Team& team)
      : t_(task),
        op_(task.op),
        place_(place),
        team_(team),
        clock_(clockOf(task.op, place.timeStep, 0)),
        coupling_(couplingOf(task.op, place.system)),
        rows_(rowsOf(task.op)) {
    const double total = precisionSum(op_, t_.scratch, place_);
    base_ = Real(globalShare(op_.normalisation, place_.count, total, 1));
    // Pieces of different banks never share a place.
    partial_ = t_.partial + place_.row / TeamTuning::piece + place_.system;
  }

  __device__ void run() {
    const int64_t stages = op_.stages;
    Circle<Real> flow = {Real(0), Real(0)};
    for (int64_t n = t_.window.steps - 1; n >= 0; --n) {
      for (int64_t stage = stages - 1; stage >= 0; --stage) {
        Circle<Real>* const partial = partial_ + (turn_ ? t_.partialLength : 0);
        turn_ = !turn_;
        passPieces(n, stage, flow, partial);
        const int64_t pieces = ceilDivide(place_.count, int64_t(TeamTuning::piece));
        const Circle<double> sum = team_.pieceTotal(partial, pieces);
        flow = {Real(sum.sine), Real(sum.cosine)};
      }
    }
    forOwnPieces(
        [&](int64_t i) {
          const int64_t row = place_.row + i;
          t_.sums.adjoint[row] = t_.next[row] + finish(i, 0, 0, flow);
        },
        [](int64_t) {});
  }

 private:
  // Calls function(i) for this thread's oscillators, and endPiece(piece) for whole warps.
  template <class Function, class EndPiece>
  __device__ __forceinline__ void forOwnPieces(const Function& function,
                                               const EndPiece& endPiece) const {
    for (int64_t piece = team_.warp(); piece * TeamTuning::piece < place_.count;
         piece += team_.warps()) {
#pragma unroll 1
      for (int row = 0; row < TeamTuning::pieceRows; ++row) {
        const int64_t i = piece * TeamTuning::piece + row * kWarp + laneIndex();
        if (i >= place_.count) break;
        function(i);
      }
      endPiece(piece);
    }
  }

  // Ends the stage behind this one, whose total flow is `flow`, and sums up the flow of this one.
  __device__ void passPieces(int64_t n, int64_t stage, Circle<Real> flow, Circle<Real>* partial) {
    const bool isStepEnd = stage == op_.stages - 1;
    const bool isFirst = isStepEnd && n == t_.window.steps - 1;
    Circle<Real> sum = {Real(0), Real(0)};
    forOwnPieces(
        [&](int64_t i) {
          const int64_t row = place_.row + i;
          Real gradNext = Real(0);
          if (isFirst) {
            t_.next[row] = t_.sums.adjoint[row];
          } else {
            gradNext = finish(i, isStepEnd ? n + 1 : n, isStepEnd ? 0 : stage + 1, flow);
            t_.next[row] += gradNext;
          }
          if (isStepEnd) {
            const Real adjoint = t_.next[row] + gradOfRecords(i, n);
            t_.next[row] = t_.sums.adjoint[row] = adjoint;
            findStagePhases(i, n);
          }
          const Real a = stageAdjoint(op_.stages, stage, place_.timeStep, t_.sums.adjoint[row],
                                      isStepEnd ? Real(0) : gradNext);
          const Circle<Real> own = begin(i, n, stage, a);
          sum.sine += own.sine;
          sum.cosine += own.cosine;
        },
        [&](int64_t piece) {
          const Circle<Real> whole = {warpReduce(sum.sine, Sum{}), warpReduce(sum.cosine, Sum{})};
          if (laneIndex() == 0) partial[piece] = whole;
          sum = {Real(0), Real(0)};
        });
  }

  // ---- one oscillator ----

  struct Stage {
    Circle<Real> source, here, pull;
    Real precision, base;
  };
  __device__ __forceinline__ Stage stageOf(int64_t i, int64_t n, int64_t stage,
                                           Phase<Real> phase) const {
    const int64_t at = ((n * op_.stages + stage) * op_.batch + place_.system) * 2;
    Stage result;
    result.precision = precisionOf(op_, place_.node + i);
    result.base = t_.scratch.bases ? t_.scratch.bases[place_.node + i] : base_;
    result.source = circleOfPhase<Real>(phase);
    result.here = laggedCircle(op_, phase, result.source);
    result.pull = {fma(-result.precision, result.source.sine, t_.pulls[at]),
                   fma(-result.precision, result.source.cosine, t_.pulls[at + 1])};
    return result;
  }
  __device__ __forceinline__ Phase<Real> phaseAt(int64_t i, int64_t n, int64_t stage) const {
    const int64_t count = rows_ * op_.oscillators, row = place_.row + i;
    if (stage > 0) return t_.stagePhases[(stage - 1) * count + row];
    return loadPhase<Real>(t_.phases, n * count + row);
  }

  // The phases in which the later stages of step n start.
  __device__ void findStagePhases(int64_t i, int64_t n) const {
    if (op_.stages == 1) return;
    const int64_t count = rows_ * op_.oscillators, row = place_.row + i;
    const Phase<Real> start = phaseAt(i, n, 0);
    const Real free = Real(freeRate(op_, place_.node + i, row));
    Phase<Real> phase = start;
#pragma unroll 1
    for (int64_t stage = 0; stage + 1 < op_.stages; ++stage) {
      const Stage now = stageOf(i, n, stage, phase);
      Real rate = coupledRate(coupling_ * now.base, now.here, now.pull);
      if (op_.driveKind == kStepDrive) {
        rate += op_.drive[(t_.window.begin + n) * op_.oscillators + place_.node + i];
      }
      Real velocity = rate + free;
      if (op_.diffusion > 0) {
        const Real normal = stepNormal(op_, rows_, t_.window.begin + n, row);
        velocity = fma(clock_.noise, normal, velocity);
      }
      phase = stagePhase(clock_, op_.stages, stage + 1, start, velocity);
      t_.stagePhases[stage * count + row] = phase;
    }
  }

  // Keeps `adjoint`, the gradient of the rate, and returns what it gives to the total.
  __device__ __forceinline__ Circle<Real> begin(int64_t i, int64_t n, int64_t stage,
                                                Real adjoint) const {
    const int64_t row = place_.row + i;
    const Stage now = stageOf(i, n, stage, phaseAt(i, n, stage));
    t_.rates[row] = adjoint;
    addStage(t_.sums, row, adjoint, coupling_, now.base, now.here, now.pull);
    if (t_.stepDrive) {
      Real* const drive = t_.stepDrive + n * rows_ * op_.oscillators + row;
      *drive = stage == op_.stages - 1 ? adjoint : *drive + adjoint;
    }
    return gradPull(adjoint, coupling_ * now.base, now.here);
  }
  // The gradient of the stage's phase, where `flow` is what all oscillators give to the total.
  __device__ __forceinline__ Real finish(int64_t i, int64_t n, int64_t stage,
                                         Circle<Real> flow) const {
    const int64_t row = place_.row + i;
    const Stage now = stageOf(i, n, stage, phaseAt(i, n, stage));
    const Real adjoint = t_.rates[row], strength = coupling_ * now.base;
    const Circle<Real> own = gradPull(adjoint, strength, now.here);
    const Circle<Real> others = {flow.sine - own.sine, flow.cosine - own.cosine};
    if (t_.sums.precision) t_.sums.precision[row] += gradSourcePrecision(now.source, others);
    return fma(now.precision, gradSourcePhase(now.source, others),
               adjoint * coupledRateSlope(strength, now.here, now.pull));
  }

  // What the records after step n give to its phase.
  __device__ __forceinline__ Real gradOfRecords(int64_t i, int64_t n) const {
    const int64_t done = t_.window.begin + n + 1;
    if (op_.recordEvery == 0 || done % op_.recordEvery != 0) return Real(0);
    const int64_t record = done / op_.recordEvery - 1;
    Real gradient = Real(0);
    if (op_.gradRecordPhases) {
      gradient = op_.gradRecordPhases[place_.recordRow + record * op_.oscillators + i];
    }
    if (op_.gradRecordR) {
      const int64_t records = recordCount(op_.steps, op_.recordEvery);
      const Real psi = t_.psi[place_.system * t_.window.steps + n];
      const Circle<Real> mean = circleOfPhase<Real>(phaseOf<Real>(double(psi)));
      const Circle<Real> here = circleOfPhase<Real>(phaseAt(i, n + 1, 0));
      gradient +=
          gradOfOrder(op_.gradRecordR[place_.system * records + record], mean, here, place_.count);
    }
    return gradient;
  }

  const AdjointTask<Real>& t_;
  const KuramotoGlobalBackward<Real>& op_;
  const SystemPlace place_;
  Team& team_;
  const StepClock<Real> clock_;
  const Real coupling_;
  const int64_t rows_;
  Real base_;
  Circle<Real>* partial_;
  bool turn_ = false;
};

template <class Real>
__global__ void __launch_bounds__(TeamTuning::mostThreads, 1)
    adjointBlockKernel(const __grid_constant__ AdjointTask<Real> task) {
  Team<false> team(nullptr);
  for (int64_t system = blockIdx.x; system < task.op.batch; system += gridDim.x) {
    AdjointRun<Real, Team<false>> run(task, placeOf(task.op, system), team);
    run.run();
    __syncthreads();  // the sums' shared memory is free again
  }
}
template <class Real>
__global__ void __launch_bounds__(TeamTuning::mostThreads, 1)
    adjointGridKernel(const __grid_constant__ AdjointTask<Real> task) {
  Team<true> team(nullptr);
  AdjointRun<Real, Team<true>> run(task, placeOf(task.op, task.system), team);
  run.run();
}

template <class Real>
void launchAdjoint(AdjointTask<Real>& task, const GlobalPlan& plan, Context& context) {
  constexpr size_t kShared = size_t(Team<true>::kShared);
  const auto kernel = plan.isGrid ? adjointGridKernel<Real> : adjointBlockKernel<Real>;
  int64_t blocks = cooperativeBlocks(kernel, plan.threads, kShared, context);
  if (plan.blocks > 0) blocks = min(blocks, plan.blocks);
  const dim3 threads(unsigned(plan.threads));
  if (!plan.isGrid) {
    launch(kernel, dim3(unsigned(min(task.op.batch, blocks))), threads, kShared, context, task);
    return;
  }
  const int64_t pieces = ceilDivide(task.op.oscillators, int64_t(TeamTuning::piece));
  for (int64_t system = 0; system < task.op.batch; ++system) {
    task.system = system;
    launchCooperative(kernel, dim3(unsigned(min(blocks, pieces))), threads, kShared, context, task);
  }
}

// The gradients of Z = Σp - p_i: one block for each set of oscillators.
template <class Real>
__global__ void __launch_bounds__(KuramotoGradientTuning::threads)
    globalDegreeKernel(const KuramotoGlobalBackward<Real> op, GlobalScratch<Real> scratch,
                       const Real* base, Real* gradDegree) {
  const SystemPlace place = placeOf(op, blockIdx.x);
  const double total = precisionSum(op, scratch, place);
  const int64_t rows = rowsOf(op);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < place.count; i += blockDim.x) {
    const double p = double(precisionOf(op, place.node + i));
    const double inverse = globalShare(kByDegree, place.count, total, p);
    const double own = gradOfDegree(op, base, rows, place.system, place.node + i, inverse);
    gradDegree[place.node + i] = Real(own);
    sum += own;
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  for (int64_t i = threadIdx.x; i < place.count; i += blockDim.x) {
    op.gradPrecision[place.node + i] += Real(sum - double(gradDegree[place.node + i]));
  }
}

}  // namespace

template <class Real>
void runGlobalBackward(const KuramotoGlobalBackward<Real>& op, const GlobalPlan& plan,
                       Context& context) {
  const int64_t rows = rowsOf(op), n = op.oscillators, count = rows * n;
  const int64_t longest = longestWindow(op);
  const AdjointMemory<Real, KuramotoGlobalBackward<Real>> memory(op, context);
  const Workspace<double> sums(context, op.precision ? precisionSums(op) : 0);
  const Workspace<Real> bases(context, hasBases(op) ? n : 0);
  const Workspace<int32_t> phases(context, (longest + 1) * count * kPhaseWords<Real>);
  const Workspace<Real> pulls(context, op.pulls ? 0 : longest * op.stages * op.batch * 2);
  const Workspace<Real> psi(context, op.gradRecordR ? op.batch * longest : 0);
  const Workspace<Phase<Real>> stagePhases(context, (op.stages - 1) * count);
  const Workspace<Real> next(context, count), rates(context, count);
  const bool wantsSteps = op.gradDrive && op.driveKind == kStepDrive;
  const Workspace<Real> stepDrive(context, wantsSteps ? longest * count : 0);
  const int64_t pieces = count / TeamTuning::piece + op.batch + 2;
  const Workspace<Circle<Real>> partial(context, 2 * pieces);

  AdjointTask<Real> task = {};
  task.op = op;
  task.sums = memory.sums();
  task.scratch.precisionSums = sums.data();
  task.scratch.bases = bases.data();
  prepareStrengths(op, task.scratch, sums.data(), bases.data(), context);
  task.stagePhases = stagePhases.data();
  task.next = next.data();
  task.rates = rates.data();
  task.stepDrive = stepDrive.data();
  task.partial = partial.data();
  task.partialLength = pieces;

  for (int64_t end = op.steps; end > 0; end = task.window.begin) {
    task.window = lastWindow(op, end);
    const int64_t steps = task.window.steps;
    auto run = windowRun<KuramotoGlobalForward<Real>>(
        op, task.window, {phases.data(), (steps + 1) * count * kPhaseWords<Real>});
    run.bankStart = op.bankStart;
    run.timeSteps = op.timeSteps;
    const int64_t stepPulls = op.stages * op.batch * 2;
    const Real* const given = op.pulls ? op.pulls.data + task.window.begin * stepPulls : nullptr;
    if (!given) run.pulls = {pulls.data(), steps * stepPulls};
    if (op.gradRecordR) {
      run.recordEvery = 1;
      run.recordPsi = {psi.data(), op.batch * steps};
    }
    runGlobal(run, plan, given, context);
    task.phases = phases.data();
    task.pulls = given ? given : pulls.data();
    task.psi = psi.data();
    launchAdjoint(task, plan, context);
    for (int64_t step = 0; wantsSteps && step < steps; ++step) {
      sumRows(stepDrive.data() + step * count, count,
              View<Real>{op.gradDrive.data + (task.window.begin + step) * n, n}, context);
    }
  }
  writeGradients(op, task.sums, context);
  if (op.gradPrecision && op.normalisation == kByDegree) {
    constexpr int kThreads = KuramotoGradientTuning::threads;
    const Workspace<Real> gradDegree(context, n);
    launch(globalDegreeKernel<Real>, dim3(unsigned(precisionSums(op))), dim3(kThreads),
           kThreads / kWarp * sizeof(double), context, op, task.scratch, task.sums.base,
           gradDegree.data());
  }
}

template <class Real>
void run(const KuramotoGlobalBackward<Real>& op, Context& context) {
  const auto forward = windowRun<KuramotoGlobalForward<Real>>(op, {0, op.steps}, {});
  runGlobalBackward(op, planGlobal(forward, context.multiprocessors), context);
}

EXPORT_KERNELS(KuramotoGlobalBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
