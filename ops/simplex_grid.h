// Grids in float32: what an axis adds to the skewed coordinates i_k = x_k + F Σx is formed once per
// axis and row in float64, as a cell and a fraction in units of 2^−23. Fractions add up exactly in
// float32, so equal coordinates stay equal and every order of evaluation gives the same bits.
#pragma once

#include "ops/simplex_field.h"

namespace entrain::inline ENTRAIN_ISA {

// Larger sums, warped fields and float64 take ops/simplex_field.h at every point instead.
constexpr int64_t kMostGridOctaves = 16;

HOST_DEVICE bool formsTermsPerAxis(const SimplexField& field) {
  return field.warp == 0 && field.octaves <= kMostGridOctaves;
}

// The axis that lies contiguously in memory: the last one of more than one point.
HOST_DEVICE int lineAxis(const SimplexPlace& place) {
  int axis = 0;
  SIMPLEX_UNROLL
  for (int k = 1; k < kSimplexAxes; ++k) axis = place.shape[k] > 1 ? k : axis;
  return axis;
}

// The coordinate of point i of an axis. Chosen, not indexed: a kernel's arguments stay in
// registers.
template <class WideReal>
HOST_DEVICE WideReal gridCoordinate(const SimplexPlace& place, int axis, WideReal i) {
  double origin = place.origin[0], step = place.step[0];
  SIMPLEX_UNROLL
  for (int k = 1; k < kSimplexAxes; ++k) {
    origin = k == axis ? place.origin[k] : origin;
    step = k == axis ? place.step[k] : step;
  }
  return fma(i, WideReal(step), WideReal(origin));
}
// The indices of a row's axes, and 0 for that of the line: row r of shape without the line.
template <int dim>
HOST_DEVICE void rowIndices(const SimplexPlace& place, int line, int64_t row,
                            int64_t (&indices)[dim]) {
  SIMPLEX_UNROLL
  for (int k = dim - 1; k >= 0; --k) {
    if (k == line) {
      indices[k] = 0;
    } else {
      indices[k] = row % place.shape[k];
      row /= place.shape[k];
    }
  }
}

// What one axis, or all axes of a row together, add to a skewed coordinate.
template <class Real>
struct AxisTerm {
  Real fraction;  // in [0, 1), a multiple of 2^−23
  Word<Real> cell;
};

constexpr double kGridUnits = 0x1p23;

template <class WideReal>
HOST_DEVICE WideReal gridUnits(WideReal x) {
  return roundToEven(x * WideReal(kGridUnits));
}
template <class Real>
HOST_DEVICE AxisTerm<Real> axisTerm(Wide<Real> units) {
  using WideReal = Wide<Real>;
  const WideReal cell = floorOf(units * WideReal(1 / kGridUnits));
  const WideReal rest = fma(cell, WideReal(-kGridUnits), units);
  return {narrowed<Real>(rest * WideReal(1 / kGridUnits)), wordOf<Real>(cell)};
}

// Of a line's point x: what it adds along the line, and what it adds along every other axis.
template <class Real>
struct LineTerms {
  AxisTerm<Real> along, across;
};
template <class Real>
HOST_DEVICE LineTerms<Real> lineTerms(const SimplexSettings& settings, const SimplexOctave& octave,
                                      int line, Wide<Real> x) {
  using WideReal = Wide<Real>;
  const WideReal scaled = octaveCoordinate(octave, line, x);
  const WideReal skew = gridUnits(scaled * WideReal(settings.skew));
  return {axisTerm<Real>(gridUnits(scaled) + skew), axisTerm<Real>(skew)};
}

// What a row adds along each axis.
template <int dim, class Real>
HOST_DEVICE void rowTerms(const SimplexSettings& settings, const SimplexOctave& octave, int line,
                          const Wide<Real> (&x)[dim], AxisTerm<Real> (&terms)[dim]) {
  using WideReal = Wide<Real>;
  WideReal scaled[dim];
  WideReal sum = WideReal(0.0);
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    scaled[k] = octaveCoordinate(octave, k, x[k]);
    if (k != line) sum = sum + scaled[k];
  }
  const WideReal skew = gridUnits(sum * WideReal(settings.skew));
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    terms[k] = axisTerm<Real>(k == line ? skew : gridUnits(scaled[k]) + skew);
  }
}

// A line's or a row's cells as the hash adds them up: multiplied by the axis's factor, the seed
// being the row's.
HOST_DEVICE bool multipliesCells(const SimplexSettings& settings) {
  return !settings.tiled && !settings.tabled;
}
HOST_DEVICE uint32_t cellFactor(const SimplexSettings& settings, int axis) {
  return multipliesCells(settings) ? axisFactor(axis) : 1u;
}

// In 3D derivatives are taken from the lattice's coordinates to the point's once for all octaves
// where these have equal factors along the axes: not on a lattice that tiles.
template <class Hash>
constexpr bool kJoinsOctaves = true;
template <class Real>
constexpr bool kJoinsOctaves<TiledHash<Real>> = false;

// The simplex of one octave at a point of the grid: the sums of its line's and its row's terms.
template <int dim, bool kMultiplied, class Hash, class Real>
HOST_DEVICE void gridCorners(const FieldFactors<Lane<Real>>& factors,
                             const SimplexSettings& settings, const Hash& hash,
                             const Real (&lineFraction)[dim], const Word<Real> (&lineCell)[dim],
                             const Real (&rowFraction)[dim], const Word<Real> (&rowCell)[dim],
                             SimplexCorners<dim, Real, Hash>& corners) {
  using Scalar = Lane<Real>;
  SimplexCell<dim, Real> cell;
  const Real one = Real(Scalar(1));
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    const Real fraction = lineFraction[k] + rowFraction[k];
    const auto carry = isAtLeast(fraction, one);
    cell.order[k] = addWhere(carry, fraction, -one);
    cell.words[k] =
        addWhere(carry, lineCell[k] + rowCell[k], wordsOf<Real>(kMultiplied ? axisFactor(k) : 1u));
  }
  if constexpr (dim != 3) unskewed<dim>(cell, factors.unskew);
  if (!kMultiplied && settings.tiled) tileWords<dim, Real>(cell.words);
  simplexCorners<dim>(cell, hash, factors.unskew, corners);
}

}  // namespace entrain::inline ENTRAIN_ISA
