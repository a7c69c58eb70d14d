// Which places of a list of targets a node stands at, in ascending order: what receivers found is
// added up by node, repeats in their order. Targets that are no nodes stand nowhere.
#pragma once

#include "cuda/token_sort.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct WaveSlotTuning {
  static constexpr int threads = 128;  // not measured
};

// The sorted targets; without any, each node stands at its own place.
struct WaveSlots {
  const int32_t* nodes;  // null where there are no targets
  const int64_t* places;
  int64_t count;

  // Calls visit(place) for every place of a node.
  template <class Visit>
  __device__ __forceinline__ void forEach(int64_t node, const Visit& visit) const {
    if (!nodes) return visit(node);
    int64_t low = 0, high = count;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (nodes[middle] < node) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (int64_t i = low; i < count && nodes[i] == node; ++i) visit(places[i]);
  }
};

// What TokenSort sorts: `vocabulary` - 1 stands for no node, so that it finds no fault of its own.
struct WaveSlotKeys {
  View<const int32_t> tokens;
  int64_t count, vocabulary;
};

static __global__ void __launch_bounds__(WaveSlotTuning::threads)
    waveSlotKeysKernel(View<const int32_t> targets, int64_t nodes, int32_t* keys, FaultSlot slot) {
  const int64_t s = globalThread();
  if (s >= targets.length) return;
  const int32_t node = targets[s];
  const bool exists = node >= 0 && node < nodes;
  if (!exists) raise(slot, FaultRule::receiverRange, s, double(node));
  keys[s] = exists ? node : int32_t(nodes);
}

// Calls use(slots) of some targets, or of none.
template <class Use>
void withWaveSlots(View<const int32_t> targets, int64_t nodes, Context& context, const Use& use) {
  if (!targets) return use(WaveSlots{nullptr, nullptr, nodes});
  const int64_t count = targets.length;
  const Workspace<int32_t> keys(context, count);
  launch(waveSlotKeysKernel, dim3(unsigned(ceilDivide(count, WaveSlotTuning::threads))),
         dim3(WaveSlotTuning::threads), 0, context, targets, nodes, keys.data(),
         context.faultSlot());
  const TokenSort sort(WaveSlotKeys{{keys.data(), count}, count, nodes + 1}, context);
  const SortedTokens sorted = sort.sorted();
  use(WaveSlots{sorted.tokens, sorted.places, count});
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
