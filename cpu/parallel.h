// The pool of threads that all CPU work of a process shares.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace entrain::runtime {

// Threads that one process should use: ENTRAIN_THREADS, else the processors this process may run
// on, bounded by the control group's quota.
int threadLimit();

class ThreadPool {
 public:
  // The process-wide pool. It is never destroyed: threads may still run when static objects die.
  static ThreadPool& instance();

  int threads() const { return workers_ + 1; }

  // Calls call(body, i) once for each i in [0, count), the calling thread taking part. While
  // another stream has the pool, all calls run on the calling thread.
  void run(int64_t count, const void* body, void (*call)(const void*, int64_t));

 private:
  explicit ThreadPool(int threads);
  void work();
  void takeTasks();
  uint64_t waitForJob(uint64_t seen);

  int workers_ = 0;
  std::mutex owner_;
  const void* body_ = nullptr;
  void (*call_)(const void*, int64_t) = nullptr;
  int64_t count_ = 0;
  alignas(64) std::atomic<int64_t> next_{0};
  // A worker announces itself in `active_` before it looks whether the job it woke for is still
  // open; the owner closes the job before it waits for `active_` to fall to 0. So a worker that
  // wakes late is never waited for.
  alignas(64) std::atomic<uint64_t> open_{0};
  std::atomic<int> active_{0};
  alignas(64) std::atomic<uint64_t> posted_{0};
  std::atomic<int> sleepers_{0};
  std::mutex sleep_;
  std::condition_variable wake_;
};

// A short wait that leaves the core's resources to its sibling.
inline void pauseThread() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Calls `ready` until it holds or about 150 microseconds have passed (a pause takes 25 ns on Zen
// 4); whether it holds.
template <class Ready>
bool spinUntil(const Ready& ready) {
  for (int i = 0; i < 6000; ++i) {
    if (ready()) return true;
    pauseThread();
  }
  return ready();
}

}  // namespace entrain::runtime
