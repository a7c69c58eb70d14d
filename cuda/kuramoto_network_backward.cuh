// The adjoint of Kuramoto runs on a network. Windows of steps are run again from their checkpoints,
// which keeps the phases before each step and the pulls P of each stage, then gone through
// backward: a stage is the transposed graph's product with what flows to its pulls, and one
// pointwise kernel, which ends the stage behind and begins this one.
#pragma once

#include "cuda/kuramoto_gradients.cuh"
#include "cuda/kuramoto_network.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

// What the kernels of an adjoint share; arrays are (batch, N) where nothing else is said.
template <class Real>
struct NetworkAdjoint {
  KuramotoSystem<Real> system;
  KuramotoGradients<Real> gradients;
  AdjointSums<Real> sums;
  StepWindow window;
  const Real* bases;                 // (N): s / Z
  const Phase<Real>* phases;         // (window + 1, batch, N)
  const Real* pulls;                 // (window, stages, 2, batch, N)
  const unsigned long long* orders;  // (window + 1, batch, 2): Σ e^{iθ}; null without gradRecordR
  Phase<Real>* stagePhases;          // (stages - 1, batch, N)
  Real *next, *rates;                // the adjoint before the step, on its way; a of the stage
  Real* stepDrive;                   // (window, batch, N), null without
};

// A stage of the window.
struct AdjointStage {
  int64_t n, stage;  // n < 0: none
};

template <class Real>
struct NetworkStage {
  Circle<Real> source, here, pull;
  Real strength;
};
template <class Real>
__device__ __forceinline__ NetworkStage<Real> networkStage(const NetworkAdjoint<Real>& adjoint,
                                                           const NetworkPlace& place,
                                                           AdjointStage at, Phase<Real> phase) {
  const KuramotoSystem<Real>& system = adjoint.system;
  const int64_t plane = system.batch * system.oscillators;
  const Real* const pulls =
      adjoint.pulls + (at.n * system.stages + at.stage) * 2 * plane + place.row;
  NetworkStage<Real> result;
  result.source = circleOfPhase<Real>(phase);
  result.here = laggedCircle(system, phase, result.source);
  result.pull = {pulls[0], pulls[plane]};
  result.strength = couplingOf(system, place.b) * adjoint.bases[place.i];
  return result;
}
template <class Real>
__device__ __forceinline__ Phase<Real> networkPhase(const NetworkAdjoint<Real>& adjoint,
                                                    int64_t row, AdjointStage at) {
  const int64_t plane = adjoint.system.batch * adjoint.system.oscillators;
  if (at.stage > 0) return adjoint.stagePhases[(at.stage - 1) * plane + row];
  return loadPhase<Real>(reinterpret_cast<const int32_t*>(adjoint.phases), at.n * plane + row);
}

// The gradient of the phase in stage `at`, to whose sources `flow` came back.
template <class Real>
__device__ __forceinline__ Real endStage(const NetworkAdjoint<Real>& adjoint,
                                         const NetworkPlace& place, AdjointStage at,
                                         Circle<Real> flow) {
  const auto now = networkStage(adjoint, place, at, networkPhase(adjoint, place.row, at));
  const Real precision = precisionOf(adjoint.system, place.i);
  if (adjoint.sums.precision) {
    adjoint.sums.precision[place.row] += gradSourcePrecision(now.source, flow);
  }
  return fma(precision, gradSourcePhase(now.source, flow),
             adjoint.rates[place.row] * coupledRateSlope(now.strength, now.here, now.pull));
}

// What the records after step n give to its phase.
template <class Real>
__device__ __forceinline__ Real gradOfRecords(const NetworkAdjoint<Real>& adjoint,
                                              const NetworkPlace& place, int64_t n) {
  const KuramotoSystem<Real>& system = adjoint.system;
  const KuramotoGradients<Real>& given = adjoint.gradients;
  const int64_t done = adjoint.window.begin + n + 1;
  if (system.recordEvery == 0 || done % system.recordEvery != 0) return Real(0);
  const int64_t records = recordCount(system.steps, system.recordEvery);
  const int64_t record = place.b * records + done / system.recordEvery - 1;
  Real gradient = Real(0);
  if (given.gradRecordPhases) {
    gradient = given.gradRecordPhases[record * system.oscillators + place.i];
  }
  if (given.gradRecordR) {
    const unsigned long long* const sum = adjoint.orders + 2 * ((n + 1) * system.batch + place.b);
    const double psi = angleOf(double(int64_t(sum[1])), double(int64_t(sum[0])));
    const Circle<Real> mean = circleOfPhase<Real>(phaseOf<Real>(psi));
    const Circle<Real> here =
        circleOfPhase<Real>(networkPhase(adjoint, place.row, AdjointStage{n + 1, 0}));
    gradient += gradOfOrder(given.gradRecordR[record], mean, here, system.oscillators);
  }
  return gradient;
}

// The phases in which the later stages of step n start.
template <class Real>
__device__ inline void findStagePhases(const NetworkAdjoint<Real>& adjoint,
                                       const NetworkPlace& place, int64_t n) {
  const KuramotoSystem<Real>& system = adjoint.system;
  if (system.stages == 1) return;
  const int64_t plane = system.batch * system.oscillators;
  const auto clock = clockOf(system, system.timeStep, 0);
  const Phase<Real> start = networkPhase(adjoint, place.row, AdjointStage{n, 0});
  const Real free = Real(freeRate(system, place.i, place.row));
  Phase<Real> phase = start;
#pragma unroll 1
  for (int64_t stage = 0; stage + 1 < system.stages; ++stage) {
    const auto now = networkStage(adjoint, place, AdjointStage{n, stage}, phase);
    Real rate = coupledRate(now.strength, now.here, now.pull);
    if (system.driveKind == kStepDrive) {
      rate += system.drive[(adjoint.window.begin + n) * system.oscillators + place.i];
    }
    Real velocity = rate + free;
    if (system.diffusion > 0) {
      const Real normal = stepNormal(system, system.batch, adjoint.window.begin + n, place.row);
      velocity = fma(clock.noise, normal, velocity);
    }
    phase = stagePhase(clock, system.stages, stage + 1, start, velocity);
    adjoint.stagePhases[stage * plane + place.row] = phase;
  }
}

// Ends stage `behind`, of which `puller` has the flow, and begins `stage`: flowing out of it to its
// pulls goes to `target`, its sources to `sources`, where anybody wants them.
template <class Real, class Puller, class Layout>
__global__ void __launch_bounds__(NetworkTuning::threads)
    networkAdjointKernel(const __grid_constant__ NetworkAdjoint<Real> adjoint, Puller puller,
                         Layout target, Layout sources, AdjointStage behind, AdjointStage at) {
  const KuramotoSystem<Real>& system = adjoint.system;
  const auto place = networkPlace<Puller::kWidth>(system.batch, system.oscillators);
  Circle<Real> flow = {Real(0), Real(0)};
  if (behind.n >= 0) flow = puller(place.b, place.i, system.oscillators, place.lane);
  if (!place.isActive || place.lane != 0) return;
  const int64_t row = place.row;
  Real gradNext = Real(0);
  Real next = adjoint.sums.adjoint[row];
  if (behind.n >= 0) {
    gradNext = endStage(adjoint, place, behind, flow);
    next = adjoint.next[row] + gradNext;
  }
  if (at.n < 0) {
    adjoint.sums.adjoint[row] = next;
    return;
  }
  const bool isStepEnd = at.stage == system.stages - 1;
  Real end = adjoint.sums.adjoint[row];
  if (isStepEnd) {
    gradNext = Real(0);
    next += gradOfRecords(adjoint, place, at.n);
    adjoint.sums.adjoint[row] = end = next;
    findStagePhases(adjoint, place, at.n);
  }
  adjoint.next[row] = next;
  const Real a = stageAdjoint(system.stages, at.stage, system.timeStep, end, gradNext);
  adjoint.rates[row] = a;
  const auto now = networkStage(adjoint, place, at, networkPhase(adjoint, row, at));
  const Real base = adjoint.bases[place.i];
  addStage(adjoint.sums, row, a, couplingOf(system, place.b), base, now.here, now.pull);
  if (adjoint.stepDrive) {
    Real* const drive = adjoint.stepDrive + at.n * system.batch * system.oscillators + row;
    *drive = isStepEnd ? a : *drive + a;
  }
  target.put(row, gradPull(a, now.strength, now.here));
  if (sources.data) sources.put(row, weighted(system, place.i, now.source));
}

