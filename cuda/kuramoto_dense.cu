// Kuramoto oscillators on a dense graph. A stage is one matrix product with the circles of all
// rows, (2 batch, N) by A^T, and one pointwise kernel; of one row, a matrix-vector product that
// reads A once. A in bfloat16 multiplies circles in bfloat16 with sums in float32 (float64 runs
// widen it once). The gradient of A is one product of rank 2 batch stages steps for each window of
// steps. Floors on an H200, N = 8192, 64 rows: reading A at 4.3 TB/s, 31 µs a stage in bfloat16,
// 62 µs in float32, whose arithmetic takes 256 µs; the adjoint two such products, and for A's
// gradient one of the same size. Not run on a GPU yet.
#include "ops/kuramoto_dense.h"

#include "cuda/kuramoto_network_backward.cuh"
#include "cuda/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

// P of a product, without the diagonal's part.
template <class Real, class Storage>
struct DensePuller {
  static constexpr int kWidth = 1;
  const Storage* adjacency;
  const Storage* source;  // (2, batch, N), as it was multiplied
  const Real* product;
  int64_t plane;
  __device__ __forceinline__ Circle<Real> operator()(int64_t b, int64_t i, int64_t n, int) const {
    const int64_t row = b * n + i;
    const Real own = Real(widen(adjacency[i * n + i]));
    return {fma(-own, Real(widen(source[row])), product[row]),
            fma(-own, Real(widen(source[plane + row])), product[plane + row])};
  }
};

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

template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    widenKernel(View<const bfloat16> input, Real* output) {
  const int64_t i = globalThread();
  if (i < input.length) output[i] = Real(widen(input[i]));
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
    use(DensePuller<Real, Storage>{adjacency_, source.data, product_.data(), batch * n()});
  }

  const Storage* adjacency_;
  const KuramotoSystem<Real>& system_;
  Workspace<Real> product_;
  Real *gradAdjacency_ = nullptr, *gradPrecision_ = nullptr;
};

// Calls use(adjacency) with A as the products want it.
template <class Operation, class Use>
void withAdjacency(const Operation& op, Context& context, const Use& use) {
  using Real = std::remove_const_t<std::remove_reference_t<decltype(op.adjacency[0])>>;
  if (op.adjacency) {
    use(op.adjacency.data);
  } else if constexpr (kIsSingle<Real>) {
    use(op.halfAdjacency.data);
  } else {
    const Workspace<Real> wide(context, op.halfAdjacency.length);
    launchRows<1>(widenKernel<Real>, op.halfAdjacency.length, context, op.halfAdjacency,
                  wide.data());
    use(static_cast<const Real*>(wide.data()));
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
