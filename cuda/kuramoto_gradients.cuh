// What the Kuramoto backward passes share: the sums they keep for every oscillator of every row
// while they go through the steps, and the gradients made of these at the end. Sums over
// oscillators are added in an order that their number fixes, sums over the batch in its order.
#pragma once

#include "cuda/kuramoto_prepare.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

// All (rows, N); null where not wanted.
template <class Real>
struct AdjointSums {
  Real* adjoint;    // of the phases
  Real* rate;       // Σ a: of ω and of drives that stay
  Real* base;       // Σ a (dθ/dt by K s / Z) s / Z: of K, and with K of 1 / Z
  Real* lag;        // Σ a (dθ/dt by α)
  Real* precision;  // of p as a source
};

// The sums of one oscillator in one stage: `adjoint` a, and its pull.
template <class Real>
__device__ __forceinline__ void addStage(const AdjointSums<Real>& sums, int64_t row, Real adjoint,
                                         Real coupling, Real base, Circle<Real> here,
                                         Circle<Real> pull) {
  if (sums.rate) sums.rate[row] += adjoint;
  if (sums.base) sums.base[row] = fma(adjoint, coupledRate(base, here, pull), sums.base[row]);
  if (sums.lag) {
    sums.lag[row] = fma(adjoint, coupledRateSlope(coupling * base, here, pull), sums.lag[row]);
  }
}

// a of stage `stage`: what the step's end and the stage behind it, by `gradNext`, give.
template <class Real>
HOST_DEVICE Real stageAdjoint(int64_t stages, int64_t stage, double timeStep, Real adjoint,
                              Real gradNext) {
  const Real end = Real(timeStep * stageWeight(stages, stage)) * adjoint;
  if (stage + 1 >= stages) return end;
  return fma(Real(timeStep * stageReach(stages, stage + 1)), gradNext, end);
}
// What gradRecordR gives to the phase of an oscillator: gradient · sin(ψ - θ) / N.
template <class Real>
HOST_DEVICE Real gradOfOrder(Real gradient, Circle<Real> mean, Circle<Real> here, int64_t count) {
  return gradient * fma(mean.sine, here.cosine, -(mean.cosine * here.sine)) / Real(double(count));
}

// The gradient of a weight through its magnitude, which has the gradient `gradient`; 0 at 0.
template <class Real>
HOST_DEVICE Real gradOfMagnitude(Real weight, Real gradient) {
  const Real zero(0);
  return less(zero, weight) ? gradient : less(weight, zero) ? -gradient : zero;
}

struct KuramotoGradientTuning {
  static constexpr int threads = 256;         // fixes the order of sums
  static constexpr int64_t leastWindow = 16;  // steps between two recomputations
};

// ---- memory of the sums ----

// Zeroed arrays for the sums that the operation asks for.
template <class Real, class Operation>
class AdjointMemory {
 public:
  AdjointMemory(const Operation& op, Context& context)
      : count_(rowsOf(op) * op.oscillators),
        adjoint_(context, op.gradInitial ? 0 : count_),
        rate_(context, wantsRate(op) ? count_ : 0),
        base_(context, wantsBase(op) ? count_ : 0),
        lag_(context, op.gradFrustration ? count_ : 0),
        precision_(context, op.gradPrecision ? count_ : 0) {
    sums_ = {op.gradInitial ? op.gradInitial.data : adjoint_.data(), rate_.data(), base_.data(),
             lag_.data(), precision_.data()};
    if (sums_.rate) clear(sums_.rate, count_, context);
    if (sums_.base) clear(sums_.base, count_, context);
    if (sums_.lag) clear(sums_.lag, count_, context);
    if (sums_.precision) clear(sums_.precision, count_, context);
    if (!op.gradPhases) {
      clear(sums_.adjoint, count_, context);
    } else {
      CUDA_CHECK(cudaMemcpyAsync(sums_.adjoint, op.gradPhases.data, size_t(count_) * sizeof(Real),
                                 cudaMemcpyDeviceToDevice, context.stream));
    }
  }
  const AdjointSums<Real>& sums() const { return sums_; }

  static void clear(Real* array, int64_t count, const Context& context) {
    CUDA_CHECK(cudaMemsetAsync(array, 0, size_t(count) * sizeof(Real), context.stream));
  }

 private:
  static bool wantsRate(const Operation& op) {
    return op.gradNaturalFrequencies || (op.gradDrive && op.driveKind != kStepDrive);
  }
  // Only gradients by degree need it beside K.
  static bool wantsBase(const Operation& op) {
    return op.gradCoupling || op.normalisation == kByDegree;
  }

  int64_t count_;
  Workspace<Real> adjoint_, rate_, base_, lag_, precision_;
  AdjointSums<Real> sums_ = {};
};

// ---- windows of steps ----

