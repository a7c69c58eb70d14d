// Grids in float32 row by row: tasks of up to 256 points of a line times 64 rows, whose terms of
// the skewed coordinates (ops/simplex_grid.h) are formed once; then one vector of points at a time
// runs through all octaves in registers.
#pragma once

#include "cpu/simplex_points.h"
#include "ops/simplex_grid.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kLinePoints = 256;
constexpr int64_t kGroupRows = 64;

// The terms of one octave at a vector of a line's points, and at a row.
template <int dim>
struct alignas(64) LineBlock {
  float fraction[2][Vector<float>::kLanes];  // across and along the line
  uint32_t cell[dim][Vector<float>::kLanes];
};
template <int dim>
struct RowBlock {
  float fraction[dim];
  uint32_t cell[dim];
};

// The terms of one task. What the loop over octaves reads lies side by side.
template <int dim>
struct GridTerms {
  LineBlock<dim> line[kLinePoints / Vector<float>::kLanes][kMostGridOctaves];
  RowBlock<dim> row[kGroupRows][kMostGridOctaves];
  OctaveFactors<dim, float> factors[kMostGridOctaves];
};

HOST_DEVICE void storeWords(uint32_t* to, VectorWord<float> words) {
  memcpy(to, &words.v, sizeof words.v);
}
HOST_DEVICE VectorWord<float> loadWords(const uint32_t* from) {
  VectorWord<float> result;
  memcpy(&result.v, from, sizeof result.v);
  return result;
}

template <int dim>
void formLineTerms(const SimplexPlan& plan, const SimplexPlace& place, int line, int64_t begin,
                   int64_t end, GridTerms<dim>& terms) {
  using Lanes = Vector<float>;
  for (int64_t i = begin; i < end; i += Lanes::kLanes) {
    LineBlock<dim>* blocks = terms.line[(i - begin) / Lanes::kLanes];
    const WideVector x = gridCoordinate(place, line, ascending(double(i), WideVector{}));
    for (int64_t o = 0; o < plan.settings.octaves; ++o) {
      const LineTerms<Lanes> term = lineTerms<Lanes>(plan.settings, plan.octaves[o], line, x);
      store(blocks[o].fraction[0], term.across.fraction);
      store(blocks[o].fraction[1], term.along.fraction);
      for (int k = 0; k < dim; ++k) {
        const VectorWord<float> cell = k == line ? term.along.cell : term.across.cell;
        storeWords(blocks[o].cell[k], cell * wordsOf<Lanes>(cellFactor(plan.settings, k)));
      }
    }
  }
}

template <int dim>
void formRowTerms(const SimplexPlan& plan, const SimplexPlace& place, int line, int64_t begin,
                  int64_t end, GridTerms<dim>& terms) {
  using Lanes = Vector<float>;
  double x[dim][kGroupRows] = {};
  for (int64_t row = begin; row < end; ++row) {
    int64_t indices[dim];
    rowIndices<dim>(place, line, row, indices);
    for (int k = 0; k < dim; ++k) {
      x[k][row - begin] = gridCoordinate(place, k, double(indices[k]));
    }
  }
  for (int64_t at = 0; at < end - begin; at += Lanes::kLanes) {
    WideVector lanes[dim];
    for (int k = 0; k < dim; ++k) {
      lanes[k] = {load(&x[k][at]), load(&x[k][at + Vector<double>::kLanes])};
    }
    for (int64_t o = 0; o < plan.settings.octaves; ++o) {
      AxisTerm<Lanes> term[dim];
      rowTerms<dim, Lanes>(plan.settings, plan.octaves[o], line, lanes, term);
      for (int k = 0; k < dim; ++k) {
        VectorWord<float> cell = term[k].cell * wordsOf<Lanes>(cellFactor(plan.settings, k));
        if (multipliesCells(plan.settings)) {
          cell = cell + wordsOf<Lanes>(plan.octaves[o].seed[k]);
        }
        for (int lane = 0; lane < Lanes::kLanes; ++lane) {
          terms.row[at + lane][o].fraction[k] = term[k].fraction[lane];
          terms.row[at + lane][o].cell[k] = cell.v[lane];
        }
      }
    }
  }
}

template <class Hash>
HOST_DEVICE Hash hashOf(const SimplexPlan& plan, int64_t octave) {
  return HashOf<Hash>::make(plan.tables, plan.octaves[octave].modulus, plan.octaves[octave].seed);
}

// The simplices of one octave at a vector of points of a row.
template <int dim, class Hash>
HOST_DEVICE void cornersAt(const SimplexPlan& plan, const FieldFactors<float>& factors,
                           const LineBlock<dim>& points, const RowBlock<dim>& row, int line,
                           const Hash& hash, SimplexCorners<dim, Vector<float>, Hash>& corners) {
  using Lanes = Vector<float>;
  constexpr bool kMultiplied = std::is_same_v<Hash, IntegerHash<Lanes>>;
  Lanes lineFraction[dim], rowFraction[dim];
  VectorWord<float> lineCell[dim], rowCell[dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    lineFraction[k] = load(points.fraction[k == line]);
    lineCell[k] = loadWords(points.cell[k]);
    rowFraction[k] = Lanes(row.fraction[k]);
    rowCell[k] = VectorWord<float>(row.cell[k]);
  }
  gridCorners<dim, kMultiplied>(factors, plan.settings, hash, lineFraction, lineCell, rowFraction,
                                rowCell, corners);
}

