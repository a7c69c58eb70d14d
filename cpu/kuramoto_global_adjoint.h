// The adjoint of one stage of oscillators all to all, for a block. With a the gradient of the
// stage's rates, u = s / Z and the sums over all of a u (cos, sin)(θ + α),
//   G = K (Σ a u cos(θ + α), -Σ a u sin(θ + α)),
// the stage's phases get p (G.sine cos θ - G.cosine sin θ) - a u K (T.sine sin(θ + α) + T.cosine
// cos(θ + α)): what an oscillator does to itself cancels. The gradients of K and α follow from T
// and the sums alone.
#pragma once

#include "cpu/kuramoto_global_step.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Sums over a system of a u (cos θ, sin θ) and of a u p.
struct AdjointSums {
  double cosine, sine, own;
};

// What does not change within a stage of a system.
template <class Real>
struct AdjointStage {
  Real source[2];  // of (cos θ, sin θ): G
  Real target[2];  // of (cos θ, sin θ), times a u
  Real rate[2];    // the same for the rate itself
  Real ownRate;    // and K sin α for the oscillator's own part
  Real share;      // s / Z where that is the same for all, 1 elsewhere
  Real perStep;    // a of the stage before it in a step: so much of the state's gradient
  Real perPhase;   // and so much of the stage's phases' gradient
  bool isFirst;    // stage of its step
};

// The arrays of a block, each from its first oscillator. Null where nobody asks.
template <class Real>
struct AdjointArrays {
  Real *sine, *cosine;  // of the stage's phases
  Real* state;          // gradient of the phases after the step
  Real* flow;           // phase gradients of the step's stages so far; null for Euler
  Real* rates;          // a; null for Euler, where it is dt times the state's gradient
  Real* sumOfRates;     // Σ a of all stages and steps
  Real* stepRates;      // Σ a of this step
  Real* precisions;     // gradient of p as a weight
  Real* degrees;        // Σ a · rate, for the gradient through Z
  const Real *units, *precision;
  int64_t count;
};

// Phase gradients of a stage, and the rates' gradients of the stage before it.
template <class Real>
__attribute__((noinline)) void adjointStage(const AdjointStage<Real> stage,
                                            const AdjointArrays<Real> arrays, Real timeStep) {
  using Lanes = Vector<Real>;
  const int64_t count = padded(arrays.count);
  for (int64_t i = 0; i < count; i += Lanes::kLanes) {
    const Lanes sine = load(arrays.sine + i), cosine = load(arrays.cosine + i);
    const Lanes state = load(arrays.state + i);
    const Lanes a = arrays.rates ? load(arrays.rates + i) : state * timeStep;
    const Lanes au = a * (arrays.units ? load(arrays.units + i) : Lanes(stage.share));
    Lanes gradient = fma(cosine, stage.source[0], sine * stage.source[1]);
    if (arrays.precision) gradient = gradient * load(arrays.precision + i);
    gradient = fma(au, fma(cosine, stage.target[0], sine * stage.target[1]), gradient);
    store(arrays.sumOfRates + i, load(arrays.sumOfRates + i) + a);
    if (arrays.stepRates) store(arrays.stepRates + i, load(arrays.stepRates + i) + a);
    if (arrays.precisions) {
      const Lanes weight = fma(sine, stage.source[0], -(cosine * stage.source[1]));
      store(arrays.precisions + i, load(arrays.precisions + i) + fma(au, stage.ownRate, weight));
    }
    if (arrays.degrees) {
      const Lanes own = load(arrays.precision + i) * stage.ownRate;
      const Lanes rate = fma(cosine, stage.rate[0], fma(sine, stage.rate[1], own));
      store(arrays.degrees + i, fma(au, rate, load(arrays.degrees + i)));
    }
    if (!arrays.flow) {
      store(arrays.state + i, state + gradient);
      continue;
    }
    const Lanes flow = load(arrays.flow + i) + gradient;
    store(arrays.flow + i, stage.isFirst ? Lanes(Real(0)) : flow);
    if (stage.isFirst) {
      store(arrays.state + i, state + flow);
    } else {
      store(arrays.rates + i, fma(state, stage.perStep, gradient * stage.perPhase));
    }
  }
}

