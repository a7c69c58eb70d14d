// Polynomials by Horner's rule, and the constants of a formula in the precision of one lane.
#pragma once

#include <type_traits>

#include "ops/scalar.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
constexpr bool kIsSingle = std::is_same_v<Lane<Real>, float>;

// c0 + c1 x + c2 x² + …
template <class Real>
HOST_DEVICE Real polynomial(Real, Lane<Real> c0) {
  return Real(c0);
}
template <class Real, class... Rest>
HOST_DEVICE Real polynomial(Real x, Lane<Real> c0, Rest... rest) {
  return fma(polynomial(x, Lane<Real>(rest)...), x, Real(c0));
}

// The magnitude of `magnitude` with the sign of `sign`; `magnitude` is not negative.
template <class Real>
HOST_DEVICE Real withSign(Real magnitude, Real sign) {
  constexpr Integer<Lane<Real>> kSign = Integer<Lane<Real>>(1) << (8 * sizeof(Lane<Real>) - 1);
  return fromBits(toBits(magnitude) | (toBits(sign) & kSign));
}

}  // namespace entrain::inline ENTRAIN_ISA
