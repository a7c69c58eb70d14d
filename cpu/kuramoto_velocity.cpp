// The velocity of coupled phases, by the teams of cpu/oscillators.h. Floor: the products with a dense
// graph, 4 N² operations a batch element and N² numbers of memory; sine and cosine of each phase
// else.
#include "ops/kuramoto_velocity.h"

#include "cpu/oscillators.h"
#include "ops/oscillator_run.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const KuramotoVelocityForward<Real>& op, Context& context) {
  OscillatorNetwork<Real> net = networkOf<Real>(op, kPhase);
  const auto stage = takeStage(net, Take<Real>{context});
  runForward(context, net, [&](Team<Real>& team) { velocityForward(team, op, net, stage); });
}

template <class Real>
void run(const KuramotoVelocityBackward<Real>& op, Context& context) {
  const Take<Real> take = {context};
  OscillatorNetwork<Real> net = networkOf<Real>(op, kPhase);
  useSources(net, op);
  const auto stage = takeStage(net, take);
  const auto places = takeAdjoint(net, take);
  Real* const rate = take(net.batch * net.length);
  runBackward(context, net, targetsOf<Real>(op), [&](Team<Real>& team, const auto& sums, int64_t group) {
    velocityBackward(team, op, net, stage, rate, places, sums, group);
  });
}

EXPORT_KERNELS(KuramotoVelocityForward)
EXPORT_KERNELS(KuramotoVelocityBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
