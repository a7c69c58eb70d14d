// Between points and the proxies of a cluster that holds them: q̂ of the proxies from q of the
// points, and U of the points from Û of the proxies. Points are nodes of a leaf or the children's
// proxies.
#pragma once

#include "cpu/wave_tree_pairs.h"

namespace entrain::inline ENTRAIN_ISA::cpu::wave {

constexpr int64_t kOrders = kMaximumTreeOrder;
constexpr int64_t kMostSums = 2 * kOrders * kOrders;  // proxies whose sums are held at once

// The (p, p) factors of every order p.
template <class Real>
struct ChebyshevFactors {
  Real values[kOrders + 1][kOrders * kOrders];

  void fill() {
    for (int64_t order = 1; order <= kOrders; ++order) {
      for (int64_t a = 0; a < order; ++a) {
        for (int64_t n = 0; n < order; ++n) {
          values[order][a * order + n] = chebyshevFactor<Real>(order, a, n);
        }
      }
    }
  }
};

// A cluster's frame, its orders and where its proxies lie.
template <class Real>
struct Grid {
  const Real* frame;
  const int32_t* orders;
  int64_t begin;
};

// ℓ along the three axes for a vector of points.
template <class Real>
struct GridWeights {
  using Lanes = Vector<Real>;
  Lanes along[3][kOrders];

  void at(const Grid<Real>& grid, const ChebyshevFactors<Real>& factors, const Points<Real>& points,
          int64_t i) {
    const Lanes x = load(points.x + i), y = load(points.y + i), z = load(points.z + i);
    for (int axis = 0; axis < 3; ++axis) {
      const int64_t order = grid.orders[axis];
      axisWeights(frameCoordinate(grid.frame, axis, x, y, z), order, factors.values[order],
                  along[axis]);
    }
  }
};

// q̂ of a sample, for the slabs [first, last) of the grid along x: Σ ℓ q over a block of points.
template <class Real>
void gatherSlabs(const Grid<Real>& grid, const ChebyshevFactors<Real>& factors,
                 const Points<Real>& points, Block block, const Points<Real>& proxies,
                 int64_t first, int64_t last) {
  using Lanes = Vector<Real>;
  const int64_t py = grid.orders[1], pz = grid.orders[2], count = (last - first) * py * pz;
  Lanes sums[kMostSums][2];
  for (int64_t p = 0; p < count; ++p) sums[p][0] = sums[p][1] = Lanes(Real(0));
  for (int64_t i = block.begin; i < block.begin + block.padded; i += Lanes::kLanes) {
    GridWeights<Real> weights;
    weights.at(grid, factors, points, i);
    const Lanes qReal = load(points.q + i), qImaginary = load(points.q + points.length + i);
    int64_t p = 0;
    for (int64_t a = first; a < last; ++a) {
      for (int64_t b = 0; b < py; ++b) {
        const Lanes alongXY = weights.along[0][a] * weights.along[1][b];
        const Lanes real = alongXY * qReal, imaginary = alongXY * qImaginary;
        for (int64_t c = 0; c < pz; ++c, ++p) {
          sums[p][0] = fma(real, weights.along[2][c], sums[p][0]);
          sums[p][1] = fma(imaginary, weights.along[2][c], sums[p][1]);
        }
      }
    }
  }
  Real* const to = proxies.q + grid.begin + first * py * pz;
  for (int64_t p = 0; p < count; ++p) {
    to[p] = sumLanes(sums[p][0]);
    to[proxies.length + p] = sumLanes(sums[p][1]);
  }
}

// q̂ of the grid in the first sample's planes.
template <class Real>
void gatherSources(const Grid<Real>& grid, const ChebyshevFactors<Real>& factors,
                   const Points<Real>& points, Block block, const Points<Real>& proxies) {
  const int64_t slabs = kMostSums / (int64_t(grid.orders[1]) * grid.orders[2]);
  for (int64_t first = 0; first < grid.orders[0]; first += slabs) {
    const int64_t last = first + slabs < grid.orders[0] ? first + slabs : grid.orders[0];
    gatherSlabs(grid, factors, points, block, proxies, first, last);
  }
}

// U of a block of points += Σ ℓ Û of the grid.
template <class Real>
void spreadPotential(const Grid<Real>& grid, const ChebyshevFactors<Real>& factors,
                     const Points<Real>& proxies, const Points<Real>& points, Block block,
                     int planes) {
  using Lanes = Vector<Real>;
  const int64_t px = grid.orders[0], py = grid.orders[1], pz = grid.orders[2];
  for (int64_t i = block.begin; i < block.begin + block.padded; i += Lanes::kLanes) {
    GridWeights<Real> weights;
    weights.at(grid, factors, points, i);
    for (int plane = 0; plane < planes; ++plane) {
      const Real* from = proxies.u + plane * proxies.length + grid.begin;
      Lanes sum = Lanes(Real(0));
      for (int64_t a = 0; a < px; ++a) {
        Lanes sumY = Lanes(Real(0));
        for (int64_t b = 0; b < py; ++b) {
          Lanes sumZ = Lanes(Real(0));
          for (int64_t c = 0; c < pz; ++c) sumZ = fma(weights.along[2][c], Lanes(*from++), sumZ);
          sumY = fma(weights.along[1][b], sumZ, sumY);
        }
        sum = fma(weights.along[0][a], sumY, sum);
      }
      Real* const to = points.u + plane * points.length + i;
      store(to, load(to) + sum);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu::wave
