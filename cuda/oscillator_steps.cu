// Oscillators in steps of fixed length, by the teams of cuda/oscillators.cuh: all steps in one
// launch. Floor of a stage of phases all to all: about 12 numbers an oscillator over the bandwidth
// of the cache (N = 10^6, float32: 9 µs at 5.5 TB/s) and four grid-wide barriers of about 1 µs. Not
// run on a GPU.
#include "ops/oscillator_steps.h"

#include "cuda/oscillators.cuh"
#include "ops/oscillator_run.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <class Real>
struct StepsWork {
  OscillatorStepsForward<Real> op;
  OscillatorNetwork<Real> net;
  RungeKutta<Real> method;
  StepsPlaces<Real> places;
  __device__ void operator()(Team<Real>& team, int64_t) const {
    stepsForward(team, op, net, method, places);
  }
};

template <class Real>
struct StepsBackwardWork {
  OscillatorStepsBackward<Real> op;
  OscillatorNetwork<Real> net;
  RungeKutta<Real> method;
  StepsAdjointPlaces<Real> places;
  OscillatorSums<Real> sums;
  __device__ void operator()(Team<Real>& team, int64_t group) const {
    stepsBackward(team, op, net, method, places, sums, group);
  }
};

}  // namespace

template <class Real>
void run(const OscillatorStepsForward<Real>& op, Context& context) {
  OscillatorNetwork<Real> network = networkOf<Real>(op, op.system);
  useKind(network, op);
  const auto method = fixedMethod<Real>(op.stages);
  runOscillators<Real>(
      context, network, {}, false, [&](const auto& take, const auto& net, const auto&) {
        return StepsWork<Real>{op, net, method, takeSteps(net, method.stages, take)};
      });
}

template <class Real>
void run(const OscillatorStepsBackward<Real>& op, Context& context) {
  OscillatorNetwork<Real> network = networkOf<Real>(op, op.system);
  useKind(network, op);
  useSources(network, op);
  auto targets = targetsOf<Real>(op);
  useKindGradients(targets, op);
  const auto method = fixedMethod<Real>(op.stages);
  const int64_t segment = op.steps < op.checkpointEvery ? op.steps : op.checkpointEvery;
  runOscillators(context, network, targets, true,
                 [&](const auto& take, const auto& net, const auto& sums) {
                   return StepsBackwardWork<Real>{
                       op, net, method, takeStepsAdjoint(net, method.stages, segment, take), sums};
                 });
}

EXPORT_KERNELS(OscillatorStepsForward)
EXPORT_KERNELS(OscillatorStepsBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
