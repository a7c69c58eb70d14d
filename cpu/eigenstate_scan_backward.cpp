// The adjoint of the eigenstate scan in one pass from the last step to the first. Floor without
// selection: memory, 24 B a complex number (shape and machine of cpu/eigenstate_scan.cpp: 0.26 ms,
// with the forward 0.46 ms, 3 times as fast as a fused numba loop); with selection: arithmetic,
// about 150 cycles for 16 numbers (1.44 ms, with the forward 2.26 ms, 7 times as fast).
#include "cpu/eigenstate_adjoint.h"
#include "cpu/eigenstate_split.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// What a backward pass keeps between its tasks.
template <class Scalar>
struct BackwardStore {
  ChannelTable<Scalar> table;
  int64_t pieces;     // of each sequence: the steps in order, then the chunks
  double* sums;       // (batch, pieces, 2, padded)
  Scalar* states;     // (slots, stepsKept, 2, kGroupVectors, lanes): states computed again
  int64_t stepsKept;  // 0 with saved states

  // Vector u of a group in one piece.
  template <class Group>
  void storeSum(const Group& group, const GroupSums<Group>& sums, int u, int64_t sequence,
                int64_t piece) const {
    double* to = this->sums + (sequence * pieces + piece) * 2 * table.padded + group.column[u];
    memcpy(to, sums.sum[u][0], sizeof sums.sum[u][0]);
    memcpy(to + table.padded, sums.sum[u][1], sizeof sums.sum[u][1]);
  }
};

// The state before step `begin` of each vector's own time.
template <class Group, class Real>
GroupStates<Group> stateBefore(const EigenstateScanBackward<Real>& op, const Group& group,
                               const Rows<const Real>& states, int64_t sequence, int64_t begin) {
  const auto initial = complexRows(op.initial, op.channels);
  GroupStates<Group> before = {};
  for (int u = 0; u < Group::kVectors; ++u) {
    const int64_t t = group.step(begin, u);
    if (t > 0) {
      before.z[u] = group.readRow(states, t - 1, u);
    } else if (initial) {
      before.z[u] = group.readRow(initial, sequence, u);
    }
  }
  return before;
}

// Segments between checkpoints, from the last to the first: forward from the saved state into
// scratch memory, then back.
template <Selection kSelection, class Group, class Real>
void retreatSegments(const EigenstateScanBackward<Real>& op,
                     const GroupEigenvalues<kSelection, Group, Real>& eigenvalues,
                     const Group& group, AdjointRows<Real, Compute<Real>> rows, int64_t sequence,
                     Compute<Real>* scratch, GroupStates<Group>& carried, GroupSums<Group>& sums) {
  constexpr int64_t kWidth = Group::kVectors * Group::Numbers::kLanes;
  const int64_t every = op.checkpointEvery, count = boundaryCount(op.time, every);
  const auto input = inputRows(op.input, op.channels, op.realInput).of(sequence, op.time);
  const auto boundaries = complexRows(op.boundaries, op.channels).of(sequence, count);
  for (int64_t segment = count - 1; segment >= 0; --segment) {
    const int64_t begin = segment * every;
    const int64_t end = begin + every < op.time ? begin + every : op.time;
    GroupStates<Group> first, states;
    for (int u = 0; u < Group::kVectors; ++u) first.z[u] = group.readRow(boundaries, segment, u);
    states = first;
    // Row `begin` and the group's first column stand at the start of the scratch memory.
    const Rows<Compute<Real>> kept = {scratch - group.column[0] - begin * 2 * kWidth, 2 * kWidth,
                                      kWidth};
    advanceGroup(eigenvalues, group, input, rows.reset, begin, end, states, kept);
    rows.previous = {kept.data, kept.stride, kept.imaginary};
    retreatBlocks(eigenvalues, group, rows, begin, end, first, carried, sums);
  }
}

