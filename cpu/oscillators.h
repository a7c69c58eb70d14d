// Runs the teams of a call on oscillators: one of all threads prepares and finishes, and between
// them each group of batch elements is a task, or one team has them all.
#pragma once

#include "cpu/team.h"
#include "ops/oscillator_plan.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Takes memory from a context.
template <class Real>
struct Take {
  Context& context;
  Real* operator()(int64_t count) const { return context.workspace<Real>(count); }
};

// work(team, group) for every group.
template <class Real, class Work>
void runTeams(Context& context, const OscillatorNetwork<Real>& net, const OscillatorPlan& plan,
              Real* partials, const Work& work) {
  if (plan.groups == 1) {
    Team<Real> team(&context, partials, 0, net.batch);
    work(team, int64_t(0));
    return;
  }
  context.forEach(plan.groups, [&](int64_t group) {
    const int64_t first = group * plan.elements, left = net.batch - first;
    Team<Real> team(nullptr, nullptr, first, left < plan.elements ? left : plan.elements);
    work(team, group);
  });
}

// A call without gradients: places = take(take), then work(team, places).
template <class Real, class Work>
void runForward(Context& context, OscillatorNetwork<Real>& net, const Work& work) {
  takeNetwork(net, Take<Real>{context});
  const int64_t longest = net.oscillators > net.batch ? net.oscillators : net.batch;
  Real* const partials = context.workspace<Real>(partialsFor<Real>(longest));
  prepareNetwork(Team<Real>(&context, partials, 0, net.batch), net);
  runTeams(context, net, planOf(net, OscillatorTargets<Real>{}), partials,
           [&](Team<Real>& team, int64_t) { work(team); });
}

// A call that adds up gradients: work(team, sums, group).
template <class Real, class Work>
void runBackward(Context& context, OscillatorNetwork<Real>& net,
                 const OscillatorTargets<Real>& targets, const Work& work) {
  const Take<Real> take = {context};
  takeNetwork(net, take);
  const int64_t longest = net.oscillators > net.batch ? net.oscillators : net.batch;
  Real* const partials = context.workspace<Real>(partialsFor<Real>(longest));
  const OscillatorPlan plan = planOf(net, targets);
  const OscillatorSums<Real> sums = takeSums(net, targets, plan.groups, take);
  const Team<Real> whole(&context, partials, 0, net.batch);
  prepareNetwork(whole, net);
  runTeams(context, net, plan, partials,
           [&](Team<Real>& team, int64_t group) { work(team, sums, group); });
  finishGradients(whole, net, sums, targets);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
