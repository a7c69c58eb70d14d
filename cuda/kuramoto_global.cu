// Kuramoto oscillators all to all. A block runs a small system by itself; a large one takes the
// whole device in one cooperative launch, with one grid-wide sum a stage. Phases, drifts and
// circles stay in registers. Trajectories are the same to the bit under every plan: sums are
// integers. Floors on an H200 (float32, Euler):
//   one system of 10^6: 40 instructions an oscillator and step, 1.2 µs at 33.5e12/s, and a sum and
//   barrier of the grid of some 1 µs: 2.2 µs a step; beyond 1.01e6 oscillators (20 in the registers
//   of each thread) 32 bytes of memory an oscillator and step;
//   many systems: the same 40 instructions, 0.8e12 oscillator-steps/s.
// Not run on a GPU yet.
#include "cuda/kuramoto_global.cuh"
#include "cuda/kuramoto_global_plan.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <class Real, bool kMany, bool kPlain, int kHeld, bool kGrid>
__device__ __forceinline__ void runSystem(const GlobalTask<Real>& task, int64_t number,
                                          Team<kGrid>& team) {
  using State = GlobalState<Real, kMany, kPlain>;
  const SystemPlace place = placeOf(task.op, number);
  GlobalRun<Real, kMany, kPlain, Team<kGrid>> run(task, place, team);
  if constexpr (kHeld > 0) {
    RegisterStates<State, kHeld> states;
    run.run(states);
  } else {
    MemoryStates<State> states(reinterpret_cast<State*>(task.scratch.states) + place.row);
    run.run(states);
  }
}

// A block for each system, or every so many systems.
template <class Real, bool kMany, bool kPlain, int kHeld>
__global__ void __launch_bounds__(TeamTuning::mostThreads, 1)
    globalBlockKernel(const __grid_constant__ GlobalTask<Real> task) {
  Team<false> team(nullptr);
  for (int64_t system = blockIdx.x; system < task.op.batch; system += gridDim.x) {
    runSystem<Real, kMany, kPlain, kHeld>(task, system, team);
  }
}

// All blocks on task.system.
template <class Real, bool kMany, bool kPlain, int kHeld>
__global__ void __launch_bounds__(TeamTuning::mostThreads, 1)
    globalGridKernel(const __grid_constant__ GlobalTask<Real> task) {
  Team<true> team(task.scratch.teamWords);
  runSystem<Real, kMany, kPlain, kHeld>(task, task.system, team);
}

constexpr size_t kShared = size_t(Team<true>::kShared);

template <class Real, bool kMany, bool kPlain>
void launchOnBlocks(GlobalTask<Real>& task, const GlobalPlan& plan, Context& context) {
  using State = GlobalState<Real, kMany, false>;
  const KuramotoGlobalForward<Real>& op = task.op;
  // How long the longest bank is, only the device knows: all of them at most.
  constexpr int kHeld = kBlockHeld<Real, kMany, kPlain>;
  const bool inMemory = plan.inMemory || op.oscillators > int64_t(plan.threads) * kHeld;
  const auto kernel = inMemory ? globalBlockKernel<Real, kMany, false, 0>
                               : globalBlockKernel<Real, kMany, kPlain, kHeld>;
  const Workspace<State> states(context, inMemory ? rowsOf(op) * op.oscillators : 0);
  task.scratch.states = reinterpret_cast<unsigned char*>(states.data());
  int64_t blocks = cooperativeBlocks(kernel, plan.threads, kShared, context);
  if (plan.blocks > 0) blocks = min(blocks, plan.blocks);
  launch(kernel, dim3(unsigned(min(op.batch, blocks))), dim3(unsigned(plan.threads)), kShared,
         context, task);
}

