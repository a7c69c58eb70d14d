// Runs of fixed steps and their adjoint, and single velocities, by one team for a part of the
// batch. The adjoint goes through the run's segments backwards: it takes the steps of a segment
// again from its checkpoint, keeping their states, and then each step's adjoint.
#pragma once

#include "ops/arctangent.h"
#include "ops/kuramoto_velocity.h"
#include "ops/oscillator_steps.h"
#include "ops/runge_kutta.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Team, class Real>
TEAM_FUNCTION void copyStates(const Team& team, int64_t length, const Real* from, Real* to) {
  team.nodes(AllElements{}, length, [&](int64_t b, int64_t i, auto access) {
    access.store(to + b * length + i, access.load(from + b * length + i));
  });
}
// Zeros where there is nothing to copy from.
template <class Team, class Real>
TEAM_PASS void copyOrClear(const Team& team, int64_t length, const Real* from, Real* to) {
  if (from) return copyStates(team, length, from, to);
  team.nodes(AllElements{}, length, [&](int64_t b, int64_t i, auto access) {
    access.store(to + b * length + i, Loaded<decltype(access), Real>(Real(0)));
  });
}

template <class Team, class Real>
TEAM_PASS void clearSums(const Team& team, const OscillatorNetwork<Real>& net,
                         const OscillatorSums<Real>& sums, Real* gradWeight) {
  Real* const each[] = {sums.frequency, sums.strength, sums.lag,      sums.first,
                        sums.second,    sums.rowSum,   sums.precision};
  for (Real* const sum : each) {
    if (sum) copyOrClear(team, net.oscillators, static_cast<const Real*>(nullptr), sum);
  }
  if (!gradWeight) return;
  team.elements(0, 1).nodes(AllElements{}, net.edges, [&](int64_t, int64_t e, auto access) {
    access.store(gradWeight + e, Loaded<decltype(access), Real>(Real(0)));
  });
}

// Where a group's sums over edges are.
template <class Real>
HOST_DEVICE Real* gradWeightOf(const OscillatorSums<Real>& sums, const OscillatorNetwork<Real>& net,
                               int64_t group) {
  return sums.weight ? sums.weight + group * net.edges : nullptr;
}

// ---- velocity ----

template <class Team, class Real>
TEAM_FUNCTION void velocityForward(const Team& team, const KuramotoVelocityForward<Real>& op,
                                   const OscillatorNetwork<Real>& net,
                                   const OscillatorStage<Real>& stage) {
  const auto at = withState(stage, const_cast<Real*>(op.phases.data));
  evaluateRates(team, net, net.drive, at, op.velocity.data, AllElements{},
                [&](auto system, int64_t b, int64_t i, auto access) {
                  return loadState<decltype(system)>(access, at.state + b * net.length + i,
                                                     net.oscillators);
                });
}

template <class Team, class Real>
TEAM_FUNCTION void velocityBackward(const Team& team, const KuramotoVelocityBackward<Real>& op,
                                    const OscillatorNetwork<Real>& net,
                                    const OscillatorStage<Real>& stage, Real* rate,
                                    const OscillatorAdjointPlaces<Real>& places,
                                    const OscillatorSums<Real>& sums, int64_t group) {
  const auto at = withState(stage, const_cast<Real*>(op.phases.data));
  const auto load = [&](const Real* from) {
    return [=, &net](auto system, int64_t b, int64_t i, auto access) {
      return loadState<decltype(system)>(access, from + b * net.length + i, net.oscillators);
    };
  };
  Real* const gradWeight = gradWeightOf(sums, net, group);
  clearSums(team, net, sums, gradWeight);
  evaluateRates(team, net, net.drive, at, rate, AllElements{}, load(at.state));
  adjointRates(team, net, net.drive, at, places, sums, gradWeight, op.gradPhases.data,
               AllElements{}, load(op.gradVelocity.data));
}

// ---- steps ----

// A run's memory beside its arguments.
template <class Real>
struct StepsPlaces {
  StepPlaces<Real> step;
  Real *h, *turns, *mean;  // (batch), (batch, N) of swing, (batch, 2)
};
template <class Real, class Take>
StepsPlaces<Real> takeSteps(const OscillatorNetwork<Real>& net, int stages, const Take& take) {
  StepsPlaces<Real> places;
  places.step = takeStep(net, stages, take);
  places.h = take(net.batch);
  places.turns = net.system == kSwing ? take(net.batch * net.oscillators) : nullptr;
  places.mean = take(2 * net.batch);
  return places;
}

// The drive of a step.
template <class Real>
HOST_DEVICE Parameter<Real> driveOfStep(const OscillatorNetwork<Real>& net, int64_t step) {
  Parameter<Real> drive = net.drive;
  if (net.driveKind == kStepDrive) drive.data += step * net.oscillators;
  return drive;
}

