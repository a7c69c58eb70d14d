// What stays the same through a Kuramoto run on a network: drifts, rates, s / Z, in the order in
// which the steps read them.
#pragma once

#include "cpu/kernel.h"
#include "ops/kuramoto.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
struct KuramotoConstants {
  int64_t batch, oscillators, stages;
  int64_t rateRows;             // 1, or batch where the rates differ
  const Real* rates;            // (rateRows, N): ω + u of drives that stay
  const Integer<Real>* drifts;  // (rateRows, N)
  const Real* unitStrengths;    // (N): s / Z
  const Real* inverseDegrees;   // (N): 1 / Z_i; null where Z is one number
  const Real* couplings;        // (1) or (batch)
  int64_t couplingStride;       // 0 or 1
  const Real* precision;        // (N) or null
  Integer<Real> lag;            // alpha, a phase
  bool lagged;
  int shift;                    // of the drifts
  double timeStep, noiseScale;  // √(2 D / dt)

  HOST_DEVICE const Real* ratesOf(int64_t b) const {
    return rates + (rateRows == 1 ? 0 : b * oscillators);
  }
  HOST_DEVICE const Integer<Real>* driftsOf(int64_t b) const {
    return drifts + (rateRows == 1 ? 0 : b * oscillators);
  }
  HOST_DEVICE Real couplingOf(int64_t b) const { return couplings[b * couplingStride]; }
};

// Sets rates, drifts and their shift.
template <class Real>
void setRates(const KuramotoSystem<Real>& op, KuramotoConstants<Real>& constants,
              Context& context) {
  const int64_t n = op.oscillators;
  const bool ownRates = op.naturalFrequencies.length != n, ownDrive = op.driveKind == kBatchDrive;
  const int64_t rows = ownRates || ownDrive ? op.batch : 1;
  Real* const rates = context.workspace<Real>(rows * n);
  auto* const drifts = context.workspace<Integer<Real>>(rows * n);
  const auto rateOf = [&](int64_t row, int64_t i) {
    double rate = double(op.naturalFrequencies[(ownRates ? row * n : 0) + i]);
    if (op.driveKind == kNodeDrive) rate += double(op.drive[i]);
    if (ownDrive) rate += double(op.drive[row * n + i]);
    return rate;
  };
  double greatest = 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < n; ++i) greatest = maximum(absolute(rateOf(row, i)), greatest);
  }
  const int shift = driftShift<Real>(greatest, op.timeStep);
  context.forRange(rows * n, 16384, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      const double rate = rateOf(at / n, at % n);
      rates[at] = Real(rate);
      drifts[at] = driftOf<Real>(rate, op.timeStep, shift);
    }
  });
  constants.rateRows = rows;
  constants.rates = rates;
  constants.drifts = drifts;
  constants.shift = shift;
}

// Sets s / Z. The graph writes Σ_{j≠i} |A_ij| p_j where it is asked for.
template <class Real, class Graph>
void setStrengths(const KuramotoSystem<Real>& op, Graph& graph, KuramotoConstants<Real>& constants,
                  Context& context) {
  const int64_t n = op.oscillators;
  Real* const strengths = context.workspace<Real>(n);
  Real* inverses = nullptr;
  if (op.normalisation == kByDegree) {
    inverses = context.workspace<Real>(n);
    graph.sumDegrees(op.precision.data, inverses, context);
  }
  const int64_t others = n > 2 ? n - 1 : 1;
  const double shared = op.normalisation == kByCount ? 1 / double(others) : 1;
  context.forRange(n, 16384, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double inverse = shared;
      if (inverses) {
        const double degree = double(inverses[i]);
        inverse = degree < kLeastDegree ? 0 : 1 / degree;
        inverses[i] = Real(inverse);
      }
      strengths[i] = Real((op.sign ? double(op.sign[i]) : 1) * inverse);
    }
  });
  constants.unitStrengths = strengths;
  constants.inverseDegrees = inverses;
}

template <class Real, class Graph>
KuramotoConstants<Real> constantsOf(const KuramotoSystem<Real>& op, Graph& graph,
                                    Context& context) {
  KuramotoConstants<Real> constants = {};
  constants.batch = op.batch;
  constants.oscillators = op.oscillators;
  constants.stages = op.stages;
  constants.couplings = op.coupling.data;
  constants.couplingStride = op.coupling.length == 1 ? 0 : 1;
  constants.precision = op.precision.data;
  constants.lagged = bool(op.frustration);
  constants.lag = op.frustration ? phaseOf<Real>(double(op.frustration[0])) : 0;
  constants.timeStep = op.timeStep;
  constants.noiseScale = squareRoot(2 * op.diffusion / op.timeStep);
  setRates(op, constants, context);
  setStrengths(op, graph, constants, context);
  return constants;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
