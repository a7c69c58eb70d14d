// Device and pinned memory: guarded allocations, a quarantine for freed ones, copies.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "cuda_runtime.h"
#include "simt/guarded.h"
#include "simt/machine.h"

struct simtMemPool {
  uint64_t releaseThreshold = 0, reserved = 0, reservedPeak = 0, usedPeak = 0;
};

namespace simt {

namespace {

struct Allocation {
  Place place;
  GuardedMemory memory;
};

constexpr size_t kQuarantineBytes = size_t(64) << 20;

// Never destroyed: streams may outlive static destructors.
struct Registry {
  std::mutex mutex;
  std::map<uintptr_t, std::unique_ptr<Allocation>> live;
  std::deque<std::unique_ptr<Allocation>> quarantine;
  size_t quarantined = 0, used = 0;
  simtMemPool pool;
};

Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

uintptr_t addressOf(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory);
}

cudaError_t allocate(void** memory, size_t bytes, Place place) {
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  auto allocation = std::make_unique<Allocation>();
  allocation->place = place;
  Registry& all = registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  if (place == Place::device && all.used + bytes > machine().memory) {
    return cudaErrorMemoryAllocation;
  }
  if (!allocation->memory.resize(bytes)) return cudaErrorMemoryAllocation;
  *memory = allocation->memory.data();
  all.live.emplace(addressOf(*memory), std::move(allocation));
  if (place == Place::device) {
    all.used += bytes;
    all.pool.usedPeak = std::max<uint64_t>(all.pool.usedPeak, all.used);
    all.pool.reserved = std::max<uint64_t>(all.pool.reserved, all.used);
    all.pool.reservedPeak = std::max(all.pool.reservedPeak, all.pool.reserved);
  }
  return cudaSuccess;
}

// Freed memory is kept for a while, looking fresh, so that later writes to it are seen.
std::string retire(Registry& all, std::unique_ptr<Allocation> allocation) {
#if SIMT_ASAN
  (void)all, (void)allocation;  // AddressSanitizer has a quarantine of its own
  return {};
#else
  std::string report;
  GuardedMemory& memory = allocation->memory;
  std::memset(memory.data(), kFreshByte, memory.size());
  all.quarantined += memory.size();
  all.quarantine.push_back(std::move(allocation));
  while (all.quarantined > kQuarantineBytes) {
    const GuardedMemory& oldest = all.quarantine.front()->memory;
    if (!oldest.isUntouched()) {
      report = "a write to freed device memory of " + std::to_string(oldest.size()) + " bytes";
    }
    all.quarantined -= oldest.size();
    all.quarantine.pop_front();
  }
  return report;
#endif
}

}  // namespace

cudaError_t releaseMemory(void* memory, Place place) {
  if (!memory) return cudaSuccess;
  Registry& all = registry();
  std::string report;
  {
    const std::lock_guard<std::mutex> lock(all.mutex);
    const auto found = all.live.find(addressOf(memory));
    if (found == all.live.end() || found->second->place != place) return cudaErrorInvalidValue;
    std::unique_ptr<Allocation> allocation = std::move(found->second);
    all.live.erase(found);
    if (!allocation->memory.isIntact()) {
      report = "a write outside device memory of " + std::to_string(allocation->memory.size()) +
               " bytes";
    }
    if (place == Place::device) {
      all.used -= allocation->memory.size();
      const std::string late = retire(all, std::move(allocation));
      if (report.empty()) report = late;
    }
  }
  if (!report.empty()) breakDown(report);
  return cudaSuccess;
}

Place placeOf(const void* memory, size_t bytes) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  auto next = all.live.upper_bound(addressOf(memory));
  if (next == all.live.begin()) return Place::host;
  const Allocation& allocation = *std::prev(next)->second;
  const size_t offset = addressOf(memory) - addressOf(allocation.memory.data());
  if (offset >= allocation.memory.size()) return Place::host;
  return offset + bytes <= allocation.memory.size() ? allocation.place : Place::outside;
}

std::string checkGuards() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto& [address, allocation] : all.live) {
    if (!allocation->memory.isIntact()) {
      allocation->memory.repair();  // to tell it once
      return "a write outside device memory of " + std::to_string(allocation->memory.size()) +
             " bytes";
    }
  }
  for (const auto& freed : all.quarantine) {
    // All of a small one, the beginning of a large one: the rest is compared when it leaves.
    const unsigned char* bytes = freed->memory.data();
    const size_t count = std::min(freed->memory.size(), size_t(64));
    for (size_t i = 0; i < count; ++i) {
      if (bytes[i] != kFreshByte) {
        freed->memory.repair();
        return "a write to freed device memory of " + std::to_string(freed->memory.size()) +
               " bytes";
      }
    }
  }
  return {};
}

