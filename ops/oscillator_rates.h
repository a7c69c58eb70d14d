// The rates of all oscillators of a network at once, and the adjoint of that: local formulas, the
// gradient of the pull back through the graph, and what it gives to the shown points.
#pragma once

#include "ops/oscillator_prepare.h"

namespace entrain::inline ENTRAIN_ISA {

// The places of one evaluation; what it leaves there its adjoint reads.
template <class Real>
struct OscillatorStage {
  Real* state;   // (batch, length)
  Real* point;   // (batch, 2, N): what is shown; the state itself where that is shown
  Real* field;   // (batch, 2, N): p times it; the same place where there is no p
  Real* pulled;  // (batch, 2, N): P, where it is not a total less an own part
  Real* total;   // (batch, 2)
};

template <class Real>
HOST_DEVICE bool showsState(const OscillatorNetwork<Real>& net) {
  return net.system == kStuartLandau || net.system == kOttAntonsen;
}

// Takes the memory of a stage; `state` may be given.
template <class Real, class Take>
OscillatorStage<Real> takeStage(const OscillatorNetwork<Real>& net, const Take& take) {
  const int64_t pairs = 2 * net.batch * net.oscillators;
  OscillatorStage<Real> stage = {};
  stage.state = take(net.batch * net.length);
  if (!showsState(net)) stage.point = take(pairs);
  if (net.precision) stage.field = take(pairs);
  if (!pullsByTotal(net)) stage.pulled = take(pairs);
  stage.total = take(2 * net.batch);
  return stage;
}
// The same places with another state.
template <class Real>
HOST_DEVICE OscillatorStage<Real> withState(OscillatorStage<Real> stage, Real* state) {
  stage.state = state;
  return stage;
}

template <class Real>
HOST_DEVICE Real* pointsOf(const OscillatorStage<Real>& stage) {
  return stage.point ? stage.point : stage.state;
}
template <class Real>
HOST_DEVICE Real* fieldOf(const OscillatorStage<Real>& stage) {
  return stage.field ? stage.field : pointsOf(stage);
}

template <class System, class Access, class Real>
HOST_DEVICE OscillatorState<Loaded<Access, Real>> loadState(Access access, const Real* state,
                                                            int64_t n) {
  using Number = Loaded<Access, Real>;
  if constexpr (System::kPlanes == 1) return {access.load(state), Number(Real(0))};
  return {access.load(state), access.load(state + (System::kPlanes - 1) * n)};
}
template <class System, class Access, class Real>
HOST_DEVICE void storeState(Access access, Real* state, int64_t n,
                            OscillatorState<Loaded<Access, Real>> value) {
  access.store(state, value.first);
  if constexpr (System::kPlanes == 2) access.store(state + n, value.second);
}

// What an oscillator shows: stored at `stage`, and p times it returned.
template <class System, class Access, class Real>
HOST_DEVICE Circle<Loaded<Access, Real>> showAt(const OscillatorNetwork<Real>& net,
                                                const OscillatorStage<Real>& stage, int64_t b,
                                                int64_t i, Access access,
                                                OscillatorState<Loaded<Access, Real>> state) {
  const int64_t n = net.oscillators, at = b * 2 * n + i;
  Circle<Loaded<Access, Real>> point = System::show(state);
  if constexpr (!System::kShowsState) storePair(access, stage.point + at, n, point);
  if (stage.field) {
    const auto p = access.load(net.precision + i);
    point = {p * point.sine, p * point.cosine};
    storePair(access, stage.field + at, n, point);
  }
  return point;
}

// rate = f(state), where `stateAt(system, b, i, access)` makes the state and stores it at `stage`.
template <class Team, class Real, class Uses, class StateAt>
TEAM_FUNCTION void evaluateRates(const Team& team, const OscillatorNetwork<Real>& net,
                                 const Parameter<Real>& drive, const OscillatorStage<Real>& stage,
                                 Real* rate, const Uses& uses, const StateAt& stateAt) {
  const int64_t n = net.oscillators;
  withSystem(net.system, [&](auto system) {
    using System = decltype(system);
    if constexpr (System::kIsPulled) {
      makeAndPull(team, net, fieldOf(stage), stage.pulled, stage.total, uses, false,
                  [&](int64_t b, int64_t i, auto access) {
                    return showAt<System>(net, stage, b, i, access, stateAt(system, b, i, access));
                  });
    }
    team.nodes(uses, n, [&](int64_t b, int64_t i, auto access) {
      using Number = Loaded<decltype(access), Real>;
      const int64_t at = b * net.length + i, pairAt = b * 2 * n + i;
      OscillatorState<Number> state, result;
      const OscillatorConstants<Number> c = constantsAt(net, drive, b, i, access);
      if constexpr (System::kIsPulled) {
        state = loadState<System>(access, stage.state + at, n);
        const Circle<Number> point = loadPair(access, pointsOf(stage) + pairAt, n);
        const Circle<Number> pulled =
            pulledAt(net, fieldOf(stage), stage.pulled, stage.total, b, i, access);
        result = System::rate(state, point, pulled, c);
      } else {
        state = stateAt(system, b, i, access);
        result = System::rate(state, {}, {}, c);
      }
      storeState<System>(access, rate + at, n, result);
    });
  });
}

// Places of an adjoint.
template <class Real>
struct OscillatorAdjointPlaces {
  Real *pairs, *pulled, *total;  // as a stage's, of the gradient of the pull
};
template <class Real, class Take>
OscillatorAdjointPlaces<Real> takeAdjoint(const OscillatorNetwork<Real>& net, const Take& take) {
  const int64_t pairs = 2 * net.batch * net.oscillators;
  OscillatorAdjointPlaces<Real> places = {};
  places.pairs = take(pairs);
  if (!pullsByTotal(net)) places.pulled = take(pairs);
  places.total = take(2 * net.batch);
  return places;
}

template <class Access, class Real>
HOST_DEVICE void addTo(Access access, Real* sums, int64_t at, Loaded<Access, Real> value) {
  if (sums) access.store(sums + at, access.load(sums + at) + value);
}

// gradState = (df/dstate)ᵀ a, where `gradRateAt(system, b, i, access)` gives a; parameters' gradients
// are added to `sums`, those of the weights to `gradWeight`.
template <class Team, class Real, class Uses, class GradRateAt>
TEAM_FUNCTION void adjointRates(const Team& team, const OscillatorNetwork<Real>& net,
                                const Parameter<Real>& drive, const OscillatorStage<Real>& stage,
                                const OscillatorAdjointPlaces<Real>& places,
                                const OscillatorSums<Real>& sums, Real* gradWeight,
                                Real* gradState, const Uses& uses, const GradRateAt& gradRateAt) {
  const int64_t n = net.oscillators;
  withSystem(net.system, [&](auto system) {
    using System = decltype(system);
    const auto local = [&](int64_t b, int64_t i, auto access) {
      using Number = Loaded<decltype(access), Real>;
      const int64_t at = b * net.length + i, pairAt = b * 2 * n + i, nodeAt = b * n + i;
      const OscillatorConstants<Number> c = constantsAt(net, drive, b, i, access);
      const OscillatorState<Number> state = loadState<System>(access, stage.state + at, n);
      Circle<Number> point = {}, pulled = {};
      if constexpr (System::kIsPulled) {
        point = loadPair(access, pointsOf(stage) + pairAt, n);
        pulled = pulledAt(net, fieldOf(stage), stage.pulled, stage.total, b, i, access);
      }
      const OscillatorAdjoint<Number> adjoint =
          System::gradRate(state, point, pulled, c, gradRateAt(system, b, i, access));
      storeState<System>(access, gradState + at, n, adjoint.state);
      addTo(access, sums.frequency, nodeAt, adjoint.frequency);
      addTo(access, sums.stepFrequency, nodeAt, adjoint.frequency);
      addTo(access, sums.strength, nodeAt, adjoint.strength);
      addTo(access, sums.lag, nodeAt, adjoint.lag);
      addTo(access, sums.first, nodeAt, adjoint.first);
      addTo(access, sums.second, nodeAt, adjoint.second);
      addTo(access, sums.rowSum, nodeAt, adjoint.rowSum);
      storePair(access, places.pairs + pairAt, n, adjoint.pull);
      return adjoint.pull;
    };
    if constexpr (!System::kIsPulled) {
      team.nodes(uses, n, [&](int64_t b, int64_t i, auto access) { (void)local(b, i, access); });
    } else {
      makeAndPull(team, net, places.pairs, places.pulled, places.total, uses, true, local);
      team.nodes(uses, n, [&](int64_t b, int64_t i, auto access) {
        using Number = Loaded<decltype(access), Real>;
        const Circle<Number> point = loadPair(access, pointsOf(stage) + b * 2 * n + i, n);
        Circle<Number> gradPoint =
            pulledAt(net, places.pairs, places.pulled, places.total, b, i, access);
        addTo(access, sums.precision, b * n + i, gradSourcePrecision(point, gradPoint));
        if (net.precision) {
          const Number p = access.load(net.precision + i);
          gradPoint = {p * gradPoint.sine, p * gradPoint.cosine};
        }
        const OscillatorState<Number> more = System::gradShow(point, gradPoint);
        Real* const to = gradState + b * net.length + i;
        const OscillatorState<Number> before = loadState<System>(access, to, n);
        storeState<System>(access, to, n, {before.first + more.first, before.second + more.second});
      });
      if (gradWeight) addGradWeight(team, net, places.pairs, fieldOf(stage), gradWeight, uses);
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA
