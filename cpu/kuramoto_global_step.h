// One stage of a step for a block of oscillators all to all, and the sum of their new circles. The
// two are loops of their own: one after the other they keep the processor's window full, where one
// loop with both chains takes a quarter longer.
#pragma once

#include "cpu/kuramoto_global_plan.h"
#include "cpu/kuramoto_noise.h"
#include "ops/phase_table.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
HOST_DEVICE VectorInteger<Real> loadPhases(const Integer<Real>* from) {
  VectorInteger<Real> phases;
  memcpy(&phases.v, from, sizeof phases.v);
  return phases;
}
template <class Real>
HOST_DEVICE void storePhases(Integer<Real>* to, VectorInteger<Real> phases) {
  memcpy(to, &phases.v, sizeof phases.v);
}
// The first `left` lanes, where there are no more.
template <class Real>
HOST_DEVICE Vector<Real> loadUpTo(const Real* from, int64_t left) {
  return left >= Vector<Real>::kLanes ? load(from) : loadPartial(from, left);
}

// ---- circles ----

template <class Real>
HOST_DEVICE Circle<Vector<Real>> circleLanes(VectorInteger<Real> phases) {
  using Lanes = Vector<Real>;
  if constexpr (std::is_same_v<Real, float>) {
    const auto segment = segmentOf<Lanes>(phases);
    return besideMiddle<Lanes>({lookup(kSegmentSine, segment), lookup(kSegmentCosine, segment)},
                               segmentCircle(segmentAngle<Lanes>(segment)));
  } else {
    return circleOfPhase<Lanes>(phases);
  }
}

// Two sums side by side, in the same order for every instruction set: element i goes to lane i mod
// kLanes of 64 bytes; the lanes are halved in float64.
template <class Real>
class PairSums {
 public:
  static constexpr int64_t kLanes = 64 / int64_t(sizeof(Real));
  static constexpr int kVectors = int(kLanes) / Vector<Real>::kLanes;

  PairSums() {
    for (auto& sum : sums_) sum = {Vector<Real>(Real(0)), Vector<Real>(Real(0))};
  }
  // Calls add(sum, index) for every vector of [begin, count), a multiple of kLanes apart, or for
  // the first of `each` vectors whose elements go to the same lanes.
  template <int each = 1, class Add>
  HOST_DEVICE void forEach(int64_t begin, int64_t count, const Add& add) {
    for (int64_t i = begin; i < count; i += each * kLanes) {
      for (int j = 0; j < kVectors; ++j) add(sums_[j], i + j * Vector<Real>::kLanes);
    }
  }
  HOST_DEVICE Circle<double> total() const {
    alignas(64) Real sine[kLanes], cosine[kLanes];
    for (int j = 0; j < kVectors; ++j) {
      store(sine + j * Vector<Real>::kLanes, sums_[j].sine);
      store(cosine + j * Vector<Real>::kLanes, sums_[j].cosine);
    }
    return {halved(sine), halved(cosine)};
  }

 private:
  static HOST_DEVICE double halved(const Real (&lanes)[kLanes]) {
    double sums[kLanes / 2];
    for (int64_t i = 0; i < kLanes / 2; ++i) {
      sums[i] = double(lanes[i]) + double(lanes[i + kLanes / 2]);
    }
    for (int64_t width = kLanes / 4; width > 0; width /= 2) {
      for (int64_t i = 0; i < width; ++i) sums[i] += sums[i + width];
    }
    return sums[0];
  }

  Circle<Vector<Real>> sums_[kVectors];
};

