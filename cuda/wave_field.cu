// One time over all nodes: each unordered pair once (cuda/wave_symmetric.cuh). Otherwise every pair
// of a receiver and a source (cuda/wave_pairs.cuh); with few receivers the sources are cut into
// parts. Floors on an H200 (33.4e12 issue slots/s): 8000² 27 µs, 100 000² 4.2 ms, 200 x 8000 the
// three launches. The propagator at many times: cuda/wave_propagator.cuh, on the matrix unit from
// compute capability 8.0 on. Not run on a GPU yet.
#include "cuda/wave_direct.cuh"
#include "cuda/wave_propagator.cuh"
#include "cuda/widened.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <bool kHalfDistance, class Real>
void runSymmetric(const WaveFieldForward<Real>& op, Context& context) {
  const Workspace<Real> planes(context, 2 * op.nodes);
  WaveReceivers<Real>(op, context).template start<WaveStart::sources>(op, context, planes.data());
  withSymmetricSums<WaveFieldPair<Real, kHalfDistance>, Real>(
      op, planes.data(), context, [&](const auto& sums, const double*, int64_t) {
        launchField<Real>(op, sums, 0, 1, op.field, context);
      });
}

template <bool kHalfDistance, class Real>
void runPairs(const WaveFieldForward<Real>& op, Context& context) {
  if (op.samples == 1) {
    withSineSums<kHalfDistance, Real>(op, context, [&](const auto& sums) {
      launchField<Real>(op, sums, 0, 1, op.field, context);
    });
    return;
  }
  WaveReceivers<Real> receivers(op, context);
  const int64_t pass = samplesOfPass<Real>(op);
  const Workspace<Real> planes(context, 2 * pass * op.nodes);
  receivers.start(op, context);
  for (int64_t first = 0; first < op.samples; first += pass) {
    const int64_t count = min(pass, op.samples - first);
    launchSourcePlanes<Real>(op, first, count, planes.data(), context);
    withTimeSums<kHalfDistance, Real>(
        op, receivers.positions(), planes.data(), count, context,
        [&](const auto& sums) { launchField<Real>(op, sums, first, count, op.field, context); });
  }
}

template <bool kHalfDistance, class Real>
void runDirect(const WaveFieldForward<Real>& op, Context& context) {
  if (isSymmetric<Real>(op)) {
    runSymmetric<kHalfDistance>(op, context);
  } else {
    runPairs<kHalfDistance>(op, context);
  }
}

// Where there is a matrix unit for bfloat16.
void runPropagator(const WaveFieldForward<float>& op, Context& context) {
  WaveReceivers<float> receivers(op, context);
  const int64_t pass = samplesOfPass<float>(op);
  receivers.start(op, context);
  for (int64_t first = 0; first < op.samples; first += pass) {
    const int64_t count = min(pass, op.samples - first);
    const auto put = [&](const auto& sums) {
      launchField<float>(op, sums, first, count, op.field, context);
    };
    if (op.bfloat16Factors) {
      withPropagatorSums<false>(op, receivers.positions(), first, count, context, put);
    } else {
      withPropagatorSums<true>(op, receivers.positions(), first, count, context, put);
    }
  }
}

}  // namespace

template <class Real>
void run(const WaveFieldForward<Real>& op, Context& context) {
  if constexpr (kIsSingle<Real>) {
    if (op.float16Distances) return runDirect<true>(op, context);
    if (op.hasFewPairs() && !op.bfloat16Factors) {
      return runWidened<WaveFieldForward>(op, context,
                                          [&](const auto& wide) { run(wide, context); });
    }
    if (op.propagator && hasMatrixUnit<bfloat16>(context)) return runPropagator(op, context);
  }
  runDirect<false>(op, context);
}

EXPORT_KERNELS(WaveFieldForward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
