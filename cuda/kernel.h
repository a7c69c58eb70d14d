// How a CUDA kernel becomes part of the table. A file cuda/x.cu defines
// `template <class Real> void run(const XForward<Real>&, Context&)` for each of its operations and
// ends with EXPORT_KERNELS(XForward) for each; a missing one is a link error. Never included
// together with cpu/kernel.h.
#pragma once

#include "cuda/context.h"
#include "ops/dtype.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

using Context = runtime::CudaContext;
using Kernel = runtime::CudaKernel;

// The kernels of one operation, by dtype of its Real; null where the operation has no such type.
struct KernelSet {
  Kernel kernels[kFloatDtypes] = {};
};

template <template <class> class Operation>
KernelSet kernelsOf();

#define EXPORT_KERNELS(Operation)                                                            \
  template <>                                                                                \
  KernelSet kernelsOf<Operation>() {                                                         \
    KernelSet set;                                                                           \
    forEachType(typename Operation<float>::Types{}, [&]<class Real>(TypeTag<Real>) {         \
      set.kernels[int(DtypeOf<Real>::value)] = [](const void* operation, Context& context) { \
        run(*static_cast<const Operation<Real>*>(operation), context);                       \
      };                                                                                     \
    });                                                                                      \
    return set;                                                                              \
  }

}  // namespace entrain::inline ENTRAIN_ISA::cuda
