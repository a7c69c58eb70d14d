// The eigenstate scan, step after step with the states of up to four vectors of channels in
// registers, and threads over sequences and channels. Floor without selection: memory, 16 B a
// complex number (batch 4, time 4096, 64 channels, float32, two cores of Zen 4: 16.8 MB in 0.18
// ms, 1.5 times as fast as a fused numba loop); with selection: arithmetic, about 85 cycles for 16
// eigenvalues, two hyperbolic tangents each (0.80 ms, 8 times as fast).
#include "ops/eigenstate_scan.h"

#include "cpu/eigenstate_split.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// The arrays of one sequence.
template <class Real>
struct ForwardRows {
  Rows<const Real> input;
  Rows<Real> states;
  Rows<Compute<Real>> boundaries;
  const uint8_t* reset;
  int64_t every;  // steps between boundaries

  ForwardRows(const EigenstateScanForward<Real>& op, int64_t sequence)
      : input(inputRows(op.input, op.channels, op.realInput).of(sequence, op.time)),
        states(complexRows(op.states, op.channels).of(sequence, op.time)),
        boundaries(complexRows(op.boundaries, op.channels)
                       .of(sequence, boundaryCount(op.time, op.checkpointEvery))),
        reset(op.reset ? op.reset.data + sequence * op.time : nullptr),
        every(op.boundaries ? op.checkpointEvery : op.time) {}
};

// Steps [begin, end), noting the boundaries; `begin` is one.
template <class Eigenvalues, class Group, class Real>
void advanceNoting(const Eigenvalues& eigenvalues, const Group& group,
                   const ForwardRows<Real>& rows, int64_t begin, int64_t end,
                   GroupStates<Group>& states) {
  for (int64_t t = begin; t < end; t += rows.every) {
    for (int u = 0; u < Group::kVectors && rows.boundaries; ++u) {
      group.writeRow(rows.boundaries, group.step(t, u) / rows.every, states.z[u], u);
    }
    const int64_t next = t + rows.every < end ? t + rows.every : end;
    advanceGroup(eigenvalues, group, rows.input, rows.reset, t, next, states, rows.states);
  }
}

// One group in order, from step `begin` and the rows of `start` (or 0) to the last step.
template <Selection kSelection, class Group, class Real>
void scanGroup(const EigenstateScanForward<Real>& op, const ChannelTable<Compute<Real>>& table,
               const Group& group, int64_t sequence, int64_t begin,
               const Rows<const Compute<Real>>& start) {
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, table, group, sequence);
  GroupStates<Group> states = {};
  for (int u = 0; u < Group::kVectors && start; ++u) {
    states.z[u] = group.readRow(start, sequence, u);
  }
  advanceNoting(eigenvalues, group, ForwardRows<Real>(op, sequence), begin, op.time, states);
  const auto final = complexRows(op.final, op.channels);
  for (int u = 0; u < Group::kVectors && final; ++u) {
    group.writeRow(final, sequence, states.z[u], u);
  }
}

// e and P of a quad of chunks.
template <Selection kSelection, class Group, class Real>
void measureQuad(const EigenstateScanForward<Real>& op, const ChannelTable<Compute<Real>>& table,
                 const ChunkStore<Compute<Real>>& store, const Group& group, int64_t sequence,
                 int64_t quad, int64_t chunk) {
  using Numbers = typename Group::Numbers;
  using Scalar = Compute<Real>;
  const Complex<Numbers> zero = {Numbers(Scalar(0)), Numbers(Scalar(0))};
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, table, group, sequence);
  const ForwardRows<Real> rows(op, sequence);
  GroupStates<Group> ends = {}, product;
  bool cut[kQuad] = {};
  for (int u = 0; u < kQuad; ++u) product.z[u] = {Numbers(Scalar(1)), Numbers(Scalar(0))};
  for (int64_t t = 0; t < chunk; ++t) {
#pragma GCC unroll 4
    for (int u = 0; u < kQuad; ++u) {
      if (rows.reset && rows.reset[group.step(t, u)]) {
        ends.z[u] = product.z[u] = zero;
        cut[u] = true;
      }
      const Eigenvalue<Numbers> lambda = eigenvalues.lambda(group, t, u);
      ends.z[u] = advance(lambda, ends.z[u], group.read(rows.input, t, u));
      if constexpr (kSelection != Selection::none) {
        product.z[u] = advance(lambda, product.z[u], zero);
      }
    }
  }
  storeMeasure<kSelection, false>(store, group, sequence, quad, ends, product, cut);
}

// All chunks of the split; leaves the state after them in the carry.
template <Selection kSelection, class Real>
void advanceChunks(const EigenstateScanForward<Real>& op, const ChannelTable<Compute<Real>>& table,
                   const ChunkStore<Compute<Real>>& store, const TimeSplit& split,
                   Context& context) {
  using Scalar = Compute<Real>;
  setCarry(store, op.initial.data, op.batch);
  for (int64_t first = 0; first < split.chunks; first += kChunksTogether) {
    const int64_t left = split.chunks - first;
    const int64_t chunks = left < kChunksTogether ? left : kChunksTogether;
    forEachQuad<Scalar>(op.batch, op.channels, split, first, chunks / kQuad, context,
                        [&](const auto& group, int64_t sequence, int64_t quad) {
                          measureQuad<kSelection>(op, table, store, group, sequence, quad,
                                                  split.chunk);
                        });
    joinChunks<false>(store, op.batch, op.channels, chunks);
    forEachQuad<Scalar>(op.batch, op.channels, split, first, chunks / kQuad, context,
                        [&]<class Group>(const Group& group, int64_t sequence, int64_t quad) {
                          const GroupEigenvalues<kSelection, Group, Real> eigenvalues(
                              op, table, group, sequence);
                          GroupStates<Group> states;
                          const int64_t row = sequence * kChunksTogether + quad * kQuad;
                          for (int u = 0; u < kQuad; ++u)
                            states.z[u] = group.readRow(store.starts, row + u, u);
                          advanceNoting(eigenvalues, group, ForwardRows<Real>(op, sequence), 0,
                                        split.chunk, states);
                          if ((quad + 1) * kQuad == chunks) {
                            group.writeRow(store.carry, sequence, states.z[kQuad - 1], kQuad - 1);
                          }
                        });
  }
}

template <Selection kSelection, class Real>
void scan(const EigenstateScanForward<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  const auto table = makeTable(op, context);
  Rows<const Scalar> start = complexRows(op.initial, op.channels);
  TimeSplit split;
  if (!op.exact) split = splitTime(op, op.boundaries ? op.checkpointEvery : 0);
  if (split.chunks > 0) {
    const auto store = makeChunkStore(op, split, table, context);
    advanceChunks<kSelection>(op, table, store, split, context);
    start = {store.carry.data, store.carry.stride, store.carry.imaginary};
  }
  forEachGroup<Scalar>(op.batch, op.channels, kEachItsSlot, context,
                       [&](const auto& group, int64_t sequence, int64_t) {
                         scanGroup<kSelection>(op, table, group, sequence, split.steps(), start);
                       });
}

template <class Real>
void run(const EigenstateScanForward<Real>& op, Context& context) {
  switch (selectionOf(op)) {
    case Selection::none:
      return scan<Selection::none>(op, context);
    case Selection::near:
      return scan<Selection::near>(op, context);
    case Selection::any:
      return scan<Selection::any>(op, context);
  }
}

EXPORT_KERNELS(EigenstateScanForward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
