#include "cuda/staging.h"

#include <algorithm>

#include "cuda/check.h"

namespace entrain::runtime {

Events::~Events() {
  for (const cudaEvent_t event : free_) (void)cudaEventDestroy(event);
}

cudaEvent_t Events::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      const cudaEvent_t event = free_.back();
      free_.pop_back();
      return event;
    }
  }
  cudaEvent_t event = nullptr;
  CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
  return event;
}

void Events::give(cudaEvent_t event) {
  const std::lock_guard lock(mutex_);
  free_.push_back(event);
}

Staging::~Staging() {
  for (const Pending& pending : pending_) events_.give(pending.event);
  for (unsigned char* data : all_) (void)cudaFreeHost(data);
}

StagingBlock Staging::take(int64_t bytes) {
  int64_t size = kSmallest;
  while (size < bytes) size *= 2;
  const std::lock_guard lock(mutex_);
  collect(false);
  while (true) {
    std::vector<StagingBlock>& fitting = free_[size];
    if (!fitting.empty()) {
      const StagingBlock block = fitting.back();
      fitting.pop_back();
      return block;
    }
    if (total_ + size <= kLimit || pending_.empty()) break;
    collect(true);
  }
  if (total_ + size > kLimit) freeUnused();
  StagingBlock block{nullptr, size};
  CUDA_CHECK(
      cudaHostAlloc(reinterpret_cast<void**>(&block.data), size_t(size), cudaHostAllocDefault));
  all_.push_back(block.data);
  total_ += size;
  return block;
}

void Staging::give(StagingBlock block) {
  const std::lock_guard lock(mutex_);
  free_[block.size].push_back(block);
}

void Staging::giveAfter(StagingBlock block, cudaStream_t stream) {
  const cudaEvent_t event = events_.take();
  const cudaError_t error = cudaEventRecord(event, stream);
  if (error != cudaSuccess) {
    events_.give(event);
    throw cudaFailure(error, "cudaEventRecord(event, stream)");
  }
  const std::lock_guard lock(mutex_);
  pending_.push_back({block, event});
}

void Staging::trim() {
  const std::lock_guard lock(mutex_);
  collect(false);
  freeUnused();
}

// Frees the blocks that the stream has passed; with `waitForOne` at least the oldest.
void Staging::collect(bool waitForOne) {
  while (!pending_.empty()) {
    const Pending& oldest = pending_.front();
    if (waitForOne) {
      CUDA_CHECK(cudaEventSynchronize(oldest.event));
    } else if (cudaEventQuery(oldest.event) == cudaErrorNotReady) {
      return;
    }
    waitForOne = false;
    free_[oldest.block.size].push_back(oldest.block);
    events_.give(oldest.event);
    pending_.pop_front();
  }
}

void Staging::freeUnused() {
  for (auto& [size, blocks] : free_) {
    for (const StagingBlock& block : blocks) {
      (void)cudaFreeHost(block.data);
      all_.erase(std::find(all_.begin(), all_.end(), block.data));
      total_ -= size;
    }
    blocks.clear();
  }
}

}  // namespace entrain::runtime
