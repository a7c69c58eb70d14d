// The gradient of a dense A: ∂/∂A_ij = Σ g_i · X_j over batches, stages and steps. g and X of many
// stages are kept, and one matrix product of all of them adds to the gradient: N² is not walked
// each step.
#pragma once

#include "cpu/kuramoto_dense_graph.h"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <>
KernelSet kernelsOf<MatrixProduct>();

template <class Real, class Graph>
class DenseEdges {
  // Rows of g and X to a product: two inner blocks of its kernel.
  static constexpr int64_t kRows = 3072 / int64_t(sizeof(Real));

 public:
  static constexpr bool kAdds = false;

  DenseEdges(const Graph& graph, View<Real> gradAdjacency, int64_t n, int64_t batch,
             int64_t products, Context& context)
      : graph_(graph), grad_(gradAdjacency), n_(n), batch_(batch), context_(context) {
    if (!wanted()) return;
    capacity_ = kRows < 2 * batch ? 2 * batch : kRows / (2 * batch) * 2 * batch;
    if (products < capacity_ / (2 * batch)) capacity_ = products * 2 * batch;
    left_ = context.workspace<Real>(capacity_ * n);
    right_ = context.workspace<Real>(capacity_ * n);
  }

  bool wanted() const { return bool(grad_); }
  void keep(Planes<Real> g, Planes<Real> x, int64_t begin, int64_t end) {
    const size_t bytes = size_t(end - begin) * sizeof(Real);
    for (int64_t row = 0; row < 2 * batch_; ++row) {
      const int component = int(row / batch_);
      memcpy(left_ + (used_ + row) * n_ + begin, g.of(component, row % batch_), bytes);
      memcpy(right_ + (used_ + row) * n_ + begin, x.of(component, row % batch_), bytes);
    }
  }
  void add(const Real*, const Real*, int64_t, int64_t) {}
  void endStage() {
    used_ += 2 * batch_;
    if (used_ + 2 * batch_ > capacity_) multiply();
  }
  void finish(const Real* gradDegrees, const Real* precision) {
    if (used_ > 0) multiply();
    graph_.finishAdjacency(gradDegrees, precision, grad_.data, context_);
  }

 private:
  void multiply() {
    MatrixProduct<Real> product;
    product.left = {left_, used_ * n_};
    product.right = {right_, used_ * n_};
    product.output = grad_;
    product.rows = product.columns = n_;
    product.inner = used_;
    product.transposeLeft = true;
    product.accumulate = started_;
    const runtime::WorkspaceScope scope(context_);
    kernelsOf<MatrixProduct>().kernels[int(DtypeOf<Real>::value)](&product, context_);
    started_ = true;
    used_ = 0;
  }

  const Graph& graph_;
  View<Real> grad_;
  int64_t n_, batch_;
  Context& context_;
  int64_t capacity_ = 0, used_ = 0;
  bool started_ = false;
  Real *left_ = nullptr, *right_ = nullptr;  // (capacity, N): g, X
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu
