// The adjoint of the eigenstate scan, one pass from the last step to the first: h in registers,
// gradInput, and the sums of the parameters' gradients in float32 over blocks of 128 steps, which
// float64 sums collect.
#include "cpu/eigenstate_channels.h"
#include "ops/eigenstate_scan.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kSumBlock = 128;

// Double sums of one group: [vector][plane][lane].
template <class Group>
struct GroupSums {
  static constexpr int kLanes = Group::Numbers::kLanes;
  double sum[Group::kVectors][2][kLanes] = {};

  HOST_DEVICE void add(const GroupStates<Group>& block) {
    for (int u = 0; u < Group::kVectors; ++u) {
      for (int lane = 0; lane < kLanes; ++lane) {
        sum[u][0][lane] += double(block.z[u].real[lane]);
        sum[u][1][lane] += double(block.z[u].imaginary[lane]);
      }
    }
  }
};

// The pointers of one sequence; `previous` holds the states, row t the one after step t.
template <class Real, class Previous>
struct AdjointRows {
  Rows<const Real> gradStates;
  Rows<const Previous> previous;
  Rows<Real> gradInput, gradSelection;
  const uint8_t* reset;
};

// Steps end - 1 down to begin. `carried` is conj(lambda(t+1)) h(t+1); `first` the state before
// `begin`.
template <Selection kSelection, class Group, class Real, class Previous>
HOST_DEVICE void retreatGroup(const GroupEigenvalues<kSelection, Group, Real>& eigenvalues,
                              const Group& group, const AdjointRows<Real, Previous>& rows,
                              int64_t begin, int64_t end, const GroupStates<Group>& first,
                              GroupStates<Group>& carried, GroupStates<Group>& sums) {
  using Numbers = typename Group::Numbers;
  using Scalar = Compute<Real>;
  const Complex<Numbers> zero = {Numbers(Scalar(0)), Numbers(Scalar(0))};
  GroupStates<Group> adjoint = carried, sum = sums;
  for (int64_t t = end - 1; t >= begin; --t) {
    const bool isReset = rows.reset && rows.reset[t];
#pragma GCC unroll 4
    for (int u = 0; u < Group::kVectors; ++u) {
      Complex<Numbers> h = adjoint.z[u];
      if (rows.gradStates) h = h + group.read(rows.gradStates, t, u);
      group.write(rows.gradInput, t, h, u);
      if (isReset) {
        adjoint.z[u] = zero;
        if (rows.gradSelection) group.write(rows.gradSelection, t, zero, u);
        continue;
      }
      const Complex<Numbers> previous =
          t > begin ? group.read(rows.previous, t - 1, u) : first.z[u];
      if constexpr (kSelection == Selection::none) {
        adjoint.z[u] = retreat(eigenvalues.channel[u].reference, h, zero);
        sum.z[u] = multiplyAdd(h, conjugate(previous), sum.z[u]);
      } else {
        const Selected<Numbers> selected = eigenvalues.select(group, t, u);
        adjoint.z[u] = retreat(selected.lambda, h, zero);
        const Complex<Numbers> gradients = selectedGradients(selected, adjoint.z[u], previous);
        sum.z[u] = sum.z[u] + gradients;
        if (rows.gradSelection) {
          group.write(
              rows.gradSelection, t,
              {selectionGradient(gradients.real, selected.tanhDecay, eigenvalues.decayScale),
               selectionGradient(gradients.imaginary, selected.tanhTurn,
                                 eigenvalues.frequencyScale)},
              u);
        }
      }
    }
  }
  carried = adjoint;
  sums = sum;
}

// The same in blocks, each one's sums carried on in double.
template <Selection kSelection, class Group, class Real, class Previous>
void retreatBlocks(const GroupEigenvalues<kSelection, Group, Real>& eigenvalues, const Group& group,
                   const AdjointRows<Real, Previous>& rows, int64_t begin, int64_t end,
                   const GroupStates<Group>& first, GroupStates<Group>& carried,
                   GroupSums<Group>& sums) {
  while (end > begin) {
    const int64_t blockBegin = end - begin > kSumBlock ? end - kSumBlock : begin;
    GroupStates<Group> block = {}, before = first;
    for (int u = 0; u < Group::kVectors && blockBegin > begin; ++u) {
      before.z[u] = group.read(rows.previous, blockBegin - 1, u);
    }
    retreatGroup(eigenvalues, group, rows, blockBegin, end, before, carried, block);
    sums.add(block);
    end = blockBegin;
  }
}

// Writes the sums of one sequence: (batch, 2, padded).
template <class Group>
void storeSums(const GroupSums<Group>& sums, const Group& group, int64_t padded, double* to) {
  for (int u = 0; u < Group::kVectors; ++u) {
    memcpy(to + group.column[u], sums.sum[u][0], sizeof sums.sum[u][0]);
    memcpy(to + padded + group.column[u], sums.sum[u][1], sizeof sums.sum[u][1]);
  }
}

