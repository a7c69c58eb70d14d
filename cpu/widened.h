// Operations on float32 numbers that are worked out in float64; see ops/widened.h.
#pragma once

#include "cpu/kernel.h"
#include "ops/widened.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// `run` takes the operation in float64.
template <template <class> class Operation, class Run>
void runWidened(const Operation<float>& op, Context& context, const Run& run) {
  const auto copy = [](const auto* from, auto* to, int64_t length) {
    for (int64_t i = 0; i < length; ++i) to[i] = std::remove_pointer_t<decltype(to)>(from[i]);
  };
  const auto allocate = [&](int64_t length) { return context.workspace<double>(length); };
  entrain::runWidened<Operation>(op, allocate, copy, run, copy);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
