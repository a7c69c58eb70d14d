#include "ops/silu.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const SiluForward<Real>& op, Context& context) {
  elementwise(
      context, op.output, [](auto x) { return silu(x); }, op.input);
}

template <class Real>
void run(const SiluBackward<Real>& op, Context& context) {
  elementwise(
      context, op.gradInput, [](auto gradOutput, auto x) { return siluGradient(gradOutput, x); },
      op.gradOutput, op.input);
}

EXPORT_KERNELS(SiluForward)
EXPORT_KERNELS(SiluBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
