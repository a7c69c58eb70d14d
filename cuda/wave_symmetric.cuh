// All pairs of nodes at one time, each unordered pair once: C and S serve both directions. A warp
// keeps 128 rows in registers, four a lane, and turns 32 columns past them: at step s lane l meets
// column (l + s) mod 32, whose sums move on by a shuffle, so nothing is added by two threads. A
// block's four warps meet the same columns; their column sums add up in shared memory. Partial sums
// of rows (a strip of columns each) and columns (a super-row of blocks each) go to scratch memory
// of a few per cent of N², and add up in double in their order. The diagonal tiles go one way.
// Instructions an unordered pair: see WaveFieldPair and WaveGradientPair.
#pragma once

#include "cuda/pack.cuh"
#include "cuda/wave_inputs.cuh"
#include "ops/wave_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct WaveSymmetricTuning {
  static constexpr int warps = 4;  // not measured
  static constexpr int threads = warps * kWarp;
  static constexpr int rows = 4;  // of a lane; not measured
  static constexpr int tile = rows * kWarp;
  static_assert(tile == threads, "a thread loads one column of a tile");
  static constexpr int64_t strips = 64;      // of columns, at most; bounds the memory, not measured
  static constexpr int64_t superRows = 128;  // at most; of several sums half as many; not measured
  static constexpr int64_t leastNodes = 6000;  // below, there are too few tiles for a large GPU
};

// The triangle of tiles, by the size alone: super-rows of `chunks` blocks of 4 tiles against strips
// of `stripTiles` tiles.
struct WaveTriangle {
  int64_t nodes, tiles, chunks, stripTiles, superRows, strips;

  static WaveTriangle of(int64_t nodes, int64_t sums) {
    using Tuning = WaveSymmetricTuning;
    WaveTriangle t = {};
    t.nodes = nodes;
    t.tiles = ceilDivide(nodes, Tuning::tile);
    const int64_t superRows = sums > 1 ? Tuning::superRows / 2 : Tuning::superRows;
    t.chunks = ceilDivide(ceilDivide(t.tiles, Tuning::warps), superRows);
    t.stripTiles = ceilDivide(t.tiles, Tuning::strips);
    t.superRows = ceilDivide(t.tiles, t.superRowTiles());
    t.strips = ceilDivide(t.tiles, t.stripTiles);
    return t;
  }
  HOST_DEVICE int64_t superRowTiles() const { return chunks * WaveSymmetricTuning::warps; }
  // The first strip that reaches the diagonal of a super-row.
  HOST_DEVICE int64_t firstStrip(int64_t superRow) const {
    return superRow * superRowTiles() / stripTiles;
  }
};

// The partial sums (sums, strips, nodes) and (sums, superRows, nodes); total() adds up what was
// written of one node.
template <class Real>
struct TriangleSums {
  WaveTriangle triangle;
  const Real *rows, *columns;

  __device__ __forceinline__ double total(int64_t n, int64_t i) const {
    const int64_t superRow = i / WaveSymmetricTuning::tile / triangle.superRowTiles();
    double sum = 0;
    for (int64_t row = 0; row <= superRow; ++row) {
      sum += double(columns[(n * triangle.superRows + row) * triangle.nodes + i]);
    }
    for (int64_t strip = triangle.firstStrip(superRow); strip < triangle.strips; ++strip) {
      sum += double(rows[(n * triangle.strips + strip) * triangle.nodes + i]);
    }
    return sum;
  }
};

template <class Real>
struct WaveSymmetric {
  WaveTriangle triangle;
  const Real* positions;  // (3, N)
  const Real* weights;    // (weights, N)
  View<const Real> wavenumber, softening;
  Real *rows, *columns;
  double* totals;  // (blocks, 2), where the rule has some
};

// A pair's geometry and propagator.
template <class Real>
struct WavePair {
  Real difference[3], inverseLength, distance, inverse;
  Propagator<Real> g;
};

// S of both ends. Per unordered pair (machine code of 9.0, the whole loop over 8 of them) 26.8
// instructions with one pair in four by polynomials, of them 3.5 MUFU, which take 28 issue slots:
// 14 for an ordered pair, 2.4e12 pairs/s at the H200's 33.4e12 slots/s.
template <class Number, bool kHalfDistance = false>
struct WaveFieldPair {
  using Real = Number;
  static constexpr int weights = 2, sums = 1;  // Re q, Im q
  static constexpr bool isMixed = true, hasGradients = false, roundsDistance = kHalfDistance;

  static __device__ __forceinline__ void add(const WavePair<Real>& pair, const Real* other,
                                             Real* sum) {
    sum[0] = waveHeard(pair.g, Complex<Real>{other[0], other[1]}, sum[0]);
  }
};

