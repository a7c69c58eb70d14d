// Host memory for tensors: freed blocks are kept by size and handed out again.
#pragma once

#include <map>
#include <vector>

#include "ops/stream.h"

namespace entrain::runtime {

class HostMemory {
 public:
  ~HostMemory();

  // 64-byte aligned, uninitialised; null where the system has none left.
  void* allocate(int64_t bytes);
  void release(void* memory, int64_t bytes);
  void trim();
  MemoryStatistics statistics() const { return statistics_; }

 private:
  std::map<int64_t, std::vector<void*>> free_;  // by rounded size
  MemoryStatistics statistics_;
};

}  // namespace entrain::runtime
