// Shuffles of any trivially copyable type, and reductions over a warp and a block. The order of
// combination is fixed: a binary tree over neighbouring lanes, then over warps, so the results are
// the same in every run. `combine(left, right)` needs to be associative only up to rounding, not
// commutative.
#pragma once

#include <cstring>

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

constexpr unsigned kFullWarp = 0xffffffffu;

struct Sum {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Maximum {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return maximum(a, b);
  }
};
struct Minimum {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return minimum(a, b);
  }
};

// Applies a shuffle of 32-bit words to each word of `value`.
template <class T, class Shuffle>
__device__ __forceinline__ T shuffleWords(const T& value, Shuffle shuffle) {
  static_assert(sizeof(T) % 4 == 0, "shuffles move whole 32-bit words");
  constexpr int kWords = int(sizeof(T) / 4);
  unsigned words[kWords];
  memcpy(words, &value, sizeof(T));
#pragma unroll
  for (int word = 0; word < kWords; ++word) words[word] = shuffle(words[word]);
  T result;
  memcpy(&result, words, sizeof(T));
  return result;
}

// The value of another lane; all 32 lanes of the warp take part.
template <class T>
__device__ __forceinline__ T shuffle(const T& value, int lane) {
  return shuffleWords(value, [&](unsigned w) { return __shfl_sync(kFullWarp, w, lane); });
}
template <class T>
__device__ __forceinline__ T shuffleUp(const T& value, int distance) {
  return shuffleWords(value,
                      [&](unsigned w) { return __shfl_up_sync(kFullWarp, w, unsigned(distance)); });
}
template <class T>
__device__ __forceinline__ T shuffleDown(const T& value, int distance) {
  return shuffleWords(
      value, [&](unsigned w) { return __shfl_down_sync(kFullWarp, w, unsigned(distance)); });
}
template <class T>
__device__ __forceinline__ T shuffleXor(const T& value, int mask) {
  return shuffleWords(value, [&](unsigned w) { return __shfl_xor_sync(kFullWarp, w, mask); });
}

// Lanes are counted along x: the blocks that reduce are one-dimensional.
__device__ __forceinline__ int laneIndex() {
  return int(threadIdx.x) % kWarp;
}
__device__ __forceinline__ int warpIndex() {
  return int(threadIdx.x) / kWarp;
}

// Combines the values of groups of `kWidth` neighbouring lanes, a power of two; every lane gets its
// group's result.
template <int kWidth = kWarp, class T, class Combine>
__device__ __forceinline__ T warpReduce(T value, Combine combine) {
  static_assert(kWidth > 0 && kWidth <= kWarp && (kWidth & (kWidth - 1)) == 0);
#pragma unroll
  for (int distance = 1; distance < kWidth; distance *= 2) {
    const T other = shuffleXor(value, distance);
    const bool isRight = (laneIndex() & distance) != 0;
    value = isRight ? combine(other, value) : combine(value, other);
  }
  return value;
}

// Combines the values of all threads of a one-dimensional block of whole warps; every thread gets
// the result. `scratch` is shared memory for one T per warp; it may be used again at once, since
// the last barrier stands after the last read.
template <class T, class Combine>
__device__ T blockReduce(T value, T identity, Combine combine, T* scratch) {
  const int warps = int(blockDim.x) / kWarp;
  value = warpReduce(value, combine);
  if (laneIndex() == 0) scratch[warpIndex()] = value;
  __syncthreads();  // scratch is complete
  const int lane = laneIndex();
  value = warpReduce(lane < warps ? scratch[lane] : identity, combine);
  __syncthreads();  // scratch has been read
  return value;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
