// Kuramoto oscillators on a dense graph. A stage is one matrix product with the circles of all
// rows, (2 batch, N) by A^T, and one pointwise kernel; of one row, a matrix-vector product that
// reads A once. A is copied once a call, with zeros on its diagonal: 62 µs for the largest below. A
// in bfloat16 multiplies circles in bfloat16 with sums in float32 (float64 runs widen it). The
// gradient of A is one product of rank 2 batch stages steps for each window of steps. Floors on an
// H200, N = 8192, 64 rows: reading A at 4.3 TB/s, 31 µs a stage in bfloat16, 62 µs in float32,
// whose arithmetic takes 256 µs; the adjoint two such products, and for A's gradient one of the
// same size. Not run on a GPU yet.
#include "ops/kuramoto_dense.h"

#include "cuda/kuramoto_network_backward.cuh"
#include "cuda/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

// A warp for each row.
template <class Real, class Storage>
__global__ void __launch_bounds__(NetworkTuning::threads)
    denseDegreeKernel(const Storage* adjacency, View<const Real> precision, int64_t n,
                      double* degrees) {
  const int64_t i = globalThread() / kWarp;
  if (i >= n) return;
  double sum = 0;
  for (int64_t j = laneIndex(); j < n; j += kWarp) {
    const double p = precision ? double(precision[j]) : 1.0;
    if (j != i) sum += absolute(double(widen(adjacency[i * n + j]))) * p;
  }
  sum = warpReduce(sum, Sum{});
  if (laneIndex() == 0) degrees[i] = sum;
}

// The part of Z in the gradient of A, and zeros on its diagonal.
template <class Real, class Storage>
__global__ void __launch_bounds__(NetworkTuning::threads)
    denseGradientKernel(const Storage* adjacency, View<const Real> precision,
                        const Real* gradDegrees, int64_t n, Real* gradAdjacency) {
  const int64_t at = globalThread();
  if (at >= n * n) return;
  const int64_t i = at / n, j = at % n;
  if (i == j) {
    gradAdjacency[at] = Real(0);
  } else if (gradDegrees) {
    const Real weight = Real(widen(adjacency[at]));
    const Real p = precision ? precision[j] : Real(1);
    gradAdjacency[at] += gradOfMagnitude(weight, gradDegrees[i] * p);
  }
}
// The part of Z in the gradient of p: the columns of |A|.
template <class Real, class Storage>
__global__ void __launch_bounds__(NetworkTuning::threads)
    densePrecisionKernel(const Storage* adjacency, const Real* gradDegrees, int64_t n,
                         Real* gradPrecision) {
  const int64_t j = globalThread();
  if (j >= n) return;
  double sum = 0;
#pragma unroll 4
  for (int64_t i = 0; i < n; ++i) {
    const double weight = absolute(double(widen(adjacency[i * n + j])));
    sum += i == j ? 0.0 : weight * double(gradDegrees[i]);
  }
  gradPrecision[j] += Real(sum);
}

// A copy of A with zeros on its diagonal, whatever stood there.
template <class Storage, class Given>
__global__ void __launch_bounds__(NetworkTuning::threads)
    copyAdjacencyKernel(const Given* adjacency, int64_t n, Storage* output) {
  const int64_t j = globalThread();
  if (j >= n) return;
  for (int64_t i = blockIdx.y; i < n; i += gridDim.y) {
    const int64_t at = i * n + j;
    if constexpr (std::is_same_v<Storage, Given>) {
      output[at] = i == j ? Storage{} : adjacency[at];
    } else {
      output[at] = i == j ? Storage(0) : Storage(widen(adjacency[at]));
    }
  }
}

// What the products read: A in the storage of the circles.
template <class Real, class Storage>
class DenseGraph {
 public:
  using Layout = CirclePlanes<Storage>;

  DenseGraph(const Storage* adjacency, const KuramotoSystem<Real>& system, Context& context)
      : adjacency_(adjacency), system_(system), product_(context, 2 * system.batch * n()) {}
  // Of a backward pass.
  void setGradients(Real* gradAdjacency, Real* gradPrecision) {
    gradAdjacency_ = gradAdjacency;
    gradPrecision_ = gradPrecision;
  }

  template <class Use>
  void pulled(Layout source, int64_t batch, Context& context, const Use& use) {
    multiplied(source, batch, true, context, use);
  }
  template <class Use>
  void flowed(Layout source, int64_t batch, Context& context, const Use& use) {
    multiplied(source, batch, false, context, use);
  }
  void degrees(View<const Real> precision, double* output, Context& context) {
    launchRows<kWarp>(denseDegreeKernel<Real, Storage>, n(), context, adjacency_, precision, n(),
                      output);
  }

