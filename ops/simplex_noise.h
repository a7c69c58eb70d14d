// One octave of simplex noise inside a cell: n = A Σ_c max(kernel − |x − c|², 0)⁴ g_c · (x − c)
// over the dim + 1 corners of the simplex, ∇n = A Σ_c (t⁴ g_c − 8 t³ (g_c · (x − c)) (x − c)). The
// cell is the unit cube of the lattice i = x + F Σx; the simplex in it is the order of the
// coordinates. Gustavson 2005, "Simplex noise demystified". In 3D the sum is formed in the
// lattice's coordinates (ops/simplex_skewed.h).
#pragma once

#include <type_traits>

#include "ops/simplex_skewed.h"

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

// Where the field is evaluated: the offset from the cell's first corner, the place in the cell in
// the lattice's coordinates, whose order is the simplex, and the cell's coordinates, each already
// multiplied as the hash wants it.
template <int dim, class Real>
struct SimplexCell {
  Real offset[dim];  // not in 3D
  Real order[dim];
  Word<Real> words[dim];
};

template <int dim, class Real>
struct SimplexNoise {
  Real value;
  Real derivative[dim];
};

// Which axes a corner has advanced along: corner c along the c axes of the largest coordinates. In
// 3D AxisOrder tells.
template <int dim, class Mask>
struct CornerAxes {
  Mask chosen[dim > 1 ? dim - 1 : 1][dim];  // of corners 1 … dim − 1

  // x advanced by a step along axis k. `last` is x advanced, as the last corner has it.
  template <class Number>
  HOST_DEVICE Number advance(int corner, int k, Number x, Number last, Number step, Number) const {
    if (corner == 0) return x;
    if (corner == dim) return last;
    return addWhere(chosen[corner - 1][k], x, step);
  }
};

// Of equal coordinates the later axis comes first.
template <int dim, class Real>
HOST_DEVICE auto cornerAxes(const Real (&x)[dim]) {
  using Mask = decltype(isLess(x[0], x[0]));
  CornerAxes<dim, Mask> axes{};
  if constexpr (dim == 2) {
    axes.chosen[0][0] = isLess(x[1], x[0]);
    axes.chosen[0][1] = isAtLeast(x[1], x[0]);
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
template <class Real, class Hash>
struct SimplexCorners<3, Real, Hash> : SkewedCorners<Real, Hash> {};

template <int dim, class Axes, class Real>
HOST_DEVICE void cornerOffsets(const SimplexCell<dim, Real>& cell, const Axes& axes,
                               Lane<Real> unskew, Real (&offset)[dim + 1][dim]) {
  using Scalar = Lane<Real>;
  SIMPLEX_UNROLL
  for (int c = 0; c <= dim; ++c) {
    // Corner c's offset is x + c G where it has not advanced, 1 less where it has.
    const Scalar shift = dim == 1 ? Scalar(0) : Scalar(c) * unskew;
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      const Real x = cell.offset[k];
      offset[c][k] = axes.advance(c, k, c == 0 ? x : x + Real(shift), x + Real(shift - Scalar(1)),
                                  Real(Scalar(-1)), Real(Scalar(1)));
    }
  }
}
template <int dim, class Real, class Hash>
HOST_DEVICE void simplexCorners(const SimplexCell<dim, Real>& cell, const Hash& hash,
                                Lane<Real> unskew, SimplexCorners<dim, Real, Hash>& corners) {
  if constexpr (dim == 3) {
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) corners.at[k] = cell.order[k];
    corners.order = axisOrder(cell.order);
    hash.template corners<dim>(cell.words, corners.order, corners.hashes);
  } else {
    const auto axes = cornerAxes<dim>(cell.order);
    hash.template corners<dim>(cell.words, axes, corners.hashes);
    cornerOffsets(cell, axes, unskew, corners.offset);
  }
}

