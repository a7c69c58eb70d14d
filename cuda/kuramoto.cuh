// What the Kuramoto kernels share: where a system's elements lie, phases in memory, the constants
// of a step, the noise, sums of circles in 64-bit fixed point, and what is written of a run.
#pragma once

#include "cuda/reduce.cuh"
#include "ops/arctangent.h"
#include "ops/kuramoto.h"
#include "ops/random.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Real>
using Phase = Integer<Real>;

// ---- places ----

// One system of a call: a row of the batch, or a bank among banks of different sizes.
struct SystemPlace {
  int64_t system;     // its number
  int64_t node;       // its first element in arrays (N)
  int64_t row;        // and in arrays (batch, N)
  int64_t recordRow;  // and in arrays (batch, records, N)
  int64_t count;      // its oscillators
  double timeStep;
};

template <class Operation>
HOST_DEVICE SystemPlace rowPlace(const Operation& op, int64_t system) {
  const int64_t n = op.oscillators;
  const int64_t records = recordCount(op.steps, op.recordEvery);
  return {system, 0, system * n, system * records * n, n, op.timeStep};
}
template <class Operation>
HOST_DEVICE SystemPlace placeOf(const Operation& op, int64_t system) {
  if constexpr (requires { op.bankStart; }) {
    if (op.bankStart) {
      // Where banks do not follow each other, which is reported, nothing is touched outside.
      const auto at = [&](int64_t bank) {
        const int64_t start = op.bankStart[bank];
        return start < 0 ? 0 : start > op.oscillators ? op.oscillators : start;
      };
      const int64_t begin = at(system), end = at(system + 1);
      return {system, begin, begin, begin, end > begin ? end - begin : 0, op.timeSteps[system]};
    }
  }
  return rowPlace(op, system);
}
// How many times `oscillators` phases there are.
template <class Operation>
HOST_DEVICE int64_t rowsOf(const Operation& op) {
  if constexpr (requires { op.bankStart; }) {
    return op.bankStart ? 1 : op.batch;
  } else {
    return op.batch;
  }
}

// ---- phases in memory ----

// A state tensor holds the words of a phase from the lowest on; it need not be aligned to more.
template <class Real>
__device__ __forceinline__ Phase<Real> loadPhase(const int32_t* words, int64_t i) {
  if constexpr (kPhaseWords<Real> == 1) {
    return words[i];
  } else {
    const uint64_t low = uint32_t(words[2 * i]), high = uint32_t(words[2 * i + 1]);
    return int64_t(high << 32 | low);
  }
}
template <class Real>
__device__ __forceinline__ void storePhase(int32_t* words, int64_t i, Phase<Real> phase) {
  if constexpr (kPhaseWords<Real> == 1) {
    words[i] = phase;
  } else {
    words[2 * i] = int32_t(uint64_t(phase));
    words[2 * i + 1] = int32_t(uint64_t(phase) >> 32);
  }
}

// The phase that element i of (batch, N) starts from.
template <class Real>
__device__ __forceinline__ Phase<Real> startPhase(const KuramotoRun<Real>& run, int64_t i) {
  if (run.state) return loadPhase<Real>(run.state.data, i);
  return phaseOf<Real>(double(run.phases[i]));
}
template <class Real>
__device__ __forceinline__ void storeFinal(const KuramotoRun<Real>& run, int64_t i,
                                           Phase<Real> phase) {
  if (run.finalPhases) run.finalPhases[i] = radiansOf(phase);
  if (run.finalState) storePhase<Real>(run.finalState.data, i, phase);
}

// ---- rates ----

// ω + u of an oscillator, as far as it does not change from step to step; `node` and `row` are its
// elements of (N) and (batch, N).
template <class Real>
__device__ __forceinline__ double freeRate(const KuramotoSystem<Real>& system, int64_t node,
                                           int64_t row) {
  const bool isShared = system.naturalFrequencies.length == system.oscillators;
  double rate = double(system.naturalFrequencies[isShared ? node : row]);
  if (system.driveKind == kNodeDrive) rate += double(system.drive[node]);
  if (system.driveKind == kBatchDrive) rate += double(system.drive[row]);
  return rate;
}
template <class Real>
__device__ __forceinline__ Real couplingOf(const KuramotoSystem<Real>& system, int64_t number) {
  return system.coupling[system.coupling.length == 1 ? 0 : number];
}
template <class Real>
__device__ __forceinline__ Real precisionOf(const KuramotoSystem<Real>& system, int64_t node) {
  return system.precision ? system.precision[node] : Real(1);
}

// s / Z, which times K is the strength w.
HOST_DEVICE double strengthBase(double sign, double degree) {
  return degree < kLeastDegree ? 0.0 : sign * (1 / degree);
}

// The circle of θ + α.
template <class Real>
__device__ __forceinline__ Circle<Real> laggedCircle(const KuramotoSystem<Real>& system,
                                                     Phase<Real> phase, Circle<Real> circle) {
  if (!system.frustration) return circle;
  const Phase<Real> lag = phaseOf<Real>(double(system.frustration[0]));
  return circleOfPhase<Real>(wrappingSum(phase, lag));
}

// ---- a step ----

// phaseStep, mostly in one conversion.
HOST_DEVICE int32_t phaseChange(float turns) {
  const float units = turns * 0x1p32f;
  return absolute(units) < 0x1p31f ? toInteger(units) : phaseStep(turns);
}
HOST_DEVICE int64_t phaseChange(double turns) {
  return phaseStep(turns);
}

// The constants of a system's steps.
template <class Real>
struct StepClock {
  Real turns;  // of a rate of 1 in a step
  Real noise;  // √(2 D / dt)
  double timeStep;
  int shift;
};

