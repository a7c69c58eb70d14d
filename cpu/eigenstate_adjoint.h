// The adjoint recurrence of one group of channels, from its last step to its first: h in registers,
// gradInput, and the sums for the parameters, in float32 over blocks of 128 steps and in double
// over the blocks.
#pragma once

#include "cpu/eigenstate_recurrence.h"

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

// The arrays of one sequence; `previous` holds the states, row t the one after step t.
template <class Real, class Previous>
struct AdjointRows {
  Rows<const Real> gradStates;
  Rows<const Previous> previous;
  Rows<Real> gradInput, gradSelection;
  const uint8_t* reset;

  AdjointRows(const EigenstateScanBackward<Real>& op, int64_t sequence)
      : gradStates(complexRows(op.gradStates, op.channels).of(sequence, op.time)),
        gradInput(streamed(inputRows(op.gradInput, op.channels, op.realInput), op.gradInput.length)
                      .of(sequence, op.time)),
        gradSelection(complexRows(op.gradSelection, op.channels).of(sequence, op.time)),
        reset(op.reset ? op.reset.data + sequence * op.time : nullptr) {}
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
#pragma GCC unroll 4
    for (int u = 0; u < Group::kVectors; ++u) {
      Complex<Numbers> h = adjoint.z[u];
      if (rows.gradStates) h = h + group.read(rows.gradStates, t, u);
      group.write(rows.gradInput, t, h, u);
      if (rows.reset && rows.reset[group.step(t, u)]) {
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

}  // namespace entrain::inline ENTRAIN_ISA::cpu
