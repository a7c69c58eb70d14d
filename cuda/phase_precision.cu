// A thread for each oscillator, which walks over the batch. Floor: memory. Not measured on a GPU
// yet.
#include "ops/phase_precision.h"

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

constexpr int kThreads = 256;  // not measured

template <class Real>
__global__ void __launch_bounds__(kThreads) phasePrecisionKernel(PhasePrecision<Real> op) {
  const int64_t i = globalThread();
  if (i < op.oscillators) op.update(i);
}

}  // namespace

template <class Real>
void run(const PhasePrecision<Real>& op, Context& context) {
  launch(phasePrecisionKernel<Real>, dim3(unsigned(ceilDivide(op.oscillators, kThreads))),
         dim3(kThreads), 0, context, op);
}

EXPORT_KERNELS(PhasePrecision)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
