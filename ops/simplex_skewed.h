// One octave in three dimensions, in the lattice's own coordinates y = x + F Σx, F = 1/3, where the
// cell is a cube and gradients γ_k = g_k − G Σg, G = 1/6, stand so that g · (x − c) = γ · (y − c).
// |x|² = Σy² − u² with u = Σy / 2; with M and m the largest and smallest of y, the squared
// distances of the four corners follow from the first by +3/4 + u − 2 M, +1 − 2 (u − m), +3/4 − u.
#pragma once

#include "ops/simplex_lanes.h"

namespace entrain::inline ENTRAIN_ISA {

// The order of three coordinates; of equal ones the earlier counts as the larger.
template <class Mask>
struct AxisOrder {
  Mask first;          // axis 0 comes before axis 1
  Mask lastIsLargest;  // axis 2 before both
  Mask lastIsSmallest;

  // Of numbers that belong to the axes, the one of the largest and of the smallest coordinate.
  template <class Number>
  HOST_DEVICE Number ofLargest(const Number (&x)[3]) const {
    return pick(lastIsLargest, x[2], pick(first, x[0], x[1]));
  }
  template <class Number>
  HOST_DEVICE Number ofSmallest(const Number (&x)[3]) const {
    return pick(lastIsSmallest, x[2], pick(first, x[1], x[0]));
  }
  HOST_DEVICE Mask isLargest(int k) const {
    return k == 0   ? butNot(first, lastIsLargest)
           : k == 1 ? opposite(either(first, lastIsLargest))
                    : lastIsLargest;
  }
  HOST_DEVICE Mask isSmallest(int k) const {
    return k == 0   ? opposite(either(first, lastIsSmallest))
           : k == 1 ? butNot(first, lastIsSmallest)
                    : lastIsSmallest;
  }
  // As CornerAxes has it: x advanced by a step along axis k, `last` stepped back.
  template <class Number>
  HOST_DEVICE Number advance(int corner, int k, Number x, Number last, Number step,
                             Number back) const {
    if (corner == 0) return x;
    if (corner == 1) return addWhere(isLargest(k), x, step);
    return corner == 2 ? addWhere(isSmallest(k), last, back) : last;
  }
};
template <class Real>
HOST_DEVICE auto axisOrder(const Real (&y)[3]) {
  using Mask = decltype(isLess(y[0], y[0]));
  const Mask first = isAtLeast(y[0], y[1]);
  return AxisOrder<Mask>{first, isLess(pick(first, y[0], y[1]), y[2]),
                         isAtLeast(pick(first, y[1], y[0]), y[2])};
}

// A point's cell coordinates, their order, and its corners' hashes.
template <class Real, class Hash>
struct SkewedCorners {
  using Mask = decltype(isLess(Real(), Real()));
  Real at[3];
  AxisOrder<Mask> order;
  typename Hash::template Hashes<3> hashes;
};

// The attenuations kernel − |x − c|² of the four corners, at least 0.
template <class Real, class Hash>
HOST_DEVICE void skewedAttenuations(const SkewedCorners<Real, Hash>& corners, Real half,
                                    Lane<Real> kernel, Real (&t)[4]) {
  using Scalar = Lane<Real>;
  const Real(&y)[3] = corners.at;
  const Real two = Real(Scalar(2));
  t[0] = Real(kernel);
  SIMPLEX_UNROLL
  for (int k = 0; k < 3; ++k) t[0] = fma(-y[k], y[k], t[0]);
  t[0] = fma(half, half, t[0]);
  const Real opposite = t[0] - Real(Scalar(0.75));
  t[1] = fma(corners.order.ofLargest(y), two, opposite - half);
  t[2] = fma(half - corners.order.ofSmallest(y), two, t[0] - Real(Scalar(1)));
  t[3] = opposite + half;
  SIMPLEX_UNROLL
  for (int c = 0; c < 4; ++c) t[c] = positivePart(t[c]);
}

// Adds 4 Σ_c slopes_c ∂t_c/∂y to the derivative.
template <class Mask, class Real>
HOST_DEVICE void addSlopes(const AxisOrder<Mask>& order, const Real (&y)[3], Real half,
                           const Real (&slopes)[4], Real (&derivative)[3]) {
  using Scalar = Lane<Real>;
  const Real sum = slopes[0] + slopes[1] + slopes[2] + slopes[3];
  const Real even = fma(slopes[1], Real(Scalar(-0.25)), slopes[2] * Real(Scalar(0.5)));
  const Real quarter = half * Real(Scalar(0.5));
  SIMPLEX_UNROLL
  for (int k = 0; k < 3; ++k) {
    Real eighth = addWhere(order.isLargest(k), even, slopes[1]);
    eighth = addWhere(order.isSmallest(k), eighth, -slopes[2]);
    eighth = fma(slopes[3], Real(Scalar(0.25)), eighth);
    eighth = fma(sum, quarter - y[k], eighth);
    derivative[k] = fma(eighth, Real(Scalar(8)), derivative[k]);
  }
}

// The sum over the corners, without its amplitude. The derivative is that with respect to y:
// Σ_c t⁴ γ + 4 t³ (γ · (y − c)) ∂t_c/∂y, where ∂t_0/∂y_k = u − 2 y_k and the others add to it
// −1/2 + 2 [y_k = M], 1 − 2 [y_k = m] and 1/2.
template <bool kDerivative, class Real, class Hash>
HOST_DEVICE void skewedSum(const SkewedCorners<Real, Hash>& corners, const Hash& hash,
                           Lane<Real> kernel, Real& value, Real (&derivative)[3]) {
  using Scalar = Lane<Real>;
  const Real(&y)[3] = corners.at;
  const Real one = Real(Scalar(1));
  const Real half = (y[0] + y[1] + y[2]) * Real(Scalar(0.5));
  Real t[4], far[3], slopes[4];
  skewedAttenuations(corners, half, kernel, t);
  SIMPLEX_UNROLL
  for (int k = 0; k < 3; ++k) far[k] = y[k] - one;
  SIMPLEX_UNROLL
  for (int c = 0; c < 4; ++c) {
    Real g[3];
    hash.template gradient<3>(corners.hashes, c, g);
    Real x[3];
    SIMPLEX_UNROLL
    for (int k = 0; k < 3; ++k) x[k] = c < 2 ? y[k] : far[k];
    Real dot = c == 1   ? fma(g[0], x[0], -corners.order.ofLargest(g))
               : c == 2 ? fma(g[0], x[0], corners.order.ofSmallest(g))
                        : g[0] * x[0];
    dot = fma(g[2], x[2], fma(g[1], x[1], dot));
    const Real t2 = t[c] * t[c], t4 = t2 * t2;
    value = c == 0 ? t4 * dot : fma(t4, dot, value);
    if constexpr (kDerivative) {
      slopes[c] = t2 * t[c] * dot;
      SIMPLEX_UNROLL
      for (int k = 0; k < 3; ++k) {
        derivative[k] = c == 0 ? t4 * g[k] : fma(t4, g[k], derivative[k]);
      }
    }
  }
  if constexpr (kDerivative) addSlopes(corners.order, y, half, slopes, derivative);
}

// ∂/∂x of a derivative with respect to y.
template <class Real>
HOST_DEVICE void alongPoint(Real (&derivative)[3]) {
  const Real third = (derivative[0] + derivative[1] + derivative[2]) * Real(Lane<Real>(1.0 / 3));
  SIMPLEX_UNROLL
  for (int k = 0; k < 3; ++k) derivative[k] = derivative[k] + third;
}

}  // namespace entrain::inline ENTRAIN_ISA
