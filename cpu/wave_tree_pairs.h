// Sums over the pairs of two blocks of points, for 1, 2 or 4 samples of sources at once: the lanes
// hold points of one block, the points of the other follow each other, and G serves both directions.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/wave_tree.h"

namespace entrain::inline ENTRAIN_ISA::cpu::wave {

// Points in whole vectors, and planes of q and U, 2 for each sample, `length` apart. Those that fill
// the last vector of a block up have q = 0.
template <class Real>
struct Points {
  Real *x, *y, *z, *q, *u;
  int64_t length;
};

// The same points with the planes of sample `sample` first.
template <class Real>
Points<Real> sampleOf(Points<Real> points, int sample) {
  points.q += 2 * sample * points.length;
  points.u += 2 * sample * points.length;
  return points;
}

// Points of a block: from `begin` on; `count` of them, in whole vectors `padded`.
struct Block {
  int64_t begin, count, padded;
};

// U of block `a` += G q of block `b`.
template <int kSamples, class Real>
void addOneWay(const WaveMedium<Real>& medium, const Points<Real>& points, Block a, Block b) {
  using Lanes = Vector<Real>;
  constexpr int kPlanes = 2 * kSamples;
  for (int64_t i = a.begin; i < a.begin + a.padded; i += Lanes::kLanes) {
    const Lanes x = load(points.x + i), y = load(points.y + i), z = load(points.z + i);
    Lanes u[kPlanes];
    for (int plane = 0; plane < kPlanes; ++plane) u[plane] = Lanes(Real(0));
    for (int64_t j = b.begin; j < b.begin + b.count; ++j) {
      const auto g = propagatorBetween(medium, x - Lanes(points.x[j]), y - Lanes(points.y[j]),
                                       z - Lanes(points.z[j]));
      const Real* q = points.q + j;
      for (int plane = 0; plane < kPlanes; plane += 2, q += 2 * points.length) {
        addProduct(g, Lanes(q[0]), Lanes(q[points.length]), u[plane], u[plane + 1]);
      }
    }
    for (int plane = 0; plane < kPlanes; ++plane) {
      Real* const to = points.u + plane * points.length + i;
      store(to, load(to) + u[plane]);
    }
  }
}

// Vector l of a group of kLanes becomes lane l: its sum, by halves. A fixed order.
template <class Real>
HOST_DEVICE Vector<Real> sumsOfVectors(Vector<Real>* vectors) {
  using Lanes = Vector<Real>;
  using Selection = typename Lanes::NativeInteger;
  constexpr int kLanes = Lanes::kLanes;
#pragma GCC unroll 4
  for (int width = kLanes / 2; width > 0; width /= 2) {
    Selection low{}, high{};
    for (int lane = 0; lane < kLanes; ++lane) {
      low[lane] = lane / width * 2 * width + lane % width;
      high[lane] = low[lane] + width;
    }
    for (int i = 0; i < width; ++i) {
      const auto a = vectors[2 * i].v, b = vectors[2 * i + 1].v;
      vectors[i] = Lanes(__builtin_shuffle(a, b, low)) + Lanes(__builtin_shuffle(a, b, high));
    }
  }
  return vectors[0];
}

// Vectors of block `a` whose U stays in the nearest cache while block `b` passes.
constexpr int64_t kTileVectors = 8;

// U of block `a` += G q of block `b`, and `other`, planes of b.padded numbers, gets (or, after the
// first tile, adds) G q of the tile.
template <int kSamples, class Real>
void addTile(const WaveMedium<Real>& medium, const Points<Real>& points, Block a, Block b,
             Real* other, bool isFirst) {
  using Lanes = Vector<Real>;
  constexpr int kPlanes = 2 * kSamples, kLanes = Lanes::kLanes;
  const int64_t vectors = a.padded / kLanes;
  Lanes u[kTileVectors][kPlanes], q[kTileVectors][kPlanes], sums[kPlanes][kLanes];
  for (int64_t v = 0; v < vectors; ++v) {
    for (int plane = 0; plane < kPlanes; ++plane) {
      u[v][plane] = Lanes(Real(0));
      q[v][plane] = load(points.q + plane * points.length + a.begin + v * kLanes);
    }
  }
  for (int64_t first = 0; first < b.count; first += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      // Where the block is filled up its last vector repeats a point, with q = 0.
      const int64_t j = b.begin + first + lane;
      const Lanes xj = Lanes(points.x[j]), yj = Lanes(points.y[j]), zj = Lanes(points.z[j]);
      Lanes qj[kPlanes], back[kPlanes];
      for (int plane = 0; plane < kPlanes; ++plane) {
        qj[plane] = Lanes(points.q[plane * points.length + j]);
        back[plane] = Lanes(Real(0));
      }
      for (int64_t v = 0; v < vectors; ++v) {
        const int64_t i = a.begin + v * kLanes;
        const auto g = propagatorBetween(medium, load(points.x + i) - xj, load(points.y + i) - yj,
                                         load(points.z + i) - zj);
        for (int plane = 0; plane < kPlanes; plane += 2) {
          addProduct(g, qj[plane], qj[plane + 1], u[v][plane], u[v][plane + 1]);
          addProduct(g, q[v][plane], q[v][plane + 1], back[plane], back[plane + 1]);
        }
      }
      for (int plane = 0; plane < kPlanes; ++plane) sums[plane][lane] = back[plane];
      if (first + lane + 1 == b.count) {
        for (int rest = lane + 1; rest < kLanes; ++rest) {
          for (int plane = 0; plane < kPlanes; ++plane) sums[plane][rest] = Lanes(Real(0));
        }
        break;
      }
    }
    for (int plane = 0; plane < kPlanes; ++plane) {
      Real* const to = other + plane * b.padded + first;
      const Lanes sum = sumsOfVectors(sums[plane]);
      store(to, isFirst ? sum : load(to) + sum);
    }
  }
  for (int64_t v = 0; v < vectors; ++v) {
    for (int plane = 0; plane < kPlanes; ++plane) {
      Real* const to = points.u + plane * points.length + a.begin + v * kLanes;
      store(to, load(to) + u[v][plane]);
    }
  }
}

// U of block `a` += G q of block `b`; `other`, planes of b.padded numbers, becomes G q of block `a`.
template <int kSamples, class Real>
void addBothWays(const WaveMedium<Real>& medium, const Points<Real>& points, Block a, Block b,
                 Real* other) {
  constexpr int64_t kTile = kTileVectors * Vector<Real>::kLanes;
  for (int64_t at = 0; at < a.padded; at += kTile) {
    const int64_t padded = a.padded - at < kTile ? a.padded - at : kTile;
    addTile<kSamples>(medium, points, {a.begin + at, padded, padded}, b, other, at == 0);
  }
  if (a.padded > 0) return;
  for (int64_t i = 0; i < 2 * kSamples * b.padded; ++i) other[i] = Real(0);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu::wave
