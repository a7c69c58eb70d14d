// Matrix product: output = op(left) op(right) + bias (+ output), all matrices row-major, sums in
// Compute<Real>.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real, class Output>
struct MatrixProductOf {
  using Types = FloatTypes;
  View<const Real> left;           // (rows, inner), or (inner, rows) when transposeLeft
  View<const Real> right;          // (inner, columns), or (columns, inner) when transposeRight
  View<const Compute<Real>> bias;  // (columns), optional: added to every row
  View<Output> output;             // (rows, columns), written; read too when accumulate
  int64_t rows = 0, columns = 0, inner = 0;
  bool transposeLeft = false, transposeRight = false;
  bool accumulate = false;  // adds to what output holds

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("left", left);
    visit("right", right);
    visit.optional("bias", bias);
    visit("output", output);
    visit("rows", rows);
    visit("columns", columns);
    visit("inner", inner);
    visit("transposeLeft", transposeLeft);
    visit("transposeRight", transposeRight);
    visit("accumulate", accumulate);
  }

 protected:
  void validateAs(const char* name) const {
    const Check check(name);
    check.atLeast("rows", rows, 1);
    check.atLeast("columns", columns, 1);
    check.atLeast("inner", inner, 0);
    check.shape("left", left, {{"rows", rows}, {"inner", inner}});
    check.shape("right", right, {{"inner", inner}, {"columns", columns}});
    if (bias) check.shape("bias", bias, {{"columns", columns}});
    check.shape("output", output, {{"rows", rows}, {"columns", columns}});
  }
};

template <class Real>
struct MatrixProduct : MatrixProductOf<Real, Real> {
  static constexpr const char* name = "matrixProduct";
  void validate() const { this->validateAs(name); }
};

// The same with the output in Compute<Real>: float32 gradients of bfloat16 and float16 operands.
template <class Real>
struct WideMatrixProduct : MatrixProductOf<Real, Compute<Real>> {
  static constexpr const char* name = "wideMatrixProduct";
  void validate() const { this->validateAs(name); }
};

}  // namespace entrain::inline ENTRAIN_ISA
