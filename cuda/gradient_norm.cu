// First pass: a block sums the squares of a fixed stretch in double, 16 bytes a load; second pass:
// one block adds the stretches in a fixed order. A tensor of one stretch needs the first pass only.
// Floor: memory, the gradient once; below about 10^6 elements the launches.
// Not measured on a GPU yet.
#include "ops/gradient_norm.h"

#include "cuda/pack.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct GradientNormTuning {
  static constexpr int threads = 256;        // not measured
  static constexpr int64_t stretch = 16384;  // elements; not measured; fixes the order
  static constexpr int totalThreads = 1024;  // not measured
};

// Thread t takes the packs t, t + threads, … of its block's stretch: a fixed order whether the
// packs are loaded whole or not.
template <bool kAligned, class Real>
__global__ void __launch_bounds__(GradientNormTuning::threads)
    gradientNormPartKernel(View<const Real> gradient, double* sums) {
  constexpr int kThreads = GradientNormTuning::threads;
  constexpr int kCount = kPackLength<Real>;
  constexpr int kRounds = int(GradientNormTuning::stretch / (kThreads * kCount));
  const int64_t begin = int64_t(blockIdx.x) * GradientNormTuning::stretch + threadIdx.x * kCount;
  double sum = 0;
#pragma unroll 4
  for (int round = 0; round < kRounds; ++round) {
    const int64_t i = begin + round * kThreads * kCount;
    Pack<Real, kCount> pack = {};
    if (kAligned && i + kCount <= gradient.length) {
      pack = loadPack<kCount>(gradient.data + i);
    } else {
      for (int j = 0; j < kCount; ++j) {
        if (i + j < gradient.length) pack.values[j] = gradient[i + j];
      }
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) sum += squareOf(double(pack.values[j]));
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// result = Σ sums, or its square root.
template <bool kRoot>
__global__ void __launch_bounds__(GradientNormTuning::totalThreads)
    gradientNormTotalKernel(View<const double> sums, double* result) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < sums.length; i += GradientNormTuning::totalThreads) {
    sum += sums[i];
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  if (threadIdx.x == 0) *result = kRoot ? squareRoot(sum) : sum;
}

template <bool kRoot>
void total(Context& context, View<const double> sums, double* result) {
  constexpr int kThreads = GradientNormTuning::totalThreads;
  launch(gradientNormTotalKernel<kRoot>, dim3(1), dim3(kThreads), kThreads / kWarp * sizeof(double),
         context, sums, result);
}

}  // namespace

template <class Real>
void run(const GradientNormPart<Real>& op, Context& context) {
  constexpr int kThreads = GradientNormTuning::threads;
  const int64_t stretches =
      max(int64_t(1), ceilDivide(op.gradient.length, GradientNormTuning::stretch));
  double* const result = op.partial.data + op.slot;
  const Workspace<double> sums(context, stretches > 1 ? stretches : 0);
  const auto part = areAligned(op.gradient.data) ? gradientNormPartKernel<true, Real>
                                                 : gradientNormPartKernel<false, Real>;
  launch(part, dim3(unsigned(stretches)), dim3(kThreads), kThreads / kWarp * sizeof(double),
         context, op.gradient, stretches > 1 ? sums.data() : result);
  if (stretches > 1) total<false>(context, {sums.data(), stretches}, result);
}

template <class Real>
void run(const GradientNorm<Real>& op, Context& context) {
  total<true>(context, op.partial, op.norm.data);
}

EXPORT_KERNELS(GradientNormPart)
EXPORT_KERNELS(GradientNorm)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
