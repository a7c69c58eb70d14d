// Kuramoto runs on a network, dense or sparse: a stage is the graph's product and one pointwise
// kernel, which moves the phases and writes the next stage's circles. `Graph` (of the host) has
//   Layout                               of the arrays it multiplies: circles of all rows
//   pulled(source, context, use)         calls use(puller) for P = A source; puller(b, i, lane)
//   flowed(source, context, use)         the same for the transposed graph
//   degrees(precision, output, context)  Σ_{j≠i} |A_ij| p_j
// A puller is called by all kWidth lanes of an oscillator's group and answers in lane 0.
#pragma once

#include "cuda/kuramoto_prepare.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct NetworkTuning {
  static constexpr int threads = 256;           // not measured
  static constexpr int64_t recordChunk = 8192;  // oscillators of a block that sums circles
};

// ---- arrays of circles ----

// Planes (2, batch, N) of sines and cosines.
template <class Storage>
struct CirclePlanes {
  using Element = Storage;
  static constexpr int64_t kParts = 2;  // elements of a circle
  Storage* data;
  int64_t plane;  // batch · N

  template <class Real>
  __device__ __forceinline__ void put(int64_t row, Circle<Real> circle) const {
    data[row] = narrow<Storage>(circle.sine);
    data[plane + row] = narrow<Storage>(circle.cosine);
  }
};
// Pairs (batch, N, 2): a circle is one access.
template <class Storage>
struct CirclePairs {
  using Element = Circle<Storage>;
  static constexpr int64_t kParts = 1;
  Circle<Storage>* data;
  int64_t plane;

  __device__ __forceinline__ void put(int64_t row, Circle<Storage> circle) const {
    data[row] = circle;
  }
};
// A pair in one load of 8 or 16 bytes.
template <class Real>
__device__ __forceinline__ Circle<Real> loadCircle(const Circle<Real>* from) {
  struct alignas(2 * sizeof(Real)) Bits {
    Circle<Real> circle;
  };
  return reinterpret_cast<const Bits*>(from)->circle;
}

// No graph at all: what was kept of an earlier run, (2, batch, N).
template <class Real>
struct GivenPulls {
  static constexpr int kWidth = 1;
  const Real* data;
  int64_t plane;
  __device__ __forceinline__ Circle<Real> operator()(int64_t b, int64_t i, int64_t n, int) const {
    return {data[b * n + i], data[plane + b * n + i]};
  }
};

// ---- a run ----

// What the kernels of a run share; arrays are (batch, N).
template <class Real>
struct NetworkState {
  KuramotoSystem<Real> system;
  KuramotoRun<Real> run;
  const unsigned long long* greatestStep;
  Phase<Real>*start, *stage;  // before the step, and of the stage; one array for one stage
  Phase<Real>* drift;
  Real* sum;          // weighted rates of the stages before; null for one stage
  const Real* bases;  // (N): s / Z
};

// A group of kWidth lanes' oscillator.
struct NetworkPlace {
  int64_t row, b, i;
  int lane;
  bool isActive;
};
template <int kWidth>
__device__ __forceinline__ NetworkPlace networkPlace(int64_t batch, int64_t n) {
  const int64_t thread = globalThread(), row = thread / kWidth;
  const bool isActive = row < batch * n;
  const int64_t held = isActive ? row : 0;
  return {held, held / n, held % n, int(thread % kWidth), isActive};
}

template <class Real>
__device__ __forceinline__ Circle<Real> weighted(const KuramotoSystem<Real>& system, int64_t i,
                                                 Circle<Real> circle) {
  if (!system.precision) return circle;
  const Real p = system.precision[i];
  return {p * circle.sine, p * circle.cosine};
}

template <class Real, class Layout>
__global__ void __launch_bounds__(NetworkTuning::threads)
    networkStartKernel(const __grid_constant__ NetworkState<Real> state, Layout target) {
  const KuramotoSystem<Real>& system = state.system;
  const auto place = networkPlace<1>(system.batch, system.oscillators);
  if (!place.isActive) return;
  const auto clock = clockOf(system, system.timeStep, greatestOf(state.greatestStep));
  const Phase<Real> phase = startPhase(state.run, place.row);
  state.start[place.row] = phase;
  state.stage[place.row] = phase;
  const double rate = freeRate(system, place.i, place.row);
  state.drift[place.row] = driftOf<Real>(rate, clock.timeStep, clock.shift);
  if (state.run.winding) state.run.winding[place.row] = 0;
  if (target.data) target.put(place.row, weighted(system, place.i, circleOfPhase<Real>(phase)));
}

