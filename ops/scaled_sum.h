// A sum with a learned scalar factor: y = base + f(w_index) x, f the identity (mixing time scales)
// or the logistic function (a memory gate); base is 0 where it is absent.
#pragma once

#include "ops/exponential.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// f(w)
template <class Real>
HOST_DEVICE Real scaleFactor(Real weight, bool logistic) {
  return logistic ? sigmoid(weight) : weight;
}

// df/dw
template <class Real>
HOST_DEVICE Real scaleFactorGradient(Real weight, bool logistic) {
  if (!logistic) return Real(1);
  const Real s = sigmoid(weight);
  return s * (Real(1) - s);
}

template <class Real>
HOST_DEVICE Real scaledSum(Real factor, Real value, Real base) {
  return fma(factor, value, base);
}

template <class Real>
struct ScaledSumForward {
  static constexpr const char* name = "scaledSumForward";
  using Types = FloatTypes;
  View<const Real> value;            // (length): x
  View<const Compute<Real>> weight;  // (any length)
  View<const Real> base;             // (length), optional
  View<Real> output;                 // (length), written
  int64_t index;                     // which element of weight
  bool sigmoid;                      // f is the logistic function

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("value", value);
    visit("weight", weight);
    visit.optional("base", base);
    visit("output", output);
    visit("index", index);
    visit("sigmoid", sigmoid);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of value", value.length};
    if (base) check.shape("base", base, {length});
    check.shape("output", output, {length});
    check.rule(index >= 0 && index < weight.length, "index", "in [0, length of weight)",
               double(index));
  }
};

// dL/dx = f(w) dL/dy, dL/dw = f'(w) sum of x dL/dy in an order that the length alone determines;
// dL/dbase is dL/dy itself.
template <class Real>
struct ScaledSumBackward {
  static constexpr const char* name = "scaledSumBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;       // (length)
  View<const Real> value;            // (length)
  View<const Compute<Real>> weight;  // (any length)
  View<Real> gradValue;              // (length), written
  View<Compute<Real>> gradWeight;    // like weight, written: 0 but for element `index`
  int64_t index;
  bool sigmoid;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("value", value);
    visit("weight", weight);
    visit("gradValue", gradValue);
    visit("gradWeight", gradWeight);
    visit("index", index);
    visit("sigmoid", sigmoid);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of gradOutput", gradOutput.length};
    check.shape("value", value, {length});
    check.shape("gradValue", gradValue, {length});
    check.shape("gradWeight", gradWeight, {{"length of weight", weight.length}});
    check.rule(index >= 0 && index < weight.length, "index", "in [0, length of weight)",
               double(index));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
