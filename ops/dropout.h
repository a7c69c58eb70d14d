// Dropout: y_i = x_i / (1 − p) where u_i ≥ p and 0 elsewhere, u_i uniform in [0, 1) from Philox, so
// that the backward pass draws the same numbers again. Srivastava et al. 2014, JMLR 15:1929.
#pragma once

#include "ops/operation.h"
#include "ops/philox.h"

namespace entrain::inline ENTRAIN_ISA {

// Which elements one call drops: word i mod 4 of position + ⌊i / 4⌋ decides element i.
struct DropoutMask {
  RandomStream random;
  int64_t position;
  float probability;
  float scale;  // 1 / (1 − probability)

  HOST_DEVICE PhiloxWords words(int64_t quad) const { return randomWords(random, position + quad); }
  HOST_DEVICE bool keeps(uint32_t word) const { return !(uniformOf(word) < probability); }
};

// What both directions hold.
template <class Operation>
HOST_DEVICE DropoutMask dropoutMask(const Operation& op) {
  return {{uint32_t(op.seedLow), uint32_t(op.seedHigh), uint32_t(op.stream)},
          op.position,
          float(op.probability),
          float(1 / (1 - op.probability))};
}

template <class Operation>
void validateDropout(const Operation& op, const Check& check) {
  constexpr double kLargestWord = 4294967295.0;
  check.within("seedLow", double(op.seedLow), 0, kLargestWord);
  check.within("seedHigh", double(op.seedHigh), 0, kLargestWord);
  check.within("stream", double(op.stream), 0, kLargestWord);
  check.atLeast("position", op.position, 0);
  check.rule(op.probability >= 0 && op.probability < 1, "probability", "in [0, 1)", op.probability);
}

template <class Real>
struct DropoutForward {
  static constexpr const char* name = "dropoutForward";
  using Types = FloatTypes;
  View<const Real> input;     // (length)
  View<const Real> residual;  // (length), optional: added to the result
  View<Real> output;          // (length), written
  int64_t seedLow, seedHigh, stream, position;
  double probability;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit.optional("residual", residual);
    visit("output", output);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("position", position);
    visit("probability", probability);
  }
  void validate() const {
    const Check check(name);
    if (residual) check.shape("residual", residual, {{"length of input", input.length}});
    check.shape("output", output, {{"length of input", input.length}});
    validateDropout(*this, check);
  }
};

template <class Real>
struct DropoutBackward {
  static constexpr const char* name = "dropoutBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;  // (length)
  View<Real> gradInput;         // (length), written
  int64_t seedLow, seedHigh, stream, position;
  double probability;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("gradInput", gradInput);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("position", position);
    visit("probability", probability);
  }
  void validate() const {
    const Check check(name);
    check.shape("gradInput", gradInput, {{"length of gradOutput", gradOutput.length}});
    validateDropout(*this, check);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
