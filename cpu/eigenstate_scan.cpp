#include "ops/eigenstate_scan.h"

#include "cpu/eigenstate_channels.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// One group from the first step to the last.
template <Selection kSelection, class Group, class Real>
void scanGroup(const EigenstateScanForward<Real>& op, const ChannelTable<Compute<Real>>& table,
               const Group& group, int64_t sequence) {
  const GroupEigenvalues<kSelection, Group, Real> eigenvalues(op, table, group, sequence);
  const auto input = inputRows(op.input, op.channels, op.realInput).of(sequence, op.time);
  const auto out = complexRows(op.states, op.channels).of(sequence, op.time);
  const uint8_t* reset = op.reset ? op.reset.data + sequence * op.time : nullptr;
  const auto initial = complexRows(op.initial, op.channels);
  const int64_t boundaryRows = boundaryCount(op.time, op.checkpointEvery);
  const auto boundaries = complexRows(op.boundaries, op.channels).of(sequence, boundaryRows);
  GroupStates<Group> states = {};
  for (int u = 0; u < Group::kVectors && initial; ++u)
    states.z[u] = group.read(initial, sequence, u);
  const int64_t every = boundaries ? op.checkpointEvery : op.time;
  for (int64_t begin = 0; begin < op.time; begin += every) {
    for (int u = 0; u < Group::kVectors && boundaries; ++u) {
      group.write(boundaries, begin / every, states.z[u], u);
    }
    const int64_t end = begin + every < op.time ? begin + every : op.time;
    advanceGroup(eigenvalues, group, input, reset, begin, end, states, out);
  }
  const auto final = complexRows(op.final, op.channels);
  for (int u = 0; u < Group::kVectors && final; ++u) group.write(final, sequence, states.z[u], u);
}

template <Selection kSelection, class Real>
void scan(const EigenstateScanForward<Real>& op, Context& context) {
  const auto table = makeTable(op, context);
  forEachGroup<Compute<Real>>(op.batch, op.channels, kEachItsSlot, context,
                              [&](const auto& group, int64_t sequence, int64_t) {
                                scanGroup<kSelection>(op, table, group, sequence);
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
