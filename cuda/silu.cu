#include "ops/silu.h"

#include "cuda/elementwise.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct Silu {
  template <class Real>
  HOST_DEVICE Real operator()(Real x) const {
    return silu(x);
  }
};
struct SiluGradient {
  template <class Real>
  HOST_DEVICE Real operator()(Real gradOutput, Real x) const {
    return siluGradient(gradOutput, x);
  }
};

template <class Real>
void run(const SiluForward<Real>& op, Context& context) {
  elementwise(context, op.output, Silu{}, op.input);
}

template <class Real>
void run(const SiluBackward<Real>& op, Context& context) {
  elementwise(context, op.gradInput, SiluGradient{}, op.gradOutput, op.input);
}

EXPORT_KERNELS(SiluForward)
EXPORT_KERNELS(SiluBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
