// The right factor of the wave's propagator product in global memory, Im q and −Re q of all sources
// and times, stage by stage: bfloat16, or high and low halves in float16 scaled by powers of two.
#pragma once

#include "cuda/matrix_unit.cuh"
#include "cuda/wave_inputs.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <bool kSplit>
struct WavePropagatorTuning {
  using Factor = std::conditional_t<kSplit, float16, bfloat16>;
  static constexpr int rows = 128;                    // receivers of a block; not measured
  static constexpr int columns = kSplit ? 128 : 256;  // times of a block; not measured
  static constexpr int sources = 16;                  // of a stage; not measured
  static constexpr int depth = 2 * sources;
  static constexpr int halves = kSplit ? 2 : 1;
  static constexpr int warpsDown = 4, warpsAcross = columns / 64;
  static constexpr int threads = warpsDown * warpsAcross * kWarp;
  static constexpr int rowTiles = rows / warpsDown / kMatrixTile;
  static constexpr int columnTiles = columns / warpsAcross / kMatrixTile;
  static constexpr int sharers = threads / rows;         // threads that make one receiver's C and S
  static constexpr int padding = 8;                      // elements, 16 bytes
  static constexpr int leftStride = depth + padding;     // (rows, depth)
  static constexpr int rightStride = columns + padding;  // (depth, columns)
  static constexpr int leftElements = rows * leftStride;
  static constexpr int rightElements = depth * rightStride;
  static constexpr int stageElements = halves * (leftElements + rightElements);
  static constexpr int runStages = 128 / sources;         // between moves of the split sums
  static constexpr int64_t blocks = 132;                  // wanted, by parts; not measured
  static constexpr int64_t partStages = 16384 / sources;  // at most
  static constexpr int patchStride = kMatrixTile + 4;
  static constexpr size_t sharedBytes = 2 * stageElements * sizeof(Factor);
};

struct WaveScaleTuning {
  static constexpr int threads = 1024;  // not measured
};

// What the halves are scaled by, powers of two: |C| <= 1 / ε and |q| to 2^14 at most, so that
// float16 holds them; what is too small for it is nothing beside the term of a node itself.
HOST_DEVICE float wholePower(float x) {
  return fromBits(toBits(x) & 0x7f800000);
}
__device__ __forceinline__ float leftScale(float softening) {
  return 0x1p14f * wholePower(softening);
}

// The power of two that brings the greatest amplitude to [2^13, 2^14).
static __global__ void __launch_bounds__(WaveScaleTuning::threads)
    waveScaleKernel(View<const float> amplitudes, float* scale) {
  float greatest = 0x1p-100f;
  for (int64_t j = threadIdx.x; j < amplitudes.length; j += WaveScaleTuning::threads) {
    greatest = maximum(greatest, minimum(absolute(amplitudes[j]), 0x1p100f));
  }
  greatest = blockReduce(greatest, 0x1p-100f, Maximum{}, sharedMemory<float>());
  if (threadIdx.x == 0) scale[0] = 0x1p13f / wholePower(greatest);
}

// Rows of the right factor, stage by stage: Im q of its sources, then −Re q; and padded positions.
template <bool kSplit>
__global__ void __launch_bounds__(WaveInputTuning::threads)
    waveFactorKernel(WaveFieldInputs<float> op, int64_t first, int64_t count, int64_t padded,
                     int64_t columns, typename WavePropagatorTuning<kSplit>::Factor* factors,
                     const float* scale, float* positions) {
  using Tuning = WavePropagatorTuning<kSplit>;
  using Factor = typename Tuning::Factor;
  const int64_t i = globalThread();
  if (i >= padded * columns) return;
  const int64_t j = i / columns, m = i % columns;
  const bool exists = j < op.nodes && m < count;
  const Circle<float> q = exists ? waveSourceAt(op, j, first + m) : Circle<float>{0, 0};
  const int64_t row = j / Tuning::sources * Tuning::depth + j % Tuning::sources;
#pragma unroll
  for (int part = 0; part < 2; ++part) {
    const float x = (part == 0 ? q.sine : -q.cosine) * (kSplit ? scale[0] : 1.0f);
    const Factor high = narrow<Factor>(x);
    const int64_t at = (row + part * Tuning::sources) * columns + m;
    factors[at] = high;
    if (kSplit) factors[2 * padded * columns + at] = narrow<Factor>(x - widen(high));
  }
  if (m >= 3) return;
  positions[m * padded + j] = j < op.nodes ? op.positions[m * op.nodes + j] : 0.0f;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
