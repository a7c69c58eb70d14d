// Kuramoto oscillators on a sparse graph: a gather of 2 batch Reals an edge and stage, in the
// backward as many on the transposed graph, and as many again for the gradient of the weights.
// Floor: one line of L2 an edge where all pairs fit there (32 bytes a cycle: 2 cycles, 0.27 ns on
// two Zen 4 cores at 3.66 GHz), and 8 bytes of index and weight from L3.
// Measured on a machine busy with other work, 10^5 oscillators of degree 16, one batch, one core:
// 0.9 ns an edge, 1.8 times as fast as numba's kernel in the same minute; 0.4 ns an edge and batch
// with 8 batches. The gather alone takes 1.0 cycles an edge with circles in L1, 2.2 in L2 and 2.6
// with the edges in L3; blocks of columns that stay in L1 take 3.6, for their sums. A step of the
// adjoint takes 1.1 times as long, twice with the gradient of the weights, one computed again 0.6
// times: the gradient of 1000 steps 2.5 to 3.1 times the run.
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
  KuramotoAdjoint<Real, SparseGraph<Real>, SparseEdges<Real>>(op, op, graph, edges, context).run();
}

EXPORT_KERNELS(KuramotoSparseForward)
EXPORT_KERNELS(KuramotoSparseBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
