// Many times as one product on the matrix unit: S (receivers, times) = [C | S] [Im q; −Re q], where
// the left factor is made in shared memory stage by stage and never stored. A block sums (128, 128)
// or (128, 256), a warp (32, 64); half of the warps make the next stage's factor while the others
// multiply. Factors are bfloat16, or high and low halves in scaled float16, of which three products
// are taken: 2^-22 of each factor, where halves in bfloat16 leave 2^-17. Split sums move to a
// second set every 128 sources, since the matrix unit cuts its sums off instead of rounding them.
// At 8000 x 8000 x 256 on an H200, from machine code: 65.5 GFLOP are 83 µs at 790 TFLOP/s, split
// 249 µs; a stage of 16 sources is 223 instructions of a warp, of them 32 HMMA and 16 MUFU, or 510,
// 96 and 32: 107 and 246 µs of issue, 62 and 123 µs of MUFU. q comes out of L2 at 0.5 and 1 GB.
// Factors and the sums of parts are some 50 MB more of memory traffic. Not run on a GPU yet.
#pragma once

#include "cuda/wave_direct.cuh"
#include "cuda/wave_factors.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <bool kSplit>
struct WavePropagator {
  using Factor = typename WavePropagatorTuning<kSplit>::Factor;
  const float *receivers, *sources;  // (3, receivers); (3, padded)
  const Factor* factors;             // (halves, 2 padded, columns)
  const float* rightScale;           // (1), of split factors
  View<const float> wavenumber, softening;
  int64_t receiverCount, padded, count, columns, stages, partStages, parts;
  float* sums;  // (parts, count, receivers)
};

// A stage's tiles in shared memory: left high (and low), right high (and low).
template <bool kSplit>
struct WaveStage {
  using Tuning = WavePropagatorTuning<kSplit>;
  using Factor = typename Tuning::Factor;
  int offset;  // elements

  // From the start of shared memory each time, so that the compiler knows where the tile is.
  __device__ __forceinline__ Factor* left(int half) const {
    return sharedMemory<Factor>() + (offset + half * Tuning::leftElements);
  }
  __device__ __forceinline__ Factor* right(int half) const {
    return sharedMemory<Factor>() +
           (offset + Tuning::halves * Tuning::leftElements + half * Tuning::rightElements);
  }
};

// The right factor's tile on its way through a thread's registers, as words.
template <bool kSplit>
struct WaveFetch {
  using Tuning = WavePropagatorTuning<kSplit>;
  using Words = Pack<uint32_t, 4>;
  static constexpr int kCount = sizeof(Words) / sizeof(bfloat16);
  static constexpr int kAcross = Tuning::columns / kCount;
  static constexpr int kPacks = Tuning::depth * kAcross / Tuning::threads;  // of one half
  Words packs[Tuning::halves][kPacks];

  __device__ __forceinline__ void fetch(const WavePropagator<kSplit>& work, int64_t stage,
                                        int64_t firstColumn) {
    const auto* from = work.factors + stage * Tuning::depth * work.columns + firstColumn +
                       int(threadIdx.x) / kAcross * work.columns +
                       int(threadIdx.x) % kAcross * kCount;
#pragma unroll
    for (int half = 0; half < Tuning::halves; ++half) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p) {
        packs[half][p] = *reinterpret_cast<const Words*>(
            from + (half * 2 * work.padded + p * (Tuning::threads / kAcross)) * work.columns);
      }
    }
  }
  __device__ __forceinline__ void store(const WaveStage<kSplit>& to) const {
    const int place =
        int(threadIdx.x) / kAcross * Tuning::rightStride + int(threadIdx.x) % kAcross * kCount;
#pragma unroll
    for (int half = 0; half < Tuning::halves; ++half) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p) {
        *reinterpret_cast<Words*>(to.right(half) + place +
                                  p * (Tuning::threads / kAcross) * Tuning::rightStride) =
            packs[half][p];
      }
    }
  }
};

// Two numbers rounded to neighbours in memory, and what is left of them.
template <class Factor, bool kSplit>
__device__ __forceinline__ void splitPair(float x, float y, uint32_t (&words)[kSplit ? 2 : 1]) {
  words[0] = instruction::narrowPair<Factor>(x, y);
  if constexpr (kSplit) {
    Factor high[2];
    memcpy(high, words, sizeof high);
    words[1] = instruction::narrowPair<Factor>(x - widen(high[0]), y - widen(high[1]));
  }
}

