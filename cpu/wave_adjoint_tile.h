// The pair loops of the wave field's adjoint: kWaveBlock nodes of the first side, whose sums wait
// in the level 1 cache, against vectors of the second side, whose sums stay in registers. A single
// time takes every pair in one go; several times share C and S, which wait in the cache, too.
#pragma once

#include "cpu/vector.h"
#include "ops/wave_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int kWaveBlock = 32;   // nodes of the first side in a tile
constexpr int kWaveSamples = 8;  // times that share a pass over the pairs

// Whose sums count.
enum class WavePairs {
  mutual,    // both sides hear and are heard: each pair stands for two directions
  diagonal,  // a block with itself: each pair comes twice, only the second side's sums count
  directed,  // the first side hears, the second is heard
};

// One side of the pairs: positions, weights ρ[m][stride] (where it hears), and sources
// q[m][2][stride] (where it is heard).
template <class Real>
struct WaveSide {
  const Real *x, *y, *z;
  const Real* weights;
  const Real* sources;
  int64_t stride;
};

// Sums of a node, one plane each: what it hears and R (cosine, sine) for each time, then the
// gradient of its position.
constexpr int heardPlane(int sample) {
  return 3 * sample;
}
constexpr int answerPlane(int sample) {
  return 3 * sample + 1;
}
constexpr int positionPlane(int samples) {
  return 3 * samples;
}
constexpr int wavePlanes(int samples) {
  return 3 * samples + 3;
}

// −Σ ∂L/∂d and Σ d β over pairs: less the gradients of ε and k.
template <class Real>
struct MediumSums {
  Real tension, stretch;
};

template <class Real>
struct WaveTile {
  WaveMedium<Real> medium;
  WaveSide<Real> first, second;
  int samples;
  int64_t begin, count;  // nodes of the first side
  Vector<Real>* sums;    // [count][planes] of the first side
};

// A node of the first side in all lanes, or a vector of the second side.
template <class Real>
struct WavePlace {
  Vector<Real> x, y, z;
};
template <class Real>
HOST_DEVICE WavePlace<Real> placeOfOne(const WaveSide<Real>& side, int64_t i) {
  return {side.x[i], side.y[i], side.z[i]};
}
template <class Real>
HOST_DEVICE WavePlace<Real> placesFrom(const WaveSide<Real>& side, int64_t j) {
  return {load(side.x + j), load(side.y + j), load(side.z + j)};
}
template <class Real>
HOST_DEVICE Complex<Vector<Real>> sourceOfOne(const WaveSide<Real>& side, int m, int64_t i) {
  const Real* const planes = side.sources + 2 * m * side.stride + i;
  return {planes[0], planes[side.stride]};
}
template <class Real>
HOST_DEVICE Complex<Vector<Real>> sourcesFrom(const WaveSide<Real>& side, int m, int64_t j) {
  const Real* const planes = side.sources + 2 * m * side.stride + j;
  return {load(planes), load(planes + side.stride)};
}

template <class Real>
HOST_DEVICE WavePlace<Real> differenceOf(WavePlace<Real> a, WavePlace<Real> b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}

// The sums of a vector of the second side.
template <class Real>
struct SecondSums {
  Vector<Real> heard;
  Propagator<Vector<Real>> answer;
  WavePlace<Real> force;
  MediumSums<Vector<Real>> medium;

  SecondSums() {
    const Vector<Real> zero(Real(0));
    heard = zero;
    answer = {zero, zero};
    force = {zero, zero, zero};
    medium = {zero, zero};
  }
};

// Adds the gradient of both positions, and what the medium gets.
template <WavePairs kPairs, class Real>
HOST_DEVICE void addSlope(WavePlace<Real> difference, Vector<Real> length, Vector<Real> inverse,
                          Vector<Real> alpha, Vector<Real> beta, const WaveMedium<Real>& medium,
                          Vector<Real>* first, SecondSums<Real>& second) {
  const Vector<Real> tension = waveTension(alpha, beta, Vector<Real>(medium.wavenumber), inverse);
  const Vector<Real> pull = tension / length;
  const WavePlace<Real> force = {pull * difference.x, pull * difference.y, pull * difference.z};
  if constexpr (kPairs != WavePairs::diagonal) {
    first[0] = first[0] - force.x;
    first[1] = first[1] - force.y;
    first[2] = first[2] - force.z;
  }
  second.force.x += force.x;
  second.force.y += force.y;
  second.force.z += force.z;
  second.medium.tension += tension;
  second.medium.stretch = fma(length + medium.softening, beta, second.medium.stretch);
}

