#include "ops/kuramoto_sparse.h"

#include "cpu/kuramoto_adjoint.h"
#include "cpu/kuramoto_run.h"
#include "cpu/kuramoto_sparse_graph.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const KuramotoSparseForward<Real>& op, Context& context) {
  SparseGraph<Real> graph(op, context);
  KuramotoRunner<Real, SparseGraph<Real>>(op, op, graph, context).run();
}

template <class Real>
void run(const KuramotoSparseBackward<Real>& op, Context& context) {
  SparseGraph<Real> graph(op, context);
  graph.setSources(op.sourcePointer.data, op.source.data, op.sourceEdge.data, context);
  SparseEdges<Real> edges(graph, op.gradWeight, op.oscillators, context);
  KuramotoAdjoint<Real, SparseGraph<Real>, SparseEdges<Real>>(op, op, graph, edges, context)
      .run();
}

EXPORT_KERNELS(KuramotoSparseForward)
EXPORT_KERNELS(KuramotoSparseBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