template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    gradDegreeKernel(KuramotoSystem<Real> system, const Real* base, const double* degrees,
                     Real* gradDegrees) {
  const int64_t i = globalThread();
  if (i >= system.oscillators) return;
  const double inverse = strengthBase(1, degrees[i]);
  gradDegrees[i] = Real(gradOfDegree(system, base, system.batch, 0, i, inverse));
}

// The whole adjoint. Beside what a run asks of it, `graph` has
//   keepsStages()                          whether flows and sources of all stages are kept
//   endStage(flow, sources, context)       after each stage
//   endWindow(flows, sources, count, isFirst, context)  kept ones of count stages
//   finish(gradDegrees, context)           gradients through Z, null where there are none
template <class Forward, class Operation, class Graph>
class NetworkBackward {
  using Real = std::remove_const_t<std::remove_reference_t<decltype(Operation().coupling[0])>>;
  using Layout = typename Graph::Layout;
  using Element = typename Layout::Element;

 public:
  NetworkBackward(const Operation& op, Graph& graph, Context& context)
      : op_(op),
        graph_(graph),
        context_(context),
        count_(op.batch * op.oscillators),
        longest_(longestWindow(op)),
        wantsSteps_(op.gradDrive && op.driveKind == kStepDrive),
        memory_(op, context),
        degrees_(context, op.normalisation == kByDegree ? op.oscillators : 0),
        bases_(context, op.oscillators),
        phases_(context, (longest_ + 1) * count_),
        pulls_(context, op.pulls ? 0 : longest_ * op.stages * 2 * count_),
        orders_(context, op.gradRecordR ? 2 * (longest_ + 1) * op.batch : 0),
        stagePhases_(context, (op.stages - 1) * count_),
        next_(context, count_),
        rates_(context, count_),
        stepDrive_(context, wantsSteps_ ? longest_ * count_ : 0),
        flows_(context, (graph.keepsStages() ? longest_ * op.stages : 2) * length()),
        sources_(context, graph.wantsSources()
                              ? (graph.keepsStages() ? longest_ * op.stages : 1) * length()
                              : 0) {}

  void run() {
    networkBases(op_, graph_, degrees_.data(), bases_.data(), context_);
    adjoint_ = {op_,
                op_,
                memory_.sums(),
                {},
                bases_.data(),
                phases_.data(),
                nullptr,
                orders_.data(),
                stagePhases_.data(),
                next_.data(),
                rates_.data(),
                stepDrive_.data()};
    for (int64_t end = op_.steps; end > 0; end = adjoint_.window.begin) {
      adjoint_.window = lastWindow(op_, end);
      runAgain();
      goBack();
    }
    finish();
  }

 private:
  int64_t length() const { return Layout::kParts * count_; }

