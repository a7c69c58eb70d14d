// Complex numbers over any Real (float, double, SIMD vectors), with every product as explicit fma.
#pragma once

#include "ops/scalar.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct Complex {
  Real real, imaginary;
};

template <class Real>
HOST_DEVICE Complex<Real> operator+(Complex<Real> a, Complex<Real> b) {
  return {a.real + b.real, a.imaginary + b.imaginary};
}

template <class Real>
HOST_DEVICE Complex<Real> operator*(Complex<Real> a, Complex<Real> b) {
  return {fma(a.real, b.real, -(a.imaginary * b.imaginary)),
          fma(a.real, b.imaginary, a.imaginary * b.real)};
}

template <class Real>
HOST_DEVICE Complex<Real> conjugate(Complex<Real> a) {
  return {a.real, -a.imaginary};
}

// a b + c with two roundings in each part.
template <class Real>
HOST_DEVICE Complex<Real> multiplyAdd(Complex<Real> a, Complex<Real> b, Complex<Real> c) {
  return {fma(a.real, b.real, fma(-a.imaginary, b.imaginary, c.real)),
          fma(a.real, b.imaginary, fma(a.imaginary, b.real, c.imaginary))};
}

// a conj(b)
template <class Real>
HOST_DEVICE Complex<Real> multiplyConjugate(Complex<Real> a, Complex<Real> b) {
  return {fma(a.real, b.real, a.imaginary * b.imaginary),
          fma(a.imaginary, b.real, -(a.real * b.imaginary))};
}

}  // namespace entrain::inline ENTRAIN_ISA
