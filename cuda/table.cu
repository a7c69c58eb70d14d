// The table of all CUDA kernels, by operation and dtype.
#include "cuda/kernel.h"
#include "ops/operations.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <template <class> class... Operation>
Kernel find(OperationList<Operation...>, int32_t operation, int32_t dtype) {
  static const KernelSet sets[] = {kernelsOf<Operation>()...};
  if (operation < 0 || operation >= int32_t(sizeof...(Operation))) return nullptr;
  if (dtype < 0 || dtype >= kFloatDtypes) return nullptr;
  return sets[operation].kernels[dtype];
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda

namespace entrain::runtime {

CudaKernel cudaKernel(int32_t operation, int32_t dtype) {
  return cuda::find(Operations{}, operation, dtype);
}

}  // namespace entrain::runtime
