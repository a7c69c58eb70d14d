// The kernels of this instruction-set copy, in the order of ops/operations.h.
#include "cpu/kernel.h"
#include "ops/operations.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

template <template <class> class... Operation>
Kernel find(int32_t operation, int32_t dtype, OperationList<Operation...>) {
  static const KernelSet sets[] = {kernelsOf<Operation>()...};
  return sets[operation].kernels[dtype];
}

}  // namespace

Kernel kernel(int32_t operation, int32_t dtype) {
  return find(operation, dtype, Operations{});
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
