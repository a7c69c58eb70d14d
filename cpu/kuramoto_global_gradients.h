// From the adjoint's sums to the gradients that were asked for; those of arguments that all of the
// batch share are summed in the batch's order.
#pragma once

#include "cpu/kuramoto_global_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Gradients of what a system has one number of.
struct SystemGradient {
  double coupling, frustration;
};

// `to` as (N) or (batch, N) from a padded array.
template <class Real>
void writeSum(const GlobalPlan<Real>& plan, const Real* from, View<Real> to, Context& context) {
  if (!to || plan.systemCount == 0) return;
  const bool isShared = to.length != plan.elements;
  const int64_t blocks = isShared ? plan.systems[0].endBlock : plan.blockCount;
  context.forRange(blocks, 16, [&](int64_t first, int64_t end) {
    for (int64_t number = first; number < end; ++number) {
      const GlobalBlock& block = plan.blocks[number];
      const GlobalSystem& system = plan.systemOf(block);
      Real* const out = to.data + system.first + block.begin;
      memcpy(out, from + system.place + block.begin,
             size_t(block.end - block.begin) * sizeof(Real));
      for (int64_t b = 1; isShared && b < plan.systemCount; ++b) {
        const Real* const part = from + plan.systems[b].place;
        for (int64_t i = block.begin; i < block.end; ++i) to[i] += part[i];
      }
    }
  });
}

// The gradient through Z_i = Σ_{j≠i} p_j, which each oscillator's own precision does not enter.
template <class Real>
void addDegreeGradient(const GlobalPlan<Real>& plan, const AdjointArrays<Real>& arrays,
                       Context& context) {
  context.forEach(plan.systemCount, [&](int64_t b) {
    const GlobalSystem& system = plan.systems[b];
    const Real* const p = plan.precision + system.nodePlace;
    Real* const degrees = arrays.degrees + system.place;
    Real* const gradient = arrays.precisions + system.place;
    double all = 0, sum = 0;
    for (int64_t i = 0; i < system.count; ++i) all += double(p[i]);
    const auto part = [&](int64_t i) {
      return double(degrees[i]) * globalShare(kByDegree, system.count, all, double(p[i]));
    };
    for (int64_t i = 0; i < system.count; ++i) sum += part(i);
    for (int64_t i = 0; i < system.count; ++i) gradient[i] -= Real(sum - part(i));
  });
}

template <class Real>
void writeGradients(const KuramotoGlobalBackward<Real>& op, const GlobalPlan<Real>& plan,
                    const AdjointArrays<Real>& arrays, const SystemGradient* ofSystems,
                    Context& context) {
  writeSum(plan, arrays.state, op.gradInitial, context);
  writeSum(plan, arrays.sumOfRates, op.gradNaturalFrequencies, context);
  if (op.driveKind == kNodeDrive || op.driveKind == kBatchDrive) {
    writeSum(plan, arrays.sumOfRates, op.gradDrive, context);
  }
  if (arrays.degrees) addDegreeGradient(plan, arrays, context);
  if (arrays.precisions) writeSum(plan, arrays.precisions, op.gradPrecision, context);
  double coupling = 0, frustration = 0;
  for (int64_t b = 0; b < plan.systemCount; ++b) {
    coupling += ofSystems[b].coupling;
    frustration += ofSystems[b].frustration;
    if (op.gradCoupling && op.gradCoupling.length > 1) {
      op.gradCoupling[b] = Real(ofSystems[b].coupling);
    }
  }
  if (op.gradCoupling && op.gradCoupling.length == 1) op.gradCoupling[0] = Real(coupling);
  if (op.gradFrustration) op.gradFrustration[0] = Real(frustration);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
