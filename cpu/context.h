// What a CPU kernel runs with: the thread pool, scratch memory, and a place to report faulty data.
// Not part of an instruction-set copy: all copies share these classes, so everything is out of line
// or forced inline.
#pragma once

#include <cstdint>

#include "ops/fault.h"

namespace entrain::runtime {

class ThreadPool;

class CpuContext {
 public:
  CpuContext(ThreadPool& pool);
  ~CpuContext();
  CpuContext(const CpuContext&) = delete;

  // How many threads share the work. A result must not depend on it.
  int threads() const;

  // Calls body(i) once for every i in [0, count), on any thread, in any order.
  template <class Body>
  __attribute__((always_inline)) inline void forEach(int64_t count, const Body& body) {
    run(count, &body,
        [](const void* function, int64_t i) { (*static_cast<const Body*>(function))(i); });
  }

  // Calls body(begin, end) for the pieces of [0, count) of `grain` elements: the pieces, and so any
  // per-piece sums, are the same for every number of threads.
  template <class Body>
  __attribute__((always_inline)) inline void forRange(int64_t count, int64_t grain,
                                                      const Body& body) {
    forEach((count + grain - 1) / grain, [&](int64_t piece) {
      const int64_t begin = piece * grain;
      body(begin, begin + grain < count ? begin + grain : count);
    });
  }

  // Uninitialised scratch memory, 64-byte aligned, valid until the operation returns.
  template <class T>
  __attribute__((always_inline)) inline T* workspace(int64_t count) {
    return static_cast<T*>(scratch(count * int64_t(sizeof(T))));
  }

  // Notes faulty data; of several the one with the lowest element stays.
  void raise(FaultRule rule, int64_t element, double value);

  // What workspace() gave after mark() is free for others after release(); see WorkspaceScope.
  struct Mark {
    int64_t blocks, used, total;
  };
  Mark mark() const;
  void release(Mark mark);

  // For the stream: resets scratch memory, takes the fault.
  void begin(int32_t operation);
  Fault takeFault();

 private:
  void run(int64_t count, const void* body, void (*call)(const void*, int64_t));
  void* scratch(int64_t bytes);

  struct Scratch;
  ThreadPool& pool_;
  Scratch* scratch_;
  Fault fault_;
  int32_t operation_ = -1;
};

// Scratch memory that is taken while this lives is free again afterwards: for a kernel that runs
// another many times.
class WorkspaceScope {
 public:
  explicit WorkspaceScope(CpuContext& context) : context_(context), mark_(context.mark()) {}
  ~WorkspaceScope() { context_.release(mark_); }
  WorkspaceScope(const WorkspaceScope&) = delete;

 private:
  CpuContext& context_;
  const CpuContext::Mark mark_;
};

}  // namespace entrain::runtime
