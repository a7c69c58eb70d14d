// Local order: how coherent the phases are that pull each oscillator,
//   L_i = |Σ_{j≠i} A_ij e^(iθ_j)| / Σ_{j≠i} |A_ij|,   0 where nothing pulls.
// On a graph in compressed rows O(edges) for each row of phases. All to all and on a ring every
// weight is 1 and the sum is a window of the row less the oscillator itself: a difference of prefix
// sums of fixed-point points, which are exact, so that O(N) loses no digits whatever the width.
// Columns in [0, N) and ascending row pointers are the caller's duty (lib/graph/graph.ts).
#pragma once

#include "ops/operation.h"
#include "ops/phase.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE Real localOrderOf(Circle<double> pull, double degree) {
  const double size = squareRoot(fma(pull.sine, pull.sine, pull.cosine * pull.cosine));
  return degree > 0 ? Real(size / degree) : Real(0);
}

// The sums over the edges of one oscillator.
struct PullSum {
  double sine, cosine, degree;

  template <class Real>
  HOST_DEVICE void add(Real weight, Circle<Real> source) {
    sine = fma(double(weight), double(source.sine), sine);
    cosine = fma(double(weight), double(source.cosine), cosine);
    degree += absolute(double(weight));
  }
};

template <class Real>
HOST_DEVICE Circle<Real> circleOf(Real phase) {
  Circle<Real> circle;
  sineCosine(phase, circle.sine, circle.cosine);
  return circle;
}

// ---- windows ----

// The greatest power of two at which a sum of `terms` points stays within 63 bits.
HOST_DEVICE double fixedPointScale(int64_t terms) {
  double scale = 0x1p62;
  for (int64_t reach = 1; reach < terms; reach *= 2) scale *= 0.5;
  return scale;
}
HOST_DEVICE Circle<int64_t> fixedPoint(Circle<double> circle, double scale) {
  return {toInteger(circle.sine * scale), toInteger(circle.cosine * scale)};
}
struct SumFixedPoint {
  HOST_DEVICE Circle<int64_t> operator()(Circle<int64_t> a, Circle<int64_t> b) const {
    return {wrappingSum(a.sine, b.sine), wrappingSum(a.cosine, b.cosine)};
  }
};
HOST_DEVICE Circle<int64_t> operator-(Circle<int64_t> a, Circle<int64_t> b) {
  return {wrappingDifference(a.sine, b.sine), wrappingDifference(a.cosine, b.cosine)};
}

template <class Real>
struct LocalOrder {
  static constexpr const char* name = "localOrder";
  using Types = FullFloatTypes;
  View<const Real> phases;         // (rows, N), rad
  View<const int32_t> rowPointer;  // (N + 1); absent for a ring and all to all
  View<const int32_t> column;      // (edges), with rowPointer
  View<const Real> weight;         // (edges), optional: absent, all are 1
  View<Real> order;                // (rows, N), written: L
  int64_t rows, oscillators;
  int64_t neighbours;  // of a ring, on each side; 0 without rowPointer: all to all

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit.optional("rowPointer", rowPointer);
    visit.optional("column", column);
    visit.optional("weight", weight);
    visit("order", order);
    visit("rows", rows);
    visit("oscillators", oscillators);
    visit("neighbours", neighbours);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("oscillators", oscillators, 1);
    const int64_t widest = rowPointer ? 0 : (oscillators - 1) / 2;
    check.within("neighbours", double(neighbours), 0, double(widest));
    const Size row = {"rows", rows}, n = {"oscillators", oscillators};
    check.shape("phases", phases, {row, n});
    if (rowPointer) {
      check.shape("rowPointer", rowPointer, {{"oscillators + 1", oscillators + 1}});
    } else {
      check.shape("column", column, {{"edges without rowPointer", 0}});
    }
    if (weight) check.shape("weight", weight, {{"edges", column.length}});
    check.shape("order", order, {row, n});
  }

  // Adds edges begin, begin + stride, … of oscillator i to `sum`; `circles` are those of its row.
  HOST_DEVICE void addEdges(PullSum& sum, const Circle<Real>* circles, int64_t i, int64_t begin,
                            int64_t stride) const {
    for (int64_t edge = begin; edge < rowPointer[i + 1]; edge += stride) {
      const int64_t j = column[edge];
      if (j != i) sum.add(weight ? weight[edge] : Real(1), circles[j]);
    }
  }
  // How many points the widest sum holds, and their scale.
  HOST_DEVICE double scale() const {
    return fixedPointScale(neighbours > 0 ? 2 * neighbours + 1 : oscillators);
  }
  // L of oscillator i, from the inclusive prefix sums of its row.
  HOST_DEVICE Real windowOrder(const Circle<int64_t>* prefix, int64_t i, double scale) const {
    const auto before = [&](int64_t end) {  // the sum of points 0 … end - 1
      return end > 0 ? prefix[end - 1] : Circle<int64_t>{0, 0};
    };
    const Circle<int64_t> total = prefix[oscillators - 1];
    Circle<int64_t> sum = total;
    if (neighbours > 0) {
      const int64_t begin = i - neighbours, end = i + neighbours + 1;
      sum = before(end <= oscillators ? end : end - oscillators) -
            before(begin >= 0 ? begin : begin + oscillators);
      if (begin < 0 || end > oscillators) sum = SumFixedPoint{}(sum, total);
    }
    sum = sum - (prefix[i] - before(i));
    const double degree = double(neighbours > 0 ? 2 * neighbours : oscillators - 1);
    return localOrderOf<Real>({double(sum.sine), double(sum.cosine)}, degree * scale);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
