// What the eigenstate scan kernels share: the constants of the channels, the division of the
// channels among tasks, and rows of complex numbers as vectors.
#pragma once

#include <type_traits>

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/eigenstate_scan.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// How lambda(t) comes about: fixed, or chosen by the input within or beyond kSmallSelection.
enum class Selection { none, near, any };

template <class Operation>
Selection selectionOf(const Operation& op) {
  if (!op.selection) return Selection::none;
  return isNearSelection(op.decayScale, op.frequencyScale) ? Selection::near : Selection::any;
}

// ---- constants ----

// Columns of `padded` numbers; channels beyond the last are zero.
template <class Scalar>
struct ChannelTable {
  int64_t padded;
  double *magnitude, *complement, *directionReal, *directionImaginary;
  Scalar *highReal, *highImaginary, *lowReal, *lowImaginary, *decay;

  ChannelEigenvalue<double> channel(int64_t k) const {
    return {magnitude[k], complement[k], {directionReal[k], directionImaginary[k]}};
  }
};

template <class Scalar>
ChannelTable<Scalar> allocateTable(int64_t channels, Context& context) {
  constexpr int64_t kLanes = Vector<Scalar>::kLanes;
  ChannelTable<Scalar> table;
  table.padded = (channels + kLanes - 1) / kLanes * kLanes;
  double* exact = context.workspace<double>(4 * table.padded);
  table.magnitude = exact;
  table.complement = exact + table.padded;
  table.directionReal = exact + 2 * table.padded;
  table.directionImaginary = exact + 3 * table.padded;
  Scalar* words = context.workspace<Scalar>(5 * table.padded);
  table.highReal = words;
  table.highImaginary = words + table.padded;
  table.lowReal = words + 2 * table.padded;
  table.lowImaginary = words + 3 * table.padded;
  table.decay = words + 4 * table.padded;
  return table;
}

// Fills `count` channels from `first` on.
template <class Operation, class Scalar>
void fillTable(const Operation& op, const ChannelTable<Scalar>& table, int64_t first, int count,
               Context& context) {
  using Doubles = Vector<double>;
  double logDecay[Doubles::kLanes] = {}, frequency[Doubles::kLanes] = {};
  for (int lane = 0; lane < count; ++lane) {
    const int64_t k = first + lane;
    logDecay[lane] = double(op.logDecay[k]);
    frequency[lane] = double(op.frequency[k]);
    if (op.magnitudeForm && !isMagnitude(logDecay[lane])) {
      context.raise(runtime::FaultRule::magnitudeRange, k, logDecay[lane]);
      logDecay[lane] = __builtin_nan("");
    }
  }
  const ChannelEigenvalue<Doubles> channel =
      channelEigenvalue(load(logDecay), load(frequency), op.magnitudeForm);
  store(table.magnitude + first, channel.magnitude);
  store(table.complement + first, channel.complement);
  store(table.directionReal + first, channel.direction.real);
  store(table.directionImaginary + first, channel.direction.imaginary);
  const bool near = selectionOf(op) != Selection::any;
  for (int lane = 0; lane < Doubles::kLanes; ++lane) {
    const int64_t k = first + lane;
    const SelectiveChannel<Scalar> constants =
        selectiveChannel<Scalar>(table.channel(k), logDecay[lane], near);
    table.highReal[k] = constants.reference.high.real;
    table.highImaginary[k] = constants.reference.high.imaginary;
    table.lowReal[k] = constants.reference.low.real;
    table.lowImaginary[k] = constants.reference.low.imaginary;
    table.decay[k] = constants.decay;
  }
}

template <class Operation>
auto makeTable(const Operation& op, Context& context) {
  using Scalar = typename Operation::Scalar;
  constexpr int kLanes = Vector<double>::kLanes;
  const ChannelTable<Scalar> table = allocateTable<Scalar>(op.channels, context);
  for (int64_t first = 0; first < table.padded; first += kLanes) {
    const int64_t left = op.channels - first;
    fillTable(op, table, first, left < 0 ? 0 : left < kLanes ? int(left) : kLanes, context);
  }
  return table;
}

// ---- division of the work ----

constexpr int kGroupVectors = 4;

// A task takes a group of neighbouring vectors of channels of one sequence through time, their
// states in registers. Which vectors form a group changes no bit of a result.
struct Groups {
  int64_t vectors, count;
};

inline Groups divideChannels(int64_t batch, int64_t channels, int lanes, int threads) {
  const int64_t vectors = (channels + lanes - 1) / lanes;
  int64_t size = kGroupVectors;
  const auto tasks = [&] { return batch * ((vectors + size - 1) / size); };
  if (tasks() < 2 * threads) size = 2;
  // One vector alone waits for its own recurrence; and a last one that is not whole needs another.
  if (tasks() < threads && channels % lanes == 0) size = 1;
  return {vectors, (vectors + size - 1) / size};
}

// Stores past the caches, to an address aligned to a vector; fenceStreams() before anyone reads it.
template <class Real>
HOST_DEVICE void storeStreaming(Real* to, Vector<Real> x) {
#if defined(__AVX512F__)
  _mm512_stream_si512((__m512i*)to, (__m512i)x.v);
#elif defined(__AVX2__)
  _mm256_stream_si256((__m256i*)to, (__m256i)x.v);
#elif defined(__SSE2__)
  _mm_stream_si128((__m128i*)to, (__m128i)x.v);
#else
  store(to, x);
#endif
}
HOST_DEVICE void fenceStreams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Rows of complex numbers; without an imaginary plane `imaginary` is 0.
template <class Storage>
struct Rows {
  Storage* data = nullptr;
  int64_t stride = 0, imaginary = 0;
  bool streaming = false;

