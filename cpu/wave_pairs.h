// The field at all nodes: G is the same from i to j as from j to i, so each pair is worked out
// once. Rows of nodes i are cut into blocks and their partners j into pieces; a task is one of
// each. Its sums for the partners stand in registers while i runs, those for its rows as vectors in
// L1, and both are left as partial sums of that block or piece, which are added up in float64.
#pragma once

#include "cpu/lane_sums.h"
#include "cpu/wave_inputs.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Vectors of partners at a time.
#if defined(__AVX512F__)
constexpr int kPairVectors = 2;
#else
constexpr int kPairVectors = 1;
#endif
// Rows and partners are cut at multiples of this.
constexpr int64_t kPairTile = 128;
// Rows at a time for a number of samples: their vectors of sums take 8 KiB, or 16 for 8 samples.
template <int samples>
constexpr int64_t kPairRows = 128 / samples > kWavePadding ? 128 / samples : kWavePadding;
constexpr int kMostPairSamples = 8;

template <class Real>
struct PairTile {
  WaveMedium<Real> medium;
  const Real *x, *y, *z;
  int64_t padded;
  const Real* planes;  // [samples][2][padded]
  int64_t rowBegin, rowEnd;
  int64_t begin, end;  // of the partners: whole pairs of vectors
  Vector<Real>* rows;  // [row][samples], added to where both sides of a pair hear
  Real* partners;      // [samples][padded], added to
};

// Rounded to a narrower type and widened again.
template <class Storage>
HOST_DEVICE Vector<float> rounded(Vector<float> x) {
  Storage lanes[Vector<float>::kLanes];
  store(lanes, x);
  return load(lanes);
}

template <class Real, bool half>
HOST_DEVICE Vector<Real> softened(const WaveMedium<Real>& medium, Vector<Real> squared) {
  Vector<Real> distance = squareRoot(squared);
  if constexpr (half) distance = rounded<float16>(distance);
  return distance + Vector<Real>(medium.softening);
}

template <class Real, int samples, bool bothSides, bool half>
__attribute__((noinline)) void addPairs(const PairTile<Real>& tile) {
  using Lanes = Vector<Real>;
  constexpr int kLanes = Lanes::kLanes;
  constexpr int kSums = samples * kPairVectors;
  const WaveMedium<Real> medium = tile.medium;
  const int64_t padded = tile.padded;
  for (int64_t j = tile.begin; j < tile.end; j += kPairVectors * kLanes) {
    Lanes x[kPairVectors], y[kPairVectors], z[kPairVectors];
    Lanes sums[kSums], real[kSums], imaginary[kSums];
    unroll<kPairVectors>([&](auto vector) __attribute__((always_inline)) {
      constexpr int v = vector.value;
      const int64_t at = j + v * kLanes;
      x[v] = load(tile.x + at);
      y[v] = load(tile.y + at);
      z[v] = load(tile.z + at);
      unroll<samples>([&](auto sample) __attribute__((always_inline)) {
        constexpr int m = sample.value, s = m * kPairVectors + v;
        sums[s] = load(tile.partners + m * padded + at);
        real[s] = load(tile.planes + 2 * m * padded + at);
        imaginary[s] = load(tile.planes + (2 * m + 1) * padded + at);
      });
    });
    for (int64_t i = tile.rowBegin; i < tile.rowEnd; ++i) {
      Lanes* const row = tile.rows + (i - tile.rowBegin) * samples;
      const Lanes xi(tile.x[i]), yi(tile.y[i]), zi(tile.z[i]);
      ComplexPropagator<Lanes> g[kPairVectors];
      unroll<kPairVectors>([&](auto vector) __attribute__((always_inline)) {
        constexpr int v = vector.value;
        g[v] = complexPropagator(
            medium, softened<Real, half>(medium, squaredLength(x[v] - xi, y[v] - yi, z[v] - zi)));
      });
      unroll<samples>([&](auto sample) __attribute__((always_inline)) {
        constexpr int m = sample.value;
        const Lanes realOfRow(tile.planes[2 * m * padded + i]);
        const Lanes imaginaryOfRow(tile.planes[(2 * m + 1) * padded + i]);
        Lanes heard = bothSides ? row[m] : Lanes(Real(0));
        unroll<kPairVectors>([&](auto vector) __attribute__((always_inline)) {
          constexpr int v = vector.value, s = m * kPairVectors + v;
          sums[s] = fma(g[v].real, imaginaryOfRow, fma(g[v].imaginary, realOfRow, sums[s]));
          if constexpr (bothSides) {
            heard = fma(g[v].real, imaginary[s], fma(g[v].imaginary, real[s], heard));
          }
        });
        if constexpr (bothSides) row[m] = heard;
      });
    }
    unroll<samples>([&](auto sample) __attribute__((always_inline)) {
      unroll<kPairVectors>([&](auto vector) __attribute__((always_inline)) {
        constexpr int m = sample.value, v = vector.value;
        store(tile.partners + m * padded + j + v * kLanes, sums[m * kPairVectors + v]);
      });
    });
  }
}

// How nodes are cut into blocks of rows and pieces of partners; by their number alone.
struct PairPlan {
  int64_t padded, blockRows, blocks, pieceLength, pieces;

