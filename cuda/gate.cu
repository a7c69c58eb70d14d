// One thread an element, neighbouring threads on neighbouring columns. Floor: memory, 3 arrays
// forward and 5 backward. Not measured on a GPU yet.
#include "ops/gate.h"

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct GateTuning {
  static constexpr int threads = 256;  // not measured
};

template <class Real>
__global__ void __launch_bounds__(GateTuning::threads) gateForwardKernel(GateForward<Real> op) {
  const int64_t i = globalThread();
  if (i >= op.output.length) return;
  op.output[i] =
      narrow<Real>(gated(widen(op.value[i]), widen(op.gate[i]), widen(op.bias[i % op.width])));
}

template <class Real>
__global__ void __launch_bounds__(GateTuning::threads) gateBackwardKernel(GateBackward<Real> op) {
  const int64_t i = globalThread();
  if (i >= op.gradOutput.length) return;
  const auto gradients = gatedGradients(widen(op.gradOutput[i]), widen(op.value[i]),
                                        widen(op.gate[i]), widen(op.bias[i % op.width]));
  op.gradValue[i] = narrow<Real>(gradients.value);
  op.gradGate[i] = narrow<Real>(gradients.gate);
}

}  // namespace

template <class Real>
void run(const GateForward<Real>& op, Context& context) {
  launch(gateForwardKernel<Real>, dim3(unsigned(ceilDivide(op.output.length, GateTuning::threads))),
         dim3(GateTuning::threads), 0, context, op);
}

template <class Real>
void run(const GateBackward<Real>& op, Context& context) {
  launch(gateBackwardKernel<Real>,
         dim3(unsigned(ceilDivide(op.gradOutput.length, GateTuning::threads))),
         dim3(GateTuning::threads), 0, context, op);
}

EXPORT_KERNELS(GateForward)
EXPORT_KERNELS(GateBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
