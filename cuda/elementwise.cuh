// output[i] = function(inputs[i]...): 16 bytes per thread and access where all views are aligned,
// single elements otherwise and in the tail. Reads and writes each byte once: bound by memory.
#pragma once

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct ElementwiseTuning {
  static constexpr int threads = 256;
};

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T values[kCount];
};

template <class T>
constexpr int kPackLength = int(16 / sizeof(T));

template <class Output, class Function, class... Input>
__device__ __forceinline__ void elementwiseAt(View<Output> output, const Function& function,
                                              int64_t i, View<const Input>... inputs) {
  output.data[i] = narrow<Output>(function(widen(inputs.data[i])...));
}

template <class Output, class Function, class... Input>
__global__ void __launch_bounds__(ElementwiseTuning::threads)
    elementwisePackKernel(View<Output> output, Function function, View<const Input>... inputs) {
  constexpr int kLength = kPackLength<Output>;
  const int64_t begin = globalThread() * kLength;
  if (begin + kLength <= output.length) {
    const auto apply = [&](const Pack<Input, kLength>&... packs) {
      Pack<Output, kLength> result;
#pragma unroll
      for (int j = 0; j < kLength; ++j) {
        result.values[j] = narrow<Output>(function(widen(packs.values[j])...));
      }
      *reinterpret_cast<Pack<Output, kLength>*>(output.data + begin) = result;
    };
    apply(*reinterpret_cast<const Pack<Input, kLength>*>(inputs.data + begin)...);
  } else {
    for (int64_t i = begin; i < output.length; ++i) {
      elementwiseAt(output, function, i, inputs...);
    }
  }
}

template <class Output, class Function, class... Input>
__global__ void __launch_bounds__(ElementwiseTuning::threads)
    elementwiseScalarKernel(View<Output> output, Function function, View<const Input>... inputs) {
  const int64_t i = globalThread();
  if (i < output.length) elementwiseAt(output, function, i, inputs...);
}

// `function` is an object with a HOST_DEVICE operator() over the arithmetic type; all views store
// the same type.
template <class Output, class Function, class... Input>
void elementwise(Context& context, View<Output> output, Function function,
                 View<const Input>... inputs) {
  static_assert((std::is_same_v<Output, Input> && ...), "views of one type");
  constexpr int kThreads = ElementwiseTuning::threads;
  const auto isAligned = [](const void* data) {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0;
  };
  if (isAligned(output.data) && (isAligned(inputs.data) && ...)) {
    const int64_t packs = ceilDivide(output.length, kPackLength<Output>);
    launch(elementwisePackKernel<Output, Function, Input...>,
           dim3(unsigned(ceilDivide(packs, kThreads))), dim3(kThreads), 0, context, output,
           function, inputs...);
  } else {
    launch(elementwiseScalarKernel<Output, Function, Input...>,
           dim3(unsigned(ceilDivide(output.length, kThreads))), dim3(kThreads), 0, context, output,
           function, inputs...);
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
