// Sums over the rows of a matrix: output_c = Σ_r input_rc, the gradient of a broadcast vector (a
// bias). Blocks of rows are summed first and then combined in their order, so that the result
// depends on the sizes alone.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// How both back ends read a matrix: a narrow one as fewer and wider rows, `fold` rows side by side,
// so that neighbouring threads and lanes have neighbouring columns. The last row may be shorter.
struct FoldedMatrix {
  static constexpr int64_t kWidth = 256;  // columns of a folded matrix at least
  int64_t fold, width, rows, elements;

  HOST_DEVICE FoldedMatrix(int64_t rowCount, int64_t columns)
      : fold(columns < kWidth ? (kWidth + columns - 1) / columns : 1),
        width(fold * columns),
        rows((rowCount + fold - 1) / fold),
        elements(rowCount * columns) {}
};

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
