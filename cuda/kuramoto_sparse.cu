// Kuramoto oscillators on a sparse graph. A stage is one kernel: it gathers the pairs (sine,
// cosine) of an oscillator's neighbours out of the last stage's array, moves its phase and writes
// its pair into the next one. Floors on an H200, N = 10^6 of 16 neighbours, float32: indices 15 µs
// and 32-byte sectors gathered from the level-2 cache 93 µs, where the order is random; on a ring,
// without indices, 30 bytes an oscillator and 16 loads from the level-1 cache, 10 µs. The adjoint
// gathers twice as much through the transposed graph. Not run on a GPU yet.
#include "ops/kuramoto_sparse.h"

#include "cuda/kuramoto_network_backward.cuh"
#include "cuda/kuramoto_pull.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

// Σ |w| p over the edges of each row, without those to itself.
template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    sparseDegreeKernel(EdgeRows<Real> rows, View<const Real> precision, int64_t n,
                       double* degrees) {
  const int64_t i = globalThread();
  if (i >= n) return;
  double sum = 0;
  for (int64_t e = rows.pointer[i]; e < rows.pointer[i + 1]; ++e) {
    const int64_t j = rows.column[e];
    const double p = precision ? double(precision[j]) : 1.0;
    if (j != i) sum += absolute(double(rows.weightOf(e))) * p;
  }
  degrees[i] = sum;
}

// ---- the ring's degrees, by way of its sums ----

template <class Real>
__global__ void fillPairsKernel(View<const Real> values, int64_t n, Circle<Real>* pairs) {
  const int64_t i = globalThread();
  if (i < n) pairs[i] = {values ? values[i] : Real(1), Real(0)};
}
template <class Real, class Puller>
__global__ void __launch_bounds__(NetworkTuning::threads)
    ringDegreeKernel(Puller puller, int64_t n, double* degrees, Real* added) {
  const int64_t i = globalThread();
  if (i >= n) return;
  const Real sum = puller(0, i, n, 0).sine;
  if (degrees) degrees[i] = double(sum);
  if (added) added[i] += sum;
}

// ---- gradients of weights and precisions ----

// gradWeight[e] += Σ over rows of the batch of g_i x_j; lanes of a group take a row's edges.
template <class Real, int kWidth>
__global__ void __launch_bounds__(NetworkTuning::threads)
    sparseWeightKernel(EdgeRows<Real> rows, const Circle<Real>* flow, const Circle<Real>* source,
                       int64_t batch, int64_t n, Real* gradWeight) {
  const auto place = networkPlace<kWidth>(1, n);
  if (!place.isActive) return;
  const int64_t i = place.i, end = rows.pointer[i + 1];
  for (int64_t e = rows.pointer[i] + place.lane; e < end; e += kWidth) {
    const int64_t j = rows.column[e];
    if (j == i) continue;
    Real sum = Real(0);
    for (int64_t b = 0; b < batch; ++b) {
      sum += gradSourcePrecision(loadCircle(source + b * n + j), loadCircle(flow + b * n + i));
    }
    gradWeight[e] += sum;
  }
}
template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    sparseWeightDegreeKernel(EdgeRows<Real> rows, View<const Real> precision,
                             const Real* gradDegrees, int64_t n, Real* gradWeight) {
  const int64_t i = globalThread();
  if (i >= n) return;
  for (int64_t e = rows.pointer[i]; e < rows.pointer[i + 1]; ++e) {
    const int64_t j = rows.column[e];
    const Real p = precision ? precision[j] : Real(1);
    if (j != i) gradWeight[e] += gradOfMagnitude(rows.weightOf(e), gradDegrees[i] * p);
  }
}
// Through the transposed graph.
template <class Real>
__global__ void __launch_bounds__(NetworkTuning::threads)
    sparsePrecisionKernel(EdgeRows<Real> sources, const Real* gradDegrees, int64_t n,
                          Real* gradPrecision) {
  const int64_t j = globalThread();
  if (j >= n) return;
  double sum = 0;
  for (int64_t e = sources.pointer[j]; e < sources.pointer[j + 1]; ++e) {
    const int64_t i = sources.column[e];
    if (i != j) sum += absolute(double(sources.weightOf(e))) * double(gradDegrees[i]);
  }
  gradPrecision[j] += Real(sum);
}

// ---- the graph ----

template <class Real>
class SparseGraph {
 public:
  using Layout = CirclePairs<Real>;

  SparseGraph(const KuramotoSystem<Real>& system, EdgeRows<Real> rows, EdgeRows<Real> sources,
              int64_t edges, int64_t neighbours)
      : system_(system),
        rows_(rows),
        sources_(sources),
        neighbours_(neighbours),
        meanEdges_(double(edges) / double(system.oscillators)) {}
  // Of a backward pass.
  void setGradients(View<Real> gradWeight, Real* gradPrecision, Context& context) {
    gradWeight_ = gradWeight;
    gradPrecision_ = gradPrecision;
    if (gradWeight.length == 0) return;
    CUDA_CHECK(cudaMemsetAsync(gradWeight.data, 0, size_t(gradWeight.length) * sizeof(Real),
                               context.stream));
  }

