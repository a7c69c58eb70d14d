// Proves that the CUDA stream of cuda/stream.cu keeps order, counts its memory exactly, reports
// failures at the next read and closes with work in flight. Runs in the emulator.
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "cuda/device.h"
#include "cuda_runtime.h"
#include "ops/errors.h"
#include "ops/registry.h"
#include "ops/silu.h"

using namespace entrain;
using runtime::Outcome;
using runtime::Stream;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  std::printf("%s  %s\n", holds ? "ok  " : "FAIL", what);
  if (!holds) ++failures;
}

int32_t siluForward() {
  int32_t operation = 0;
  while (std::strcmp(runtime::operationName(operation), SiluForward<float>::name) != 0) ++operation;
  return operation;
}

Outcome read(Stream& stream, void* to, const void* from, int64_t bytes) {
  std::promise<Outcome> promise;
  stream.download(to, from, bytes, [&](const Outcome& outcome) { promise.set_value(outcome); });
  return promise.get_future().get();
}

void silu(Stream& stream, float* output, const float* input, int64_t length,
          Dtype dtype = Dtype::float32) {
  const SiluForward<float> op{{input, length}, {output, length}};
  stream.enqueue({siluForward(), int32_t(dtype), &op, sizeof op});
}

void testOrder() {
  const auto stream = runtime::openCudaStream(0);
  constexpr int64_t kLength = 100'003, kBytes = kLength * 4;
  std::vector<float> input(kLength), output(kLength, -1.0f);
  for (int64_t i = 0; i < kLength; ++i) input[size_t(i)] = float(i % 1000) * 0.01f - 5.0f;
  auto* a = static_cast<float*>(stream->allocate(kBytes));
  auto* b = static_cast<float*>(stream->allocate(kBytes));
  expect(stream->memory().live == 2 * kBytes && stream->memory().peak == 2 * kBytes,
         "live and peak memory are exact");
  stream->upload(a, input.data(), kBytes);
  for (float& x : input) x = 7.0f;  // an upload has read its source
  silu(*stream, b, a, kLength);
  stream->fillZero(a, kBytes);  // after the kernel
  stream->copy(a, b, kBytes);
  stream->release(b, kBytes);  // while it is in use
  const Outcome outcome = read(*stream, output.data(), a, kBytes);
  double worst = 0;
  for (int64_t i = 0; i < kLength; ++i) {
    const double x = float(i % 1000) * 0.01f - 5.0f;
    worst = std::fmax(worst, std::fabs(double(output[size_t(i)]) - x / (1 + std::exp(-x))));
  }
  expect(!outcome.code && worst < 1e-6, "upload, kernel, fill, copy and read keep their order");
  expect(stream->memory().live == kBytes && stream->memory().peak == 2 * kBytes,
         "release lowers live memory only");
  silu(*stream, a + 1, a + 1, kLength - 1);  // not aligned to 16 bytes
  expect(!stream->synchronize().code, "views that are not aligned work");
  stream->release(a, kBytes);
  stream->trim();
  expect(stream->memory().live == 0, "nothing is left");
  void* nothing = stream->allocate(0);
  expect(nothing != nullptr, "memory of no elements is not null");
  stream->release(nothing, 0);
}

void testLargeCopies() {
  const auto stream = runtime::openCudaStream(0);
  constexpr int64_t kBytes = (int64_t(40) << 20) + 12;
  std::vector<unsigned char> data(kBytes), result(kBytes);
  for (int64_t i = 0; i < kBytes; ++i) data[size_t(i)] = static_cast<unsigned char>(i * 31 >> 4);
  void* memory = stream->allocate(kBytes);
  stream->upload(memory, data.data(), kBytes);
  expect(!read(*stream, result.data(), memory, kBytes).code && data == result,
         "copies larger than a piece arrive");
  stream->release(memory, kBytes);
}

void testFailures() {
  const auto stream = runtime::openCudaStream(0);
  auto* memory = static_cast<float*>(stream->allocate(64));
  silu(*stream, memory, memory, 16, Dtype::int32);
  silu(*stream, memory, memory, 16, Dtype::uint8);
  const Outcome first = stream->synchronize();
  expect(first.code && std::string(first.code) == "ERR_DTYPE" &&
             first.message.find("siluForward") == 0,
         "a failure names its operation at the next read");
  expect(!stream->synchronize().code, "a failure is told once");
  std::string code;
  try {
    stream->allocate(int64_t(1) << 50);
  } catch (const runtime::Error& error) {
    code = error.code;
  }
  expect(code == "ERR_OUT_OF_MEMORY", "too much memory is refused");
#if !defined(__SANITIZE_ADDRESS__)  // which stops the program at once
  silu(*stream, memory, memory, 17);
  const Outcome outside = stream->synchronize();
  expect(outside.code && std::string(outside.code) == "ERR_CUDA",
         "a kernel that fails is told at the next read");
  std::printf("      %s\n", outside.message.c_str());
  (void)cudaDeviceReset();
#endif
}

void testClose() {
  constexpr int64_t kLength = 1 << 18, kBytes = kLength * 4;
  std::atomic<int> calls{0};
  std::vector<float> result(kLength);
  {
    const auto stream = runtime::openCudaStream(0);
    auto* memory = static_cast<float*>(stream->allocate(kBytes));
    stream->fillZero(memory, kBytes);
    for (int i = 0; i < 20; ++i) {
      silu(*stream, memory, memory, kLength);
      stream->download(result.data(), memory, kBytes, [&](const Outcome&) { ++calls; });
    }
    stream->close();
    const int before = calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    expect(calls == before && before < 20, "close drops the reads that are still waiting");
    silu(*stream, memory, memory, kLength);
    stream->release(memory, kBytes);
    expect(stream->memory().live == 0, "memory may be released after close");
    stream->close();
  }
  std::printf("      %d of 20 reads ran\n", calls.load());
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const runtime::CudaProbe& probe = runtime::probeCuda();
  expect(probe.devices.size() == 1 && probe.reason.empty(), "the emulated GPU is found");
  testOrder();
  testLargeCopies();
  testFailures();
  testClose();
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
