// Which GPUs there are. The error of the CUDA runtime alone misleads: it says "driver version is
// insufficient" also where there is no driver, so the reason comes from error and version together.
#include "cuda/device.h"

#include <cuda_runtime.h>
#include <unistd.h>

#include <cstdlib>

namespace entrain::runtime {

namespace {

constexpr int kLeastDriver = 13000;   // CUDA 13.0, which comes with driver 580
constexpr int kLeastCapability = 75;  // Turing: the oldest that nvcc 13 compiles for

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

bool exists(const char* path) {
  return access(path, F_OK) == 0;
}

std::string driverReason(int driver) {
  if (driver > 0) {
    return "the NVIDIA driver supports CUDA " + versionText(driver) + ", CUDA " +
           versionText(kLeastDriver) + " is needed (driver 580 or later)";
  }
  std::string reason = "no NVIDIA driver (libcuda.so.1) was found";
  if (exists("/dev/dxg")) {
    reason += "; under WSL it lies in /usr/lib/wsl/lib and comes with the driver of Windows";
  } else if (exists("/.dockerenv") || exists("/run/.containerenv")) {
    reason +=
        "; a container needs --gpus all and NVIDIA_DRIVER_CAPABILITIES=compute,utility to see one";
  }
  return reason;
}

std::string absenceReason() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  std::string reason = "the NVIDIA driver shows no GPU";
  if (visible) reason += std::string(" (CUDA_VISIBLE_DEVICES=\"") + visible + "\")";
  return reason;
}

std::string otherReason(cudaError_t error) {
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ", " +
         std::to_string(int(error)) + ")";
}

// "GPU-" and the 16 bytes in hexadecimal, in groups of 4, 2, 2, 2 and 6.
std::string uuidText(const cudaUUID_t& uuid) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

// Adds a device, or returns why it cannot be used.
std::string addDevice(CudaProbe& probe, int ordinal) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, ordinal);
  if (error != cudaSuccess) return otherReason(error);
  const std::string capability =
      std::to_string(properties.major) + "." + std::to_string(properties.minor);
  if (properties.major * 10 + properties.minor < kLeastCapability) {
    return std::string(properties.name) + " has compute capability " + capability +
           ", at least 7.5 is needed";
  }
  int hasPools = 0;
  if (cudaDeviceGetAttribute(&hasPools, cudaDevAttrMemoryPoolsSupported, ordinal) != cudaSuccess ||
      !hasPools) {
    return std::string(properties.name) + " does not support stream-ordered memory pools";
  }
  probe.devices.push_back({properties.name, int64_t(properties.totalGlobalMem), capability,
                           uuidText(properties.uuid), ordinal});
  return {};
}

CudaProbe look() {
  CudaProbe probe;
  int driver = 0, count = 0;
  (void)cudaDriverGetVersion(&driver);
  const cudaError_t error = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();
  if (error == cudaErrorInsufficientDriver) {
    probe.reason = driverReason(driver);
  } else if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    probe.reason = absenceReason();
  } else if (error != cudaSuccess) {
    probe.reason = otherReason(error);
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    const std::string reason = addDevice(probe, ordinal);
    if (probe.reason.empty()) probe.reason = reason;
  }
  if (!probe.devices.empty()) probe.reason.clear();
  return probe;
}

}  // namespace

const CudaProbe& probeCuda() {
  static const CudaProbe* const probe = new CudaProbe(look());  // outlives static destructors
  return *probe;
}

}  // namespace entrain::runtime