// One group in order, from the last step to step `begin`; writes conj(lambda) h there to `carry`.
template <Selection kSelection, class Group, class Real>
void retreatSequence(const EigenstateScanBackward<Real>& op, const Group& group, int64_t sequence,
                     int64_t slot, int64_t begin, const Rows<Compute<Real>>& carry,
                     const BackwardStore<Compute<Real>>& store) {
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, store.table, group, sequence);
  const auto gradFinal = complexRows(op.gradFinal, op.channels);
  GroupStates<Group> carried = {};
  GroupSums<Group> sums;
  for (int u = 0; u < Group::kVectors && gradFinal; ++u) {
    carried.z[u] = group.readRow(gradFinal, sequence, u);
  }
  if (op.states) {
    AdjointRows<Real, Real> rows(op, sequence);
    rows.previous = complexRows(op.states, op.channels).of(sequence, op.time);
    const auto first = stateBefore(op, group, rows.previous, sequence, begin);
    retreatBlocks(eigenvalues, group, rows, begin, op.time, first, carried, sums);
  } else {
    constexpr int64_t kRow = 2 * kGroupVectors * Group::Numbers::kLanes;
    retreatSegments(op, eigenvalues, group, AdjointRows<Real, Compute<Real>>(op, sequence),
                    sequence, store.states + slot * store.stepsKept * kRow, carried, sums);
  }
  for (int u = 0; u < Group::kVectors; ++u) {
    if (carry) group.writeRow(carry, sequence, carried.z[u], u);
    store.storeSum(group, sums, u, sequence, 0);
  }
  fenceStreams();
}

// What a quad of chunks adds to the adjoint before it, and conj(P).
template <Selection kSelection, class Group, class Real>
void measureAdjointQuad(const EigenstateScanBackward<Real>& op,
                        const ChannelTable<Compute<Real>>& table,
                        const ChunkStore<Compute<Real>>& chunks, const Group& group,
                        int64_t sequence, int64_t quad, int64_t chunk) {
  using Numbers = typename Group::Numbers;
  using Scalar = Compute<Real>;
  const Complex<Numbers> zero = {Numbers(Scalar(0)), Numbers(Scalar(0))};
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, table, group, sequence);
  const AdjointRows<Real, Real> rows(op, sequence);
  GroupStates<Group> carried = {}, product;
  bool cut[kQuad] = {};
  for (int u = 0; u < kQuad; ++u) product.z[u] = {Numbers(Scalar(1)), Numbers(Scalar(0))};
  for (int64_t t = chunk - 1; t >= 0; --t) {
#pragma GCC unroll 4
    for (int u = 0; u < kQuad; ++u) {
      if (rows.reset && rows.reset[group.step(t, u)]) {
        carried.z[u] = product.z[u] = zero;
        cut[u] = true;
        continue;
      }
      Complex<Numbers> h = carried.z[u];
      if (rows.gradStates) h = h + group.read(rows.gradStates, t, u);
      const Eigenvalue<Numbers> lambda = eigenvalues.lambda(group, t, u);
      carried.z[u] = retreat(lambda, h, zero);
      if constexpr (kSelection != Selection::none) {
        product.z[u] = retreat(lambda, product.z[u], zero);
      }
    }
  }
  storeMeasure<kSelection, true>(chunks, group, sequence, quad, carried, product, cut);
}

// A quad of chunks from its true adjoints; `firstChunk` is that of the round.
template <Selection kSelection, class Group, class Real>
void retreatQuad(const EigenstateScanBackward<Real>& op, const BackwardStore<Compute<Real>>& store,
                 const ChunkStore<Compute<Real>>& chunks, const Group& group, int64_t sequence,
                 int64_t quad, int64_t firstChunk, int64_t chunk) {
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, store.table, group, sequence);
  AdjointRows<Real, Real> rows(op, sequence);
  rows.previous = complexRows(op.states, op.channels).of(sequence, op.time);
  GroupStates<Group> carried;
  GroupSums<Group> sums;
  const int64_t row = sequence * kChunksTogether + quad * kQuad;
  for (int u = 0; u < kQuad; ++u) carried.z[u] = group.readRow(chunks.starts, row + u, u);
  const auto first = stateBefore(op, group, rows.previous, sequence, 0);
  retreatBlocks(eigenvalues, group, rows, 0, chunk, first, carried, sums);
  for (int u = 0; u < kQuad; ++u) {
    store.storeSum(group, sums, u, sequence, 1 + firstChunk + quad * kQuad + u);
  }
  if (quad == 0) group.writeRow(chunks.carry, sequence, carried.z[0], 0);
  fenceStreams();
}

