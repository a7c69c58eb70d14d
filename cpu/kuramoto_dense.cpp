// Kuramoto oscillators on a dense graph: a product with A a stage, and one with its transpose in
// the backward, where that with A is not made again (`pulls`).
// Floors: 4 batch N² operations a product (on two Zen 4 cores at 3.66 GHz 234 GFLOP/s in float32,
// 468 where A and the circles are bfloat16), or reading A for few columns (16 MiB from L3: 157 µs
// measured for A, 181 for its transpose). The gradient of A adds one product of all steps: 2 stages
// steps batch · 2 N² operations.
// Measured there, 2048 oscillators, 8 batches, 100 RK4 steps: 245 ms, of which 229 are the floor,
// and 129 of 115 in bfloat16; the products alone reach 226 of 234 GFLOP/s.
#include "ops/kuramoto_dense.h"

#include "cpu/kuramoto_adjoint.h"
#include "cpu/kuramoto_dense_edges.h"
#include "cpu/kuramoto_dense_graph.h"
#include "cpu/kuramoto_run.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

template <class Real, class Storage>
void runOn(const Storage* adjacency, const KuramotoDenseForward<Real>& op, Context& context) {
  DenseGraph<Real, Storage> graph(adjacency, op.oscillators, op.batch, op.steps * op.stages, 0,
                                  context);
  KuramotoRunner<Real, DenseGraph<Real, Storage>>(op, op, graph, context).run();
}

template <class Real, class Storage>
void runOn(const Storage* adjacency, const KuramotoDenseBackward<Real>& op, Context& context) {
  using Graph = DenseGraph<Real, Storage>;
  const int64_t products = op.steps * op.stages;
  Graph graph(adjacency, op.oscillators, op.batch, op.pulls ? 0 : products, products, context);
  DenseEdges<Real, Graph> edges(graph, op.gradAdjacency, op.oscillators, op.batch, products,
                                context);
  KuramotoAdjoint<Real, Graph, DenseEdges<Real, Graph>>(op, op, graph, edges, context).run();
}

}  // namespace

template <class Real>
void run(const KuramotoDenseForward<Real>& op, Context& context) {
  if (op.adjacency) {
    runOn(op.adjacency.data, op, context);
  } else {
    runOn(op.halfAdjacency.data, op, context);
  }
}

template <class Real>
void run(const KuramotoDenseBackward<Real>& op, Context& context) {
  if (op.adjacency) {
    runOn(op.adjacency.data, op, context);
  } else {
    runOn(op.halfAdjacency.data, op, context);
  }
}

EXPORT_KERNELS(KuramotoDenseForward)
EXPORT_KERNELS(KuramotoDenseBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
