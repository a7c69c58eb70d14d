// Maps of a whole tensor onto an interval: y = a x + b with given a and b, and min-max
// normalisation y = (x - m) / (M - m) with m and M the tensor's own extremes, onto [0, 1]. The
// extremes stay on the device; a tensor whose elements are all equal becomes zeros.
#pragma once

#include "ops/operation.h"
#include "ops/scalar.h"

namespace entrain::inline ENTRAIN_ISA {

// The smallest and the largest number of a tensor, and the first places where they stand. Both are
// not a number as soon as any element is not. Places below 2^53 are exact in double.
struct Extremes {
  double low;
  double high;
  double lowAt;
  double highAt;
};
constexpr int64_t kExtremes = 4;  // numbers in Extremes

template <class Real>
HOST_DEVICE bool isNumber(Real x) {
  return x == x;
}

// Whether x at place i is the minimum rather than y at place j: what is not a number first, so that
// it is not lost, then the smaller, then the earlier one.
HOST_DEVICE bool isLower(double x, double i, double y, double j) {
  if (isNumber(x) != isNumber(y)) return isNumber(y);
  return x < y || (!(y < x) && i < j);
}

// The extremes of two parts of a tensor, in any order: associative and commutative.
HOST_DEVICE Extremes merged(const Extremes& a, const Extremes& b) {
  Extremes both = a;
  if (isLower(b.low, b.lowAt, a.low, a.lowAt)) {
    both.low = b.low;
    both.lowAt = b.lowAt;
  }
  if (isLower(-b.high, b.highAt, -a.high, a.highAt)) {
    both.high = b.high;
    both.highAt = b.highAt;
  }
  return both;
}

// The length of [low, high], or 1 where it is 0: then every x - low is 0 as well.
template <class Real>
HOST_DEVICE Real spanOf(Real low, Real high) {
  return high - low == Real(0) ? Real(1) : high - low;
}

// The division, not a product with its inverse, maps the maximum to 1 exactly.
template <class Value, class Real>
HOST_DEVICE Value normalized(Value x, Real low, Real span) {
  return (x - low) / span;
}

// dL/dx_i = (g_i + [i = place of m] (B - A) - [i = place of M] B) / (M - m)
// with A the sum of g and B that of g y: m and M are elements too.
template <class Real>
struct NormalizeSlope {
  Real inverseSpan;  // 0 for a constant tensor, whose gradient is 0
  Real atLow;
  Real atHigh;
};
template <class Real>
HOST_DEVICE NormalizeSlope<Real> normalizeSlope(const Extremes& extremes, double sum,
                                                double sumOfProducts) {
  const double span = extremes.high - extremes.low;
  const double inverse = span == 0 ? 0.0 : 1 / span;
  return {Real(inverse), Real((sumOfProducts - sum) * inverse), Real(-sumOfProducts * inverse)};
}

// y = factor x + offset
template <class Real>
struct Affine {
  static constexpr const char* name = "affine";
  using Types = FloatTypes;
  View<const Real> input;  // (length): x
  View<Real> output;       // (length): y, written; may be input
  double factor = 1;       // both are rounded to the arithmetic type
  double offset = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("factor", factor);
    visit("offset", offset);
  }
  void validate() const {
    Check(name).shape("output", output, {{"length of input", input.length}});
  }
};

// y = (x - m) / (M - m)
template <class Real>
struct NormalizeForward {
  static constexpr const char* name = "normalizeForward";
  using Types = FullFloatTypes;
  View<const Real> input;  // (length): x, at least one element
  View<Real> output;       // (length): y, written; may be input
  View<double> extremes;   // (4): m, M and their places, written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("extremes", extremes);
  }
  void validate() const {
    const Check check(name);
    check.shape("output", output, {{"length of input", input.length}});
    check.shape("extremes", extremes, {{"four", kExtremes}});
    check.rule(input.length > 0, "input", "of at least one element", double(input.length));
  }
};

template <class Real>
struct NormalizeBackward {
  static constexpr const char* name = "normalizeBackward";
  using Types = FullFloatTypes;
  View<const Real> gradOutput;  // (length): g
  View<const Real> output;      // (length): y
  View<const double> extremes;  // (4), as the forward wrote them
  View<Real> gradInput;         // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("output", output);
    visit("extremes", extremes);
    visit("gradInput", gradInput);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of gradOutput", gradOutput.length};
    check.shape("output", output, {length});
    check.shape("gradInput", gradInput, {length});
    check.shape("extremes", extremes, {{"four", kExtremes}});
    check.rule(gradOutput.length > 0, "gradOutput", "of at least one element",
               double(gradOutput.length));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
