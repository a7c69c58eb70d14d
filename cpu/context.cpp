#include "cpu/context.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <mutex>
#include <new>
#include <vector>

#include "cpu/parallel.h"

namespace entrain::runtime {

// Scratch memory grows by blocks while an operation runs and becomes one block before the next, so
// that a training loop stops allocating after its first step.
struct CpuContext::Scratch {
  static constexpr int64_t kAlignment = 64;
  // Large blocks lie on huge pages where the system gives them: kernels that gather, or read many
  // rows at once, would miss in the TLB at every access.
  static constexpr int64_t kHugePage = int64_t(1) << 21;
  struct Block {
    void* memory;
    int64_t bytes;
    std::align_val_t alignment;
  };
  std::vector<Block> blocks;
  int64_t used = 0;   // of the last block
  int64_t total = 0;  // asked for by this operation and not released
  int64_t peak = 0;   // the largest total of this operation
  std::mutex fault;

  void* grow(int64_t bytes) {
    const bool huge = bytes >= kHugePage;
    if (huge) bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    const auto alignment = std::align_val_t(huge ? kHugePage : kAlignment);
    void* memory = ::operator new(size_t(bytes), alignment);
#if defined(__linux__)
    if (huge) madvise(memory, size_t(bytes), MADV_HUGEPAGE);  // a refusal does no harm
#endif
    blocks.push_back({memory, bytes, alignment});
    used = 0;
    return memory;
  }
  void clear() {
    for (const Block& block : blocks) ::operator delete(block.memory, block.alignment);
    blocks.clear();
  }
};

CpuContext::CpuContext(ThreadPool& pool) : pool_(pool), scratch_(new Scratch) {}

CpuContext::~CpuContext() {
  scratch_->clear();
  delete scratch_;
}

int CpuContext::threads() const {
  return pool_.threads();
}

void CpuContext::run(int64_t count, const void* body, void (*call)(const void*, int64_t)) {
  pool_.run(count, body, call);
}

void* CpuContext::scratch(int64_t bytes) {
  bytes = (bytes + Scratch::kAlignment - 1) / Scratch::kAlignment * Scratch::kAlignment;
  scratch_->total += bytes;
  if (scratch_->total > scratch_->peak) scratch_->peak = scratch_->total;
  if (scratch_->blocks.empty() || scratch_->used + bytes > scratch_->blocks.back().bytes) {
    scratch_->grow(bytes);
  }
  void* memory = static_cast<char*>(scratch_->blocks.back().memory) + scratch_->used;
  scratch_->used += bytes;
  return memory;
}

CpuContext::Mark CpuContext::mark() const {
  return {int64_t(scratch_->blocks.size()), scratch_->used, scratch_->total};
}

void CpuContext::release(Mark mark) {
  // A block that came after the mark is free as a whole.
  scratch_->used = int64_t(scratch_->blocks.size()) == mark.blocks ? mark.used : 0;
  scratch_->total = mark.total;
}

void CpuContext::begin(int32_t operation) {
  operation_ = operation;
  if (scratch_->blocks.size() > 1) {
    scratch_->clear();
    scratch_->grow(scratch_->peak);
  }
  scratch_->used = 0;
  scratch_->total = scratch_->peak = 0;
}

void CpuContext::raise(FaultRule rule, int64_t element, double value) {
  const std::lock_guard lock(scratch_->fault);
  if (fault_.rule == FaultRule::none || element < fault_.element) {
    fault_ = {rule, operation_, element, value};
  }
}

Fault CpuContext::takeFault() {
  const std::lock_guard lock(scratch_->fault);
  const Fault fault = fault_;
  fault_ = {};
  return fault;
}

}  // namespace entrain::runtime