// Ends stage `stage` of step n of the call: its pull moves the phases.
template <class Real>
__device__ __forceinline__ Phase<Real> passStage(const NetworkState<Real>& state,
                                                 const NetworkPlace& place, int64_t n,
                                                 int64_t stage, Circle<Real> pull) {
  const KuramotoSystem<Real>& system = state.system;
  const int64_t row = place.row, stages = system.stages;
  const auto clock = clockOf(system, system.timeStep, greatestOf(state.greatestStep));
  const Phase<Real> start = state.start[row], now = state.stage[row];
  const Circle<Real> here = laggedCircle(system, now, circleOfPhase<Real>(now));
  Real rate = coupledRate(couplingOf(system, place.b) * state.bases[place.i], here, pull);
  if (system.driveKind == kStepDrive) rate += system.drive[n * system.oscillators + place.i];
  Real sum = rate;
  if (stages > 1) {
    const Real part = Real(stageWeight(stages, stage));
    sum = stage == 0 ? part * rate : fma(part, rate, state.sum[row]);
  }
  Real normal = Real(0);
  if (system.diffusion > 0) normal = stepNormal(system, system.batch, n, row);
  if (stage + 1 < stages) {
    state.sum[row] = sum;
    Real velocity = rate + Real(freeRate(system, place.i, row));
    if (system.diffusion > 0) velocity = fma(clock.noise, normal, velocity);
    const Phase<Real> next = stagePhase(clock, stages, stage + 1, start, velocity);
    state.stage[row] = next;
    return next;
  }
  if (system.diffusion > 0) sum = fma(clock.noise, normal, sum);
  const int64_t step = system.firstStep + n;
  const Phase<Real> drift = state.drift[row];
  if (state.run.winding) {
    const double free = freeRate(system, place.i, row);
    const int32_t turns = turnsTaken(clock, step, start, drift, free, sum);
    if (turns != 0) state.run.winding[row] += turns;
  }
  const Phase<Real> next = nextPhase(clock, step, start, drift, sum);
  state.start[row] = next;
  state.stage[row] = next;
  return next;
}

template <class Real, class Puller, class Layout>
__global__ void __launch_bounds__(NetworkTuning::threads)
    networkStageKernel(const __grid_constant__ NetworkState<Real> state, Puller puller,
                       Layout target, int64_t n, int64_t stage) {
  const KuramotoSystem<Real>& system = state.system;
  const auto place = networkPlace<Puller::kWidth>(system.batch, system.oscillators);
  const Circle<Real> pull = puller(place.b, place.i, system.oscillators, place.lane);
  if (!place.isActive || place.lane != 0) return;
  if (state.run.pulls) {
    const int64_t plane = system.batch * system.oscillators;
    Real* const kept = state.run.pulls.data + (n * system.stages + stage) * 2 * plane + place.row;
    kept[0] = pull.sine;
    kept[plane] = pull.cosine;
  }
  const Phase<Real> next = passStage(state, place, n, stage, pull);
  if (target.data) {
    target.put(place.row, weighted(system, place.i, circleOfPhase<Real>(next)));
  }
}

// Whole warps of a block for `lanes` threads in all.
inline int64_t blockThreads(int64_t lanes) {
  return min(ceilDivide(lanes, kWarp) * kWarp, int64_t(NetworkTuning::threads));
}
// kWidth lanes for each row.
template <int kWidth, class... Parameter, class... Argument>
void launchRows(void (*kernel)(Parameter...), int64_t rows, Context& context,
                const Argument&... arguments) {
  const int64_t threads = blockThreads(rows * kWidth);
  launch(kernel, dim3(unsigned(ceilDivide(rows * kWidth, threads))), dim3(unsigned(threads)), 0,
         context, arguments...);
}

// ---- records ----

