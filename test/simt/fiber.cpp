#include "simt/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
extern "C" void simtSwitchStack(void** save, void* load) __attribute__((visibility("hidden")));
// Saves what the System V ABI asks a callee to keep, changes stacks, restores.
asm(R"(
.text
.p2align 4
.hidden simtSwitchStack
.globl simtSwitchStack
.type simtSwitchStack, @function
simtSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simtSwitchStack, .-simtSwitchStack
)");
#endif

namespace simt {

namespace {

#if SIMT_ASAN
constexpr size_t kStackBytes = 256 * 1024;  // frames grow several times
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif

size_t pageBytes() {
  static const size_t bytes = size_t(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

StackPool::~StackPool() {
  for (const Stack& stack : all_) munmap(stack.bottom - pageBytes(), stack.size + pageBytes());
}

Stack StackPool::take() {
  if (!free_.empty()) {
    const Stack stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void* memory = mmap(nullptr, kStackBytes + pageBytes(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, pageBytes(), PROT_NONE) != 0) {
    std::fprintf(stderr, "simt: no memory for the stack of a thread\n");
    std::abort();
  }
  const Stack stack{static_cast<unsigned char*>(memory) + pageBytes(), kStackBytes};
  all_.push_back(stack);
  return stack;
}

void StackPool::give(Stack stack) {
#if SIMT_ASAN
  __asan_unpoison_memory_region(stack.bottom, stack.size);  // of frames that were abandoned
#endif
  free_.push_back(stack);
}

void Fiber::start(Stack stack, void (*entry)()) {
  stack_ = stack;
  fakeStack_ = nullptr;
#if defined(__x86_64__)
  // What simtSwitchStack pops: six registers, then the address of entry; above it a return address
  // of zero, which also puts the stack pointer where the ABI wants it at a function's start.
  uint64_t* top = reinterpret_cast<uint64_t*>(stack.bottom + stack.size);
  std::memset(top - 8, 0, 8 * sizeof *top);
  top[-2] = reinterpret_cast<uint64_t>(entry);
  stackPointer_ = top - 8;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack.bottom;
  context_.uc_stack.ss_size = stack.size;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#endif
}

void Fiber::resume() {
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(&schedulerFakeStack_, stack_.bottom, stack_.size);
#endif
#if defined(__x86_64__)
  simtSwitchStack(&schedulerStackPointer_, stackPointer_);
#else
  swapcontext(&schedulerContext_, &context_);
#endif
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(schedulerFakeStack_, nullptr, nullptr);
#endif
}

void Fiber::enter() {
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &schedulerBottom_, &schedulerSize_);
#endif
}

void Fiber::suspend() {
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(&fakeStack_, schedulerBottom_, schedulerSize_);
#endif
#if defined(__x86_64__)
  simtSwitchStack(&stackPointer_, schedulerStackPointer_);
#else
  swapcontext(&context_, &schedulerContext_);
#endif
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(fakeStack_, &schedulerBottom_, &schedulerSize_);
#endif
}

void Fiber::finish() {
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(nullptr, schedulerBottom_, schedulerSize_);
#endif
#if defined(__x86_64__)
  simtSwitchStack(&stackPointer_, schedulerStackPointer_);
#else
  swapcontext(&context_, &schedulerContext_);
#endif
  __builtin_unreachable();
}

}  // namespace simt
