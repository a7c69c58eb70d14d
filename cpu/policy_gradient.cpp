// Sums over the actions of a step are in lanes of a fixed number, those over steps in float64 and
// in their order. A few thousand numbers at most: bound by the call.
#include "ops/policy_gradient.h"

#include "cpu/reduce.h"
#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const GaussianAction<Real>& op, Context& context) {
  forEachRowVector<Real>(context, op.time, op.actions, [&](int64_t at, int64_t k, auto access) {
    access.store(op.action.data + at, gaussianAction(access.load(op.mean.data + at),
                                                     access.load(op.logDeviation.data + k),
                                                     access.load(op.normal.data + at)));
  });
}

template <class Real>
void run(const Advantages<Real>& op, Context&) {
  const Real discount = Real(op.discount), decay = Real(op.discount * op.trace);
  Real nextValue = op.lastValue[0], sum = 0;
  for (int64_t t = op.time - 1; t >= 0; --t) {
    const Real value = op.values[t];
    sum = discountedSum(temporalDifference(op.rewards[t], value, nextValue, discount), sum, decay);
    op.advantages[t] = sum;
    op.returns[t] = sum + value;
    nextValue = value;
  }
}

namespace {

// −log π(a_t|s_t)
template <class Real>
Real surpriseAt(const PolicyGradientForward<Real>& op, int64_t t) {
  constexpr int64_t kLanes = Vector<Real>::kLanes, kWidth = LaneSums<Real>::kLanes;
  LaneSums<Real> sums;
  for (int64_t k = 0; k < op.actions; k += kWidth) {
    sums.add([&](int lane) {
      const int64_t at = k + lane, rest = op.actions - at, row = t * op.actions;
      const auto surprise = [&](auto access) {
        return access.keep(gaussianSurprise(access.load(op.mean.data + row + at),
                                            access.load(op.logDeviation.data + at),
                                            access.load(op.action.data + row + at)));
      };
      if (rest >= kLanes) return surprise(WholeVector{});
      return rest > 0 ? surprise(PartialVector{rest}) : Vector<Real>(Real(0));
    });
  }
  return sums.total();
}

constexpr int64_t kStepGrain = 64;   // steps that a task takes
constexpr int64_t kStepPiece = 256;  // steps that are summed before they are added to the rest

}  // namespace

template <class Real>
void run(const PolicyGradientForward<Real>& op, Context& context) {
  double* const terms = context.workspace<double>(op.time);
  context.forRange(op.time, kStepGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const Real difference = op.value ? op.returns[t] - op.value[t] : Real(0);
      terms[t] = policyTerm(surpriseAt(op, t), op.advantages[t], difference, op.valueWeight);
    }
  });
  double sum = 0, entropy = 0;
  for (int64_t t = 0; t < op.time; ++t) sum += terms[t];
  for (int64_t k = 0; k < op.actions; ++k) entropy += gaussianEntropy(double(op.logDeviation[k]));
  op.loss[0] = Real(policyLoss(sum, entropy, op.time, op.entropyWeight));
}

template <class Real>
void run(const PolicyGradientBackward<Real>& op, Context& context) {
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  const Real gradLoss = op.gradLoss[0], share = gradLoss / Real(op.time);
  context.forRange(op.actions, kLanes, [&](int64_t k, int64_t end) {
    const auto column = [&](auto access) {
      const Vector<Real> logDeviation = access.load(op.logDeviation.data + k);
      Vector<Real> total = -gradLoss * Real(op.entropyWeight);
      for (int64_t begin = 0; begin < op.time; begin += kStepPiece) {
        Vector<Real> sum = Real(0);
        for (int64_t t = begin; t < op.time && t < begin + kStepPiece; ++t) {
          const int64_t at = t * op.actions + k;
          const GaussianGradient<Vector<Real>> gradient = gaussianSurpriseGradient<Vector<Real>>(
              access.load(op.mean.data + at), logDeviation, access.load(op.action.data + at),
              share * op.advantages[t]);
          access.store(op.gradMean.data + at, gradient.mean);
          sum += gradient.logDeviation;
        }
        total += sum;
      }
      access.store(op.gradLogDeviation.data + k, total);
    };
    if (end - k == kLanes) {
      column(WholeVector{});
    } else {
      column(PartialVector{end - k});
    }
  });
  if (!op.gradValue) return;
  const Real weight = share * Real(op.valueWeight);
  for (int64_t t = 0; t < op.time; ++t) op.gradValue[t] = weight * (op.value[t] - op.returns[t]);
}

EXPORT_KERNELS(GaussianAction)
EXPORT_KERNELS(Advantages)
EXPORT_KERNELS(PolicyGradientForward)
EXPORT_KERNELS(PolicyGradientBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
