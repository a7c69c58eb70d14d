// The devices the emulator pretends to have, and errors.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "cuda_runtime.h"
#include "simt/machine.h"

namespace simt {

namespace {

struct Generation {
  int capability;
  size_t sharedOptIn, sharedPerMultiprocessor;  // KiB
};
// CUDA C++ programming guide, "Technical Specifications per Compute Capability".
constexpr Generation kGenerations[] = {{70, 96, 96},    {75, 64, 64},  {80, 163, 164},
                                       {86, 99, 100},   {89, 99, 100}, {90, 227, 228},
                                       {100, 227, 228}, {120, 99, 100}};

size_t fromEnvironment(const char* name, size_t otherwise) {
  const char* text = std::getenv(name);
  return text ? size_t(std::strtoull(text, nullptr, 10)) : otherwise;
}

Machine describeMachine() {
  Machine result{};
  result.driver = int(fromEnvironment("ENTRAIN_SIMT_DRIVER", 13000));
  result.devices = int(fromEnvironment("ENTRAIN_SIMT_DEVICES", 1));
  result.capability = int(fromEnvironment("ENTRAIN_SIMT_CAPABILITY", 90));
  result.memory = fromEnvironment("ENTRAIN_SIMT_MEMORY", size_t(4) << 30);
  result.multiprocessors = 4;
  result.blocksPerMultiprocessor = 2;
  for (const Generation& generation : kGenerations) {
    if (generation.capability != result.capability) continue;
    result.sharedOptIn = generation.sharedOptIn * 1024;
    result.sharedPerMultiprocessor = generation.sharedPerMultiprocessor * 1024;
    return result;
  }
  std::fprintf(stderr, "simt: ENTRAIN_SIMT_CAPABILITY=%d is not known\n", result.capability);
  std::abort();
}

// Texts handed out by cudaGetErrorString stay valid for ever.
struct Breakdown {
  std::mutex mutex;
  std::deque<std::string> reports;
  std::atomic<bool> isBroken{false};
};

Breakdown& breakdown() {
  static Breakdown* const instance = new Breakdown;
  return *instance;
}

thread_local cudaError_t lastError = cudaSuccess;
thread_local int currentDevice = 0;

}  // namespace

const Machine& machine() {
  static const Machine instance = describeMachine();
  return instance;
}

void breakDown(const std::string& report) {
  Breakdown& state = breakdown();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.isBroken) return;
  state.reports.push_back("unspecified launch failure: " + report);
  state.isBroken = true;
}

bool isBroken() {
  return breakdown().isBroken;
}

cudaError_t note(cudaError_t error) {
  if (isBroken()) error = cudaErrorLaunchFailure;
  if (error != cudaSuccess) lastError = error;
  return error;
}

}  // namespace simt

using simt::note;

cudaError_t cudaGetLastError() {
  const cudaError_t error = simt::isBroken() ? cudaErrorLaunchFailure : simt::lastError;
  simt::lastError = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  return simt::isBroken() ? cudaErrorLaunchFailure : simt::lastError;
}

cudaError_t cudaDeviceReset() {
  simt::drainAll();
  simt::breakdown().isBroken = false;
  simt::lastError = cudaSuccess;
  return cudaSuccess;
}

#define SIMT_ERRORS(X)                                                                           \
  X(cudaSuccess, "no error")                                                                     \
  X(cudaErrorInvalidValue, "invalid argument")                                                   \
  X(cudaErrorMemoryAllocation, "out of memory")                                                  \
  X(cudaErrorInvalidConfiguration, "invalid configuration argument")                             \
  X(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version") \
  X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                     \
  X(cudaErrorInvalidDevice, "invalid device ordinal")                                            \
  X(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution")               \
  X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                   \
  X(cudaErrorNotReady, "device not ready")                                                       \
  X(cudaErrorLaunchFailure, "unspecified launch failure")                                        \
  X(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch")

const char* cudaGetErrorName(cudaError_t error) {
#define SIMT_NAME(code, text) \
  if (error == code) return #code;
  SIMT_ERRORS(SIMT_NAME)
#undef SIMT_NAME
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  simt::Breakdown& state = simt::breakdown();
  if (error == cudaErrorLaunchFailure) {
    const std::lock_guard<std::mutex> lock(state.mutex);
    if (!state.reports.empty()) return state.reports.back().c_str();
  }
#define SIMT_TEXT(code, text) \
  if (error == code) return text;
  SIMT_ERRORS(SIMT_TEXT)
#undef SIMT_TEXT
  return "unrecognized error code";
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = simt::machine().driver;
  return note(cudaSuccess);
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return note(cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (simt::machine().driver < 13000) return note(cudaErrorInsufficientDriver);
  if (simt::machine().devices == 0) return note(cudaErrorNoDevice);
  *count = simt::machine().devices;
  return note(cudaSuccess);
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::machine().devices) return note(cudaErrorInvalidDevice);
  simt::currentDevice = device;
  return note(cudaSuccess);
}

cudaError_t cudaGetDevice(int* device) {
  *device = simt::currentDevice;
  return note(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const simt::Machine& machine = simt::machine();
  if (device < 0 || device >= machine.devices) return note(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "Emulated GPU %d", device);
  for (int i = 0; i < 16; ++i) properties->uuid.bytes[i] = char(device * 16 + i);
  properties->totalGlobalMem = machine.memory;
  properties->sharedMemPerBlock = 48 * 1024;
  properties->sharedMemPerBlockOptin = machine.sharedOptIn;
  properties->sharedMemPerMultiprocessor = machine.sharedPerMultiprocessor;
  properties->multiProcessorCount = machine.multiprocessors;
  properties->major = machine.capability / 10;
  properties->minor = machine.capability % 10;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = simt::kMaximumThreads;
  properties->maxThreadsPerMultiProcessor = 1536;
  properties->l2CacheSize = 4 << 20;
  return note(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = properties.maxThreadsPerBlock;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      break;
    case cudaDevAttrL2CacheSize:
      *value = properties.l2CacheSize;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = properties.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = int(properties.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = 1;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = int(properties.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMemoryPoolsSupported:
      *value = 1;
      break;
  }
  return note(cudaSuccess);
}
