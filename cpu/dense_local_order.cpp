// Rows of the matrix, then elements, are shared out. Floor: memory, beside the matrix product.
#include "ops/dense_local_order.h"

#include "cpu/kernel.h"
#include "cpu/reduce.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const DropSelfEdges<Real>& op, Context& context) {
  const int64_t n = op.oscillators;
  context.forEach(n, [&](int64_t i) {
    Real* row = op.others.data + i * n;
    memcpy(row, op.adjacency.data + i * n, size_t(n) * sizeof(Real));
    row[i] = Real(0);
    op.degree[i] = sumOf(row, n, [](auto weight) { return absolute(weight); });
  });
}

template <class Real>
void run(const DenseLocalOrder<Real>& op, Context& context) {
  constexpr int64_t kGrain = 8192;  // elements
  context.forRange(op.order.length, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) op.divide(i);
  });
}

EXPORT_KERNELS(DropSelfEdges)
EXPORT_KERNELS(DenseLocalOrder)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
