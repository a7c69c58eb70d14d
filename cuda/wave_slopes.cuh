// ∂L/∂x of one end of every pair, and the sums for k and ε, at several times: a block of 256
// threads takes tiles of (64, 64) pairs, a thread (4, 4), and adds W = Σ_t ρ q over the times
// first, from shared memory, so that C, S and the slope are formed once for all of them. One pass
// keeps the receivers, another the sources: nothing is added by two threads. Per pair 2 fma a time,
// 28 instructions and 4 MUFU.
#pragma once

#include "cuda/pack.cuh"
#include "cuda/wave_inputs.cuh"
#include "ops/wave_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct WaveSlopeTuning {
  static constexpr int tile = 64;  // nodes of either end; not measured
  static constexpr int side = 16;  // threads along either end
  static constexpr int threads = side * side;
  static constexpr int each = tile / side;  // nodes of a thread
  static constexpr int samples = 8;         // in shared memory at a time; not measured
  static constexpr int64_t blocks = 1024;   // wanted at least, by parts; not measured
  static constexpr int64_t partTiles = 64;  // 4096 nodes, of a float sum at most
};

template <class Real>
struct WaveSlopes {
  const Real *own, *others;               // (3, …) positions
  const Real *ownWeights, *otherWeights;  // (samples, 1, …) ρ or (samples, 2, …) q
  View<const Real> wavenumber, softening;
  int64_t ownCount, otherCount, samples, parts, partTiles;
  Real* sums;      // (parts, 3, own)
  double* totals;  // (blocks, 2); null where they are not wanted
};

// One end's weights of some times in shared memory, (samples, planes, tile).
template <class Real, int kPlanes>
struct WaveSlopeWeights {
  using Tuning = WaveSlopeTuning;
  static constexpr int kElements = Tuning::samples * kPlanes * Tuning::tile;

  static __device__ __forceinline__ void load(const Real* from, int64_t count, int64_t first,
                                              int64_t firstSample, int64_t samples, Real* shared) {
    for (int n = int(threadIdx.x); n < kElements; n += Tuning::threads) {
      const int64_t m = firstSample + n / (kPlanes * Tuning::tile);
      const int64_t i = first + n % Tuning::tile;
      const int64_t plane = n / Tuning::tile % kPlanes;
      shared[n] = m < samples && i < count ? from[(m * kPlanes + plane) * count + i] : Real(0);
    }
  }
  static __device__ __forceinline__ Pack<Real, Tuning::each> get(const Real* shared, int sample,
                                                                 int plane, int thread) {
    return loadPack<Tuning::each>(shared + (sample * kPlanes + plane) * Tuning::tile +
                                  thread * Tuning::each);
  }
};

// The tile of the block, as one thread has it.
template <class Real, bool kOwnReceives>
struct WaveSlopeTile {
  using Tuning = WaveSlopeTuning;
  static constexpr int kEach = Tuning::each;
  using OwnWeights = WaveSlopeWeights<Real, kOwnReceives ? 1 : 2>;
  using OtherWeights = WaveSlopeWeights<Real, kOwnReceives ? 2 : 1>;
  static constexpr int kPlaces = 3 * Tuning::tile;
  static constexpr size_t kBytes =
      (kPlaces + OwnWeights::kElements + OtherWeights::kElements) * sizeof(Real);

  Complex<Real> exchange[kEach][kEach];  // W
  Real own[3][kEach], sums[3][kEach];
  double totals[2];
  int y, x;

  __device__ __forceinline__ WaveSlopeTile(const WaveSlopes<Real>& work, int64_t firstOwn)
      : sums{}, totals{}, y(int(threadIdx.x) / Tuning::side), x(int(threadIdx.x) % Tuning::side) {
    for (int axis = 0; axis < 3; ++axis) {
#pragma unroll
      for (int a = 0; a < kEach; ++a) {
        const int64_t i = firstOwn + y * kEach + a;
        own[axis][a] = i < work.ownCount ? work.own[axis * work.ownCount + i] : Real(0);
      }
    }
  }

  // W of this tile. Begins with a barrier after which shared memory is free.
  __device__ __forceinline__ void exchangeTimes(const WaveSlopes<Real>& work, int64_t firstOwn,
                                                int64_t firstOther) {
    Real* const places = sharedMemory<Real>();
    Real* const ownShared = places + kPlaces;
    Real* const otherShared = ownShared + OwnWeights::kElements;
#pragma unroll
    for (auto& line : exchange) {
#pragma unroll
      for (auto& w : line) w = {};
    }
    for (int64_t first = 0; first < work.samples; first += Tuning::samples) {
      __syncthreads();  // what was here has been read
      if (first == 0 && int(threadIdx.x) < kPlaces) {
        const int axis = int(threadIdx.x) / Tuning::tile;
        const int64_t j = firstOther + threadIdx.x % Tuning::tile;
        places[threadIdx.x] =
            j < work.otherCount ? work.others[axis * work.otherCount + j] : Real(0);
      }
      OwnWeights::load(work.ownWeights, work.ownCount, firstOwn, first, work.samples, ownShared);
      OtherWeights::load(work.otherWeights, work.otherCount, firstOther, first, work.samples,
                         otherShared);
      __syncthreads();  // the weights are there
      const int count = int(min(work.samples - first, int64_t(Tuning::samples)));
      for (int m = 0; m < count; ++m) addTime(ownShared, otherShared, m);
    }
  }

