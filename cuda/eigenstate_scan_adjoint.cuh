// The backward kernel of the eigenstate scan. What passes from step to step, backwards in time, is
// v(t) = conj(lambda(t)) h(t) with h(t) = g(t) + v(t+1); v is cut where reset(t). The states
// c(t-1) are read, or computed again from a state kept every ScanTuning::steps steps.
#pragma once

#include "cuda/eigenstate_scan.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Real>
struct BackwardTask {
  using Scalar = Compute<Real>;
  EigenstateScanBackward<Real> op;
  EigenstateScanPlan plan;
  const Scalar* kept = nullptr;     // (batch, ceil(time / steps), 2, channels), without states
  const Scalar* carries = nullptr;  // (batch, chunks, 2, channels): v behind each chunk
  ScanCarries<Scalar> results;      // where given, only the ends of the chunks are wanted
  double* sums = nullptr;           // (chunks, segments, batch, 2, channels): of the gradients
  FaultSlot slot;
};

template <class Real, Selection kSelection, int kWidth>
struct AdjointTile {
  static constexpr bool kSelective = kSelection != Selection::none;
  static constexpr int kSteps = ScanTuning::steps;
  ComplexPack<Real, kWidth> gradient[kSteps];
  ComplexPack<Real, kWidth> selection[kSelective ? kSteps : 1];
  ComplexPack<Real, kWidth> source[kSteps];  // c(t-1), or the drive of step t
  unsigned resets;

  __device__ __forceinline__ static void loadRows(ComplexPack<Real, kWidth> (&rows)[kSteps],
                                                  const Real* from, int64_t stride, int64_t plane,
                                                  int begin, int end) {
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      rows[i] = {};
      if (i >= begin && i < end) rows[i].load(from + i * stride, plane);
    }
  }

  // `needsSource`: not for the ends of chunks.
  __device__ __forceinline__ void load(const EigenstateScanBackward<Real>& op,
                                       const ScanPlace& place, int64_t begin, bool needsSource) {
    const int count = place.isActive ? stepsFrom(begin, place.last) : 0;
    const int64_t plane = op.channels, stride = 2 * plane;
    const int64_t row = place.sequence * op.time + begin;
    const int64_t at = row * stride + place.channel;
    loadRows(gradient, op.gradStates.data + at, stride, plane, 0, op.gradStates ? count : 0);
    if constexpr (kSelective) loadRows(selection, op.selection.data + at, stride, plane, 0, count);
    if (op.states) {
      loadRows(source, op.states.data + at - stride, stride, plane, begin == 0 ? 1 : 0,
               needsSource ? count : 0);
    } else {
      const int64_t width = op.realInput ? plane : stride;
      loadRows(source, op.input.data + row * width + place.channel, width, op.realInput ? 0 : plane,
               0, needsSource ? count : 0);
    }
    resets = loadResets(op.reset, place.sequence * op.time, begin, count);
  }
};

template <class Real, Selection kSelection, int kWidth>
struct BackwardThread {
  using Scalar = Compute<Real>;
  using Tile = AdjointTile<Real, kSelection, kWidth>;
  static constexpr bool kSelective = kSelection != Selection::none;
  static constexpr int kSteps = ScanTuning::steps;

  const BackwardTask<Real>& task;
  const EigenstateScanBackward<Real>& op;
  ScanPlace place;
  SelectiveChannel<Scalar> channel[kWidth];
  Complex<Scalar> carried[kWidth];  // v of the step that was passed last
  Selected<Scalar> selected[kSelective ? kSteps : 1][kWidth];
  Complex<double> sum[kWidth];  // Σ h conj(c), or the gradients of alpha and omega