// 1 where an element of the last vectors exists, 0 behind the last one.
template <class Real>
HOST_DEVICE Vector<Real> existing(int64_t index, int64_t count) {
  alignas(64) static constexpr Real kOnes[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const int64_t left = count - index;
  return load(kOnes + 16 - (left < 0 ? 0 : left < 16 ? left : 16));
}

// Σ weight (sin, cos); `weights` end in zeros, or are null for weights of 1.
template <class Real>
__attribute__((noinline)) Circle<double> sumCircles(const Integer<Real>* phases,
                                                    const Real* weights, int64_t count) {
  using Lanes = Vector<Real>;
  PairSums<Real> sums;
  int64_t plain = 0;
  if constexpr (std::is_same_v<Real, float>) {
    constexpr int64_t kTwo = 2 * PairSums<Real>::kLanes;
    plain = weights ? 0 : count / kTwo * kTwo;
    sums.template forEach<2>(0, plain, [&](Circle<Lanes>& sum, int64_t i) {
      const auto first = loadPhases<Real>(phases + i);
      const auto difference = wrappingDifference(loadPhases<Real>(phases + i + kTwo / 2), first);
      const auto segment = segmentOf<Lanes>(wrappingSum(first, difference >> 1));
      sum = addBesideMiddle<Lanes>(
          sum, {lookup(kSegmentSine, segment), lookup(kSegmentCosine, segment)},
          segmentCircleOfTwo<Lanes>(segmentAngle<Lanes>(segment), difference));
    });
  }
  sums.forEach(plain, padded(count), [&](Circle<Lanes>& sum, int64_t i) {
    const Circle<Lanes> circle = circleLanes<Real>(loadPhases<Real>(phases + i));
    const Lanes weight = weights ? load(weights + i) : existing<Real>(i, count);
    sum = {fma(weight, circle.sine, sum.sine), fma(weight, circle.cosine, sum.cosine)};
  });
  return sums.total();
}

// ---- a stage ----

// What does not change within a stage of a system.
template <class Real>
struct GlobalStage {
  int64_t stages, stage, step;
  MeanField<Real> field;
  Real sineLag;          // sin α where there is a lag
  bool hasLag, isPlain;  // plain: Euler without precision, lag, sign, noise or drive by steps
  Real strength;         // K, times s / Z where that is the same for all
  Real weight, reach;    // turns that a rate moves the step, and the start of the next stage
  Real noiseTurns;       // and that a normal number does; 0 without noise
};

// The arrays of a block: each begins at its first oscillator.
template <class Real>
struct GlobalArrays {
  const Integer<Real>*start, *here;  // phases before the step, and of this stage
  Integer<Real>* next;               // of the next stage, or after the step
  Real* rateSum;                     // weighted rates up to here; null for one stage
  const Integer<Real>* free;         // what the free rotation adds in this step
  const Real *rates, *units, *precision;
  const Real* drive;  // of this step
  const Real* noise;
  int32_t* winding;
  int64_t count;
};

template <class Real>
HOST_DEVICE void wind(const GlobalArrays<Real>& arrays, int64_t i, VectorInteger<Real> start,
                      VectorInteger<Real> free, Vector<Real> turns, VectorInteger<Real> change) {
  for (int lane = 0; lane < Vector<Real>::kLanes && i + lane < arrays.count; ++lane) {
    const Integer<Real> before = start.v[lane];
    arrays.winding[i + lane] +=
        turnsPassed(before, free.v[lane]) +
        turnsPassed(wrappingSum(before, Integer<Real>(free.v[lane])), change.v[lane]) +
        wholeTurns(double(turns[lane]), Integer<Real>(change.v[lane]), 0);
  }
}

// The Euler step of most calls: one sine, whose amplitude stands in units of a phase's last place.
// Functions of their own, with arguments by value: the loops keep everything in registers.
template <bool kWinds, int kTerms>
__attribute__((noinline)) void plainStep(const GlobalStage<float> stage,
                                         const GlobalArrays<float> arrays, float scale) {
  using Lanes = Vector<float>;
  const ScaledSine<Lanes, kTerms> sine(scale);
  const VectorInteger<float> later(wrappingDifference(stage.field.phase, int32_t(1) << 30));
  const int64_t count = padded(arrays.count);
  for (int64_t i = 0; i < count; i += Lanes::kLanes) {
    const auto start = loadPhases<float>(arrays.start + i);
    const auto pull = toInteger(sine(wrappingDifference(later, start)));
    const auto free = loadPhases<float>(arrays.free + i);
    storePhases<float>(arrays.next + i, wrappingSum(wrappingSum(start, free), pull));
    if constexpr (kWinds) {
      wind(arrays, i, start, free, Lanes(0.0f), VectorInteger<float>(pull));
    }
  }
}

// What a stage's rate is: without the free rotation.
template <class Real>
HOST_DEVICE Vector<Real> rateLanes(const GlobalStage<Real>& stage, const GlobalArrays<Real>& arrays,
                                   VectorInteger<Real> here, int64_t i) {
  using Lanes = Vector<Real>;
  Lanes rate =
      sineOfPhase<Lanes>(wrappingDifference(VectorInteger<Real>(stage.field.phase), here)) *
      stage.field.amplitude;
  if (stage.hasLag) {
    rate = arrays.precision ? fma(load(arrays.precision + i), stage.sineLag, rate)
                            : rate + stage.sineLag;
  }
  rate = rate * (arrays.units ? load(arrays.units + i) * stage.strength : Lanes(stage.strength));
  if (arrays.drive && i < arrays.count) rate += loadUpTo(arrays.drive + i, arrays.count - i);
  return rate;
}

template <class Real>
__attribute__((noinline)) void generalStage(const GlobalStage<Real> stage,
                                            const GlobalArrays<Real> arrays) {
  using Lanes = Vector<Real>;
  const bool isLast = stage.stage == stage.stages - 1;
  const int64_t count = padded(arrays.count);
  for (int64_t i = 0; i < count; i += Lanes::kLanes) {
    const auto start = loadPhases<Real>(arrays.start + i);
    const auto here = stage.stage == 0 ? start : loadPhases<Real>(arrays.here + i);
    const Lanes rate = rateLanes(stage, arrays, here, i);
    Lanes turns = rate * stage.weight;
    if (stage.stage > 0) turns += load(arrays.rateSum + i);
    if (isLast) {
      if (arrays.noise) turns = fma(load(arrays.noise + i), stage.noiseTurns, turns);
      const auto change = phaseStep(turns);
      const auto free = loadPhases<Real>(arrays.free + i);
      storePhases<Real>(arrays.next + i, wrappingSum(wrappingSum(start, free), change));
      if (arrays.winding) wind(arrays, i, start, free, turns, change);
    } else {
      store(arrays.rateSum + i, turns);
      Lanes move = (load(arrays.rates + i) + rate) * stage.reach;
      if (arrays.noise) move = fma(load(arrays.noise + i), stage.noiseTurns, move);
      storePhases<Real>(arrays.next + i, wrappingSum(start, phaseStep(move)));
    }
  }
}

template <class Real>
HOST_DEVICE void runStage(const GlobalStage<Real>& stage, const GlobalArrays<Real>& arrays) {
  if constexpr (std::is_same_v<Real, float>) {
    if (stage.isPlain) {
      const float scale = stage.weight * stage.strength * stage.field.amplitude * 0x1p32f;
      if (arrays.winding) return plainStep<true, 5>(stage, arrays, scale);
      return ScaledSine<float>::takesFourTerms(scale) ? plainStep<false, 4>(stage, arrays, scale)
                                                      : plainStep<false, 5>(stage, arrays, scale);
    }
  }
  generalStage(stage, arrays);
}

// The stage's numbers under the total `total` of the stage's circles.
template <class Real, class Operation>
GlobalStage<Real> globalStage(const Operation& op, const GlobalPlan<Real>& plan,
                              const GlobalSystem& system, int64_t step, int64_t stage,
                              Circle<Real> total) {
  GlobalStage<Real> numbers = {};
  const double turns = system.timeStep * kTurnsPerRadian;
  numbers.stages = op.stages;
  numbers.stage = stage;
  numbers.step = step;
  numbers.field = meanFieldOf(total, plan.lag);
  numbers.hasLag = bool(op.frustration);
  numbers.sineLag = Real(plan.lagCircle.sine);
  numbers.strength = Real(plan.units ? system.coupling : system.coupling * system.share);
  numbers.weight = Real(stageWeight(op.stages, stage) * turns);
  numbers.reach = Real(stage + 1 < op.stages ? stageReach(op.stages, stage + 1) * turns : 0.0);
  numbers.noiseTurns = Real(squareRoot(2 * op.diffusion * system.timeStep) * kTurnsPerRadian);
  const Real most = absolute(numbers.weight * numbers.strength) * numbers.field.amplitude;
  numbers.isPlain = op.stages == 1 && !op.precision && !op.frustration && !plan.units &&
                    op.diffusion == 0 && op.driveKind != kStepDrive && less(most, Real(0.49));
  return numbers;
}

// What the free rotation of a block adds in step `step`: from the step before where that is not a
// `first` one and the same. `kept` lies as the phases do; null where drifts are whole.
template <class Real, class Operation>
const Integer<Real>* freeRotation(const Operation& op, const GlobalPlan<Real>& plan,
                                  const GlobalBlock& block, int64_t step, bool isFirst,
                                  Integer<Real>* kept) {
  const GlobalSystem& system = plan.systemOf(block);
  const Integer<Real>* const drifts = plan.drifts + system.ratePlace + block.begin;
  if (!kept) return drifts;
  Integer<Real>* const free = kept + system.place + block.begin;
  const int64_t n = op.firstStep + step, count = padded(block.end - block.begin);
  if (!isFirst && n % kDriftSteps != 0) return free;
  const auto bias = driftBias<Real>(n, plan.shift);
  for (int64_t i = 0; i < count; i += Vector<Real>::kLanes) {
    storePhases<Real>(free + i,
                      driftStep<Vector<Real>>(loadPhases<Real>(drifts + i), bias, plan.shift));
  }
  return free;
}

// The arrays of a block that do not change, and the drive of a step.
template <class Real, class Operation>
GlobalArrays<Real> constantArrays(const Operation& op, const GlobalPlan<Real>& plan,
                                  const GlobalBlock& block, int64_t step) {
  const GlobalSystem& system = plan.systemOf(block);
  const int64_t node = system.nodePlace + block.begin;
  GlobalArrays<Real> arrays = {};
  if (plan.rates) arrays.rates = plan.rates + system.ratePlace + block.begin;
  if (plan.units) arrays.units = plan.units + node;
  if (plan.precision) arrays.precision = plan.precision + node;
  if (op.driveKind == kStepDrive) {
    arrays.drive = op.drive.data + step * op.oscillators + system.node + block.begin;
  }
  arrays.count = block.end - block.begin;
  return arrays;
}

// The normal numbers of a step for a block.
template <class Real, class Operation>
void drawBlock(const Operation& op, const GlobalPlan<Real>& plan, const GlobalBlock& block,
               int64_t step, Real* to) {
  const int64_t first = plan.systemOf(block).first + block.begin;
  drawNormals<Real>({uint32_t(op.seedLow), uint32_t(op.seedHigh), uint32_t(op.stream)},
                    (op.firstStep + step) * plan.elements + first, block.end - block.begin, to);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
