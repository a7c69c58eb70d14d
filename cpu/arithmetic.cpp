// Floor: memory traffic, 3 (add), 2 (scale) and 1 (fill) elements each, plus the read of a written
// line that is not in a cache.
#include "ops/arithmetic.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const Add<Real>& op, Context& context) {
  elementwise(
      context, op.output, [](auto left, auto right) { return left + right; }, op.left, op.right);
}

template <class Real>
void run(const Scale<Real>& op, Context& context) {
  const auto factor = Compute<Real>(op.factor);
  elementwise(
      context, op.output, [factor](auto x) { return x * factor; }, op.input);
}

template <class Real>
void run(const Fill<Real>& op, Context& context) {
  const Vector<Compute<Real>> value = Compute<Real>(op.value);
  elementwise(context, op.output, [value] { return value; });
}

EXPORT_KERNELS(Add)
EXPORT_KERNELS(Scale)
EXPORT_KERNELS(Fill)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
