#include "ops/activations.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

template <class Real, class Function>
void activate(const ActivationForward<Real, Function>& op, Context& context) {
  elementwise(
      context, op.output, [](auto x) { return Function::value(x); }, op.input);
}

template <class Real, class Function>
void activateBackward(const ActivationBackward<Real, Function>& op, Context& context) {
  elementwise(
      context, op.gradInput,
      [](auto gradOutput, auto output) { return Function::gradient(gradOutput, output); },
      op.gradOutput, op.output);
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

}  // namespace entrain::inline ENTRAIN_ISA::cpu