  template <class Use>
  void pulled(Layout source, int64_t batch, Context& context, const Use& use) {
    pull(rows_, source.data, batch, context, use);
  }
  template <class Use>
  void flowed(Layout source, int64_t batch, Context& context, const Use& use) {
    pull(sources_, source.data, batch, context, use);
  }
  void degrees(View<const Real> precision, double* output, Context& context) {
    if (isRing()) {
      addRing(precision, output, nullptr, context);
    } else {
      launchRows<1>(sparseDegreeKernel<Real>, n(), context, rows_, precision, n(), output);
    }
  }

  bool keepsStages() const { return false; }
  bool wantsSources() const { return gradWeight_.length > 0; }
  void endStage(Layout flow, Layout source, Context& context) {
    if (!wantsSources()) return;
    withWidth([&](auto width) {
      constexpr int kWidth = decltype(width)::value;
      launchRows<kWidth>(sparseWeightKernel<Real, kWidth>, n(), context, rows_, flow.data,
                         source.data, system_.batch, n(), gradWeight_.data);
    });
  }
  void endWindow(Layout, Layout, int64_t, bool, Context&) {}
  void finish(Real* gradDegrees, Context& context) {
    if (!gradDegrees) return;
    if (wantsSources()) {
      launchRows<1>(sparseWeightDegreeKernel<Real>, n(), context, rows_, system_.precision,
                    gradDegrees, n(), gradWeight_.data);
    }
    if (!gradPrecision_) return;
    if (isRing()) {
      addRing({gradDegrees, n()}, nullptr, gradPrecision_, context);
    } else {
      launchRows<1>(sparsePrecisionKernel<Real>, n(), context, sources_, gradDegrees, n(),
                    gradPrecision_);
    }
  }

 private:
  int64_t n() const { return system_.oscillators; }
  bool isRing() const { return rows_.pointer == nullptr; }

  // Lanes for a row.
  template <class Body>
  void withWidth(const Body& body) const {
    if (meanEdges_ < PullTuning::fewEdges) {
      body(std::integral_constant<int, 1>{});
    } else if (meanEdges_ < PullTuning::manyEdges) {
      body(std::integral_constant<int, 8>{});
    } else {
      body(std::integral_constant<int, kWarp>{});
    }
  }
  template <class Use>
  void pull(const EdgeRows<Real>& rows, const Circle<Real>* source, int64_t batch, Context& context,
            const Use& use) const {
    if (isRing()) return pullRing(source, batch, n(), neighbours_, context, use);
    withWidth([&](auto width) { use(RowPuller<Real, decltype(width)::value>{rows, source}); });
  }
  // Σ over the neighbours of each oscillator of their value, or of 1.
  void addRing(View<const Real> values, double* degrees, Real* added, Context& context) const {
    const Workspace<Circle<Real>> pairs(context, n());
    launchRows<1>(fillPairsKernel<Real>, n(), context, values, n(), pairs.data());
    pullRing(static_cast<const Circle<Real>*>(pairs.data()), 1, n(), neighbours_, context,
             [&](const auto& puller) {
               launchRows<1>(ringDegreeKernel<Real, std::remove_cvref_t<decltype(puller)>>, n(),
                             context, puller, n(), degrees, added);
             });
  }

  const KuramotoSystem<Real>& system_;
  EdgeRows<Real> rows_, sources_;
  int64_t neighbours_;
  double meanEdges_;
  View<Real> gradWeight_;
  Real* gradPrecision_ = nullptr;
};

}  // namespace

template <class Real>
void run(const KuramotoSparseForward<Real>& op, Context& context) {
  using Graph = SparseGraph<Real>;
  const EdgeRows<Real> rows = {op.rowPointer.data, op.column.data, nullptr, op.weight.data};
  Graph graph(op, rows, {}, op.column.length, op.neighbours);
  const Workspace<double> degrees(context, op.normalisation == kByDegree ? op.oscillators : 0);
  const Workspace<Real> bases(context, op.oscillators);
  networkBases<Real>(op, graph, degrees.data(), bases.data(), context);
  NetworkRunner<Real, Graph>(op, op, graph, bases.data(), context).run();
}

template <class Real>
void run(const KuramotoSparseBackward<Real>& op, Context& context) {
  using Graph = SparseGraph<Real>;
  const EdgeRows<Real> rows = {op.rowPointer.data, op.column.data, nullptr, op.weight.data};
  const EdgeRows<Real> sources = {op.sourcePointer.data, op.source.data, op.sourceEdge.data,
                                  op.weight.data};
  Graph graph(op, rows, sources, op.column.length, op.neighbours);
  graph.setGradients(op.gradWeight, op.gradPrecision.data, context);
  NetworkBackward<KuramotoSparseForward<Real>, KuramotoSparseBackward<Real>, Graph>(op, graph,
                                                                                    context)
      .run();
}

EXPORT_KERNELS(KuramotoSparseForward)
EXPORT_KERNELS(KuramotoSparseBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