// One step; `turns` counts what wrapping takes off. `to` may be `from`.
template <class Team, class Real, class Uses>
TEAM_PASS void takeFixedStep(const Team& team, const OscillatorNetwork<Real>& net,
                             const RungeKutta<Real>& method, const Parameter<Real>& drive,
                             const StepPlaces<Real>& places, Real* from, Real* to, const Real* h,
                             Real* turns, int stages, const Uses& uses) {
  for (int s = 0; s < stages; ++s) {
    const auto stage = s == 0 ? withState(places.stage, from) : places.stage;
    evaluateStage(team, net, method, drive, from, h, places.rates, stage, s, uses);
  }
  withSystem(net.system, [&](auto system) {
    using System = decltype(system);
    team.nodes(uses, net.oscillators, [&](int64_t b, int64_t i, auto access) {
      auto state =
          advanced<System>(net, from, places.rates, method.weight, stages, h[b], b, i, access);
      if constexpr (std::is_same_v<System, SwingSystem>) {
        if (turns) {
          auto more = state.first;
          state.first = wrappedAngle(state.first, more);
          addTo(access, turns, b * net.oscillators + i, more);
        }
      }
      storeState<System>(access, to + b * net.length + i, net.oscillators, state);
    });
  });
}

// mean[b] = Σ_i of what is shown.
template <class Team, class Real>
TEAM_FUNCTION void sumShown(const Team& team, const OscillatorNetwork<Real>& net,
                            const Real* states, Real* mean) {
  withSystem(net.system, [&](auto system) {
    using System = decltype(system);
    sumPairs(team, net.oscillators, mean, AllElements{}, [&](int64_t b, int64_t i, auto access) {
      return System::show(loadState<System>(access, states + b * net.length + i, net.oscillators));
    });
  });
}

template <class Team, class Real>
TEAM_PASS void recordStep(const Team& team, const OscillatorStepsForward<Real>& op,
                          const OscillatorNetwork<Real>& net, const Real* states, Real* mean,
                          int64_t row) {
  const int64_t records = recordCount(op.steps, op.recordEvery), length = net.length;
  if (op.recordStates) {
    team.nodes(AllElements{}, length, [&](int64_t b, int64_t i, auto access) {
      access.store(op.recordStates.data + (b * records + row) * length + i,
                   access.load(states + b * length + i));
    });
  }
  if (!op.recordR && !op.recordPsi) return;
  sumShown(team, net, states, mean);
  const Real scale = Real(1) / Real(net.oscillators);
  team.forElements([&](int64_t b) {
    const Real x = mean[2 * b] * scale, y = mean[2 * b + 1] * scale;
    Real turns;
    if (op.recordR) op.recordR[b * records + row] = squareRoot(fma(x, x, y * y));
    if (op.recordPsi) op.recordPsi[b * records + row] = wrappedAngle(angleOf(x, y), turns);
  });
}

template <class Team, class Real>
TEAM_FUNCTION void stepsForward(const Team& team, const OscillatorStepsForward<Real>& op,
                                const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                                const StepsPlaces<Real>& places) {
  const int64_t length = net.length, stride = net.batch * length, n = net.oscillators;
  Real* const state = op.final.data;
  copyStates(team, length, op.start.data, state);
  if (places.turns) copyOrClear(team, n, static_cast<const Real*>(nullptr), places.turns);
  team.forElements([&](int64_t b) { places.h[b] = Real(op.timeStep); });
  const auto keep = [&](int64_t row) {
    if (op.checkpoints) copyStates(team, length, state, op.checkpoints.data + row * stride);
  };
  for (int64_t step = 0; step < op.steps; ++step) {
    if (op.checkpointEvery > 0 && step % op.checkpointEvery == 0) keep(step / op.checkpointEvery);
    takeFixedStep(team, net, method, driveOfStep(net, step), places.step, state, state, places.h,
                  places.turns, method.stages, AllElements{});
    if (op.recordEvery > 0 && (step + 1) % op.recordEvery == 0) {
      recordStep(team, op, net, state, places.mean, step / op.recordEvery);
    }
  }
  if (op.checkpointEvery > 0) keep(checkpointCount(op.steps, op.checkpointEvery) - 1);
  if (!op.winding) return;
  const int64_t first = team.first;
  team.forRows(team.count * n, [&](int64_t row) {
    op.winding[first * n + row] = int32_t(toInteger(places.turns[first * n + row]));
  });
}

