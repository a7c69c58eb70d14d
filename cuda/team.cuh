// The team of ops/team.h on a GPU: a block, or all blocks of a cooperative grid. Rows are summed by
// warps, long ones in pieces of a fixed length, so that no sum depends on the launch.
#pragma once

#include "cuda/reduce.cuh"
#include "ops/team.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct TeamTuning {
  static constexpr int threads = 256;      // of a block; not measured
  static constexpr int64_t piece = 1024;   // numbers; not measured; fixes the order of sums
  static constexpr int64_t fewRows = 256;  // fewer share their pieces among warps; likewise
  static constexpr int mostSums = 2;
  static constexpr int flags = 3;  // of a team
};

struct ScalarAccess {
  template <class Real>
  HOST_DEVICE Real load(const Real* from) const {
    return *from;
  }
  template <class Real>
  HOST_DEVICE void store(Real* to, Real x) const {
    *to = x;
  }
  template <class Real>
  HOST_DEVICE Real keep(Real x) const {
    return x;
  }
};

template <class Real>
class Team {
 public:
  int64_t first, count;

  // `partials`: mostSums numbers for each piece of fewRows rows; `flags`: TeamTuning::flags zeros.
  __device__ Team(bool isGrid, Real* partials, int* flags, int64_t first, int64_t count)
      : first(first), count(count), isGrid_(isGrid), partials_(partials), flags_(flags) {}

  __device__ Team elements(int64_t from, int64_t number) const {
    return Team(isGrid_, partials_, flags_, from, number);
  }

  template <class Uses, class Body>
  __device__ void nodes(const Uses& uses, int64_t nodes, const Body& body, int64_t = 1) const {
    if (nodes >= threads()) {
      for (int64_t b = first; b < first + count; ++b) {
        if (!uses(b)) continue;
        for (int64_t i = thread(); i < nodes; i += threads()) body(b, i, ScalarAccess{});
      }
    } else {
      for (int64_t at = thread(); at < count * nodes; at += threads()) {
        const int64_t row = quotient(at, nodes);
        if (uses(first + row)) body(first + row, at - row * nodes, ScalarAccess{});
      }
    }
    barrier();
  }

  template <class Body>
  __device__ void forElements(const Body& body) const {
    for (int64_t b = first + thread(); b < first + count; b += threads()) body(b);
    barrier();
  }

  template <class Body>
  __device__ void forRows(int64_t rows, const Body& body) const {
    for (int64_t row = thread(); row < rows; row += threads()) body(row);
    barrier();
  }

  template <int K, class Uses, class Term, class Result>
  __device__ void rowSums(int64_t rows, int64_t length, const Uses& uses, const Term& term,
                          const Result& result) const {
    static_assert(K <= TeamTuning::mostSums);
    constexpr int64_t kPiece = TeamTuning::piece;
    const int64_t pieces = rows < TeamTuning::fewRows ? ceilDivide(length, kPiece) : 1;
    const int64_t each = pieces > 1 ? kPiece : length;
    for (int64_t task = warp(); task < rows * pieces; task += warps()) {
      const int64_t row = quotient(task, pieces), begin = (task - row * pieces) * each;
      if (!uses(row)) continue;
      const int64_t end = begin + each < length ? begin + each : length;
      Real sums[K] = {};
      for (int64_t j = begin + laneIndex(); j < end; j += kWarp) term(row, j, ScalarAccess{}, sums);
      for (int k = 0; k < K; ++k) sums[k] = warpReduce(sums[k], Sum{});
      if (laneIndex() != 0) continue;
      if (pieces == 1) {
        result(row, sums);
      } else {
        for (int k = 0; k < K; ++k) partials_[task * K + k] = sums[k];
      }
    }
    barrier();
    if (pieces == 1) return;
    for (int64_t row = warp(); row < rows; row += warps()) {
      if (!uses(row)) continue;
      Real sums[K] = {};
      for (int64_t piece = laneIndex(); piece < pieces; piece += kWarp) {
        for (int k = 0; k < K; ++k) sums[k] += partials_[(row * pieces + piece) * K + k];
      }
      for (int k = 0; k < K; ++k) sums[k] = warpReduce(sums[k], Sum{});
      if (laneIndex() == 0) result(row, sums);
    }
    barrier();
  }

