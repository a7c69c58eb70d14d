// A CUDA stream as a runtime::Stream. Calls only queue; one thread waits for reads, copies them out
// of pinned memory and tells the caller.
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "cuda/check.h"
#include "cuda/context.h"
#include "cuda/device.h"
#include "cuda/staging.h"
#include "ops/errors.h"
#include "ops/registry.h"

namespace entrain::runtime {

namespace {

constexpr int64_t kUploadPiece = int64_t(16) << 20;  // bytes
constexpr int64_t kFaultBytes = 64;  // the fault record stands before the data of a read
static_assert(sizeof(FaultRecord) <= kFaultBytes);
// How long a read polls before its thread sleeps: short reads come back without a wake-up.
constexpr std::chrono::microseconds kPolling{50};

// A read under way. `event` is null where it could not be queued.
struct Read {
  void* to = nullptr;
  int64_t bytes = 0;
  StagingBlock block;
  cudaEvent_t event = nullptr;
  Completion done;
  Outcome outcome;               // of calls before it
  int64_t outcomeSequence = 0;   // of the operation that failed
  int64_t reportedSequence = 0;  // faults up to here are an earlier read's
  const char* lastOperation = "stream";
};

class CudaStream final : public Stream {
 public:
  explicit CudaStream(int ordinal);
  ~CudaStream() override;

  void* allocate(int64_t bytes) override;
  void release(void* memory, int64_t bytes) override;
  void enqueue(const OperationCall& call) override;
  void upload(void* to, const void* from, int64_t bytes) override;
  void copy(void* to, const void* from, int64_t bytes) override;
  void fillZero(void* to, int64_t bytes) override;
  void download(void* to, const void* from, int64_t bytes, Completion done) override;
  Outcome synchronize() override;
  void close() override;
  MemoryStatistics memory() const override;
  void trim() override;

 private:
  void use() const { (void)cudaSetDevice(context_.device); }
  void describeDevice();
  void openPool();
  template <class Work>
  void attempt(const char* name, const Work& work);
  void keep(const char* code, std::string message);
  void serve();
  Outcome finish(Read& read);

  CudaContext context_;
  cudaMemPool_t pool_ = nullptr;
  FaultRecord* record_ = nullptr;
  MemoryStatistics statistics_;
  int64_t reportedSequence_ = 0;
  const char* lastOperation_ = "stream";
  Outcome outcome_;  // the first failure since the last read
  int64_t outcomeSequence_ = 0;
  Events events_;
  Staging staging_{events_};
  bool isClosed_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Read> reads_;
  bool isClosing_ = false;
  std::thread thread_;
};

CudaStream::CudaStream(int ordinal) {
  context_.device = ordinal;
  CUDA_CHECK(cudaSetDevice(ordinal));
  describeDevice();
  openPool();
  CUDA_CHECK(cudaStreamCreateWithFlags(&context_.stream, cudaStreamNonBlocking));
  CUDA_CHECK(cudaMallocAsync(reinterpret_cast<void**>(&record_), sizeof *record_, context_.stream));
  CUDA_CHECK(cudaMemsetAsync(record_, 0, sizeof *record_, context_.stream));
  context_.useRecord(record_);
  context_.statistics = &statistics_;
  const char* check = std::getenv("ENTRAIN_CHECK_AFTER_LAUNCH");
  context_.checkAfterLaunch = check && std::strcmp(check, "1") == 0;
  thread_ = std::thread([this] { serve(); });
}

void CudaStream::describeDevice() {
  const auto attribute = [&](cudaDeviceAttr name) {
    int value = 0;
    CUDA_CHECK(cudaDeviceGetAttribute(&value, name, context_.device));
    return value;
  };
  context_.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  context_.computeCapability = 10 * attribute(cudaDevAttrComputeCapabilityMajor) +
                               attribute(cudaDevAttrComputeCapabilityMinor);
  context_.sharedMemoryPerBlock = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  context_.sharedMemoryPerMultiprocessor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
}

// The pool keeps what is freed, until trim().
void CudaStream::openPool() {
  CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool_, context_.device));
  uint64_t threshold = std::numeric_limits<uint64_t>::max();
  CUDA_CHECK(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &threshold));
}

