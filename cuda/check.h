// CUDA_CHECK(call): a failing call of the CUDA runtime becomes a runtime::Error, ERR_OUT_OF_MEMORY
// or ERR_CUDA, with the text of the call, the reason and the device.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "ops/errors.h"

namespace entrain::runtime {

inline Error cudaFailure(cudaError_t error, const char* call) {
  (void)cudaGetLastError();  // a failed call must not be reported a second time by the next check
  int device = -1;
  (void)cudaGetDevice(&device);
  const bool full = error == cudaErrorMemoryAllocation;
  return Error(full ? "ERR_OUT_OF_MEMORY" : "ERR_CUDA",
               std::string(call) + " failed on cuda:" + std::to_string(device) + ": " +
                   cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ", " +
                   std::to_string(int(error)) + ")");
}

inline void checkCuda(cudaError_t error, const char* call) {
  if (error != cudaSuccess) throw cudaFailure(error, call);
}

}  // namespace entrain::runtime

#define CUDA_CHECK(call) ::entrain::runtime::checkCuda((call), #call)