  __device__ __forceinline__ void addTime(const Real* ownShared, const Real* otherShared, int m) {
    const auto ownFirst = OwnWeights::get(ownShared, m, 0, y);
    const auto otherFirst = OtherWeights::get(otherShared, m, 0, x);
    const auto second = kOwnReceives ? OtherWeights::get(otherShared, m, 1, x)
                                     : OwnWeights::get(ownShared, m, 1, y);
#pragma unroll
    for (int a = 0; a < kEach; ++a) {
#pragma unroll
      for (int b = 0; b < kEach; ++b) {
        const Real weight = kOwnReceives ? ownFirst.values[a] : otherFirst.values[b];
        const Real real = kOwnReceives ? otherFirst.values[b] : ownFirst.values[a];
        const Real imaginary = second.values[kOwnReceives ? b : a];
        exchange[a][b] = waveExchange(weight, Complex<Real>{real, imaginary}, exchange[a][b]);
      }
    }
  }

  // The slopes of this tile's pairs.
  __device__ __forceinline__ void addSlopes(const WaveMedium<Real>& medium) {
    const Real* const places = sharedMemory<Real>();
    Real pieces[2] = {};
#pragma unroll
    for (int b = 0; b < kEach; ++b) {
      Real other[3];
#pragma unroll
      for (int axis = 0; axis < 3; ++axis) {
        other[axis] = places[axis * Tuning::tile + x * kEach + b];
      }
#pragma unroll
      for (int a = 0; a < kEach; ++a) {
        const Real difference[3] = {own[0][a] - other[0], own[1][a] - other[1],
                                    own[2][a] - other[2]};
        const Real square = guardedSquaredLength(difference[0], difference[1], difference[2]);
        const Real inverseLength = hardwareInverseSquareRoot(square);
        const Real d = fma(square, inverseLength, medium.softening);
        const Real inverse = hardwareInverse(d);
        const auto g = hardwarePropagator<false>(medium, d, inverse);
        const Real beta = waveUnheard(g, exchange[a][b]);
        const Real tension =
            waveTension(waveHeard(g, exchange[a][b]), beta, medium.wavenumber, inverse);
        pieces[0] = fma(-d, beta, pieces[0]);
        pieces[1] -= tension;
        const Real slope = tension * inverseLength;
#pragma unroll
        for (int axis = 0; axis < 3; ++axis) {
          sums[axis][a] = fma(-slope, difference[axis], sums[axis][a]);
        }
      }
    }
    for (int n = 0; n < 2; ++n) totals[n] += double(pieces[n]);
  }

  __device__ __forceinline__ void put(const WaveSlopes<Real>& work, int64_t firstOwn) {
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
#pragma unroll
      for (int a = 0; a < kEach; ++a) {
        const Real sum = warpReduce<Tuning::side>(sums[axis][a], Sum{});
        const int64_t i = firstOwn + y * kEach + a;
        if (x == 0 && i < work.ownCount) {
          work.sums[(blockIdx.y * 3 + axis) * work.ownCount + i] = sum;
        }
      }
    }
    if (!work.totals) return;
    __syncthreads();  // shared memory has been read
    for (int n = 0; n < 2; ++n) {
      const double total = blockReduce(totals[n], 0.0, Sum{}, sharedMemory<double>());
      const int64_t block = int64_t(blockIdx.y) * gridDim.x + blockIdx.x;
      if (threadIdx.x == 0) work.totals[2 * block + n] = total;
    }
  }
};

// Grid: tiles of own nodes, parts of the others.
template <class Real, bool kOwnReceives>
__global__ void __launch_bounds__(WaveSlopeTuning::threads)
    waveSlopesKernel(WaveSlopes<Real> work) {
  using Tuning = WaveSlopeTuning;
  const WaveMedium<Real> medium = loadMedium(work.wavenumber, work.softening);
  const int64_t firstOwn = int64_t(blockIdx.x) * Tuning::tile;
  const int64_t begin = blockIdx.y * work.partTiles * Tuning::tile;
  const int64_t end = min(begin + work.partTiles * Tuning::tile, work.otherCount);
  WaveSlopeTile<Real, kOwnReceives> tile(work, firstOwn);
  for (int64_t first = begin; first < end; first += Tuning::tile) {
    tile.exchangeTimes(work, firstOwn, first);
    tile.addSlopes(medium);
  }
  tile.put(work, firstOwn);
}

// The sums while use(sums, totals, blocks) lasts.
template <bool kOwnReceives, class Real, class Use>
void withSlopes(WaveSlopes<Real> work, bool wantsTotals, Context& context, const Use& use) {
  using Tuning = WaveSlopeTuning;
  const int64_t ownTiles = ceilDivide(work.ownCount, Tuning::tile);
  const int64_t otherTiles = ceilDivide(work.otherCount, Tuning::tile);
  const int64_t wanted =
      max(ceilDivide(Tuning::blocks, ownTiles), ceilDivide(otherTiles, Tuning::partTiles));
  work.partTiles = ceilDivide(otherTiles, min(wanted, otherTiles));
  work.parts = ceilDivide(otherTiles, work.partTiles);
  const int64_t blocks = ownTiles * work.parts;
  const Workspace<Real> sums(context, work.parts * 3 * work.ownCount);
  const Workspace<double> totals(context, wantsTotals ? 2 * blocks : 0);
  work.sums = sums.data();
  work.totals = totals.data();
  launch(waveSlopesKernel<Real, kOwnReceives>, dim3(unsigned(ownTiles), unsigned(work.parts)),
         dim3(Tuning::threads), WaveSlopeTile<Real, kOwnReceives>::kBytes, context, work);
  use(PartSums<Real>{work.sums, work.parts, 3, work.ownCount}, totals.data(), blocks);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