CudaStream::~CudaStream() {
  close();
  use();
  if (record_) (void)cudaFreeAsync(record_, context_.stream);
  if (context_.stream) {
    (void)cudaStreamSynchronize(context_.stream);
    (void)cudaStreamDestroy(context_.stream);
  }
}

// ---- memory ----

void* CudaStream::allocate(int64_t bytes) {
  use();
  void* memory = nullptr;
  const size_t size = size_t(bytes > 0 ? bytes : 1);  // a view of no elements is not a null view
  cudaError_t error = cudaMallocAsync(&memory, size, context_.stream);
  if (error == cudaErrorMemoryAllocation) {  // what is freed but kept may be in the wrong pieces
    (void)cudaGetLastError();
    (void)cudaStreamSynchronize(context_.stream);
    (void)cudaMemPoolTrimTo(pool_, 0);
    error = cudaMallocAsync(&memory, size, context_.stream);
  }
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    throw Error("ERR_OUT_OF_MEMORY", "allocate: cuda:" + std::to_string(context_.device) +
                                         " has no room for " + std::to_string(bytes) + " bytes (" +
                                         std::to_string(statistics_.live) + " bytes are live)");
  }
  checkCuda(error, "cudaMallocAsync");
  context_.countAllocation(bytes);
  return memory;
}

void CudaStream::release(void* memory, int64_t bytes) {
  if (!memory) return;
  use();
  (void)cudaFreeAsync(memory, context_.stream);
  context_.countRelease(bytes);
}

MemoryStatistics CudaStream::memory() const {
  use();
  MemoryStatistics result = statistics_;
  uint64_t reserved = 0, used = 0;
  (void)cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved);
  (void)cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used);
  result.cached = int64_t(reserved - used);
  return result;
}

void CudaStream::trim() {
  use();
  (void)cudaStreamSynchronize(context_.stream);
  (void)cudaMemPoolTrimTo(pool_, 0);
  staging_.trim();
}

// ---- the queue ----

// Failures wait for the next read, as those of the device do.
template <class Work>
void CudaStream::attempt(const char* name, const Work& work) {
  if (isClosed_) return;
  use();
  try {
    work();
  } catch (const Error& error) {
    keep(error.code, std::string(name) + ": " + error.what());
  } catch (const std::bad_alloc&) {
    keep("ERR_OUT_OF_MEMORY", std::string(name) + ": no host memory");
  }
}

void CudaStream::keep(const char* code, std::string message) {
  if (outcome_.code) return;
  outcome_ = {code, std::move(message)};
  outcomeSequence_ = context_.faultSlot().sequence;
}

void CudaStream::enqueue(const OperationCall& call) {
  lastOperation_ = operationName(call.operation);
  context_.begin(call.operation);
  attempt(lastOperation_, [&] {
    const CudaKernel kernel = cudaKernel(call.operation, call.dtype);
    if (!kernel) throw Error("ERR_DTYPE", "dtype must be one the operation has");
    kernel(call.arguments, context_);
  });
}

void CudaStream::upload(void* to, const void* from, int64_t bytes) {
  attempt("upload", [&] {
    for (int64_t begin = 0; begin < bytes; begin += kUploadPiece) {
      const int64_t count = bytes - begin < kUploadPiece ? bytes - begin : kUploadPiece;
      const StagingBlock block = staging_.take(count);
      std::memcpy(block.data, static_cast<const char*>(from) + begin, size_t(count));
      CUDA_CHECK(cudaMemcpyAsync(static_cast<char*>(to) + begin, block.data, size_t(count),
                                 cudaMemcpyHostToDevice, context_.stream));
      staging_.giveAfter(block, context_.stream);
    }
  });
}

void CudaStream::copy(void* to, const void* from, int64_t bytes) {
  attempt("copy", [&] {
    CUDA_CHECK(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyDeviceToDevice, context_.stream));
  });
}

void CudaStream::fillZero(void* to, int64_t bytes) {
  attempt("fillZero", [&] { CUDA_CHECK(cudaMemsetAsync(to, 0, size_t(bytes), context_.stream)); });
}

// ---- reading ----