template <class Real, bool kMany, bool kPlain>
void launchOnGrid(GlobalTask<Real>& task, const GlobalPlan& plan, Context& context) {
  using State = GlobalState<Real, kMany, false>;
  constexpr int kHeld = kGlobalHeld<Real, kMany, kPlain>;
  const KuramotoGlobalForward<Real>& op = task.op;
  auto kernel = globalGridKernel<Real, kMany, kPlain, kHeld>;
  const auto blocksOf = [&] {
    const int64_t resident = cooperativeBlocks(kernel, plan.threads, kShared, context);
    const int64_t blocks = plan.blocks > 0 ? min(resident, plan.blocks) : resident;
    return min(blocks, ceilDivide(op.oscillators, int64_t(plan.threads)));
  };
  int64_t blocks = blocksOf();
  const bool inMemory = plan.inMemory || blocks * plan.threads * kHeld < op.oscillators;
  if (inMemory) {
    kernel = globalGridKernel<Real, kMany, false, 0>;
    blocks = blocksOf();
  }
  const Workspace<State> states(context, inMemory ? rowsOf(op) * op.oscillators : 0);
  task.scratch.states = reinterpret_cast<unsigned char*>(states.data());
  const Workspace<unsigned long long> words(context, kTeamWords);
  task.scratch.teamWords = words.data();
  for (int64_t system = 0; system < op.batch; ++system) {
    task.system = system;
    CUDA_CHECK(
        cudaMemsetAsync(words.data(), 0, kTeamWords * sizeof(unsigned long long), context.stream));
    launchCooperative(kernel, dim3(unsigned(blocks)), dim3(unsigned(plan.threads)), kShared,
                      context, task);
  }
}

template <class Real, bool kMany, bool kPlain>
void launchGlobal(GlobalTask<Real>& task, const GlobalPlan& plan, Context& context) {
  if (plan.isGrid) {
    launchOnGrid<Real, kMany, kPlain>(task, plan, context);
  } else {
    launchOnBlocks<Real, kMany, kPlain>(task, plan, context);
  }
}

}  // namespace

// A block where one holds a system in registers, or half of it, or where there are systems enough
// for all multiprocessors; else the grid.
template <class Real>
GlobalPlan planGlobal(const KuramotoGlobalForward<Real>& op, int multiprocessors) {
  constexpr int64_t kMost = TeamTuning::mostThreads;
  const int64_t held = blockHeld(op);
  const bool isBanks = bool(op.bankStart);
  const int64_t count = isBanks ? ceilDivide(op.oscillators, op.batch) : op.oscillators;
  if (!isBanks && count > 2 * held * kMost && op.batch < multiprocessors) {
    return {true, int(kMost), 0, false};
  }
  const int64_t warps = max(ceilDivide(count, held * kWarp), int64_t(isBanks ? 4 : 1));
  return {false, int(min(warps * kWarp, kMost)), 0, false};
}

template <class Real>
void runGlobal(const KuramotoGlobalForward<Real>& op, const GlobalPlan& plan,
               const Real* givenPulls, Context& context) {
  const int64_t rows = rowsOf(op), n = op.oscillators;
  const Workspace<unsigned long long> greatestStep(context, 1);
  findGreatestStep(op, greatestStep.data(), context);
  const Workspace<double> sums(context, op.precision ? precisionSums(op) : 0);
  const Workspace<Real> bases(context, hasBases(op) ? n : 0);
  const Workspace<Real> noise(context, op.diffusion > 0 ? rows * n : 0);
  GlobalTask<Real> task = {};
  task.op = op;
  task.scratch = {greatestStep.data(), sums.data(), bases.data(), noise.data(),
                  givenPulls,          nullptr,     nullptr};
  prepareStrengths(op, task.scratch, sums.data(), bases.data(), context);
  if (op.stages > 1) {
    isPlain(op) ? launchGlobal<Real, true, true>(task, plan, context)
                : launchGlobal<Real, true, false>(task, plan, context);
  } else {
    isPlain(op) ? launchGlobal<Real, false, true>(task, plan, context)
                : launchGlobal<Real, false, false>(task, plan, context);
  }
}

template <class Real>
void run(const KuramotoGlobalForward<Real>& op, Context& context) {
  runGlobal(op, planGlobal(op, context.multiprocessors), static_cast<const Real*>(nullptr),
            context);
}

// For the backward pass, which is a file of its own.
template GlobalPlan planGlobal(const KuramotoGlobalForward<double>&, int);
template GlobalPlan planGlobal(const KuramotoGlobalForward<float>&, int);
template void runGlobal(const KuramotoGlobalForward<double>&, const GlobalPlan&, const double*,
                        Context&);
template void runGlobal(const KuramotoGlobalForward<float>&, const GlobalPlan&, const float*,
                        Context&);

EXPORT_KERNELS(KuramotoGlobalForward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
