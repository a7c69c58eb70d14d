// Operations on float32 numbers that are worked out in float64; see ops/widened.h.
#pragma once

#include "cuda/launch.cuh"
#include "ops/widened.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

constexpr int kWidenThreads = 128;

template <class From, class To>
__global__ void convertKernel(const From* from, To* to, int64_t length) {
  const int64_t i = globalThread();
  if (i < length) to[i] = To(from[i]);
}

// `run` takes the operation in float64.
template <template <class> class Operation, class Run>
void runWidened(const Operation<float>& op, Context& context, const Run& run) {
  Operation<float> source = op;
  NarrowFields fields;
  source.fields(fields);
  const Workspace<double> memory(context, fields.copiedLength());
  const auto copy = [&]<class From, class To>(const From* from, To* to, int64_t length) {
    launch(convertKernel<From, To>, dim3(unsigned(ceilDivide(length, kWidenThreads))),
           dim3(kWidenThreads), 0, context, from, to, length);
  };
  const auto allocate = [&](int64_t) { return memory.data(); };
  entrain::runWidened<Operation>(op, allocate, copy, run, copy);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