// S, R and ∂L/∂x of both ends, and the sums for k and ε, of weights Re q, Im q, ρ: 50.4
// instructions per unordered pair, of them 4 MUFU: 1.8 times the field alone, 1.3e12 ordered
// pairs/s.
template <class Number>
struct WaveGradientPair {
  using Real = Number;
  static constexpr int weights = 3, sums = 6;
  static constexpr bool isMixed = false, hasGradients = true, roundsDistance = false;

  static __device__ __forceinline__ void add(const WavePair<Real>& pair, const Real* other,
                                             Real* sum) {
    sum[0] = waveHeard(pair.g, Complex<Real>{other[0], other[1]}, sum[0]);
    const auto answer = waveAnswer(pair.g, other[2], Propagator<Real>{sum[1], sum[2]});
    sum[1] = answer.cosine;
    sum[2] = answer.sine;
  }
  // −∂L/∂d of both directions, over |x_i − x_j|; adds to the sums for k and ε.
  static __device__ __forceinline__ Real slope(const WaveMedium<Real>& medium,
                                               const WavePair<Real>& pair, const Real* own,
                                               const Real* other, Real (&totals)[2]) {
    const Complex<Real> fromOther = {own[2] * other[0], own[2] * other[1]};
    const auto exchange = waveExchange(other[2], Complex<Real>{own[0], own[1]}, fromOther);
    const Real beta = waveUnheard(pair.g, exchange);
    const Real tension =
        waveTension(waveHeard(pair.g, exchange), beta, medium.wavenumber, pair.inverse);
    totals[0] = fma(-pair.distance, beta, totals[0]);
    totals[1] -= tension;
    return tension * pair.inverseLength;
  }
};

// The geometry of a pair: C and S by polynomials where kOnFmaPipe.
template <class Rule, bool kOnFmaPipe, class Real>
__device__ __forceinline__ WavePair<Real> pairOf(const WaveMedium<Real>& medium, const Real* own,
                                                 const Real* other) {
  WavePair<Real> pair;
#pragma unroll
  for (int axis = 0; axis < 3; ++axis) pair.difference[axis] = own[axis] - other[axis];
  const auto [x, y, z] = pair.difference;
  Real length;
  if constexpr (Rule::hasGradients) {
    const Real square = guardedSquaredLength(x, y, z);
    pair.inverseLength = hardwareInverseSquareRoot(square);
    length = square * pair.inverseLength;
  } else {
    length = hardwareSquareRoot(squaredLength(x, y, z));
  }
  if constexpr (Rule::roundsDistance) length = widen(narrow<float16>(length));
  pair.distance = length + medium.softening;
  pair.inverse = hardwareInverse(pair.distance);
  pair.g = hardwarePropagator<kOnFmaPipe>(medium, pair.distance, pair.inverse);
  return pair;
}

// What a lane keeps: rows or its column of the moment, values and sums.
template <class Rule>
struct WaveEnd {
  using Real = typename Rule::Real;
  Real values[3 + Rule::weights], sums[Rule::sums];
};

// One pair; the column gets its share unless the tile is a diagonal one.
template <class Rule, bool kOnFmaPipe, bool kBoth>
__device__ __forceinline__ void addPair(const WaveMedium<typename Rule::Real>& medium,
                                        WaveEnd<Rule>& row, WaveEnd<Rule>& column,
                                        typename Rule::Real (&totals)[2]) {
  using Real = typename Rule::Real;
  const WavePair<Real> pair = pairOf<Rule, kOnFmaPipe>(medium, row.values, column.values);
  Rule::add(pair, column.values + 3, row.sums);
  if constexpr (kBoth) Rule::add(pair, row.values + 3, column.sums);
  if constexpr (Rule::hasGradients) {
    const Real slope = Rule::slope(medium, pair, row.values + 3, column.values + 3, totals);
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      row.sums[3 + axis] = fma(-slope, pair.difference[axis], row.sums[3 + axis]);
      if constexpr (kBoth) {
        column.sums[3 + axis] = fma(slope, pair.difference[axis], column.sums[3 + axis]);
      }
    }
  }
}

// Shared memory: a tile's columns, each group of 32 twice in a row so that a turn never wraps, and
// what each warp adds to them.
template <class Rule>
struct WaveColumns {
  using Real = typename Rule::Real;
  using Tuning = WaveSymmetricTuning;
  static constexpr int kPack = 4, kRest = 3 + Rule::weights - kPack;  // 1 or 2
  static constexpr int64_t kRestOffset = 2 * Tuning::tile * kPack * sizeof(Real);
  static constexpr int64_t kSumOffset = kRestOffset + 2 * Tuning::tile * kRest * sizeof(Real);
  static constexpr int64_t kTotalOffset =
      kSumOffset + Tuning::warps * Rule::sums * Tuning::tile * sizeof(Real);
  static constexpr int64_t kBytes =
      kTotalOffset + (Rule::hasGradients ? Tuning::warps * sizeof(double) : 0);

