// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/adamw.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/column_sum.h"
#include "ops/gradient_norm.h"
#include "ops/operation.h"
#include "ops/sgd.h"
#include "ops/silu.h"
#include "ops/time_slice.h"

namespace entrain::inline ENTRAIN_ISA {

using Operations =
    OperationList<SiluForward, SiluBackward, Add, Scale, Fill, CastToFloat64, CastToFloat32,
                  CastToBfloat16, CastToFloat16, ColumnSum, TimeSliceForward, TimeSliceBackward,
                  GradientNormPart, GradientNorm, AdamW, Sgd>;

}  // namespace entrain::inline ENTRAIN_ISA
