// The matrix product for other operations: run() of cuda/matrix_product.cu.
#pragma once

#include "cuda/kernel.h"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Real>
void run(const MatrixProduct<Real>& op, Context& context);
template <class Real>
void run(const WideMatrixProduct<Real>& op, Context& context);

}  // namespace entrain::inline ENTRAIN_ISA::cuda
