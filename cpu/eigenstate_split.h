// Time in parallel, for sequences with too few channels to occupy a machine. A chunk of n steps
// maps the state before it to P c + e, with e its end from a zero state and P the product of its
// eigenvalues (0 after a reset). All chunks are measured so at once, joined one after another, and
// run again from their true starts. A task takes the same channels in four chunks, whose
// independent chains also hide the latency of the recurrence. Chunks depend on the shape alone, so
// the bits do not depend on the threads.
#pragma once

#include "cpu/eigenstate_recurrence.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int kQuad = 4;  // chunks in a task
// Steps of a chunk: no power of two, or the rows of a quad would meet in the same cache sets.
constexpr int64_t kLeastChunk = 264;
constexpr int64_t kChunksTogether = 64;  // between two joins: 4 MiB of float32 at 32 channels
constexpr int64_t kLeastChunks = 8;

// Up to here (batch x channels) two threads are as fast as one that takes the steps in order,
// though the work is done twice (measured, 16384 steps: 32 fixed channels 0.19 against 0.23 ms, 16
// selective ones 0.47 against 0.42 ms); every further thread is a gain.
constexpr int64_t kFewChannels = 32;
constexpr int64_t kFewSelectiveChannels = 16;

// The first `chunks` chunks, a multiple of kQuad, are done so; the steps after them in order.
struct TimeSplit {
  int64_t chunk = 0, chunks = 0;
  int64_t steps() const { return chunk * chunks; }
};

// A chunk is made of whole checkpoint intervals.
template <class Operation>
TimeSplit splitTime(const Operation& op, int64_t checkpointEvery) {
  const int64_t most = op.selection ? kFewSelectiveChannels : kFewChannels;
  if (op.batch * op.channels > most) return {};
  const int64_t unit = checkpointEvery > 0 ? checkpointEvery : 1;
  const int64_t chunk = (kLeastChunk + unit - 1) / unit * unit;
  const int64_t chunks = op.time / chunk / kQuad * kQuad;
  if (chunks < kLeastChunks) return {};
  return {chunk, chunks};
}

// P in two words, e and the start of each of kChunksTogether chunks, and what one round of them
// hands to the next: rows of `channels` complex numbers.
template <class Scalar>
struct ChunkStore {
  Rows<Scalar> high, low, ends, starts;  // (batch, kChunksTogether)
  Rows<Scalar> powerHigh, powerLow;      // lambda^chunk, without selection
  Rows<Scalar> carry;                    // (batch)
};

template <class Scalar>
Rows<Scalar> scratchRows(int64_t rows, int64_t channels, Context& context) {
  return {context.workspace<Scalar>(rows * 2 * channels), 2 * channels, channels};
}

template <class Scalar, class Operation>
ChunkStore<Scalar> makeChunkStore(const Operation& op, const TimeSplit& split,
                                  const ChannelTable<Scalar>& table, Context& context) {
  const auto rows = [&](int64_t count) { return scratchRows<Scalar>(count, op.channels, context); };
  const int64_t all = op.batch * kChunksTogether;
  const ChunkStore<Scalar> store = {rows(all), rows(all), rows(all),     rows(all),
                                    rows(1),   rows(1),   rows(op.batch)};
  for (int64_t k = 0; k < op.channels && !op.selection; ++k) {
    const ChannelEigenvalue<double> channel = table.channel(k);
    Complex<double> square = {channel.magnitude * channel.direction.real,
                              channel.magnitude * channel.direction.imaginary};
    Complex<double> power = {1, 0};
    for (int64_t n = split.chunk; n > 0; n /= 2) {
      if (n % 2) power = power * square;
      square = square * square;
    }
    const Eigenvalue<Scalar> words = splitWords<Scalar>(power);
    store.powerHigh.data[k] = words.high.real;
    store.powerHigh.data[op.channels + k] = words.high.imaginary;
    store.powerLow.data[k] = words.low.real;
    store.powerLow.data[op.channels + k] = words.low.imaginary;
  }
  return store;
}

