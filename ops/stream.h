// What a device offers to the binding: stream-ordered memory and an ordered queue of operations.
// cpu/device.h and cuda/device.h implement it; nothing here waits but close().
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ops/fault.h"

namespace entrain::runtime {

// One queued operation: which kernel, and a copy of its argument struct.
struct OperationCall {
  int32_t operation = -1;  // index in ops/operations.h
  int32_t dtype = 0;       // entrain::Dtype of its Real
  const void* arguments = nullptr;
  int64_t argumentBytes = 0;  // at most kMaximumArgumentBytes
};
constexpr int64_t kMaximumArgumentBytes = 768;

struct MemoryStatistics {
  int64_t live = 0, cached = 0, peak = 0;  // bytes
};

// What went wrong since the last read, if anything: an error code and a message.
struct Outcome {
  const char* code = nullptr;
  std::string message;
};
// Called once, on some other thread, when everything enqueued before has finished.
using Completion = std::function<void(const Outcome&)>;

class Stream {
 public:
  virtual ~Stream() = default;

  // Memory whose first use may be enqueued at once; throws Error ERR_OUT_OF_MEMORY.
  virtual void* allocate(int64_t bytes) = 0;
  // The memory may be in use by queued work: it is reused only after that.
  virtual void release(void* memory, int64_t bytes) = 0;

  virtual void enqueue(const OperationCall& call) = 0;
  // Reads `from` before it returns.
  virtual void upload(void* to, const void* from, int64_t bytes) = 0;
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;
  virtual void fillZero(void* to, int64_t bytes) = 0;
  // Writes host memory that stays valid until `done`; reports and clears the first failure.
  virtual void download(void* to, const void* from, int64_t bytes, Completion done) = 0;
  // Blocks until everything enqueued before has finished.
  virtual Outcome synchronize() = 0;

  // Drops what has not started and waits for what has; completions of dropped reads never run.
  virtual void close() = 0;
  virtual MemoryStatistics memory() const = 0;
  // Gives cached memory back to the system.
  virtual void trim() = 0;
};

}  // namespace entrain::runtime
