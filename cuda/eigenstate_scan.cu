// The forward eigenstate scan. Bytes of an element (one complex state): beta in and c out, 4 reals
// (with selection 6; chunked 6 or 10, since beta and selection are read twice). The floor is these
// bytes over the memory bandwidth; at 4.3 TB/s and float32, fixed lambda:
//   (batch 8, time 8192, 1024 channels): 250 µs; (4, 131072, 64), chunked: 187 µs of 125 µs;
//   (16, 2048, 64): 7.8 µs.
// Not measured on a GPU yet.
#include "cuda/eigenstate_scan_forward.cuh"
#include "cuda/eigenstate_scan_pass.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// Half types go through memory in pairs of channels where the addresses allow it.
template <class Real>
bool areForwardPairs(const EigenstateScanForward<Real>& op) {
  return op.channels % 2 == 0 && isPairAligned(op.input.data) && isPairAligned(op.states.data);
}

template <class Real>
void startForward(const ForwardTask<Real>& task, Context& context) {
  withSelection(task.op, [&](auto kind) {
    constexpr Selection kSelection = decltype(kind)::value;
    if constexpr (kSelection == Selection::none && sizeof(Real) == 2) {
      if (areForwardPairs(task.op)) return launchForward<Real, kSelection, 2>(task, context);
    }
    launchForward<Real, kSelection, 1>(task, context);
  });
}

template <class Real>
void scanForwardFrom(const EigenstateScanForward<Real>& op, const EigenstateScanPlan& plan,
                     const Compute<Real>* carries, Context& context) {
  ForwardTask<Real> task;
  task.op = op;
  task.plan = plan;
  task.carries = carries;
  task.slot = context.faultSlot();
  startForward(task, context);
}

template <class Real>
void scanForward(const EigenstateScanForward<Real>& op, const EigenstateScanPlan& plan,
                 Context& context) {
  using Scalar = Compute<Real>;
  if (plan.chunks == 1) {
    scanForwardFrom(op, plan, static_cast<const Scalar*>(nullptr), context);
    return;
  }
  const int64_t count = op.batch * plan.chunks * 2 * op.channels;
  Workspace<Scalar> ends(context, count);
  Workspace<double> transitions(context, count);
  ForwardTask<Real> task;
  task.op = op;
  task.plan = plan;
  task.results = {ends.data(), transitions.data()};
  task.slot = context.faultSlot();
  startForward(task, context);
  combineCarries(
      CarryTask<Scalar>{task.results, op.initial, op.batch, plan.chunks, op.channels, false},
      context);
  scanForwardFrom(op, plan, static_cast<const Scalar*>(ends.data()), context);
}

template <class Real>
void run(const EigenstateScanForward<Real>& op, Context& context) {
  scanForward(op, planScan(op.batch, op.time, op.channels, context.multiprocessors, op.exact),
              context);
}

// For the backward pass, which is a file of its own.
template void scanForwardFrom(const EigenstateScanForward<double>&, const EigenstateScanPlan&,
                              const double*, Context&);
template void scanForwardFrom(const EigenstateScanForward<float>&, const EigenstateScanPlan&,
                              const float*, Context&);
template void scanForwardFrom(const EigenstateScanForward<bfloat16>&, const EigenstateScanPlan&,
                              const float*, Context&);
template void scanForwardFrom(const EigenstateScanForward<float16>&, const EigenstateScanPlan&,
                              const float*, Context&);

EXPORT_KERNELS(EigenstateScanForward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
