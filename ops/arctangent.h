// The angle of a point of the plane, over any Real. With t = smaller / larger coordinate in [0, 1],
// arctan t = π/4 + arctan((t - 1) / (t + 1)) beyond tan π/8, then a minimax polynomial, and the
// octants by reflection.
#pragma once

#include "ops/polynomial.h"

namespace entrain::inline ENTRAIN_ISA {

// arctan(y / x) in (-π, π], on the side of x; 0 at the origin.
template <class Real>
HOST_DEVICE Real angleOf(Real x, Real y) {
  using Number = Lane<Real>;
  const Real width = absolute(x), height = absolute(y);
  const Real larger = maximum(width, height), smaller = minimum(width, height);
  const Real one(Number(1)), zero(Number(0));
  const auto isOrigin = less(larger, Real(Number(kIsSingle<Real> ? 1e-38 : 1e-307)));
  const Real t = smaller / select(isOrigin, one, larger);
  const auto beyond = less(Real(Number(0.41421356237309503)), t);
  const Real r = select(beyond, (t - one) / (t + one), t);
  const Real z = r * r;
  Real value;
  if constexpr (kIsSingle<Real>) {
    value = r * polynomial(z, 0x1p0f, -0x1.5553eep-2f, 0x1.9913c0p-3f, -0x1.1bb0d8p-3f,
                           0x1.472302p-4f);  // relative error 2^-25.7
  } else {
    value = r * polynomial(z, 0x1p0, -0x1.5555555555554p-2, 0x1.9999999999589p-3,
                           -0x1.249249247161ap-3, 0x1.c71c71b5cb095p-4, -0x1.745d148e13626p-4,
                           0x1.3b136af0faecep-4, -0x1.110c499615523p-4, 0x1.e16f3a6991400p-5,
                           -0x1.ab6d9570a6980p-5, 0x1.70b2dec178658p-5, -0x1.11bbe0367063ap-5,
                           0x1.f01ace54a8a75p-7);  // 2^-64.3
  }
  value = value + select(beyond, Real(Number(0.7853981633974483)), zero);
  value = select(less(width, height), Real(Number(1.5707963267948966)) - value, value);
  value = select(less(x, zero), Real(Number(3.141592653589793)) - value, value);
  return select(isOrigin, zero, select(less(y, zero), -value, value));
}

}  // namespace entrain::inline ENTRAIN_ISA
