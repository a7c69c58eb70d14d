// Sums over the pairs of two blocks of points, for 1, 2 or 4 samples of sources at once: rows are
// points of one block, lanes those of the other, its partners; G serves both directions.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/wave_tree.h"

namespace entrain::inline ENTRAIN_ISA::cpu::wave {

// Points in whole vectors, and planes of q and U, 2 for each sample, `length` apart. Those that
// fill the last vector of a block up have q = 0.
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

// The sum of vector l of kLanes becomes lane l: by halves, a fixed order.
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
#pragma GCC unroll 8
    for (int i = 0; i < width; ++i) {
      const auto a = vectors[2 * i].v, b = vectors[2 * i + 1].v;
      vectors[i] = Lanes(__builtin_shuffle(a, b, low)) + Lanes(__builtin_shuffle(a, b, high));
    }
  }
  return vectors[0];
}

// Rows whose sums stay in the nearest cache while the other block passes, and terms of a row's or a
// partner's sum that are added up by themselves.
constexpr int64_t kTileRows = 64;

// Vectors of partners whose sums stand in registers.
#if defined(__AVX512F__)
template <int kSamples>
constexpr int kPartnerVectors = kSamples == 1 ? 2 : 1;
#else
template <int kSamples>
constexpr int kPartnerVectors = 1;
#endif

// Rows [begin, end) of one block against whole vectors of another from `at` on. `sums` are vectors
// of the rows' planes, added to where `bothWays`; those of the partners go to `to`, planes `stride`
// apart, over what is there or (`isFirst`) in its place.
template <int kSamples, int kVectors, bool bothWays, class Real>
HOST_DEVICE void addRows(const WaveMedium<Real>& medium, const Points<Real>& points, int64_t begin,
                         int64_t end, int64_t at, Vector<Real>* sums, Real* to, int64_t stride,
                         bool isFirst) {
  using Lanes = Vector<Real>;
  constexpr int kPlanes = 2 * kSamples, kLanes = Lanes::kLanes;
  const int64_t length = points.length;
  Lanes x[kVectors], y[kVectors], z[kVectors], q[kVectors][kPlanes], u[kVectors][kPlanes];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    x[v] = load(points.x + at + v * kLanes);
    y[v] = load(points.y + at + v * kLanes);
    z[v] = load(points.z + at + v * kLanes);
#pragma GCC unroll 8
    for (int plane = 0; plane < kPlanes; ++plane) {
      q[v][plane] = load(points.q + plane * length + at + v * kLanes);
      u[v][plane] = Lanes(Real(0));
    }
  }
  for (int64_t i = begin; i < end; ++i, sums += kPlanes) {
    ComplexPropagator<Lanes> g[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      g[v] = propagatorBetween(medium, x[v] - Lanes(points.x[i]), y[v] - Lanes(points.y[i]),
                               z[v] - Lanes(points.z[i]));
    }
#pragma GCC unroll 4
    for (int plane = 0; plane < kPlanes; plane += 2) {
      const Lanes real = Lanes(points.q[plane * length + i]);
      const Lanes imaginary = Lanes(points.q[(plane + 1) * length + i]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        addProduct(g[v], real, imaginary, u[v][plane], u[v][plane + 1]);
      }
      if constexpr (bothWays) {
        Lanes backReal = sums[plane], backImaginary = sums[plane + 1];
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) {
          addProduct(g[v], q[v][plane], q[v][plane + 1], backReal, backImaginary);
        }
        sums[plane] = backReal;
        sums[plane + 1] = backImaginary;
      }
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 8
    for (int plane = 0; plane < kPlanes; ++plane) {
      Real* const out = to + plane * stride + v * kLanes;
      store(out, isFirst ? u[v][plane] : load(out) + u[v][plane]);
    }
  }
}

// Rows [begin, end) against a whole block, whose U go to planes b.padded apart.
template <int kSamples, bool bothWays, class Real>
__attribute__((noinline)) void addRowsOfBlock(const WaveMedium<Real>& medium,
                                              const Points<Real>& points, int64_t begin,
                                              int64_t end, Block b, Vector<Real>* sums, Real* to,
                                              int64_t stride, bool isFirst) {
  constexpr int kVectors = kPartnerVectors<kSamples>, kLanes = Vector<Real>::kLanes;
  int64_t at = 0;
  for (; at + kVectors * kLanes <= b.padded; at += kVectors * kLanes) {
    addRows<kSamples, kVectors, bothWays>(medium, points, begin, end, b.begin + at, sums, to + at,
                                          stride, isFirst);
  }
  for (; at < b.padded; at += kLanes) {
    addRows<kSamples, 1, bothWays>(medium, points, begin, end, b.begin + at, sums, to + at, stride,
                                   isFirst);
  }
}

// U of a block += G q of the same block.
template <int kSamples, class Real>
void addWithin(const WaveMedium<Real>& medium, const Points<Real>& points, Block b) {
  for (int64_t row = 0; row < b.count; row += kTileRows) {
    const int64_t end = row + kTileRows < b.count ? row + kTileRows : b.count;
    addRowsOfBlock<kSamples, false>(medium, points, b.begin + row, b.begin + end, b,
                                    static_cast<Vector<Real>*>(nullptr), points.u + b.begin,
                                    points.length, false);
  }
}

// U of block `a` += G q of block `b`; `other`, planes of b.padded numbers, becomes G q of block
// `a`.
template <int kSamples, class Real>
void addBothWays(const WaveMedium<Real>& medium, const Points<Real>& points, Block a, Block b,
                 Real* other) {
  using Lanes = Vector<Real>;
  constexpr int kPlanes = 2 * kSamples, kLanes = Lanes::kLanes;
  constexpr int64_t kPiece = 4 * kTileRows;
  Lanes sums[kTileRows * kPlanes];
  for (int64_t row = 0; row < a.padded; row += kTileRows) {
    const int64_t end = row + kTileRows < a.count ? row + kTileRows : a.count;
    const int64_t padded = row + kTileRows < a.padded ? kTileRows : a.padded - row;
    for (int64_t first = 0; first < b.padded; first += kPiece) {
      const Block piece = {b.begin + first, kPiece,
                           first + kPiece < b.padded ? kPiece : b.padded - first};
      for (int64_t i = 0; i < padded * kPlanes; ++i) sums[i] = Lanes(Real(0));
      addRowsOfBlock<kSamples, true>(medium, points, a.begin + row, a.begin + end, piece, sums,
                                     other + first, b.padded, row == 0);
      for (int64_t i = 0; i < padded; i += kLanes) {
        for (int plane = 0; plane < kPlanes; ++plane) {
          Lanes group[kLanes];
#pragma GCC unroll 16
          for (int k = 0; k < kLanes; ++k) group[k] = sums[(i + k) * kPlanes + plane];
          Real* const to = points.u + plane * points.length + a.begin + row + i;
          store(to, load(to) + sumsOfVectors(group));
        }
      }
    }
  }
  if (a.padded > 0) return;
  for (int64_t i = 0; i < kPlanes * b.padded; ++i) other[i] = Real(0);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu::wave
