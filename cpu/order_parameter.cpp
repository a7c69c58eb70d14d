// Pieces of a row are summed on any thread and combined in double in their order. Floor: a sine and
// a cosine for each phase.
#include "ops/order_parameter.h"

#include "cpu/kernel.h"
#include "cpu/reduce.h"
#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPiece = 8192;  // phases; float32 sums of more would lose digits

// Σ sin and Σ cos of `count` phases.
template <class Real>
HOST_DEVICE Circle<double> sumOfCircles(const Real* phases, int64_t count) {
  using Lanes = Vector<Real>;
  constexpr int64_t kStep = LaneSums<Real>::kLanes;
  LaneSums<Real> sines, cosines;
  const auto add = [&](int64_t begin, int64_t left) {
    Real sine[kStep] = {}, cosine[kStep] = {};
    for (int64_t j = 0; j < left; j += Lanes::kLanes) {
      const int64_t lanes = left - j < Lanes::kLanes ? left - j : Lanes::kLanes;
      Lanes s, c;
      sineCosine(loadPartial(phases + begin + j, lanes), s, c);
      storePartial(sine + j, s, lanes);
      storePartial(cosine + j, c, lanes);
    }
    sines.add([&](int lane) { return load(sine + lane); });
    cosines.add([&](int lane) { return load(cosine + lane); });
  };
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    Lanes kept[LaneSums<Real>::kVectors];
    sines.add([&](int lane) {
      Lanes s;
      sineCosine(load(phases + i + lane), s, kept[lane / Lanes::kLanes]);
      return s;
    });
    cosines.add([&](int lane) { return kept[lane / Lanes::kLanes]; });
  }
  if (i < count) add(i, count - i);
  return {double(sines.total()), double(cosines.total())};
}

}  // namespace

template <class Real>
void run(const OrderParameterForward<Real>& op, Context& context) {
  const int64_t pieces = (op.oscillators + kPiece - 1) / kPiece;
  Circle<double>* sums = context.workspace<Circle<double>>(op.rows * pieces);
  const int64_t grain = op.oscillators < kPiece ? kPiece / op.oscillators : 1;
  context.forRange(op.rows * pieces, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % pieces * kPiece;
      const int64_t left = op.oscillators - first;
      const Real* phases = op.phases.data + task / pieces * op.oscillators + first;
      sums[task] = sumOfCircles(phases, left < kPiece ? left : kPiece);
    }
  });
  for (int64_t row = 0; row < op.rows; ++row) {
    Circle<double> mean = {0, 0};
    for (int64_t piece = 0; piece < pieces; ++piece) {
      mean.sine += sums[row * pieces + piece].sine;
      mean.cosine += sums[row * pieces + piece].cosine;
    }
    mean = {mean.sine / double(op.oscillators), mean.cosine / double(op.oscillators)};
    op.coherence[row] = Real(coherenceOf(mean));
    op.meanPhase[row] = meanPhaseOf<Real>(mean);
  }
}

template <class Real>
void run(const OrderParameterBackward<Real>& op, Context& context) {
  using Lanes = Vector<Real>;
  const int64_t pieces = (op.oscillators + kPiece - 1) / kPiece;
  const int64_t grain = op.oscillators < kPiece ? kPiece / op.oscillators : 1;
  context.forRange(op.rows * pieces, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / pieces, first = task % pieces * kPiece;
      const int64_t left = op.oscillators - first;
      const int64_t start = row * op.oscillators + first;
      const Circle<Real> gradMean = op.gradMean(row);
      const Circle<Lanes> spread = {Lanes(gradMean.sine), Lanes(gradMean.cosine)};
      forEachVector<Real>(left < kPiece ? left : kPiece, [&](int64_t at, auto access) {
        const Lanes phase = access.load(op.phases.data + start + at);
        access.store(op.gradPhases.data + start + at, gradPhaseOf(spread, phase));
      });
    }
  });
}

EXPORT_KERNELS(OrderParameterForward)
EXPORT_KERNELS(OrderParameterBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