  HOST_DEVICE explicit operator bool() const { return data != nullptr; }
  // The same rows for one sequence of a batch, each `time` rows long.
  Rows of(int64_t sequence, int64_t time) const {
    return {data ? data + sequence * time * stride : nullptr, stride, imaginary, streaming};
  }
};

template <class Storage>
Rows<Storage> complexRows(View<Storage> view, int64_t channels) {
  return {view.data, 2 * channels, channels};
}
// An output so large that it leaves the caches anyway, and would have to be read into them first.
template <class Storage>
Rows<Storage> streamed(Rows<Storage> rows, int64_t length) {
  constexpr int64_t kStreamedBytes = int64_t(4) << 20;
  rows.streaming = length * int64_t(sizeof(Storage)) >= kStreamedBytes &&
                   (uintptr_t(rows.data) | uintptr_t(rows.stride * sizeof(Storage)) |
                    uintptr_t(rows.imaginary * sizeof(Storage))) %
                           kVectorBytes ==
                       0;
  return rows;
}
template <class Storage>
Rows<Storage> inputRows(View<Storage> view, int64_t channels, bool realInput) {
  if (realInput) return {view.data, channels, 0};
  return complexRows(view, channels);
}

// The vectors of a group: where their channels begin. A row's last vector that is not whole reaches
// back over its neighbour, in the same group; where there is none (not kWhole) it is partial.
// kLagged: the vectors are the same channels at different times, `lag` steps apart from t.
template <class Scalar, int kCount, bool kWhole, bool kLagged = false>
struct VectorGroup {
  using Numbers = Vector<Scalar>;
  static constexpr int kVectors = kCount;
  int64_t column[kCount];
  int64_t lag[kCount] = {};
  int64_t count;  // channels of a partial vector

  VectorGroup(int64_t firstVector, int64_t channels)
      : count(channels - firstVector * Numbers::kLanes) {
    for (int u = 0; u < kCount; ++u) {
      const int64_t begin = (firstVector + (kLagged ? 0 : u)) * Numbers::kLanes;
      column[u] = kWhole && begin > channels - Numbers::kLanes ? channels - Numbers::kLanes : begin;
    }
  }
  HOST_DEVICE int64_t step(int64_t t, int u) const { return kLagged ? t + lag[u] : t; }

  template <class Storage>
  HOST_DEVICE Numbers readPlane(const Storage* from, int u) const {
    if constexpr (kWhole) return load(from + column[u]);
    return loadPartial(from + column[u], count);
  }
  template <class Storage>
  HOST_DEVICE void writePlane(Storage* to, Numbers numbers, int u) const {
    if constexpr (kWhole) return store(to + column[u], numbers);
    storePartial(to + column[u], numbers, count);
  }
  template <class Storage>
  HOST_DEVICE Complex<Numbers> readRow(const Rows<Storage>& rows, int64_t index, int u) const {
    const Storage* row = rows.data + index * rows.stride;
    return {readPlane(row, u),
            rows.imaginary ? readPlane(row + rows.imaginary, u) : Numbers(Scalar(0))};
  }
  template <class Storage>
  HOST_DEVICE void writeRow(const Rows<Storage>& rows, int64_t index, Complex<Numbers> z,
                            int u) const {
    Storage* row = rows.data + index * rows.stride;
    if constexpr (kWhole && std::is_same_v<Storage, Scalar>) {
      if (rows.streaming) {
        storeStreaming(row + column[u], z.real);
        if (rows.imaginary) storeStreaming(row + rows.imaginary + column[u], z.imaginary);
        return;
      }
    }
    writePlane(row, z.real, u);
    if (rows.imaginary) writePlane(row + rows.imaginary, z.imaginary, u);
  }
  // The row of step t.
  template <class Storage>
  HOST_DEVICE Complex<Numbers> read(const Rows<Storage>& rows, int64_t t, int u) const {
    return readRow(rows, step(t, u), u);
  }
  template <class Storage>
  HOST_DEVICE void write(const Rows<Storage>& rows, int64_t t, Complex<Numbers> z, int u) const {
    writeRow(rows, step(t, u), z, u);
  }
};

// Calls function(group) with the group of vectors of that place in a row.
template <class Scalar, class Function>
void withGroup(const Groups& groups, int64_t index, int64_t channels, const Function& function) {
  const int64_t first = index * groups.vectors / groups.count;
  const int64_t size = (index + 1) * groups.vectors / groups.count - first;
  if (channels < Vector<Scalar>::kLanes) {
    return function(VectorGroup<Scalar, 1, false>(0, channels));
  }
  if (size == 1) return function(VectorGroup<Scalar, 1, true>(first, channels));
  if (size == 2) return function(VectorGroup<Scalar, 2, true>(first, channels));
  if (size == 3) return function(VectorGroup<Scalar, 3, true>(first, channels));
  function(VectorGroup<Scalar, 4, true>(first, channels));
}

constexpr int64_t kEachItsSlot = int64_t(1) << 62;

// Calls function(group, sequence, slot) for every task, over all threads. No two tasks of the same
// slot, of which there are at most `slots`, run at the same time.
template <class Scalar, class Function>
void forEachGroup(int64_t batch, int64_t channels, int64_t slots, Context& context,
                  const Function& function) {
  const Groups groups = divideChannels(batch, channels, Vector<Scalar>::kLanes, context.threads());
  const int64_t tasks = batch * groups.count;
  if (slots > tasks) slots = tasks;
  context.forEach(slots, [&](int64_t slot) {
    for (int64_t task = slot; task < tasks; task += slots) {
      withGroup<Scalar>(groups, task % groups.count, channels,
                        [&](const auto& group) { function(group, task / groups.count, slot); });
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