// C and S of a stage: some threads share a receiver and its sources, four of them at a time.
template <bool kSplit>
__device__ __forceinline__ void makeLeft(const WavePropagator<kSplit>& work,
                                         const WaveMedium<float>& medium, const float (&own)[3],
                                         int64_t stage, const WaveStage<kSplit>& to) {
  using Tuning = WavePropagatorTuning<kSplit>;
  using Factor = typename Tuning::Factor;
  constexpr int kTogether = 4, kEach = Tuning::sources / Tuning::sharers;
  static_assert(kEach % kTogether == 0);
  const float scale = kSplit ? leftScale(medium.softening) : 1.0f;
  const int row = int(threadIdx.x) / Tuning::sharers;
  const int firstSource = int(threadIdx.x) % Tuning::sharers * kEach;
#pragma unroll
  for (int group = 0; group < kEach; group += kTogether) {
    const int s = firstSource + group;
    Pack<float, kTogether> places[3];
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      places[axis] =
          loadPack<kTogether>(work.sources + axis * work.padded + stage * Tuning::sources + s);
    }
    float values[2][kTogether];
#pragma unroll
    for (int n = 0; n < kTogether; ++n) {
      const float other[3] = {places[0].values[n], places[1].values[n], places[2].values[n]};
      const float d = softenedDistance<false>(own, other, medium.softening);
      const auto g = hardwarePropagator<false>(medium, d, hardwareInverse(d) * scale);
      values[0][n] = g.cosine;
      values[1][n] = g.sine;
    }
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      uint32_t words[2][Tuning::halves];
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        splitPair<Factor, kSplit>(values[part][2 * n], values[part][2 * n + 1], words[n]);
      }
#pragma unroll
      for (int half = 0; half < Tuning::halves; ++half) {
        const Pack<uint32_t, 2> pack = {{words[0][half], words[1][half]}};
        *reinterpret_cast<Pack<uint32_t, 2>*>(to.left(half) + row * Tuning::leftStride +
                                              part * Tuning::sources + s) = pack;
      }
    }
  }
}

// The sums of a warp, and the second set that split ones move to.
template <bool kSplit>
struct WaveSums {
  using Tuning = WavePropagatorTuning<kSplit>;
  using Factor = typename Tuning::Factor;
  SumTile run[Tuning::rowTiles][Tuning::columnTiles];
  SumTile moved[kSplit ? Tuning::rowTiles : 1][kSplit ? Tuning::columnTiles : 1];
  int row, column;

  __device__ __forceinline__ WaveSums()
      : row(warpIndex() / Tuning::warpsAcross * Tuning::rowTiles * kMatrixTile),
        column(warpIndex() % Tuning::warpsAcross * Tuning::columnTiles * kMatrixTile) {
    for (auto& line : run) {
      for (auto& tile : line) tile.fill(0.0f);
    }
    for (auto& line : moved) {
      for (auto& tile : line) tile.fill(0.0f);
    }
  }
  __device__ __forceinline__ void multiply(const WaveStage<kSplit>& stage) {
#pragma unroll
    for (int k = 0; k < Tuning::depth; k += kMatrixTile) {
      LeftTile<Factor> left[Tuning::halves][Tuning::rowTiles];
#pragma unroll
      for (int half = 0; half < Tuning::halves; ++half) {
#pragma unroll
        for (int i = 0; i < Tuning::rowTiles; ++i) {
          instruction::loadShared(
              left[half][i], stage.left(half) + (row + i * kMatrixTile) * Tuning::leftStride + k,
              Tuning::leftStride);
        }
      }
#pragma unroll
      for (int j = 0; j < Tuning::columnTiles; ++j) {
#pragma unroll
        for (int half = Tuning::halves - 1; half >= 0; --half) {
          RightTile<Factor> right;
          instruction::loadShared(
              right, stage.right(half) + k * Tuning::rightStride + column + j * kMatrixTile,
              Tuning::rightStride);
#pragma unroll
          for (int i = 0; i < Tuning::rowTiles; ++i) {
            if constexpr (kSplit) {
              if (half == 0) run[i][j].multiplyAdd(left[1][i], right);
            }
            run[i][j].multiplyAdd(left[0][i], right);
          }
        }
      }
    }
  }
  __device__ __forceinline__ void move() {
    if constexpr (kSplit) {
#pragma unroll
      for (int i = 0; i < Tuning::rowTiles; ++i) {
#pragma unroll
        for (int j = 0; j < Tuning::columnTiles; ++j) {
#pragma unroll
          for (int n = 0; n < int(run[i][j].fragment.num_elements); ++n) {
            moved[i][j].fragment.x[n] += run[i][j].fragment.x[n];
            run[i][j].fragment.x[n] = 0.0f;
          }
        }
      }
    }
  }
  // Through a patch of shared memory, receivers side by side.
  __device__ __forceinline__ void put(const WavePropagator<kSplit>& work, int64_t firstReceiver,
                                      int64_t firstTime, int64_t part, float scale,
                                      float* patches) {
    float* const patch = patches + warpIndex() * kMatrixTile * Tuning::patchStride;
#pragma unroll
    for (int i = 0; i < Tuning::rowTiles; ++i) {
#pragma unroll
      for (int j = 0; j < Tuning::columnTiles; ++j) {
        if constexpr (kSplit) {
          moved[i][j].store(patch, Tuning::patchStride);
        } else {
          run[i][j].store(patch, Tuning::patchStride);
        }
        __syncwarp();  // the patch is there
#pragma unroll 1
        for (int n = laneIndex(); n < kMatrixTile * kMatrixTile; n += kWarp) {
          const int x = n / kMatrixTile, y = n % kMatrixTile;
          const int64_t s = firstReceiver + row + i * kMatrixTile + y;
          const int64_t m = firstTime + column + j * kMatrixTile + x;
          if (s < work.receiverCount && m < work.count) {
            work.sums[(part * work.count + m) * work.receiverCount + s] =
                patch[y * Tuning::patchStride + x] * scale;
          }
        }
        __syncwarp();  // the patch has been read
      }
    }
  }
};

