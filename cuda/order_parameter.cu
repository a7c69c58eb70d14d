// First pass: a block adds a piece of a row in double, thread t the phases t, t + threads, …;
// second pass: a block for each row adds its pieces. Floor: memory, the phases once; below about
// 10^6 phases the launches. Not measured on a GPU yet.
#include "ops/order_parameter.h"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct OrderParameterTuning {
  static constexpr int threads = 256;      // not measured
  static constexpr int64_t piece = 8192;   // phases; not measured; fixes the order
  static constexpr int totalThreads = 32;  // not measured
};

struct SumCircles {
  HOST_DEVICE Circle<double> operator()(Circle<double> a, Circle<double> b) const {
    return {a.sine + b.sine, a.cosine + b.cosine};
  }
};

template <class Real>
__global__ void __launch_bounds__(OrderParameterTuning::threads)
    circlePartKernel(View<const Real> phases, int64_t oscillators, int64_t pieces,
                     Circle<double>* sums) {
  const int64_t first = blockIdx.x % pieces * OrderParameterTuning::piece;
  const int64_t end = min(first + OrderParameterTuning::piece, oscillators);
  const Real* row = phases.data + blockIdx.x / pieces * oscillators;
  Circle<double> sum = {0, 0};
  for (int64_t i = first + threadIdx.x; i < end; i += OrderParameterTuning::threads) {
    Real sine, cosine;
    sineCosine(row[i], sine, cosine);
    sum = SumCircles{}(sum, {double(sine), double(cosine)});
  }
  const Circle<double> none = {0, 0};
  sum = blockReduce(sum, none, SumCircles{}, sharedMemory<Circle<double>>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <class Real>
__global__ void __launch_bounds__(OrderParameterTuning::totalThreads)
    orderParameterKernel(OrderParameterForward<Real> op, const Circle<double>* sums,
                         int64_t pieces) {
  const int64_t row = blockIdx.x;
  Circle<double> sum = {0, 0};
  for (int64_t i = threadIdx.x; i < pieces; i += OrderParameterTuning::totalThreads) {
    sum = SumCircles{}(sum, sums[row * pieces + i]);
  }
  sum = warpReduce(sum, SumCircles{});
  if (threadIdx.x != 0) return;
  const Circle<double> mean = {sum.sine / double(op.oscillators),
                               sum.cosine / double(op.oscillators)};
  op.coherence[row] = Real(coherenceOf(mean));
  op.meanPhase[row] = meanPhaseOf<Real>(mean);
}

template <class Real>
__global__ void __launch_bounds__(OrderParameterTuning::threads)
    gradPhasesKernel(OrderParameterBackward<Real> op) {
  const int64_t i = globalThread();
  if (i < op.gradPhases.length) {
    op.gradPhases[i] = gradPhaseOf(op.gradMean(i / op.oscillators), op.phases[i]);
  }
}

}  // namespace

template <class Real>
void run(const OrderParameterForward<Real>& op, Context& context) {
  using Tuning = OrderParameterTuning;
  const int64_t pieces = ceilDivide(op.oscillators, Tuning::piece);
  const Workspace<Circle<double>> sums(context, op.rows * pieces);
  launch(circlePartKernel<Real>, dim3(unsigned(op.rows * pieces)), dim3(Tuning::threads),
         Tuning::threads / kWarp * sizeof(Circle<double>), context, op.phases, op.oscillators,
         pieces, sums.data());
  launch(orderParameterKernel<Real>, dim3(unsigned(op.rows)), dim3(Tuning::totalThreads), 0,
         context, op, sums.data(), pieces);
}

template <class Real>
void run(const OrderParameterBackward<Real>& op, Context& context) {
  using Tuning = OrderParameterTuning;
  launch(gradPhasesKernel<Real>, dim3(unsigned(ceilDivide(op.gradPhases.length, Tuning::threads))),
         dim3(Tuning::threads), 0, context, op);
}

EXPORT_KERNELS(OrderParameterForward)
EXPORT_KERNELS(OrderParameterBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
