// Proves that the emulator runs correct kernels and reports incorrect ones. Usage: simt_selftest.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "cuda/fault.cuh"
#include "cuda/matrix_unit.cuh"
#include "cuda/reduce.cuh"
#include "simt/guarded.h"

using namespace entrain;
using namespace entrain::cuda;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  std::printf("%s  %s\n", holds ? "ok  " : "FAIL", what);
  if (!holds) ++failures;
}

Context context() {
  Context result;
  result.multiprocessors = 4;
  result.sharedMemoryPerBlock = 64 * 1024;
  return result;
}

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : length_(values.size()) {
    CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&data_), length_ * sizeof(T)));
    CUDA_CHECK(cudaMemcpy(data_, values.data(), length_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { (void)cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  T* data() const { return data_; }
  std::vector<T> read() const {
    std::vector<T> values(length_);
    CUDA_CHECK(cudaMemcpy(values.data(), data_, length_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t length_;
};

// Runs `work` and expects the report of its launch to contain `text`.
template <class Work>
void expectReport(const char* text, const char* what, const Work& work) {
  std::string report = "no error";
  try {
    work();
    CUDA_CHECK(cudaDeviceSynchronize());
  } catch (const runtime::Error& error) {
    report = error.what();
  }
  (void)cudaDeviceReset();
  const bool isFound = report.find(text) != std::string::npos;
  expect(isFound, what);
  if (!isFound || std::getenv("ENTRAIN_SIMT_VERBOSE")) std::printf("      %s\n", report.c_str());
}

// ---- correct kernels ----

__global__ void sumKernel(const float* input, float* sums) {
  const float sum = blockReduce(input[globalThread()], 0.0f, Sum{}, sharedMemory<float>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

void testReduction() {
  constexpr int kBlocks = 64, kThreads = 256;
  std::vector<float> input(kBlocks * kThreads);
  for (size_t i = 0; i < input.size(); ++i) input[i] = float(i % 97);
  const DeviceArray<float> values(input), sums(std::vector<float>(kBlocks, 0.0f));
  const auto start = std::chrono::steady_clock::now();
  launch(sumKernel, dim3(kBlocks), dim3(kThreads), 32 * sizeof(float), context(), values.data(),
         sums.data());
  CUDA_CHECK(cudaDeviceSynchronize());
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  const std::vector<float> result = sums.read();
  bool isRight = true;
  for (int block = 0; block < kBlocks; ++block) {
    float expected = 0;
    for (int i = 0; i < kThreads; ++i) expected += input[size_t(block * kThreads + i)];
    isRight = isRight && result[size_t(block)] == expected;
  }
  expect(isRight, "a shuffle reduction of 64 blocks of 256 threads");
  std::printf("      %.2f ms\n", elapsed.count());
}

struct Affine {
  float scale, shift;
};

// Composition of affine maps: associative, not commutative.
__global__ void composeKernel(const Affine* maps, Affine* result) {
  const auto compose = [](Affine a, Affine b) {
    return Affine{a.scale * b.scale, fma(a.shift, b.scale, b.shift)};
  };
  const Affine total =
      blockReduce(maps[threadIdx.x], Affine{1, 0}, compose, sharedMemory<Affine>());
  if (threadIdx.x == 0) *result = total;
}

void testOrder() {
  std::vector<Affine> maps(96);
  Affine expected{1, 0};
  for (size_t i = 0; i < maps.size(); ++i) {
    maps[i] = {i % 2 ? 2.0f : 0.5f, float(i % 5)};
    expected = {expected.scale * maps[i].scale, expected.shift * maps[i].scale + maps[i].shift};
  }
  const DeviceArray<Affine> input(maps), result(std::vector<Affine>(1));
  launch(composeKernel, dim3(1), dim3(96), 32 * sizeof(Affine), context(), input.data(),
         result.data());
  const Affine total = result.read()[0];
  expect(total.scale == expected.scale && total.shift == expected.shift,
         "a reduction that is not commutative keeps the order");
}

__global__ void voteKernel(int* results) {
  const int thread = int(threadIdx.x);
  const int count = __syncthreads_count(thread % 3 == 0);
  const int any = __syncthreads_or(thread == 40), all = __syncthreads_and(thread < 63);
  const unsigned ballot = __ballot_sync(kFullWarp, thread % 2);
  const int neighbour = __shfl_up_sync(kFullWarp, thread, 1, 8);
  const int half = thread % 32 < 16 ? __shfl_sync(0xffffu, thread, 5) : -1;
  const bool isRight = count == 22 && any == 1 && all == 0 && ballot == 0xaaaaaaaau &&
                       neighbour == (thread % 8 == 0 ? thread : thread - 1) &&
                       half == (thread % 32 < 16 ? thread / 32 * 32 + 5 : -1);
  results[thread] = isRight;
}

void testVotes() {
  const DeviceArray<int> results(std::vector<int>(64, 0));
  launch(voteKernel, dim3(1), dim3(64), 0, context(), results.data());
  bool isRight = true;
  for (const int result : results.read()) isRight = isRight && result == 1;
  expect(isRight, "votes, ballots, segments and partial masks");
}

// Each round every block reads what all wrote in the round before.
__global__ void gridKernel(int* counts, int* result) {
  for (int round = 0; round < 3; ++round) {
    if (threadIdx.x == 0) counts[round * gridDim.x + blockIdx.x] = round + 1;
    gridBarrier();
    if (threadIdx.x == 0) {
      int sum = 0;
      for (unsigned block = 0; block < gridDim.x; ++block) sum += counts[round * gridDim.x + block];
      if (sum == (round + 1) * int(gridDim.x)) atomicAdd(result, 1);
    }
  }
}

void testGrid() {
  const DeviceArray<int> counts(std::vector<int>(32, 0)), result(std::vector<int>(1, 0));
  const int64_t most = cooperativeBlocks(gridKernel, 64, 0, context());
  launchCooperative(gridKernel, dim3(unsigned(most)), dim3(64), 0, context(), counts.data(),
                    result.data());
  expect(most == 8 && result.read()[0] == 24, "a grid barrier over 8 blocks");
  bool isRefused = false;
  try {
    launchCooperative(gridKernel, dim3(unsigned(most + 1)), dim3(64), 0, context(), counts.data(),
                      result.data());
  } catch (const runtime::Error& error) {
    isRefused = std::string(error.what()).find("too many blocks") != std::string::npos;
  }
  expect(isRefused, "a cooperative grid that does not fit is refused");
}

template <class Storage>
__global__ void productKernel(const Storage* left, const Storage* right, float* product) {
  Storage* tile = sharedMemory<Storage>();
  for (int i = int(threadIdx.x); i < 256; i += kWarp) tile[i] = left[i];
  __syncwarp();
  LeftTile<Storage> a;
  RightTile<Storage, ColumnMajor> b;
  SumTile sums;
  sums.fill(1.0f);
  a.load(tile, 16);
  b.load(right, 16);
  sums.multiplyAdd<Storage>(a, b);
  sums.apply([](float x) { return 2.0f * x; });
  sums.store(product, 16);
}

template <class Storage>
void testProduct(const char* what) {
  std::vector<Storage> left(256), right(256);
  for (int i = 0; i < 256; ++i) {
    left[size_t(i)] = narrow<Storage>(float(i % 7) - 3);
    right[size_t(i)] = narrow<Storage>(float(i % 5) * 0.25f);
  }
  const DeviceArray<Storage> a(left), b(right);
  const DeviceArray<float> product(std::vector<float>(256, 0.0f));
  launch(productKernel<Storage>, dim3(1), dim3(32), 512, context(), a.data(), b.data(),
         product.data());
  const std::vector<float> result = product.read();
  bool isRight = true;
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 16; ++column) {
      float sum = 1;
      for (size_t k = 0; k < 16; ++k)
        sum += widen(left[row * 16 + k]) * widen(right[column * 16 + k]);
      isRight = isRight && result[row * 16 + column] == 2 * sum;
    }
  }
  expect(isRight, what);
}

__global__ void faultKernel(FaultSlot slot) {
  const int64_t element = 1000 - globalThread();
  if (element % 10 == 3) raise(slot, FaultRule::tokenRange, element, double(element) + 0.5);
}

void testFaults() {
  const DeviceArray<runtime::FaultRecord> record(std::vector<runtime::FaultRecord>(1));
  Context owner = context();
  owner.useRecord(record.data());
  owner.begin(7);
  launch(faultKernel, dim3(2), dim3(128), 0, owner, owner.faultSlot());
  owner.begin(8);
  launch(faultKernel, dim3(8), dim3(128), 0, owner, owner.faultSlot());
  const runtime::FaultRecord first = record.read()[0];
  expect(first.element == 753 && first.value == 753.5 && first.operation == 7 && first.lock == 0,
         "the fault of the first operation and lowest element stays");
}

// ---- incorrect kernels ----

__global__ void missingBarrierKernel(int* result) {
  if (threadIdx.x != 5) __syncthreads();
  result[threadIdx.x] = 1;
}
__global__ void divergentBarrierKernel(int* result) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  result[threadIdx.x] = 1;
}
__global__ void divergentShuffleKernel(int* result) {
  int value = int(threadIdx.x);
  if (threadIdx.x != 3) value = __shfl_sync(kFullWarp, value, 0);
  __syncthreads();
  result[threadIdx.x] = value;
}
__global__ void foreignMaskKernel(int* result) {
  result[threadIdx.x] = __shfl_sync(0xfffffffeu, int(threadIdx.x), 1);
}
#if SIMT_ASAN
__global__ void sharedEdgeKernel(int* result) {
  result[0] = __asan_address_is_poisoned(sharedMemory<int>() + 19);
  result[1] = __asan_address_is_poisoned(sharedMemory<int>() + 20);
}
#else
__global__ void stepOutsideKernel(int* result, int64_t place) {
  result[place] = 1;
}
__global__ void stepOutsideSharedKernel(int* result) {
  int* values = sharedMemory<int>();
  values[threadIdx.x + 1] = 1;
  result[threadIdx.x] = values[threadIdx.x];
}
#endif
// Without a barrier between writing and reading, and so NaN in every schedule for some thread.
__global__ void raceKernel(float* result) {
  float* values = sharedMemory<float>();
  values[threadIdx.x] = 1.0f;
  result[threadIdx.x] = values[(threadIdx.x + 1) % blockDim.x];
}

void testReports() {
  const DeviceArray<int> result(std::vector<int>(64, 0));
  const auto run = [&](auto kernel, size_t shared) {
    launch(kernel, dim3(1), dim3(64), shared, context(), result.data());
  };
  expectReport("__syncthreads", "a thread that misses a barrier is reported",
               [&] { run(missingBarrierKernel, 0); });
  expectReport("while other threads of the block wait", "barriers on different lines are reported",
               [&] { run(divergentBarrierKernel, 0); });
  expectReport("deadlock", "a lane missing at a shuffle is reported",
               [&] { run(divergentShuffleKernel, 0); });
  expectReport("mask lacks the calling lane", "a mask without its caller is reported",
               [&] { run(foreignMaskKernel, 0); });
  expectReport("not cooperative", "a grid barrier in a plain launch is reported", [&] {
    launch(gridKernel, dim3(1), dim3(64), 0, context(), result.data(), result.data());
  });
#if SIMT_ASAN
  const auto isPoisoned = [](const auto* address) {
    return __asan_address_is_poisoned(address) != 0;
  };
  expect(isPoisoned(result.data() - 1) && !isPoisoned(result.data()) &&
             !isPoisoned(result.data() + 63) && isPoisoned(result.data() + 64),
         "memory around an array is poisoned");
  const DeviceArray<int> shared(std::vector<int>(2, 0));
  launch(sharedEdgeKernel, dim3(1), dim3(1), 20 * sizeof(int), context(), shared.data());
  const std::vector<int> poisoned = shared.read();
  expect(poisoned[0] == 0 && poisoned[1] == 1, "memory behind shared memory is poisoned");
#else
  expectReport("outside device memory", "a write behind an array is reported", [&] {
    const DeviceArray<int> victim(std::vector<int>(10, 0));
    launch(stepOutsideKernel, dim3(1), dim3(1), 0, context(), victim.data(), int64_t(10));
    CUDA_CHECK(cudaDeviceSynchronize());
  });
  expectReport("outside device memory", "a write before an array is reported", [&] {
    const DeviceArray<int> victim(std::vector<int>(10, 0));
    launch(stepOutsideKernel, dim3(1), dim3(1), 0, context(), victim.data(), int64_t(-1));
    CUDA_CHECK(cudaDeviceSynchronize());
  });
  expectReport("shared memory", "a write behind shared memory is reported",
               [&] { run(stepOutsideSharedKernel, 64 * sizeof(int)); });
  expectReport("freed device memory", "a write to freed memory is reported", [&] {
    int* freed = nullptr;
    CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&freed), 64));
    CUDA_CHECK(cudaFree(freed));
    launch(stepOutsideKernel, dim3(1), dim3(1), 0, context(), freed, int64_t(3));
  });
#endif
  const DeviceArray<float> race(std::vector<float>(64, 0.0f));
  launch(raceKernel, dim3(1), dim3(64), 64 * sizeof(float), context(), race.data());
  int stale = 0;
  for (const float value : race.read()) stale += std::isnan(value) ? 1 : 0;
  expect(stale > 0, "a missing barrier shows as NaN");
}

void testLimits() {
  const DeviceArray<int> result(std::vector<int>(64, 0));
  const auto isRefused = [&](unsigned threads, size_t shared) {
    try {
      launch(voteKernel, dim3(1), dim3(threads), shared, context(), result.data());
      return false;
    } catch (const runtime::Error&) {
      return true;
    }
  };
  expect(isRefused(64, 1024 * 1024), "1 MiB of shared memory is refused");
  expect(!isRefused(64, 60 * 1024), "60 KiB of shared memory are granted on asking");
  expect(isRefused(1025, 0), "1025 threads are refused");
  CUDA_CHECK(cudaDeviceSynchronize());
  int host = 0;
  const bool isWrong =
      cudaMemcpy(result.data(), &host, 4, cudaMemcpyDeviceToHost) != cudaSuccess &&
      cudaMemcpy(result.data() + 60, &host, 32, cudaMemcpyHostToDevice) != cudaSuccess;
  (void)cudaGetLastError();
  expect(isWrong, "copies in the wrong direction or beyond the end are refused");
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  testReduction();
  testOrder();
  testVotes();
  testGrid();
  testProduct<bfloat16>("a bfloat16 product on the matrix unit");
  testProduct<float16>("a float16 product on the matrix unit");
  testFaults();
  testReports();
  testLimits();
  testReduction();  // the machine has recovered
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
