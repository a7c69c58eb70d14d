// The forward pass under a given plan, for the forward operation and for the states that the
// backward one computes again.
#pragma once

#include "cuda/eigenstate_scan_plan.h"
#include "cuda/kernel.h"
#include "ops/eigenstate_scan.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Real>
void scanForward(const EigenstateScanForward<Real>& op, const EigenstateScanPlan& plan,
                 Context& context);

// Runs each of plan.chunks chunks from its state in `carries`, (batch, chunks, 2, channels).
template <class Real>
void scanForwardFrom(const EigenstateScanForward<Real>& op, const EigenstateScanPlan& plan,
                     const Compute<Real>* carries, Context& context);

template <class Real>
void scanBackward(const EigenstateScanBackward<Real>& op, const EigenstateScanPlan& plan,
                  Context& context);

}  // namespace entrain::inline ENTRAIN_ISA::cuda
