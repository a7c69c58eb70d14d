// The forward kernel of the eigenstate scan, c(t) = lambda(t) c(t-1) + beta(t). A thread holds the
// drive of ScanTuning::steps steps of its channels in registers and has the next ones under way.
#pragma once

#include "cuda/eigenstate_scan.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Real>
struct ForwardTask {
  using Scalar = Compute<Real>;
  EigenstateScanForward<Real> op;
  EigenstateScanPlan plan;
  const Scalar* carries = nullptr;  // (batch, chunks, 2, channels): the state before each chunk
  ScanCarries<Scalar> results;      // where given, only the ends of the chunks are wanted
  FaultSlot slot;
};

template <class Real, Selection kSelection, int kWidth>
struct DriveTile {
  static constexpr bool kSelective = kSelection != Selection::none;
  ComplexPack<Real, kWidth> drive[ScanTuning::steps];
  ComplexPack<Real, kWidth> selection[kSelective ? ScanTuning::steps : 1];
  unsigned resets;

  // Steps beyond the last read as 0.
  __device__ __forceinline__ void load(const EigenstateScanForward<Real>& op,
                                       const ScanPlace& place, int64_t begin) {
    const int count = place.isActive ? stepsFrom(begin, place.last) : 0;
    const int64_t row = place.sequence * op.time;
    const int64_t plane = op.realInput ? 0 : op.channels;
    const int64_t stride = op.realInput ? op.channels : 2 * op.channels;
    const Real* input = op.input.data + (row + begin) * stride + place.channel;
#pragma unroll
    for (int i = 0; i < ScanTuning::steps; ++i) {
      drive[i] = {};
      if (i < count) drive[i].load(input + i * stride, plane);
    }
    if constexpr (kSelective) {
      const Real* from = op.selection.data + (row + begin) * 2 * op.channels + place.channel;
#pragma unroll
      for (int i = 0; i < ScanTuning::steps; ++i) {
        selection[i] = {};
        if (i < count) selection[i].load(from + i * 2 * op.channels, op.channels);
      }
    }
    resets = loadResets(op.reset, row, begin, count);
  }
};

template <class Real, Selection kSelection, int kWidth>
struct ForwardThread {
  using Scalar = Compute<Real>;
  using Tile = DriveTile<Real, kSelection, kWidth>;
  static constexpr bool kSelective = kSelection != Selection::none;
  static constexpr int kSteps = ScanTuning::steps;

  const EigenstateScanForward<Real>& op;
  ScanPlace place;
  SelectiveChannel<Scalar> channel[kWidth];
  Complex<Scalar> state[kWidth];
  Eigenvalue<Scalar> lambda[kSelective ? kSteps : 1][kWidth];
  int64_t boundary = 0, nextBoundary = -1;  // the next row of `boundaries` and its step

  __device__ __forceinline__ ForwardThread(const ForwardTask<Real>& task)
      : op(task.op), place(placeOf(task.plan, op.batch, op.time, op.channels, kWidth)) {
    const int64_t plane = op.channels, row = 2 * plane;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      channel[j] = selectiveChannelOf<kSelection>(op, place, j, task.slot);
      state[j] = {Scalar(0), Scalar(0)};
      if (!place.isActive) continue;
      if (task.carries) {
        const int64_t chunk = place.sequence * task.plan.chunks + place.chunk;
        state[j] = loadComplex(task.carries + chunk * row, plane, place.channel + j);
      } else if (op.initial && !task.results.ends) {
        state[j] = loadComplex(op.initial.data + place.sequence * row, plane, place.channel + j);
      }
    }
  }

  // Boundaries are written by whoever passes them, from step `begin` on.
  __device__ __forceinline__ void seekBoundary(int64_t begin) {
    if (!op.boundaries || nextBoundary >= begin) return;
    boundary = ceilDivide(begin, op.checkpointEvery);
    nextBoundary = boundary * op.checkpointEvery;
  }

  __device__ __forceinline__ void selectTile(const Tile& tile) {
    if constexpr (kSelective) {
#pragma unroll
      for (int i = 0; i < kSteps; ++i) {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          lambda[i][j] = selectedOf<kSelection>(channel[j], tile.selection[i].get(j),
                                                Scalar(op.decayScale), Scalar(op.frequencyScale))
                             .lambda;
        }
      }
    }
  }
  __device__ __forceinline__ const Eigenvalue<Scalar>& lambdaOf(int i, int j) const {
    if constexpr (kSelective) return lambda[i][j];
    return channel[j].reference;
  }

  // One step of `values`, without any output.
  __device__ __forceinline__ void advanceBy(const Tile& tile, int i,
                                            Complex<Scalar> (&values)[kWidth]) const {
    const bool isReset = (tile.resets >> i & 1u) != 0;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      const Complex<Scalar> past = isReset ? Complex<Scalar>{Scalar(0), Scalar(0)} : values[j];
      values[j] = advance(lambdaOf(i, j), past, tile.drive[i].get(j));
    }
  }

  // Passes over a tile of `count` steps and notes what it does to a carry.
  __device__ __forceinline__ void measure(const Tile& tile, int count,
                                          Complex<double> (&transition)[kWidth],
                                          Complex<Scalar> (&end)[kWidth]) const {
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      if (i >= count) break;
      advanceBy(tile, i, end);
      if constexpr (kSelective) {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) transition[j] = transition[j] * joinWords(lambdaOf(i, j));
      }
    }
    if (tile.resets == 0) return;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) transition[j] = {0.0, 0.0};
  }

  // Passes over a tile from the right state and writes all that is wanted of it.
  __device__ __forceinline__ void runTile(const Tile& tile, int64_t begin) {
    const int count = place.isActive ? stepsFrom(begin, place.last) : 0;
    seekBoundary(begin);
    const int64_t stride = 2 * op.channels;
    Real* states = op.states.data + (place.sequence * op.time + begin) * stride + place.channel;
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      if (i >= count) break;
      if (begin + i == nextBoundary) writeBoundary();
      advanceBy(tile, i, state);
      if (!op.states) continue;
      ComplexPack<Real, kWidth> packed;
#pragma unroll
      for (int j = 0; j < kWidth; ++j) packed.set(j, state[j]);
      packed.store(states + i * stride, op.channels);
    }
    if (count > 0 && begin + count == op.time) writeState(op.final, place.sequence);
  }

  __device__ __forceinline__ void writeBoundary() {
    writeState(op.boundaries,
               place.sequence * boundaryCount(op.time, op.checkpointEvery) + boundary);
    ++boundary;
    nextBoundary += op.checkpointEvery;
  }
  __device__ __forceinline__ void writeState(const View<Scalar>& to, int64_t row) const {
    if (!to) return;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      storeComplex(to.data + row * 2 * op.channels, op.channels, place.channel + j, state[j]);
    }
  }
};

