// One step of the eigenstate scan (ops/eigenstate_scan.h) and of its adjoint: the eigenvalue lambda
// of a channel, fixed or chosen by the input, and the recurrence c <- lambda c + beta.
#pragma once

#include "ops/complex.h"
#include "ops/exponential.h"
#include "ops/polynomial.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

// ---- the recurrence ----

// lambda = high + low. One float32 word is not enough near the unit circle: its rounding error acts
// in the same direction at every step, and at |lambda| = 0.9999 adds up to 1e-4 of the state.
template <class Real>
struct Eigenvalue {
  Complex<Real> high, low;
};

// lambda c + beta
template <class Real>
HOST_DEVICE Complex<Real> advance(const Eigenvalue<Real>& lambda, Complex<Real> state,
                                  Complex<Real> drive) {
  return multiplyAdd(lambda.high, state, multiplyAdd(lambda.low, state, drive));
}

// conj(lambda) h + g: one step of the adjoint recurrence, backwards in time.
template <class Real>
HOST_DEVICE Complex<Real> retreat(const Eigenvalue<Real>& lambda, Complex<Real> adjoint,
                                  Complex<Real> gradState) {
  return advance({conjugate(lambda.high), conjugate(lambda.low)}, adjoint, gradState);
}

// ---- parameters to eigenvalues ----

// What the two parameters of a channel mean; Double is double or a vector of it, whatever the
// storage type, and this happens once per channel.
template <class Double>
struct ChannelEigenvalue {
  Double magnitude;           // |lambda|
  Double complement;          // 1 - |lambda|, accurate also where |lambda| rounds to 1
  Complex<Double> direction;  // lambda / |lambda|
};

// (alpha, omega), or (|lambda|, arg lambda) in the magnitude form.
template <class Double>
HOST_DEVICE ChannelEigenvalue<Double> channelEigenvalue(Double logDecay, Double frequency,
                                                        bool magnitudeForm) {
  ChannelEigenvalue<Double> channel;
  channel.magnitude = magnitudeForm ? logDecay : sigmoid(logDecay);
  channel.complement = magnitudeForm ? Double(1.0) - logDecay : sigmoid(-logDecay);
  sineCosine(frequency, channel.direction.imaginary, channel.direction.real);
  return channel;
}

// Elsewhere the kernels raise FaultRule::magnitudeRange and take NaN for the magnitude.
HOST_DEVICE bool isMagnitude(double magnitude) {
  return magnitude >= 0.0 && magnitude <= 1.0;
}

template <class Real>
HOST_DEVICE Eigenvalue<Real> splitWords(Complex<double> lambda) {
  const Complex<Real> high = {Real(lambda.real), Real(lambda.imaginary)};
  return {high,
          {Real(lambda.real - double(high.real)), Real(lambda.imaginary - double(high.imaginary))}};
}

// The eigenvalue of a channel without selection.
template <class Real>
HOST_DEVICE Eigenvalue<Real> fixedEigenvalue(const ChannelEigenvalue<double>& channel) {
  return splitWords<Real>({channel.magnitude * channel.direction.real,
                           channel.magnitude * channel.direction.imaginary});
}

// Gradients of the two parameters of a channel with fixed lambda, from S = Σ_bt h(t) conj(c(t-1)):
//   sigmoid form: dL/dalpha = Re(conj(lambda) S) (1 - m), dL/domega = Im(conj(lambda) S);
//   magnitude form: dL/dm = Re(exp(-i phase) S), dL/dphase = Im(conj(lambda) S).
template <class Double>
HOST_DEVICE Complex<Double> parameterGradients(const ChannelEigenvalue<Double>& channel,
                                               Complex<Double> sum, bool magnitudeForm) {
  const Complex<Double> turned = multiplyConjugate(sum, channel.direction);
  const Double scale = magnitudeForm ? Double(1.0) : channel.magnitude * channel.complement;
  return {turned.real * scale, turned.imaginary * channel.magnitude};
}

// ---- selection ----

// Up to this scale of both halves the eigenvalue is a short series around the channel's own.
constexpr double kSmallSelection = 0.125;

// What the selective recurrence keeps of a channel. `near`: reference = lambda, decay = 1 -
// |lambda|. Otherwise: reference = exp(i omega), decay = alpha.
template <class Real>
struct SelectiveChannel {
  Eigenvalue<Real> reference;
  Real decay;
};

template <class Real>
HOST_DEVICE SelectiveChannel<Real> selectiveChannel(const ChannelEigenvalue<double>& channel,
                                                    double logDecay, bool near) {
  if (near) return {fixedEigenvalue<Real>(channel), Real(channel.complement)};
  return {splitWords<Real>(channel.direction), Real(logDecay)};
}

// The eigenvalue of one step and what its gradient needs.
template <class Real>
struct Selected {
  Eigenvalue<Real> lambda;
  Real complement;           // 1 - |lambda(t)|
  Real tanhDecay, tanhTurn;  // tanh a, tanh w
};

// The series below have a relative error under half a unit in the last place for |x| <= 0.125.

// e^x - 1
template <class Real>
HOST_DEVICE Real smallExponentialMinusOne(Real x) {
  Real sum;
  if constexpr (kIsSingle<Real>) {
    sum = polynomial(x, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720);
  } else {
    sum = polynomial(x, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                     1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800);
  }
  return fma(x * x, sum, x);
}

