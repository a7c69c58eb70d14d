// Sums over all pairs of receivers and sources, two lists of places, with C and S formed anew for
// each pair: sources pass through shared memory in tiles, a thread keeps kReceivers receivers, and
// the sources are cut into parts that the caller adds up in double. At a single time the pair costs
// one sine, at several C and S serve kTimes of them. Instructions a pair, of which MUFU (16 a clock
// and multiprocessor, so each counts as 8 issue slots): see WaveBySine and WaveByTimes.
#pragma once

#include "cuda/pack.cuh"
#include "cuda/wave_inputs.cuh"
#include "ops/wave_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct WavePairTuning {
  static constexpr int threads = 128;              // not measured
  static constexpr int tile = 128;                 // sources in shared memory; one for each thread
  static constexpr int64_t blocks = 1024;          // wanted at least, by parts; not measured
  static constexpr int64_t partLength = 4096;      // sources of a float sum at most
  static constexpr int64_t denseReceivers = 4096;  // from here on a thread has several receivers
};

template <class Real>
struct WavePairs {
  const Real *receivers, *sources;  // (3, …) positions
  const Real* weights;              // (planes, sources)
  View<const Real> wavenumber, softening;
  int64_t receiverCount, sourceCount, weightPlanes, sumPlanes, parts, partLength;
  Real* sums;  // (parts, sumPlanes, receivers)
};

// Σ_j A sin(ω t − k d) / d of weights A, ω t in radians and in half turns. With every other sine a
// polynomial 21.4 instructions a pair, of them 2.5 MUFU: 1.56e12 pairs/s at 33.4e12 slots/s; with
// one receiver a thread 23.8.
template <class Real, bool kHalfDistance>
struct WaveBySine {
  static constexpr int weights = 3, sums = 1;
  static constexpr bool isMixed = true, roundsDistance = kHalfDistance;

  template <bool kOnFmaPipe>
  static __device__ __forceinline__ void add(const WaveMedium<Real>& medium, Real distance,
                                             const Real* weight, Real* sum) {
    const Real wave = hardwareWave<kOnFmaPipe>(medium, distance, weight[1], weight[2]);
    sum[0] = fma(wave, weight[0] * hardwareInverse(distance), sum[0]);
  }
};

// Σ_j C Im q − S Re q at kTimes times: 42 instructions a pair at 8 times, 56 at 16 of two
// receivers, of them 4 MUFU, which take 32 issue slots.
template <class Real, int kTimes, bool kHalfDistance>
struct WaveByTimes {
  static constexpr int weights = 2 * kTimes, sums = kTimes;
  static constexpr bool isMixed = false, roundsDistance = kHalfDistance;

  template <bool kOnFmaPipe>
  static __device__ __forceinline__ void add(const WaveMedium<Real>& medium, Real distance,
                                             const Real* weight, Real* sum) {
    const auto g = hardwarePropagator<kOnFmaPipe>(medium, distance, hardwareInverse(distance));
#pragma unroll
    for (int m = 0; m < kTimes; ++m) {
      sum[m] = waveHeard(g, Complex<Real>{weight[2 * m], weight[2 * m + 1]}, sum[m]);
    }
  }
};

// The adjoint, with receivers and sources in each other's place: R = Σ_i ρ_i C and Σ_i ρ_i S.
template <class Real, int kTimes>
struct WaveAdjointByTimes {
  static constexpr int weights = kTimes, sums = 2 * kTimes;
  static constexpr bool isMixed = false, roundsDistance = false;

  template <bool kOnFmaPipe>
  static __device__ __forceinline__ void add(const WaveMedium<Real>& medium, Real distance,
                                             const Real* weight, Real* sum) {
    const auto g = hardwarePropagator<kOnFmaPipe>(medium, distance, hardwareInverse(distance));
#pragma unroll
    for (int m = 0; m < kTimes; ++m) {
      const Propagator<Real> before = {sum[2 * m], sum[2 * m + 1]};
      const auto answer = waveAnswer(g, weight[m], before);
      sum[2 * m] = answer.cosine;
      sum[2 * m + 1] = answer.sine;
    }
  }
};

// |x_i − x_j| + ε; 0 + ε where the two coincide.
template <bool kHalfDistance, class Real>
__device__ __forceinline__ Real softenedDistance(const Real (&own)[3], const Real* other,
                                                 Real softening) {
  Real r =
      hardwareSquareRoot(squaredLength(own[0] - other[0], own[1] - other[1], own[2] - other[2]));
  if constexpr (kHalfDistance) r = widen(narrow<float16>(r));
  return r + softening;
}

// One tile of sources: position and weights of each in a record of whole packs.
template <class Real, class Rule>
struct WaveTile {
  static constexpr int kPack = 4;
  static constexpr int kRecord = (3 + Rule::weights + kPack - 1) / kPack * kPack;
  static constexpr size_t kBytes = WavePairTuning::tile * kRecord * sizeof(Real);

