// Pinned host memory that copies to and from a device pass through, kept for reuse.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

namespace entrain::runtime {

// Events that need no timing, kept for reuse. From any thread.
class Events {
 public:
  ~Events();
  cudaEvent_t take();
  void give(cudaEvent_t event);

 private:
  std::mutex mutex_;
  std::vector<cudaEvent_t> free_;
};

struct StagingBlock {
  unsigned char* data = nullptr;
  int64_t size = 0;
};

// From any thread.
class Staging {
 public:
  explicit Staging(Events& events) : events_(events) {}
  // The stream must have finished.
  ~Staging();

  // At least `bytes`; throws Error. Above kLimit bytes it waits for blocks that the device still
  // reads, if there are any.
  StagingBlock take(int64_t bytes);
  void give(StagingBlock block);
  // The block is free when everything queued so far has finished.
  void giveAfter(StagingBlock block, cudaStream_t stream);
  void trim();

 private:
  static constexpr int64_t kLimit = int64_t(256) << 20;  // bytes
  static constexpr int64_t kSmallest = 4096;             // bytes

  struct Pending {
    StagingBlock block;
    cudaEvent_t event;
  };
  void collect(bool waitForOne);
  void freeUnused();

  Events& events_;
  std::mutex mutex_;
  std::map<int64_t, std::vector<StagingBlock>> free_;  // by size
  std::deque<Pending> pending_;                        // in the order of the stream
  std::vector<unsigned char*> all_;
  int64_t total_ = 0;
};

}  // namespace entrain::runtime