// Sets the carry to a row of `from` for each sequence, or to 0.
template <class Scalar>
void setCarry(const ChunkStore<Scalar>& store, const Scalar* from, int64_t batch) {
  for (int64_t i = 0; i < batch * store.carry.stride; ++i) {
    store.carry.data[i] = from ? from[i] : Scalar(0);
  }
}

// Calls function(group, sequence, quad) for `quads` quads of chunks from `firstChunk` on, over all
// threads.
template <class Scalar, class Function>
void forEachQuad(int64_t batch, int64_t channels, const TimeSplit& split, int64_t firstChunk,
                 int64_t quads, Context& context, const Function& function) {
  constexpr int kLanes = Vector<Scalar>::kLanes;
  const int64_t vectors = (channels + kLanes - 1) / kLanes;
  context.forEach(batch * vectors * quads, [&](int64_t task) {
    const int64_t quad = task / (batch * vectors), column = task % vectors;
    const int64_t sequence = task / vectors % batch;
    const auto call = [&](auto group) {
      for (int u = 0; u < kQuad; ++u) group.lag[u] = (firstChunk + quad * kQuad + u) * split.chunk;
      function(group, sequence, quad);
    };
    if ((column + 1) * kLanes <= channels) {
      call(VectorGroup<Scalar, kQuad, true, true>(column, channels));
    } else {
      call(VectorGroup<Scalar, kQuad, false, true>(column, channels));
    }
  });
}

// What one quad leaves: its ends, and P from the product of its eigenvalues (with selection) or
// from the power unless a reset cut the chunk. kAdjoint: conj(P).
template <Selection kSelection, bool kAdjoint, class Group, class Scalar>
void storeMeasure(const ChunkStore<Scalar>& store, const Group& group, int64_t sequence,
                  int64_t quad, const GroupStates<Group>& ends, const GroupStates<Group>& product,
                  const bool (&cut)[kQuad]) {
  using Numbers = typename Group::Numbers;
  const Complex<Numbers> zero = {Numbers(Scalar(0)), Numbers(Scalar(0))};
  for (int u = 0; u < kQuad; ++u) {
    const int64_t row = sequence * kChunksTogether + quad * kQuad + u;
    Complex<Numbers> high = product.z[u], low = zero;
    if constexpr (kSelection == Selection::none) {
      high = cut[u] ? zero : group.readRow(store.powerHigh, 0, u);
      low = cut[u] ? zero : group.readRow(store.powerLow, 0, u);
      if (kAdjoint) high = conjugate(high), low = conjugate(low);
    }
    group.writeRow(store.high, row, high, u);
    group.writeRow(store.low, row, low, u);
    group.writeRow(store.ends, row, ends.z[u], u);
  }
}

// The start of every chunk of a round, forward in time or (kAdjoint) backward; few enough for one
// thread.
template <bool kAdjoint, class Scalar>
void joinChunks(const ChunkStore<Scalar>& store, int64_t batch, int64_t channels, int64_t chunks) {
  using Numbers = Vector<Scalar>;
  const auto join = [&](const auto& group, int64_t sequence) {
    Complex<Numbers> state = group.readRow(store.carry, sequence, 0);
    for (int64_t i = 0; i < chunks; ++i) {
      const int64_t row = sequence * kChunksTogether + (kAdjoint ? chunks - 1 - i : i);
      group.writeRow(store.starts, row, state, 0);
      const Eigenvalue<Numbers> product = {group.readRow(store.high, row, 0),
                                           group.readRow(store.low, row, 0)};
      state = advance(product, state, group.readRow(store.ends, row, 0));
    }
  };
  for (int64_t sequence = 0; sequence < batch; ++sequence) {
    int64_t vector = 0;
    for (; (vector + 1) * Numbers::kLanes <= channels; ++vector) {
      join(VectorGroup<Scalar, 1, true>(vector, channels), sequence);
    }
    if (vector * Numbers::kLanes < channels) {
      join(VectorGroup<Scalar, 1, false>(vector, channels), sequence);
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
