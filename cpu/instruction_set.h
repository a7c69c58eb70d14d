// Which of the compiled instruction-set copies this machine runs.
#pragma once

#include <cstdint>

#include "cpu/context.h"

namespace entrain::runtime {

using CpuKernel = void (*)(const void* operation, CpuContext& context);

// "v4" (AVX-512), "v3" (AVX2, FMA), "v2" (SSE4.2) or "baseline"; chosen once by cpuid, or lowered
// by ENTRAIN_INSTRUCTION_SET; "none" where no compiled copy remains.
const char* instructionSet();

// The kernel of that copy; null where the operation has no such dtype.
CpuKernel cpuKernel(int32_t operation, int32_t dtype);

}  // namespace entrain::runtime
