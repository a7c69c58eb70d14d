// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/column_sum.h"
#include "ops/operation.h"
#include "ops/silu.h"
#include "ops/time_slice.h"

namespace entrain::inline ENTRAIN_ISA {

using Operations =
    OperationList<SiluForward, SiluBackward, Add, Scale, Fill, CastToFloat64, CastToFloat32,
                  CastToBfloat16, CastToFloat16, ColumnSum, TimeSliceForward, TimeSliceBackward>;

}  // namespace entrain::inline ENTRAIN_ISA