// What the chunk of a thread does to a carry.
template <class Real, Selection kSelection, int kWidth>
__device__ __forceinline__ void measureChunk(const ForwardTask<Real>& task,
                                             ForwardThread<Real, kSelection, kWidth>& thread) {
  const ScanPlace& place = thread.place;
  const int64_t plane = task.op.channels;
  Complex<double> transition[kWidth];
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    transition[j] = kSelection != Selection::none
                        ? Complex<double>{1.0, 0.0}
                        : powerOf(joinWords(thread.channel[j].reference), place.last - place.first);
  }
  DriveTile<Real, kSelection, kWidth> tile, next;
  tile.load(task.op, place, place.first);
  for (int64_t begin = place.first; begin < place.last; begin += ScanTuning::steps) {
    next.load(task.op, place, begin + ScanTuning::steps);
    thread.selectTile(tile);
    thread.measure(tile, stepsFrom(begin, place.last), transition, thread.state);
    tile = next;
  }
  const int64_t row = (place.sequence * task.plan.chunks + place.chunk) * 2 * plane;
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    storeComplex(task.results.ends + row, plane, place.channel + j, thread.state[j]);
    storeComplex(task.results.transitions + row, plane, place.channel + j, transition[j]);
  }
}

// One thread for all steps of a chunk.
template <class Real, Selection kSelection, int kWidth>
__global__ void __launch_bounds__(ScanTuning::threads) forwardKernel(const ForwardTask<Real> task) {
  ForwardThread<Real, kSelection, kWidth> thread(task);
  const ScanPlace& place = thread.place;
  if (!place.isActive) return;
  if (task.results.ends) {
    measureChunk(task, thread);
    return;
  }
  DriveTile<Real, kSelection, kWidth> tile, next;
  tile.load(task.op, place, place.first);
  for (int64_t begin = place.first; begin < place.last; begin += ScanTuning::steps) {
    next.load(task.op, place, begin + ScanTuning::steps);
    thread.selectTile(tile);
    thread.runTile(tile, begin);
    tile = next;
  }
}

// The segments of a block take neighbouring tiles: from zero first, then from the right carry.
template <class Real, Selection kSelection, int kWidth>
__global__ void __launch_bounds__(ScanTuning::threads)
    forwardSegmentsKernel(const ForwardTask<Real> task) {
  using Scalar = Compute<Real>;
  constexpr int kSteps = ScanTuning::steps;
  ForwardThread<Real, kSelection, kWidth> thread(task);
  const ScanPlace& place = thread.place;
  Complex<double> power[kWidth], carry[kWidth];
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    power[j] = kSelection != Selection::none
                   ? Complex<double>{1.0, 0.0}
                   : powerOf(joinWords(thread.channel[j].reference), kSteps);
    carry[j] = toDouble(thread.state[j]);
  }
  const int64_t advanceSteps = int64_t(task.plan.segments) * kSteps;
  int64_t begin = place.first + int64_t(place.segment) * kSteps;
  DriveTile<Real, kSelection, kWidth> tile, next;
  tile.load(task.op, place, begin);
  for (int64_t all = place.first; all < place.last; all += advanceSteps, begin += advanceSteps) {
    next.load(task.op, place, begin + advanceSteps);
    thread.selectTile(tile);
    Complex<double> transition[kWidth];
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      transition[j] = power[j];
      thread.state[j] = {Scalar(0), Scalar(0)};
    }
    thread.measure(tile, stepsFrom(begin, place.last), transition, thread.state);
    exchangeCarries(task.plan, place.lane, place.segment, transition, carry, thread.state);
    thread.runTile(tile, begin);
    tile = next;
  }
}

template <class Real, Selection kSelection, int kWidth>
void launchForward(const ForwardTask<Real>& task, Context& context) {
  constexpr int64_t kShared = kWidth * kExchangeBytes<Compute<Real>>;
  const int64_t lanes = task.op.batch * (task.op.channels / kWidth);
  const auto kernel = task.plan.segments > 1 ? forwardSegmentsKernel<Real, kSelection, kWidth>
                                             : forwardKernel<Real, kSelection, kWidth>;
  launchScan(kernel, lanes, kShared, context, task);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
