// A block for each row of the matrix; then a thread for each element. Floor: memory, beside the
// matrix product. Not measured on a GPU yet.
#include "ops/dense_local_order.h"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct DenseLocalOrderTuning {
  static constexpr int threads = 256;  // not measured
};

template <class Real>
__global__ void __launch_bounds__(DenseLocalOrderTuning::threads)
    dropSelfKernel(DropSelfEdges<Real> op) {
  const int64_t i = blockIdx.x, n = op.oscillators;
  double degree = 0;
  for (int64_t j = threadIdx.x; j < n; j += DenseLocalOrderTuning::threads) {
    const Real weight = j == i ? Real(0) : op.adjacency[i * n + j];
    op.others[i * n + j] = weight;
    degree += absolute(double(weight));
  }
  degree = blockReduce(degree, 0.0, Sum{}, sharedMemory<double>());
  if (threadIdx.x == 0) op.degree[i] = Real(degree);
}

template <class Real>
__global__ void __launch_bounds__(DenseLocalOrderTuning::threads)
    divideKernel(DenseLocalOrder<Real> op) {
  const int64_t i = globalThread();
  if (i < op.order.length) op.divide(i);
}

}  // namespace

template <class Real>
void run(const DropSelfEdges<Real>& op, Context& context) {
  constexpr int kThreads = DenseLocalOrderTuning::threads;
  launch(dropSelfKernel<Real>, dim3(unsigned(op.oscillators)), dim3(kThreads),
         kThreads / kWarp * sizeof(double), context, op);
}

template <class Real>
void run(const DenseLocalOrder<Real>& op, Context& context) {
  constexpr int kThreads = DenseLocalOrderTuning::threads;
  launch(divideKernel<Real>, dim3(unsigned(ceilDivide(op.order.length, kThreads))), dim3(kThreads),
         0, context, op);
}

EXPORT_KERNELS(DropSelfEdges)
EXPORT_KERNELS(DenseLocalOrder)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
