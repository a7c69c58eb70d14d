// Floor: bytes over bandwidth, 3 arrays forward and 5 backward.
#include "ops/gate.h"

#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const GateForward<Real>& op, Context& context) {
  forEachRowVector<Real>(context, op.rows, op.width, [&](int64_t at, int64_t column, auto access) {
    access.store(op.output.data + at,
                 gated(access.load(op.value.data + at), access.load(op.gate.data + at),
                       access.load(op.bias.data + column)));
  });
}

template <class Real>
void run(const GateBackward<Real>& op, Context& context) {
  forEachRowVector<Real>(context, op.rows, op.width, [&](int64_t at, int64_t column, auto access) {
    const auto gradients =
        gatedGradients(access.load(op.gradOutput.data + at), access.load(op.value.data + at),
                       access.load(op.gate.data + at), access.load(op.bias.data + column));
    access.store(op.gradValue.data + at, gradients.value);
    access.store(op.gradGate.data + at, gradients.gate);
  });
}

EXPORT_KERNELS(GateForward)
EXPORT_KERNELS(GateBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
