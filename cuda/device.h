// NVIDIA GPUs as devices: which there are, or why there is none, and a stream on each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/stream.h"

namespace entrain::runtime {

struct CudaDevice {
  std::string name;
  int64_t memoryBytes = 0;
  std::string computeCapability;  // "9.0"
  std::string uuid;               // as nvidia-smi prints it
  int ordinal = 0;                // the CUDA runtime's number
};

struct CudaProbe {
  std::vector<CudaDevice> devices;
  std::string reason;  // why there are none, when there are none
};

// Looks once, at the first call, and never throws.
const CudaProbe& probeCuda();

// A stream on devices[device] of the probe; throws Error ERR_DEVICE or ERR_CUDA.
std::unique_ptr<Stream> openCudaStream(int device);

}  // namespace entrain::runtime
