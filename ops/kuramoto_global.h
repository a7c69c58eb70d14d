// Kuramoto oscillators all to all: A_ij = 1, so that P_i is one total less the oscillator's own
// part,
//   P_i = T - p_i (sin θ_i, cos θ_i),   T = Σ_j p_j (sin θ_j, cos θ_j),
// in O(N) a step. Banks of different sizes may run side by side: `bankStart` then says where each
// begins among `oscillators` in all, and `batch` is their number.
#pragma once

#include "ops/arctangent.h"
#include "ops/kuramoto.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct KuramotoGlobalForward : KuramotoSystem<Real>, KuramotoRun<Real> {
  static constexpr const char* name = "kuramotoGlobalForward";
  using Types = FullFloatTypes;
  View<const int32_t> bankStart;  // (banks + 1), optional: ascending from 0 to oscillators
  View<const double> timeSteps;   // (banks), with bankStart: dt of each, instead of timeStep
  // pulls: (steps, stages, batch, 2): T before each stage

  template <class Visitor>
  void fields(Visitor& visit) {
    this->systemFields(visit);
    this->runFields(visit);
    visit.optional("bankStart", bankStart);
    visit.optional("timeSteps", timeSteps);
  }
  void validate() const;
};

template <class Real>
struct KuramotoGlobalBackward : KuramotoSystem<Real>, KuramotoGradients<Real> {
  static constexpr const char* name = "kuramotoGlobalBackward";
  using Types = FullFloatTypes;
  View<const int32_t> bankStart;  // as in the run
  View<const double> timeSteps;

  template <class Visitor>
  void fields(Visitor& visit) {
    this->systemFields(visit);
    this->gradientFields(visit);
    visit.optional("bankStart", bankStart);
    visit.optional("timeSteps", timeSteps);
  }
  void validate() const;
};

// What a total T does to an oscillator at θ that belongs to it: by T - p (sin θ, cos θ),
//   cos(θ + α) P.sine - sin(θ + α) P.cosine = |T| sin(ψ - α - θ) + p sin α,  ψ the angle of T.
template <class Real>
struct MeanField {
  Lane<Real> amplitude;       // |T|
  Integer<Lane<Real>> phase;  // ψ - α
};
template <class Real>
HOST_DEVICE MeanField<Real> meanFieldOf(Circle<Real> total, double frustration) {
  const double sine = double(total.sine), cosine = double(total.cosine);
  return {Real(squareRoot(fma(sine, sine, cosine * cosine))),
          phaseOf<Real>(angleOf(cosine, sine) - frustration)};
}
// R and ψ of N oscillators from the sum of their circles; R = 0 has ψ = 0.
template <class Real>
HOST_DEVICE void orderParameter(Circle<double> total, int64_t oscillators, Real& R, Real& psi) {
  const double size = fma(total.sine, total.sine, total.cosine * total.cosine);
  R = Real(squareRoot(size) / double(oscillators));
  psi = radiansOf(phaseOf<Real>(angleOf(total.cosine, total.sine)));
}
// 1 / Z of an oscillator of precision p among N whose precisions add up to `all`.
HOST_DEVICE double globalShare(int64_t normalisation, int64_t oscillators, double all, double p) {
  if (oscillators < 2) return 0;  // nobody pulls
  if (normalisation == kByCount) return 1 / double(oscillators - 1);
  if (normalisation == kUnnormalised) return 1;
  return all - p < kLeastDegree ? 0 : 1 / (all - p);
}

// ---- validation ----

template <class Operation>
int64_t checkBanks(const Check& check, const Operation& op) {
  const int64_t rows = op.bankStart ? 1 : op.batch;
  check.rule(bool(op.bankStart) == bool(op.timeSteps), "timeSteps",
             "given where bankStart is, and only there", double(op.timeSteps.length));
  if (op.bankStart) {
    check.shape("bankStart", op.bankStart, {{"banks + 1", op.batch + 1}});
    check.shape("timeSteps", op.timeSteps, {{"banks", op.batch}});
  }
  return rows;
}

template <class Real>
void KuramotoGlobalForward<Real>::validate() const {
  const Check check(name);
  this->validateSystem(check, bankStart ? 1 : this->batch);
  const int64_t rows = checkBanks(check, *this);
  this->validateRun(check, *this, rows, this->steps * this->stages * this->batch * 2);
}

template <class Real>
void KuramotoGlobalBackward<Real>::validate() const {
  const Check check(name);
  this->validateSystem(check, bankStart ? 1 : this->batch);
  const int64_t rows = checkBanks(check, *this);
  this->validateGradients(check, *this, rows, this->steps * this->stages * this->batch * 2);
}

}  // namespace entrain::inline ENTRAIN_ISA
