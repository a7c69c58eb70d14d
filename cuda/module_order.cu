// A block for each module of each row, thread t the members t, t + threads, … in double; a warp is
// enough where modules are small. The backward is elementwise. Floor: memory, the phases once,
// gathered; below about 10^6 phases the launch. Not measured on a GPU yet.
#include "ops/module_order.h"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct ModuleOrderTuning {
  static constexpr int threads = 256;          // not measured
  static constexpr int64_t smallModule = 256;  // members a warp takes alone; not measured
};

struct SumCircles {
  HOST_DEVICE Circle<double> operator()(Circle<double> a, Circle<double> b) const {
    return {a.sine + b.sine, a.cosine + b.cosine};
  }
};

template <class Real>
__global__ void __launch_bounds__(ModuleOrderTuning::threads)
    moduleOrderKernel(ModuleOrderForward<Real> op) {
  const int64_t row = blockIdx.x / op.modules, module = blockIdx.x % op.modules;
  const Real* phases = op.phases.data + row * op.oscillators;
  const int64_t end = op.start[module + 1];
  Circle<double> sum = {0, 0};
  for (int64_t k = int64_t(op.start[module]) + threadIdx.x; k < end; k += blockDim.x) {
    Real sine, cosine;
    sineCosine(phases[op.member[k]], sine, cosine);
    sum = SumCircles{}(sum, {double(sine), double(cosine)});
  }
  const Circle<double> none = {0, 0};
  sum = blockReduce(sum, none, SumCircles{}, sharedMemory<Circle<double>>());
  if (threadIdx.x == 0) op.finish(row, module, sum);
}

template <class Real>
__global__ void __launch_bounds__(ModuleOrderTuning::threads)
    gradMemberPhasesKernel(ModuleOrderBackward<Real> op) {
  const int64_t i = globalThread();
  if (i >= op.gradPhases.length) return;
  const int64_t row = i / op.oscillators, module = op.module[i % op.oscillators];
  op.gradPhases[i] = gradPhaseOf(op.gradMean(row * op.modules + module), op.phases[i]);
}

}  // namespace

template <class Real>
void run(const ModuleOrderForward<Real>& op, Context& context) {
  using Tuning = ModuleOrderTuning;
  const bool small = op.oscillators <= Tuning::smallModule * op.modules;
  const int threads = small ? kWarp : Tuning::threads;
  launch(moduleOrderKernel<Real>, dim3(unsigned(op.rows * op.modules)), dim3(threads),
         threads / kWarp * sizeof(Circle<double>), context, op);
}

template <class Real>
void run(const ModuleOrderBackward<Real>& op, Context& context) {
  constexpr int kThreads = ModuleOrderTuning::threads;
  launch(gradMemberPhasesKernel<Real>, dim3(unsigned(ceilDivide(op.gradPhases.length, kThreads))),
         dim3(kThreads), 0, context, op);
}

EXPORT_KERNELS(ModuleOrderForward)
EXPORT_KERNELS(ModuleOrderBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