// The stage above where nothing but Euler's method asks for anything.
template <class Real>
__attribute__((noinline)) void plainAdjoint(const AdjointStage<Real> stage,
                                            const AdjointArrays<Real> arrays, Real timeStep) {
  using Lanes = Vector<Real>;
  const int64_t count = padded(arrays.count);
  const Lanes target[] = {stage.target[0] * (stage.share * timeStep),
                          stage.target[1] * (stage.share * timeStep)};
  const Lanes source[] = {stage.source[0], stage.source[1]};
  for (int64_t i = 0; i < count; i += Lanes::kLanes) {
    const Lanes sine = load(arrays.sine + i), cosine = load(arrays.cosine + i);
    const Lanes state = load(arrays.state + i);
    store(arrays.sumOfRates + i, fma(state, timeStep, load(arrays.sumOfRates + i)));
    const Lanes slope = fma(cosine, target[0], fma(sine, target[1], Lanes(Real(1))));
    store(arrays.state + i, fma(state, slope, fma(cosine, source[0], sine * source[1])));
  }
}

// The circles of a stage's phases, and their sums with `weights`.
template <class Real>
__attribute__((noinline)) AdjointSums adjointCircles(const Integer<Real>* phases,
                                                     const AdjointArrays<Real> arrays,
                                                     const Real* weights) {
  using Lanes = Vector<Real>;
  PairSums<Real> sums, own;
  const int64_t count = arrays.count,
                whole = count / PairSums<Real>::kLanes * PairSums<Real>::kLanes;
  const auto circleOf = [&](int64_t i) {
    const Circle<Lanes> circle = circleLanes<Real>(loadPhases<Real>(phases + i));
    store(arrays.sine + i, circle.sine);
    store(arrays.cosine + i, circle.cosine);
    return circle;
  };
  if (!arrays.units) {
    sums.forEach(0, whole, [&](Circle<Lanes>& sum, int64_t i) {
      const Circle<Lanes> circle = circleOf(i);
      const Lanes weight = load(weights + i);
      sum = {fma(weight, circle.sine, sum.sine), fma(weight, circle.cosine, sum.cosine)};
    });
  }
  sums.forEach(arrays.units ? 0 : whole, padded(count), [&](Circle<Lanes>& sum, int64_t i) {
    const Circle<Lanes> circle = circleOf(i);
    Lanes weight = load(weights + i) * existing<Real>(i, count);
    if (arrays.units) weight = weight * load(arrays.units + i);
    sum = {fma(weight, circle.sine, sum.sine), fma(weight, circle.cosine, sum.cosine)};
  });
  const Circle<double> total = sums.total();
  return {total.cosine, total.sine, 0};
}

// Σ a u p.
template <class Real>
HOST_DEVICE double ownSum(const AdjointArrays<Real>& arrays, const Real* weights) {
  using Lanes = Vector<Real>;
  PairSums<Real> sums;
  sums.forEach(0, padded(arrays.count), [&](Circle<Lanes>& sum, int64_t i) {
    Lanes weight = load(weights + i) * existing<Real>(i, arrays.count);
    if (arrays.units) weight = weight * load(arrays.units + i);
    if (arrays.precision) weight = weight * load(arrays.precision + i);
    sum.sine += weight;
  });
  return sums.total().sine;
}

// What the gradient of R after a step gives to the phases there: (ψ - θ)'s sine / N, from the sum
// of all circles.
template <class Real>
HOST_DEVICE void addOrderGradient(const AdjointArrays<Real>& arrays, Circle<Real> direction) {
  using Lanes = Vector<Real>;
  for (int64_t i = 0; i < padded(arrays.count); i += Lanes::kLanes) {
    const Lanes sine = load(arrays.sine + i), cosine = load(arrays.cosine + i);
    store(arrays.state + i,
          load(arrays.state + i) + fma(cosine, direction.sine, -(sine * direction.cosine)));
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