  static __device__ __forceinline__ Real* sumsOf(int warp) {
    return sharedMemory<Real>(kSumOffset) + warp * Rule::sums * Tuning::tile;
  }
  static __device__ __forceinline__ void put(const WaveEnd<Rule>& node) {
    Pack<Real, kPack> pack;
    Pack<Real, kRest> rest;
#pragma unroll
    for (int n = 0; n < kPack; ++n) pack.values[n] = node.values[n];
#pragma unroll
    for (int n = 0; n < kRest; ++n) rest.values[n] = node.values[kPack + n];
#pragma unroll
    for (int copy = 0; copy < 2; ++copy) {
      const int place = (2 * warpIndex() + copy) * kWarp + laneIndex();
      storePack(sharedMemory<Real>() + place * kPack, pack);
      storePack(sharedMemory<Real>(kRestOffset) + place * kRest, rest);
    }
  }
  static __device__ __forceinline__ void get(WaveEnd<Rule>& node, int place) {
    const auto pack = loadPack<kPack>(sharedMemory<Real>() + place * kPack);
    const auto rest = loadPack<kRest>(sharedMemory<Real>(kRestOffset) + place * kRest);
#pragma unroll
    for (int n = 0; n < kPack; ++n) node.values[n] = pack.values[n];
#pragma unroll
    for (int n = 0; n < kRest; ++n) node.values[kPack + n] = rest.values[n];
  }
};

// Node i, or one without weight at the origin where there is none.
template <class Rule, class Real>
__device__ __forceinline__ void loadEnd(const WaveSymmetric<Real>& work, int64_t i,
                                        WaveEnd<Rule>& node) {
  const int64_t nodes = work.triangle.nodes;
#pragma unroll
  for (int n = 0; n < 3 + Rule::weights; ++n) {
    const Real* const plane = n < 3 ? work.positions + n * nodes : work.weights + (n - 3) * nodes;
    node.values[n] = i < nodes ? plane[i] : Real(0);
  }
}

// A warp's rows against the tile of columns in shared memory.
template <class Rule, bool kBoth>
__device__ __forceinline__ void turnTile(const WaveMedium<typename Rule::Real>& medium,
                                         WaveEnd<Rule> (&rows)[WaveSymmetricTuning::rows],
                                         double (&totals)[2]) {
  using Real = typename Rule::Real;
  using Columns = WaveColumns<Rule>;
  constexpr int kRows = WaveSymmetricTuning::rows;
  const int lane = laneIndex();
#pragma unroll 1
  for (int group = 0; group < WaveSymmetricTuning::tile; group += kWarp) {
    WaveEnd<Rule> column = {};
    Real pieces[2] = {};
#pragma unroll 2
    for (int step = 0; step < kWarp; ++step) {
      Columns::get(column, 2 * group + lane + step);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        if (Rule::isMixed && r % 4 == 1) {
          addPair<Rule, true, kBoth>(medium, rows[r], column, pieces);
        } else {
          addPair<Rule, false, kBoth>(medium, rows[r], column, pieces);
        }
      }
      if constexpr (kBoth) {
#pragma unroll
        for (auto& sum : column.sums) sum = shuffle(sum, (lane + 1) & (kWarp - 1));
      }
    }
#pragma unroll
    for (int n = 0; n < Rule::sums; ++n) {
      Columns::sumsOf(warpIndex())[n * WaveSymmetricTuning::tile + group + lane] = column.sums[n];
    }
    // A diagonal tile meets every pair twice.
    for (int n = 0; n < 2; ++n) totals[n] += double(pieces[n]) * (kBoth ? 1.0 : 0.5);
  }
}

// Column c of the tile: what the warps from 0 on found, of which those below the diagonal nothing.
template <class Rule, class Real>
__device__ __forceinline__ void putColumns(const WaveSymmetric<Real>& work, int64_t superRow,
                                           int64_t j, int workingWarps, bool isFirst) {
  if (j >= work.triangle.nodes) return;
#pragma unroll
  for (int n = 0; n < Rule::sums; ++n) {
    Real sum = 0;
    for (int warp = 0; warp < workingWarps; ++warp) {
      sum += WaveColumns<Rule>::sumsOf(warp)[n * WaveSymmetricTuning::tile + threadIdx.x];
    }
    Real& to = work.columns[(n * work.triangle.superRows + superRow) * work.triangle.nodes + j];
    to = isFirst ? sum : to + sum;
  }
}

