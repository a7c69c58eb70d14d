// What the eigenstate scan kernels of both directions share: a thread's place, rows of complex
// numbers, the constants of a channel, and the combination of carries within a block and over
// chunks. A carry passes over a stretch of steps as carry <- transition carry + end, where `end` is
// the stretch's result from zero and `transition` the product of its lambda, in double.
#pragma once

#include "cuda/eigenstate_scan_plan.h"
#include "cuda/elementwise.cuh"
#include "cuda/fault.cuh"
#include "ops/eigenstate_scan.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// How lambda(t) comes about: fixed, or chosen by the input within or beyond kSmallSelection.
enum class Selection { none, near, any };

// Calls function(std::integral_constant<Selection, …>) for the operation's kind.
template <class Operation, class Function>
void withSelection(const Operation& op, const Function& function) {
  if (!op.selection) {
    function(std::integral_constant<Selection, Selection::none>{});
  } else if (isNearSelection(op.decayScale, op.frequencyScale)) {
    function(std::integral_constant<Selection, Selection::near>{});
  } else {
    function(std::integral_constant<Selection, Selection::any>{});
  }
}

// ---- a thread's place ----

struct ScanPlace {
  int64_t sequence, channel;   // the first of the thread's channels
  int64_t chunk, first, last;  // steps first ... last - 1
  int lane, segment;           // in the block
  bool isActive;               // threads beyond the last channel only take part in barriers
};

// A grid has `tiles` blocks for each chunk, a block `lanes` threads for each segment.
__device__ __forceinline__ ScanPlace placeOf(const EigenstateScanPlan& plan, int64_t batch,
                                             int64_t time, int64_t channels, int width) {
  const int64_t packs = channels / width;
  const int64_t tiles = ceilDivide(batch * packs, plan.lanes);
  ScanPlace place;
  place.lane = int(threadIdx.x) % plan.lanes;
  place.segment = int(threadIdx.x) / plan.lanes;
  place.chunk = int64_t(blockIdx.x) / tiles;
  const int64_t pack = int64_t(blockIdx.x) % tiles * plan.lanes + place.lane;
  place.isActive = pack < batch * packs;
  const int64_t held = place.isActive ? pack : 0;
  place.sequence = held / packs;
  place.channel = held % packs * width;
  place.first = place.chunk * plan.chunk;
  place.last = place.first + plan.chunk < time ? place.first + plan.chunk : time;
  return place;
}

template <class Parameter, class Task>
void launchScan(void (*kernel)(Parameter), int64_t lanes, int64_t sharedBytesPerThread,
                const Context& context, const Task& task) {
  const EigenstateScanPlan& plan = task.plan;
  const int64_t blocks = ceilDivide(lanes, plan.lanes) * plan.chunks;
  const int threads = plan.lanes * plan.segments;
  launch(kernel, dim3(unsigned(blocks)), dim3(unsigned(threads)),
         size_t(plan.segments > 1 ? threads * sharedBytesPerThread : 0), context, task);
}

// ---- rows ----

// kWidth neighbouring channels of a complex row, as they are stored.
template <class Storage, int kWidth>
struct ComplexPack {
  using Values = Pack<Storage, kWidth>;
  Values real, imaginary;

  // `plane`: elements from the real to the imaginary part; 0 where there is none.
  __device__ __forceinline__ void load(const Storage* at, int64_t plane) {
    real = *reinterpret_cast<const Values*>(at);
    imaginary = plane != 0 ? *reinterpret_cast<const Values*>(at + plane) : Values{};
  }
  __device__ __forceinline__ void store(Storage* at, int64_t plane) const {
    *reinterpret_cast<Values*>(at) = real;
    if (plane != 0) *reinterpret_cast<Values*>(at + plane) = imaginary;
  }
  __device__ __forceinline__ Complex<Compute<Storage>> get(int j) const {
    return {widen(real.values[j]), widen(imaginary.values[j])};
  }
  __device__ __forceinline__ void set(int j, Complex<Compute<Storage>> value) {
    real.values[j] = narrow<Storage>(value.real);
    imaginary.values[j] = narrow<Storage>(value.imaginary);
  }
};

// Whether half numbers at this address can be read as pairs.
template <class Storage>
bool isPairAligned(const Storage* data) {
  return reinterpret_cast<uintptr_t>(data) % (2 * sizeof(Storage)) == 0;
}

