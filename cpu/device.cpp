#include "cpu/device.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "cpu/context.h"
#include "cpu/host_memory.h"
#include "cpu/instruction_set.h"
#include "cpu/parallel.h"
#include "ops/errors.h"
#include "ops/registry.h"

namespace entrain::runtime {

namespace {

// A queued operation (its arguments are inside) or any other piece of work.
struct Task {
  int32_t operation = -1;
  CpuKernel kernel = nullptr;
  alignas(16) unsigned char arguments[kMaximumArgumentBytes];
  std::function<void()> work;
};

class CpuStream final : public Stream {
 public:
  CpuStream() : context_(ThreadPool::instance()), thread_([this] { serve(); }) {}
  ~CpuStream() override { CpuStream::close(); }

  void* allocate(int64_t bytes) override {
    if (void* memory = memory_.allocate(bytes)) return memory;
    const MemoryStatistics before = memory_.statistics();
    trim();
    if (void* memory = memory_.allocate(bytes)) return memory;
    throw Error("ERR_OUT_OF_MEMORY", "allocate: cpu must have " + std::to_string(bytes) +
                                         " bytes left, got none (live " +
                                         std::to_string(before.live) + ", cached " +
                                         std::to_string(before.cached) + ")");
  }
  // Work already queued runs before any work that could be given this memory again.
  void release(void* memory, int64_t bytes) override { memory_.release(memory, bytes); }
  MemoryStatistics memory() const override { return memory_.statistics(); }
  // Waits, because queued work may still use what was released.
  void trim() override {
    std::promise<void> reached;
    pushWork([&] { reached.set_value(); });
    reached.get_future().wait();
    memory_.trim();
  }

  void enqueue(const OperationCall& call) override {
    push([&](Task& task) {
      task.operation = call.operation;
      task.kernel = cpuKernel(call.operation, call.dtype);
      std::memcpy(task.arguments, call.arguments, size_t(call.argumentBytes));
    });
  }

  void upload(void* to, const void* from, int64_t bytes) override {
    auto staged = std::make_shared<std::unique_ptr<char[]>>(new char[size_t(bytes)]);
    std::memcpy(staged->get(), from, size_t(bytes));
    pushWork([=] { std::memcpy(to, staged->get(), size_t(bytes)); });
  }
  void copy(void* to, const void* from, int64_t bytes) override {
    pushWork([=] { std::memmove(to, from, size_t(bytes)); });
  }
  void fillZero(void* to, int64_t bytes) override {
    pushWork([=] { std::memset(to, 0, size_t(bytes)); });
  }

  void download(void* to, const void* from, int64_t bytes, Completion done) override {
    pushWork([=, this, done = std::move(done)] {
      if (bytes > 0) std::memcpy(to, from, size_t(bytes));
      done(takeOutcome());
    });
  }

  Outcome synchronize() override {
    Outcome outcome;
    std::mutex mutex;
    std::condition_variable finished;
    bool done = false;
    download(nullptr, nullptr, 0, [&](const Outcome& result) {
      const std::lock_guard lock(mutex);
      outcome = result;
      done = true;
      finished.notify_one();
    });
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return done; });
    return outcome;
  }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      if (closing_) return;
      closing_ = true;
      queue_.clear();
      wake_.notify_all();
    }
    thread_.join();
  }

 private:
  template <class Fill>
  void push(const Fill& fill) {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    fill(queue_.emplace_back());
    waiting_.store(int64_t(queue_.size()), std::memory_order_release);
    if (sleeping_) wake_.notify_one();
  }
  void pushWork(std::function<void()> work) {
    push([&](Task& task) { task.work = std::move(work); });
  }

  // Takes the next task; false when the stream closes.
  bool next(Task& task) {
    spinUntil([&] { return waiting_.load(std::memory_order_acquire) > 0; });
    std::unique_lock lock(mutex_);
    if (queue_.empty() && !closing_) {
      sleeping_ = true;
      wake_.wait(lock, [&] { return !queue_.empty() || closing_; });
      sleeping_ = false;
    }
    if (closing_) return false;
    task = std::move(queue_.front());
    queue_.pop_front();
    waiting_.store(int64_t(queue_.size()), std::memory_order_release);
    return true;
  }

  void serve() {
    Task task;
    while (next(task)) {
      try {
        context_.begin(task.operation);
        if (task.kernel) {
          task.kernel(task.arguments, context_);
        } else {
          task.work();
          task.work = nullptr;
        }
      } catch (const std::bad_alloc&) {
        keep({"ERR_OUT_OF_MEMORY",
              std::string(operationName(task.operation)) + ": no host memory for scratch space"});
      }
      if (task.kernel) {
        const Fault fault = context_.takeFault();
        if (fault.rule != FaultRule::none) keep({"ERR_VALUE", describe(fault)});
      }
    }
  }

  void keep(Outcome outcome) {
    if (!outcome_.code) outcome_ = std::move(outcome);
  }
  Outcome takeOutcome() { return std::exchange(outcome_, Outcome{}); }

  HostMemory memory_;
  CpuContext context_;
  Outcome outcome_;  // touched by the serving thread only
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  std::atomic<int64_t> waiting_{0};
  bool sleeping_ = false, closing_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Stream> openCpuStream() {
  if (std::strcmp(instructionSet(), "none") == 0) {
    const char* asked = std::getenv("ENTRAIN_INSTRUCTION_SET");
    throw Error("ERR_DEVICE",
                std::string("device: cpu must run an instruction set that is compiled in, got ") +
                    (asked ? std::string("ENTRAIN_INSTRUCTION_SET=") + asked
                           : "a processor that runs none"));
  }
  return std::make_unique<CpuStream>();
}

}  // namespace entrain::runtime
