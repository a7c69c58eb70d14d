// Floor: memory. The forward reads one or two arrays and writes one, the backward reads two and
// writes one; the product sum rides along in four independent chains of vectors.
#include "ops/scaled_sum.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const ScaledSumForward<Real>& op, Context& context) {
  const auto factor = scaleFactor(op.weight[op.index], op.sigmoid);
  if (op.base) {
    elementwise(
        context, op.output,
        [&](auto value, auto base) { return scaledSum(decltype(value)(factor), value, base); },
        op.value, op.base);
  } else {
    elementwise(
        context, op.output, [&](auto value) { return decltype(value)(factor) * value; }, op.value);
  }
}

// Writes factor gradOutput of elements [begin, end) and returns their sum of gradOutput value.
template <class Real>
Compute<Real> scaleAndSum(const ScaledSumBackward<Real>& op, Compute<Real> factor, int64_t begin,
                          int64_t end) {
  using Lanes = Vector<Compute<Real>>;
  constexpr int64_t kLanes = Lanes::kLanes;
  constexpr int kChains = 4;  // fma has a latency of 4 cycles
  const Lanes scale(factor);
  Lanes sums[kChains] = {Lanes(0), Lanes(0), Lanes(0), Lanes(0)};
  const auto step = [&](Lanes& sum, Lanes gradOutput, Lanes value) {
    sum = fma(gradOutput, value, sum);
    return scale * gradOutput;
  };
  int64_t i = begin;
  for (; i + kChains * kLanes <= end; i += kChains * kLanes) {
    for (int chain = 0; chain < kChains; ++chain) {
      const int64_t at = i + chain * kLanes;
      store(op.gradValue.data + at,
            step(sums[chain], load(op.gradOutput.data + at), load(op.value.data + at)));
    }
  }
  for (; i < end; i += kLanes) {
    const int64_t count = end - i < kLanes ? end - i : kLanes;
    storePartial(op.gradValue.data + i,
                 step(sums[0], loadPartial(op.gradOutput.data + i, count),
                      loadPartial(op.value.data + i, count)),
                 count);
  }
  return sumLanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class Real>
void run(const ScaledSumBackward<Real>& op, Context& context) {
  const int64_t length = op.gradOutput.length;
  const auto weight = op.weight[op.index];
  const auto factor = scaleFactor(weight, op.sigmoid);
  auto* const sums =
      context.workspace<Compute<Real>>((length + kElementwiseGrain - 1) / kElementwiseGrain);
  context.forRange(length, kElementwiseGrain, [&](int64_t begin, int64_t end) {
    sums[begin / kElementwiseGrain] = scaleAndSum(op, factor, begin, end);
  });
  double sum = 0;  // of as many pieces as there are: float would lose digits in long arrays
  for (int64_t begin = 0; begin < length; begin += kElementwiseGrain) {
    sum += double(sums[begin / kElementwiseGrain]);
  }
  for (int64_t i = 0; i < op.gradWeight.length; ++i) op.gradWeight[i] = 0;
  op.gradWeight[op.index] = scaleFactorGradient(weight, op.sigmoid) * Compute<Real>(sum);
}

EXPORT_KERNELS(ScaledSumForward)
EXPORT_KERNELS(ScaledSumBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
