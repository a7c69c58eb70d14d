// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/operation.h"
#include "ops/silu.h"

namespace entrain::inline ENTRAIN_ISA {

using Operations = OperationList<SiluForward, SiluBackward>;

}  // namespace entrain::inline ENTRAIN_ISA
