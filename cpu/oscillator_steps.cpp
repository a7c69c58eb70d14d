// Oscillators in steps of fixed length, by the teams of cpu/oscillators.h. A stage costs sine and
// cosine of the phases, the pull through the graph, and about 12 numbers of memory an oscillator.
#include "ops/oscillator_steps.h"

#include "cpu/oscillators.h"
#include "ops/oscillator_run.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const OscillatorStepsForward<Real>& op, Context& context) {
  OscillatorNetwork<Real> net = networkOf<Real>(op, op.system);
  useKind(net, op);
  const auto method = fixedMethod<Real>(op.stages);
  const auto places = takeSteps(net, method.stages, Take<Real>{context});
  runForward(context, net, [&](Team<Real>& team) { stepsForward(team, op, net, method, places); });
}

template <class Real>
void run(const OscillatorStepsBackward<Real>& op, Context& context) {
  OscillatorNetwork<Real> net = networkOf<Real>(op, op.system);
  useKind(net, op);
  useSources(net, op);
  auto targets = targetsOf<Real>(op);
  useKindGradients(targets, op);
  const auto method = fixedMethod<Real>(op.stages);
  const int64_t segment = op.steps < op.checkpointEvery ? op.steps : op.checkpointEvery;
  const auto places = takeStepsAdjoint(net, method.stages, segment, Take<Real>{context});
  runBackward(context, net, targets, [&](Team<Real>& team, const auto& sums, int64_t group) {
    stepsBackward(team, op, net, method, places, sums, group);
  });
}

EXPORT_KERNELS(OscillatorStepsForward)
EXPORT_KERNELS(OscillatorStepsBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
