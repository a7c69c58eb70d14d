// Sums, multiples and constants: output = left + right, output = factor input, output = value.
// Adjoints: gradLeft = gradRight = gradOutput; gradInput = factor gradOutput.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct Add {
  static constexpr const char* name = "add";
  using Types = FloatTypes;
  View<const Real> left;   // (length)
  View<const Real> right;  // (length)
  View<Real> output;       // (length), written; may be left or right

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("left", left);
    visit("right", right);
    visit("output", output);
  }
  void validate() const {
    const Check check(name);
    check.shape("right", right, {{"length of left", left.length}});
    check.shape("output", output, {{"length of left", left.length}});
  }
};

template <class Real>
struct Scale {
  static constexpr const char* name = "scale";
  using Types = FloatTypes;
  View<const Real> input;  // (length)
  View<Real> output;       // (length), written; may be input
  double factor = 1;       // rounded to the arithmetic type

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("factor", factor);
  }
  void validate() const {
    Check(name).shape("output", output, {{"length of input", input.length}});
  }
};

template <class Real>
struct Fill {
  static constexpr const char* name = "fill";
  using Types = FloatTypes;
  View<Real> output;  // (length), written
  double value = 0;   // rounded to the storage type

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("output", output);
    visit("value", value);
  }
  void validate() const {}
};

}  // namespace entrain::inline ENTRAIN_ISA
