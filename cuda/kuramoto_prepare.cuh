// What a Kuramoto run needs to know before its first step: the greatest step of the free rotation,
// which sets the drift's shift, and sums of precisions. Each is one small kernel a call.
#pragma once

#include "cuda/fault.cuh"
#include "cuda/kuramoto.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct KuramotoPrepareTuning {
  static constexpr int threads = 256;  // fixes the order of sums
  static constexpr int64_t mostBlocks = 1024;
};

// Reports banks that do not follow each other.
template <class Operation>
__global__ void __launch_bounds__(KuramotoPrepareTuning::threads)
    bankOrderKernel(const Operation op, FaultSlot slot) {
  const int64_t b = globalThread();
  if (b > op.batch) return;
  const int64_t start = op.bankStart[b];
  const int64_t least = b == op.batch ? op.oscillators : b == 0 ? 0 : op.bankStart[b - 1];
  const int64_t most = b == 0 ? 0 : op.oscillators;
  if (start < least || start > most) raise(slot, FaultRule::bankOrder, b, double(start));
}

// The bits of the greatest |(ω + u) dt|: those of positive numbers are ordered as they are. Reports
// rates that are not finite.
template <class Operation>
__global__ void __launch_bounds__(KuramotoPrepareTuning::threads)
    greatestStepKernel(const Operation op, FaultSlot slot, unsigned long long* greatest) {
  double most = 0;
  for (int64_t system = blockIdx.y; system < op.batch; system += gridDim.y) {
    const SystemPlace place = placeOf(op, system);
    for (int64_t i = globalThread(); i < place.count; i += int64_t(gridDim.x) * blockDim.x) {
      const double rate = freeRate(op, place.node + i, place.row + i);
      if (!(absolute(rate) < 1e300)) raise(slot, FaultRule::rateRange, place.row + i, rate);
      const double step = absolute(rate * place.timeStep);
      most = step > most ? step : most;
    }
  }
  most = blockReduce(most, 0.0, Maximum{}, sharedMemory<double>());
  if (threadIdx.x == 0 && most > 0) {
    uint64_t bits;
    memcpy(&bits, &most, sizeof bits);
    atomicMax(greatest, static_cast<unsigned long long>(bits));
  }
}
__device__ __forceinline__ double greatestOf(const unsigned long long* greatest) {
  return fromBits(int64_t(*greatest));
}

template <class Operation>
void findGreatestStep(const Operation& op, unsigned long long* greatest, Context& context) {
  constexpr int kThreads = KuramotoPrepareTuning::threads;
  constexpr int64_t kMost = KuramotoPrepareTuning::mostBlocks;
  CUDA_CHECK(cudaMemsetAsync(greatest, 0, sizeof *greatest, context.stream));
  if constexpr (requires { op.bankStart; }) {
    if (op.bankStart) {
      launch(bankOrderKernel<Operation>, dim3(unsigned(ceilDivide(op.batch + 1, kThreads))),
             dim3(kThreads), 0, context, op, context.faultSlot());
    }
  }
  const int64_t across = min(ceilDivide(op.oscillators, kThreads), kMost);
  const int64_t down = min(op.batch, max(int64_t(1), kMost / across));
  const int64_t threads = min(ceilDivide(op.oscillators, kWarp) * kWarp, int64_t(kThreads));
  launch(greatestStepKernel<Operation>, dim3(unsigned(across), unsigned(down)),
         dim3(unsigned(threads)), size_t(threads / kWarp) * sizeof(double), context, op,
         context.faultSlot(), greatest);
}

// Σ p of each system by one block; without precisions, N.
template <class Operation>
__global__ void __launch_bounds__(KuramotoPrepareTuning::threads)
    precisionSumKernel(const Operation op, double* sums) {
  const SystemPlace place = placeOf(op, blockIdx.x);
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < place.count; i += KuramotoPrepareTuning::threads) {
    sum += double(precisionOf(op, place.node + i));
  }
  sum = blockReduce(sum, 0.0, Sum{}, sharedMemory<double>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// The systems of a batch share their precisions, those of banks do not.
template <class Operation>
HOST_DEVICE int64_t precisionSums(const Operation& op) {
  if constexpr (requires { op.bankStart; }) {
    return op.bankStart ? op.batch : 1;
  } else {
    return 1;
  }
}
template <class Operation>
void sumPrecisions(const Operation& op, double* sums, Context& context) {
  constexpr int kThreads = KuramotoPrepareTuning::threads;
  launch(precisionSumKernel<Operation>, dim3(unsigned(precisionSums(op))), dim3(kThreads),
         kThreads / kWarp * sizeof(double), context, op, sums);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
