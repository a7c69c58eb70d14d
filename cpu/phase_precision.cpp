// Oscillators are shared out over the threads; a call between runs of many steps, so plain numbers
// will do. Floor: memory.
#include "ops/phase_precision.h"

#include "cpu/kernel.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const PhasePrecision<Real>& op, Context& context) {
  constexpr int64_t kGrain = 4096;  // oscillators
  context.forRange(op.oscillators, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) op.update(i);
  });
}

EXPORT_KERNELS(PhasePrecision)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
