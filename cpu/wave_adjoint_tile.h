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

// Adds the gradient of both positions, from x_second − x_first, and what the medium gets.
template <WavePairs kPairs, class Real>
HOST_DEVICE void addSlope(WavePlace<Real> difference, Vector<Real> length, Vector<Real> inverse,
                          Vector<Real> alpha, Vector<Real> beta, const WaveMedium<Real>& medium,
                          Vector<Real>* first, SecondSums<Real>& second) {
  const Vector<Real> tension = waveTension(alpha, beta, Vector<Real>(medium.wavenumber), inverse);
  const Vector<Real> pull = tension / length;
  const WavePlace<Real> force = {pull * difference.x, pull * difference.y, pull * difference.z};
  if constexpr (kPairs != WavePairs::diagonal) {
    first[0] += force.x;
    first[1] += force.y;
    first[2] += force.z;
  }
  second.force = differenceOf(second.force, force);
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

// The pairs of a tile's nodes with one vector of the second side after the other, in four stages
// of which each is a pair behind the one before: what a square root, a division and a polynomial
// have to wait for is spent on other pairs, also from a vector to the next.
template <class Real>
struct WaveStages {
  int64_t n, j, last;                      // the pair that starts next; the last vector
  Vector<Real> nextLength;                 // two pairs ahead
  Vector<Real> lengthAhead, inverseAhead;  // one pair ahead
  FoldedWave<Vector<Real>> foldedAhead;
  Vector<Real> length, inverse;
  Propagator<Vector<Real>> propagator;
};
template <class Real>
HOST_DEVICE Vector<Real> nextLength(const WaveTile<Real>& tile, WaveStages<Real>& stages) {
  const auto difference = differenceOf(placesFrom(tile.second, stages.j),
                                       placeOfOne(tile.first, tile.begin + stages.n));
  ++stages.n;
  const bool isThrough = stages.n == tile.count;
  stages.n = isThrough ? 0 : stages.n;
  stages.j += isThrough && stages.j < stages.last ? Vector<Real>::kLanes : 0;
  return squareRoot(guardedSquaredLength(difference.x, difference.y, difference.z));
}
// Takes each pair a stage on.
template <class Real>
HOST_DEVICE void advance(const WaveTile<Real>& tile, WaveStages<Real>& stages) {
  const WaveMedium<Real> medium = tile.medium;
  stages.length = stages.lengthAhead;
  stages.inverse = stages.inverseAhead;
  stages.propagator = foldedPropagator(stages.foldedAhead, stages.inverse);
  stages.lengthAhead = stages.nextLength;
  const auto distance = stages.lengthAhead + medium.softening;
  stages.inverseAhead = Real(1) / distance;
  stages.foldedAhead = foldWave(distance * (medium.turnsPerUnit + medium.turnsPerUnit));
  stages.nextLength = nextLength(tile, stages);
}
// Ready for the first pair of the tile and the vectors [begin, end).
template <class Real>
HOST_DEVICE WaveStages<Real> startStages(const WaveTile<Real>& tile, int64_t begin, int64_t end) {
  const Vector<Real> zero(Real(0));
  WaveStages<Real> stages = {
      0,    begin,       end - Vector<Real>::kLanes, zero, zero, zero, foldWave(zero), zero,
      zero, {zero, zero}};
  for (int stage = 0; stage < 3; ++stage) advance(tile, stages);
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
  if (begin >= end) return;
  WaveStages<Real> stages = startStages(tile, begin, end);
  for (int64_t j = begin; j < end; j += Lanes::kLanes, to += Lanes::kLanes) {
    const WavePlace<Real> place = placesFrom(tile.second, j);
    const Complex<Lanes> q = sourcesFrom(tile.second, 0, j);
    const Lanes weight = kDirected ? Lanes(Real(0)) : load(tile.second.weights + j);
    SecondSums<Real> second;
    for (int64_t n = 0; n < tile.count; ++n) {
      const int64_t i = tile.begin + n;
      Lanes* const first = tile.sums + n * kPlanes;
      const auto g = stages.propagator;
      const auto length = stages.length, inverse = stages.inverse;
      advance(tile, stages);
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
        addSlope<kPairs>(differenceOf(place, placeOfOne(tile.first, i)), length, inverse, alpha,
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
template <bool kSlope, class Real>
HOST_DEVICE void fillColumn(const WaveTile<Real>& tile, WaveStages<Real>& stages,
                            WaveColumn<Real>& column) {
  for (int64_t n = 0; n < tile.count; ++n) {
    column.propagator[n] = stages.propagator;
    if constexpr (kSlope) {
      column.length[n] = stages.length;
      column.inverse[n] = stages.inverse;
    }
    advance(tile, stages);
  }
}

// What `times` times from m on add to the sums: W of a pair is fetched once for them.
template <WavePairs kPairs, bool kSlope, int times, class Real>
HOST_DEVICE void addTimes(const WaveTile<Real>& tile, int64_t j, int m, WaveColumn<Real>& column,
                          SecondSums<Real> (&second)[times]) {
  using Lanes = Vector<Real>;
  constexpr bool kDirected = kPairs == WavePairs::directed;
  const int planes = wavePlanes(tile.samples);
  const int64_t stride = tile.first.stride;
  Complex<Lanes> q[times];
  Lanes weight[times];
  unroll<times>([&](auto time) __attribute__((always_inline)) {
    constexpr int t = time.value;
    q[t] = sourcesFrom(tile.second, m + t, j);
    if (!kDirected) weight[t] = load(tile.second.weights + (m + t) * tile.second.stride + j);
  });
  for (int64_t n = 0; n < tile.count; ++n) {
    const auto g = column.propagator[n];
    Complex<Lanes> exchange = {Lanes(Real(0)), Lanes(Real(0))};
    if (kSlope && m > 0) exchange = column.exchange[n];
    unroll<times>([&](auto time) __attribute__((always_inline)) {
      constexpr int t = time.value;
      Lanes* const first = tile.sums + n * planes + heardPlane(m + t);
      Lanes* const answerToFirst = first + answerPlane(0);
      const Lanes weightOfOne(tile.first.weights[(m + t) * stride + tile.begin + n]);
      second[t].answer = waveAnswer(g, weightOfOne, second[t].answer);
      if constexpr (kSlope) exchange = waveExchange(weightOfOne, q[t], exchange);
      if constexpr (kPairs != WavePairs::diagonal) *first = waveHeard(g, q[t], *first);
      if constexpr (!kDirected) {
        const auto qOfOne = sourceOfOne(tile.first, m + t, tile.begin + n);
        second[t].heard = waveHeard(g, qOfOne, second[t].heard);
        if constexpr (kSlope) exchange = waveExchange(weight[t], qOfOne, exchange);
      }
      if constexpr (kPairs == WavePairs::mutual) {
        const Propagator<Lanes> sum = {answerToFirst[0], answerToFirst[1]};
        const auto answer = waveAnswer(g, weight[t], sum);
        answerToFirst[0] = answer.cosine;
        answerToFirst[1] = answer.sine;
      }
    });
    if constexpr (kSlope) column.exchange[n] = exchange;
  }
}
template <WavePairs kPairs, bool kSlope, int times, class Real>
HOST_DEVICE void addTimes(const WaveTile<Real>& tile, int64_t j, int m, WaveColumn<Real>& column,
                          Real* to, int64_t stride) {
  SecondSums<Real> second[times];
  addTimes<kPairs, kSlope>(tile, j, m, column, second);
  for (int t = 0; t < times; ++t) addSample<kPairs>(second[t], to, stride, m + t);
}

// As addPairsOnce, for all times of the tile.
template <WavePairs kPairs, bool kSlope, class Real>
__attribute__((noinline)) void addPairs(const WaveTile<Real>& tile, int64_t begin, int64_t end,
                                        Real* to, int64_t stride, MediumSums<Vector<Real>>& total) {
  using Lanes = Vector<Real>;
  const int planes = wavePlanes(tile.samples), position = positionPlane(tile.samples);
  if (begin >= end) return;
  WaveStages<Real> stages = startStages(tile, begin, end);
  WaveColumn<Real> column;
  for (int64_t j = begin; j < end; j += Lanes::kLanes, to += Lanes::kLanes) {
    const WavePlace<Real> place = placesFrom(tile.second, j);
    fillColumn<kSlope>(tile, stages, column);
    int m = 0;
    for (; m + 4 <= tile.samples; m += 4) {
      addTimes<kPairs, kSlope, 4>(tile, j, m, column, to, stride);
    }
    for (; m + 2 <= tile.samples; m += 2) {
      addTimes<kPairs, kSlope, 2>(tile, j, m, column, to, stride);
    }
    if (m < tile.samples) addTimes<kPairs, kSlope, 1>(tile, j, m, column, to, stride);
    if constexpr (kSlope) {
      SecondSums<Real> second;
      for (int64_t n = 0; n < tile.count; ++n) {
        const auto g = column.propagator[n];
        const auto exchange = column.exchange[n];
        addSlope<kPairs>(differenceOf(place, placeOfOne(tile.first, tile.begin + n)),
                         column.length[n], column.inverse[n], waveHeard(g, exchange),
                         waveUnheard(g, exchange), tile.medium, tile.sums + n * planes + position,
                         second);
      }
      addForce(second, to + position * stride, stride, total);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
