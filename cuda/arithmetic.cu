// Elementwise (cuda/elementwise.cuh). Floor: memory, 3 (add), 2 (scale) and 1 (fill) elements each.
// Not measured on a GPU yet.
#include "ops/arithmetic.h"

#include "cuda/elementwise.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <class Real>
struct Multiple {
  Real factor;
  HOST_DEVICE Real operator()(Real x) const { return x * factor; }
};

template <class Real>
struct Constant {
  Real value;
  HOST_DEVICE Real operator()() const { return value; }
};

}  // namespace

template <class Real>
void run(const Add<Real>& op, Context& context) {
  elementwise(context, op.output, Sum{}, op.left, op.right);
}

template <class Real>
void run(const Scale<Real>& op, Context& context) {
  elementwise(context, op.output, Multiple<Compute<Real>>{Compute<Real>(op.factor)}, op.input);
}

template <class Real>
void run(const Fill<Real>& op, Context& context) {
  elementwise(context, op.output, Constant<Compute<Real>>{Compute<Real>(op.value)});
}

EXPORT_KERNELS(Add)
EXPORT_KERNELS(Scale)
EXPORT_KERNELS(Fill)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
