// Grids in float32 row by row: tasks of up to 256 points of a line times 64 rows, whose terms of the
// skewed coordinates (ops/simplex_grid.h) are formed once; then one vector of points at a time runs
// through all octaves in registers.
#pragma once

#include "cpu/simplex_points.h"
#include "ops/simplex_grid.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kLinePoints = 256;
constexpr int64_t kGroupRows = 64;

// The terms of one task, by octave: of its line's points and of its rows, for each axis.
template <int dim>
struct alignas(64) GridTerms {
  OctaveFactors<dim, float> factors[kMostGridOctaves];
  float lineFraction[kMostGridOctaves][2][kLinePoints];  // across and along the line
  uint32_t lineCell[kMostGridOctaves][dim][kLinePoints];
  float rowFraction[kMostGridOctaves][dim][kGroupRows];
  uint32_t rowCell[kMostGridOctaves][dim][kGroupRows];
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
    const int64_t at = i - begin;
    const WideVector x = gridCoordinate(place, line, ascending(double(i), WideVector{}));
    for (int64_t o = 0; o < plan.settings.octaves; ++o) {
      const LineTerms<Lanes> term = lineTerms<Lanes>(plan.settings, plan.octaves[o], line, x);
      store(&terms.lineFraction[o][0][at], term.across.fraction);
      store(&terms.lineFraction[o][1][at], term.along.fraction);
      for (int k = 0; k < dim; ++k) {
        const VectorWord<float> cell = k == line ? term.along.cell : term.across.cell;
        storeWords(&terms.lineCell[o][k][at],
                   cell * wordsOf<Lanes>(cellFactor(plan.settings, k)));
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
        store(&terms.rowFraction[o][k][at], term[k].fraction);
        storeWords(&terms.rowCell[o][k][at], cell);
      }
    }
  }
}

// The simplices of one octave at a vector of points of a row.
template <int dim, class Hash>
HOST_DEVICE void cornersAt(const SimplexPlan& plan, const FieldFactors<float>& factors,
                           const GridTerms<dim>& terms, const Hash& hash, int line, int64_t o,
                           int64_t at, int64_t row,
                           SimplexCorners<dim, Vector<float>, Hash>& corners) {
  using Lanes = Vector<float>;
  constexpr bool kMultiplied = std::is_same_v<Hash, IntegerHash<Lanes>>;
  Lanes lineFraction[dim], rowFraction[dim];
  VectorWord<float> lineCell[dim], rowCell[dim];
#pragma GCC unroll 4
  for (int k = 0; k < dim; ++k) {
    lineFraction[k] = load(&terms.lineFraction[o][k == line][at]);
    lineCell[k] = loadWords(&terms.lineCell[o][k][at]);
    rowFraction[k] = Lanes(terms.rowFraction[o][k][row]);
    rowCell[k] = VectorWord<float>(terms.rowCell[o][k][row]);
  }
  gridCorners<dim, kMultiplied>(factors, plan.settings, hash, lineFraction, lineCell, rowFraction,
                                rowCell, corners);
}

// One vector of points of one row, all octaves. The simplices of the next octave are found before
// the corners of this one are summed, so that one's latency hides behind the other's work.
template <int dim, bool kDerivative, class Hash>
HOST_DEVICE void gridVector(const SimplexPlan& plan, const FieldFactors<float>& factors,
                            const GridTerms<dim>& terms, int line, int64_t at, int64_t row,
                            SimplexNoise<dim, Vector<float>>& field) {
  using Lanes = Vector<float>;
  const auto hashOf = [&](int64_t o) {
    return HashOf<Hash>::make(plan.tables, plan.octaves[o].modulus, plan.octaves[o].seed);
  };
  const int64_t last = plan.settings.octaves - 1;
  SimplexCorners<dim, Lanes, Hash> corners;
  clear(field);
  cornersAt<dim>(plan, factors, terms, hashOf(0), line, 0, at, row, corners);
  for (int64_t o = 0; o <= last; ++o) {
    SimplexCorners<dim, Lanes, Hash> next;
    if (o < last) cornersAt<dim>(plan, factors, terms, hashOf(o + 1), line, o + 1, at, row, next);
    SimplexNoise<dim, Lanes> noise;
    simplexSum<dim, kDerivative>(corners, hashOf(o), factors.kernel, noise);
    accumulate<dim, kDerivative>(factors, terms.factors[o], noise, field);
    if (o < last) corners = next;
  }
}

template <int dim, bool kDerivative, class Hash>
__attribute__((noinline)) void gridTask(const SimplexPlan& plan, const SimplexPlace& place,
                                        SimplexTarget<float> target, int64_t piece,
                                        int64_t group) {
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
      gridVector<dim, kDerivative, Hash>(plan, factors, terms, line, i - begin, row - firstRow,
                                         field);
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
