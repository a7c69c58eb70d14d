// The matrix product: thin ones read their large operand once (cpu/matrix_thin.h), the others run
// in tiles (cpu/matrix_tiles.h). No sum depends on the number of threads: only the output is
// divided among them, and the inner dimension is cut by shape.
//
// Floor: 2 rows columns inner operations at two a lane of a vector fma: 117 GFLOP/s for one Zen 4
// core at 3.66 GHz in float32, 234 for two. Measured on two (2048 rows against 256..4096 columns,
// inner 256..4096, all transposes): 211 to 226, that is 0.90 to 0.96 of the floor; lowest where the
// output or an operand of 32 MiB comes from memory.
// bfloat16 multiplies pairs at four a lane where the processor can (cpu/matrix_pairs.h): 234 for
// one core. Measured on one, same shapes: 190 to 229, that is 0.81 to 0.98; lowest where both
// operands are interleaved from rows of 2 to 8 KiB that come from memory.
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
#if defined(__AVX512BW__)
    if constexpr (std::is_same_v<Storage, bfloat16>) {
      if (multipliesBfloat16()) return multiplyTiles<Bfloat16Pair>(op, context);
    }
#endif
    multiplyTiles<Compute<Storage>>(op, context);
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