  __device__ __forceinline__ BackwardThread(const BackwardTask<Real>& given)
      : task(given),
        op(given.op),
        place(placeOf(given.plan, op.batch, op.time, op.channels, kWidth)) {
    const int64_t chunk = place.sequence * task.plan.chunks + place.chunk;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      channel[j] = selectiveChannelOf<kSelection>(op, place, j, task.slot);
      carried[j] = {Scalar(0), Scalar(0)};
      sum[j] = {0.0, 0.0};
      if (!task.carries || !place.isActive) continue;
      carried[j] =
          loadComplex(task.carries + chunk * 2 * op.channels, op.channels, place.channel + j);
    }
  }

  __device__ __forceinline__ int countFrom(int64_t begin) const {
    return place.isActive ? stepsFrom(begin, place.last) : 0;
  }
  __device__ __forceinline__ Scalar decayScale() const {
    return Scalar(op.decayScale);
  }
  __device__ __forceinline__ Scalar frequencyScale() const {
    return Scalar(op.frequencyScale);
  }

  __device__ __forceinline__ void selectTile(const Tile& tile) {
    if constexpr (kSelective) {
#pragma unroll
      for (int i = 0; i < kSteps; ++i) {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          selected[i][j] = selectedOf<kSelection>(channel[j], tile.selection[i].get(j),
                                                  decayScale(), frequencyScale());
        }
      }
    }
  }
  __device__ __forceinline__ const Eigenvalue<Scalar>& lambdaOf(int i, int j) const {
    if constexpr (kSelective) return selected[i][j].lambda;
    return channel[j].reference;
  }

  // g(t), with that of the final state in the last step.
  __device__ __forceinline__ Complex<Scalar> gradientOf(const Tile& tile, int64_t begin, int i,
                                                        int j) const {
    const Complex<Scalar> gradient = tile.gradient[i].get(j);
    if (!op.gradFinal || begin + i != op.time - 1) return gradient;
    return gradient + loadComplex(op.gradFinal.data + place.sequence * 2 * op.channels, op.channels,
                                  place.channel + j);
  }

  // v(t) from h(t)
  __device__ __forceinline__ Complex<Scalar> carry(const Tile& tile, int i, int j,
                                                   Complex<Scalar> adjoint) const {
    const Complex<Scalar> zero = {Scalar(0), Scalar(0)};
    return (tile.resets >> i & 1u) != 0 ? zero : retreat(lambdaOf(i, j), adjoint, zero);
  }

  // Passes over a tile without any output and notes what it does to a carry.
  __device__ __forceinline__ void measure(const Tile& tile, int64_t begin,
                                          Complex<double> (&transition)[kWidth],
                                          Complex<Scalar> (&end)[kWidth]) const {
    const int count = countFrom(begin);
#pragma unroll
    for (int i = kSteps - 1; i >= 0; --i) {
      if (i >= count) continue;
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        end[j] = carry(tile, i, j, gradientOf(tile, begin, i, j) + end[j]);
        if constexpr (kSelective) {
          transition[j] = transition[j] * conjugate(joinWords(lambdaOf(i, j)));
        }
      }
    }
    if (tile.resets == 0) return;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) transition[j] = {0.0, 0.0};
  }

  // c(t-1) of all steps of a tile, before any reset.
  __device__ __forceinline__ void previousStates(const Tile& tile, int64_t begin,
                                                 Complex<Scalar> (&previous)[kSteps][kWidth]) {
    const int count = countFrom(begin);
    const int64_t plane = op.channels;
    if (op.states) {
      const Scalar* initial = op.initial ? op.initial.data + place.sequence * 2 * plane : nullptr;
#pragma unroll
      for (int i = 0; i < kSteps; ++i) {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          previous[i][j] = i == 0 && begin == 0 && initial && count > 0
                               ? loadComplex(initial, plane, place.channel + j)
                               : tile.source[i].get(j);
        }
      }
      return;
    }
    const int64_t row =
        place.sequence * ceilDivide(op.time, int64_t(kSteps)) + begin / int64_t(kSteps);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      const Complex<Scalar> zero = {Scalar(0), Scalar(0)};
      Complex<Scalar> state =
          count > 0 ? loadComplex(task.kept + row * 2 * plane, plane, place.channel + j) : zero;
#pragma unroll
      for (int i = 0; i < kSteps; ++i) {
        previous[i][j] = state;
        if ((tile.resets >> i & 1u) != 0) state = zero;
        state = advance(lambdaOf(i, j), state, tile.source[i].get(j));
      }
    }
  }

  // Passes over a tile from the right carry and writes all that is wanted of it.
  __device__ __forceinline__ void runTile(const Tile& tile, int64_t begin) {
    const int count = countFrom(begin);
    const int64_t plane = op.channels;
    const int64_t row = place.sequence * op.time + begin;
    const int64_t inputPlane = op.realInput ? 0 : plane;
    const int64_t inputStride = op.realInput ? plane : 2 * plane;
    Complex<Scalar> previous[kSteps][kWidth];
    previousStates(tile, begin, previous);
    Complex<Scalar> partial[kWidth] = {};
#pragma unroll
    for (int i = kSteps - 1; i >= 0; --i) {
      if (i >= count) continue;
      ComplexPack<Real, kWidth> gradInput, gradSelection;
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        const Complex<Scalar> adjoint = gradientOf(tile, begin, i, j) + carried[j];
        gradInput.set(j, adjoint);
        carried[j] = carry(tile, i, j, adjoint);
        Complex<Scalar> past = previous[i][j];
        if ((tile.resets >> i & 1u) != 0) past = {Scalar(0), Scalar(0)};
        if constexpr (kSelective) {
          const Selected<Scalar>& chosen = selected[i][j];
          const Complex<Scalar> gradient = selectedGradients(chosen, carried[j], past);
          partial[j] = partial[j] + gradient;
          gradSelection.set(
              j, {selectionGradient(gradient.real, chosen.tanhDecay, decayScale()),
                  selectionGradient(gradient.imaginary, chosen.tanhTurn, frequencyScale())});
        } else {
          partial[j] = multiplyAdd(adjoint, conjugate(past), partial[j]);
        }
      }
      gradInput.store(op.gradInput.data + (row + i) * inputStride + place.channel, inputPlane);
      if constexpr (kSelective) {
        if (op.gradSelection) {
          gradSelection.store(op.gradSelection.data + (row + i) * 2 * plane + place.channel, plane);
        }
      }
    }
#pragma unroll
    for (int j = 0; j < kWidth; ++j) sum[j] = sum[j] + toDouble(partial[j]);
    if (begin == 0 && count > 0 && op.gradInitial) {
      store(op.gradInitial.data, place.sequence, carried);
    }
  }

  template <class Number>
  __device__ __forceinline__ void store(Number* to, int64_t row,
                                        const Complex<Number> (&values)[kWidth]) const {
    if (!place.isActive) return;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      storeComplex(to + row * 2 * op.channels, op.channels, place.channel + j, values[j]);
    }
  }
  __device__ __forceinline__ void writeSums() const {
    const int64_t part = place.chunk * task.plan.segments + place.segment;
    store(task.sums, part * op.batch + place.sequence, sum);
  }
  // conj(lambda)^n for fixed lambda; with selection the product starts at 1.
  __device__ __forceinline__ Complex<double> transitionOver(int j, int64_t n) const {
    if constexpr (kSelective) return {1.0, 0.0};
    return powerOf(conjugate(joinWords(channel[j].reference)), n);
  }
};

// One thread for all steps of a chunk.
template <class Real, Selection kSelection, int kWidth>
__global__ void __launch_bounds__(ScanTuning::threads)
    backwardKernel(const BackwardTask<Real> task) {
  constexpr int kSteps = ScanTuning::steps;
  BackwardThread<Real, kSelection, kWidth> thread(task);
  const ScanPlace& place = thread.place;
  if (!place.isActive) return;
  Complex<double> transition[kWidth];
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    transition[j] = thread.transitionOver(j, task.results.ends ? place.last - place.first : 0);
  }
  const int64_t tiles = ceilDivide(place.last - place.first, int64_t(kSteps));
  AdjointTile<Real, kSelection, kWidth> tile;
  for (int64_t begin = place.first + (tiles - 1) * kSteps; begin >= place.first; begin -= kSteps) {
    tile.load(task.op, place, begin, !task.results.ends);
    thread.selectTile(tile);
    if (task.results.ends) {
      thread.measure(tile, begin, transition, thread.carried);
    } else {
      thread.runTile(tile, begin);
    }
  }
  if (task.results.ends) {
    const int64_t row = place.sequence * task.plan.chunks + place.chunk;
    thread.store(task.results.ends, row, thread.carried);
    thread.store(task.results.transitions, row, transition);
  } else {
    thread.writeSums();
  }
}

// The segments of a block take neighbouring tiles: from zero first, then from the right carry.
template <class Real, Selection kSelection, int kWidth>
__global__ void __launch_bounds__(ScanTuning::threads)
    backwardSegmentsKernel(const BackwardTask<Real> task) {
  using Scalar = Compute<Real>;
  constexpr int kSteps = ScanTuning::steps;
  BackwardThread<Real, kSelection, kWidth> thread(task);
  const ScanPlace& place = thread.place;
  Complex<double> power[kWidth], carry[kWidth];
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    power[j] = thread.transitionOver(j, kSteps);
    carry[j] = toDouble(thread.carried[j]);
  }
  const int64_t allSteps = int64_t(task.plan.segments) * kSteps;
  const int64_t rounds = ceilDivide(place.last - place.first, allSteps);
  AdjointTile<Real, kSelection, kWidth> tile;
  for (int64_t round = rounds - 1; round >= 0; --round) {
    const int64_t begin = place.first + round * allSteps + int64_t(place.segment) * kSteps;
    tile.load(task.op, place, begin, true);
    thread.selectTile(tile);
    Complex<double> transition[kWidth];
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      transition[j] = power[j];
      thread.carried[j] = {Scalar(0), Scalar(0)};
    }
    thread.measure(tile, begin, transition, thread.carried);
    exchangeCarries(task.plan, place.lane, task.plan.segments - 1 - place.segment, transition,
                    carry, thread.carried);
    thread.runTile(tile, begin);
  }
  thread.writeSums();
}

template <class Real, Selection kSelection, int kWidth>
void launchBackward(const BackwardTask<Real>& task, Context& context) {
  constexpr int64_t kShared = kWidth * kExchangeBytes<Compute<Real>>;
  const int64_t lanes = task.op.batch * (task.op.channels / kWidth);
  const auto kernel = task.plan.segments > 1 ? backwardSegmentsKernel<Real, kSelection, kWidth>
                                             : backwardKernel<Real, kSelection, kWidth>;
  launchScan(kernel, lanes, kShared, context, task);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
