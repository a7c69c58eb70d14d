// Reporting faulty data from a kernel. Of all faults of a stream the one of the earliest operation,
// and in it the one with the lowest element, stays, whatever order the threads run in.
#pragma once

#include "cuda/kernel.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

using runtime::FaultRule;
using runtime::FaultSlot;

// A lock guards the record, because key and value do not fit one atomic word; faults are rare, and
// the unguarded look spares all but the lowest elements the lock.
__device__ inline void raise(FaultSlot slot, FaultRule rule, int64_t element, double value) {
  volatile runtime::FaultRecord* record = slot.record;
  const auto isFirst = [&] {
    const int64_t held = record->sequence;
    return held <= slot.reported || (held == slot.sequence && element < record->element);
  };
  if (!isFirst()) return;
  bool waiting = true;
  while (waiting) {
    if (atomicCAS(&slot.record->lock, 0u, 1u) != 0u) continue;
    __threadfence();
    if (isFirst()) {
      record->element = element;
      record->value = value;
      record->rule = int32_t(rule);
      record->operation = slot.operation;
      record->sequence = slot.sequence;
    }
    __threadfence();
    atomicExch(&slot.record->lock, 0u);
    waiting = false;
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