// One block of rows, four tiles from tile `firstTile` on, against a strip.
template <class Rule, class Real>
__device__ __forceinline__ void sumChunk(const WaveSymmetric<Real>& work, int64_t superRow,
                                         int64_t strip, int64_t firstTile, bool isFirst,
                                         double (&totals)[2]) {
  using Tuning = WaveSymmetricTuning;
  const WaveTriangle& triangle = work.triangle;
  const WaveMedium<Real> medium = loadMedium(work.wavenumber, work.softening);
  const int64_t tile = firstTile + warpIndex();
  const int64_t firstRow = tile * Tuning::tile + laneIndex();
  WaveEnd<Rule> rows[Tuning::rows] = {};
#pragma unroll
  for (int r = 0; r < Tuning::rows; ++r) loadEnd(work, firstRow + r * kWarp, rows[r]);
  const int64_t begin = max(firstTile, strip * triangle.stripTiles);
  const int64_t end = min((strip + 1) * triangle.stripTiles, triangle.tiles);
  for (int64_t columns = begin; columns < end; ++columns) {
    const int64_t j = columns * Tuning::tile + threadIdx.x;
    WaveEnd<Rule> own;
    loadEnd(work, j, own);
    WaveColumns<Rule>::put(own);
    __syncthreads();  // the columns are there; the sums of the last tile have been read
    if (tile < columns) turnTile<Rule, true>(medium, rows, totals);
    if (tile == columns) turnTile<Rule, false>(medium, rows, totals);
    __syncthreads();  // the columns have been read, the sums are there
    putColumns<Rule>(work, superRow, j, int(min(columns - firstTile + 1, int64_t(Tuning::warps))),
                     isFirst);
  }
#pragma unroll
  for (int r = 0; r < Tuning::rows; ++r) {
    const int64_t i = firstRow + r * kWarp;
    if (i >= triangle.nodes) continue;
#pragma unroll
    for (int n = 0; n < Rule::sums; ++n) {
      work.rows[(n * triangle.strips + strip) * triangle.nodes + i] = rows[r].sums[n];
    }
  }
}

// Grid: strips, super-rows. Tasks below the diagonal are none.
template <class Rule, class Real = typename Rule::Real>
__global__ void __launch_bounds__(WaveSymmetricTuning::threads)
    waveSymmetricKernel(WaveSymmetric<Real> work) {
  const int64_t strip = blockIdx.x, superRow = blockIdx.y;
  double* const blockTotals = work.totals + 2 * (superRow * gridDim.x + strip);
  if (strip < work.triangle.firstStrip(superRow)) {
    if (Rule::hasGradients && threadIdx.x < 2) blockTotals[threadIdx.x] = 0;
    return;
  }
  double totals[2] = {};
  for (int64_t chunk = 0; chunk < work.triangle.chunks; ++chunk) {
    const int64_t tile =
        superRow * work.triangle.superRowTiles() + chunk * WaveSymmetricTuning::warps;
    sumChunk<Rule>(work, superRow, strip, tile, chunk == 0, totals);
  }
  if constexpr (Rule::hasGradients) {
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const double total =
          blockReduce(totals[n], 0.0, Sum{}, sharedMemory<double>(WaveColumns<Rule>::kTotalOffset));
      if (threadIdx.x == 0) blockTotals[n] = total;
    }
  }
}

// ---- host ----

// The sums of all pairs while use(sums, totals, blocks) lasts.
template <class Rule, class Real, class Use>
void withSymmetric(WaveSymmetric<Real> work, int64_t nodes, Context& context, const Use& use) {
  work.triangle = WaveTriangle::of(nodes, Rule::sums);
  const int64_t blocks = work.triangle.strips * work.triangle.superRows;
  const Workspace<Real> rows(context, Rule::sums * work.triangle.strips * nodes);
  const Workspace<Real> columns(context, Rule::sums * work.triangle.superRows * nodes);
  const Workspace<double> totals(context, Rule::hasGradients ? 2 * blocks : 0);
  work.rows = rows.data();
  work.columns = columns.data();
  work.totals = totals.data();
  launch(waveSymmetricKernel<Rule, Real>,
         dim3(unsigned(work.triangle.strips), unsigned(work.triangle.superRows)),
         dim3(WaveSymmetricTuning::threads), size_t(WaveColumns<Rule>::kBytes), context, work);
  use(TriangleSums<Real>{work.triangle, work.rows, work.columns}, totals.data(), blocks);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
