// Products with a block-diagonal matrix, the coupling R^(h) of the heads of eigenstates: on every
// plane (real, imaginary) of every row
//   y_hj = sum_k R^(h)_jk x_hk   (c~ = R c: coupled states), or with transpose
//   y_hk = sum_j x_hj R^(h)_jk   (W_out blockdiag(R, R): R folded into the output projection).
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// Where element (from, to) of the matrix B lies in a head of `coupling`, when y_to = sum over from
// of x_from B(from, to).
HOST_DEVICE int64_t couplingElement(int64_t from, int64_t to, int64_t size, bool transpose) {
  return transpose ? from * size + to : to * size + from;
}

// The sizes both directions share; planes are rows of (heads, size) like any others.
struct BlockDiagonalShape {
  int64_t rows;  // times planes
  int64_t heads, size;
  int64_t channels;  // heads size
  bool transpose;
};
template <class Operation>
HOST_DEVICE BlockDiagonalShape blockDiagonalShape(const Operation& op) {
  return {op.rows * op.planes, op.heads, op.size, op.heads * op.size, op.transpose};
}

template <class Real>
struct BlockDiagonalForward {
  static constexpr const char* name = "blockDiagonalForward";
  using Types = FloatTypes;
  View<const Real> input;     // (rows, planes, heads size)
  View<const Real> coupling;  // (heads, size, size)
  View<Real> output;          // (rows, planes, heads size), written
  int64_t rows, planes, heads, size;
  bool transpose;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("coupling", coupling);
    visit("output", output);
    visit("rows", rows);
    visit("planes", planes);
    visit("heads", heads);
    visit("size", size);
    visit("transpose", transpose);
  }
  void validate() const;
};

// dL/dx = dL/dy B^T (the forward with `transpose` turned around) and dL/dB = sum over rows of
// x^T dL/dy, in an order that the shape alone determines.
template <class Real>
struct BlockDiagonalBackward {
  static constexpr const char* name = "blockDiagonalBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;       // (rows, planes, heads size)
  View<const Real> input;            // (rows, planes, heads size)
  View<const Real> coupling;         // (heads, size, size)
  View<Real> gradInput;              // (rows, planes, heads size), written
  View<Compute<Real>> gradCoupling;  // (heads, size, size), written
  int64_t rows, planes, heads, size;
  bool transpose;  // as in the forward

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("input", input);
    visit("coupling", coupling);
    visit("gradInput", gradInput);
    visit("gradCoupling", gradCoupling);
    visit("rows", rows);
    visit("planes", planes);
    visit("heads", heads);
    visit("size", size);
    visit("transpose", transpose);
  }
  void validate() const;
};

// ---- validation ----

template <class Operation>
void validateBlockDiagonal(const Operation& op, const Check& check) {
  check.atLeast("rows", op.rows, 1);
  check.atLeast("planes", op.planes, 1);
  check.atLeast("heads", op.heads, 1);
  check.atLeast("size", op.size, 1);
  const Size rows = {"rows", op.rows}, planes = {"planes", op.planes};
  const Size heads = {"heads", op.heads}, size = {"size", op.size};
  check.shape("input", op.input, {rows, planes, heads, size});
  check.shape("coupling", op.coupling, {heads, size, size});
}

template <class Real>
void BlockDiagonalForward<Real>::validate() const {
  const Check check(name);
  validateBlockDiagonal(*this, check);
  check.shape("output", output, {{"length of input", input.length}});
}

template <class Real>
void BlockDiagonalBackward<Real>::validate() const {
  const Check check(name);
  validateBlockDiagonal(*this, check);
  check.shape("gradOutput", gradOutput, {{"length of input", input.length}});
  check.shape("gradInput", gradInput, {{"length of input", input.length}});
  check.shape("gradCoupling", gradCoupling, {{"length of coupling", coupling.length}});
}

}  // namespace entrain::inline ENTRAIN_ISA
