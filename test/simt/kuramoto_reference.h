// Kuramoto runs written from the equation, in double, for any graph as a matrix; gradients of a
// loss by central differences.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ops/kuramoto.h"

namespace entrain::test {

using Numbers = std::vector<double>;

struct KuramotoProblem {
  int64_t batch = 1, oscillators = 1, steps = 1, stages = 1, recordEvery = 0;
  int64_t driveKind = kNoDrive, normalisation = kByCount;
  double timeStep = 0.05, diffusion = 0;
  bool rowFrequencies = false;
  Numbers phases, frequencies, coupling, precision, sign, drive, adjacency;  // (N, N)
  double frustration = 0;
  Numbers noise;  // (steps, batch, N)
  // The loss: Σ of these times final phases (not wrapped), R and recorded phases.
  Numbers gradPhases, gradRecordR, gradRecordPhases;
};

struct KuramotoResult {
  Numbers phases, recordR, recordPsi, recordPhases;  // phases not wrapped
  double loss = 0;
};

inline double referenceDegree(const KuramotoProblem& p, int64_t i) {
  if (p.normalisation == kUnnormalised) return 1;
  if (p.normalisation == kByCount) return std::fmax(double(p.oscillators - 1), 1);
  double degree = 0;
  for (int64_t j = 0; j < p.oscillators; ++j) {
    const double precision = p.precision.empty() ? 1 : p.precision[size_t(j)];
    if (j != i) degree += std::fabs(p.adjacency[size_t(i * p.oscillators + j)]) * precision;
  }
  return degree;
}

// dθ/dt of row b.
inline Numbers referenceVelocity(const KuramotoProblem& p, const Numbers& degrees,
                                 const Numbers& theta, int64_t b, int64_t step) {
  const int64_t n = p.oscillators;
  Numbers velocity;
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) {
      if (j == i) continue;
      const double precision = p.precision.empty() ? 1 : p.precision[size_t(j)];
      sum += p.adjacency[size_t(i * n + j)] * precision *
             std::sin(theta[size_t(j)] - theta[size_t(i)] - p.frustration);
    }
    const double coupling = p.coupling[p.coupling.size() == 1 ? 0 : size_t(b)];
    const double sign = p.sign.empty() ? 1 : p.sign[size_t(i)];
    const double degree = degrees[size_t(i)];
    double rate = degree < kLeastDegree ? 0 : sign * coupling / degree * sum;
    rate += p.frequencies[size_t((p.rowFrequencies ? b * n : 0) + i)];
    if (p.driveKind == kNodeDrive) rate += p.drive[size_t(i)];
    if (p.driveKind == kBatchDrive) rate += p.drive[size_t(b * n + i)];
    if (p.driveKind == kStepDrive) rate += p.drive[size_t(step * n + i)];
    velocity.push_back(rate);
  }
  return velocity;
}

inline KuramotoResult referenceRun(const KuramotoProblem& p) {
  const int64_t n = p.oscillators, records = recordCount(p.steps, p.recordEvery);
  const size_t count = size_t(n);
  KuramotoResult result;
  result.phases = p.phases;
  result.recordR.resize(size_t(p.batch * records));
  result.recordPsi.resize(size_t(p.batch * records));
  result.recordPhases.resize(size_t(p.batch * records * n));
  Numbers degrees;
  for (int64_t i = 0; i < n; ++i) degrees.push_back(referenceDegree(p, i));
  for (int64_t b = 0; b < p.batch; ++b) {
    Numbers theta(p.phases.begin() + b * n, p.phases.begin() + (b + 1) * n);
    for (int64_t step = 0; step < p.steps; ++step) {
      Numbers velocity(count), total(count);
      for (int64_t stage = 0; stage < p.stages; ++stage) {
        Numbers at = theta;
        for (size_t i = 0; i < count; ++i) {
          at[i] += stageReach(p.stages, stage) * p.timeStep * velocity[i];
        }
        velocity = referenceVelocity(p, degrees, at, b, step);
        for (size_t i = 0; i < count && p.diffusion > 0; ++i) {
          velocity[i] += std::sqrt(2 * p.diffusion / p.timeStep) *
                         p.noise[size_t((step * p.batch + b) * n) + i];
        }
        for (size_t i = 0; i < count; ++i) total[i] += stageWeight(p.stages, stage) * velocity[i];
      }
      double x = 0, y = 0;
      for (size_t i = 0; i < count; ++i) {
        theta[i] += p.timeStep * total[i];
        x += std::cos(theta[i]);
        y += std::sin(theta[i]);
      }
      if (p.recordEvery == 0 || (step + 1) % p.recordEvery != 0) continue;
      const size_t at = size_t(b * records + (step + 1) / p.recordEvery - 1);
      result.recordR[at] = std::hypot(x, y) / double(n);
      result.recordPsi[at] = std::atan2(y, x) + (y < 0 ? kRadiansPerTurn : 0);
      for (size_t i = 0; i < count; ++i) result.recordPhases[at * count + i] = theta[i];
    }
    for (size_t i = 0; i < count; ++i) result.phases[size_t(b * n) + i] = theta[i];
  }
  const auto add = [&](const Numbers& weights, const Numbers& values) {
    for (size_t i = 0; i < weights.size(); ++i) result.loss += weights[i] * values[i];
  };
  add(p.gradPhases, result.phases);
  add(p.gradRecordR, result.recordR);
  add(p.gradRecordPhases, result.recordPhases);
  return result;
}

// The gradient of the loss by `values`, a member of the problem.
inline Numbers differences(KuramotoProblem& p, Numbers& values) {
  Numbers gradient;
  for (double& x : values) {
    const double kept = x, h = 1e-5;
    x = kept + h;
    const double above = referenceRun(p).loss;
    x = kept - h;
    gradient.push_back((above - referenceRun(p).loss) / (2 * h));
    x = kept;
  }
  return gradient;
}

}  // namespace entrain::test
