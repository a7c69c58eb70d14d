#include "cpu/parallel.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace entrain::runtime {

namespace {

// The quota of the control group in whole processors, or 0 without one (version 2, then version 1).
int quotaProcessors() {
  long long quota = -1, period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(file, "%lld %lld", &quota, &period) != 2) quota = -1;
    std::fclose(file);
  } else {
    const auto read = [](const char* path, long long& value) {
      if (std::FILE* file = std::fopen(path, "r")) {
        if (std::fscanf(file, "%lld", &value) != 1) value = -1;
        std::fclose(file);
      }
    };
    read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota);
    read("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period);
  }
  return quota > 0 && period > 0 ? int((quota + period - 1) / period) : 0;
}

}  // namespace

int threadLimit() {
  if (const char* text = std::getenv("ENTRAIN_THREADS")) {
    const int threads = std::atoi(text);
    if (threads >= 1) return std::min(threads, 1024);
  }
  int processors = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) processors = CPU_COUNT(&set);
#endif
  if (const int quota = quotaProcessors()) processors = std::min(processors, quota);
  return std::max(processors, 1);
}

ThreadPool& ThreadPool::instance() {
  static ThreadPool* pool = new ThreadPool(threadLimit());
  return *pool;
}

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) {
    try {
      std::thread([this] { work(); }).detach();
      ++workers_;
    } catch (const std::system_error&) {
      break;  // fewer threads do the same work
    }
  }
}

void ThreadPool::takeTasks() {
  const int64_t count = count_;
  for (int64_t i = next_.fetch_add(1); i < count; i = next_.fetch_add(1)) call_(body_, i);
}

void ThreadPool::run(int64_t count, const void* body, void (*call)(const void*, int64_t)) {
  if (count <= 1 || workers_ == 0 || !owner_.try_lock()) {
    for (int64_t i = 0; i < count; ++i) call(body, i);
    return;
  }
  body_ = body;
  call_ = call;
  count_ = count;
  next_.store(0);
  const uint64_t job = posted_.load() + 1;
  open_.store(job);
  posted_.store(job);
  if (sleepers_.load() > 0) {
    const std::lock_guard lock(sleep_);
    wake_.notify_all();
  }
  takeTasks();
  open_.store(0);
  while (active_.load() != 0) pauseThread();
  owner_.unlock();
}

uint64_t ThreadPool::waitForJob(uint64_t seen) {
  if (!spinUntil([&] { return posted_.load() != seen; })) {
    std::unique_lock lock(sleep_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [&] { return posted_.load() != seen; });
    sleepers_.fetch_sub(1);
  }
  return posted_.load();
}

void ThreadPool::work() {
  uint64_t seen = 0;
  for (;;) {
    seen = waitForJob(seen);
    active_.fetch_add(1);
    if (open_.load() == seen) takeTasks();
    active_.fetch_sub(1);
  }
}

}  // namespace entrain::runtime
