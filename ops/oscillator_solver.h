// Solutions to a tolerance and their adjoint, by one team for a part of the batch. The elements go
// in lockstep: in a round each tries a step of its own length, and those at their end rest.
#pragma once

#include "ops/exponential.h"
#include "ops/logarithm.h"
#include "ops/oscillator_run.h"
#include "ops/oscillator_solve.h"

namespace entrain::inline ENTRAIN_ISA {

// Where a batch element is on its way.
struct SolveControl {
  double time, end;
  double step;         // the next length to try
  double next;         // the end of the step being tried
  double errorBefore;  // of the last accepted step
  double error;        // of the step that was tried; 1 is allowed
  double slope;        // of the first step's choice
  int64_t accepted, rejected;
  int64_t outputBegin, outputEnd;  // those of the step
  int32_t status;
  int32_t refusal;  // of the last step tried: SolveRefusal
  bool isAccepted, isRunning;
};
enum SolveRefusal : int32_t { kNotRefused, kErrorTooLarge, kErrorNotFinite };

// ---- step control ----

HOST_DEVICE double powerOf(double x, double exponent) {
  return exponential(exponent * logarithm(x));
}

// The step after an error (1: as large as allowed); shorter by a fifth to five where it was too
// large. Hairer, Nørsett & Wanner's dopri5: β = 0.04, safety 0.9, factors in [1/5, 10].
HOST_DEVICE void decideStep(SolveControl& c) {
  constexpr double kBeta = 0.04, kExponent = 0.2 - 0.75 * kBeta, kSafety = 0.9;
  const double length = c.next - c.time;
  c.isAccepted = c.error <= 1;  // not where it is NaN
  const bool isFinite = c.error < 1e300;
  const double least = 1e-30;
  const double raised = isFinite ? powerOf(c.error > least ? c.error : least, kExponent) : 5;
  double shrink;
  if (c.isAccepted) {
    shrink = raised / powerOf(c.errorBefore, kBeta) / kSafety;
    // A step that follows a refused one grows no further.
    const double floor = c.refusal != kNotRefused ? 1.0 : 0.1;
    shrink = shrink < floor ? floor : shrink > 5 ? 5 : shrink;
    c.errorBefore = c.error > 1e-4 ? c.error : 1e-4;
    c.refusal = kNotRefused;
  } else {
    shrink = raised / kSafety < 5 ? raised / kSafety : 5;
    c.refusal = isFinite ? kErrorTooLarge : kErrorNotFinite;
    ++c.rejected;
  }
  c.step = length / shrink;
}

// The shortest step that time resolves.
HOST_DEVICE double timeResolution(const SolveControl& c) {
  const double now = absolute(c.time), end = absolute(c.end);
  return 0x1p-50 * (now < end ? end : now);
}

// Sets the step to try; false where the element is done.
HOST_DEVICE bool proposeStep(SolveControl& c, int64_t maximumSteps) {
  if (!c.isRunning || !(c.time < c.end)) return c.isRunning = false;
  if (c.accepted >= maximumSteps) {
    c.status = kTooManySteps;
    return c.isRunning = false;
  }
  if (!(c.step > timeResolution(c))) {
    c.status = c.refusal == kErrorNotFinite || c.step != c.step ? kNotFinite : kStepTooSmall;
    return c.isRunning = false;
  }
  c.next = c.time + 1.01 * c.step >= c.end ? c.end : c.time + c.step;
  return true;
}

// The first step from the sizes of the state and of its rate, rms against the tolerance (II.4): a
// hundredth of what would change the state by its size.
HOST_DEVICE double firstTrial(double size, double slope, double span) {
  const double trial = size < 1e-5 || slope < 1e-5 ? 1e-6 : 0.01 * (size / slope);
  return trial < span ? trial : span;
}
// The same once the second derivative `bend` is known; order 5.
HOST_DEVICE double firstStepOf(double trial, double slope, double bend, double span) {
  const double most = slope > bend ? slope : bend;
  const double least = 1e-3 * trial;
  double step = most <= 1e-15 ? (least > 1e-6 ? least : 1e-6) : powerOf(0.01 / most, 0.2);
  step = step < 100 * trial ? step : 100 * trial;
  return step < span ? step : span;
}

// ---- forward ----

template <class Real>
struct SolvePlaces {
  StepPlaces<Real> step;
  Real* h;  // (batch)
  SolveControl* control;
  unsigned char *running, *accepted;  // (batch)
};
template <class Real, class T, class Take>
T* takeAs(const Take& take, int64_t count) {
  const int64_t bytes = count * int64_t(sizeof(T));
  return reinterpret_cast<T*>(take((bytes + int64_t(sizeof(Real)) - 1) / int64_t(sizeof(Real))));
}
template <class Real, class Take>
SolvePlaces<Real> takeSolve(const OscillatorNetwork<Real>& net, const Take& take) {
  SolvePlaces<Real> places;
  places.step = takeStep(net, kMostStages, take);
  places.h = take(net.batch);
  places.control = takeAs<Real, SolveControl>(take, net.batch);
  places.running = takeAs<Real, unsigned char>(take, net.batch);
  places.accepted = takeAs<Real, unsigned char>(take, net.batch);
  return places;
}

// The error that a number may have.
template <class Real>
struct SolveTolerance {
  double relative, absolute;
  // Σ over the numbers of an oscillator of (value / allowed)²; `before` and `after` tell their
  // size, which for phases is one radian.
  template <class System, class Number>
  HOST_DEVICE Number squares(System, OscillatorState<Number> value, OscillatorState<Number> before,
                             OscillatorState<Number> after) const {
    constexpr bool isPhase = !System::kShowsState;
    const auto allowed = [&](Number a, Number b) {
      const Number size = entrain::maximum(entrain::absolute(a), entrain::absolute(b));
      return fma(Number(Real(relative)), size, Number(Real(absolute)));
    };
    const Number one(Real(1));
    const Number first =
        value.first / (isPhase ? allowed(one, one) : allowed(before.first, after.first));
    Number sum = first * first;
    if constexpr (System::kPlanes == 2) {
      const Number second = value.second / allowed(before.second, after.second);
      sum = fma(second, second, sum);
    }
    return sum;
  }
};

// values[b] = the root mean square of what `squaresAt(system, b, i, access)` gives.
template <class Team, class Real, class SquaresAt, class Result>
TEAM_FUNCTION void rootMeanSquares(const Team& team, const OscillatorNetwork<Real>& net,
                                   const MarkedElements& uses, const SquaresAt& squaresAt,
                                   const Result& result) {
  const int64_t first = team.first;
  withSystem(net.system, [&](auto system) {
    team.template rowSums<1>(
        team.count, net.oscillators, [&](int64_t row) { return uses(first + row); },
        [&](int64_t row, int64_t i, auto access, auto* sums) {
          sums[0] = sums[0] + access.keep(squaresAt(system, first + row, i, access));
        },
        [&](int64_t row, const Real* sums) {
          result(first + row, squareRoot(double(sums[0]) / double(net.length)));
        });
  });
}

template <class Team, class Real>
TEAM_PASS void chooseFirstStep(const Team& team, const OscillatorSolveForward<Real>& op,
                               const OscillatorNetwork<Real>& net,
                               const SolvePlaces<Real>& places) {
  const MarkedElements uses = {places.running};
  const SolveTolerance<Real> tolerance = {op.relativeTolerance, op.absoluteTolerance};
  const int64_t n = net.oscillators, stride = net.batch * net.length;
  const Real *const state = op.final.data, *const rates = places.step.rates;
  const auto load = [&](auto system, const Real* from, int64_t b, int64_t i, auto access) {
    return loadState<decltype(system)>(access, from + b * net.length + i, n);
  };
  rootMeanSquares(
      team, net, uses,
      [&](auto system, int64_t b, int64_t i, auto access) {
        const auto y = load(system, state, b, i, access);
        auto size = y;
        if constexpr (!decltype(system)::kShowsState) {
          size.first = Loaded<decltype(access), Real>(Real(1));
        }
        return tolerance.squares(system, size, y, y);
      },
      [&](int64_t b, double value) { places.control[b].error = value; });
  rootMeanSquares(
      team, net, uses,
      [&](auto system, int64_t b, int64_t i, auto access) {
        const auto y = load(system, state, b, i, access);
        return tolerance.squares(system, load(system, rates, b, i, access), y, y);
      },
      [&](int64_t b, double value) {
        SolveControl& c = places.control[b];
        c.slope = value;
        c.step = firstTrial(c.error, value, c.end - c.time);
        places.h[b] = Real(c.step);
      });
  evaluateRates(team, net, net.drive, places.step.stage, places.step.rates + stride, uses,
                [&](auto system, int64_t b, int64_t i, auto access) {
                  using System = decltype(system);
                  const Real whole[1] = {Real(1)};
                  const auto made =
                      advanced<System>(net, state, rates, whole, 1, places.h[b], b, i, access);
                  storeState<System>(access, places.step.stage.state + b * net.length + i, n, made);
                  return made;
                });
  rootMeanSquares(
      team, net, uses,
      [&](auto system, int64_t b, int64_t i, auto access) {
        const auto y = load(system, state, b, i, access);
        auto change = load(system, rates + stride, b, i, access);
        const auto before = load(system, rates, b, i, access);
        change = {change.first - before.first, change.second - before.second};
        return tolerance.squares(system, change, y, y);
      },
      [&](int64_t b, double value) {
        SolveControl& c = places.control[b];
        c.step = firstStepOf(c.step, c.slope, value / c.step, c.end - c.time);
      });
}

template <class Team, class Real>
TEAM_PASS void beginSolve(const Team& team, const OscillatorSolveForward<Real>& op,
                          const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                          const SolvePlaces<Real>& places) {
  const int64_t length = net.length, stride = net.batch * length;
  Real* const state = op.final.data;
  copyStates(team, length, op.start.data, state);
  team.forElements([&](int64_t b) {
    SolveControl c = {};
    c.time = op.startTime;
    c.end = op.times[op.times.length - 1];
    c.step = op.firstStep;
    c.errorBefore = 1e-4;
    while (c.outputEnd < op.times.length && op.times[c.outputEnd] <= c.time) ++c.outputEnd;
    c.isRunning = c.time < c.end;
    places.control[b] = c;
    places.running[b] = c.isRunning;
    if (op.stepTimes) op.stepTimes[b] = c.time;
  });
  if (op.trajectory) {
    team.nodes(AllElements{}, length, [&](int64_t b, int64_t i, auto access) {
      const auto value = access.load(state + b * length + i);
      for (int64_t m = 0; m < places.control[b].outputEnd; ++m) {
        access.store(op.trajectory.data + m * stride + b * length + i, value);
      }
    });
  }
  evaluateStage(team, net, method, net.drive, state, places.h, places.step.rates,
                withState(places.step.stage, state), 0, MarkedElements{places.running});
  if (op.firstStep == 0) chooseFirstStep(team, op, net, places);
}

// What an accepted step leaves: outputs, a checkpoint of its start, its end as the state.
template <class Team, class Real>
TEAM_PASS void acceptStep(const Team& team, const OscillatorSolveForward<Real>& op,
                          const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                          const SolvePlaces<Real>& places) {
  const int64_t length = net.length, stride = net.batch * length;
  const Real* const rates = places.step.rates;
  team.nodes(MarkedElements{places.accepted}, length, [&](int64_t b, int64_t i, auto access) {
    using Number = Loaded<decltype(access), Real>;
    const SolveControl& c = places.control[b];
    const int64_t at = b * length + i, step = c.accepted;
    const Number y = access.load(op.final.data + at);
    const double span = c.next - c.time;
    for (int64_t m = op.trajectory ? c.outputBegin : c.outputEnd; m < c.outputEnd; ++m) {
      const double theta = (op.times[m] - c.time) / span;
      Number sum(Real(0));
      for (int s = 0; s < kMostStages; ++s) {
        const Number weight(Real(denseWeight(method, s, theta)));
        sum = fma(weight, access.load(rates + s * stride + at), sum);
      }
      access.store(op.trajectory.data + m * stride + at, fma(Number(places.h[b]), sum, y));
    }
    if (op.checkpoints && step % op.checkpointEvery == 0) {
      access.store(op.checkpoints.data + step / op.checkpointEvery * stride + at, y);
    }
    access.store(op.final.data + at, access.load(places.step.stage.state + at));
    Real* const first = places.step.rates + at;
    access.store(first, access.load(rates + (kMostStages - 1) * stride + at));
  });
  team.forElements([&](int64_t b) {
    SolveControl& c = places.control[b];
    if (!places.accepted[b]) return;
    c.time = c.next;
    ++c.accepted;
    if (op.stepTimes) op.stepTimes[c.accepted * net.batch + b] = c.time;
  });
}

template <class Team, class Real>
TEAM_PASS void judgeStep(const Team& team, const OscillatorSolveForward<Real>& op,
                         const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                         const SolvePlaces<Real>& places) {
  const SolveTolerance<Real> tolerance = {op.relativeTolerance, op.absoluteTolerance};
  const int64_t n = net.oscillators, stride = net.batch * net.length;
  const Real* const rates = places.step.rates;
  rootMeanSquares(
      team, net, MarkedElements{places.running},
      [&](auto system, int64_t b, int64_t i, auto access) {
        using System = decltype(system);
        using Number = Loaded<decltype(access), Real>;
        const int64_t at = b * net.length + i;
        OscillatorState<Number> sum = {Number(Real(0)), Number(Real(0))};
        for (int s = 0; s < kMostStages; ++s) {
          const Number factor(method.error[s] * places.h[b]);
          const auto k = loadState<System>(access, rates + s * stride + at, n);
          sum = {fma(factor, k.first, sum.first), fma(factor, k.second, sum.second)};
        }
        return tolerance.squares(system, sum, loadState<System>(access, op.final.data + at, n),
                                 loadState<System>(access, places.step.stage.state + at, n));
      },
      [&](int64_t b, double error) {
        SolveControl& c = places.control[b];
        c.error = error;
        decideStep(c);
        places.accepted[b] = c.isAccepted;
        if (!c.isAccepted) return;
        c.outputBegin = c.outputEnd;
        while (c.outputEnd < op.times.length && op.times[c.outputEnd] <= c.next) ++c.outputEnd;
      });
}

template <class Team, class Real>
TEAM_PASS void endSolve(const Team& team, const OscillatorSolveForward<Real>& op,
                        const OscillatorNetwork<Real>& net, const SolvePlaces<Real>& places) {
  const int64_t length = net.length, stride = net.batch * length;
  if (op.trajectory) {
    team.nodes(AllElements{}, length, [&](int64_t b, int64_t i, auto access) {
      using Number = Loaded<decltype(access), Real>;
      const Number none(fromBits(Integer<Real>(-1)));  // NaN
      for (int64_t m = places.control[b].outputEnd; m < op.times.length; ++m) {
        access.store(op.trajectory.data + m * stride + b * length + i, none);
      }
    });
  }
  team.forElements([&](int64_t b) {
    const SolveControl& c = places.control[b];
    op.reached[b] = c.time;
    op.status[b] = c.status;
    op.accepted[b] = int32_t(c.accepted);
    op.rejected[b] = int32_t(c.rejected);
  });
}

template <class Team, class Real>
TEAM_FUNCTION void solveForward(Team& team, const OscillatorSolveForward<Real>& op,
                                const OscillatorNetwork<Real>& net, const RungeKutta<Real>& method,
                                const SolvePlaces<Real>& places) {
  beginSolve(team, op, net, method, places);
  while (true) {
    team.forElements([&](int64_t b) {
      SolveControl& c = places.control[b];
      places.running[b] = proposeStep(c, op.maximumSteps);
      places.accepted[b] = 0;
      places.h[b] = Real(c.next - c.time);
    });
    if (!team.any([&](int64_t b) { return places.running[b] != 0; })) break;
    for (int s = 1; s < kMostStages; ++s) {
      evaluateStage(team, net, method, net.drive, op.final.data, places.h, places.step.rates,
                    places.step.stage, s, MarkedElements{places.running});
    }
    judgeStep(team, op, net, method, places);
    acceptStep(team, op, net, method, places);
  }
  endSolve(team, op, net, places);
}

}  // namespace entrain::inline ENTRAIN_ISA
