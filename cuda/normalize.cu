// First pass: a block takes the extremes (backward: the sums) of a fixed stretch; second pass: one
// block merges the stretches in a fixed order; third pass: the map, which reads the result in
// device memory. Floor: memory, the input twice and the output once; below about 10^6 elements the
// launches. Not measured on a GPU yet.
#include "ops/normalize.h"

#include "cuda/elementwise.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct NormalizeTuning {
  static constexpr int threads = 256;        // not measured
  static constexpr int64_t stretch = 16384;  // elements; not measured; fixes the order
};
constexpr int kThreads = NormalizeTuning::threads;
constexpr size_t kSharedPerSum = kThreads / kWarp;

struct MergeExtremes {
  HOST_DEVICE Extremes operator()(const Extremes& a, const Extremes& b) const {
    return merged(a, b);
  }
};

// Sums of g and of g y.
struct GradientSums {
  double sum;
  double sumOfProducts;
};
struct AddSums {
  HOST_DEVICE GradientSums operator()(const GradientSums& a, const GradientSums& b) const {
    return {a.sum + b.sum, a.sumOfProducts + b.sumOfProducts};
  }
};

// parts[block] = the extremes of stretch `block`. A thread without an element repeats the first one
// of its stretch, which changes nothing.
template <class Real>
__global__ void __launch_bounds__(NormalizeTuning::threads)
    extremesKernel(View<const Real> input, Extremes* parts) {
  const int64_t begin = int64_t(blockIdx.x) * NormalizeTuning::stretch;
  const int64_t left = input.length - begin;
  const int64_t end = begin + min(left, NormalizeTuning::stretch);
  const double first = double(input[begin]);
  Extremes extremes = {first, first, double(begin), double(begin)};
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const double x = double(input[i]);
    extremes = merged(extremes, {x, x, double(i), double(i)});
  }
  extremes = blockReduce(extremes, extremes, MergeExtremes{}, sharedMemory<Extremes>());
  if (threadIdx.x == 0) parts[blockIdx.x] = extremes;
}

template <class Real>
__global__ void __launch_bounds__(NormalizeTuning::threads)
    gradientSumsKernel(View<const Real> gradOutput, View<const Real> output, GradientSums* parts) {
  const int64_t begin = int64_t(blockIdx.x) * NormalizeTuning::stretch;
  const int64_t left = gradOutput.length - begin;
  const int64_t end = begin + min(left, NormalizeTuning::stretch);
  GradientSums sums = {0, 0};
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const double g = double(gradOutput[i]);
    sums = AddSums{}(sums, {g, g * double(output[i])});
  }
  sums = blockReduce(sums, GradientSums{0, 0}, AddSums{}, sharedMemory<GradientSums>());
  if (threadIdx.x == 0) parts[blockIdx.x] = sums;
}

// parts[0] = all parts, by one block. `identity` changes nothing that it is combined with.
template <class Part, class Combine>
__device__ Part totalOf(const Part* parts, int64_t count, Part identity, Combine combine) {
  Part total = identity;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) total = combine(total, parts[i]);
  return blockReduce(total, identity, combine, sharedMemory<Part>());
}
__global__ void __launch_bounds__(NormalizeTuning::threads)
    extremesTotalKernel(const Extremes* parts, int64_t count, double* extremes) {
  const Extremes total = totalOf(parts, count, parts[0], MergeExtremes{});
  if (threadIdx.x == 0) memcpy(extremes, &total, sizeof total);
}
__global__ void __launch_bounds__(NormalizeTuning::threads)
    gradientSumsTotalKernel(const GradientSums* parts, int64_t count, GradientSums* result) {
  const GradientSums total = totalOf(parts, count, GradientSums{0, 0}, AddSums{});
  if (threadIdx.x == 0) *result = total;
}

template <class Real>
__global__ void __launch_bounds__(NormalizeTuning::threads)
    normalizeKernel(View<const Real> input, View<Real> output, const double* extremes) {
  const int64_t i = globalThread();
  if (i >= output.length) return;
  const Real low = Real(extremes[0]);
  output[i] = normalized(input[i], low, spanOf(low, Real(extremes[1])));
}

template <class Real>
__global__ void __launch_bounds__(NormalizeTuning::threads)
    normalizeBackwardKernel(NormalizeBackward<Real> op, const GradientSums* sums) {
  const int64_t i = globalThread();
  if (i >= op.gradInput.length) return;
  const Extremes extremes = {op.extremes[0], op.extremes[1], op.extremes[2], op.extremes[3]};
  const auto slope = normalizeSlope<Real>(extremes, sums->sum, sums->sumOfProducts);
  Real gradient = op.gradOutput[i] * slope.inverseSpan;
  if (double(i) == extremes.lowAt) gradient += slope.atLow;
  if (double(i) == extremes.highAt) gradient += slope.atHigh;
  op.gradInput[i] = gradient;
}

template <class Real>
struct AffineMap {
  Real factor;
  Real offset;
  HOST_DEVICE Real operator()(Real x) const { return fma(factor, x, offset); }
};

dim3 blocksFor(int64_t length, int64_t each) {
  return dim3(unsigned(ceilDivide(length, each)));
}

}  // namespace

template <class Real>
void run(const Affine<Real>& op, Context& context) {
  using Arithmetic = Compute<Real>;
  elementwise(context, op.output,
              AffineMap<Arithmetic>{Arithmetic(op.factor), Arithmetic(op.offset)}, op.input);
}

template <class Real>
void run(const NormalizeForward<Real>& op, Context& context) {
  const int64_t length = op.input.length;
  const dim3 stretches = blocksFor(length, NormalizeTuning::stretch);
  const Workspace<Extremes> parts(context, int64_t(stretches.x));
  launch(extremesKernel<Real>, stretches, dim3(kThreads), kSharedPerSum * sizeof(Extremes), context,
         op.input, parts.data());
  launch(extremesTotalKernel, dim3(1), dim3(kThreads), kSharedPerSum * sizeof(Extremes), context,
         static_cast<const Extremes*>(parts.data()), int64_t(stretches.x), op.extremes.data);
  launch(normalizeKernel<Real>, blocksFor(length, kThreads), dim3(kThreads), 0, context, op.input,
         op.output, static_cast<const double*>(op.extremes.data));
}

template <class Real>
void run(const NormalizeBackward<Real>& op, Context& context) {
  const int64_t length = op.gradOutput.length;
  const dim3 stretches = blocksFor(length, NormalizeTuning::stretch);
  const Workspace<GradientSums> parts(context, int64_t(stretches.x) + 1);
  GradientSums* const total = parts.data() + stretches.x;
  launch(gradientSumsKernel<Real>, stretches, dim3(kThreads), kSharedPerSum * sizeof(GradientSums),
         context, op.gradOutput, op.output, parts.data());
  launch(gradientSumsTotalKernel, dim3(1), dim3(kThreads), kSharedPerSum * sizeof(GradientSums),
         context, static_cast<const GradientSums*>(parts.data()), int64_t(stretches.x), total);
  launch(normalizeBackwardKernel<Real>, blocksFor(length, kThreads), dim3(kThreads), 0, context, op,
         static_cast<const GradientSums*>(total));
}

EXPORT_KERNELS(Affine)
EXPORT_KERNELS(NormalizeForward)
EXPORT_KERNELS(NormalizeBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
