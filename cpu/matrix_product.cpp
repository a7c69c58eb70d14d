// The matrix product: thin ones read their large operand once (cpu/matrix_thin.h), the others run
// in tiles (cpu/matrix_tiles.h). No sum depends on the number of threads: only the output is
// divided among them, and the inner dimension is cut by shape.
//
// Floor: 2 rows columns inner operations at two a lane of a vector fma. Zen 4 at 3.66 GHz: one
// 512-bit fma a cycle, 117 GFLOP/s a core in float32. Measured (one core, processor time, 2048 rows
// against 256..4096 columns and inner 256..4096, all transposes): 97 to 109 GFLOP/s, 0.83 to 0.93
// of the floor; the kernel alone on data in L2 reaches 0.98 to 1.00. The rest is the first touch of
// operands and outputs that lie in L3 or beyond.
#include "ops/matrix_product.h"

#include "cpu/matrix_thin.h"
#include "cpu/matrix_tiles.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// Without an inner dimension only bias and accumulation are left.
template <class Storage, class Output>
void addNothing(const MatrixProductOf<Storage, Output>& op, Context& context) {
  using Real = Compute<Storage>;
  context.forEach(op.rows, [&](int64_t row) {
    for (int64_t column = 0; column < op.columns; ++column) {
      Output& to = op.output[row * op.columns + column];
      const Real sum = op.bias ? op.bias[column] : Real(0);
      to = narrow<Output>(op.accumulate ? sum + widen(to) : sum);
    }
  });
}

template <class Storage, class Output>
void multiply(const MatrixProductOf<Storage, Output>& op, Context& context) {
  if (op.inner == 0) {
    addNothing(op, context);
  } else if (op.rows <= kThin || op.columns <= kThin) {
    multiplyThin(op, context);
  } else {
    multiplyTiles(op, context);
  }
}

}  // namespace

template <class Real>
void run(const MatrixProduct<Real>& op, Context& context) {
  multiply<Real, Real>(op, context);
}

template <class Real>
void run(const WideMatrixProduct<Real>& op, Context& context) {
  multiply<Real, Compute<Real>>(op, context);
}

EXPORT_KERNELS(MatrixProduct)
EXPORT_KERNELS(WideMatrixProduct)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
