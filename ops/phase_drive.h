// What pulls phases towards an input phasor A e^(iΦ) with planes s = A sin Φ and c = A cos Φ:
//   u = A sin(Φ - θ) = s cos θ - c sin θ.
#pragma once

#include "ops/operation.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE Real phaseDrive(Real phase, Real sine, Real cosine) {
  Real s, c;
  sineCosine(phase, s, c);
  return fma(sine, c, -(cosine * s));
}
template <class Real>
HOST_DEVICE Real gradDrivenPhase(Real gradDrive, Real phase, Real sine, Real cosine) {
  Real s, c;
  sineCosine(phase, s, c);
  return -(gradDrive * fma(sine, s, cosine * c));
}
template <class Real>
HOST_DEVICE Real gradDriveSine(Real gradDrive, Real phase) {
  Real s, c;
  sineCosine(phase, s, c);
  return gradDrive * c;
}
template <class Real>
HOST_DEVICE Real gradDriveCosine(Real gradDrive, Real phase) {
  Real s, c;
  sineCosine(phase, s, c);
  return -(gradDrive * s);
}

template <class Real>
struct PhaseDriveForward {
  static constexpr const char* name = "phaseDriveForward";
  using Types = FullFloatTypes;
  View<const Real> phases;  // (length), rad
  View<const Real> sine;    // (length)
  View<const Real> cosine;  // (length)
  View<Real> drive;         // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("sine", sine);
    visit("cosine", cosine);
    visit("drive", drive);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of phases", phases.length};
    check.shape("sine", sine, {length});
    check.shape("cosine", cosine, {length});
    check.shape("drive", drive, {length});
  }
};

template <class Real>
struct PhaseDriveBackward {
  static constexpr const char* name = "phaseDriveBackward";
  using Types = FullFloatTypes;
  View<const Real> gradDrive;  // (length)
  View<const Real> phases;     // (length)
  View<const Real> sine;       // (length)
  View<const Real> cosine;     // (length)
  View<Real> gradPhases;       // (length), written
  View<Real> gradSine;         // (length), written
  View<Real> gradCosine;       // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradDrive", gradDrive);
    visit("phases", phases);
    visit("sine", sine);
    visit("cosine", cosine);
    visit("gradPhases", gradPhases);
    visit("gradSine", gradSine);
    visit("gradCosine", gradCosine);
  }
  void validate() const {
    const Check check(name);
    const Size length = {"length of gradDrive", gradDrive.length};
    check.shape("phases", phases, {length});
    check.shape("sine", sine, {length});
    check.shape("cosine", cosine, {length});
    check.shape("gradPhases", gradPhases, {length});
    check.shape("gradSine", gradSine, {length});
    check.shape("gradCosine", gradCosine, {length});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
