#include "ops/kuramoto_dense.h"

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

}  // namespace

template <class Real>
void run(const KuramotoDenseForward<Real>& op, Context& context) {
  if (op.adjacency) {
    runOn(op.adjacency.data, op, context);
  } else {
    runOn(op.halfAdjacency.data, op, context);
  }
}

EXPORT_KERNELS(KuramotoDenseForward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