// Adds the circles of each row of N phases into sums[row], in fixed point.
template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    sumCirclesKernel(const int32_t* phases, int64_t n, unsigned long long* sums) {
  const double scale = circleScale<Real>(double(n), false);
  const int64_t row = blockIdx.y, begin = int64_t(blockIdx.x) * NetworkTuning::recordChunk;
  const int64_t end = min(begin + NetworkTuning::recordChunk, n);
  FixedSum sum;
  for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
    const Phase<Real> phase = loadPhase<Real>(phases, row * n + i);
    sum = sum + toFixed<false>(circleOfPhase<Real>(phase), scale);
  }
  sum = blockReduce(sum, FixedSum{}, Sum{}, sharedMemory<FixedSum>());
  if (threadIdx.x == 0) {
    atomicAdd(sums + 2 * row, static_cast<unsigned long long>(sum.sine));
    atomicAdd(sums + 2 * row + 1, static_cast<unsigned long long>(sum.cosine));
  }
}
// `sums` is (rows, 2) and zero at first; at most 65535 rows a launch.
template <class Real>
void sumCircles(const Phase<Real>* phases, int64_t rows, int64_t n, unsigned long long* sums,
                Context& context) {
  const int64_t threads = blockThreads(n);
  constexpr int64_t kRows = 32768;
  for (int64_t row = 0; row < rows; row += kRows) {
    const dim3 grid(unsigned(ceilDivide(n, NetworkTuning::recordChunk)),
                    unsigned(min(kRows, rows - row)));
    launch(sumCirclesKernel<Real>, grid, dim3(unsigned(threads)),
           size_t(threads / kWarp) * sizeof(FixedSum), context,
           reinterpret_cast<const int32_t*>(phases + row * n), n, sums + 2 * row);
  }
}
// R and ψ of (records, batch) sums to (batch, records).
template <class Real>
__global__ void writeOrdersKernel(const unsigned long long* sums, int64_t records, int64_t batch,
                                  int64_t n, KuramotoRun<Real> run) {
  const int64_t at = globalThread();
  if (at >= records * batch) return;
  const FixedSum sum = {int64_t(sums[2 * at]), int64_t(sums[2 * at + 1])};
  const int64_t to = at % batch * records + at / batch;
  storeOrder(run, to, sum, 1 / circleScale<Real>(double(n), false), n);
}
template <class Real>
void clearOrders(unsigned long long* sums, int64_t count, const Context& context) {
  if (count == 0) return;
  CUDA_CHECK(cudaMemsetAsync(sums, 0, size_t(2 * count) * sizeof *sums, context.stream));
}

template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    writeRadiansKernel(const Phase<Real>* phases, int64_t count, int64_t n, int64_t stride,
                       Real* output) {
  const int64_t row = globalThread();
  if (row < count) output[row / n * stride + row % n] = radiansOf(phases[row]);
}

// ---- the host's side of a run ----

// `givenPulls`: (steps, stages, 2, batch, N) of an earlier run, in place of the graph's products.
template <class Real, class Graph>
class NetworkRunner {
  using Layout = typename Graph::Layout;
  using Element = typename Layout::Element;

 public:
  NetworkRunner(const KuramotoSystem<Real>& system, const KuramotoRun<Real>& run, Graph& graph,
                const Real* bases, Context& context)
      : system_(system),
        run_(run),
        graph_(graph),
        context_(context),
        count_(system.batch * system.oscillators),
        records_(recordCount(system.steps, system.recordEvery)),
        greatestStep_(context, 1),
        start_(context, count_),
        stage_(context, system.stages > 1 ? count_ : 0),
        drift_(context, count_),
        sum_(context, system.stages > 1 ? count_ : 0),
        circles_(context, 2 * Layout::kParts * count_),
        orders_(context, hasOrders() ? 2 * records_ * system.batch : 0) {
    state_ = {system,
              run,
              greatestStep_.data(),
              start_.data(),
              system.stages > 1 ? stage_.data() : start_.data(),
              drift_.data(),
              sum_.data(),
              bases};
  }

  void run(const Real* givenPulls = nullptr) {
    findGreatestStep(system_, greatestStep_.data(), context_);
    clearOrders<Real>(orders_.data(), hasOrders() ? records_ * system_.batch : 0, context_);
    launchRows<1>(networkStartKernel<Real, Layout>, count_, context_, state_, target(givenPulls));
    keep(0);
    for (int64_t n = 0; n < system_.steps; ++n) {
      for (int64_t stage = 0; stage < system_.stages; ++stage) {
        const int64_t at = n * system_.stages + stage;
        if (givenPulls) {
          pass(GivenPulls<Real>{givenPulls + at * 2 * count_, count_}, Layout{nullptr, count_}, n,
               stage);
          continue;
        }
        const Layout source = target(nullptr);
        now_ = 1 - now_;
        graph_.pulled(source, system_.batch, context_,
                      [&](const auto& puller) { pass(puller, target(nullptr), n, stage); });
      }
      if (system_.recordEvery > 0 && (n + 1) % system_.recordEvery == 0) {
        record((n + 1) / system_.recordEvery - 1);
      }
      keep(n + 1);
    }
    finish();
  }

 private:
  bool hasOrders() const { return records_ > 0 && (run_.recordR || run_.recordPsi); }
  Layout target(const Real* givenPulls) const {
    if (givenPulls) return {nullptr, count_};
    return {circles_.data() + now_ * Layout::kParts * count_, count_};
  }
  template <class Puller>
  void pass(const Puller& puller, Layout target, int64_t n, int64_t stage) {
    launchRows<Puller::kWidth>(networkStageKernel<Real, Puller, Layout>, count_, context_, state_,
                               puller, target, n, stage);
  }
  void copyPhases(int32_t* to) const {
    CUDA_CHECK(cudaMemcpyAsync(to, start_.data(), size_t(count_) * sizeof(Phase<Real>),
                               cudaMemcpyDeviceToDevice, context_.stream));
  }
  // The checkpoint before step n, or after the last.
  void keep(int64_t n) const {
    const int64_t every = system_.checkpointEvery;
    if (!run_.checkpoints || every == 0) return;
    const bool isEnd = n == system_.steps;
    if (!isEnd && n % every != 0) return;
    const int64_t number = isEnd ? checkpointCount(system_.steps, every) - 1 : n / every;
    copyPhases(run_.checkpoints.data + number * count_ * kPhaseWords<Real>);
  }
  void record(int64_t number) {
    const int64_t n = system_.oscillators;
    if (hasOrders()) {
      sumCircles<Real>(start_.data(), system_.batch, n, orders_.data() + 2 * number * system_.batch,
                       context_);
    }
    if (!run_.recordPhases) return;
    launchRows<1>(writeRadiansKernel<Real>, count_, context_,
                  static_cast<const Phase<Real>*>(start_.data()), count_, n, records_ * n,
                  run_.recordPhases.data + number * n);
  }
  void finish() {
    const int64_t n = system_.oscillators;
    if (hasOrders()) {
      launchRows<1>(writeOrdersKernel<Real>, records_ * system_.batch, context_,
                    static_cast<const unsigned long long*>(orders_.data()), records_, system_.batch,
                    n, run_);
    }
    if (run_.finalState) copyPhases(run_.finalState.data);
    if (!run_.finalPhases) return;
    launchRows<1>(writeRadiansKernel<Real>, count_, context_,
                  static_cast<const Phase<Real>*>(start_.data()), count_, n, n,
                  run_.finalPhases.data);
  }

  const KuramotoSystem<Real>& system_;
  const KuramotoRun<Real>& run_;
  Graph& graph_;
  Context& context_;
  int64_t count_, records_;
  Workspace<unsigned long long> greatestStep_;
  Workspace<Phase<Real>> start_, stage_, drift_;
  Workspace<Real> sum_;
  Workspace<Element> circles_;
  Workspace<unsigned long long> orders_;
  NetworkState<Real> state_;
  int now_ = 0;
};

// ---- strengths ----

template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    networkBaseKernel(KuramotoSystem<Real> system, const double* degrees, Real* bases) {
  const int64_t i = globalThread();
  if (i >= system.oscillators) return;
  double degree = 1;
  if (system.normalisation == kByDegree) degree = degrees[i];
  if (system.normalisation == kByCount) {
    degree = system.oscillators > 1 ? double(system.oscillators - 1) : 1;
  }
  bases[i] = Real(strengthBase(system.sign ? double(system.sign[i]) : 1.0, degree));
}
// s / Z of all oscillators; `degrees` is filled where Z goes by them.
template <class Real, class Graph>
void networkBases(const KuramotoSystem<Real>& system, Graph& graph, double* degrees, Real* bases,
                  Context& context) {
  if (system.normalisation == kByDegree) graph.degrees(system.precision, degrees, context);
  launchRows<1>(networkBaseKernel<Real>, system.oscillators, context, system,
                static_cast<const double*>(degrees), bases);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
