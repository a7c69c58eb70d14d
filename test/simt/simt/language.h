// The CUDA language as host C++: qualifiers, barriers, warp functions, atomics, intrinsics.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "simt/block.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __grid_constant__
#define __shared__ static_assert(false, "shared memory is dynamic: use sharedMemory<T>()");

// ---- barriers ----

inline void __syncthreads(simt::Where where = simt::Where::current()) {
  simt::blockBarrier(simt::Vote::none, 0, where);
}
inline int __syncthreads_count(int predicate, simt::Where where = simt::Where::current()) {
  return simt::blockBarrier(simt::Vote::count, predicate, where);
}
inline int __syncthreads_and(int predicate, simt::Where where = simt::Where::current()) {
  return simt::blockBarrier(simt::Vote::all, predicate, where);
}
inline int __syncthreads_or(int predicate, simt::Where where = simt::Where::current()) {
  return simt::blockBarrier(simt::Vote::any, predicate, where);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, simt::Where where = simt::Where::current()) {
  simt::warpExchange(mask, "__syncwarp", nullptr, nullptr, where);
}
inline unsigned __activemask() {
  return simt::liveLanes();
}
inline void __threadfence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __threadfence_block() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __threadfence_system() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __nanosleep(unsigned) {
  simt::yieldThread();
}
[[noreturn]] inline void __trap() {
  simt::fail("__trap()");
}

// ---- warp functions ----

namespace simt {

struct ShuffleLane {
  uint64_t value, result;
  int source;
};

inline void completeShuffle(void* const* payloads, unsigned mask) {
  for (unsigned rest = mask; rest; rest &= rest - 1) {
    ShuffleLane& lane = *static_cast<ShuffleLane*>(payloads[__builtin_ctz(rest)]);
    const bool isPresent = mask >> lane.source & 1u;
    lane.result =
        isPresent ? static_cast<ShuffleLane*>(payloads[lane.source])->value : ~uint64_t(0);
  }
}

template <class T>
T shuffle(unsigned mask, const char* name, T value, int source, Where where) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
  static_assert(std::is_trivially_copyable_v<T>);
  ShuffleLane own{0, 0, source};
  std::memcpy(&own.value, &value, sizeof value);
  warpExchange(mask, name, &own, completeShuffle, where);
  std::memcpy(&value, &own.result, sizeof value);
  return value;
}

// The lane `target` if it lies in this lane's segment of `width` lanes, else the lane itself.
inline int withinSegment(int target, int width) {
  const int own = lane();
  return target >= 0 && target / width == own / width ? target : own;
}

struct VoteLane {
  bool predicate;
  unsigned ballot;
};

inline void completeVote(void* const* payloads, unsigned mask) {
  unsigned ballot = 0;
  for (unsigned rest = mask; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    if (static_cast<VoteLane*>(payloads[lane])->predicate) ballot |= 1u << lane;
  }
  for (unsigned rest = mask; rest; rest &= rest - 1) {
    static_cast<VoteLane*>(payloads[__builtin_ctz(rest)])->ballot = ballot;
  }
}

inline unsigned ballot(unsigned mask, const char* name, int predicate, Where where) {
  VoteLane own{predicate != 0, 0};
  warpExchange(mask, name, &own, completeVote, where);
  return own.ballot;
}

}  // namespace simt

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              simt::Where where = simt::Where::current()) {
  const int lane = simt::lane() / width * width + (source & (width - 1));
  return simt::shuffle(mask, "__shfl_sync", value, lane, where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = warpSize,
                 simt::Where where = simt::Where::current()) {
  const int target = simt::withinSegment(simt::lane() - int(distance), width);
  return simt::shuffle(mask, "__shfl_up_sync", value, target, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = warpSize,
                   simt::Where where = simt::Where::current()) {
  const int target = simt::withinSegment(simt::lane() + int(distance), width);
  return simt::shuffle(mask, "__shfl_down_sync", value, target, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int laneMask, int width = warpSize,
                  simt::Where where = simt::Where::current()) {
  const int target = simt::withinSegment(simt::lane() ^ laneMask, width);
  return simt::shuffle(mask, "__shfl_xor_sync", value, target, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              simt::Where where = simt::Where::current()) {
  return simt::ballot(mask, "__ballot_sync", predicate, where);
}
inline int __any_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return simt::ballot(mask, "__any_sync", predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return simt::ballot(mask, "__all_sync", predicate, where) == mask;
}

// ---- atomics ----

namespace simt {

// Both arguments of an atomic: the second converts to the type of the first.
template <class T>
using Same = std::type_identity_t<T>;

template <class T>
void checkAtomic() {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "atomics work on 4 or 8 bytes");
}

template <class T, class Function>
T atomicUpdate(T* address, Function function) {
  checkAtomic<T>();
  T held, wanted;
  __atomic_load(address, &held, __ATOMIC_SEQ_CST);
  do {
    wanted = function(held);
  } while (!__atomic_compare_exchange(address, &held, &wanted, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST));
  return held;
}

}  // namespace simt

template <class T>
T atomicAdd(T* address, simt::Same<T> value) {
  return simt::atomicUpdate(address, [&](T held) { return T(held + value); });
}
template <class T>
T atomicSub(T* address, simt::Same<T> value) {
  return simt::atomicUpdate(address, [&](T held) { return T(held - value); });
}
template <class T>
T atomicMin(T* address, simt::Same<T> value) {
  static_assert(std::is_integral_v<T>);
  return simt::atomicUpdate(address, [&](T held) { return value < held ? value : held; });
}
template <class T>
T atomicMax(T* address, simt::Same<T> value) {
  static_assert(std::is_integral_v<T>);
  return simt::atomicUpdate(address, [&](T held) { return held < value ? value : held; });
}
template <class T>
T atomicExch(T* address, simt::Same<T> value) {
  return simt::atomicUpdate(address, [&](T) { return value; });
}
template <class T>
T atomicCAS(T* address, simt::Same<T> expected, simt::Same<T> value) {
  static_assert(std::is_integral_v<T>);
  return simt::atomicUpdate(address, [&](T held) { return held == expected ? value : held; });
}
template <class T>
T atomicAnd(T* address, simt::Same<T> value) {
  return simt::atomicUpdate(address, [&](T held) { return T(held & value); });
}
template <class T>
T atomicOr(T* address, simt::Same<T> value) {
  return simt::atomicUpdate(address, [&](T held) { return T(held | value); });
}
template <class T>
T atomicXor(T* address, simt::Same<T> value) {
  return simt::atomicUpdate(address, [&](T held) { return T(held ^ value); });
}

#include "simt/intrinsics.h"
