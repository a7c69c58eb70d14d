// The plain recurrence of the eigenstate scan and its adjoint in double, and what is compared with
// them. Random data of any shape and choice of options.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "ops/eigenstate_scan.h"

namespace entrain::test {

using Numbers = std::vector<double>;

struct Shape {
  int64_t batch, time, channels;
};

struct Options {
  bool realInput = false, magnitudeForm = false, reset = false, initial = false;
  bool final = true, gradStates = true, gradInitial = false, gradSelection = true;
  double decayScale = 0.0, frequencyScale = 0.0;  // both 0: no selection
  int64_t checkpointEvery = 0;                    // not 0: the backward pass has no states
  const char* name = "plain";

  bool isSelective() const { return decayScale != 0.0 || frequencyScale != 0.0; }
};

// ---- data ----

class Random {
 public:
  double uniform(double low, double high) {  // a linear congruence, Knuth's constants
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return low + (high - low) * double(state_ >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_ = 1;
};

template <class Storage>
Numbers rounded(Numbers numbers) {
  for (double& x : numbers) x = double(widen(narrow<Storage>(Compute<Storage>(x))));
  return numbers;
}

struct Problem {
  Shape shape;
  Options options;
  Numbers input, logDecay, frequency, selection, initial, gradStates, gradFinal;
  std::vector<uint8_t> reset;
};

template <class Real>
Problem makeProblem(const Shape& shape, const Options& options) {
  using Scalar = Compute<Real>;
  Random random;
  const auto numbers = [&](int64_t count, double low, double high) {
    Numbers values;
    for (int64_t i = 0; i < count; ++i) values.push_back(random.uniform(low, high));
    return values;
  };
  const int64_t steps = shape.batch * shape.time, width = 2 * shape.channels;
  Problem problem{shape, options, {}, {}, {}, {}, {}, {}, {}, {}};
  problem.input = rounded<Real>(numbers(steps * width / (options.realInput ? 2 : 1), -1, 1));
  problem.logDecay = rounded<Scalar>(options.magnitudeForm ? numbers(shape.channels, 0.5, 1.0)
                                                           : numbers(shape.channels, -1, 6));
  if (options.magnitudeForm) problem.logDecay[0] = 0.0;
  problem.frequency = rounded<Scalar>(numbers(shape.channels, -3, 3));
  if (options.isSelective()) problem.selection = rounded<Real>(numbers(steps * width, -2, 2));
  problem.initial = rounded<Scalar>(numbers(shape.batch * width, -2, 2));
  if (!options.initial) problem.initial.assign(problem.initial.size(), 0.0);
  problem.gradStates = rounded<Real>(numbers(steps * width, -1, 1));
  if (!options.gradStates) problem.gradStates.assign(problem.gradStates.size(), 0.0);
  problem.gradFinal = rounded<Scalar>(numbers(shape.batch * width, -1, 1));
  if (!options.final) problem.gradFinal.assign(problem.gradFinal.size(), 0.0);
  for (int64_t i = 0; i < steps; ++i) {
    problem.reset.push_back(options.reset && random.uniform(0, 40) < 1 ? 1 : 0);
  }
  return problem;
}

// ---- the plain recurrence ----

struct Result {
  Numbers states, final, boundaries;
  Numbers gradInput, gradLogDecay, gradFrequency, gradSelection, gradInitial;
};

inline Complex<double> get(const Numbers& numbers, int64_t row, int64_t channels, int64_t k) {
  const double* at = numbers.data() + row * 2 * channels;
  return {at[k], at[channels + k]};
}
inline void put(Numbers& numbers, int64_t row, int64_t channels, int64_t k, Complex<double> value) {
  double* at = numbers.data() + row * 2 * channels;
  at[k] = value.real;
  at[channels + k] = value.imaginary;
}

// lambda of a step, and the tanh of its selection.
struct Step {
  Complex<double> lambda, tangents;
  double magnitude;
};

inline Step stepOf(const Problem& p, int64_t row, int64_t k) {
  Complex<double> tangents = {0, 0};
  if (p.options.isSelective()) {
    const Complex<double> chosen = get(p.selection, row, p.shape.channels, k);
    tangents = {std::tanh(chosen.real), std::tanh(chosen.imaginary)};
  }
  const double alpha = p.logDecay[size_t(k)] + p.options.decayScale * tangents.real;
  const double omega = p.frequency[size_t(k)] + p.options.frequencyScale * tangents.imaginary;
  const double magnitude =
      p.options.magnitudeForm ? p.logDecay[size_t(k)] : 1.0 / (1.0 + std::exp(-alpha));
  return {{magnitude * std::cos(omega), magnitude * std::sin(omega)}, tangents, magnitude};
}

inline Complex<double> inputOf(const Problem& p, int64_t row, int64_t k) {
  if (p.options.realInput) return {p.input[size_t(row * p.shape.channels + k)], 0.0};
  return get(p.input, row, p.shape.channels, k);
}

inline void expectForward(const Problem& p, Result& result) {
  const auto [batch, time, channels] = p.shape;
  const int64_t every = p.options.checkpointEvery, rows = boundaryCount(time, every);
  result.states.resize(size_t(batch * time * 2 * channels));
  result.final.resize(size_t(batch * 2 * channels));
  result.boundaries.resize(size_t(batch * rows * 2 * channels));
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t k = 0; k < channels; ++k) {
      Complex<double> state = get(p.initial, b, channels, k);
      for (int64_t t = 0; t < time; ++t) {
        const int64_t row = b * time + t;
        if (every > 0 && t % every == 0) {
          put(result.boundaries, b * rows + t / every, channels, k, state);
        }
        if (p.reset[size_t(row)]) state = {0, 0};
        state = stepOf(p, row, k).lambda * state + inputOf(p, row, k);
        put(result.states, row, channels, k, state);
      }
      put(result.final, b, channels, k, state);
    }
  }
}

inline void expectBackward(const Problem& p, Result& result) {
  const auto [batch, time, channels] = p.shape;
  result.gradInput.resize(p.input.size());
  result.gradLogDecay.assign(size_t(channels), 0.0);
  result.gradFrequency.assign(size_t(channels), 0.0);
  result.gradSelection.resize(p.selection.size());
  result.gradInitial.resize(p.initial.size());
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t k = 0; k < channels; ++k) {
      Complex<double> carried = get(p.gradFinal, b, channels, k);
      for (int64_t t = time - 1; t >= 0; --t) {
        const int64_t row = b * time + t;
        const Step step = stepOf(p, row, k);
        const Complex<double> h = get(p.gradStates, row, channels, k) + carried;
        const bool isReset = p.reset[size_t(row)] != 0;
        const Complex<double> past = isReset  ? Complex<double>{0, 0}
                                     : t == 0 ? get(p.initial, b, channels, k)
                                              : get(result.states, row - 1, channels, k);
        carried = isReset ? Complex<double>{0, 0} : conjugate(step.lambda) * h;
        if (p.options.realInput) result.gradInput[size_t(row * channels + k)] = h.real;
        if (!p.options.realInput) put(result.gradInput, row, channels, k, h);
        const Complex<double> slope = h * conjugate(past);  // of lambda
        const Complex<double> turned = conjugate(step.lambda) * slope;
        const double omega = p.frequency[size_t(k)];
        const double decay = p.options.magnitudeForm
                                 ? std::cos(omega) * slope.real + std::sin(omega) * slope.imaginary
                                 : turned.real * (1.0 - step.magnitude);
        result.gradLogDecay[size_t(k)] += decay;
        result.gradFrequency[size_t(k)] += turned.imaginary;
        if (!p.options.isSelective()) continue;
        const Complex<double> th = step.tangents;
        put(result.gradSelection, row, channels, k,
            {p.options.decayScale * (1 - th.real * th.real) * decay,
             p.options.frequencyScale * (1 - th.imaginary * th.imaginary) * turned.imaginary});
      }
      put(result.gradInitial, b, channels, k, carried);
    }
  }
}

}  // namespace entrain::test
