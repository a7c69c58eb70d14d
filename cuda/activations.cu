#include "ops/activations.h"

#include "cuda/elementwise.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Function>
struct Value {
  template <class Real>
  HOST_DEVICE Real operator()(Real x) const {
    return Function::value(x);
  }
};
template <class Function>
struct Gradient {
  template <class Real>
  HOST_DEVICE Real operator()(Real gradOutput, Real output) const {
    return Function::gradient(gradOutput, output);
  }
};

namespace {

template <class Real, class Function>
void activate(const ActivationForward<Real, Function>& op, Context& context) {
  elementwise(context, op.output, Value<Function>{}, op.input);
}

template <class Real, class Function>
void activateBackward(const ActivationBackward<Real, Function>& op, Context& context) {
  elementwise(context, op.gradInput, Gradient<Function>{}, op.gradOutput, op.output);
}

}  // namespace

template <class Real>
void run(const ReluForward<Real>& op, Context& context) {
  activate(op, context);
}
template <class Real>
void run(const ReluBackward<Real>& op, Context& context) {
  activateBackward(op, context);
}
template <class Real>
void run(const TanhForward<Real>& op, Context& context) {
  activate(op, context);
}
template <class Real>
void run(const TanhBackward<Real>& op, Context& context) {
  activateBackward(op, context);
}
template <class Real>
void run(const SigmoidForward<Real>& op, Context& context) {
  activate(op, context);
}
template <class Real>
void run(const SigmoidBackward<Real>& op, Context& context) {
  activateBackward(op, context);
}

EXPORT_KERNELS(ReluForward)
EXPORT_KERNELS(ReluBackward)
EXPORT_KERNELS(TanhForward)
EXPORT_KERNELS(TanhBackward)
EXPORT_KERNELS(SigmoidForward)
EXPORT_KERNELS(SigmoidBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