  // The window's phases and pulls.
  void runAgain() {
    const StepWindow window = adjoint_.window;
    const auto run = windowRun<Forward>(op_, window,
                                        {reinterpret_cast<int32_t*>(phases_.data()),
                                         (window.steps + 1) * count_ * kPhaseWords<Real>});
    KuramotoRun<Real> outputs = run;
    const int64_t stageLength = 2 * count_;
    const Real* const given =
        op_.pulls ? op_.pulls.data + window.begin * op_.stages * stageLength : nullptr;
    if (!given) outputs.pulls = {pulls_.data(), window.steps * op_.stages * stageLength};
    NetworkRunner<Real, Graph>(run, outputs, graph_, bases_.data(), context_).run(given);
    adjoint_.pulls = given ? given : pulls_.data();
    if (!op_.gradRecordR) return;
    const int64_t rows = (window.steps + 1) * op_.batch;
    clearOrders<Real>(orders_.data(), rows, context_);
    sumCircles<Real>(phases_.data(), rows, op_.oscillators, orders_.data(), context_);
  }

  template <class Puller>
  void pass(const Puller& puller, Layout target, Layout sources, AdjointStage behind,
            AdjointStage at) {
    launchRows<Puller::kWidth>(networkAdjointKernel<Real, Puller, Layout>, count_, context_,
                               adjoint_, puller, target, sources, behind, at);
  }
  Layout slot(Element* from, int64_t number) const {
    return {from ? from + number * length() : nullptr, count_};
  }

  void goBack() {
    const int64_t steps = adjoint_.window.steps, stages = op_.stages, all = steps * stages;
    const bool keeps = graph_.keepsStages();
    AdjointStage behind = {-1, 0};
    Layout source = {nullptr, count_};
    for (int64_t at = all - 1; at >= -1; --at) {
      const AdjointStage here =
          at < 0 ? AdjointStage{-1, 0} : AdjointStage{at / stages, at % stages};
      const int64_t number = max(int64_t(0), keeps ? at : at % 2);
      const Layout target = slot(flows_.data(), number);
      const Layout sources = slot(sources_.data(), keeps ? number : 0);
      if (behind.n < 0) {
        pass(GivenPulls<Real>{nullptr, 0}, target, sources, behind, here);
      } else {
        graph_.flowed(source, op_.batch, context_,
                      [&](const auto& puller) { pass(puller, target, sources, behind, here); });
      }
      if (at >= 0) graph_.endStage(target, sources, context_);
      behind = here;
      source = target;
    }
    if (keeps) {
      const bool isFirst = adjoint_.window.begin + steps == op_.steps;
      graph_.endWindow(slot(flows_.data(), 0), slot(sources_.data(), 0), all, isFirst, context_);
    }
    for (int64_t step = 0; wantsSteps_ && step < steps; ++step) {
      const int64_t row = adjoint_.window.begin + step;
      sumRows<Real>(stepDrive_.data() + step * count_, count_,
                    {op_.gradDrive.data + row * op_.oscillators, op_.oscillators}, context_);
    }
  }

  void finish() {
    writeGradients(op_, adjoint_.sums, context_);
    if (op_.normalisation != kByDegree) {
      graph_.finish(static_cast<Real*>(nullptr), context_);
      return;
    }
    const Workspace<Real> gradDegrees(context_, op_.oscillators);
    const KuramotoSystem<Real>& system = op_;
    launchRows<1>(gradDegreeKernel<Real>, op_.oscillators, context_, system,
                  static_cast<const Real*>(adjoint_.sums.base),
                  static_cast<const double*>(degrees_.data()), gradDegrees.data());
    graph_.finish(gradDegrees.data(), context_);
  }

  const Operation& op_;
  Graph& graph_;
  Context& context_;
  int64_t count_, longest_;
  bool wantsSteps_;
  AdjointMemory<Real, Operation> memory_;
  Workspace<double> degrees_;
  Workspace<Real> bases_;
  Workspace<Phase<Real>> phases_;
  Workspace<Real> pulls_;
  Workspace<unsigned long long> orders_;
  Workspace<Phase<Real>> stagePhases_;
  Workspace<Real> next_, rates_, stepDrive_;
  Workspace<Element> flows_, sources_;
  NetworkAdjoint<Real> adjoint_;
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda
