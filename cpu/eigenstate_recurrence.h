// The recurrence of one group of channels (cpu/eigenstate_channels.h), its states in registers.
#pragma once

#include "cpu/eigenstate_channels.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Group>
struct GroupStates {
  Complex<typename Group::Numbers> z[Group::kVectors];
};

// The constants of a group, and what chooses lambda(t) in one sequence.
template <Selection kSelection, class Group, class Real>
struct GroupEigenvalues {
  using Numbers = typename Group::Numbers;
  using Scalar = Compute<Real>;
  SelectiveChannel<Numbers> channel[Group::kVectors];
  Rows<const Real> selection;
  Scalar decayScale, frequencyScale;

  template <class Operation>
  GroupEigenvalues(const Operation& op, const ChannelTable<Scalar>& table, const Group& group,
                   int64_t sequence)
      : selection(complexRows(op.selection, op.channels).of(sequence, op.time)),
        decayScale(Scalar(op.decayScale)),
        frequencyScale(Scalar(op.frequencyScale)) {
    for (int u = 0; u < Group::kVectors; ++u) {
      channel[u].reference.high.real = load(table.highReal + group.column[u]);
      channel[u].reference.high.imaginary = load(table.highImaginary + group.column[u]);
      channel[u].reference.low.real = load(table.lowReal + group.column[u]);
      channel[u].reference.low.imaginary = load(table.lowImaginary + group.column[u]);
      channel[u].decay = load(table.decay + group.column[u]);
    }
  }
  HOST_DEVICE Selected<Numbers> select(const Group& group, int64_t t, int u) const {
    const Complex<Numbers> arguments = group.read(selection, t, u);
    return selectEigenvalue<kSelection == Selection::near>(
        channel[u], arguments.real, arguments.imaginary, decayScale, frequencyScale);
  }
  HOST_DEVICE Eigenvalue<Numbers> lambda(const Group& group, int64_t t, int u) const {
    if constexpr (kSelection == Selection::none) return channel[u].reference;
    return select(group, t, u).lambda;
  }
};

// Steps [begin, end) from the state before `begin`; writes the states where `out` is given.
template <class Eigenvalues, class Group, class Real, class Out>
HOST_DEVICE void advanceGroup(const Eigenvalues& eigenvalues, const Group& group,
                              const Rows<const Real>& input, const uint8_t* reset, int64_t begin,
                              int64_t end, GroupStates<Group>& states, const Rows<Out>& out) {
  using Numbers = typename Group::Numbers;
  GroupStates<Group> current = states;
  for (int64_t t = begin; t < end; ++t) {
#pragma GCC unroll 4
    for (int u = 0; u < Group::kVectors; ++u) {
      if (reset && reset[group.step(t, u)]) current.z[u] = {};
      const Eigenvalue<Numbers> lambda = eigenvalues.lambda(group, t, u);
      current.z[u] = advance(lambda, current.z[u], group.read(input, t, u));
      if (out) group.write(out, t, current.z[u], u);
    }
  }
  states = current;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
