// A thread writes 16 bytes of a row (one element where rows are not aligned) and adds the rows they
// come from one after another; neighbouring threads own neighbouring columns. Levels: one.
// Floor: memory, every element of both sides once. Not measured on a GPU yet.
#include "ops/causal_pool.h"

#include "cuda/elementwise.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct CausalPoolTuning {
  static constexpr int threads = 256;  // not measured
};

// `packs`: of a row.
template <class Operation, class Real, int kCount>
__global__ void __launch_bounds__(CausalPoolTuning::threads)
    writeRowsKernel(Operation op, const Real* from, Real* to, int64_t rows, int64_t packs) {
  using Stretch = Pack<Real, kCount>;
  const int64_t row = globalThread() / packs, column = globalThread() % packs * kCount;
  if (row >= rows) return;
  const SourceRows source = sourceRows(op, row);
  const auto factor = sourceFactor(op);
  Compute<Real> sums[kCount] = {};
  for (int64_t i = 0; i < source.count; ++i) {
    const auto read =
        *reinterpret_cast<const Stretch*>(from + (source.first + i) * op.width + column);
#pragma unroll
    for (int j = 0; j < kCount; ++j) sums[j] += widen(read.values[j]);
  }
  Stretch result;
#pragma unroll
  for (int j = 0; j < kCount; ++j) result.values[j] = narrow<Real>(factor * sums[j]);
  *reinterpret_cast<Stretch*>(to + row * op.width + column) = result;
}

template <int kCount, class Operation, class Real>
void writePacks(const Operation& op, View<const Real> from, View<Real> to, Context& context) {
  const int64_t rows = to.length / op.width, packs = op.width / kCount;
  launch(writeRowsKernel<Operation, Real, kCount>,
         dim3(unsigned(ceilDivide(rows * packs, CausalPoolTuning::threads))),
         dim3(CausalPoolTuning::threads), 0, context, op, from.data, to.data, rows, packs);
}

template <class Operation, class Real>
void writeRows(const Operation& op, View<const Real> from, View<Real> to, Context& context) {
  const auto isAligned = [](const void* data) {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0;
  };
  if (isAligned(from.data) && isAligned(to.data) && op.width % kPackLength<Real> == 0) {
    writePacks<kPackLength<Real>>(op, from, to, context);
  } else {
    writePacks<1>(op, from, to, context);
  }
}

}  // namespace

template <class Real>
void run(const CausalPoolForward<Real>& op, Context& context) {
  writeRows(op, op.input, op.output, context);
}

template <class Real>
void run(const CausalPoolBackward<Real>& op, Context& context) {
  writeRows(op, op.gradOutput, op.gradInput, context);
}

template <class Real>
void run(const CausalHoldForward<Real>& op, Context& context) {
  writeRows(op, op.input, op.output, context);
}

template <class Real>
void run(const CausalHoldBackward<Real>& op, Context& context) {
  writeRows(op, op.gradOutput, op.gradInput, context);
}

EXPORT_KERNELS(CausalPoolForward)
EXPORT_KERNELS(CausalPoolBackward)
EXPORT_KERNELS(CausalHoldForward)
EXPORT_KERNELS(CausalHoldBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