  bool keepsStages() const { return gradAdjacency_ != nullptr; }
  bool wantsSources() const { return gradAdjacency_ != nullptr; }
  void endStage(Layout, Layout, Context&) {}
  // gradA += Σ over stages and rows of g_i x_j.
  void endWindow(Layout flows, Layout sources, int64_t stages, bool isFirst, Context& context) {
    const int64_t rank = stages * 2 * system_.batch;
    Product op = {};
    op.left = {flows.data, rank * n()};
    op.right = {sources.data, rank * n()};
    op.output = {gradAdjacency_, n() * n()};
    op.rows = op.columns = n();
    op.inner = rank;
    op.transposeLeft = true;
    op.accumulate = !isFirst;
    cuda::run(op, context);
  }
  void finish(Real* gradDegrees, Context& context) {
    if (gradAdjacency_) {
      launchRows<1>(denseGradientKernel<Real, Storage>, n() * n(), context, adjacency_,
                    system_.precision, static_cast<const Real*>(gradDegrees), n(), gradAdjacency_);
    }
    if (gradPrecision_ && gradDegrees) {
      launchRows<1>(densePrecisionKernel<Real, Storage>, n(), context, adjacency_,
                    static_cast<const Real*>(gradDegrees), n(), gradPrecision_);
    }
  }

 private:
  using Product = std::conditional_t<std::is_same_v<Real, Storage>, MatrixProduct<Storage>,
                                     WideMatrixProduct<Storage>>;
  int64_t n() const { return system_.oscillators; }

  template <class Use>
  void multiplied(Layout source, int64_t batch, bool transposes, Context& context, const Use& use) {
    Product op = {};
    op.left = {source.data, 2 * batch * n()};
    op.right = {adjacency_, n() * n()};
    op.output = {product_.data(), 2 * batch * n()};
    op.rows = 2 * batch;
    op.columns = op.inner = n();
    op.transposeRight = transposes;
    cuda::run(op, context);
    use(GivenPulls<Real>{product_.data(), batch * n()});
  }

  const Storage* adjacency_;
  const KuramotoSystem<Real>& system_;
  Workspace<Real> product_;
  Real *gradAdjacency_ = nullptr, *gradPrecision_ = nullptr;
};

template <class Storage, class Given, class Use>
void withCopy(View<const Given> adjacency, int64_t n, Context& context, const Use& use) {
  constexpr int kThreads = NetworkTuning::threads;
  const Workspace<Storage> copy(context, n * n);
  launch(copyAdjacencyKernel<Storage, Given>,
         dim3(unsigned(ceilDivide(n, kThreads)), unsigned(min(n, int64_t(32768)))), dim3(kThreads),
         0, context, adjacency.data, n, copy.data());
  use(static_cast<const Storage*>(copy.data()));
}
// Calls use(adjacency) with A as the products want it.
template <class Operation, class Use>
void withAdjacency(const Operation& op, Context& context, const Use& use) {
  using Real = std::remove_const_t<std::remove_reference_t<decltype(op.adjacency[0])>>;
  if (op.adjacency) {
    withCopy<Real>(op.adjacency, op.oscillators, context, use);
  } else {
    using Storage = std::conditional_t<kIsSingle<Real>, bfloat16, Real>;
    withCopy<Storage>(op.halfAdjacency, op.oscillators, context, use);
  }
}

}  // namespace

template <class Real>
void run(const KuramotoDenseForward<Real>& op, Context& context) {
  withAdjacency(op, context, [&](const auto* adjacency) {
    using Storage = std::remove_const_t<std::remove_pointer_t<decltype(adjacency)>>;
    DenseGraph<Real, Storage> graph(adjacency, op, context);
    const bool isByDegree = op.normalisation == kByDegree;
    const Workspace<double> degrees(context, isByDegree ? op.oscillators : 0);
    const Workspace<Real> bases(context, op.oscillators);
    networkBases<Real>(op, graph, degrees.data(), bases.data(), context);
    NetworkRunner<Real, DenseGraph<Real, Storage>>(op, op, graph, bases.data(), context).run();
  });
}

template <class Real>
void run(const KuramotoDenseBackward<Real>& op, Context& context) {
  withAdjacency(op, context, [&](const auto* adjacency) {
    using Storage = std::remove_const_t<std::remove_pointer_t<decltype(adjacency)>>;
    using Graph = DenseGraph<Real, Storage>;
    Graph graph(adjacency, op, context);
    graph.setGradients(op.gradAdjacency.data, op.gradPrecision.data);
    NetworkBackward<KuramotoDenseForward<Real>, KuramotoDenseBackward<Real>, Graph>(op, graph,
                                                                                    context)
        .run();
  });
}

EXPORT_KERNELS(KuramotoDenseForward)
EXPORT_KERNELS(KuramotoDenseBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
