// The wave field's forward. Floor of a vector of pairs in both directions, float32: 20
// multiplications beside a root and a division (17 cycles on Zen 4). Approximate roots and
// reciprocals with a Newton step each were 3 to 18 % slower. Measured there in one thread's
// processor time: 8000² 12.9 to 16.9 ms (a C++ loop with libmvec: 46 ms), 200 x 8000 0.59 ms,
// 2000 x 8000 x 256 times by the product 0.157 s, 91 % of the rate of fma.
#include "cpu/wave_product.h"
#include "cpu/wave_receivers.h"
#include "cpu/widened.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

template <class Real, int samples, bool half>
void runSamples(const WaveFieldForward<Real>& op, const WaveGeometry<Real>& geometry,
                const WaveReceivers<Real>* receivers, const FieldWriter<Real>& writer,
                int64_t first, int64_t count, Context& context) {
  const runtime::WorkspaceScope scope(context);
  Real* const planes = context.workspace<Real>(2 * samples * geometry.padded);
  const int64_t stride = receivers ? receivers->padded : geometry.padded;
  Real* const total = context.workspace<Real>(samples * stride);
  if (receivers && samples == 1) {
    waveHalfTurnPlanes(op, first, planes, context);
  } else {
    waveSourcePlanes(op, first, count, samples, planes, context);
  }
  if (receivers) {
    waveSumsOfReceivers<Real, samples, half>(geometry, *receivers, planes, total, context);
  } else {
    waveSumsOfPairs<Real, samples, half>(geometry, planes, total, context);
  }
  writer.writeAll({total, stride, 1}, first, count, context);
}

template <class Real, bool half>
void runDirect(const WaveFieldForward<Real>& op, const WaveGeometry<Real>& geometry,
               const WaveReceivers<Real>* receivers, const FieldWriter<Real>& writer,
               Context& context) {
  for (int64_t first = 0; first < op.samples;) {
    const int64_t left = op.samples - first;
    const auto with = [&](auto samples) {
      const int64_t count = left < samples.value ? left : samples.value;
      runSamples<Real, samples.value, half>(op, geometry, receivers, writer, first, count, context);
      first += count;
    };
    if (left > 4) {
      with(Constant<8>{});
    } else if (left > 2) {
      with(Constant<4>{});
    } else if (left == 2) {
      with(Constant<2>{});
    } else {
      with(Constant<1>{});
    }
  }
}

}  // namespace

template <class Real>
void run(const WaveFieldForward<Real>& op, Context& context) {
  if constexpr (kIsSingle<Real>) {
    if (op.hasFewPairs() && !op.bfloat16Factors && !op.float16Distances) {
      return runWidened<WaveFieldForward>(op, context,
                                          [&](const auto& wide) { run(wide, context); });
    }
  }
  int64_t faulty = 0;
  const int32_t* const nodes = receiverNodes(op.targets, op.nodes, faulty, context);
  if (!checkWaves(op, context)) {
    for (int64_t i = 0; i < op.field.length; ++i) op.field[i] = __builtin_nan("");
    return;
  }
  const WaveGeometry<Real> geometry(op, context);
  const FieldWriter<Real> writer(op, nodes, context);
  const WaveReceivers<Real> receivers(geometry, nodes, op.receivers, context);
  const WaveReceivers<Real>* const some = nodes ? &receivers : nullptr;
  if constexpr (kIsSingle<Real>) {
    if (op.bfloat16Factors) {
      waveProduct<Real, true>(op, geometry, receivers, writer, context);
    } else if (op.propagator) {
      waveProduct<Real, false>(op, geometry, receivers, writer, context);
    } else if (op.float16Distances) {
      runDirect<Real, true>(op, geometry, some, writer, context);
    } else {
      runDirect<Real, false>(op, geometry, some, writer, context);
    }
  } else if (op.propagator) {
    waveProduct<Real, false>(op, geometry, receivers, writer, context);
  } else {
    runDirect<Real, false>(op, geometry, some, writer, context);
  }
  blankFaultyReceivers(op, faulty);
}

EXPORT_KERNELS(WaveFieldForward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
