// How a Kuramoto run, all to all, is divided among threads; and the forward run under a given
// plan, for the operation and for the steps that its backward computes again. Results do not
// depend on the plan.
#pragma once

#include "cuda/kernel.h"
#include "ops/kuramoto_global.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct GlobalPlan {
  bool isGrid;     // all blocks on one system after another, else a block on each
  int threads;     // of a block, whole warps
  int64_t blocks;  // at most; 0: as many as the device holds
  bool inMemory;   // states in memory even where registers would do
};

template <class Real>
GlobalPlan planGlobal(const KuramotoGlobalForward<Real>& op, int multiprocessors);

// `givenPulls`: the totals T of an earlier run of the same steps, or null; with them no sums are
// needed.
template <class Real>
void runGlobal(const KuramotoGlobalForward<Real>& op, const GlobalPlan& plan,
               const Real* givenPulls, Context& context);

template <class Real>
void runGlobalBackward(const KuramotoGlobalBackward<Real>& op, const GlobalPlan& plan,
                       Context& context);

}  // namespace entrain::inline ENTRAIN_ISA::cuda