// The sum over the corners, without its amplitude.
template <int dim, bool kDerivative, class Real, class Hash>
HOST_DEVICE void cornerSum(const SimplexCorners<dim, Real, Hash>& corners, const Hash& hash,
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

// In 3D the derivative is that with respect to the lattice's coordinates, until toPoint() is called
// on it or on a sum of such ones.
template <int dim, bool kDerivative, class Real, class Hash>
HOST_DEVICE void simplexSum(const SimplexCorners<dim, Real, Hash>& corners, const Hash& hash,
                            Lane<Real> kernel, SimplexNoise<dim, Real>& noise) {
  if constexpr (dim == 3) {
    skewedSum<kDerivative>(corners, hash, kernel, noise.value, noise.derivative);
  } else {
    cornerSum<dim, kDerivative>(corners, hash, kernel, noise);
  }
}
template <int dim, bool kDerivative, class Real>
HOST_DEVICE void toPoint(SimplexNoise<dim, Real>& noise) {
  if constexpr (dim == 3 && kDerivative) alongPoint(noise.derivative);
}

// ---- the stateless hash ----

// What a cell coordinate is multiplied by before the axes are combined by exclusive or: odd numbers
// near 2^32 / golden ratio and the like, so that neighbours differ in all high bits.
HOST_DEVICE constexpr uint32_t axisFactor(int axis) {
  return axis == 0 ? 0x9e3779b1u : axis == 1 ? 0x85ebca6bu : axis == 2 ? 0xc2b2ae35u : 0x27d4eb2fu;
}
// h (h | 1) with h ^= h >> 15 before: the spectrum over the lattice of the gradients is flat, and
// so is that of products of neighbouring ones (test/simplex-fields.test.ts); without `| 1` one seed
// in six has a line.
template <class Real>
HOST_DEVICE Word<Real> mixed(Word<Real> h) {
  h = h ^ shiftRight(h, 15);
  return h * (h | wordsOf<Real>(1u));
}

// The twelve gradients of 3D in the lattice's coordinates, doubled, in pairs of bits as of
// gradientCode: γ = ±e_k and e_j − e_k, the midpoints of a cube's edges in a turned frame.
HOST_DEVICE constexpr uint32_t skewedCodes(int axis) {
  return axis == 0 ? 0x70070700u : axis == 1 ? 0x070d7000u : 0x0070dd00u;
}

// Gradients ±[1, 2) in each component, from a word, and in 3D one of twelve of equal length;
// words[k] is coordinate · axisFactor(k) + seed.
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
    if constexpr (dim == 3) {
      skewedHashes(words, next, axes, hashes.words);
    } else {
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
  }
  // A corner's word differs from that of the first or last in one axis.
  template <class Order>
  HOST_DEVICE static void skewedHashes(const Word<Real> (&near)[3], const Word<Real> (&far)[3],
                                       const Order& order, Word<Real> (&hashes)[4]) {
    Word<Real> step[3];
    SIMPLEX_UNROLL
    for (int k = 0; k < 3; ++k) step[k] = near[k] ^ far[k];
    const Word<Real> first = near[0] ^ near[1] ^ near[2], last = far[0] ^ far[1] ^ far[2];
    hashes[0] = numberOfTwelve(first);
    hashes[1] = numberOfTwelve(first ^ order.ofLargest(step));
    hashes[2] = numberOfTwelve(last ^ order.ofSmallest(step));
    hashes[3] = numberOfTwelve(last);
  }
  template <int dim>
  HOST_DEVICE static void gradientOf(Word<Real> hash, Real (&g)[dim]) {
    if constexpr (dim == 3) {
      signedTwoOf<skewedCodes(0)>(hash, g[0]);
      signedTwoOf<skewedCodes(1)>(hash, g[1]);
      signedTwoOf<skewedCodes(2)>(hash, g[2]);
    } else {
      const int shifts[] = {0, 3, 6, 10};  // signs and leading mantissas of the axes are apart
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) signedUnit(shiftLeft(hash, shifts[k]), g[k]);
    }
  }
  template <int dim>
  HOST_DEVICE void gradient(const Hashes<dim>& hashes, int corner, Real (&g)[dim]) const {
    gradientOf<dim>(hashes.words[corner], g);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
