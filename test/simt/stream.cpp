// Streams as queues with a thread each, events, and the launch of grids.
#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "cuda_runtime.h"
#include "simt/machine.h"

namespace simt {

namespace {

// Never destroyed, as the threads of streams may outlive static destructors.
struct Streams {
  std::mutex mutex;
  std::set<Stream*> all;
};

Streams& streams() {
  static Streams* const instance = new Streams;
  return *instance;
}

struct SharedLimits {
  std::mutex mutex;
  std::map<const void*, size_t> ofKernel;
};

SharedLimits& sharedLimits() {
  static SharedLimits* const instance = new SharedLimits;
  return *instance;
}

constexpr size_t kDefaultShared = 48 * 1024;

size_t sharedLimit(const void* kernel) {
  SharedLimits& limits = sharedLimits();
  const std::lock_guard<std::mutex> lock(limits.mutex);
  const auto found = limits.ofKernel.find(kernel);
  return found == limits.ofKernel.end() ? kDefaultShared : found->second;
}

}  // namespace

Stream::Stream() : worker_([this] { work(); }) {
  Streams& known = streams();
  const std::lock_guard<std::mutex> lock(known.mutex);
  known.all.insert(this);
}

Stream::~Stream() {
  {
    Streams& known = streams();
    const std::lock_guard<std::mutex> lock(known.mutex);
    known.all.erase(this);
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    isClosing_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void Stream::push(std::function<void()> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void Stream::drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return tasks_.empty() && !isBusy_; });
}

bool Stream::isIdle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return tasks_.empty() && !isBusy_;
}

void Stream::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !tasks_.empty() || isClosing_; });
    if (tasks_.empty()) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    isBusy_ = true;
    lock.unlock();
    task();
    lock.lock();
    isBusy_ = false;
    if (tasks_.empty()) changed_.notify_all();
  }
}

Stream& resolve(cudaStream_t stream) {
  static Stream* const standard = new Stream;
  return stream ? *stream : *standard;
}

void drainAll() {
  std::set<Stream*> all;
  {
    Streams& known = streams();
    const std::lock_guard<std::mutex> lock(known.mutex);
    all = known.all;
  }
  for (Stream* stream : all) stream->drain();
}

class Event {
 public:
  void record(Stream& stream) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++recorded_;
    }
    stream.push([this] {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++reached_;
      time_ = std::chrono::steady_clock::now();
      changed_.notify_all();
    });
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const int64_t wanted = recorded_;
    changed_.wait(lock, [&] { return reached_ >= wanted; });
  }
  bool isReached() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return reached_ == recorded_;
  }
  std::chrono::steady_clock::time_point time() const { return time_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t recorded_ = 0, reached_ = 0;
  std::chrono::steady_clock::time_point time_;
};

cudaError_t enqueueGrid(const void* function, const LaunchShape& shape, cudaStream_t stream,
                        std::function<void()> kernel) {
  const dim3 grid = shape.grid, block = shape.block;
  const uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (machine().capability < 75) return note(cudaErrorNoKernelImageForDevice);
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 ||
      grid.z > 65535 || threads == 0 || threads > kMaximumThreads || block.z > 64) {
    return note(cudaErrorInvalidConfiguration);
  }
  if (shape.sharedBytes > sharedLimit(function)) return note(cudaErrorInvalidValue);
  if (shape.isCooperative) {
    int resident = 0;
    cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, function, int(threads),
                                                  shape.sharedBytes);
    const uint64_t most = uint64_t(resident) * uint64_t(machine().multiprocessors);
    if (uint64_t(grid.x) * grid.y * grid.z > most) return note(cudaErrorCooperativeLaunchTooLarge);
  }
  resolve(stream).push([shape, kernel = std::move(kernel)] {
    if (isBroken()) return;
    std::string report = runGrid(shape, kernel);
    if (report.empty()) report = checkGuards();
    if (!report.empty()) breakDown(report);
  });
  return note(cudaSuccess);
}

}  // namespace simt

using simt::note;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new simt::Stream;
  return note(cudaSuccess);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return note(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  simt::resolve(stream).drain();
  return note(cudaSuccess);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return simt::resolve(stream).isIdle() ? note(cudaSuccess) : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  simt::resolve(stream).push([event] { event->wait(); });
  return note(cudaSuccess);
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void*), void* argument) {
  simt::resolve(stream).push([=] { function(argument); });
  return note(cudaSuccess);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new simt::Event;
  return note(cudaSuccess);
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  event->wait();
  delete event;
  return note(cudaSuccess);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->record(simt::resolve(stream));
  return note(cudaSuccess);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  event->wait();
  return note(cudaSuccess);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->isReached() ? note(cudaSuccess) : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  const std::chrono::duration<float, std::milli> elapsed = to->time() - from->time();
  *milliseconds = elapsed.count();
  return note(cudaSuccess);
}

cudaError_t cudaDeviceSynchronize() {
  simt::drainAll();
  return note(cudaSuccess);
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return note(cudaSuccess);
  if (value < 0 || size_t(value) > simt::machine().sharedOptIn) return note(cudaErrorInvalidValue);
  simt::SharedLimits& limits = simt::sharedLimits();
  const std::lock_guard<std::mutex> lock(limits.mutex);
  limits.ofKernel[kernel] = std::max(size_t(value), simt::kDefaultShared);
  return note(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads,
                                                          size_t sharedBytes) {
  constexpr int kThreadsPerMultiprocessor = 1536;
  constexpr size_t kReservedShared = 1024;  // bytes of each block that the system takes
  const simt::Machine& machine = simt::machine();
  if (threads < 1 || threads > simt::kMaximumThreads) return note(cudaErrorInvalidValue);
  const int byShared = int(machine.sharedPerMultiprocessor / (sharedBytes + kReservedShared));
  *blocks =
      std::min({machine.blocksPerMultiprocessor, kThreadsPerMultiprocessor / threads, byShared});
  return note(cudaSuccess);
}