// Adds a vector's sums to the planes at `to`, one every `stride`.
template <class Real>
HOST_DEVICE void addTo(Real* to, Vector<Real> sum) {
  store(to, load(to) + sum);
}
template <WavePairs kPairs, class Real>
HOST_DEVICE void addSample(const SecondSums<Real>& sums, Real* to, int64_t stride, int m) {
  if constexpr (kPairs != WavePairs::directed) addTo(to + heardPlane(m) * stride, sums.heard);
  addTo(to + answerPlane(m) * stride, sums.answer.cosine);
  addTo(to + (answerPlane(m) + 1) * stride, sums.answer.sine);
}
template <class Real>
HOST_DEVICE void addForce(const SecondSums<Real>& sums, Real* to, int64_t stride,
                          MediumSums<Vector<Real>>& medium) {
  addTo(to, sums.force.x);
  addTo(to + stride, sums.force.y);
  addTo(to + 2 * stride, sums.force.z);
  medium.tension += sums.medium.tension;
  medium.stretch += sums.medium.stretch;
}

// ---- one time ----

// The way of a pair in four stages, each a pair behind the one before, so that what a square root,
// a division and a polynomial have to wait for is spent on other pairs.
template <class Real>
struct WaveStages {
  Vector<Real> nextLength;                 // two pairs ahead
  Vector<Real> lengthAhead, inverseAhead;  // one pair ahead
  FoldedWave<Vector<Real>> foldedAhead;
  Vector<Real> length, inverse;
  Propagator<Vector<Real>> propagator;
};
template <class Real>
HOST_DEVICE Vector<Real> lengthOf(const WaveTile<Real>& tile, int64_t n, WavePlace<Real> place) {
  const int64_t i = tile.begin + (n < tile.count ? n : tile.count - 1);
  const auto difference = differenceOf(placeOfOne(tile.first, i), place);
  return squareRoot(guardedSquaredLength(difference.x, difference.y, difference.z));
}
// Takes each pair a stage on; the tile's node n starts.
template <class Real>
HOST_DEVICE void advance(const WaveTile<Real>& tile, int64_t n, WavePlace<Real> place,
                         WaveStages<Real>& stages) {
  const WaveMedium<Real> medium = tile.medium;
  stages.length = stages.lengthAhead;
  stages.inverse = stages.inverseAhead;
  stages.propagator = foldedPropagator(stages.foldedAhead, stages.inverse);
  stages.lengthAhead = stages.nextLength;
  const auto distance = stages.lengthAhead + medium.softening;
  stages.inverseAhead = Real(1) / distance;
  stages.foldedAhead = foldWave(distance * (medium.turnsPerUnit + medium.turnsPerUnit));
  stages.nextLength = lengthOf(tile, n, place);
}
// The stages before node 0's last one.
constexpr int kWaveLead = 2;
template <class Real>
HOST_DEVICE WaveStages<Real> startStages(const WaveTile<Real>& tile, WavePlace<Real> place) {
  const Vector<Real> zero(Real(0));
  WaveStages<Real> stages = {zero, zero, zero, foldWave(zero), zero, zero, {zero, zero}};
  for (int n = 0; n < kWaveLead; ++n) advance(tile, n, place, stages);
  return stages;
}

// All pairs of the tile with the second side's nodes [begin, end), whose sums are added to the
// planes at `to`, one every `stride`. The slope is left out where !kSlope.
template <WavePairs kPairs, bool kSlope, class Real>
__attribute__((noinline)) void addPairsOnce(const WaveTile<Real>& tile, int64_t begin, int64_t end,
                                            Real* to, int64_t stride,
                                            MediumSums<Vector<Real>>& total) {
  using Lanes = Vector<Real>;
  constexpr bool kDirected = kPairs == WavePairs::directed;
  constexpr int kPlanes = wavePlanes(1), kPosition = positionPlane(1);
  const WaveMedium<Real> medium = tile.medium;
  for (int64_t j = begin; j < end; j += Lanes::kLanes, to += Lanes::kLanes) {
    const WavePlace<Real> place = placesFrom(tile.second, j);
    const Complex<Lanes> q = sourcesFrom(tile.second, 0, j);
    const Lanes weight = kDirected ? Lanes(Real(0)) : load(tile.second.weights + j);
    SecondSums<Real> second;
    WaveStages<Real> stages = startStages(tile, place);
    advance(tile, kWaveLead, place, stages);
    for (int64_t n = 0; n < tile.count; ++n) {
      const int64_t i = tile.begin + n;
      Lanes* const first = tile.sums + n * kPlanes;
      const auto g = stages.propagator;
      const auto length = stages.length, inverse = stages.inverse;
      advance(tile, n + kWaveLead + 1, place, stages);
      const Lanes weightOfOne(tile.first.weights[i]);
      const Lanes toFirst = waveHeard(g, q);
      const auto answerToSecond = waveAnswer(g, weightOfOne);
      second.answer.cosine += answerToSecond.cosine;
      second.answer.sine += answerToSecond.sine;
      Lanes alpha = weightOfOne * toFirst, beta = waveUnheard(answerToSecond, q);
      if constexpr (kPairs != WavePairs::diagonal) first[heardPlane(0)] += toFirst;
      if constexpr (!kDirected) {
        const auto qOfOne = sourceOfOne(tile.first, 0, i);
        const Lanes toSecond = waveHeard(g, qOfOne);
        const auto answerToFirst = waveAnswer(g, weight);
        second.heard += toSecond;
        alpha = fma(weight, toSecond, alpha);
        beta += waveUnheard(answerToFirst, qOfOne);
        if constexpr (kPairs == WavePairs::mutual) {
          first[answerPlane(0)] += answerToFirst.cosine;
          first[answerPlane(0) + 1] += answerToFirst.sine;
        }
      }
      if constexpr (kSlope) {
        addSlope<kPairs>(differenceOf(placeOfOne(tile.first, i), place), length, inverse, alpha,
                         beta, medium, first + kPosition, second);
      }
    }
    addSample<kPairs>(second, to, stride, 0);
    if constexpr (kSlope) addForce(second, to + kPosition * stride, stride, total);
  }
}

