// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/block_diagonal.h"
#include "ops/causal_convolution.h"
#include "ops/causal_pool.h"
#include "ops/eigenstate_scan.h"
#include "ops/gate.h"
#include "ops/operation.h"
#include "ops/scaled_sum.h"
#include "ops/silu.h"

namespace entrain::inline ENTRAIN_ISA {

// clang-format off
using Operations = OperationList<
    BlockDiagonalForward, BlockDiagonalBackward,
    CausalConvolutionForward, CausalConvolutionBackward,
    CausalHoldForward, CausalHoldBackward,
    CausalPoolForward, CausalPoolBackward,
    EigenstateScanForward, EigenstateScanBackward,
    GateForward, GateBackward,
    ScaledSumForward, ScaledSumBackward,
    SiluForward, SiluBackward>;
// clang-format on

}  // namespace entrain::inline ENTRAIN_ISA
