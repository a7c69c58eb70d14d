// The sources at all times and their adjoint, and what receivers make of a potential. Floor: bytes
// over bandwidth for the receivers; some 80 cycles a vector of floats for the sources, whose phase
// is reduced in float64. Sums over times are float64, repeated targets add up in their order.
#include "cpu/wave_inputs.h"
#include "cpu/wave_output.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

template <class Real>
void fill(View<Real> view, Real value) {
  for (int64_t i = 0; i < view.length; ++i) view[i] = value;
}

template <class Operation>
bool checkSources(const Operation& op, Context& context) {
  bool sound = allFinite(op.amplitudes, context);
  sound = allFinite(op.frequencies, context) && sound;
  return allFinite(op.times, context) && sound;
}

template <class Real>
HOST_DEVICE Vector<Real> loadUpTo(const Real* from, int64_t count) {
  return count >= Vector<Real>::kLanes ? load(from) : loadPartial(from, count);
}
template <class Real>
HOST_DEVICE void storeUpTo(Real* to, Vector<Real> x, int64_t count) {
  if (count >= Vector<Real>::kLanes) {
    store(to, x);
  } else {
    storePartial(to, x, count);
  }
}

// e^(iω t) of a vector of sources.
template <class Real>
HOST_DEVICE Circle<Vector<Real>> sourceCircle(const Vector<double>* frequencies, double time) {
  return waveCircleOfTurns<Real>([&](int part) __attribute__((always_inline)) {
    return waveTurns(frequencies[part], Vector<double>(time));
  });
}

// Vectors of Real added up in float64.
template <class Real>
struct WideSum {
  Vector<double> parts[kWideParts<Real>];

  WideSum() {
    for (auto& part : parts) part = Vector<double>(0.0);
  }
  HOST_DEVICE void add(Vector<Real> x, double factor) {
    Real lanes[Vector<Real>::kLanes];
    store(lanes, x);
    for (int part = 0; part < kWideParts<Real>; ++part) {
      parts[part] = fma(loadWide(lanes + part * Vector<double>::kLanes), factor, parts[part]);
    }
  }
  HOST_DEVICE Vector<Real> total() const {
    return eachLane<Real>([&](int lane) {
      constexpr int kWideLanes = Vector<double>::kLanes;
      return Real(parts[lane / kWideLanes][lane % kWideLanes]);
    });
  }
};

}  // namespace

template <class Real>
void run(const WaveSourcesForward<Real>& op, Context& context) {
  if (!checkSources(op, context)) return fill(op.sources, Real(__builtin_nan("")));
  forEachSource(op, context, [&](int64_t j, Vector<Real> amplitude, const Vector<double>* wide) {
    const int64_t count = op.nodes - j;
    for (int64_t m = 0; count > 0 && m < op.samples; ++m) {
      const auto circle = sourceCircle<Real>(wide, op.times[m]);
      Real* const to = op.sources.data + 2 * m * op.nodes + j;
      storeUpTo(to, amplitude * circle.cosine, count);
      storeUpTo(to + op.nodes, amplitude * circle.sine, count);
    }
  });
}

template <class Real>
void run(const WaveSourcesBackward<Real>& op, Context& context) {
  if (!checkSources(op, context)) {
    fill(op.gradAmplitudes, Real(__builtin_nan("")));
    return fill(op.gradFrequencies, Real(__builtin_nan("")));
  }
  forEachSource(op, context, [&](int64_t j, Vector<Real> amplitude, const Vector<double>* wide) {
    const int64_t count = op.nodes - j;
    if (count <= 0) return;
    WideSum<Real> along, across;
    for (int64_t m = 0; m < op.samples; ++m) {
      const Real* const from = op.gradSources.data + 2 * m * op.nodes + j;
      const auto gradient =
          receiverGradient(sourceCircle<Real>(wide, op.times[m]), loadUpTo(from, count),
                           loadUpTo(from + op.nodes, count));
      along.add(gradient.sum, 1.0);
      across.add(gradient.phasePerSum, op.times[m]);
    }
    storeUpTo(op.gradAmplitudes.data + j, along.total(), count);
    storeUpTo(op.gradFrequencies.data + j, amplitude * across.total(), count);
  });
}

template <class Real>
void run(const WaveReceiveForward<Real>& op, Context& context) {
  int64_t faulty = 0;
  const int32_t* const nodes = receiverNodes(op.targets, op.nodes, faulty, context);
  const ReceiverCircles<Real> circles(op.phases, nodes, op.receivers, context);
  context.forEach(op.samples, [&](int64_t m) {
    const Real* const sums = op.potential.data + (2 * m + 1) * op.nodes;
    Real* const real = op.field.data + 2 * m * op.receivers;
    Real* const imaginary = real + op.receivers;
    for (int64_t s = 0; s < op.receivers; ++s) {
      const Real sum = sums[nodes ? nodes[s] : s];
      real[s] = circles.cosine[s] * sum;
      imaginary[s] = circles.sine[s] * sum;
    }
  });
  blankFaultyReceivers(op, faulty);
}

template <class Real>
void run(const WaveReceiveBackward<Real>& op, Context& context) {
  int64_t faulty = 0;
  const int32_t* const nodes = receiverNodes(op.targets, op.nodes, faulty, context);
  const ReceiverCircles<Real> circles(op.phases, nodes, op.receivers, context);
  const auto exists = [&](int64_t s) {
    return faulty == 0 || (op.targets[s] >= 0 && op.targets[s] < op.nodes);
  };
  const auto gradientOf = [&](int64_t m, int64_t s) __attribute__((always_inline)) {
    const Real* const from = op.gradField.data + 2 * m * op.receivers + s;
    return receiverGradient<Real>({circles.sine[s], circles.cosine[s]}, from[0],
                                  from[op.receivers]);
  };
  context.forEach(op.samples, [&](int64_t m) {
    Real* const plane = op.gradPotential.data + 2 * m * op.nodes;
    memset(plane, 0, size_t(2 * op.nodes) * sizeof(Real));
    for (int64_t s = 0; s < op.receivers; ++s) {
      if (exists(s)) plane[op.nodes + (nodes ? nodes[s] : s)] += gradientOf(m, s).sum;
    }
  });
  double* const perReceiver = context.workspace<double>(op.receivers);
  context.forRange(op.receivers, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) perReceiver[s] = 0;
    for (int64_t m = 0; m < op.samples; ++m) {
      const Real* const sums = op.potential.data + (2 * m + 1) * op.nodes;
      for (int64_t s = begin; s < end; ++s) {
        perReceiver[s] += double(sums[nodes ? nodes[s] : s] * gradientOf(m, s).phasePerSum);
      }
    }
  });
  double* const perNode = context.workspace<double>(op.nodes);
  for (int64_t i = 0; i < op.nodes; ++i) perNode[i] = 0;
  for (int64_t s = 0; s < op.receivers; ++s) {
    if (exists(s)) perNode[nodes ? nodes[s] : s] += perReceiver[s];
  }
  for (int64_t i = 0; i < op.nodes; ++i) op.gradPhases[i] = Real(perNode[i]);
}

EXPORT_KERNELS(WaveReceiveForward)
EXPORT_KERNELS(WaveReceiveBackward)
EXPORT_KERNELS(WaveSourcesForward)
EXPORT_KERNELS(WaveSourcesBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
