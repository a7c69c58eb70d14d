// Kuramoto oscillators on dense and sparse graphs against the equation in double and central
// differences, for each way to sum over neighbours. Usage: simt_kuramoto_network.
#include "cuda/kuramoto_dense.cu"
#include "cuda/kuramoto_sparse.cu"
#include "cuda/matrix_product.cu"
#include "test/simt/kuramoto_check.h"

using namespace entrain;
using namespace entrain::cuda;
using namespace entrain::test;

namespace {

template <class Real>
constexpr double kBound = std::is_same_v<Real, double> ? 1e-9 : 2e-5;
template <class Real>
constexpr double kGradientBound = std::is_same_v<Real, double> ? 1e-6 : 3e-4;

// A graph of which a reference knows the matrix.
struct Rows {
  std::vector<int32_t> pointer, column, sourcePointer, source, sourceEdge;
  Numbers weight;
};

// Random rows with edges to oneself and repeated ones; `share` of all pairs.
Rows makeRows(KuramotoProblem& p, double share) {
  const int64_t n = p.oscillators;
  const Numbers draws = randomNumbers(n * n, 0, 1, 21),
                weights = randomNumbers(2 * n * n, -1, 2, 22);
  Rows rows;
  p.adjacency.assign(size_t(n * n), 0);
  rows.pointer.push_back(0);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const size_t at = size_t(i * n + j);
      if (i == n / 2 || (draws[at] > share && i != j)) continue;
      const int repeats = draws[at] < share / 8 ? 2 : 1;
      for (int repeat = 0; repeat < repeats; ++repeat) {
        rows.column.push_back(int32_t(j));
        rows.weight.push_back(weights[2 * at]);
        p.adjacency[at] += weights[2 * at];
      }
    }
    rows.pointer.push_back(int32_t(rows.column.size()));
  }
  rows.sourcePointer.push_back(0);
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < n; ++i) {
      for (int32_t e = rows.pointer[size_t(i)]; e < rows.pointer[size_t(i) + 1]; ++e) {
        if (rows.column[size_t(e)] != j) continue;
        rows.source.push_back(int32_t(i));
        rows.sourceEdge.push_back(e);
      }
    }
    rows.sourcePointer.push_back(int32_t(rows.source.size()));
  }
  return rows;
}

void makeRing(KuramotoProblem& p, int64_t neighbours) {
  const int64_t n = p.oscillators;
  p.adjacency.assign(size_t(n * n), 0);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 1; k <= neighbours; ++k) {
      p.adjacency[size_t(i * n + (i + k) % n)] = 1;
      p.adjacency[size_t(i * n + (i - k + n) % n)] = 1;
    }
  }
}

// Runs a graph's two operations; `set` fills in the graph.
template <class Real, template <class> class Forward, template <class> class Backward, class Set>
void testRun(const std::string& graph, const ProblemOptions& options, KuramotoProblem& p,
             double bound, double gradientBound, const Set& set) {
  const std::string what =
      (sizeof(Real) == 4 ? "float32 " : "float64 ") + graph + " " + nameOf(options);
  Context context = makeContext();
  const DeviceProblem<Real> device(p);
  const KuramotoResult expected = referenceRun(p);
  const int64_t pullCount = p.steps * p.stages * p.batch * p.oscillators * 2;
  for (const int64_t checkpointEvery : {3, 1}) {
    const RunOutputs<Real> outputs(p, checkpointEvery, pullCount);
    Forward<Real> op = {};
    device.setSystem(op, checkpointEvery);
    op.phases = device.phases.input();
    outputs.set(op);
    set(op);
    op.validate();
    cuda::run(op, context);
    outputs.check(what, p, expected, bound);
    const GradientOutputs<Real> gradients(p);
    Backward<Real> adjoint = {};
    device.setSystem(adjoint, checkpointEvery);
    gradients.set(adjoint, device, outputs);
    if (checkpointEvery == 1) adjoint.pulls = outputs.pulls.input();
    set(adjoint);
    adjoint.validate();
    cuda::run(adjoint, context);
    CUDA_CHECK(cudaDeviceSynchronize());
    gradients.check(what, p, gradientBound);
  }
}

