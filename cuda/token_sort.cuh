// A stable sort of tokens by counting: least significant digits first, up to 8 bits in a pass. A
// warp counts the digits of a chunk, a block scans one digit's chunks, and a warp places its chunk
// 32 tokens at a time, where ballots tell equal digits apart. Only integers are added, and every
// place follows from the tokens alone. Floor: latency; 24 bytes a token and pass through memory.
// Not measured on a GPU yet.
#pragma once

#include "cuda/fault.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct TokenSortTuning {
  static constexpr int digitBits = 8;
  static constexpr int digits = 1 << digitBits;
  static constexpr int64_t chunk = 512;  // tokens of a warp; not measured
  static constexpr int warps = 4;        // not measured
  static constexpr int threads = warps * kWarp;
  static constexpr int scanThreads = 256;  // not measured
  static constexpr size_t sharedBytes = warps * digits * sizeof(int64_t);
};

// The tokens, with `vocabulary` for those outside [0, vocabulary), and where each stood.
struct SortedTokens {
  const int32_t* tokens;
  const int64_t* places;
  int64_t count;
};

namespace sorting {

template <class Operation>
__global__ void __launch_bounds__(TokenSortTuning::threads)
    keyKernel(Operation op, FaultSlot slot, int32_t* tokens, int64_t* places) {
  const int64_t i = globalThread();
  if (i >= op.count) return;
  const int32_t token = op.tokens[i];
  const bool isValid = token >= 0 && token < op.vocabulary;
  if (!isValid) raise(slot, runtime::FaultRule::tokenRange, i, double(token));
  tokens[i] = isValid ? token : int32_t(op.vocabulary);
  places[i] = i;
}

__device__ __forceinline__ int digitOf(int32_t token, int shift, int mask) {
  return int(uint32_t(token) >> shift) & mask;
}

// The calling warp's chunk and its counters in shared memory.
struct Chunk {
  int64_t index, begin, end;
  int64_t* counters;

  __device__ __forceinline__ explicit Chunk(int64_t count) {
    index = int64_t(blockIdx.x) * TokenSortTuning::warps + warpIndex();
    begin = min(index * TokenSortTuning::chunk, count);
    end = min(begin + TokenSortTuning::chunk, count);
    counters = sharedMemory<int64_t>() + warpIndex() * TokenSortTuning::digits;
  }
};

// counts (digits, chunks)
static __global__ void __launch_bounds__(TokenSortTuning::threads)
    countKernel(const int32_t* tokens, int64_t count, int64_t chunks, int shift, int mask,
                int64_t* counts) {
  const Chunk chunk(count);
  if (chunk.index >= chunks) return;
  for (int digit = laneIndex(); digit <= mask; digit += kWarp) chunk.counters[digit] = 0;
  __syncwarp();
  for (int64_t i = chunk.begin + laneIndex(); i < chunk.end; i += kWarp) {
    auto* const counter =
        reinterpret_cast<unsigned long long*>(chunk.counters + digitOf(tokens[i], shift, mask));
    atomicAdd(counter, 1ull);  // of integers: any order gives the same
  }
  __syncwarp();
  for (int digit = laneIndex(); digit <= mask; digit += kWarp) {
    counts[digit * chunks + chunk.index] = chunk.counters[digit];
  }
}

// Each row of (rows, length) becomes the sums of what stood before each element; totals (rows).
static __global__ void __launch_bounds__(TokenSortTuning::scanThreads)
    scanKernel(int64_t* values, int64_t length, int64_t* totals) {
  constexpr int kWarps = TokenSortTuning::scanThreads / kWarp;
  int64_t* const shared = sharedMemory<int64_t>();  // of each warp
  int64_t* const row = values + blockIdx.x * length;
  int64_t before = 0;
  for (int64_t first = 0; first < length; first += TokenSortTuning::scanThreads) {
    const int64_t i = first + threadIdx.x;
    const int64_t own = i < length ? row[i] : 0;
    int64_t sum = own;
#pragma unroll
    for (int distance = 1; distance < kWarp; distance *= 2) {
      const int64_t other = shuffleUp(sum, distance);
      if (laneIndex() >= distance) sum += other;
    }
    if (laneIndex() == kWarp - 1) shared[warpIndex()] = sum;
    __syncthreads();  // every warp's sum is there
    int64_t all = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
      if (warp == warpIndex()) sum += all;
      all += shared[warp];
    }
    if (i < length) row[i] = before + sum - own;
    before += all;
    __syncthreads();  // the sums have been read
  }
  if (threadIdx.x == 0) totals[blockIdx.x] = before;
}