template <class Real>
HOST_DEVICE StepClock<Real> clockOf(const KuramotoSystem<Real>& system, double timeStep,
                                    double greatestStep) {
  return {Real(timeStep * kTurnsPerRadian), Real(squareRoot(2 * system.diffusion / timeStep)),
          timeStep, driftShift<Real>(greatestStep, 1.0)};
}

// Where stage `stage` starts: `start`, moved by the velocity of the stage before.
template <class Real>
HOST_DEVICE Phase<Real> stagePhase(const StepClock<Real>& clock, int64_t stages, int64_t stage,
                                   Phase<Real> start, Real velocity) {
  const Real reach = Real(stageReach(stages, stage)) * clock.turns;
  return wrappingSum(start, phaseChange(reach * velocity));
}

// The phase after step n: free rotation and `rate`, the weighted mean of the stages.
template <class Real>
HOST_DEVICE Phase<Real> nextPhase(const StepClock<Real>& clock, int64_t n, Phase<Real> start,
                                  Phase<Real> drift, Real rate) {
  const Phase<Real> free = driftStep<Real>(drift, driftBias<Real>(n, clock.shift), clock.shift);
  return wrappingSum(wrappingSum(start, free), phaseChange(clock.turns * rate));
}

// The whole turns that wrapping takes off a phase in step n.
template <class Real>
HOST_DEVICE int32_t turnsTaken(const StepClock<Real>& clock, int64_t n, Phase<Real> start,
                               Phase<Real> drift, double freeRate, Real rate) {
  const Phase<Real> free = driftStep<Real>(drift, driftBias<Real>(n, clock.shift), clock.shift);
  const double freeTurns = freeRate * clock.timeStep * kTurnsPerRadian;
  const Real turns = clock.turns * rate;
  const Phase<Real> change = phaseChange(turns);
  return wholeTurns(freeTurns, drift, clock.shift) + wholeTurns(double(turns), change, 0) +
         turnsPassed(start, free) + turnsPassed(wrappingSum(start, free), change);
}

// ---- noise ----

// Element `element` of the standard normal numbers of a stream.
template <class Real>
__device__ inline Real normalAt(const KuramotoSystem<Real>& system, int64_t element) {
  constexpr int kCount = kDraws<Real>;
  const RandomStream random = {uint32_t(system.seedLow), uint32_t(system.seedHigh),
                               uint32_t(system.stream)};
  Real values[kCount];
  uniformsOf(randomWords(random, element / kCount), values);
  const int place = int(element % kCount);
  const bool isUpper = kCount == 4 && place >= 2;
  const Real u = isUpper ? values[kCount - 2] : values[0];
  const Real v = isUpper ? values[kCount - 1] : values[1];
  Real first, second;
  normalPair(u, v, first, second);
  return place % 2 == 0 ? first : second;
}
// The normal number of element `row` of (batch, N) in step n of the call.
template <class Real>
__device__ inline Real stepNormal(const KuramotoSystem<Real>& system, int64_t rows, int64_t n,
                                  int64_t row) {
  return normalAt(system, (system.firstStep + n) * rows * system.oscillators + row);
}

// ---- sums in fixed point ----

// Sums of integers are the same in any order and grouping.
struct FixedSum {
  int64_t sine = 0, cosine = 0;
};
HOST_DEVICE FixedSum operator+(FixedSum a, FixedSum b) {
  return {wrappingSum(a.sine, b.sine), wrappingSum(a.cosine, b.cosine)};
}

// Units in 1 for a sum of numbers whose magnitudes add up to at most `total`: the sum stays below
// 2^62.
HOST_DEVICE double fixedScale(double total) {
  if (!(total > 1e-280) || !(total < 1e280)) return 1;
  const int64_t exponent = (toBits(total) >> 52) - 1023;  // total < 2^(exponent + 1)
  return fromBits((60 - exponent + 1023) << 52);
}
// Points of the unit circle in float32: 2^30 units, an int32, are finer than they are.
constexpr double kUnitScale = 0x1p30;
template <class Real>
HOST_DEVICE double circleScale(double total, bool isWeighted) {
  return kIsSingle<Real> && !isWeighted ? kUnitScale : fixedScale(total);
}
template <bool kWeighted, class Real>
HOST_DEVICE int64_t toFixed(Real value, double scale) {
  if constexpr (kIsSingle<Real> && !kWeighted) {
    return toInteger(value * float(kUnitScale));
  } else {
    return toInteger(double(value) * scale);
  }
}
template <bool kWeighted, class Real>
HOST_DEVICE FixedSum toFixed(Circle<Real> circle, double scale) {
  return {toFixed<kWeighted>(circle.sine, scale), toFixed<kWeighted>(circle.cosine, scale)};
}
// `unit` is 1 / scale, a power of two.
template <class Real>
HOST_DEVICE Circle<Real> fromFixed(FixedSum sum, double unit) {
  return {Real(double(sum.sine) * unit), Real(double(sum.cosine) * unit)};
}

// ---- the order parameter ----

// Writes R and ψ of `count` points of the circle with this sum; ψ by way of a phase, so that it
// stays below 2π.
template <class Real>
__device__ inline void storeOrder(const KuramotoRun<Real>& run, int64_t at, FixedSum sum,
                                  double unit, int64_t count) {
  const double x = double(sum.cosine) * unit, y = double(sum.sine) * unit;
  if (run.recordR) run.recordR[at] = Real(squareRoot(fma(y, y, x * x)) / double(count));
  if (run.recordPsi) run.recordPsi[at] = radiansOf(phaseOf<Real>(angleOf(x, y)));
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