// Element j of a complex row of full numbers.
template <class Scalar>
__device__ __forceinline__ Complex<Scalar> loadComplex(const Scalar* row, int64_t plane,
                                                       int64_t j) {
  return {row[j], row[plane + j]};
}
template <class Scalar>
__device__ __forceinline__ void storeComplex(Scalar* row, int64_t plane, int64_t j,
                                             Complex<Scalar> value) {
  row[j] = value.real;
  row[plane + j] = value.imaginary;
}

// One bit for each of `count` steps from `begin` on in which the past counts as 0.
__device__ __forceinline__ unsigned loadResets(const View<const uint8_t>& reset, int64_t row,
                                               int64_t begin, int count) {
  unsigned bits = 0;
  if (!reset) return bits;
#pragma unroll
  for (int i = 0; i < ScanTuning::steps; ++i) {
    if (i < count && reset[row + begin + i] != 0) bits |= 1u << i;
  }
  return bits;
}

// How many of the steps from `begin` on a thread has in its registers.
__device__ __forceinline__ int stepsFrom(int64_t begin, int64_t last) {
  const int64_t left = last - begin;
  return left <= 0 ? 0 : left < ScanTuning::steps ? int(left) : ScanTuning::steps;
}

// ---- channels ----

// The constants of a channel; called once by each thread and kept out of line, since the double
// functions are long. `raises`: whether this thread reports a magnitude that is none.
static __device__ __attribute__((noinline)) ChannelEigenvalue<double> channelOf(
    double logDecay, double frequency, bool magnitudeForm, int64_t channel, bool raises,
    FaultSlot slot) {
  if (magnitudeForm && !isMagnitude(logDecay)) {
    if (raises) raise(slot, FaultRule::magnitudeRange, channel, logDecay);
    logDecay = __builtin_nan("");
  }
  return channelEigenvalue(logDecay, frequency, magnitudeForm);
}

template <Selection kSelection, class Operation>
__device__ __forceinline__ auto selectiveChannelOf(const Operation& op, const ScanPlace& place,
                                                   int j, FaultSlot slot) {
  const int64_t k = place.channel + j;
  const double logDecay = double(op.logDecay[k]);
  const bool raises =
      place.isActive && place.sequence == 0 && place.chunk == 0 && place.segment == 0;
  const ChannelEigenvalue<double> channel =
      channelOf(logDecay, double(op.frequency[k]), op.magnitudeForm, k, raises, slot);
  return selectiveChannel<typename Operation::Scalar>(channel, logDecay,
                                                      kSelection != Selection::any);
}

// The eigenvalue of one step.
template <Selection kSelection, class Scalar>
__device__ __forceinline__ Selected<Scalar> selectedOf(const SelectiveChannel<Scalar>& channel,
                                                       Complex<Scalar> selection, Scalar decayScale,
                                                       Scalar frequencyScale) {
  if constexpr (kSelection == Selection::none) {
    return {channel.reference, Scalar(0), Scalar(0), Scalar(0)};
  } else {
    return selectEigenvalue<kSelection == Selection::near>(
        channel, selection.real, selection.imaginary, decayScale, frequencyScale);
  }
}

// ---- carries ----

template <class Scalar>
HOST_DEVICE Complex<double> joinWords(const Eigenvalue<Scalar>& lambda) {
  return {double(lambda.high.real) + double(lambda.low.real),
          double(lambda.high.imaginary) + double(lambda.low.imaginary)};
}

// base^n by squaring: a relative error of n units in the last place of a double.
HOST_DEVICE Complex<double> powerOf(Complex<double> base, int64_t n) {
  Complex<double> result = {1.0, 0.0};
  for (; n > 0; n /= 2) {
    if (n % 2 != 0) result = result * base;
    base = base * base;
  }
  return result;
}

// The carry behind a stretch; where the stretch cuts it, also one that is not finite.
__device__ __forceinline__ Complex<double> passOver(Complex<double> transition,
                                                    Complex<double> carry, Complex<double> end) {
  const bool isCut = transition.real == 0.0 && transition.imaginary == 0.0;
  return isCut ? end : multiplyAdd(transition, carry, end);
}

template <class Scalar>
__device__ __forceinline__ Complex<double> toDouble(Complex<Scalar> value) {
  return {double(value.real), double(value.imaginary)};
}

template <class Scalar>
constexpr int64_t kExchangeBytes = int64_t(sizeof(Complex<Scalar>) + sizeof(Complex<double>));