// What a backward pass keeps between its tasks.
template <class Scalar>
struct BackwardStore {
  ChannelTable<Scalar> table;
  double* sums;       // (batch, 2, padded)
  Scalar* states;     // (slots, stepsKept, 2, kGroupVectors, lanes): states computed again
  int64_t stepsKept;  // 0 with saved states
};

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
    for (int u = 0; u < Group::kVectors; ++u) first.z[u] = group.read(boundaries, segment, u);
    states = first;
    // Row `begin` and the group's first column stand at the start of the scratch memory.
    const Rows<Compute<Real>> kept = {scratch - group.column[0] - begin * 2 * kWidth, 2 * kWidth,
                                      kWidth};
    advanceGroup(eigenvalues, group, input, rows.reset, begin, end, states, kept);
    rows.previous = {kept.data, kept.stride, kept.imaginary};
    retreatBlocks(eigenvalues, group, rows, begin, end, first, carried, sums);
  }
}

// One group from the last step to the first.
template <Selection kSelection, class Group, class Real>
void retreatSequence(const EigenstateScanBackward<Real>& op, const Group& group, int64_t sequence,
                     int64_t slot, const BackwardStore<Compute<Real>>& store) {
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, store.table, group, sequence);
  const auto gradStates = complexRows(op.gradStates, op.channels).of(sequence, op.time);
  const auto gradInput =
      streamed(inputRows(op.gradInput, op.channels, op.realInput), op.gradInput.length)
          .of(sequence, op.time);
  const auto gradSelection = complexRows(op.gradSelection, op.channels).of(sequence, op.time);
  const uint8_t* reset = op.reset ? op.reset.data + sequence * op.time : nullptr;
  const auto gradFinal = complexRows(op.gradFinal, op.channels);
  const auto gradInitial = complexRows(op.gradInitial, op.channels);
  GroupStates<Group> carried = {};
  GroupSums<Group> sums;
  for (int u = 0; u < Group::kVectors && gradFinal; ++u) {
    carried.z[u] = group.read(gradFinal, sequence, u);
  }
  if (op.states) {
    const auto initial = complexRows(op.initial, op.channels);
    GroupStates<Group> first = {};
    for (int u = 0; u < Group::kVectors && initial; ++u) {
      first.z[u] = group.read(initial, sequence, u);
    }
    const AdjointRows<Real, Real> rows = {gradStates,
                                          complexRows(op.states, op.channels).of(sequence, op.time),
                                          gradInput, gradSelection, reset};
    retreatBlocks(eigenvalues, group, rows, 0, op.time, first, carried, sums);
  } else {
    const AdjointRows<Real, Compute<Real>> rows = {gradStates, {}, gradInput, gradSelection, reset};
    constexpr int64_t kRow = 2 * kGroupVectors * Group::Numbers::kLanes;
    retreatSegments(op, eigenvalues, group, rows, sequence,
                    store.states + slot * store.stepsKept * kRow, carried, sums);
  }
  for (int u = 0; u < Group::kVectors && gradInitial; ++u) {
    group.write(gradInitial, sequence, carried.z[u], u);
  }
  if (gradInput.streaming) fenceStreams();
  storeSums(sums, group, store.table.padded, store.sums + sequence * 2 * store.table.padded);
}

// Sums over the sequences, in their order, and from lambda to the parameters.
template <class Real>
void finishParameters(const EigenstateScanBackward<Real>& op,
                      const BackwardStore<Compute<Real>>& store, Context& context) {
  const int64_t padded = store.table.padded;
  context.forRange(op.channels, 64, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      Complex<double> sum = {0, 0};
      for (int64_t sequence = 0; sequence < op.batch; ++sequence) {
        sum.real += store.sums[2 * sequence * padded + k];
        sum.imaginary += store.sums[(2 * sequence + 1) * padded + k];
      }
      const Complex<double> gradients =
          op.selection ? sum : parameterGradients(store.table.channel(k), sum, op.magnitudeForm);
      op.gradLogDecay[k] = Compute<Real>(gradients.real);
      op.gradFrequency[k] = Compute<Real>(gradients.imaginary);
    }
  });
}

template <Selection kSelection, class Real>
void scanBackward(const EigenstateScanBackward<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  BackwardStore<Scalar> store = {makeTable(op, context), nullptr, nullptr, 0};
  store.sums = context.workspace<double>(op.batch * 2 * store.table.padded);
  int64_t slots = kEachItsSlot;
  if (!op.states) {
    slots = 4 * int64_t(context.threads());
    store.stepsKept = op.checkpointEvery < op.time ? op.checkpointEvery : op.time;
    constexpr int64_t kRow = 2 * kGroupVectors * Vector<Scalar>::kLanes;
    store.states = context.workspace<Scalar>(slots * store.stepsKept * kRow);
  }
  forEachGroup<Scalar>(op.batch, op.channels, slots, context,
                       [&](const auto& group, int64_t sequence, int64_t slot) {
                         // The forward's last states are the likeliest to be in a cache still.
                         retreatSequence<kSelection>(op, group, op.batch - 1 - sequence, slot,
                                                     store);
                       });
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
