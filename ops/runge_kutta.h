// Explicit Runge-Kutta methods on networks of oscillators: the step
//   Y_s = y + h Σ_q a_sq k_q,  k_s = f(Y_s),  y_new = y + h Σ_s b_s k_s
// and its discrete adjoint, which goes through the stages backwards:
//   adjoint of k_s = h (b_s λ + Σ_{q>s} a_qs μ_q),  μ_s = (df/dY_s)ᵀ of it,  λ_old = λ + Σ_s μ_s.
#pragma once

#include "ops/oscillator_rates.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kMostStages = 7;

// A method's coefficients; `error` are b less those of the embedded method, `dense` those of the
// interpolant's last term.
template <class Real>
struct RungeKutta {
  int stages;
  Real reach[kMostStages][kMostStages];  // a
  Real weight[kMostStages];              // b
  Real error[kMostStages];
  double dense[kMostStages];
};

// Euler, Heun and the classical method.
template <class Real>
RungeKutta<Real> fixedMethod(int64_t stages) {
  RungeKutta<Real> method = {};
  method.stages = int(stages);
  for (int s = 0; s < int(stages); ++s) {
    if (s > 0) method.reach[s][s - 1] = Real(stageReach(stages, s));
    method.weight[s] = Real(stageWeight(stages, s));
  }
  return method;
}