namespace {

bool isValidCopy(const void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Place target = placeOf(to, bytes), source = placeOf(from, bytes);
  if (target == Place::outside || source == Place::outside) return false;
  const bool toDevice = target == Place::device, fromDevice = source == Place::device;
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !toDevice && !fromDevice;
    case cudaMemcpyHostToDevice:
      return toDevice && !fromDevice;
    case cudaMemcpyDeviceToHost:
      return !toDevice && fromDevice;
    case cudaMemcpyDeviceToDevice:
      return toDevice && fromDevice;
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

}  // namespace

}  // namespace simt

using simt::note;
using simt::Place;

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  cudaError_t error = simt::allocate(memory, bytes, Place::device);
  if (error == cudaErrorMemoryAllocation) {  // queued releases may make room
    simt::drainAll();
    error = simt::allocate(memory, bytes, Place::device);
  }
  return note(error);
}

cudaError_t cudaFree(void* memory) {
  simt::drainAll();
  return note(simt::releaseMemory(memory, Place::device));
}

cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t) {
  return cudaMalloc(memory, bytes);
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  if (!memory) return note(cudaSuccess);
  if (simt::placeOf(memory, 1) != Place::device) return note(cudaErrorInvalidValue);
  simt::resolve(stream).push([memory] { simt::releaseMemory(memory, Place::device); });
  return note(cudaSuccess);
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  return note(simt::allocate(memory, bytes, Place::pinned));
}
cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}
cudaError_t cudaFreeHost(void* memory) {
  simt::drainAll();
  return note(simt::releaseMemory(memory, Place::pinned));
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return note(cudaSuccess);
  if (!simt::isValidCopy(to, from, bytes, kind)) return note(cudaErrorInvalidValue);
  simt::Stream& queue = simt::resolve(stream);
  const auto copy = [to, bytes](const void* source) {
    if (!simt::isBroken()) std::memmove(to, source, bytes);
  };
  if (simt::placeOf(from, 1) == Place::host) {  // pageable memory is read before the call returns
    std::shared_ptr<char[]> staged(new char[bytes]);
    std::memcpy(staged.get(), from, bytes);
    queue.push([copy, staged] { copy(staged.get()); });
  } else {
    queue.push([copy, from] { copy(from); });
  }
  if (simt::placeOf(to, 1) == Place::host) queue.drain();  // and written before it returns
  return note(cudaSuccess);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  simt::drainAll();
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  simt::drainAll();
  return note(error);
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return note(cudaSuccess);
  if (simt::placeOf(to, bytes) != Place::device) return note(cudaErrorInvalidValue);
  simt::resolve(stream).push([=] {
    if (!simt::isBroken()) std::memset(to, value, bytes);
  });
  return note(cudaSuccess);
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  simt::drainAll();
  const cudaError_t error = cudaMemsetAsync(to, value, bytes, nullptr);
  simt::drainAll();
  return note(error);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  simt::Registry& all = simt::registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  *total = simt::machine().memory;
  *free = *total - all.used;
  return note(cudaSuccess);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = &simt::registry().pool;
  return note(cudaSuccess);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  if (attribute != cudaMemPoolAttrReleaseThreshold) return note(cudaErrorInvalidValue);
  pool->releaseThreshold = *static_cast<uint64_t*>(value);
  return note(cudaSuccess);
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  simt::Registry& all = simt::registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  uint64_t& result = *static_cast<uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolAttrReleaseThreshold:
      result = pool->releaseThreshold;
      break;
    case cudaMemPoolAttrReservedMemCurrent:
      result = pool->reserved;
      break;
    case cudaMemPoolAttrReservedMemHigh:
      result = pool->reservedPeak;
      break;
    case cudaMemPoolAttrUsedMemCurrent:
      result = all.used;
      break;
    case cudaMemPoolAttrUsedMemHigh:
      result = pool->usedPeak;
      break;
  }
  return note(cudaSuccess);
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes) {
  simt::Registry& all = simt::registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  pool->reserved = std::max<uint64_t>(bytes, all.used);
  return note(cudaSuccess);
}