  explicit PairPlan(int64_t paddedNodes) : padded(paddedNodes) {
    constexpr int64_t kMostPieces = 8, kLeastPiece = 8 * kPairTile, kManyNodes = 16384;
    blockRows = cut(padded <= kManyNodes ? 64 : 32, kPairTile);
    blocks = (padded + blockRows - 1) / blockRows;
    pieceLength = cut(kMostPieces, kLeastPiece);
    pieces = (padded + pieceLength - 1) / pieceLength;
  }
  int64_t end(int64_t wanted) const { return wanted < padded ? wanted : padded; }
  // Whether a piece holds partners of a block.
  bool meets(int64_t block, int64_t piece) const {
    return (piece + 1) * pieceLength > block * blockRows;
  }

 private:
  int64_t cut(int64_t most, int64_t least) const {
    const int64_t length = (padded + most * kPairTile - 1) / (most * kPairTile) * kPairTile;
    return length > least ? length : least;
  }
};

// Partial sums of the nodes as partners of each block and as rows of each piece.
template <class Real>
struct PairSums {
  Real *partners, *rows;  // [blocks][samples][padded], [pieces][samples][padded]
};

template <class Real, int samples, bool half>
void addBlock(const WaveGeometry<Real>& geometry, const Real* planes, const PairPlan& plan,
              const PairSums<Real>& sums, int64_t block, int64_t piece) {
  constexpr int kGroup = Vector<Real>::kLanes;
  const int64_t padded = plan.padded;
  const int64_t pieceBegin = piece * plan.pieceLength;
  const int64_t pieceEnd = plan.end(pieceBegin + plan.pieceLength);
  const int64_t blockBegin = block * plan.blockRows;
  const int64_t first = pieceBegin > blockBegin ? pieceBegin : blockBegin;
  Real* const partners = sums.partners + block * samples * padded;
  for (int m = 0; m < samples; ++m) {
    memset(partners + m * padded + first, 0, size_t(pieceEnd - first) * sizeof(Real));
  }
  Vector<Real> rows[kPairRows<samples> * samples];
  PairTile<Real> tile{
      geometry.medium, geometry.x, geometry.y, geometry.z, padded, planes, 0, 0, 0, 0, rows,
      partners};
  const int64_t blockEnd = plan.end(blockBegin + plan.blockRows);
  for (int64_t i = blockBegin; i < blockEnd && i < pieceEnd; i += kPairRows<samples>) {
    for (Vector<Real>& row : rows) row = Vector<Real>(Real(0));
    const int64_t next = plan.end(i + kPairRows<samples>);
    tile.rowBegin = i;
    tile.rowEnd = next < geometry.nodes ? next : geometry.nodes;
    if (i >= pieceBegin) {  // the square on the diagonal, each way by itself
      tile.begin = i;
      tile.end = next;
      addPairs<Real, samples, false, half>(tile);
    }
    tile.begin = next > pieceBegin ? next : pieceBegin;
    tile.end = pieceEnd;
    addPairs<Real, samples, true, half>(tile);
    for (int64_t at = i; at < next; at += kGroup) {
      for (int m = 0; m < samples; ++m) {
        Vector<Real> group[kGroup];
        for (int k = 0; k < kGroup; ++k) group[k] = rows[(at - i + k) * samples + m];
        sumsOfLanes(group, sums.rows + (piece * samples + m) * padded + at);
      }
    }
  }
}

// total[m][padded] = Im Σ_j G_ij q_j at all nodes for `samples` planes of sources.
template <class Real, int samples, bool half>
void waveSumsOfPairs(const WaveGeometry<Real>& geometry, const Real* planes, Real* total,
                     Context& context) {
  const PairPlan plan(geometry.padded);
  const runtime::WorkspaceScope scope(context);
  const int64_t width = samples * plan.padded;
  const PairSums<Real> sums{context.workspace<Real>(plan.blocks * width),
                            context.workspace<Real>(plan.pieces * width)};
  context.forEach(plan.blocks * plan.pieces, [&](int64_t task) {
    const int64_t block = task / plan.pieces, piece = task % plan.pieces;
    if (!plan.meets(block, piece)) return;
    addBlock<Real, samples, half>(geometry, planes, plan, sums, block, piece);
  });
  constexpr int kWideLanes = Vector<double>::kLanes;
  context.forRange(plan.padded, kPairTile, [&](int64_t begin, int64_t end) {
    const int64_t block = begin / plan.blockRows;
    for (int m = 0; m < samples; ++m) {
      for (int64_t i = begin; i < end; i += kWideLanes) {
        Vector<double> sum(0.0);
        for (int64_t b = 0; b <= block; ++b) {
          sum += loadWide(sums.partners + b * width + m * plan.padded + i);
        }
        for (int64_t p = 0; p < plan.pieces; ++p) {
          if ((p + 1) * plan.pieceLength <= begin) continue;  // all of it before these rows
          sum += loadWide(sums.rows + p * width + m * plan.padded + i);
        }
        for (int lane = 0; lane < kWideLanes; ++lane) {
          total[m * plan.padded + i + lane] = Real(sum[lane]);
        }
      }
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
