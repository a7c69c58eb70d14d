// The end of the backward of cpu/kuramoto_adjoint.h: what was summed over the steps, by batch and
// oscillator, goes to the gradients, through s K / Z and over the batch where it is shared. All
// sums have a fixed order.
#pragma once

#include "cpu/kuramoto_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// gradient = sums (batch, N), or their sum over the batch where the gradient has but N elements.
template <class Real>
void writeSums(const Real* sums, int64_t batch, int64_t n, View<Real> gradient) {
  memcpy(gradient.data, sums, size_t(gradient.length) * sizeof(Real));
  if (gradient.length != n) return;
  for (int64_t b = 1; b < batch; ++b) {
    for (int64_t i = 0; i < n; ++i) gradient[i] += sums[b * n + i];
  }
}

template <class Real, class Graph, class Edges>
void KuramotoAdjoint<Real, Graph, Edges>::finish() {
  if (grad_.gradInitial) {
    memcpy(grad_.gradInitial.data, lambda_, size_t(count_) * sizeof(Real));
  }
  if (grad_.gradNaturalFrequencies) {
    writeSums(rateSums_, op_.batch, n_, grad_.gradNaturalFrequencies);
  }
  if (constantDrive()) writeSums(rateSums_, op_.batch, n_, grad_.gradDrive);
  if (grad_.gradFrustration) {
    double sum = 0;
    for (int64_t i = 0; i < count_; ++i) sum += double(lagSums_[i]);
    grad_.gradFrustration[0] = Real(sum);
  }
  if (grad_.gradCoupling) {
    double shared = 0;
    for (int64_t b = 0; b < op_.batch; ++b) {
      double sum = 0;
      for (int64_t i = 0; i < n_; ++i) {
        sum += double(pullSums_[b * n_ + i]) * double(c_.unitStrengths[i]);
      }
      if (grad_.gradCoupling.length == op_.batch) grad_.gradCoupling[b] = Real(sum);
      shared += sum;
    }
    if (grad_.gradCoupling.length == 1) grad_.gradCoupling[0] = Real(shared);
  }
  Real* gradDegrees = nullptr;
  if (c_.inverseDegrees && (edges_.wanted() || precisionSums_)) {
    gradDegrees = zeros(n_);
    for (int64_t b = 0; b < op_.batch; ++b) {
      const Real coupling = c_.couplingOf(b);
      for (int64_t i = 0; i < n_; ++i) {
        gradDegrees[i] -=
            coupling * pullSums_[b * n_ + i] * c_.unitStrengths[i] * c_.inverseDegrees[i];
      }
    }
  }
  if (precisionSums_) {
    if (gradDegrees) graph_.addDegreePrecision(gradDegrees, precisionSums_, context_);
    memcpy(grad_.gradPrecision.data, precisionSums_, size_t(n_) * sizeof(Real));
  }
  if (edges_.wanted()) edges_.finish(gradDegrees, c_.precision);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
