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

// One vector of points of one row, all octaves.
template <int dim, bool kDerivative, class Hash>
HOST_DEVICE void gridVector(const SimplexPlan& plan, const FieldFactors<float>& factors,
                            const GridTerms<dim>& terms, int line, int64_t block, int64_t row,
                            SimplexNoise<dim, Vector<float>>& field) {
  using Lanes = Vector<float>;
  clear(field);
  for (int64_t o = 0; o < plan.settings.octaves; ++o) {
    const Hash hash =
        HashOf<Hash>::make(plan.tables, plan.octaves[o].modulus, plan.octaves[o].seed);
    SimplexCorners<dim, Lanes, Hash> corners;
    cornersAt<dim>(plan, factors, terms.line[block][o], terms.row[row][o], line, hash, corners);
    SimplexNoise<dim, Lanes> noise;
    simplexSum<dim, kDerivative>(corners, hash, factors.kernel, noise);
    accumulate<dim, kDerivative>(factors, terms.factors[o], noise, field);
  }
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
  for (int64_t row = firstRow; row < lastRow; ++row) {
    for (int64_t i = begin; i < end; i += kLanes) {
      SimplexNoise<dim, Vector<float>> field;
      gridVector<dim, kDerivative, Hash>(plan, factors, terms, line, (i - begin) / kLanes,
                                         row - firstRow, field);
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
