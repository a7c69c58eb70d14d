// Random numbers from Philox4x32-10, functions of seed, stream and an element's place alone. One
// position of the generator gives four numbers, or two of float64 with 53 bits each.
#pragma once

#include "ops/operation.h"
#include "ops/philox.h"

namespace entrain::inline ENTRAIN_ISA {

// Numbers that one position of the generator gives.
template <class Real>
constexpr int64_t kNumbersOfPosition = sizeof(Compute<Real>) == 8 ? 2 : 4;

// Number `i` of a position, uniform in [0, 1).
template <class Real>
HOST_DEVICE Real uniformAt(const uint32_t* words, int64_t i) {
  if constexpr (sizeof(Real) == 8) {
    return uniformOf(words[2 * i], words[2 * i + 1]);
  } else {
    return uniformOf(words[i]);
  }
}

template <class Operation>
HOST_DEVICE RandomStream randomStreamOf(const Operation& op) {
  return {uint32_t(op.seedLow), uint32_t(op.seedHigh), uint32_t(op.stream)};
}

template <class Operation>
void validateRandomStream(const Operation& op, const Check& check) {
  constexpr double kLargestWord = 4294967295.0;
  check.within("seedLow", double(op.seedLow), 0, kLargestWord);
  check.within("seedHigh", double(op.seedHigh), 0, kLargestWord);
  check.within("stream", double(op.stream), 0, kLargestWord);
}

// low + (high − low) u with u uniform in [0, 1); rounding may give `high` itself.
template <class Real>
struct RandomUniform {
  static constexpr const char* name = "randomUniform";
  using Types = FloatTypes;
  View<Real> output;  // (length), written
  int64_t seedLow, seedHigh, stream;
  double low, high;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("output", output);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("low", low);
    visit("high", high);
  }
  void validate() const {
    const Check check(name);
    validateRandomStream(*this, check);
    check.within("low", low, -1e300, 1e300);
    check.within("high", high, low, 1e300);
  }
};

// mean + deviation n with n standard normal: Box-Muller of each pair of uniform numbers.
template <class Real>
struct RandomNormal {
  static constexpr const char* name = "randomNormal";
  using Types = FloatTypes;
  View<Real> output;  // (length), written
  int64_t seedLow, seedHigh, stream;
  double mean, deviation;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("output", output);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("mean", mean);
    visit("deviation", deviation);
  }
  void validate() const {
    const Check check(name);
    validateRandomStream(*this, check);
    check.within("mean", mean, -1e300, 1e300);
    check.within("deviation", deviation, 0, 1e300);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
