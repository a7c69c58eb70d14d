// Simplex noise of a table with AVX-512 VBMI, compiled apart from the copies
// (cpu/simplex_vbmi.cpp).
#pragma once

#include "cpu/context.h"

namespace entrain::runtime {

// Whether this processor has the instructions; false where they are not compiled in.
bool runsSimplexVbmi();
// A SimplexGrid<float> and a SimplexSample<float> of 2 to 4 dimensions with a table, not tiled.
void runSimplexGridVbmi(const void* operation, CpuContext& context);
void runSimplexSampleVbmi(const void* operation, CpuContext& context);

}  // namespace entrain::runtime
