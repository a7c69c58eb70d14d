// Sine and cosine of a phase of 32 bits for sums over many oscillators: the turn in 32 segments,
// the circle at the middle of each from a table, the angle y from there by two short polynomials,
//   sin(m + y) = sin m cos y + cos m sin y,   cos(m + y) = cos m cos y - sin m sin y.
// Half the multiplications of two polynomials over the quarter turn. Absolute error 2^-21, of
// either sign within a segment: 2^-25 in the mean over phases that are spread out.
#pragma once

#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kPhaseSegments = 32;

// The middles, moved by the mean of what `segmentAngle` cuts off.
alignas(64) inline constexpr float kSegmentSine[kPhaseSegments] = {
    0x1.917a6ep-4f,  0x1.294064p-2f,  0x1.e2b5d4p-2f,  0x1.44cf32p-1f,  0x1.8bc806p-1f,
    0x1.c38b3p-1f,   0x1.e9f416p-1f,  0x1.fd88dap-1f,  0x1.fd88dap-1f,  0x1.e9f416p-1f,
    0x1.c38b2ep-1f,  0x1.8bc806p-1f,  0x1.44cf32p-1f,  0x1.e2b5d2p-2f,  0x1.294062p-2f,
    0x1.917a68p-4f,  -0x1.917a6ep-4f, -0x1.294064p-2f, -0x1.e2b5d4p-2f, -0x1.44cf32p-1f,
    -0x1.8bc806p-1f, -0x1.c38b3p-1f,  -0x1.e9f416p-1f, -0x1.fd88dap-1f, -0x1.fd88dap-1f,
    -0x1.e9f416p-1f, -0x1.c38b2ep-1f, -0x1.8bc806p-1f, -0x1.44cf32p-1f, -0x1.e2b5d2p-2f,
    -0x1.294062p-2f, -0x1.917a68p-4f};
alignas(64) inline constexpr float kSegmentCosine[kPhaseSegments] = {
    0x1.fd88dap-1f,  0x1.e9f416p-1f,  0x1.c38b2ep-1f,  0x1.8bc806p-1f,  0x1.44cf32p-1f,
    0x1.e2b5d2p-2f,  0x1.294062p-2f,  0x1.917a68p-4f,  -0x1.917a6ep-4f, -0x1.294064p-2f,
    -0x1.e2b5d4p-2f, -0x1.44cf32p-1f, -0x1.8bc806p-1f, -0x1.c38b3p-1f,  -0x1.e9f416p-1f,
    -0x1.fd88dap-1f, -0x1.fd88dap-1f, -0x1.e9f416p-1f, -0x1.c38b2ep-1f, -0x1.8bc806p-1f,
    -0x1.44cf32p-1f, -0x1.e2b5d2p-2f, -0x1.294062p-2f, -0x1.917a68p-4f, 0x1.917a6ep-4f,
    0x1.294064p-2f,  0x1.e2b5d4p-2f,  0x1.44cf32p-1f,  0x1.8bc806p-1f,  0x1.c38b3p-1f,
    0x1.e9f416p-1f,  0x1.fd88dap-1f};

// A phase's segment, modulo 32: its upper 5 bits.
template <class Real>
HOST_DEVICE Integer<Real> segmentOf(Integer<Real> phase) {
  return phase >> 27;
}
// Where in its segment, in [-1/2, 1/2): 23 bits as the mantissa of a number from 1 to 2.
template <class Real>
HOST_DEVICE Real segmentAngle(Integer<Real> phase) {
  return fromBits(((phase >> 4) & 0x7fffff) | 0x3f800000) - Real(1.5f);
}
// cos y and sin y of y segments.
template <class Real>
HOST_DEVICE Circle<Real> segmentCircle(Real y) {
  const Real z = y * y;
  return {y * polynomial(z, 0x1.921fb2p-3f, -0x1.4a9304p-10f),
          polynomial(z, 0x1.ffffefp-1f, -0x1.3b92e2p-6f)};
}

// The circle of a phase from that of its segment's middle.
template <class Real>
HOST_DEVICE Circle<Real> besideMiddle(Circle<Real> middle, Circle<Real> by) {
  return {fma(middle.cosine, by.sine, middle.sine * by.cosine),
          fma(middle.sine, -by.sine, middle.cosine * by.cosine)};
}
// sum + the circle of a phase.
template <class Real>
HOST_DEVICE Circle<Real> addBesideMiddle(Circle<Real> sum, Circle<Real> middle, Circle<Real> by) {
  sum.sine = fma(middle.cosine, by.sine, fma(middle.sine, by.cosine, sum.sine));
  sum.cosine = fma(middle.sine, -by.sine, fma(middle.cosine, by.cosine, sum.cosine));
  return sum;
}

}  // namespace entrain::inline ENTRAIN_ISA
