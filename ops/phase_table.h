// Sine and cosine of a phase of 32 bits for sums over many oscillators: the turn in 32 segments,
// the circle at the middle of each from a table, the angle y from there by two short polynomials,
//   sin(m + y) = sin m cos y + cos m sin y,   cos(m + y) = cos m cos y - sin m sin y.
// Half the multiplications of two polynomials over the quarter turn. Absolute error 2^-21, of
// either sign within a segment: 2^-25 in the mean over phases that are spread out.
#pragma once

#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kPhaseSegments = 32;

// At the middles of the segments.
alignas(64) inline constexpr float kSegmentSine[kPhaseSegments] = {
    0x1.917a6cp-4f,  0x1.294062p-2f,  0x1.e2b5d4p-2f,  0x1.44cf32p-1f,  0x1.8bc806p-1f,
    0x1.c38b3p-1f,   0x1.e9f416p-1f,  0x1.fd88dap-1f,  0x1.fd88dap-1f,  0x1.e9f416p-1f,
    0x1.c38b3p-1f,   0x1.8bc806p-1f,  0x1.44cf32p-1f,  0x1.e2b5d4p-2f,  0x1.294062p-2f,
    0x1.917a6cp-4f,  -0x1.917a6cp-4f, -0x1.294062p-2f, -0x1.e2b5d4p-2f, -0x1.44cf32p-1f,
    -0x1.8bc806p-1f, -0x1.c38b3p-1f,  -0x1.e9f416p-1f, -0x1.fd88dap-1f, -0x1.fd88dap-1f,
    -0x1.e9f416p-1f, -0x1.c38b3p-1f,  -0x1.8bc806p-1f, -0x1.44cf32p-1f, -0x1.e2b5d4p-2f,
    -0x1.294062p-2f, -0x1.917a6cp-4f};
alignas(64) inline constexpr float kSegmentCosine[kPhaseSegments] = {
    0x1.fd88dap-1f,  0x1.e9f416p-1f,  0x1.c38b3p-1f,   0x1.8bc806p-1f,  0x1.44cf32p-1f,
    0x1.e2b5d4p-2f,  0x1.294062p-2f,  0x1.917a6cp-4f,  -0x1.917a6cp-4f, -0x1.294062p-2f,
    -0x1.e2b5d4p-2f, -0x1.44cf32p-1f, -0x1.8bc806p-1f, -0x1.c38b3p-1f,  -0x1.e9f416p-1f,
    -0x1.fd88dap-1f, -0x1.fd88dap-1f, -0x1.e9f416p-1f, -0x1.c38b3p-1f,  -0x1.8bc806p-1f,
    -0x1.44cf32p-1f, -0x1.e2b5d4p-2f, -0x1.294062p-2f, -0x1.917a6cp-4f, 0x1.917a6cp-4f,
    0x1.294062p-2f,  0x1.e2b5d4p-2f,  0x1.44cf32p-1f,  0x1.8bc806p-1f,  0x1.c38b3p-1f,
    0x1.e9f416p-1f,  0x1.fd88dap-1f};

// The lowest 5 bits name the segment of a phase, the others say where in it.
template <class Real>
HOST_DEVICE Integer<Real> segmentOf(Integer<Real> phase) {
  return rotateLeft<5>(phase);
}
// The angle from the middle of the segment in units of 2^-32 segments; the number of the segment,
// in the last places, is less than the rounding.
template <class Real>
HOST_DEVICE Real segmentAngle(Integer<Real> segment) {
  return toReal(segment ^ int32_t(0x80000000));
}
// cos y and sin y of an angle in such units.
template <class Real>
HOST_DEVICE Circle<Real> segmentCircle(Real y) {
  const Real z = y * y;
  return {y * polynomial(z, 0x1.921fb2p-35f, -0x1.4a9304p-106f),
          polynomial(z, 0x1.ffffefp-1f, -0x1.3b92e2p-70f)};
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

// Two phases at once: e^ia + e^ib = 2 cos((a - b) / 2) e^i(a + b)/2, and the half of a difference
// lies within a quarter turn. One segment and one more polynomial instead of two segments.
template <class Real>
HOST_DEVICE Circle<Real> segmentCircleOfTwo(Real y, Integer<Real> difference) {
  const Real x = toReal(difference) * Real(0x1p-31f);  // quarter turns of the half
  const Real width = polynomial(x * x, 0x1.fffffep+0f, -0x1.3bd3a6p+1f, 0x1.03bd06p-1f,
                                -0x1.54f61ap-5f, 0x1.c1f066p-10f);
  const Circle<Real> circle = segmentCircle(y);
  return {width * circle.sine, width * circle.cosine};
}

}  // namespace entrain::inline ENTRAIN_ISA