// ---- several times ----

// What the geometry of a tile's pairs with one vector of the second side tells, and W of each.
template <class Real>
struct WaveColumn {
  Propagator<Vector<Real>> propagator[kWaveBlock];
  Vector<Real> length[kWaveBlock], inverse[kWaveBlock];
  Complex<Vector<Real>> exchange[kWaveBlock];
};
template <class Real>
HOST_DEVICE void fillColumn(const WaveTile<Real>& tile, WavePlace<Real> place,
                            WaveColumn<Real>& column) {
  const Vector<Real> zero(Real(0));
  WaveStages<Real> stages = startStages(tile, place);
  for (int64_t n = 0; n < tile.count; ++n) {
    advance(tile, n + kWaveLead, place, stages);
    column.propagator[n] = stages.propagator;
    column.length[n] = stages.length;
    column.inverse[n] = stages.inverse;
    column.exchange[n] = {zero, zero};
  }
}

// What time m adds to the sums.
template <WavePairs kPairs, bool kSlope, class Real>
HOST_DEVICE void addTime(const WaveTile<Real>& tile, int64_t j, int m, WaveColumn<Real>& column,
                         SecondSums<Real>& second) {
  using Lanes = Vector<Real>;
  constexpr bool kDirected = kPairs == WavePairs::directed;
  const int planes = wavePlanes(tile.samples);
  const Complex<Lanes> q = sourcesFrom(tile.second, m, j);
  const Lanes weight =
      kDirected ? Lanes(Real(0)) : load(tile.second.weights + m * tile.second.stride + j);
  const Real* const weights = tile.first.weights + m * tile.first.stride + tile.begin;
  for (int64_t n = 0; n < tile.count; ++n) {
    Lanes* const first = tile.sums + n * planes;
    const auto g = column.propagator[n];
    const Lanes weightOfOne(weights[n]);
    second.answer = waveAnswer(g, weightOfOne, second.answer);
    Complex<Lanes> exchange = column.exchange[n];
    if constexpr (kSlope) exchange = waveExchange(weightOfOne, q, exchange);
    if constexpr (kPairs != WavePairs::diagonal) {
      first[heardPlane(m)] = waveHeard(g, q, first[heardPlane(m)]);
    }
    if constexpr (!kDirected) {
      const auto qOfOne = sourceOfOne(tile.first, m, tile.begin + n);
      second.heard = waveHeard(g, qOfOne, second.heard);
      if constexpr (kSlope) exchange = waveExchange(weight, qOfOne, exchange);
      if constexpr (kPairs == WavePairs::mutual) {
        Lanes* const sums = first + answerPlane(m);
        const auto answer = waveAnswer(g, weight, Propagator<Lanes>{sums[0], sums[1]});
        sums[0] = answer.cosine;
        sums[1] = answer.sine;
      }
    }
    if constexpr (kSlope) column.exchange[n] = exchange;
  }
}

// As addPairsOnce, for all times of the tile.
template <WavePairs kPairs, bool kSlope, class Real>
__attribute__((noinline)) void addPairs(const WaveTile<Real>& tile, int64_t begin, int64_t end,
                                        Real* to, int64_t stride, MediumSums<Vector<Real>>& total) {
  using Lanes = Vector<Real>;
  const int planes = wavePlanes(tile.samples), position = positionPlane(tile.samples);
  WaveColumn<Real> column;
  for (int64_t j = begin; j < end; j += Lanes::kLanes, to += Lanes::kLanes) {
    const WavePlace<Real> place = placesFrom(tile.second, j);
    fillColumn(tile, place, column);
    for (int m = 0; m < tile.samples; ++m) {
      SecondSums<Real> second;
      addTime<kPairs, kSlope>(tile, j, m, column, second);
      addSample<kPairs>(second, to, stride, m);
    }
    if constexpr (kSlope) {
      SecondSums<Real> second;
      for (int64_t n = 0; n < tile.count; ++n) {
        const auto g = column.propagator[n];
        const auto exchange = column.exchange[n];
        addSlope<kPairs>(differenceOf(placeOfOne(tile.first, tile.begin + n), place),
                         column.length[n], column.inverse[n], waveHeard(g, exchange),
                         waveUnheard(g, exchange), tile.medium, tile.sums + n * planes + position,
                         second);
      }
      addForce(second, to + position * stride, stride, total);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
