// The adjoint of a pair of nodes i and j, each with a weight ρ = ∂L/∂S and a source q, through the
// propagator G = C − iS of ops/wave_pair.h. What each hears, R of each, and the slope of both:
//   S_i += Im (G q_j),   R_j = Σ_i ρ_i G:  ∂L/∂q_j = (Im R_j, Re R_j) = (−Σ ρ_i S, Σ ρ_i C),
//   W = Σ_t (ρ_i q_j + ρ_j q_i),   α = Im (G W),   β = Re (G W):
//   ∂L/∂d = −(k β + α / d) of both directions,   ∂L/∂k = −d β,
//   ∂L/∂x_i = Σ_j ∂L/∂d (x_i − x_j) / |x_i − x_j|, and the opposite for x_j.
#pragma once

#include "ops/complex.h"
#include "ops/wave_pair.h"

namespace entrain::inline ENTRAIN_ISA {

// C and S of a distance whose wave is folded and whose inverse is known.
template <class Real>
HOST_DEVICE Propagator<Real> foldedPropagator(FoldedWave<Real> folded, Real inverseDistance) {
  const auto [x, sign] = folded;
  const Real signedInverse = withSignChanged(inverseDistance, sign);  // one change for both
  if constexpr (kIsSingle<Real>) {
    const Real z = x * x;
    return {foldedCosine(z) * signedInverse, (x * signedInverse) * foldedSineRatio<1>(z)};
  } else {
    Circle<Real> circle;
    sineCosine(x * Real(3.141592653589793), circle.sine, circle.cosine);
    return propagatorOf(circle, signedInverse);
  }
}

// Im (G q) and Re (G q), G = C − iS; with `sum`, added to it.
template <class Real>
HOST_DEVICE Real waveHeard(Propagator<Real> g, Complex<Real> q) {
  return fma(g.cosine, q.imaginary, -(g.sine * q.real));
}
template <class Real>
HOST_DEVICE Real waveHeard(Propagator<Real> g, Complex<Real> q, Real sum) {
  return fma(g.cosine, q.imaginary, fma(-g.sine, q.real, sum));
}
template <class Real>
HOST_DEVICE Real waveUnheard(Propagator<Real> g, Complex<Real> q) {
  return fma(g.cosine, q.real, g.sine * q.imaginary);
}

// ρ G, and that added to a sum R.
template <class Real>
HOST_DEVICE Propagator<Real> waveAnswer(Propagator<Real> g, Real weight) {
  return {weight * g.cosine, weight * g.sine};
}
template <class Real>
HOST_DEVICE Propagator<Real> waveAnswer(Propagator<Real> g, Real weight, Propagator<Real> sum) {
  return {fma(weight, g.cosine, sum.cosine), fma(weight, g.sine, sum.sine)};
}

// ρ q added to a sum W.
template <class Real>
HOST_DEVICE Complex<Real> waveExchange(Real weight, Complex<Real> q, Complex<Real> sum) {
  return {fma(weight, q.real, sum.real), fma(weight, q.imaginary, sum.imaginary)};
}

// −∂L/∂d from α and β.
template <class Real>
HOST_DEVICE Real waveTension(Real alpha, Real beta, Real wavenumber, Real inverseDistance) {
  return fma(wavenumber, beta, alpha * inverseDistance);
}

// |x|² and a little, far below what a sum of squares resolves: its root divides the slope, and the
// difference of coinciding nodes then takes the quotient to 0.
template <class Real>
HOST_DEVICE Real guardedSquaredLength(Real x, Real y, Real z) {
  constexpr Lane<Real> kLittle = kIsSingle<Real> ? Lane<Real>(1e-36) : Lane<Real>(1e-290);
  return fma(z, z, fma(y, y, fma(x, x, Real(kLittle))));
}

// The gradients of A, and of ω over t A, from R and e^(iω t).
template <class Real>
struct SourceGradient {
  Real amplitude, frequency;
};
template <class Real>
HOST_DEVICE SourceGradient<Real> sourceGradient(Circle<Real> circle, Propagator<Real> answer) {
  return {fma(answer.cosine, circle.sine, -(answer.sine * circle.cosine)),
          fma(answer.cosine, circle.cosine, answer.sine * circle.sine)};
}

}  // namespace entrain::inline ENTRAIN_ISA
