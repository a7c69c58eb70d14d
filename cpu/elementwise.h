// output[i] = function(inputs[i]...) in vectors over all threads.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kElementwiseGrain = 16384;  // elements: 64 KiB of float32, a share of L2

template <class Output, class Function, class... Input>
void elementwise(Context& context, View<Output> output, const Function& function,
                 View<const Input>... inputs) {
  constexpr int64_t kLanes = Vector<Compute<Output>>::kLanes;
  context.forRange(output.length, kElementwiseGrain, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      store(output.data + i, function(load(inputs.data + i)...));
    }
    if (i < end) {
      storePartial(output.data + i, function(loadPartial(inputs.data + i, end - i)...), end - i);
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
