// The velocity of coupled phases, by the teams of cuda/oscillators.cuh. Floor: for a dense graph
// its N² numbers over the bandwidth (N = 8192, float32: 62 µs at 4.3 TB/s) however large the batch
// while it stays in the cache; else three launches, about 10 µs. Not run on a GPU.
#include "ops/kuramoto_velocity.h"

#include "cuda/oscillators.cuh"
#include "ops/oscillator_run.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

template <class Real>
struct VelocityWork {
  KuramotoVelocityForward<Real> op;
  OscillatorNetwork<Real> net;
  OscillatorStage<Real> stage;
  __device__ void operator()(Team<Real>& team, int64_t) const {
    velocityForward(team, op, net, stage);
  }
};

template <class Real>
struct VelocityBackwardWork {
  KuramotoVelocityBackward<Real> op;
  OscillatorNetwork<Real> net;
  OscillatorStage<Real> stage;
  Real* rate;
  OscillatorAdjointPlaces<Real> places;
  OscillatorSums<Real> sums;
  __device__ void operator()(Team<Real>& team, int64_t group) const {
    velocityBackward(team, op, net, stage, rate, places, sums, group);
  }
};

}  // namespace

template <class Real>
void run(const KuramotoVelocityForward<Real>& op, Context& context) {
  runOscillators<Real>(context, networkOf<Real>(op, kPhase), {}, false,
                       [&](const auto& take, const auto& net, const auto&) {
                         return VelocityWork<Real>{op, net, takeStage(net, take)};
                       });
}

template <class Real>
void run(const KuramotoVelocityBackward<Real>& op, Context& context) {
  OscillatorNetwork<Real> network = networkOf<Real>(op, kPhase);
  useSources(network, op);
  runOscillators(
      context, network, targetsOf<Real>(op), true,
      [&](const auto& take, const auto& net, const auto& sums) {
        return VelocityBackwardWork<Real>{
            op,  net, takeStage(net, take), take(net.batch * net.length), takeAdjoint(net, take),
            sums};
      });
}

EXPORT_KERNELS(KuramotoVelocityForward)
EXPORT_KERNELS(KuramotoVelocityBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