// e^(ix) - 1
template <class Real>
HOST_DEVICE Complex<Real> smallRotationMinusOne(Real x) {
  const Real square = x * x;
  Real cosine, sine;
  if constexpr (kIsSingle<Real>) {
    cosine = polynomial(square, -1.0 / 2, 1.0 / 24, -1.0 / 720);
    sine = polynomial(square, -1.0 / 6, 1.0 / 120);
  } else {
    cosine = polynomial(square, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800);
    sine = polynomial(square, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800);
  }
  return {square * cosine, fma(x * square, sine, x)};
}

// lambda(t) = reference (1 + change), with the reference's second word kept and no rounding of
// 1 + change.
template <class Real>
HOST_DEVICE Eigenvalue<Real> changed(const Eigenvalue<Real>& reference, Complex<Real> change) {
  return {reference.high, multiplyAdd(reference.high, change, reference.low)};
}

// Both scales at most kSmallSelection. With x = s tanh a and u = (1 - m) (e^-x - 1):
//   σ(alpha + x) = m / (1 + u),   1 - σ(alpha + x) = (1 - m + u) / (1 + u).
template <class Real>
HOST_DEVICE Selected<Real> selectNear(const SelectiveChannel<Real>& channel, Real a, Real w,
                                      Lane<Real> decayScale, Lane<Real> frequencyScale) {
  const Real tanhDecay = hyperbolicTangent(a);
  const Real tanhTurn = hyperbolicTangent(w);
  const Real u = channel.decay * smallExponentialMinusOne(tanhDecay * Real(-decayScale));
  const Real inverse = Real(Lane<Real>(1)) / (Real(Lane<Real>(1)) + u);
  const Real growth = -(u * inverse);  // |lambda(t)| / |lambda| - 1
  const Complex<Real> turn = smallRotationMinusOne(tanhTurn * Real(frequencyScale));
  const Complex<Real> change = {fma(growth, turn.real, growth) + turn.real,
                                fma(growth, turn.imaginary, turn.imaginary)};
  return {changed(channel.reference, change), (channel.decay + u) * inverse, tanhDecay, tanhTurn};
}

// Any scale. Above |lambda| = 1/2 the eigenvalue is exp(i omega) plus a change, so that 1 -
// |lambda| keeps its digits; below, the product itself.
template <class Real>
HOST_DEVICE Selected<Real> selectAny(const SelectiveChannel<Real>& channel, Real a, Real w,
                                     Lane<Real> decayScale, Lane<Real> frequencyScale) {
  using L = Lane<Real>;
  const Real tanhDecay = hyperbolicTangent(a);
  const Real tanhTurn = hyperbolicTangent(w);
  const Real logit = fma(tanhDecay, Real(decayScale), channel.decay);
  const Real complement = sigmoid(-logit);
  Real sine, cosine;  // of half the turn: cos x - 1 = -2 sin²(x/2) without cancellation
  sineCosine(tanhTurn * Real(L(0.5) * frequencyScale), sine, cosine);
  const Complex<Real> turn = {Real(L(-2)) * sine * sine, Real(L(2)) * sine * cosine};
  const Complex<Real> change = {fma(-complement, turn.real, turn.real - complement),
                                fma(-complement, turn.imaginary, turn.imaginary)};
  const Eigenvalue<Real> slow = changed(channel.reference, change);
  const Real magnitude = sigmoid(logit);
  const Complex<Real> rest = {fma(magnitude, turn.real, magnitude), magnitude * turn.imaginary};
  const Complex<Real> zero = {Real(L(0)), Real(L(0))};
  const Eigenvalue<Real> fast = {zero, channel.reference.high * rest};
  const auto isFast = less(magnitude, Real(L(0.5)));
  return {{{select(isFast, fast.high.real, slow.high.real),
            select(isFast, fast.high.imaginary, slow.high.imaginary)},
           {select(isFast, fast.low.real, slow.low.real),
            select(isFast, fast.low.imaginary, slow.low.imaginary)}},
          complement,
          tanhDecay,
          tanhTurn};
}

template <bool kNear, class Real>
HOST_DEVICE Selected<Real> selectEigenvalue(const SelectiveChannel<Real>& channel, Real a, Real w,
                                            Lane<Real> decayScale, Lane<Real> frequencyScale) {
  if constexpr (kNear) return selectNear(channel, a, w, decayScale, frequencyScale);
  return selectAny(channel, a, w, decayScale, frequencyScale);
}

// (dL/dalpha', dL/domega') of one step, where alpha' = alpha + s tanh a, omega' = omega + s tanh w,
// from v = conj(lambda(t)) h(t) and c(t-1): (1 - m) Re(v conj c), Im(v conj c).
template <class Real>
HOST_DEVICE Complex<Real> selectedGradients(const Selected<Real>& selected, Complex<Real> carried,
                                            Complex<Real> previousState) {
  const Complex<Real> product = multiplyConjugate(carried, previousState);
  return {product.real * selected.complement, product.imaginary};
}

// dL/da or dL/dw from the gradient above: s (1 - tanh²) dL/dalpha'.
template <class Real>
HOST_DEVICE Real selectionGradient(Real gradArgument, Real tanhSelection, Lane<Real> scale) {
  return gradArgument * Real(scale) * fma(-tanhSelection, tanhSelection, Real(Lane<Real>(1)));
}

// Whether both scales are in the range of selectNear.
HOST_DEVICE bool isNearSelection(double decayScale, double frequencyScale) {
  return absolute(decayScale) <= kSmallSelection && absolute(frequencyScale) <= kSmallSelection;
}

}  // namespace entrain::inline ENTRAIN_ISA
