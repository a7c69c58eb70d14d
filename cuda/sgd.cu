// A thread updates 16 bytes of each array. Floor: memory, 5 elements (3 read, 2 written) for each
// parameter, 3 without momentum. Not measured on a GPU yet.
#include "ops/sgd.h"

#include "cuda/pack.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct SgdTuning {
  static constexpr int threads = 256;  // not measured
};

// What becomes of the buffer `first`: there is none, it is only written, or it is read too.
enum class Buffer { none, written, updated };

template <Buffer kBuffer, int kCount, class Real>
__device__ __forceinline__ void sgdAt(const Sgd<Real>& op, const SgdCoefficients<Real>& by,
                                      Real scale, int64_t i) {
  auto parameter = loadPack<kCount>(op.parameter.data + i);
  const auto gradient = loadPack<kCount>(op.gradient.data + i);
  Pack<Real, kCount> first = {};
  if constexpr (kBuffer == Buffer::updated) first = loadPack<kCount>(op.first.data + i);
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    const SgdState<Real> next =
        sgdStep<Real>({parameter.values[j], first.values[j]}, gradient.values[j], scale, by);
    parameter.values[j] = next.parameter;
    first.values[j] = next.first;
  }
  storePack(op.parameter.data + i, parameter);
  if constexpr (kBuffer != Buffer::none) storePack(op.first.data + i, first);
}

template <Buffer kBuffer, int kCount, class Real>
__global__ void __launch_bounds__(SgdTuning::threads)
    sgdKernel(Sgd<Real> op, SgdCoefficients<Real> by) {
  const int64_t begin = globalThread() * kCount;
  const Real scale = Real(op.maxNorm > 0 ? clippingScale(op.norm[0], op.maxNorm) : 1);
  if (begin + kCount <= op.parameter.length) {
    sgdAt<kBuffer, kCount>(op, by, scale, begin);
  } else {
    for (int64_t i = begin; i < op.parameter.length; ++i) sgdAt<kBuffer, 1>(op, by, scale, i);
  }
}

template <Buffer kBuffer, class Real>
void step(const Sgd<Real>& op, Context& context) {
  const bool aligned = areAligned(op.parameter.data, op.gradient.data, op.first.data);
  withPackLength<Real>(aligned, [&](auto length) {
    constexpr int kCount = decltype(length)::value;
    const int64_t blocks = ceilDivide(op.parameter.length, kCount * SgdTuning::threads);
    launch(sgdKernel<kBuffer, kCount, Real>, dim3(unsigned(blocks)), dim3(SgdTuning::threads), 0,
           context, op, op.coefficients());
  });
}

}  // namespace

template <class Real>
void run(const Sgd<Real>& op, Context& context) {
  if (!op.first) {
    step<Buffer::none>(op, context);
  } else if (op.step == 1 || op.momentum == 0) {
    step<Buffer::written>(op, context);
  } else {
    step<Buffer::updated>(op, context);
  }
}

EXPORT_KERNELS(Sgd)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
