// A thread updates 16 bytes of each array. Floor: memory, 7 elements (4 read, 3 written) for each
// parameter. Not measured on a GPU yet.
#include "ops/adamw.h"

#include "cuda/pack.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct AdamWTuning {
  static constexpr int threads = 256;  // not measured
};

template <int kCount, class Real>
__global__ void __launch_bounds__(AdamWTuning::threads)
    adamWKernel(AdamW<Real> op, AdamCoefficients<Real> by) {
  const int64_t begin = globalThread() * kCount;
  const Real scale = Real(op.maxNorm > 0 ? clippingScale(op.norm[0], op.maxNorm) : 1);
  if (begin + kCount <= op.parameter.length) {
    auto parameter = loadPack<kCount>(op.parameter.data + begin);
    auto first = loadPack<kCount>(op.first.data + begin);
    auto second = loadPack<kCount>(op.second.data + begin);
    const auto gradient = loadPack<kCount>(op.gradient.data + begin);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const AdamState<Real> next = adamStep<Real>(
          {parameter.values[j], first.values[j], second.values[j]}, gradient.values[j], scale, by);
      parameter.values[j] = next.parameter;
      first.values[j] = next.first;
      second.values[j] = next.second;
    }
    storePack(op.parameter.data + begin, parameter);
    storePack(op.first.data + begin, first);
    storePack(op.second.data + begin, second);
  } else {
    for (int64_t i = begin; i < op.parameter.length; ++i) {
      const AdamState<Real> next =
          adamStep<Real>({op.parameter[i], op.first[i], op.second[i]}, op.gradient[i], scale, by);
      op.parameter[i] = next.parameter;
      op.first[i] = next.first;
      op.second[i] = next.second;
    }
  }
}

}  // namespace

template <class Real>
void run(const AdamW<Real>& op, Context& context) {
  const bool aligned =
      areAligned(op.parameter.data, op.gradient.data, op.first.data, op.second.data);
  withPackLength<Real>(aligned, [&](auto length) {
    constexpr int kCount = decltype(length)::value;
    const int64_t blocks = ceilDivide(op.parameter.length, kCount * AdamWTuning::threads);
    launch(adamWKernel<kCount, Real>, dim3(unsigned(blocks)), dim3(AdamWTuning::threads), 0,
           context, op, op.coefficients());
  });
}

EXPORT_KERNELS(AdamW)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