// Where a vector's terms stand, one after another for its octaves.
template <int dim>
struct VectorTerms {
  const LineBlock<dim>* line;
  const RowBlock<dim>* row;
};

// In up to 3 dimensions the corners of an octave are found while the octave before is summed: two
// chains of operations that do not wait for each other. In 4D there are too few registers for it.
template <int dim>
constexpr bool kLooksAhead = dim <= 3;

// One vector of points of one row, all octaves. Where it looks ahead, `corners` are those of the
// first octave, and afterwards those of the next vector's first.
template <int dim, bool kDerivative, class Hash>
HOST_DEVICE void gridVector(const SimplexPlan& plan, const FieldFactors<float>& factors,
                            const GridTerms<dim>& terms, int line, VectorTerms<dim> at,
                            VectorTerms<dim> next,
                            SimplexCorners<dim, Vector<float>, Hash>& corners,
                            SimplexNoise<dim, Vector<float>>& field) {
  using Lanes = Vector<float>;
  clear(field);
  const int64_t octaves = plan.settings.octaves;
  for (int64_t o = 0; o < octaves; ++o) {
    const int64_t ahead = !kLooksAhead<dim> ? o : o + 1 < octaves ? o + 1 : 0;
    const VectorTerms<dim> from = kLooksAhead<dim> && ahead == 0 ? next : at;
    const Hash hash = hashOf<Hash>(plan, o);
    SimplexCorners<dim, Lanes, Hash> found;
    cornersAt<dim>(plan, factors, from.line[ahead], from.row[ahead], line,
                   hashOf<Hash>(plan, ahead), found);
    if constexpr (!kLooksAhead<dim>) corners = found;
    SimplexNoise<dim, Lanes> noise;
    simplexSum<dim, kDerivative>(corners, hash, factors.kernel, noise);
    if constexpr (kLooksAhead<dim>) corners = found;
    if constexpr (!kJoinsOctaves<Hash>) toPoint<dim, kDerivative>(noise);
    accumulate<dim, kDerivative>(factors, terms.factors[o], noise, field);
  }
  if constexpr (kJoinsOctaves<Hash>) toPoint<dim, kDerivative>(field);
}

template <int dim, bool kDerivative, class Hash>
__attribute__((noinline)) void gridTask(const SimplexPlan& plan, const SimplexPlace& place,
                                        SimplexTarget<float> target, int64_t piece, int64_t group) {
  constexpr int64_t kLanes = Vector<float>::kLanes;
  const int line = lineAxis(place);
  const int64_t length = place.shape[line], rows = place.points() / length;
  const int64_t begin = piece * kLinePoints, firstRow = group * kGroupRows;
  const int64_t end = begin + kLinePoints < length ? begin + kLinePoints : length;
  const int64_t lastRow = firstRow + kGroupRows < rows ? firstRow + kGroupRows : rows;
  const FieldFactors<float> factors = fieldFactors<float>(plan.settings);
  GridTerms<dim> terms;
  for (int64_t o = 0; o < plan.settings.octaves; ++o) {
    terms.factors[o] = octaveFactors<dim, float>(plan.octaves[o]);
  }
  formLineTerms<dim>(plan, place, line, begin, end, terms);
  formRowTerms<dim>(plan, place, line, firstRow, lastRow, terms);
  VectorTerms<dim> at{terms.line[0], terms.row[0]};
  SimplexCorners<dim, Vector<float>, Hash> corners;
  cornersAt<dim>(plan, factors, *at.line, *at.row, line, hashOf<Hash>(plan, 0), corners);
  for (int64_t row = firstRow; row < lastRow; ++row) {
    for (int64_t i = begin; i < end; i += kLanes) {
      const bool endsRow = i + kLanes >= end, ends = endsRow && row + 1 == lastRow;
      const VectorTerms<dim> next{endsRow ? terms.line[0] : at.line + kMostGridOctaves,
                                  endsRow && !ends ? at.row + kMostGridOctaves : at.row};
      SimplexNoise<dim, Vector<float>> field;
      gridVector<dim, kDerivative, Hash>(plan, factors, terms, line, at, next, corners, field);
      at = next;
      const int64_t point = row * length + i;
      storeValues(target.value + point, field.value, end - i);
      if constexpr (kDerivative) {
        storePoints<float, dim>(target.vectors + point * dim, field.derivative, end - i);
      }
    }
  }
}

template <int dim, bool kDerivative, class Hash>
void gridRows(const SimplexPlan& plan, const SimplexPlace& place, SimplexTarget<float> target,
              Context& context) {
  if (place.points() == 0) return;
  const int64_t length = place.shape[lineAxis(place)], rows = place.points() / length;
  const int64_t pieces = (length + kLinePoints - 1) / kLinePoints;
  const int64_t groups = (rows + kGroupRows - 1) / kGroupRows;
  context.forEach(pieces * groups, [&](int64_t task) {
    gridTask<dim, kDerivative, Hash>(plan, place, target, task % pieces, task / pieces);
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
