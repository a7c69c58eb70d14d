// One octave of simplex noise inside a cell: n = A Σ_c max(kernel − |x − c|², 0)⁴ g_c · (x − c)
// over the dim + 1 corners of the simplex, ∇n = A Σ_c (t⁴ g_c − 8 t³ (g_c · (x − c)) (x − c)). The
// cell is the unit cube of the lattice i = x + F Σx; the simplex in it is the order of the
// coordinates. Gustavson 2005, "Simplex noise demystified".
#pragma once

#include "ops/simplex_lanes.h"

namespace entrain::inline ENTRAIN_ISA {

// The lattice i = x + F Σx, so x = i − G Σi with G = F / (1 + dim F). With F = 1 / t a step of t
// along an axis is the lattice vector (1, …, 1 + t, …, 1): such a lattice tiles. In 3D it is the
// usual one.
struct SimplexLattice {
  double skew, unskew;
};
template <int dim>
HOST_DEVICE constexpr int axisTranslation() {
  return dim == 1 ? 1 : dim == 4 ? 4 : 3;
}
template <int dim>
HOST_DEVICE constexpr SimplexLattice simplexLattice(bool tiled) {
  constexpr int t = axisTranslation<dim>();
  if (dim == 1) return {0, 0};
  if (dim == 3 || tiled) return {1.0 / t, 1.0 / (t + dim)};
  if (dim == 2) return {0.36602540378443865, 0.21132486540518713};  // (√3 − 1)/2, (3 − √3)/6
  return {0.30901699437494745, 0.1381966011250105};  // (√5 − 1)/4, (5 − √5)/20
}

// Where the field is evaluated: the offset from the cell's first corner, numbers whose order is the
// simplex, and the cell's coordinates, each already multiplied as the hash wants it.
template <int dim, class Real>
struct SimplexCell {
  Real offset[dim];
  Real order[dim];
  Word<Real> words[dim];
};

template <int dim, class Real>
struct SimplexNoise {
  Real value;
  Real derivative[dim];
};

// Which axes a corner has advanced along: corner c along the c axes of the largest coordinates. In
// 3D corner 2 is told by the axis along which it has not.
template <int dim, class Mask>
struct CornerAxes {
  Mask chosen[dim > 1 ? dim - 1 : 1][dim];  // of corners 1 … dim − 1

  // x advanced by a step along axis k. `last` is x advanced, as the last corner has it.
  template <class Number>
  HOST_DEVICE Number advance(int corner, int k, Number x, Number last, Number step,
                             Number back) const {
    if (corner == 0) return x;
    if (corner == dim) return last;
    if (dim == 3 && corner == 2) return addWhere(chosen[1][k], last, back);
    return addWhere(chosen[corner - 1][k], x, step);
  }
};

// Of equal coordinates the earlier axis comes first in 3D, and the later one else.
template <int dim, class Real>
HOST_DEVICE auto cornerAxes(const Real (&x)[dim]) {
  using Mask = decltype(isLess(x[0], x[0]));
  CornerAxes<dim, Mask> axes{};
  if constexpr (dim == 2) {
    axes.chosen[0][0] = isLess(x[1], x[0]);
    axes.chosen[0][1] = isAtLeast(x[1], x[0]);
  } else if constexpr (dim == 3) {
    const Mask xBeforeY = isAtLeast(x[0], x[1]), yBeforeZ = isAtLeast(x[1], x[2]);
    const Mask zBeforeX = isLess(x[0], x[2]);
    axes.chosen[0][0] = alsoAtLeast(xBeforeY, x[0], x[2]);
    axes.chosen[0][1] = alsoLess(yBeforeZ, x[0], x[1]);
    axes.chosen[0][2] = alsoLess(zBeforeX, x[1], x[2]);
    axes.chosen[1][0] = alsoLess(zBeforeX, x[0], x[1]);
    axes.chosen[1][1] = alsoLess(xBeforeY, x[1], x[2]);
    axes.chosen[1][2] = alsoAtLeast(yBeforeZ, x[0], x[2]);
  } else if constexpr (dim == 4) {
    Mask before[4][4];
    SIMPLEX_UNROLL
    for (int a = 0; a < 4; ++a) {
      SIMPLEX_UNROLL
      for (int b = a + 1; b < 4; ++b) {
        before[a][b] = isLess(x[b], x[a]);
        before[b][a] = isAtLeast(x[b], x[a]);
      }
    }
    SIMPLEX_UNROLL
    for (int a = 0; a < 4; ++a) {
      const Mask p = before[a][(a + 1) & 3], q = before[a][(a + 2) & 3], r = before[a][(a + 3) & 3];
      const Mask pAndQ = both(p, q), pOrQ = either(p, q);
      axes.chosen[0][a] = both(pAndQ, r);
      axes.chosen[1][a] = either(pAndQ, both(pOrQ, r));
      axes.chosen[2][a] = either(pOrQ, r);
    }
  }
  return axes;
}

// Everything about a point's simplex that its corners' contributions need: their offsets and
// hashes. `hash.corners(words, axes, hashes)` fills the hashes, `hash.gradient(hashes, corner, g)`
// makes a gradient of one.
template <int dim, class Real, class Hash>
struct SimplexCorners {
  Real offset[dim + 1][dim];
  typename Hash::template Hashes<dim> hashes;
};
template <int dim, class Real, class Hash>
HOST_DEVICE void simplexCorners(const SimplexCell<dim, Real>& cell, const Hash& hash,
                                Lane<Real> unskew, SimplexCorners<dim, Real, Hash>& corners) {
  using Scalar = Lane<Real>;
  const auto axes = cornerAxes<dim>(cell.order);
  hash.template corners<dim>(cell.words, axes, corners.hashes);
  SIMPLEX_UNROLL
  for (int c = 0; c <= dim; ++c) {
    // Corner c's offset is x + c G where it has not advanced, 1 less where it has.
    const Scalar shift = dim == 1 ? Scalar(0) : Scalar(c) * unskew;
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      const Real x = cell.offset[k];
      corners.offset[c][k] =
          axes.advance(c, k, c == 0 ? x : x + Real(shift), x + Real(shift - Scalar(1)),
                       Real(Scalar(-1)), Real(Scalar(1)));
    }
  }
}