// Turns the end of each segment of a block into the carry the segment starts with. `order` counts
// the segments as the carry passes them; the thread of order 0 combines them one after another and
// keeps the carry behind the last one for the next call.
template <int kWidth, class Scalar>
__device__ __forceinline__ void exchangeCarries(const EigenstateScanPlan& plan, int lane, int order,
                                                const Complex<double> (&transition)[kWidth],
                                                Complex<double> (&carry)[kWidth],
                                                Complex<Scalar> (&end)[kWidth]) {
  const int stride = plan.lanes * kWidth;
  Complex<double>* transitions = sharedMemory<Complex<double>>();
  Complex<Scalar>* ends =
      sharedMemory<Complex<Scalar>>(int64_t(sizeof(Complex<double>)) * stride * plan.segments);
  const int slot = order * stride + lane * kWidth;
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    transitions[slot + j] = transition[j];
    ends[slot + j] = end[j];
  }
  __syncthreads();  // all ends are there
  if (order == 0) {
#pragma unroll 4
    for (int segment = 0; segment < plan.segments; ++segment) {
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        const int at = segment * stride + lane * kWidth + j;
        const Complex<double> stretch = toDouble(ends[at]);
        ends[at] = {Scalar(carry[j].real), Scalar(carry[j].imaginary)};
        carry[j] = passOver(transitions[at], carry[j], stretch);
      }
    }
  }
  __syncthreads();  // all carries are there; each thread's slot is now its own again
#pragma unroll
  for (int j = 0; j < kWidth; ++j) end[j] = ends[slot + j];
}

// What crosses from chunk to chunk, both (batch, chunks, 2, channels).
template <class Scalar>
struct ScanCarries {
  Scalar* ends = nullptr;  // then the carry each chunk starts with
  double* transitions = nullptr;
};

template <class Scalar>
struct CarryTask {
  ScanCarries<Scalar> carries;
  View<const Scalar> initial;  // (batch, 2 channels), optional: the first carry
  int64_t batch, chunks, channels;
  bool isBackward;  // the carry comes from the last chunk
};

// Ends to carries over all chunks of a sequence: each thread passes over a range of chunks, the
// ranges are combined through shared memory, and each range is passed again from its carry.
template <class Scalar>
__global__ void __launch_bounds__(ScanTuning::carryLanes* ScanTuning::carrySegments)
    carryKernel(const CarryTask<Scalar> task) {
  EigenstateScanPlan plan;
  plan.lanes = ScanTuning::carryLanes;
  plan.segments = ScanTuning::carrySegments;
  const ScanPlace place = placeOf(plan, task.batch, 0, task.channels, 1);
  const int64_t plane = task.channels;
  const int64_t range = ceilDivide(task.chunks, plan.segments);
  const int64_t begin = place.segment * range;
  const int64_t count = !place.isActive || begin >= task.chunks ? 0
                        : begin + range < task.chunks           ? range
                                                                : task.chunks - begin;
  const auto rowOf = [&](int64_t i) {
    const int64_t chunk = task.isBackward ? task.chunks - 1 - (begin + i) : begin + i;
    return (place.sequence * task.chunks + chunk) * 2 * plane;
  };
  Complex<double> transition[1] = {{1.0, 0.0}};
  Complex<double> carry[1] = {{0.0, 0.0}};
  Complex<double> end = {0.0, 0.0};
  if (task.initial && place.isActive) {
    carry[0] =
        toDouble(loadComplex(task.initial.data + place.sequence * 2 * plane, plane, place.channel));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = rowOf(i);
    const Complex<double> stretch =
        loadComplex(task.carries.transitions + row, plane, place.channel);
    end = passOver(stretch, end,
                   toDouble(loadComplex(task.carries.ends + row, plane, place.channel)));
    transition[0] = stretch * transition[0];
  }
  Complex<double> start[1] = {end};
  exchangeCarries(plan, place.lane, place.segment, transition, carry, start);
  Complex<double> passing = start[0];
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = rowOf(i);
    const Complex<double> stretch =
        toDouble(loadComplex(task.carries.ends + row, plane, place.channel));
    storeComplex(task.carries.ends + row, plane, place.channel,
                 Complex<Scalar>{Scalar(passing.real), Scalar(passing.imaginary)});
    passing = passOver(loadComplex(task.carries.transitions + row, plane, place.channel), passing,
                       stretch);
  }
}

template <class Scalar>
void combineCarries(const CarryTask<Scalar>& task, Context& context) {
  constexpr int kLanes = ScanTuning::carryLanes;
  constexpr int kThreads = kLanes * ScanTuning::carrySegments;
  launch(carryKernel<Scalar>, dim3(unsigned(ceilDivide(task.batch * task.channels, kLanes))),
         dim3(kThreads), size_t(kThreads * kExchangeBytes<double>), context, task);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
