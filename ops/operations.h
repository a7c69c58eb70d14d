// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/block_diagonal.h"
#include "ops/causal_pool.h"
#include "ops/operation.h"
#include "ops/scaled_sum.h"
#include "ops/silu.h"

namespace entrain::inline ENTRAIN_ISA {

using Operations =
    OperationList<SiluForward, SiluBackward, BlockDiagonalForward, BlockDiagonalBackward,
                  CausalPoolForward, CausalPoolBackward, CausalHoldForward, CausalHoldBackward,
                  ScaledSumForward, ScaledSumBackward>;

}  // namespace entrain::inline ENTRAIN_ISA
