// Threads that run all steps of one Kuramoto system: those of a block, or of a whole grid. What
// changes from step to step stays in registers as far as they reach, else in memory. Sums over all
// oscillators do not depend on the team: integers in any order, or numbers of fixed pieces in a
// fixed one.
#pragma once

#include "cuda/kuramoto.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct TeamTuning {
  static constexpr int mostThreads = 384;  // of a block: 168 registers each; not measured
  static constexpr int pieceRows = 32;     // a warp sums a piece: as many oscillators a lane
  static constexpr int piece = kWarp * pieceRows;
  static constexpr int slots = 256;          // partial sums of pieces are combined by as many
  static constexpr int64_t slotStride = 16;  // 8-byte words: sums of a grid, a sector apart
};
// Words of global memory for the sums of a grid: three turns, two sums.
constexpr int64_t kTeamWords = 3 * 2 * TeamTuning::slotStride;

template <bool kGrid>
class Team {
 public:
  // Shared memory of a block: a sum of each warp, then the slots of piece sums.
  static constexpr int64_t kShared = kWarp * sizeof(FixedSum) + TeamTuning::slots * 16 + 16;

  // `words`: kTeamWords of zeros; both for a grid only.
  __device__ explicit Team(unsigned long long* words) : words_(words) {}

  // Warps are dealt over the blocks in turn, so that few pieces spread over the multiprocessors.
  __device__ int64_t warp() const {
    return kGrid ? int64_t(warpIndex()) * gridDim.x + blockIdx.x : warpIndex();
  }
  __device__ int64_t warps() const {
    const int64_t own = blockDim.x / kWarp;
    return kGrid ? own * gridDim.x : own;
  }
  __device__ bool isLeader() const { return threadIdx.x == 0 && (!kGrid || blockIdx.x == 0); }

  // Waits for the whole team; writes to memory before are seen after.
  __device__ void wait() const {
    if constexpr (kGrid) {
      gridBarrier();
    } else {
      __syncthreads();
    }
  }

  // The sum over all threads. A grid adds the sums of its blocks into the words of this turn while
  // the leader clears those of the next, which nobody reads any more.
  __device__ FixedSum total(FixedSum own) {
    FixedSum sum = blockReduce(own, FixedSum{}, Sum{}, sharedMemory<FixedSum>());
    if constexpr (kGrid) {
      constexpr int64_t kStride = TeamTuning::slotStride;
      unsigned long long* const now = words_ + turn_ * 2 * kStride;
      turn_ = turn_ == 2 ? 0 : turn_ + 1;
      unsigned long long* const next = words_ + turn_ * 2 * kStride;
      if (threadIdx.x == 0) {
        if (blockIdx.x == 0) next[0] = next[kStride] = 0;
        atomicAdd(now, static_cast<unsigned long long>(sum.sine));
        atomicAdd(now + kStride, static_cast<unsigned long long>(sum.cosine));
      }
      gridBarrier();
      sum = {int64_t(__ldcg(now)), int64_t(__ldcg(now + kStride))};
    }
    return sum;
  }

  // Σ over pieces of what lane 0 of their warps has put into `partial`, (2, pieces), in an order
  // that the number of pieces fixes. `partial` may be used again two turns later.
  template <class Real>
  __device__ Circle<double> pieceTotal(const Circle<Real>* partial, int64_t pieces) const {
    Circle<double>* const slots = sharedMemory<Circle<double>>(kWarp * int64_t(sizeof(FixedSum)));
    wait();
    constexpr int kSlots = TeamTuning::slots;
    for (int slot = int(threadIdx.x); slot < kSlots; slot += int(blockDim.x)) {
      Circle<double> sum = {0, 0};
#pragma unroll 4
      for (int64_t piece = slot; piece < pieces; piece += kSlots) {
        sum.sine += double(partial[piece].sine);
        sum.cosine += double(partial[piece].cosine);
      }
      slots[slot] = sum;
    }
    __syncthreads();  // all slots are there
    if (warpIndex() == 0) {
      Circle<double> sum = {0, 0};
#pragma unroll
      for (int slot = laneIndex(); slot < kSlots; slot += kWarp) {
        sum.sine += slots[slot].sine;
        sum.cosine += slots[slot].cosine;
      }
      sum.sine = warpReduce(sum.sine, Sum{});
      sum.cosine = warpReduce(sum.cosine, Sum{});
      if (laneIndex() == 0) slots[kSlots] = sum;
    }
    __syncthreads();  // the total is there
    return slots[kSlots];
  }

 private:
  unsigned long long* words_;
  int turn_ = 0;
};

// Calls function(i, k) for the oscillators of this thread: rows of 32 are dealt over the warps.
template <int kHeld, class Team, class Function>
__device__ __forceinline__ void forHeld(const Team& team, int64_t count, const Function& function) {
  const int first = int(team.warp()) * kWarp + laneIndex(), stride = int(team.warps()) * kWarp;
#pragma unroll
  for (int k = 0; k < kHeld; ++k) {
    const int i = first + k * stride;  // what registers hold is less than 2^31
    if (i < int(count)) function(int64_t(i), k);
  }
}
template <class Team, class Function>
__device__ __forceinline__ void forOwn(const Team& team, int64_t count, const Function& function) {
  const int64_t first = team.warp() * kWarp + laneIndex(), stride = team.warps() * kWarp;
#pragma unroll 1
  for (int64_t i = first; i < count; i += stride) function(i);
}

// The states of this thread's oscillators in registers, at most kHeld.
template <class State, int kHeld>
class RegisterStates {
 public:
  template <class Team, class Function>
  __device__ __forceinline__ void each(const Team& team, int64_t count, const Function& function) {
    forHeld<kHeld>(team, count, [&](int64_t i, int k) { function(i, states_[k]); });
  }

 private:
  State states_[kHeld];
};

// The same in memory, one state an oscillator.
template <class State>
class MemoryStates {
 public:
  __device__ explicit MemoryStates(State* states) : states_(states) {}
  template <class Team, class Function>
  __device__ __forceinline__ void each(const Team& team, int64_t count, const Function& function) {
    forOwn(team, count, [&](int64_t i) {
      State state = states_[i];
      function(i, state);
      states_[i] = state;
    });
  }

 private:
  State* states_;
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda
