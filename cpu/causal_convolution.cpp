// Tasks are (sequence, chunk of time): vectors over channels, weights transposed to (taps,
// channels) so that their loads are contiguous. Floor: bytes over bandwidth, 2 arrays forward and 3
// backward; the taps' rereads come from the first-level cache.
#include "ops/causal_convolution.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

int64_t chunkCount(int64_t time) {
  return (time + kConvolutionChunk - 1) / kConvolutionChunk;
}

// Calls body(channel, count) for vectors of channels; count < lanes in the last one only.
template <class Scalar, class Body>
HOST_DEVICE void forEachChannelVector(int64_t channels, const Body& body) {
  constexpr int64_t kLanes = Vector<Scalar>::kLanes;
  for (int64_t channel = 0; channel < channels; channel += kLanes) {
    body(channel, channels - channel < kLanes ? channels - channel : kLanes);
  }
}

// All lanes where there are enough, else the first `count`.
template <class Storage>
HOST_DEVICE Vector<Compute<Storage>> loadUpTo(const Storage* from, int64_t count) {
  return count == Vector<Compute<Storage>>::kLanes ? load(from) : loadPartial(from, count);
}
template <class Storage>
HOST_DEVICE void storeUpTo(Storage* to, Vector<Compute<Storage>> x, int64_t count) {
  if (count == Vector<Compute<Storage>>::kLanes) {
    store(to, x);
  } else {
    storePartial(to, x, count);
  }
}

template <class Real>
Compute<Real>* transposedWeight(View<const Real> weight, int64_t channels, int64_t taps,
                                Context& context) {
  auto* transposed = context.workspace<Compute<Real>>(channels * taps);
  for (int64_t channel = 0; channel < channels; ++channel) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      transposed[tap * channels + channel] = widen(weight[channel * taps + tap]);
    }
  }
  return transposed;
}

}  // namespace

template <class Real>
void run(const CausalConvolutionForward<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  const int64_t channels = op.channels, taps = op.taps, chunks = chunkCount(op.time);
  const Scalar* weight = transposedWeight(op.weight, channels, taps, context);
  context.forEach(op.batch * chunks, [&](int64_t task) {
    const int64_t sequence = task / chunks, begin = task % chunks * kConvolutionChunk;
    const int64_t end = begin + kConvolutionChunk < op.time ? begin + kConvolutionChunk : op.time;
    const Real* input = op.input.data + sequence * op.time * channels;
    const Real* history = op.history ? op.history.data + sequence * (taps - 1) * channels : nullptr;
    for (int64_t t = begin; t < end; ++t) {
      Real* output = op.output.data + (sequence * op.time + t) * channels;
      forEachChannelVector<Scalar>(channels, [&](int64_t channel, int64_t count) {
        Vector<Scalar> sum = loadUpTo(op.bias.data + channel, count);
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t from = t - (taps - 1) + tap;
          if (from < 0 && !history) continue;
          const Real* row =
              from < 0 ? history + (from + taps - 1) * channels : input + from * channels;
          sum = fma(loadUpTo(weight + tap * channels + channel, count),
                    loadUpTo(row + channel, count), sum);
        }
        storeUpTo(output + channel, sum, count);
      });
    }
  });
}

template <class Real>
void run(const CausalConvolutionBackward<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  const int64_t channels = op.channels, taps = op.taps, chunks = chunkCount(op.time);
  const int64_t tasks = op.batch * chunks, sums = (taps + 1) * channels;
  const Scalar* weight = transposedWeight(op.weight, channels, taps, context);
  Scalar* partial = context.workspace<Scalar>(tasks * sums);
  context.forEach(tasks, [&](int64_t task) {
    const int64_t sequence = task / chunks, begin = task % chunks * kConvolutionChunk;
    const int64_t end = begin + kConvolutionChunk < op.time ? begin + kConvolutionChunk : op.time;
    const int64_t origin = sequence * op.time * channels;
    Scalar* sum = partial + task * sums;
    memset(sum, 0, size_t(sums) * sizeof(Scalar));
    for (int64_t t = begin; t < end; ++t) {
      forEachChannelVector<Scalar>(channels, [&](int64_t channel, int64_t count) {
        const auto at = [&](View<const Real> view, int64_t step) {
          return loadUpTo(view.data + origin + step * channels + channel, count);
        };
        const auto accumulate = [&](int64_t slot, Vector<Scalar> a, Vector<Scalar> b) {
          Scalar* target = sum + slot * channels + channel;
          storeUpTo(target, fma(a, b, loadUpTo<Scalar>(target, count)), count);
        };
        const Vector<Scalar> gradOutput = at(op.gradOutput, t);
        accumulate(taps, gradOutput, Vector<Scalar>(Scalar(1)));
        Vector<Scalar> gradInput(Scalar(0));
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t from = t - (taps - 1) + tap, to = t + (taps - 1) - tap;
          if (from >= 0) accumulate(tap, gradOutput, at(op.input, from));
          if (to < op.time) {
            gradInput = fma(loadUpTo(weight + tap * channels + channel, count),
                            at(op.gradOutput, to), gradInput);
          }
        }
        storeUpTo(op.gradInput.data + origin + t * channels + channel, gradInput, count);
      });
    }
  });
  context.forRange(channels, 64, [&](int64_t first, int64_t last) {
    for (int64_t channel = first; channel < last; ++channel) {
      for (int64_t slot = 0; slot <= taps; ++slot) {
        Scalar total = 0;
        for (int64_t task = 0; task < tasks; ++task) {
          total += partial[task * sums + slot * channels + channel];
        }
        (slot < taps ? op.gradWeight[channel * taps + slot] : op.gradBias[channel]) = total;
      }
    }
  });
}

EXPORT_KERNELS(CausalConvolutionForward)
EXPORT_KERNELS(CausalConvolutionBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