// λ += what comes to the state after a step from the records.
template <class Team, class Real>
TEAM_PASS void adjointRecord(const Team& team, const OscillatorStepsBackward<Real>& op,
                             const OscillatorNetwork<Real>& net, const Real* states, Real* mean,
                             Real* lambda, int64_t row) {
  const int64_t records = recordCount(op.steps, op.recordEvery), n = net.oscillators;
  const int64_t length = net.length;
  if (op.gradRecordStates) {
    team.nodes(AllElements{}, length, [&](int64_t b, int64_t i, auto access) {
      Real* const to = lambda + b * length + i;
      const Real* const more = op.gradRecordStates.data + (b * records + row) * length + i;
      access.store(to, access.load(to) + access.load(more));
    });
  }
  if (!op.gradRecordR) return;
  sumShown(team, net, states, mean);
  // dR/df_i = e^{iψ} / N; none at R = 0.
  team.forElements([&](int64_t b) {
    const Real x = mean[2 * b], y = mean[2 * b + 1], size = squareRoot(fma(x, x, y * y));
    const Real scale =
        size > Real(0) ? op.gradRecordR[b * records + row] / (size * Real(n)) : Real(0);
    mean[2 * b] = x * scale;
    mean[2 * b + 1] = y * scale;
  });
  withSystem(net.system, [&](auto system) {
    using System = decltype(system);
    team.nodes(AllElements{}, n, [&](int64_t b, int64_t i, auto access) {
      using Number = Loaded<decltype(access), Real>;
      const int64_t at = b * length + i;
      const Circle<Number> point = System::show(loadState<System>(access, states + at, n));
      const Circle<Number> gradient = {Number(mean[2 * b + 1]), Number(mean[2 * b])};
      const OscillatorState<Number> more = System::gradShow(point, gradient);
      const OscillatorState<Number> before = loadState<System>(access, lambda + at, n);
      storeState<System>(access, lambda + at, n,
                         {before.first + more.first, before.second + more.second});
    });
  });
}

// The gradient of the drive held in one step; the team owns the whole batch.
template <class Team, class Real>
TEAM_PASS void finishStepDrive(const Team& team, const OscillatorNetwork<Real>& net,
                               const Real* stepFrequency, Real* gradDrive) {
  const int64_t n = net.oscillators;
  team.elements(0, 1).nodes(AllElements{}, n, [&](int64_t, int64_t i, auto access) {
    auto sum = access.load(stepFrequency + i);
    for (int64_t b = 1; b < net.batch; ++b) sum = sum + access.load(stepFrequency + b * n + i);
    access.store(gradDrive + i, sum);
  });
}

template <class Real>
struct StepsAdjointPlaces {
  StepsPlaces<Real> run;
  StepAdjointPlaces<Real> step;
  Real* segment;  // (checkpointEvery - 1, batch, length): states after the first of a segment
};
template <class Real, class Take>
StepsAdjointPlaces<Real> takeStepsAdjoint(const OscillatorNetwork<Real>& net, int stages,
                                          int64_t segment, const Take& take) {
  StepsAdjointPlaces<Real> places;
  places.run = takeSteps(net, stages, take);
  places.step = takeStepAdjoint(net, stages, take);
  places.segment = take((segment - 1) * net.batch * net.length);
  return places;
}

template <class Team, class Real>
TEAM_FUNCTION void stepsBackward(const Team& team, const OscillatorStepsBackward<Real>& op,
                                 const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                                 const StepsAdjointPlaces<Real>& places,
                                 const OscillatorSums<Real>& sums, int64_t group) {
  const int64_t length = net.length, stride = net.batch * length, every = op.checkpointEvery;
  const AllElements all;
  Real* const lambda = op.gradStart.data;
  Real* const gradWeight = gradWeightOf(sums, net, group);
  Real* const kept = const_cast<Real*>(op.checkpoints.data);
  copyOrClear(team, length, op.gradFinal.data, lambda);
  clearSums(team, net, sums, gradWeight);
  Real* const h = places.run.h;
  team.forElements([&](int64_t b) { h[b] = Real(op.timeStep); });
  for (int64_t q = checkpointCount(op.steps, every) - 2; q >= 0; --q) {
    const int64_t begin = q * every, end = begin + every < op.steps ? begin + every : op.steps;
    const auto stateBefore = [&](int64_t step) {
      if (step == begin) return kept + q * stride;
      return step == end ? kept + (q + 1) * stride : places.segment + (step - begin - 1) * stride;
    };
    for (int64_t step = begin; step + 1 < end; ++step) {
      takeFixedStep(team, net, method, driveOfStep(net, step), places.run.step, stateBefore(step),
                    stateBefore(step + 1), h, places.run.turns, method.stages, all);
    }
    for (int64_t step = end - 1; step >= begin; --step) {
      if (op.recordEvery > 0 && (step + 1) % op.recordEvery == 0) {
        adjointRecord(team, op, net, stateBefore(step + 1), places.run.mean, lambda,
                      step / op.recordEvery);
      }
      if (sums.stepFrequency) {
        copyOrClear(team, net.oscillators, static_cast<const Real*>(nullptr), sums.stepFrequency);
      }
      adjointStep(team, net, method, driveOfStep(net, step), stateBefore(step), h, places.step,
                  sums, gradWeight, lambda, method.stages, all,
                  [](auto, int, int64_t, int64_t, auto access) {
                    using Number = Loaded<decltype(access), Real>;
                    return OscillatorState<Number>{Number(Real(0)), Number(Real(0))};
                  });
      if (sums.stepFrequency) {
        finishStepDrive(team, net, sums.stepFrequency, op.gradDrive.data + step * net.oscillators);
      }
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA
