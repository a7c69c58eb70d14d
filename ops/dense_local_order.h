// Local order (ops/local_order.h) on a dense graph, where the sums Σ_{j≠i} A_ij e^(iθ_j) of many
// rows are a matrix product: first A without its diagonal and Σ_{j≠i} |A_ij|, then the quotient.
#pragma once

#include "ops/local_order.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct DropSelfEdges {
  static constexpr const char* name = "dropSelfEdges";
  using Types = FullFloatTypes;
  View<const Real> adjacency;  // (N, N)
  View<Real> others;           // (N, N), written: 0 on the diagonal
  View<Real> degree;           // (N), written
  int64_t oscillators;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("adjacency", adjacency);
    visit("others", others);
    visit("degree", degree);
    visit("oscillators", oscillators);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("oscillators", oscillators, 1);
    const Size n = {"oscillators", oscillators};
    check.shape("adjacency", adjacency, {n, n});
    check.shape("others", others, {n, n});
    check.shape("degree", degree, {n});
  }
};

template <class Real>
struct DenseLocalOrder {
  static constexpr const char* name = "denseLocalOrder";
  using Types = FullFloatTypes;
  View<const Real> pull;    // (2, rows, N): the sums' sines, then their cosines
  View<const Real> degree;  // (N)
  View<Real> order;         // (rows, N), written: L
  int64_t rows, oscillators;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("pull", pull);
    visit("degree", degree);
    visit("order", order);
    visit("rows", rows);
    visit("oscillators", oscillators);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("oscillators", oscillators, 1);
    const Size row = {"rows", rows}, n = {"oscillators", oscillators};
    check.shape("pull", pull, {{"planes", 2}, row, n});
    check.shape("degree", degree, {n});
    check.shape("order", order, {row, n});
  }
  HOST_DEVICE void divide(int64_t i) const {
    const Circle<double> sum = {double(pull[i]), double(pull[order.length + i])};
    order[i] = localOrderOf<Real>(sum, double(degree[i % oscillators]));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
