#include "cpu/host_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace entrain::runtime {

namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = 2 << 20;

// Sizes come in steps of an eighth of their power of two, so that a slightly larger batch finds the
// blocks of a slightly smaller one; at most 12.5 % are lost.
int64_t roundedSize(int64_t bytes) {
  const int64_t least = std::max<int64_t>(bytes, kAlignment);
  const int64_t step = std::max<int64_t>(int64_t(std::bit_floor(uint64_t(least))) / 8, kAlignment);
  return (least + step - 1) / step * step;
}

void* take(int64_t bytes) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
  void* memory = nullptr;
  if (posix_memalign(&memory, size_t(alignment), size_t(bytes)) != 0) return nullptr;
#if defined(__linux__)
  if (bytes >= kHugePage) madvise(memory, size_t(bytes), MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace

HostMemory::~HostMemory() {
  trim();
}

void* HostMemory::allocate(int64_t bytes) {
  const int64_t size = roundedSize(bytes);
  void* memory = nullptr;
  const auto kept = free_.find(size);
  if (kept != free_.end() && !kept->second.empty()) {
    memory = kept->second.back();
    kept->second.pop_back();
    statistics_.cached -= size;
  } else {
    memory = take(size);
    if (!memory) return nullptr;
  }
  statistics_.live += size;
  statistics_.peak = std::max(statistics_.peak, statistics_.live);
  return memory;
}

void HostMemory::release(void* memory, int64_t bytes) {
  const int64_t size = roundedSize(bytes);
  free_[size].push_back(memory);
  statistics_.live -= size;
  statistics_.cached += size;
}

void HostMemory::trim() {
  for (auto& [size, blocks] : free_) {
    for (void* memory : blocks) std::free(memory);
  }
  free_.clear();
  statistics_.cached = 0;
}

}  // namespace entrain::runtime
