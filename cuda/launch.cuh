// Launching kernels, their shared memory, grid-wide barriers and stream-ordered scratch memory.
// The same text serves the CUDA compiler and the emulator of test/simt.
#pragma once

#include <cooperative_groups.h>

#include <type_traits>
#include <utility>

#include "cuda/check.h"
#include "cuda/kernel.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

constexpr int kWarp = 32;                      // threads
constexpr int64_t kDefaultShared = 48 * 1024;  // bytes a block may have without opting in

HOST_DEVICE constexpr int64_t ceilDivide(int64_t dividend, int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

// This thread's place in a one-dimensional grid.
__device__ __forceinline__ int64_t globalThread() {
  return int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}

// The block's dynamic shared memory from byte `offset` on, which is a multiple of alignof(T); the
// start is aligned to 128 bytes.
template <class T>
__device__ __forceinline__ T* sharedMemory(int64_t offset = 0) {
#if defined(ENTRAIN_SIMT)
  unsigned char* dynamicShared = simt::sharedMemory();
#else
  extern __shared__ __align__(128) unsigned char dynamicShared[];
#endif
  return reinterpret_cast<T*>(dynamicShared + offset);
}

// Waits for all threads of all blocks; writes to global memory before it are seen after it. Only in
// kernels started by launchCooperative.
__device__ __forceinline__ void gridBarrier() {
  cooperative_groups::this_grid().sync();
}

template <class... Parameter, class... Argument>
void launchWith(cudaLaunchConfig_t config, void (*kernel)(Parameter...), const Context& context,
                Argument&&... arguments) {
  if (int64_t(config.dynamicSmemBytes) > kDefaultShared) {
    CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    int(config.dynamicSmemBytes)));
  }
  CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, Parameter(arguments)...));
  if (context.checkAfterLaunch) CUDA_CHECK(cudaStreamSynchronize(context.stream));
}

// Starts `kernel` on the context's stream; a grid without blocks is no work.
template <class... Parameter, class... Argument>
void launch(void (*kernel)(Parameter...), dim3 grid, dim3 block, size_t sharedBytes,
            const Context& context, const Argument&... arguments) {
  static_assert(sizeof...(Parameter) == sizeof...(Argument), "one argument for each parameter");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = sharedBytes;
  config.stream = context.stream;
  launchWith(config, kernel, context, arguments...);
}

// The most blocks of `kernel` that the device can hold at once: the bound of a cooperative grid.
template <class... Parameter>
int64_t cooperativeBlocks(void (*kernel)(Parameter...), int threads, size_t sharedBytes,
                          const Context& context) {
  if (int64_t(sharedBytes) > kDefaultShared) {
    CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                    cudaFuncAttributeMaxDynamicSharedMemorySize, int(sharedBytes)));
  }
  int perMultiprocessor = 0;
  CUDA_CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &perMultiprocessor, reinterpret_cast<const void*>(kernel), threads, sharedBytes));
  return int64_t(perMultiprocessor) * context.multiprocessors;
}

// As launch, for kernels that call gridBarrier(): all blocks run at once, at most
// cooperativeBlocks() of them.
template <class... Parameter, class... Argument>
void launchCooperative(void (*kernel)(Parameter...), dim3 grid, dim3 block, size_t sharedBytes,
                       const Context& context, const Argument&... arguments) {
  static_assert(sizeof...(Parameter) == sizeof...(Argument), "one argument for each parameter");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  cudaLaunchAttribute cooperative = {};
  cooperative.id = cudaLaunchAttributeCooperative;
  cooperative.val.cooperative = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = sharedBytes;
  config.stream = context.stream;
  config.attrs = &cooperative;
  config.numAttrs = 1;
  launchWith(config, kernel, context, arguments...);
}

// Uninitialised scratch memory for `count` elements, from this point of the stream to the point
// where the object dies: kernels launched in between may use it.
template <class T>
class Workspace {
 public:
  Workspace(Context& context, int64_t count)
      : context_(context), bytes_(count * int64_t(sizeof(T))) {
    if (bytes_ == 0) return;
    CUDA_CHECK(cudaMallocAsync(reinterpret_cast<void**>(&data_), size_t(bytes_), context.stream));
    context_.countAllocation(bytes_);
  }
  ~Workspace() {
    if (!data_) return;
    (void)cudaFreeAsync(data_, context_.stream);
    context_.countRelease(bytes_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  T* data() const { return data_; }

 private:
  Context& context_;
  T* data_ = nullptr;
  int64_t bytes_;
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda
