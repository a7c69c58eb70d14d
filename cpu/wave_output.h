// What the receivers make of their sums: F = e^(iφ) S in planes of real and imaginary parts.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/wave_field.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// e^(iφ) of the receivers.
template <class Real>
struct ReceiverCircles {
  Real *cosine, *sine;

  // `nodes` are those that the receivers are; null where all are.
  ReceiverCircles(View<const Real> phases, const int32_t* nodes, int64_t receivers,
                  Context& context) {
    constexpr int64_t kLanes = Vector<Real>::kLanes, kGrain = 2048;
    const int64_t padded = (receivers + kLanes - 1) / kLanes * kLanes;
    cosine = context.workspace<Real>(padded);
    sine = context.workspace<Real>(padded);
    context.forRange(padded, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; s += kLanes) {
        const auto circle = receiverCircle(Vector<Real>(eachLane<Real>([&](int lane) {
          if (s + lane >= receivers) return Real(0);
          return phases[nodes ? nodes[s + lane] : s + lane];
        })));
        store(cosine + s, circle.cosine);
        store(sine + s, circle.sine);
      }
    });
  }
};

// S of receiver s at sample m: data[m * sampleStride + s * receiverStride].
template <class Real>
struct ReceiverSums {
  const Real* data;
  int64_t sampleStride, receiverStride;
};

template <class Real>
class FieldWriter {
 public:
  FieldWriter(const WaveFieldForward<Real>& op, const int32_t* nodes, Context& context)
      : op_(op), circles_(op.phases, nodes, op.receivers, context) {}

  // The receivers [begin, end), to which the sums begin, at `count` samples from `first` on.
  void write(const ReceiverSums<Real>& sums, int64_t begin, int64_t end, int64_t first,
             int64_t count) const {
    for (int64_t m = 0; m < count; ++m) {
      const Real* from = sums.data + m * sums.sampleStride;
      Real* const real = op_.field.data + 2 * (first + m) * op_.receivers;
      Real* const imaginary = real + op_.receivers;
      for (int64_t s = begin; s < end; ++s, from += sums.receiverStride) {
        real[s] = circles_.cosine[s] * *from;
        imaginary[s] = circles_.sine[s] * *from;
      }
    }
  }
  // All receivers, on all threads.
  void writeAll(const ReceiverSums<Real>& sums, int64_t first, int64_t count,
                Context& context) const {
    context.forRange(op_.receivers, kGrain, [&](int64_t begin, int64_t end) {
      write({sums.data + begin * sums.receiverStride, sums.sampleStride, sums.receiverStride},
            begin, end, first, count);
    });
  }

 private:
  static constexpr int64_t kGrain = 2048;
  const WaveFieldForward<Real>& op_;
  const ReceiverCircles<Real> circles_;
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu
