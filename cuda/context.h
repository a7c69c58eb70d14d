// What a CUDA kernel's run() works with: the stream to launch on, the device's limits, a place to
// report faulty data, and the accounting of scratch memory.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "ops/fault.h"
#include "ops/stream.h"

namespace entrain::runtime {

// The first fault of a stream, in device memory; all zero at first.
struct FaultRecord {
  int64_t sequence;  // of the operation, counted from 1 in the order of the stream
  int64_t element;
  double value;
  int32_t rule;  // FaultRule
  int32_t operation;
  uint32_t lock;
  uint32_t padding;
};

// Passed to kernels by value; raise() of cuda/fault.cuh writes through it.
struct FaultSlot {
  FaultRecord* record = nullptr;
  int64_t sequence = 0;  // of the running operation
  int64_t reported = 0;  // faults up to this sequence have been read and count no more
  int32_t operation = -1;
};

class CudaContext {
 public:
  cudaStream_t stream = nullptr;
  int device = 0;
  int multiprocessors = 1;
  int computeCapability = 75;                     // 10 major + minor
  int64_t sharedMemoryPerBlock = 49152;           // bytes, with the opt-in that launch() asks for
  int64_t sharedMemoryPerMultiprocessor = 65536;  // bytes
  bool checkAfterLaunch = false;                  // ENTRAIN_CHECK_AFTER_LAUNCH=1
  MemoryStatistics* statistics = nullptr;

  FaultSlot faultSlot() const { return fault_; }

  // For the stream: the next operation's faults carry its number.
  void begin(int32_t operation) {
    fault_.operation = operation;
    ++fault_.sequence;
  }
  // A read of the stream takes the record as it is now.
  void setReported(int64_t sequence) { fault_.reported = sequence; }
  void useRecord(FaultRecord* record) { fault_.record = record; }

  void countAllocation(int64_t bytes) {
    if (!statistics) return;
    statistics->live += bytes;
    if (statistics->live > statistics->peak) statistics->peak = statistics->live;
  }
  void countRelease(int64_t bytes) {
    if (statistics) statistics->live -= bytes;
  }

 private:
  FaultSlot fault_;
};

// A kernel of the table in cuda/table.cu; null where the operation has no such dtype.
using CudaKernel = void (*)(const void* operation, CudaContext& context);
CudaKernel cudaKernel(int32_t operation, int32_t dtype);

}  // namespace entrain::runtime
