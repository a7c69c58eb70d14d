// What the phase-locking matrix of a trajectory (T, N) needs beside matrix products,
//   P_ij = |(1/T) Σ_t e^(i(θ_ti - θ_tj))| = |Re + i Im|,
//   T Re = [S; C]ᵀ [S; C],   T Im = [S; C]ᵀ [C; -S]:
// the planes S = sin θ and C = cos θ stacked in two ways, and the scaled magnitude.
#pragma once

#include "ops/operation.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

// What the gradients of both stacks at one place give to the phase.
template <class Real>
HOST_DEVICE Real gradStackedPhase(Real phase, Real gradUpper, Real gradLower, Real gradRotatedUpper,
                                  Real gradRotatedLower) {
  Real sine, cosine;
  sineCosine(phase, sine, cosine);
  return fma(gradUpper - gradRotatedLower, cosine, -((gradLower + gradRotatedUpper) * sine));
}

template <class Real>
HOST_DEVICE Real scaledMagnitude(Real real, Real imaginary, Real factor) {
  return factor * squareRoot(fma(real, real, imaginary * imaginary));
}
// The derivative with respect to `part`, one of the two; 0 at the origin.
template <class Real>
HOST_DEVICE Real gradMagnitudePart(Real gradMagnitude, Real part, Real real, Real imaginary,
                                   Real factor) {
  const Real square = fma(real, real, imaginary * imaginary), zero(Lane<Real>(0));
  const Real size = squareRoot(square);
  const auto directed = less(zero, size);
  return select(directed, gradMagnitude * factor * part / select(directed, size, factor), zero);
}

template <class Real>
struct PhaseStackForward {
  static constexpr const char* name = "phaseStackForward";
  using Types = FullFloatTypes;
  View<const Real> phases;  // (length), rad
  View<Real> stack;         // (2, length), written: sines, then cosines
  View<Real> rotated;  // (2, length), optional, written: cosines, then sines with the other sign

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("stack", stack);
    visit.optional("rotated", rotated);
  }
  void validate() const {
    const Check check(name);
    const Size planes = {"planes", 2}, length = {"length of phases", phases.length};
    check.shape("stack", stack, {planes, length});
    if (rotated) check.shape("rotated", rotated, {planes, length});
  }
};

template <class Real>
struct PhaseStackBackward {
  static constexpr const char* name = "phaseStackBackward";
  using Types = FullFloatTypes;
  View<const Real> phases;       // (length)
  View<const Real> gradStack;    // (2, length)
  View<const Real> gradRotated;  // (2, length)
  View<Real> gradPhases;         // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("gradStack", gradStack);
    visit("gradRotated", gradRotated);
    visit("gradPhases", gradPhases);
  }
  void validate() const {
    const Check check(name);
    const Size planes = {"planes", 2}, length = {"length of phases", phases.length};
    check.shape("gradStack", gradStack, {planes, length});
    check.shape("gradRotated", gradRotated, {planes, length});
    check.shape("gradPhases", gradPhases, {length});
  }
};

template <class Real>
struct ScaledMagnitudeForward {
  static constexpr const char* name = "scaledMagnitudeForward";
  using Types = FullFloatTypes;
  View<const Real> real;       // (length)
  View<const Real> imaginary;  // (length)
  View<Real> magnitude;        // (length), written: factor |real + i imaginary|
  double factor;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("real", real);
    visit("imaginary", imaginary);
    visit("magnitude", magnitude);
    visit("factor", factor);
  }
  void validate() const {
    const Check check(name);
    check.within("factor", factor, 0, 1e300);
    const Size length = {"length of real", real.length};
    check.shape("imaginary", imaginary, {length});
    check.shape("magnitude", magnitude, {length});
  }
};

template <class Real>
struct ScaledMagnitudeBackward {
  static constexpr const char* name = "scaledMagnitudeBackward";
  using Types = FullFloatTypes;
  View<const Real> gradMagnitude;  // (length)
  View<const Real> real;           // (length)
  View<const Real> imaginary;      // (length)
  View<Real> gradReal;             // (length), written
  View<Real> gradImaginary;        // (length), written
  double factor;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradMagnitude", gradMagnitude);
    visit("real", real);
    visit("imaginary", imaginary);
    visit("gradReal", gradReal);
    visit("gradImaginary", gradImaginary);
    visit("factor", factor);
  }
  void validate() const {
    const Check check(name);
    check.within("factor", factor, 0, 1e300);
    const Size length = {"length of gradMagnitude", gradMagnitude.length};
    check.shape("real", real, {length});
    check.shape("imaginary", imaginary, {length});
    check.shape("gradReal", gradReal, {length});
    check.shape("gradImaginary", gradImaginary, {length});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