// All chunks of the split, from the carry of the steps after them; leaves that before them.
template <Selection kSelection, class Real>
void retreatChunks(const EigenstateScanBackward<Real>& op,
                   const BackwardStore<Compute<Real>>& store,
                   const ChunkStore<Compute<Real>>& chunks, const TimeSplit& split,
                   Context& context) {
  using Scalar = Compute<Real>;
  for (int64_t end = split.chunks; end > 0;) {
    const int64_t first = (end - 1) / kChunksTogether * kChunksTogether;
    const int64_t quads = (end - first) / kQuad;
    forEachQuad<Scalar>(op.batch, op.channels, split, first, quads, context,
                        [&](const auto& group, int64_t sequence, int64_t quad) {
                          measureAdjointQuad<kSelection>(op, store.table, chunks, group, sequence,
                                                         quad, split.chunk);
                        });
    joinChunks<true>(chunks, op.batch, op.channels, end - first);
    forEachQuad<Scalar>(op.batch, op.channels, split, first, quads, context,
                        [&](const auto& group, int64_t sequence, int64_t quad) {
                          retreatQuad<kSelection>(op, store, chunks, group, sequence, quad, first,
                                                  split.chunk);
                        });
    end = first;
  }
}

// Sums over the pieces, in their order, and from lambda to the parameters.
template <class Real>
void finishParameters(const EigenstateScanBackward<Real>& op,
                      const BackwardStore<Compute<Real>>& store, Context& context) {
  const int64_t padded = store.table.padded;
  context.forRange(op.channels, 64, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      Complex<double> sum = {0, 0};
      for (int64_t piece = 0; piece < op.batch * store.pieces; ++piece) {
        sum.real += store.sums[2 * piece * padded + k];
        sum.imaginary += store.sums[(2 * piece + 1) * padded + k];
      }
      const Complex<double> gradients =
          op.selection ? sum : parameterGradients(store.table.channel(k), sum, op.magnitudeForm);
      op.gradLogDecay[k] = Compute<Real>(gradients.real);
      op.gradFrequency[k] = Compute<Real>(gradients.imaginary);
    }
  });
}

template <class Real>
BackwardStore<Compute<Real>> makeBackwardStore(const EigenstateScanBackward<Real>& op,
                                               int64_t pieces, int64_t slots, Context& context) {
  using Scalar = Compute<Real>;
  BackwardStore<Scalar> store = {makeTable(op, context), pieces, nullptr, nullptr, 0};
  store.sums = context.workspace<double>(op.batch * pieces * 2 * store.table.padded);
  if (!op.states) {
    store.stepsKept = op.checkpointEvery < op.time ? op.checkpointEvery : op.time;
    constexpr int64_t kRow = 2 * kGroupVectors * Vector<Scalar>::kLanes;
    store.states = context.workspace<Scalar>(slots * store.stepsKept * kRow);
  }
  return store;
}

template <Selection kSelection, class Real>
void scanBackward(const EigenstateScanBackward<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  // Time is split where the states are at hand only.
  const TimeSplit split = op.states ? splitTime(op, 0) : TimeSplit{};
  const int64_t slots = op.states ? kEachItsSlot : 4 * int64_t(context.threads());
  const auto store = makeBackwardStore(op, 1 + split.chunks, slots, context);
  const auto gradInitial = complexRows(op.gradInitial, op.channels);
  ChunkStore<Scalar> chunks;
  if (split.chunks > 0) chunks = makeChunkStore(op, split, store.table, context);
  forEachGroup<Scalar>(op.batch, op.channels, slots, context,
                       [&](const auto& group, int64_t sequence, int64_t slot) {
                         // The forward's last states are the likeliest to be in a cache still.
                         retreatSequence<kSelection>(
                             op, group, op.batch - 1 - sequence, slot, split.steps(),
                             split.chunks > 0 ? chunks.carry : gradInitial, store);
                       });
  if (split.chunks > 0) {
    retreatChunks<kSelection>(op, store, chunks, split, context);
    for (int64_t i = 0; i < op.gradInitial.length; ++i) op.gradInitial[i] = chunks.carry.data[i];
  }
  finishParameters(op, store, context);
}

template <class Real>
void run(const EigenstateScanBackward<Real>& op, Context& context) {
  switch (selectionOf(op)) {
    case Selection::none:
      return scanBackward<Selection::none>(op, context);
    case Selection::near:
      return scanBackward<Selection::near>(op, context);
    case Selection::any:
      return scanBackward<Selection::any>(op, context);
  }
}

EXPORT_KERNELS(EigenstateScanBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