  // By all threads of the block, one source each; beyond `end` there is none.
  static __device__ __forceinline__ void load(const WavePairs<Real>& work, int64_t first,
                                              int64_t end, int64_t firstPlane, Real* shared) {
    const int64_t j = first + threadIdx.x;
    Real record[kRecord] = {};
    if (j < end) {
#pragma unroll
      for (int axis = 0; axis < 3; ++axis) {
        record[axis] = work.sources[axis * work.sourceCount + j];
      }
#pragma unroll
      for (int w = 0; w < Rule::weights; ++w) {
        if (firstPlane + w < work.weightPlanes) {
          record[3 + w] = work.weights[(firstPlane + w) * work.sourceCount + j];
        }
      }
    }
#pragma unroll
    for (int at = 0; at < kRecord; at += kPack) {
      Pack<Real, kPack> pack;
#pragma unroll
      for (int n = 0; n < kPack; ++n) pack.values[n] = record[at + n];
      storePack(shared + threadIdx.x * kRecord + at, pack);
    }
  }
  static __device__ __forceinline__ void fetch(Real (&record)[kRecord], const Real* shared, int j) {
#pragma unroll
    for (int at = 0; at < kRecord; at += kPack) {
      const auto pack = loadPack<kPack>(shared + j * kRecord + at);
#pragma unroll
      for (int n = 0; n < kPack; ++n) record[at + n] = pack.values[n];
    }
  }
};

// Every thread on a tile: its receivers against the sources, of which every other pair of a mixed
// rule takes the fma pipe.
template <class Real, class Rule, int kReceivers>
__device__ __forceinline__ void sumTile(const WaveMedium<Real>& medium, const Real* shared,
                                        const Real (&own)[kReceivers][3],
                                        Real (&sums)[kReceivers][Rule::sums]) {
  using Tile = WaveTile<Real, Rule>;
  for (int first = 0; first < WavePairTuning::tile; first += 2) {
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      Real record[Tile::kRecord];
      Tile::fetch(record, shared, first + n);
#pragma unroll
      for (int r = 0; r < kReceivers; ++r) {
        const Real d = softenedDistance<Rule::roundsDistance>(own[r], record, medium.softening);
        if (Rule::isMixed && (r + n) % 2 == 1) {
          Rule::template add<true>(medium, d, record + 3, sums[r]);
        } else {
          Rule::template add<false>(medium, d, record + 3, sums[r]);
        }
      }
    }
  }
}

// Grid: blocks of receivers, parts of the sources, blocks of times.
template <class Real, class Rule, int kReceivers>
__global__ void __launch_bounds__(WavePairTuning::threads) wavePairsKernel(WavePairs<Real> work) {
  using Tile = WaveTile<Real, Rule>;
  Real* const shared = sharedMemory<Real>();
  const WaveMedium<Real> medium = loadMedium(work.wavenumber, work.softening);
  const int64_t firstReceiver =
      int64_t(blockIdx.x) * (WavePairTuning::threads * kReceivers) + threadIdx.x;
  Real own[kReceivers][3] = {}, sums[kReceivers][Rule::sums] = {};
#pragma unroll
  for (int r = 0; r < kReceivers; ++r) {
    const int64_t i = firstReceiver + r * WavePairTuning::threads;
    if (i >= work.receiverCount) continue;
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      own[r][axis] = work.receivers[axis * work.receiverCount + i];
    }
  }
  const int64_t begin = blockIdx.y * work.partLength;
  const int64_t end = min(begin + work.partLength, work.sourceCount);
  for (int64_t first = begin; first < end; first += WavePairTuning::tile) {
    Tile::load(work, first, end, int64_t(blockIdx.z) * Rule::weights, shared);
    __syncthreads();  // the tile is there
    sumTile<Real, Rule, kReceivers>(medium, shared, own, sums);
    __syncthreads();  // it has been read
  }
#pragma unroll
  for (int r = 0; r < kReceivers; ++r) {
    const int64_t i = firstReceiver + r * WavePairTuning::threads;
    if (i >= work.receiverCount) continue;
#pragma unroll
    for (int n = 0; n < Rule::sums; ++n) {
      const int64_t plane = int64_t(blockIdx.z) * Rule::sums + n;
      if (plane >= work.sumPlanes) continue;
      work.sums[(blockIdx.y * work.sumPlanes + plane) * work.receiverCount + i] = sums[r][n];
    }
  }
}

// ---- host ----

// How the sources are cut, by the sizes alone.
template <class Real>
void planParts(WavePairs<Real>& work, int64_t blocks) {
  using Tuning = WavePairTuning;
  const int64_t tiles = ceilDivide(work.sourceCount, Tuning::tile);
  int64_t parts = ceilDivide(Tuning::blocks, blocks);
  const int64_t least = ceilDivide(work.sourceCount, Tuning::partLength);
  if (parts < least) parts = least;
  if (parts > tiles) parts = tiles;
  const int64_t partTiles = ceilDivide(tiles, parts);
  work.partLength = partTiles * Tuning::tile;
  work.parts = ceilDivide(tiles, partTiles);
}

// The sums of all parts while use(sums) lasts.
template <class Rule, int kReceivers, class Real, class Use>
void withPairs(WavePairs<Real> work, Context& context, const Use& use) {
  using Tuning = WavePairTuning;
  const int64_t receiverBlocks = ceilDivide(work.receiverCount, Tuning::threads * kReceivers);
  const int64_t timeBlocks = ceilDivide(work.sumPlanes, Rule::sums);
  planParts(work, receiverBlocks * timeBlocks);
  const Workspace<Real> sums(context, work.parts * work.sumPlanes * work.receiverCount);
  work.sums = sums.data();
  launch(wavePairsKernel<Real, Rule, kReceivers>,
         dim3(unsigned(receiverBlocks), unsigned(work.parts), unsigned(timeBlocks)),
         dim3(Tuning::threads), WaveTile<Real, Rule>::kBytes, context, work);
  use(PartSums<Real>{work.sums, work.parts, work.sumPlanes, work.receiverCount});
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