void CudaStream::download(void* to, const void* from, int64_t bytes, Completion done) {
  if (isClosed_) return;
  Read read;
  read.to = to;
  read.bytes = bytes;
  read.done = std::move(done);
  read.reportedSequence = reportedSequence_;
  read.lastOperation = lastOperation_;
  cudaEvent_t event = nullptr;
  attempt(lastOperation_, [&] {
    event = events_.take();
    read.block = staging_.take(kFaultBytes + bytes);
    CUDA_CHECK(cudaMemcpyAsync(read.block.data, record_, sizeof *record_, cudaMemcpyDeviceToHost,
                               context_.stream));
    if (bytes > 0) {
      CUDA_CHECK(cudaMemcpyAsync(read.block.data + kFaultBytes, from, size_t(bytes),
                                 cudaMemcpyDeviceToHost, context_.stream));
    }
    CUDA_CHECK(cudaEventRecord(event, context_.stream));
    read.event = event;
  });
  if (!read.event && event) events_.give(event);
  read.outcome = std::exchange(outcome_, Outcome{});
  read.outcomeSequence = outcomeSequence_;
  reportedSequence_ = context_.faultSlot().sequence;
  context_.setReported(reportedSequence_);
  const std::lock_guard lock(mutex_);
  reads_.push_back(std::move(read));
  wake_.notify_one();
}

void CudaStream::serve() {
  use();
  while (true) {
    Read read;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return isClosing_ || !reads_.empty(); });
      if (isClosing_) return;
      read = std::move(reads_.front());
      reads_.pop_front();
    }
    const Outcome outcome = finish(read);
    {
      const std::lock_guard lock(mutex_);
      if (isClosing_) return;
    }
    read.done(outcome);
  }
}

// Waits for a read and copies it out; what went wrong first is its outcome.
Outcome CudaStream::finish(Read& read) {
  Outcome outcome = std::move(read.outcome);
  if (!read.event) return outcome;
  const auto start = std::chrono::steady_clock::now();
  cudaError_t error = cudaEventQuery(read.event);
  while (error == cudaErrorNotReady && std::chrono::steady_clock::now() - start < kPolling) {
    error = cudaEventQuery(read.event);
  }
  if (error == cudaErrorNotReady) error = cudaEventSynchronize(read.event);
  events_.give(read.event);
  if (error != cudaSuccess) {
    if (!outcome.code) {
      const Error failure = cudaFailure(error, "this operation or one before it");
      outcome = {failure.code, std::string(read.lastOperation) + ": " + failure.what()};
    }
    return outcome;  // the block may still be written to
  }
  FaultRecord record;
  std::memcpy(&record, read.block.data, sizeof record);
  if (read.bytes > 0) std::memcpy(read.to, read.block.data + kFaultBytes, size_t(read.bytes));
  staging_.give(read.block);
  const bool isNew = record.sequence > read.reportedSequence;
  if (isNew && (!outcome.code || record.sequence < read.outcomeSequence)) {
    const Fault fault{FaultRule(record.rule), record.operation, record.element, record.value};
    outcome = {"ERR_VALUE", describe(fault)};
  }
  return outcome;
}

Outcome CudaStream::synchronize() {
  if (isClosed_) return {};
  Outcome outcome;
  std::mutex mutex;
  std::condition_variable finished;
  bool isDone = false;
  download(nullptr, nullptr, 0, [&](const Outcome& result) {
    const std::lock_guard lock(mutex);
    outcome = result;
    isDone = true;
    finished.notify_one();
  });
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return isDone; });
  return outcome;
}

// Memory may still be released afterwards, so the CUDA stream lives until the destructor.
void CudaStream::close() {
  if (isClosed_) return;
  isClosed_ = true;
  {
    const std::lock_guard lock(mutex_);
    isClosing_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  use();
  (void)cudaStreamSynchronize(context_.stream);
  for (Read& read : reads_) {
    if (read.event) events_.give(read.event);
  }
  reads_.clear();
}

}  // namespace

std::unique_ptr<Stream> openCudaStream(int device) {
  const CudaProbe& probe = probeCuda();
  if (device < 0 || device >= int(probe.devices.size())) {
    throw Error("ERR_DEVICE",
                "device: cuda:" + std::to_string(device) + " must be present, got: " +
                    (probe.devices.empty() ? probe.reason
                                           : std::to_string(probe.devices.size()) + " GPU(s)"));
  }
  return std::make_unique<CudaStream>(probe.devices[size_t(device)].ordinal);
}

}  // namespace entrain::runtime