// The sum over the corners, without its amplitude.
template <int dim, bool kDerivative, class Real, class Hash>
HOST_DEVICE void simplexSum(const SimplexCorners<dim, Real, Hash>& corners, const Hash& hash,
                            Lane<Real> kernel, SimplexNoise<dim, Real>& noise) {
  using Scalar = Lane<Real>;
  Real along[dim], across[dim];  // Σ t⁴ g and Σ t³ (g · x) x
  SIMPLEX_UNROLL
  for (int c = 0; c <= dim; ++c) {
    const Real(&x)[dim] = corners.offset[c];
    Real g[dim];
    Real t = Real(kernel);
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) t = fma(-x[k], x[k], t);
    t = positivePart(t);
    hash.template gradient<dim>(corners.hashes, c, g);
    Real dot = g[0] * x[0];
    SIMPLEX_UNROLL
    for (int k = 1; k < dim; ++k) dot = fma(g[k], x[k], dot);
    const Real t2 = t * t, t4 = t2 * t2;
    noise.value = c == 0 ? t4 * dot : fma(t4, dot, noise.value);
    if constexpr (kDerivative) {
      const Real slope = t2 * t * dot;
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        along[k] = c == 0 ? t4 * g[k] : fma(t4, g[k], along[k]);
        across[k] = c == 0 ? slope * x[k] : fma(slope, x[k], across[k]);
      }
    }
  }
  if constexpr (kDerivative) {
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      noise.derivative[k] = fma(across[k], Real(Scalar(-8)), along[k]);
    }
  }
}

// ---- the stateless hash ----

// What a cell coordinate is multiplied by before the axes are combined by exclusive or: odd numbers
// near 2^32 / golden ratio and the like, so that neighbours differ in all high bits.
HOST_DEVICE constexpr uint32_t axisFactor(int axis) {
  return axis == 0 ? 0x9e3779b1u : axis == 1 ? 0x85ebca6bu : axis == 2 ? 0xc2b2ae35u : 0x27d4eb2fu;
}
// h (h ^ h >> 15): the spectrum over the lattice of the gradients is flat, and so is that of
// products of neighbouring ones (test/simplex-bits.test.ts).
template <class Real>
HOST_DEVICE Word<Real> mixed(Word<Real> h) {
  return h * (h ^ shiftRight(h, 15));
}

// Gradients ±[1, 2) in each component, from a word; words[k] is coordinate · axisFactor(k) + seed.
template <class Real>
struct IntegerHash {
  template <int dim>
  struct Hashes {
    Word<Real> words[dim + 1];
  };
  template <int dim, class Axes>
  HOST_DEVICE void corners(const Word<Real> (&words)[dim], const Axes& axes,
                           Hashes<dim>& hashes) const {
    Word<Real> next[dim];
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) next[k] = words[k] + wordsOf<Real>(axisFactor(k));
    SIMPLEX_UNROLL
    for (int c = 0; c <= dim; ++c) {
      Word<Real> word = wordsOf<Real>(0u);
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        word = word ^ axes.advance(c, k, words[k], next[k], wordsOf<Real>(axisFactor(k)),
                                   wordsOf<Real>(0u - axisFactor(k)));
      }
      hashes.words[c] = mixed<Real>(word);
    }
  }
  template <int dim>
  HOST_DEVICE static void gradientOf(Word<Real> hash, Real (&g)[dim]) {
    const int shifts[] = {0, 3, 6, 10};  // signs and leading mantissas of the axes are apart
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) signedUnit(shiftLeft(hash, shifts[k]), g[k]);
  }
  template <int dim>
  HOST_DEVICE void gradient(const Hashes<dim>& hashes, int corner, Real (&g)[dim]) const {
    gradientOf<dim>(hashes.words[corner], g);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
