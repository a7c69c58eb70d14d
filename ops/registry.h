// Names of registered operations.
#pragma once

#include <cstdint>
#include <string>

#include "ops/fault.h"

namespace entrain::runtime {

// The name of an operation by its index in ops/operations.h; "stream" for a copy or a fill.
const char* operationName(int32_t operation);

}  // namespace entrain::runtime
