// A row is read in pieces that stay in the first-level cache: the maximum of a piece, then its
// exponentials; so memory is read once. Floor: one exponential a logit, 0.22 ns in float32 on a Zen
// 4 core (13 cycles a vector of 16), or memory; measured of 32 MiB on two cores, in ns of one core:
// 0.37 forward, 0.47 backward, and in bfloat16 0.33 and 0.40.
#include "ops/softmax_cross_entropy.h"

#include "cpu/kernel.h"
#include "cpu/reduce.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPiece = 4096;   // logits
constexpr int64_t kGrain = 16384;  // logits of a task

int64_t rowsOfTask(int64_t vocabulary) {
  return vocabulary < kGrain ? kGrain / vocabulary : 1;
}

// The maximum does not depend on the order; NaN may be passed over, the sum will have it.
template <class Real>
HOST_DEVICE Compute<Real> maximumOf(const Real* from, int64_t count) {
  using Number = Compute<Real>;
  using Lanes = Vector<Number>;
  Lanes most = negativeInfinity<Number>(), other = most;
  int64_t i = 0;
  for (; i + 2 * Lanes::kLanes <= count; i += 2 * Lanes::kLanes) {
    most = maximum(most, load(from + i));
    other = maximum(other, load(from + i + Lanes::kLanes));
  }
  Number lanes[Lanes::kLanes];
  store(lanes, maximum(most, other));
  for (; i < count; ++i) lanes[0] = maximum(lanes[0], widen(from[i]));
  for (int lane = 1; lane < Lanes::kLanes; ++lane) lanes[0] = maximum(lanes[0], lanes[lane]);
  return lanes[0];
}

template <class Real>
HOST_DEVICE Compute<Real> logSumExpOf(const Real* row, int64_t vocabulary) {
  using Number = Compute<Real>;
  ScaledSumOfExponentials<Number> total = {negativeInfinity<Number>(), 0};
  for (int64_t begin = 0; begin < vocabulary; begin += kPiece) {
    const int64_t count = begin + kPiece < vocabulary ? kPiece : vocabulary - begin;
    const Number most = maximumOf(row + begin, count);
    const Vector<Number> base = exponentialBase(most);
    const Number sum = sumOf(row + begin, count, [base](auto x) { return exponential(x - base); });
    total = begin == 0 ? ScaledSumOfExponentials<Number>{most, sum} : combine(total, {most, sum});
  }
  return logarithmOf(total);
}

template <class Real>
HOST_DEVICE void fillRow(Real* row, int64_t count, Compute<Real> value) {
  for (int64_t i = 0; i < count; ++i) row[i] = narrow<Real>(value);
}

template <class Real>
HOST_DEVICE void gradientOfRow(Real* gradRow, const Real* row, int64_t vocabulary, int32_t target,
                               Compute<Real> logSumExp, Compute<Real> scale) {
  constexpr int64_t kLanes = Vector<Compute<Real>>::kLanes;
  // Read before the row is overwritten, should it be in place.
  const auto targetLogit = widen(row[target]);
  int64_t i = 0;
  for (; i + kLanes <= vocabulary; i += kLanes) {
    store(gradRow + i, softmaxGradient(load(row + i), logSumExp, scale));
  }
  if (i < vocabulary) {
    const int64_t left = vocabulary - i;
    storePartial(gradRow + i, softmaxGradient(loadPartial(row + i, left), logSumExp, scale), left);
  }
  gradRow[target] = narrow<Real>(softmaxTargetGradient(targetLogit, logSumExp, scale));
}

}  // namespace

template <class Real>
void run(const SoftmaxCrossEntropyForward<Real>& op, Context& context) {
  double* losses = context.workspace<double>(op.rows);
  context.forRange(op.rows, rowsOfTask(op.vocabulary), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Real* logits = op.logits.data + row * op.vocabulary;
      const auto logSumExp = logSumExpOf(logits, op.vocabulary);
      const int32_t target = op.targets[row];
      op.logSumExp[row] = logSumExp;
      if (isClass(target, op.vocabulary)) {
        losses[row] = double(logSumExp - widen(logits[target]));
      } else {
        losses[row] = __builtin_nan("");
        context.raise(runtime::FaultRule::targetRange, row, target);
      }
    }
  });
  const double total = sumOf(losses, op.rows, [](auto x) { return x; });
  op.loss[0] = Compute<Real>(total / double(op.rows));
}

template <class Real>
void run(const SoftmaxCrossEntropyBackward<Real>& op, Context& context) {
  const Compute<Real> scale = op.gradLoss[0] / Compute<Real>(op.rows);
  context.forRange(op.rows, rowsOfTask(op.vocabulary), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t first = row * op.vocabulary;
      const int32_t target = op.targets[row];
      Real* gradRow = op.gradLogits.data + first;
      if (isClass(target, op.vocabulary)) {
        gradientOfRow(gradRow, op.logits.data + first, op.vocabulary, target, op.logSumExp[row],
                      scale);
      } else {
        fillRow(gradRow, op.vocabulary, Compute<Real>(__builtin_nan("")));
      }
    }
  });
}

EXPORT_KERNELS(SoftmaxCrossEntropyForward)
EXPORT_KERNELS(SoftmaxCrossEntropyBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
