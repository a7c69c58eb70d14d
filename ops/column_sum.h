// Sums over the rows of a matrix: output_c = Σ_r input_rc, the gradient of a broadcast vector (a
// bias). Blocks of rows are summed first and then combined in their order, so that the result
// depends on the sizes alone.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct ColumnSum {
  static constexpr const char* name = "columnSum";
  using Types = FloatTypes;
  View<const Real> input;      // (rows, columns)
  View<Compute<Real>> output;  // (columns), written
  int64_t rows = 0, columns = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("rows", rows);
    visit("columns", columns);
  }
  void validate() const {
    const Check check(name);
    check.shape("input", input, {{"rows", rows}, {"columns", columns}});
    check.shape("output", output, {{"columns", columns}});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
