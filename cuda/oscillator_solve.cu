// Oscillators to a tolerance, by the teams of cuda/oscillators.cuh: a whole solution in one launch,
// batch elements of a block, or of the grid where they are large, each with steps of their own.
// Floor of a step: six stages of cuda/oscillator_steps.cu.
// Not run on a GPU.
#include "ops/oscillator_solve.h"

#include "cuda/oscillators.cuh"
#include "ops/oscillator_solver_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <class Real>
struct SolveWork {
  OscillatorSolveForward<Real> op;
  OscillatorNetwork<Real> net;
  RungeKutta<Real> method;
  SolvePlaces<Real> places;
  __device__ void operator()(Team<Real>& team, int64_t) const {
    solveForward(team, op, net, method, places);
  }
};

template <class Real>
struct SolveBackwardWork {
  OscillatorSolveBackward<Real> op;
  OscillatorNetwork<Real> net;
  RungeKutta<Real> method;
  SolveAdjointPlaces<Real> places;
  OscillatorSums<Real> sums;
  __device__ void operator()(Team<Real>& team, int64_t group) const {
    solveBackward(team, op, net, method, places, sums, group);
  }
};

}  // namespace

template <class Real>
void run(const OscillatorSolveForward<Real>& op, Context& context) {
  OscillatorNetwork<Real> network = networkOf<Real>(op, op.system);
  useKind(network, op);
  const auto method = dormandPrince<Real>();
  runOscillators<Real>(context, network, {}, false,
                       [&](const auto& take, const auto& net, const auto&) {
                         return SolveWork<Real>{op, net, method, takeSolve(net, take)};
                       });
}

template <class Real>
void run(const OscillatorSolveBackward<Real>& op, Context& context) {
  OscillatorNetwork<Real> network = networkOf<Real>(op, op.system);
  useKind(network, op);
  useSources(network, op);
  auto targets = targetsOf<Real>(op);
  useKindGradients(targets, op);
  const auto method = dormandPrince<Real>();
  const int64_t segment = op.longest < op.checkpointEvery ? op.longest : op.checkpointEvery;
  runOscillators(
      context, network, targets, true, [&](const auto& take, const auto& net, const auto& sums) {
        return SolveBackwardWork<Real>{op, net, method, takeSolveAdjoint(net, segment, take), sums};
      });
}

EXPORT_KERNELS(OscillatorSolveForward)
EXPORT_KERNELS(OscillatorSolveBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
