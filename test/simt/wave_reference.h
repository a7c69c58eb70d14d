// The wave field and its gradients from the definition, in double.
#pragma once

#include <cmath>
#include <vector>

#include "test/simt/kuramoto_reference.h"

namespace entrain::test {

struct WaveProblem {
  int64_t nodes, samples;
  std::vector<int32_t> targets;  // empty: all nodes
  double wavenumber = 3, softening = 0.05;
  Numbers positions, amplitudes, frequencies, phases, times, gradField;

  int64_t receivers() const { return targets.empty() ? nodes : int64_t(targets.size()); }
  int64_t nodeOf(int64_t s) const { return targets.empty() ? s : targets[size_t(s)]; }
};

struct WaveResult {
  Numbers field, gradPositions, gradAmplitudes, gradFrequencies, gradPhases;
  Numbers gradWavenumber = {0}, gradSoftening = {0};
};

// One pair at one time: adds to the receiver's sum and, of ρ, to the gradients.
inline double addReferencePair(const WaveProblem& p, int64_t i, int64_t j, int64_t m, double rho,
                               WaveResult& out) {
  const size_t n = size_t(p.nodes), a = size_t(i), b = size_t(j);
  double difference[3], square = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    difference[axis] = p.positions[axis * n + a] - p.positions[axis * n + b];
    square += difference[axis] * difference[axis];
  }
  const double r = std::sqrt(square), d = r + p.softening, k = p.wavenumber;
  const long double turn = 2 * std::acos(-1.0L);  // ω t needs more than a double
  const double angle =
      double(std::fmod((long double)(p.frequencies[b]) * p.times[size_t(m)], turn)) - k * d;
  const double sine = std::sin(angle) / d, cosine = std::cos(angle) / d, A = p.amplitudes[b];
  out.gradAmplitudes[b] += rho * sine;
  out.gradFrequencies[b] += rho * A * cosine * p.times[size_t(m)];
  out.gradWavenumber[0] -= rho * A * cosine * d;
  const double slope = rho * A * (-k * cosine - sine / d);
  out.gradSoftening[0] += slope;
  for (size_t axis = 0; axis < 3 && r > 0; ++axis) {
    out.gradPositions[axis * n + a] += slope * difference[axis] / r;
    out.gradPositions[axis * n + b] -= slope * difference[axis] / r;
  }
  return A * sine;
}

inline WaveResult referenceWave(const WaveProblem& p) {
  const size_t n = size_t(p.nodes), receivers = size_t(p.receivers());
  WaveResult out;
  out.field.assign(size_t(p.samples) * 2 * receivers, 0);
  out.gradPositions.assign(3 * n, 0);
  for (Numbers* x : {&out.gradAmplitudes, &out.gradFrequencies, &out.gradPhases}) x->assign(n, 0);
  for (int64_t m = 0; m < p.samples; ++m) {
    for (size_t s = 0; s < receivers; ++s) {
      const int64_t i = p.nodeOf(int64_t(s));
      const double cosine = std::cos(p.phases[size_t(i)]), sine = std::sin(p.phases[size_t(i)]);
      const size_t at = size_t(m) * 2 * receivers + s;
      const double real = p.gradField[at], imaginary = p.gradField[at + receivers];
      double sum = 0;
      for (int64_t j = 0; j < p.nodes; ++j) {
        sum += addReferencePair(p, i, j, m, cosine * real + sine * imaginary, out);
      }
      out.field[at] = cosine * sum;
      out.field[at + receivers] = sine * sum;
      out.gradPhases[size_t(i)] += sum * (cosine * imaginary - sine * real);
    }
  }
  return out;
}

}  // namespace entrain::test
