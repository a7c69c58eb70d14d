// Oscillators to a tolerance, by the teams of cpu/oscillators.h: a batch element goes its own way
// beside those of its team. A step costs six stages of cpu/oscillator_steps.cpp.
#include "ops/oscillator_solve.h"

#include "cpu/oscillators.h"
#include "ops/oscillator_solver_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const OscillatorSolveForward<Real>& op, Context& context) {
  OscillatorNetwork<Real> net = networkOf<Real>(op, op.system);
  useKind(net, op);
  const auto method = dormandPrince<Real>();
  const auto places = takeSolve(net, Take<Real>{context});
  runForward(context, net, [&](Team<Real>& team) { solveForward(team, op, net, method, places); });
}

template <class Real>
void run(const OscillatorSolveBackward<Real>& op, Context& context) {
  OscillatorNetwork<Real> net = networkOf<Real>(op, op.system);
  useKind(net, op);
  useSources(net, op);
  auto targets = targetsOf<Real>(op);
  useKindGradients(targets, op);
  const auto method = dormandPrince<Real>();
  const int64_t segment = op.longest < op.checkpointEvery ? op.longest : op.checkpointEvery;
  const auto places = takeSolveAdjoint(net, segment, Take<Real>{context});
  runBackward(context, net, targets, [&](Team<Real>& team, const auto& sums, int64_t group) {
    solveBackward(team, op, net, method, places, sums, group);
  });
}

EXPORT_KERNELS(OscillatorSolveForward)
EXPORT_KERNELS(OscillatorSolveBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