template <class Real>
void testDense(const ProblemOptions& options) {
  KuramotoProblem p = makeProblem<Real>(options);
  const int64_t n = p.oscillators;
  p.adjacency = randomNumbers(n * n, -1, 2, 20);
  const DeviceArray<Real> adjacency(p.adjacency), gradient(n * n);
  testRun<Real, KuramotoDenseForward, KuramotoDenseBackward>(
      "dense", options, p, kBound<Real>, kGradientBound<Real>, [&](auto& op) {
        op.adjacency = adjacency.input();
        if constexpr (requires { op.gradAdjacency; }) op.gradAdjacency = gradient.view();
      });
  compare("dense " + nameOf(options), "gradAdjacency", gradient.read(), differences(p, p.adjacency),
          kGradientBound<Real>);
}

template <class Real>
void testHalf(const ProblemOptions& options) {
  KuramotoProblem p = makeProblem<Real>(options);
  const int64_t n = p.oscillators;
  p.adjacency = randomNumbers(n * n, -1, 2, 20);
  const DeviceArray<bfloat16> adjacency(p.adjacency);
  for (double& x : p.adjacency) x = double(widen(narrow<bfloat16>(float(x))));
  const DeviceArray<Real> gradient(n * n);
  const double bound = std::is_same_v<Real, double> ? 1e-9 : 2e-2;
  testRun<Real, KuramotoDenseForward, KuramotoDenseBackward>(
      "half", options, p, bound, 10 * bound, [&](auto& op) {
        op.halfAdjacency = adjacency.input();
        if constexpr (requires { op.gradAdjacency; }) op.gradAdjacency = gradient.view();
      });
  compare("half " + nameOf(options), "gradAdjacency", gradient.read(), differences(p, p.adjacency),
          10 * bound);
}

template <class Real>
void testRows(const ProblemOptions& options, double share) {
  KuramotoProblem p = makeProblem<Real>(options);
  const Rows rows = makeRows(p, share);
  const DeviceArray<int32_t> pointer(rows.pointer), column(rows.column);
  const DeviceArray<int32_t> sourcePointer(rows.sourcePointer), source(rows.source);
  const DeviceArray<int32_t> sourceEdge(rows.sourceEdge);
  const DeviceArray<Real> weight(rows.weight), gradient(int64_t(rows.weight.size()));
  testRun<Real, KuramotoSparseForward, KuramotoSparseBackward>(
      "rows", options, p, kBound<Real>, kGradientBound<Real>, [&](auto& op) {
        op.rowPointer = pointer.input();
        op.column = column.input();
        op.weight = weight.input();
        if constexpr (requires { op.gradWeight; }) {
          op.sourcePointer = sourcePointer.input();
          op.source = source.input();
          op.sourceEdge = sourceEdge.input();
          op.gradWeight = gradient.view();
        }
      });
  if (p.oscillators > 60) return;
  const Numbers matrix = differences(p, p.adjacency), got = gradient.read();
  Numbers expected;
  for (int64_t i = 0; i < p.oscillators; ++i) {
    for (int32_t e = rows.pointer[size_t(i)]; e < rows.pointer[size_t(i) + 1]; ++e) {
      expected.push_back(matrix[size_t(i * p.oscillators + rows.column[size_t(e)])]);
    }
  }
  compare("rows " + nameOf(options), "gradWeight", got, expected, kGradientBound<Real>);
}

template <class Real>
void testRing(const ProblemOptions& options, int64_t neighbours) {
  KuramotoProblem p = makeProblem<Real>(options);
  makeRing(p, neighbours);
  testRun<Real, KuramotoSparseForward, KuramotoSparseBackward>(
      "ring of " + std::to_string(neighbours), options, p, kBound<Real>, kGradientBound<Real>,
      [&](auto& op) { op.neighbours = neighbours; });
}

template <class Real>
void testType() {
  const ProblemOptions plain = {1, 9, 7, 1, false, kByCount, kNoDrive, 2};
  const ProblemOptions rich = {3, 6, 8, 4, true, kByDegree, kStepDrive, 4};
  const ProblemOptions noisy = {2, 5, 5, 2, true, kUnnormalised, kBatchDrive, 1, 0.2};
  for (const ProblemOptions& options : {plain, rich, noisy}) {
    testDense<Real>(options);
    testHalf<Real>(options);
    testRows<Real>(options, 0.4);
    testRing<Real>(options, 2);
  }
  testRows<Real>({2, 25, 3, 1, true, kByDegree, kNodeDrive}, 0.9);
  testRows<Real>({1, 120, 1, 1, false, kByDegree}, 0.97);
  testRing<Real>({2, 90, 2, 1, true, kByDegree, kNoDrive, 1}, 40);
  testRing<Real>({1, 300, 1, 1, false}, 33);
  testRing<Real>({2, 1, 3, 1, false, kByDegree}, 0);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  testType<double>();
  testType<float>();
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
