// The velocity of coupled phases, dθ/dt in radians per unit of time, of the equation of
// ops/kuramoto.h, and its gradients.
#pragma once

#include "ops/oscillators.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct KuramotoVelocityForward : CoupledOscillators<Real> {
  static constexpr const char* name = "kuramotoVelocityForward";
  using Types = FullFloatTypes;
  View<const Real> phases;  // (batch, N), rad
  View<Real> velocity;      // (batch, N)

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("velocity", velocity);
    this->coupledFields(visit);
  }
  void validate() const {
    const Check check(name);
    this->validateCoupled(check, 0);
    const Size rows = {"batch", this->batch}, n = {"oscillators", this->oscillators};
    check.shape("phases", phases, {rows, n});
    check.shape("velocity", velocity, {rows, n});
  }
};

template <class Real>
struct KuramotoVelocityBackward : CoupledOscillators<Real>, GraphSources, CoupledGradients<Real> {
  static constexpr const char* name = "kuramotoVelocityBackward";
  using Types = FullFloatTypes;
  View<const Real> gradVelocity;  // (batch, N)
  View<const Real> phases;        // (batch, N)
  View<Real> gradPhases;          // (batch, N)

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradVelocity", gradVelocity);
    visit("phases", phases);
    visit("gradPhases", gradPhases);
    this->coupledFields(visit);
    this->sourceFields(visit);
    this->coupledGradientFields(visit);
  }
  void validate() const {
    const Check check(name);
    this->validateCoupled(check, 0);
    this->validateSources(check, *this);
    this->validateCoupledGradients(check, *this);
    const Size rows = {"batch", this->batch}, n = {"oscillators", this->oscillators};
    check.shape("gradVelocity", gradVelocity, {rows, n});
    check.shape("phases", phases, {rows, n});
    check.shape("gradPhases", gradPhases, {rows, n});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