// The lanes of the warp that hold the same digit, among those that hold one.
__device__ __forceinline__ unsigned lanesLike(int digit, bool holds) {
  unsigned lanes = __ballot_sync(kFullWarp, holds);
#pragma unroll
  for (int bit = 0; bit < TokenSortTuning::digitBits; ++bit) {
    const bool isSet = (digit >> bit & 1) != 0;
    const unsigned set = __ballot_sync(kFullWarp, isSet);
    lanes &= isSet ? set : ~set;
  }
  return lanes;
}

// starts (digits): tokens with a smaller digit; counts (digits, chunks): with the same digit in
// earlier chunks.
static __global__ void __launch_bounds__(TokenSortTuning::threads)
    placeKernel(const int32_t* tokens, const int64_t* places, int64_t count, int64_t chunks,
                int shift, int mask, const int64_t* counts, const int64_t* starts,
                int32_t* sortedTokens, int64_t* sortedPlaces) {
  const Chunk chunk(count);
  if (chunk.index >= chunks) return;
  for (int digit = laneIndex(); digit <= mask; digit += kWarp) {
    chunk.counters[digit] = starts[digit] + counts[digit * chunks + chunk.index];
  }
  __syncwarp();
  const unsigned earlierLanes = (1u << laneIndex()) - 1u;
  for (int64_t first = chunk.begin; first < chunk.end; first += kWarp) {
    const int64_t i = first + laneIndex();
    const bool holds = i < chunk.end;
    const int32_t token = holds ? tokens[i] : 0;
    const int digit = digitOf(token, shift, mask);
    const unsigned like = lanesLike(digit, holds);
    const int64_t to = chunk.counters[digit] + __popc(like & earlierLanes);
    __syncwarp();  // the counters have been read
    if (holds) {
      if ((like & earlierLanes) == 0) chunk.counters[digit] += __popc(like);
      sortedTokens[to] = token;
      sortedPlaces[to] = places[i];
    }
    __syncwarp();  // the counters have been moved on
  }
}

}  // namespace sorting

// Scratch memory and result of one sort, valid as long as the object is.
class TokenSort {
 public:
  // Sorts op.tokens (op.count), raising tokenRange for those outside [0, op.vocabulary).
  template <class Operation>
  TokenSort(const Operation& op, Context& context)
      : count_(op.count),
        chunks_(ceilDivide(op.count, TokenSortTuning::chunk)),
        tokens_(context, 2 * op.count),
        places_(context, 2 * op.count),
        counts_(context, TokenSortTuning::digits * (chunks_ + 1) + 1) {
    using Tuning = TokenSortTuning;
    launch(sorting::keyKernel<Operation>, dim3(unsigned(ceilDivide(count_, Tuning::threads))),
           dim3(Tuning::threads), 0, context, op, context.faultSlot(), tokens_.data(),
           places_.data());
    int bits = 1;  // of the largest key, which is `vocabulary`
    while (op.vocabulary >> bits != 0) ++bits;
    const int passes = int(ceilDivide(bits, Tuning::digitBits));
    const int passBits = int(ceilDivide(bits, passes));
    for (int pass = 0; pass < passes; ++pass) sortBy(pass * passBits, passBits, context);
  }

  SortedTokens sorted() const {
    return {tokens_.data() + isSwapped_ * count_, places_.data() + isSwapped_ * count_, count_};
  }

 private:
  void sortBy(int shift, int bits, Context& context) {
    using Tuning = TokenSortTuning;
    const int digits = 1 << bits, mask = digits - 1;
    const SortedTokens from = sorted();
    isSwapped_ = !isSwapped_;
    const dim3 grid(unsigned(ceilDivide(chunks_, Tuning::warps)));
    constexpr size_t kScanBytes = Tuning::scanThreads / kWarp * sizeof(int64_t);
    int64_t* const counts = counts_.data();
    int64_t* const starts = counts + digits * chunks_;
    launch(sorting::countKernel, grid, dim3(Tuning::threads), Tuning::sharedBytes, context,
           from.tokens, count_, chunks_, shift, mask, counts);
    launch(sorting::scanKernel, dim3(unsigned(digits)), dim3(Tuning::scanThreads), kScanBytes,
           context, counts, chunks_, starts);
    launch(sorting::scanKernel, dim3(1), dim3(Tuning::scanThreads), kScanBytes, context, starts,
           int64_t(digits), starts + digits);
    launch(sorting::placeKernel, grid, dim3(Tuning::threads), Tuning::sharedBytes, context,
           from.tokens, from.places, count_, chunks_, shift, mask, counts, starts,
           tokens_.data() + isSwapped_ * count_, places_.data() + isSwapped_ * count_);
  }

  int64_t count_, chunks_;
  Workspace<int32_t> tokens_;
  Workspace<int64_t> places_;
  Workspace<int64_t> counts_;
  bool isSwapped_ = false;
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda
