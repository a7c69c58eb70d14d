// The kernels of simplex noise. Points: a thread takes one. Grids in float32: a thread takes one
// point of the line in several rows, so that the terms of its line (ops/simplex_grid.h) are formed
// once for all of them; those of the block's rows stand in shared memory.
#pragma once

#include "cuda/launch.cuh"
#include "ops/simplex_grid.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct SimplexTuning {
  static constexpr int threads = 128;          // not measured
  static constexpr int valueRows = 8;          // of a thread; not measured
  static constexpr int derivativeRows = 4;     // of a thread; not measured
  static constexpr int sharedRowTerms = 1024;  // rows times octaves whose terms are held at a time
};

template <int dim>
__global__ void simplexOctavesKernel(SimplexField field, SimplexOctave* octaves) {
  const double gains = sumOfGains(field);
  for (int64_t o = globalThread(); o < field.octaves; o += int64_t(gridDim.x) * blockDim.x) {
    double frequency = 1, amplitude = 1;
    for (int64_t i = 0; i < o; ++i) {
      frequency *= field.lacunarity;
      amplitude *= field.gain;
    }
    octaves[o] = simplexOctave<dim>(field, o, frequency, amplitude, gains);
  }
}

// The tables in the first bytes of shared memory; every thread of the block must call it.
constexpr int64_t kSharedTableBytes = 2 * kSimplexTable * int64_t(sizeof(uint32_t));
template <int dim>
__device__ __forceinline__ void shareTables(View<const uint8_t> table, SimplexTables& tables) {
  if (!table) return;
  uint32_t* numbers = sharedMemory<uint32_t>();
  for (int i = int(threadIdx.x); i < kSimplexTable; i += int(blockDim.x)) {
    numbers[i] = table[i];
    numbers[kSimplexTable + i] = gradientCodeOf<dim>(table[i]);
  }
  __syncthreads();  // the tables are complete
  tables.numbers = numbers;
  tables.codes = numbers + kSimplexTable;
}

// ---- points ----

template <int dim, SimplexOutput kOutput, class Hash, class Real>
__device__ __forceinline__ void evaluatePoint(const SimplexPlan& plan, const double (&x)[dim],
                                              SimplexTarget<Real> target, int64_t point) {
  if constexpr (kOutput == SimplexOutput::curl) {
    Real curl[dim];
    curlAt<dim, Hash>(plan, x, curl);
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) target.vectors[point * dim + k] = curl[k];
  } else {
    constexpr bool kDerivative = kOutput == SimplexOutput::derivative;
    SimplexNoise<dim, Real> field;
    fieldAt<dim, kDerivative, Hash>(plan, x, field);
    target.value[point] = field.value;
    if constexpr (kDerivative) {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) target.vectors[point * dim + k] = field.derivative[k];
    }
  }
}

template <int dim, SimplexOutput kOutput, class Hash, class Real>
__global__ void __launch_bounds__(SimplexTuning::threads)
    simplexSampleKernel(SimplexPlan plan, View<const uint8_t> table, View<const Real> points,
                        int64_t samples, SimplexTarget<Real> target) {
  shareTables<dim>(table, plan.tables);
  const int64_t point = globalThread();
  if (point >= samples) return;
  double x[dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) x[k] = widened(points[point * dim + k]);
  evaluatePoint<dim, kOutput, Hash, Real>(plan, x, target, point);
}

template <int dim, SimplexOutput kOutput, class Hash, class Real>
__global__ void __launch_bounds__(SimplexTuning::threads)
    simplexGridKernel(SimplexPlan plan, View<const uint8_t> table, SimplexPlace place,
                      SimplexTarget<Real> target) {
  shareTables<dim>(table, plan.tables);
  const int64_t point = globalThread();
  if (point >= place.points()) return;
  double x[dim];
  int64_t rest = point;
  SIMPLEX_UNROLL
  for (int k = dim - 1; k >= 0; --k) {
    x[k] = gridCoordinate(place, k, double(rest % place.shape[k]));
    rest /= place.shape[k];
  }
  evaluatePoint<dim, kOutput, Hash, Real>(plan, x, target, point);
}

// ---- grids by line and row ----

// How a grid is cut: blocks of `width` points of the line times threads / width groups of rows.
struct SimplexTiles {
  int64_t length, rows, pieces, blocks;
  int width, line;
};
inline SimplexTiles simplexTiles(const SimplexPlace& place, int rowsOfThread) {
  SimplexTiles tiles;
  tiles.line = lineAxis(place);
  tiles.length = place.shape[tiles.line];
  tiles.rows = place.points() / tiles.length;
  tiles.width = 1;
  while (tiles.width < SimplexTuning::threads && tiles.width < tiles.length) tiles.width *= 2;
  tiles.pieces = ceilDivide(tiles.length, tiles.width);
  const int64_t rowsOfBlock = int64_t(SimplexTuning::threads / tiles.width) * rowsOfThread;
  tiles.blocks = tiles.pieces * ceilDivide(tiles.rows, rowsOfBlock);
  return tiles;
}

template <int dim>
struct SharedRow {
  float fraction[dim];
  uint32_t cell[dim];
};

template <int dim>
__device__ __forceinline__ SharedRow<dim> sharedRow(const SimplexPlan& plan,
                                                    const SimplexPlace& place, int line,
                                                    const SimplexOctave& octave, int64_t row) {
  int64_t indices[dim];
  rowIndices<dim>(place, line, row, indices);
  double x[dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) x[k] = gridCoordinate(place, k, double(indices[k]));
  AxisTerm<float> terms[dim];
  rowTerms<dim, float>(plan.settings, octave, line, x, terms);
  SharedRow<dim> shared;
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    shared.fraction[k] = terms[k].fraction;
    shared.cell[k] = terms[k].cell * cellFactor(plan.settings, k) +
                     (multipliesCells(plan.settings) ? octave.seed[k] : 0u);
  }
  return shared;
}

// Thread (point of the line, group) takes rows group · kRows … of its block's rows. Octaves run
// outside, in chunks whose row terms fit into shared memory.
template <int dim, bool kDerivative, class Hash, int kRows>
__global__ void __launch_bounds__(SimplexTuning::threads)
    simplexRowsKernel(SimplexPlan plan, View<const uint8_t> table, SimplexPlace place,
                      SimplexTiles tiles, SimplexTarget<float> target) {
  constexpr bool kMultiplied = std::is_same_v<Hash, IntegerHash<float>>;
  SharedRow<dim>* shared = sharedMemory<SharedRow<dim>>(kSharedTableBytes);
  shareTables<dim>(table, plan.tables);
  const int thread = int(threadIdx.x), group = thread / tiles.width;
  const int rowsOfBlock = SimplexTuning::threads / tiles.width * kRows;
  const int64_t firstRow = int64_t(blockIdx.x) / tiles.pieces * rowsOfBlock;
  const int64_t i = int64_t(blockIdx.x) % tiles.pieces * tiles.width + thread % tiles.width;
  const int64_t octaves = plan.settings.octaves;
  const int64_t chunk = SimplexTuning::sharedRowTerms / rowsOfBlock;
  const FieldFactors<float> factors = fieldFactors<float>(plan.settings);
  const double x = gridCoordinate(place, tiles.line, double(i));
  SimplexNoise<dim, float> fields[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r) clear(fields[r]);
  for (int64_t first = 0; first < octaves; first += chunk) {
    const int64_t end = first + chunk < octaves ? first + chunk : octaves;
    __syncthreads();  // nobody reads the rows of the chunk before
    for (int64_t t = thread; t < (end - first) * rowsOfBlock; t += SimplexTuning::threads) {
      const int64_t row = firstRow + t % rowsOfBlock;
      shared[t] = sharedRow<dim>(plan, place, tiles.line, plan.octaves[first + t / rowsOfBlock],
                                 row < tiles.rows ? row : 0);
    }
    __syncthreads();  // the rows of this chunk are complete
    for (int64_t o = first; o < end; ++o) {
      const SimplexOctave& octave = plan.octaves[o];
      const Hash hash = HashOf<Hash>::make(plan.tables, octave.modulus, octave.seed);
      const OctaveFactors<dim, float> octaveFactor = octaveFactors<dim, float>(octave);
      const LineTerms<float> line = lineTerms<float>(plan.settings, octave, tiles.line, x);
      float fraction[dim];
      uint32_t cell[dim];
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        const AxisTerm<float> term = k == tiles.line ? line.along : line.across;
        fraction[k] = term.fraction;
        cell[k] = term.cell * cellFactor(plan.settings, k);
      }
      const SharedRow<dim>* rows = shared + (o - first) * rowsOfBlock + group * kRows;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        SimplexCorners<dim, float, Hash> corners;
        gridCorners<dim, kMultiplied>(factors, plan.settings, hash, fraction, cell,
                                      rows[r].fraction, rows[r].cell, corners);
        SimplexNoise<dim, float> noise;
        simplexSum<dim, kDerivative>(corners, hash, factors.kernel, noise);
        if constexpr (!kJoinsOctaves<Hash>) toPoint<dim, kDerivative>(noise);
        accumulate<dim, kDerivative>(factors, octaveFactor, noise, fields[r]);
      }
    }
  }
  if (i >= tiles.length) return;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if constexpr (kJoinsOctaves<Hash>) toPoint<dim, kDerivative>(fields[r]);
    const int64_t row = firstRow + group * kRows + r;
    if (row >= tiles.rows) return;
    const int64_t point = row * tiles.length + i;
    target.value[point] = fields[r].value;
    if constexpr (kDerivative) {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) target.vectors[point * dim + k] = fields[r].derivative[k];
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