// Dormand & Prince 1980, RK5(4)7M; the interpolant by Shampine 1986 as in Hairer, Nørsett & Wanner,
// II.6. Its last stage is the new state: its rate is the next step's first.
template <class Real>
RungeKutta<Real> dormandPrince() {
  constexpr double kReach[kMostStages][kMostStages] = {
      {},
      {1.0 / 5},
      {3.0 / 40, 9.0 / 40},
      {44.0 / 45, -56.0 / 15, 32.0 / 9},
      {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
      {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
      {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
  constexpr double kError[kMostStages] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                          -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
  constexpr double kDense[kMostStages] = {
      -12715105075.0 / 11282082432.0,  0,
      87487479700.0 / 32700410799.0,   -10690763975.0 / 1880347072.0,
      701980252875.0 / 199316789632.0, -1453857185.0 / 822651844.0,
      69997945.0 / 29380423.0};
  RungeKutta<Real> method = {};
  method.stages = kMostStages;
  for (int s = 0; s < kMostStages; ++s) {
    for (int q = 0; q < s; ++q) method.reach[s][q] = Real(kReach[s][q]);
    method.weight[s] = Real(kReach[kMostStages - 1][s]);
    method.error[s] = Real(kError[s]);
    method.dense[s] = kDense[s];
  }
  return method;
}

// The weight of k_s in y(t + θ h) = y + h Σ W_s(θ) k_s of Dormand & Prince's method; at θ = 1 it is
// b_s.
template <class Real>
HOST_DEVICE double denseWeight(const RungeKutta<Real>& method, int s, double theta) {
  const double rest = 1 - theta, square = theta * theta;
  double weight = fma(double(method.weight[s]), square * (3 - 2 * theta),
                      method.dense[s] * (square * rest * rest));
  if (s == 0) weight += theta * rest * rest;
  if (s == kMostStages - 1) weight -= square * rest;
  return weight;
}

// The places of a step: rates of all stages, and a stage to evaluate at.
template <class Real>
struct StepPlaces {
  Real* rates;  // (stages, batch, length)
  OscillatorStage<Real> stage;
};
template <class Real, class Take>
StepPlaces<Real> takeStep(const OscillatorNetwork<Real>& net, int stages, const Take& take) {
  StepPlaces<Real> places;
  places.rates = take(stages * net.batch * net.length);
  places.stage = takeStage(net, take);
  return places;
}

// y + h Σ c_q k_q over q in [0, count), for all planes of an oscillator.
template <class System, class Access, class Real>
HOST_DEVICE OscillatorState<Loaded<Access, Real>> advanced(const OscillatorNetwork<Real>& net,
                                                           const Real* state, const Real* rates,
                                                           const Real* factors, int count, Real h,
                                                           int64_t b, int64_t i, Access access) {
  using Number = Loaded<Access, Real>;
  const int64_t n = net.oscillators, at = b * net.length + i, stride = net.batch * net.length;
  OscillatorState<Number> sum = {Number(Real(0)), Number(Real(0))};
  for (int q = 0; q < count; ++q) {
    if (factors[q] == Real(0)) continue;
    const auto k = loadState<System>(access, rates + q * stride + at, n);
    sum = {fma(Number(factors[q]), k.first, sum.first),
           fma(Number(factors[q]), k.second, sum.second)};
  }
  const auto y = loadState<System>(access, state + at, n);
  return {fma(Number(h), sum.first, y.first), fma(Number(h), sum.second, y.second)};
}

// Evaluates stage `s` of a step from `state` of the lengths `h` (batch) at `stage`, whose own state
// is `state` for s = 0.
template <class Team, class Real, class Uses>
TEAM_PASS void evaluateStage(const Team& team, const OscillatorNetwork<Real>& net,
                             const RungeKutta<Real>& method, const Parameter<Real>& drive,
                             const Real* state, const Real* h, Real* rates,
                             const OscillatorStage<Real>& stage, int s, const Uses& uses) {
  const int64_t n = net.oscillators, stride = net.batch * net.length;
  evaluateRates(team, net, drive, stage, rates + s * stride, uses,
                [&](auto system, int64_t b, int64_t i, auto access) {
                  using System = decltype(system);
                  Real* const to = stage.state + b * net.length + i;
                  if (s == 0) return loadState<System>(access, to, n);
                  const auto made =
                      advanced<System>(net, state, rates, method.reach[s], s, h[b], b, i, access);
                  storeState<System>(access, to, n, made);
                  return made;
                });
}

// The places of a step's adjoint.
template <class Real>
struct StepAdjointPlaces {
  Real* rates;  // (stages, batch, length)
  OscillatorStage<Real> stages[kMostStages];
  Real* adjoints;  // (stages, batch, length): μ
  OscillatorAdjointPlaces<Real> pull;
};
template <class Real, class Take>
StepAdjointPlaces<Real> takeStepAdjoint(const OscillatorNetwork<Real>& net, int stages,
                                        const Take& take) {
  StepAdjointPlaces<Real> places = {};
  places.rates = take(stages * net.batch * net.length);
  for (int s = 0; s < stages; ++s) places.stages[s] = takeStage(net, take);
  places.adjoints = take(stages * net.batch * net.length);
  places.pull = takeAdjoint(net, take);
  return places;
}

// λ of the new state becomes λ of `state`. `moreAt(system, s, b, i, access)` is what else comes to
// h k_s; `stages` of the method take part.
template <class Team, class Real, class Uses, class MoreAt>
TEAM_PASS void adjointStep(const Team& team, const OscillatorNetwork<Real>& net,
                           const RungeKutta<Real>& method, const Parameter<Real>& drive,
                           Real* state, const Real* h, const StepAdjointPlaces<Real>& places,
                           const OscillatorSums<Real>& sums, Real* gradWeight, Real* lambda,
                           int stages, const Uses& uses, const MoreAt& moreAt) {
  const int64_t n = net.oscillators, stride = net.batch * net.length;
  for (int s = 0; s < stages; ++s) {
    const auto stage = s == 0 ? withState(places.stages[0], state) : places.stages[s];
    evaluateStage(team, net, method, drive, state, h, places.rates, stage, s, uses);
  }
  for (int s = stages - 1; s >= 0; --s) {
    const auto stage = s == 0 ? withState(places.stages[0], state) : places.stages[s];
    adjointRates(
        team, net, drive, stage, places.pull, sums, gradWeight, places.adjoints + s * stride, uses,
        [&](auto system, int64_t b, int64_t i, auto access) {
          using System = decltype(system);
          using Number = Loaded<decltype(access), Real>;
          const int64_t at = b * net.length + i;
          OscillatorState<Number> sum = moreAt(system, s, b, i, access);
          const auto add = [&](Real factor, const Real* from) {
            if (factor == Real(0)) return;
            const auto value = loadState<System>(access, from + at, n);
            sum = {fma(Number(factor), value.first, sum.first),
                   fma(Number(factor), value.second, sum.second)};
          };
          add(method.weight[s], lambda);
          for (int q = s + 1; q < stages; ++q) {
            add(method.reach[q][s], places.adjoints + q * stride);
          }
          return OscillatorState<Number>{Number(h[b]) * sum.first, Number(h[b]) * sum.second};
        });
  }
  team.nodes(uses, net.length, [&](int64_t b, int64_t i, auto access) {
    const int64_t at = b * net.length + i;
    auto sum = access.load(lambda + at);
    for (int s = stages - 1; s >= 0; --s)
      sum = sum + access.load(places.adjoints + s * stride + at);
    access.store(lambda + at, sum);
  });
}

}  // namespace entrain::inline ENTRAIN_ISA