// Steps [begin, begin + steps) of a run, computed again from the checkpoint before them.
struct StepWindow {
  int64_t begin, steps;
};
template <class Operation>
StepWindow lastWindow(const Operation& op, int64_t end) {
  const int64_t every = op.checkpointEvery;
  const int64_t length = every * ceilDivide(KuramotoGradientTuning::leastWindow, every);
  const int64_t begin = (end - 1) / length * length;
  return {begin, end - begin};
}
template <class Operation>
int64_t longestWindow(const Operation& op) {
  const int64_t every = op.checkpointEvery;
  return min(op.steps, every * ceilDivide(KuramotoGradientTuning::leastWindow, every));
}

// The forward operation that runs a window again, keeping the phases before and after each step.
template <class Forward, class Backward>
Forward windowRun(const Backward& op, StepWindow window, View<int32_t> phases) {
  using Real = std::remove_reference_t<decltype(op.gradInitial[0])>;
  Forward run = {};
  static_cast<KuramotoSystem<Real>&>(run) = op;
  run.steps = window.steps;
  run.firstStep = op.firstStep + window.begin;
  run.recordEvery = 0;
  run.checkpointEvery = 1;
  if (op.driveKind == kStepDrive) {
    run.drive = {op.drive.data + window.begin * op.oscillators, window.steps * op.oscillators};
  }
  const int64_t words = rowsOf(op) * op.oscillators * kPhaseWords<Real>;
  run.state = {op.checkpoints.data + window.begin / op.checkpointEvery * words, words};
  run.checkpoints = phases;
  return run;
}

// ---- gradients of the sums ----

// output[i] = Σ_b input[b · length + i], in the order of b.
template <class Real>
__global__ void __launch_bounds__(KuramotoGradientTuning::threads)
    sumRowsKernel(const Real* input, int64_t rows, View<Real> output) {
  const int64_t i = globalThread();
  if (i >= output.length) return;
  Real sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum += input[row * output.length + i];
  output[i] = sum;
}
template <class Real>
void sumRows(const Real* input, int64_t count, View<Real> output, Context& context) {
  constexpr int kThreads = KuramotoGradientTuning::threads;
  launch(sumRowsKernel<Real>, dim3(unsigned(ceilDivide(output.length, kThreads))), dim3(kThreads),
         0, context, input, count / output.length, output);
}

// sums[system] = Σ_i input[row + i].
template <class Operation, class Real>
__global__ void __launch_bounds__(KuramotoGradientTuning::threads)
    sumSystemKernel(const Operation op, const Real* input, double* sums) {
  const SystemPlace place = placeOf(op, blockIdx.x);
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < place.count; i += KuramotoGradientTuning::threads) {
    sum += double(input[place.row + i]);
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
// One number for each system, or their sum.
template <class Real>
__global__ void gatherSystemsKernel(const double* sums, int64_t systems, View<Real> output) {
  const int64_t i = globalThread();
  if (i >= output.length) return;
  double sum = sums[i];
  if (output.length == 1) {
    for (int64_t system = 1; system < systems; ++system) sum += sums[system];
  }
  output[i] = Real(sum);
}
template <class Operation, class Real>
void sumSystems(const Operation& op, const Real* input, View<Real> output, Context& context) {
  constexpr int kThreads = KuramotoGradientTuning::threads;
  const Workspace<double> sums(context, op.batch);
  launch(sumSystemKernel<Operation, Real>, dim3(unsigned(op.batch)), dim3(kThreads),
         kThreads / kWarp * sizeof(double), context, op, input, sums.data());
  launch(gatherSystemsKernel<Real>, dim3(unsigned(ceilDivide(output.length, kThreads))),
         dim3(kThreads), 0, context, sums.data(), op.batch, output);
}

// All but the gradients that go through Z and the graph; those of p lack Z's part.
template <class Operation, class Real>
void writeGradients(const Operation& op, const AdjointSums<Real>& sums, Context& context) {
  const int64_t count = rowsOf(op) * op.oscillators;
  if (op.gradNaturalFrequencies) sumRows(sums.rate, count, op.gradNaturalFrequencies, context);
  if (op.gradDrive && op.driveKind != kStepDrive) sumRows(sums.rate, count, op.gradDrive, context);
  if (op.gradPrecision) sumRows(sums.precision, count, op.gradPrecision, context);
  if (op.gradCoupling) sumSystems(op, sums.base, op.gradCoupling, context);
  if (op.gradFrustration) sumSystems(op, sums.lag, op.gradFrustration, context);
}

// gradDegree of a node: of Z, through all rows; `inverse` is 1 / Z, or 0.
template <class Real>
__device__ __forceinline__ double gradOfDegree(const KuramotoSystem<Real>& op, const Real* base,
                                               int64_t rows, int64_t firstSystem, int64_t node,
                                               double inverse) {
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) {
    sum += double(couplingOf(op, firstSystem + row)) * double(base[row * op.oscillators + node]);
  }
  return -sum * inverse;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
