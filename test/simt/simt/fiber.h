// Fibers: stacks with guard pages and a switch between them, in assembly on x86-64 and by ucontext
// elsewhere, announced to AddressSanitizer.
#pragma once

#include <cstddef>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace simt {

struct Stack {
  unsigned char* bottom = nullptr;
  size_t size = 0;
};

// Stacks that were used last are given out first: threads that never wait share one.
class StackPool {
 public:
  ~StackPool();
  Stack take();
  void give(Stack stack);

 private:
  std::vector<Stack> all_, free_;
};

class Fiber {
 public:
  // Calls entry() on the stack at the first resume; it never returns.
  void start(Stack stack, void (*entry)());
  Stack stack() const { return stack_; }

  // From the scheduler into the fiber, until that suspends or finishes.
  void resume();
  // From the fiber to the scheduler.
  void suspend();
  // The same for the last time.
  [[noreturn]] void finish();
  // First statement of entry().
  void enter();

 private:
  Stack stack_;
#if defined(__x86_64__)
  void* stackPointer_ = nullptr;
  void* schedulerStackPointer_ = nullptr;
#else
  ucontext_t context_, schedulerContext_;
#endif
  void* fakeStack_ = nullptr;
  void* schedulerFakeStack_ = nullptr;
  const void* schedulerBottom_ = nullptr;
  size_t schedulerSize_ = 0;
};

}  // namespace simt