  // Flags take turns: one is set, while the one of the next call is cleared, which everybody has
  // read before the barrier of the call before.
  template <class Predicate>
  __device__ bool any(const Predicate& predicate) {
    volatile int* const flags = flags_;
    const int now = turn_, next = turn_ + 1 < TeamTuning::flags ? turn_ + 1 : 0;
    for (int64_t b = first + thread(); b < first + count; b += threads()) {
      if (predicate(b)) flags[now] = 1;
    }
    if (thread() == 0) flags[next] = 0;
    barrier();
    turn_ = next;
    return flags[now] != 0;
  }

 private:
  __device__ int64_t thread() const { return isGrid_ ? globalThread() : int64_t(threadIdx.x); }
  __device__ int64_t threads() const {
    return isGrid_ ? int64_t(gridDim.x) * blockDim.x : int64_t(blockDim.x);
  }
  __device__ int64_t warp() const { return thread() / kWarp; }
  __device__ int64_t warps() const { return threads() / kWarp; }
  __device__ void barrier() const {
    if (isGrid_) {
      gridBarrier();
    } else {
      __syncthreads();
    }
  }
  // 64-bit divisions take a hundred instructions.
  __device__ static int64_t quotient(int64_t a, int64_t b) {
    if (((a | b) >> 31) == 0) return int64_t(uint32_t(a) / uint32_t(b));
    return a / b;
  }

  bool isGrid_;
  Real* partials_;
  int* flags_;
  int turn_ = 0;
};

// ---- launching ----

// What the teams of a launch share; group g owns elements g · each … of the batch.
template <class Real>
struct TeamArguments {
  int64_t batch, groups, each;
  bool isGrid;
  Real* partials;
  int64_t partialsOfGroup;
  int* flags;
};

// work(team, group), where `Work` is an object of constants.
template <class Real, class Work>
__global__ void __launch_bounds__(TeamTuning::threads)
    teamKernel(const __grid_constant__ Work work,
               const __grid_constant__ TeamArguments<Real> arguments) {
  const int64_t group = arguments.isGrid ? 0 : int64_t(blockIdx.x);
  const int64_t begin = group * arguments.each, left = arguments.batch - begin;
  Team<Real> team(arguments.isGrid, arguments.partials + group * arguments.partialsOfGroup,
                  arguments.flags + group * TeamTuning::flags, begin,
                  left < arguments.each ? left : arguments.each);
  work(team, group);
}

// Starts it: a block for each group, or, for a single group of `threads` useful threads, as many
// blocks as these fill and the device holds. Small groups have small blocks, whose barriers are
// cheap.
template <class Real, class Work>
void launchTeams(const Work& work, TeamArguments<Real> arguments, int64_t threads,
                 const Context& context) {
  const auto kernel = teamKernel<Real, Work>;
  arguments.isGrid = arguments.groups == 1 && threads > 4 * TeamTuning::threads;
  if (!arguments.isGrid) {
    const int64_t useful = ceilDivide(ceilDivide(threads, arguments.groups), kWarp) * kWarp;
    const int64_t block = useful < TeamTuning::threads ? useful : TeamTuning::threads;
    launch(kernel, dim3(unsigned(arguments.groups)), dim3(unsigned(block)), 0, context, work,
           arguments);
    return;
  }
  const int64_t most = cooperativeBlocks(kernel, TeamTuning::threads, 0, context);
  const int64_t wanted = ceilDivide(threads, TeamTuning::threads);
  launchCooperative(kernel, dim3(unsigned(wanted < most ? wanted : most)),
                    dim3(TeamTuning::threads), 0, context, work, arguments);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
