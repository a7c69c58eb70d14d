// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/causal_convolution.h"
#include "ops/gate.h"
#include "ops/operation.h"
#include "ops/silu.h"

namespace entrain::inline ENTRAIN_ISA {

// clang-format off
using Operations = OperationList<
    CausalConvolutionForward, CausalConvolutionBackward,
    GateForward, GateBackward,
    SiluForward, SiluBackward>;
// clang-format on

}  // namespace entrain::inline ENTRAIN_ISA
