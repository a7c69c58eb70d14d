// Matrix products by NVIDIA's cuBLASLt, which is looked for when the first product runs and never
// linked: where it is absent or declines, the caller uses its own kernel.
#pragma once

#include "cuda/kernel.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// output = op(left) op(right) + bias (+ output), row-major; the sums and the bias are float32, of
// float64 factors float64.
struct LibraryProduct {
  const void* left;
  const void* right;
  const void* bias;  // may be null
  void* output;
  Dtype factors, result;
  int64_t rows, columns, inner;
  bool transposeLeft, transposeRight, accumulate;
};

// Whether the product has been queued. Where the library takes no float32 bias for a half-type
// output, the bias is rounded to the output's type first. A shape keeps its algorithm as long as
// the process lives, and only algorithms that add in a fixed order and in the type of the sums are
// allowed. Environment: ENTRAIN_CUBLASLT=off, or the path of the library.
bool multiplyByLibrary(const LibraryProduct& product, Context& context);

}  // namespace entrain::inline ENTRAIN_ISA::cuda
