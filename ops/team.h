// What the code of ops/oscillator_*.h works with: a team of threads that owns the batch elements
// first … first + count - 1 and does loops together. cpu/team.h and cuda/team.cuh are such teams,
// so that an integrator is written once.
//
// - nodes(uses, nodes, body, cost): body(b, i, access) for every vector of nodes of its elements,
//   where uses(b); `cost`, 1 if left out, tells how many numbers a body reads.
// - forElements(body): body(b) for its elements.
// - forRows(rows, body): body(row) for rows [0, rows).
// - rowSums<K>(rows, length, uses, term, result): term(row, j, access, sums) adds to K sums over j
//   in [0, length), then result(row, sums). The order of summation depends on sizes alone.
// - any(predicate): whether predicate(b) holds for one of its elements.
// - elements(first, count): the same threads with other elements.
//
// After each stands a barrier: what was written before is seen after. `access` loads and stores
// numbers of the type that formulas take: one number, or the lanes of a vector that exist, the
// others being 0.
#pragma once

#include "ops/scalar.h"

// A function of a whole team; TEAM_PASS: one with whole loops, that GPU kernels call and do not
// repeat wherever it is used.
#if defined(__CUDACC__)
#define TEAM_FUNCTION __device__ inline
#define TEAM_PASS __device__ __noinline__
#else
#define TEAM_FUNCTION inline
#define TEAM_PASS inline
#endif

namespace entrain::inline ENTRAIN_ISA {

// The number type of an access: that of what it loads.
template <class Access, class Real>
using Loaded = decltype(Access{}.load(static_cast<const Real*>(nullptr)));

// A number with 0 in one lane, if it has such a lane.
HOST_DEVICE float withoutLane(float x, int64_t lane) {
  return lane == 0 ? 0.0f : x;
}
HOST_DEVICE double withoutLane(double x, int64_t lane) {
  return lane == 0 ? 0.0 : x;
}

// Every element takes part.
struct AllElements {
  HOST_DEVICE bool operator()(int64_t) const { return true; }
};
// Those marked by a byte; all where there are no marks.
struct MarkedElements {
  const unsigned char* marks;
  HOST_DEVICE bool operator()(int64_t b) const { return marks == nullptr || marks[b] != 0; }
};

}  // namespace entrain::inline ENTRAIN_ISA
