// A thread converts as many elements as fit 16 bytes of the wider type. Floor: memory, one element
// of each type. Not measured on a GPU yet.
#include "ops/cast.h"

#include "cuda/pack.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct CastTuning {
  static constexpr int threads = 256;  // not measured
};

template <int kCount, class From, class To>
__global__ void __launch_bounds__(CastTuning::threads)
    castKernel(View<const From> input, View<To> output) {
  const int64_t begin = globalThread() * kCount;
  if (begin + kCount <= input.length) {
    const auto from = loadPack<kCount>(input.data + begin);
    Pack<To, kCount> to;
#pragma unroll
    for (int j = 0; j < kCount; ++j) to.values[j] = cast<To>(from.values[j]);
    storePack(output.data + begin, to);
  } else {
    for (int64_t i = begin; i < input.length; ++i) output[i] = cast<To>(input[i]);
  }
}

template <class From, class To>
void castAll(const CastArguments<From, To>& op, Context& context) {
  using Wider = std::conditional_t<(sizeof(From) > sizeof(To)), From, To>;
  withPackLength<Wider>(areAligned(op.input.data, op.output.data), [&](auto length) {
    constexpr int kCount = decltype(length)::value;
    const int64_t blocks = ceilDivide(op.input.length, kCount * CastTuning::threads);
    launch(castKernel<kCount, From, To>, dim3(unsigned(blocks)), dim3(CastTuning::threads), 0,
           context, op.input, op.output);
  });
}

}  // namespace

template <class Real>
void run(const CastToFloat64<Real>& op, Context& context) {
  castAll(op, context);
}
template <class Real>
void run(const CastToFloat32<Real>& op, Context& context) {
  castAll(op, context);
}
template <class Real>
void run(const CastToBfloat16<Real>& op, Context& context) {
  castAll(op, context);
}
template <class Real>
void run(const CastToFloat16<Real>& op, Context& context) {
  castAll(op, context);
}

EXPORT_KERNELS(CastToFloat64)
EXPORT_KERNELS(CastToFloat32)
EXPORT_KERNELS(CastToBfloat16)
EXPORT_KERNELS(CastToFloat16)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
