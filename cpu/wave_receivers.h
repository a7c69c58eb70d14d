// The field at some nodes: a few receivers at a time against vectors of sources. For one time a
// pair costs one sine, for more G serves all of them. A task is a group of receivers and a piece of
// the sources, whose sums are added up in float64.
#pragma once

#include "cpu/lane_sums.h"
#include "cpu/wave_pairs.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kReceiverGroup = 16;  // receivers of a task
constexpr int64_t kSourcePiece = 1024;  // sources of a task, unless there are very many
constexpr int64_t kMostSourcePieces = 64;
// Receivers at a time: their sums stand in registers.
template <int samples>
constexpr int kReceiversAtOnce = samples == 1   ? 4
                                 : samples <= 4 ? 2
                                                : 1;

// The receivers' places, padded to whole groups with the first one.
template <class Real>
struct WaveReceivers {
  int64_t count, padded;
  const Real *x, *y, *z;

  WaveReceivers(const WaveGeometry<Real>& geometry, const int32_t* nodes, int64_t receivers,
                Context& context)
      : count(receivers),
        padded((receivers + kReceiverGroup - 1) / kReceiverGroup * kReceiverGroup) {
    const int64_t length = padded + kReceiverGroup;  // whole vectors from the last receiver on
    Real* const places = context.workspace<Real>(3 * length);
    x = places;
    y = places + length;
    z = places + 2 * length;
    for (int64_t s = 0; s < length; ++s) {
      const int64_t receiver = s < receivers ? s : 0;
      const int64_t node = nodes ? nodes[receiver] : receiver;
      places[s] = geometry.x[node];
      places[length + s] = geometry.y[node];
      places[2 * length + s] = geometry.z[node];
    }
  }
};

// Adds what `count` receivers hear of the sources [begin, end) to sums[count][samples]. `planes`
// are Re q and Im q of each sample or, for one sample, amplitude and half turns.
template <class Real, int samples, bool half>
HOST_DEVICE void hearSources(const WaveGeometry<Real>& geometry, const WaveReceivers<Real>& at,
                             int64_t first, const Real* planes, int64_t begin, int64_t end,
                             Vector<Real>* sums) {
  using Lanes = Vector<Real>;
  constexpr int kCount = kReceiversAtOnce<samples>;
  const WaveMedium<Real> medium = geometry.medium;
  const int64_t padded = geometry.padded;
  Lanes heard[kCount * samples];
  for (Lanes& sum : heard) sum = Lanes(Real(0));
  for (int64_t j = begin; j < end; j += Lanes::kLanes) {
    const Lanes x = load(geometry.x + j), y = load(geometry.y + j), z = load(geometry.z + j);
    unroll<kCount>([&](auto receiver) __attribute__((always_inline)) {
      constexpr int r = receiver.value;
      const Lanes distance = softened<Real, half>(
          medium, squaredLength(x - Lanes(at.x[first + r]), y - Lanes(at.y[first + r]),
                                z - Lanes(at.z[first + r])));
      if constexpr (samples == 1) {
        heard[r] += heardWave(medium, distance, load(planes + j), load(planes + padded + j));
      } else {
        const auto g = complexPropagator(medium, distance);
        unroll<samples>([&](auto sample) __attribute__((always_inline)) {
          constexpr int m = sample.value;
          Lanes& sum = heard[r * samples + m];
          sum = fma(g.real, load(planes + (2 * m + 1) * padded + j),
                    fma(g.imaginary, load(planes + 2 * m * padded + j), sum));
        });
      }
    });
  }
  for (int k = 0; k < kCount * samples; ++k) sums[k] = heard[k];
}

// total[m][receivers.padded] = Im Σ_j G_ij q_j at the receivers.
template <class Real, int samples, bool half>
void waveSumsOfReceivers(const WaveGeometry<Real>& geometry, const WaveReceivers<Real>& receivers,
                         const Real* planes, Real* total, Context& context) {
  constexpr int kLanes = Vector<Real>::kLanes;
  constexpr int kGroupSums = int(kReceiverGroup) * samples;
  const runtime::WorkspaceScope scope(context);
  const int64_t least =
      (geometry.padded / kWavePadding + kMostSourcePieces - 1) / kMostSourcePieces * kWavePadding;
  const int64_t pieceLength = least > kSourcePiece ? least : kSourcePiece;
  const int64_t pieces = (geometry.padded + pieceLength - 1) / pieceLength;
  const int64_t groups = receivers.padded / kReceiverGroup;
  // [group][receiver of it][sample][piece]
  Real* const partial = context.workspace<Real>(groups * kGroupSums * pieces);
  context.forEach(groups * pieces, [&](int64_t task) {
    const int64_t group = task / pieces, piece = task % pieces;
    const int64_t begin = piece * pieceLength;
    const int64_t wanted = begin + pieceLength;
    const int64_t end = wanted < geometry.padded ? wanted : geometry.padded;
    Vector<Real> sums[kGroupSums];
    for (int r = 0; r < kReceiverGroup; r += kReceiversAtOnce<samples>) {
      hearSources<Real, samples, half>(geometry, receivers, group * kReceiverGroup + r, planes,
                                       begin, end, sums + r * samples);
    }
    Real totals[kGroupSums];
    for (int k = 0; k < kGroupSums; k += kLanes) {
      Vector<Real> some[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) some[lane] = sums[k + lane];
      sumsOfLanes(some, totals + k);
    }
    for (int k = 0; k < kGroupSums; ++k) {
      partial[(group * kGroupSums + k) * pieces + piece] = totals[k];
    }
  });
  for (int64_t s = 0; s < receivers.count; ++s) {
    for (int m = 0; m < samples; ++m) {
      const Real* const from = partial + (s * samples + m) * pieces;
      double sum = 0;
      for (int64_t piece = 0; piece < pieces; ++piece) sum += double(from[piece]);
      total[m * receivers.padded + s] = Real(sum);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