// Grid: tiles of receivers, tiles of times, parts of the stages.
template <bool kSplit>
__global__ void __launch_bounds__(WavePropagatorTuning<kSplit>::threads)
    wavePropagatorKernel(WavePropagator<kSplit> work) {
  using Tuning = WavePropagatorTuning<kSplit>;
  const int64_t firstReceiver = int64_t(blockIdx.x) * Tuning::rows;
  const int64_t firstTime = int64_t(blockIdx.y) * Tuning::columns;
  const int64_t begin = blockIdx.z * work.partStages;
  const int64_t end = min(begin + work.partStages, work.stages);
  const WaveMedium<float> medium = loadMedium(work.wavenumber, work.softening);
  float own[3] = {};
  const int64_t receiver = firstReceiver + threadIdx.x / Tuning::sharers;
  if (receiver < work.receiverCount) {
    for (int axis = 0; axis < 3; ++axis) {
      own[axis] = work.receivers[axis * work.receiverCount + receiver];
    }
  }
  const auto stageOf = [begin](int64_t stage) {
    return WaveStage<kSplit>{int(stage - begin) % 2 * Tuning::stageElements};
  };
  // The reads of q fly while C and S are made.
  const auto make = [&](int64_t stage) {
    WaveFetch<kSplit> fetch;
    fetch.fetch(work, stage, firstTime);
    makeLeft(work, medium, own, stage, stageOf(stage));
    fetch.store(stageOf(stage));
  };
  WaveSums<kSplit> sums;
  make(begin);
  __syncthreads();  // the first stage is there
  for (int64_t stage = begin; stage < end; ++stage) {
    const bool hasNext = stage + 1 < end;
#pragma unroll 1
    for (int turn = 0; turn < 2; ++turn) {
      if ((turn + warpIndex() / 4) % 2 == 0) {
        sums.multiply(stageOf(stage));
      } else if (hasNext) {
        make(stage + 1);
      }
    }
    if ((stage + 1 - begin) % Tuning::runStages == 0 || !hasNext) sums.move();
    __syncthreads();  // this stage has been read, the next one is there
  }
  float scale = 1;
  if constexpr (kSplit) scale = (1 / work.rightScale[0]) / leftScale(medium.softening);
  sums.put(work, firstReceiver, firstTime, blockIdx.z, scale, sharedMemory<float>());
}

// ---- host ----

// S at `count` times from `first` on; use(sums) while they last.
template <bool kSplit, class Use>
void withPropagatorSums(const WaveFieldInputs<float>& op, const float* receivers, int64_t first,
                        int64_t count, Context& context, const Use& use) {
  using Tuning = WavePropagatorTuning<kSplit>;
  WavePropagator<kSplit> work = {};
  work.stages = ceilDivide(op.nodes, Tuning::sources);
  work.padded = work.stages * Tuning::sources;
  work.count = count;
  const int64_t rowTiles = ceilDivide(op.receivers, Tuning::rows);
  const int64_t columnTiles = ceilDivide(count, Tuning::columns), tiles = rowTiles * columnTiles;
  work.columns = columnTiles * Tuning::columns;
  const int64_t wanted = max(Tuning::blocks / tiles, ceilDivide(work.stages, Tuning::partStages));
  work.partStages = ceilDivide(work.stages, min(max(wanted, int64_t(1)), work.stages));
  work.parts = ceilDivide(work.stages, work.partStages);
  const Workspace<typename Tuning::Factor> factors(context,
                                                   Tuning::halves * 2 * work.padded * work.columns);
  const Workspace<float> positions(context, 3 * work.padded), scale(context, 1);
  const Workspace<float> sums(context, work.parts * count * op.receivers);
  work.receivers = receivers;
  work.receiverCount = op.receivers;
  work.sources = positions.data();
  work.factors = factors.data();
  work.rightScale = scale.data();
  work.wavenumber = op.wavenumber;
  work.softening = op.softening;
  work.sums = sums.data();
  if (kSplit) {
    launch(waveScaleKernel, dim3(1), dim3(WaveScaleTuning::threads),
           WaveScaleTuning::threads / kWarp * sizeof(float), context, op.amplitudes, scale.data());
  }
  launch(waveFactorKernel<kSplit>, waveGrid(work.padded * work.columns), waveBlock(), 0, context,
         op, first, count, work.padded, work.columns, factors.data(),
         static_cast<const float*>(scale.data()), positions.data());
  launch(wavePropagatorKernel<kSplit>,
         dim3(unsigned(rowTiles), unsigned(columnTiles), unsigned(work.parts)),
         dim3(Tuning::threads), Tuning::sharedBytes, context, work);
  use(PartSums<float>{work.sums, work.parts, count, op.receivers});
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
