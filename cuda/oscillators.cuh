// Calls on oscillators as three launches: one team prepares the network; each group of batch
// elements, or one cooperative grid for all, goes through its steps; one team finishes the
// gradients.
#pragma once

#include "cuda/team.cuh"
#include "ops/oscillator_plan.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// Memory in pieces of 256 bytes: counted first, then placed.
template <class Real>
struct Take {
  unsigned char* memory;  // null: only count
  int64_t* bytes;
  Real* operator()(int64_t count) const {
    unsigned char* const at = memory ? memory + *bytes : nullptr;
    *bytes += ceilDivide(count * int64_t(sizeof(Real)), 256) * 256;
    return reinterpret_cast<Real*>(at);
  }
};

template <class Real>
struct PrepareWork {
  OscillatorNetwork<Real> net;
  int* flags;
  int64_t count;
  __device__ void operator()(Team<Real>& team, int64_t) const {
    team.forRows(count, [&](int64_t i) { flags[i] = 0; });
    prepareNetwork(team, net);
  }
};
template <class Real>
struct FinishWork {
  OscillatorNetwork<Real> net;
  OscillatorSums<Real> sums;
  OscillatorTargets<Real> targets;
  __device__ void operator()(Team<Real>& team, int64_t) const {
    finishGradients(team, net, sums, targets);
  }
};

// `arrange(take, net, sums)` gives the object that goes through the steps; without gradients all
// targets are views of nothing.
template <class Real, class Arrange>
void runOscillators(Context& context, OscillatorNetwork<Real> net,
                    const OscillatorTargets<Real>& targets, bool hasGradients,
                    const Arrange& arrange) {
  const OscillatorPlan plan = planOf(net, targets);
  const int64_t longest = net.oscillators > net.batch ? net.oscillators : net.batch;
  const int64_t pieces = ceilDivide(longest, TeamTuning::piece);
  const int64_t whole = TeamTuning::fewRows * TeamTuning::mostSums * pieces;
  const int64_t ofGroup =
      TeamTuning::mostSums * plan.elements * ceilDivide(net.oscillators, TeamTuning::piece);
  const int64_t partials = whole > plan.groups * ofGroup ? whole : plan.groups * ofGroup;
  const int64_t flagCount = (plan.groups + 1) * TeamTuning::flags;
  OscillatorSums<Real> sums = {};
  Real* partialsAt = nullptr;
  int* flags = nullptr;
  const auto place = [&](const Take<Real>& take) {
    takeNetwork(net, take);
    sums = takeSums(net, targets, plan.groups, take);
    partialsAt = take(partials);
    flags = reinterpret_cast<int*>(take(flagCount));
    return arrange(take, net, sums);
  };
  int64_t bytes = 0;
  (void)place(Take<Real>{nullptr, &bytes});
  const Workspace<unsigned char> memory(context, bytes);
  bytes = 0;
  const auto work = place(Take<Real>{memory.data(), &bytes});

  const int64_t nodes = net.batch * net.oscillators;
  // The first flags are those of the teams that own the whole batch.
  const TeamArguments<Real> alone = {net.batch, 1, net.batch, false, partialsAt, whole, flags};
  launchTeams(PrepareWork<Real>{net, flags, flagCount}, alone, nodes + net.edges, context);
  const TeamArguments<Real> groups = {
      net.batch, plan.groups, plan.elements, false, partialsAt, ofGroup, flags + TeamTuning::flags};
  launchTeams(work, groups, nodes + plan.groups * net.edges, context);
  if (hasGradients)
    launchTeams(FinishWork<Real>{net, sums, targets}, alone, nodes + net.edges, context);
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
