// Elementwise. Floor: memory, beside the matrix products.
#include "ops/phase_locking.h"

#include "cpu/elementwise.h"
#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const PhaseStackForward<Real>& op, Context& context) {
  using Lanes = Vector<Real>;
  const int64_t length = op.phases.length;
  context.forRange(length, kElementwiseGrain, [&](int64_t begin, int64_t end) {
    forEachVector<Real>(end - begin, [&](int64_t at, auto access) {
      const int64_t i = begin + at;
      Lanes sine, cosine;
      sineCosine(access.load(op.phases.data + i), sine, cosine);
      access.store(op.stack.data + i, sine);
      access.store(op.stack.data + length + i, cosine);
      if (!op.rotated) return;
      access.store(op.rotated.data + i, cosine);
      access.store(op.rotated.data + length + i, -sine);
    });
  });
}

template <class Real>
void run(const PhaseStackBackward<Real>& op, Context& context) {
  const int64_t length = op.phases.length;
  const auto half = [&](View<const Real> both, int64_t from) {
    return View<const Real>{both.data + from, length};
  };
  elementwise(
      context, op.gradPhases,
      [](auto phase, auto upper, auto lower, auto rotatedUpper, auto rotatedLower) {
        return gradStackedPhase(phase, upper, lower, rotatedUpper, rotatedLower);
      },
      op.phases, half(op.gradStack, 0), half(op.gradStack, length), half(op.gradRotated, 0),
      half(op.gradRotated, length));
}

template <class Real>
void run(const ScaledMagnitudeForward<Real>& op, Context& context) {
  const Vector<Real> factor(Real(op.factor));
  elementwise(
      context, op.magnitude,
      [=](auto real, auto imaginary) { return scaledMagnitude(real, imaginary, factor); }, op.real,
      op.imaginary);
}

template <class Real>
void run(const ScaledMagnitudeBackward<Real>& op, Context& context) {
  const Vector<Real> factor(Real(op.factor));
  elementwise(
      context, op.gradReal,
      [=](auto grad, auto real, auto imaginary) {
        return gradMagnitudePart(grad, real, real, imaginary, factor);
      },
      op.gradMagnitude, op.real, op.imaginary);
  elementwise(
      context, op.gradImaginary,
      [=](auto grad, auto real, auto imaginary) {
        return gradMagnitudePart(grad, imaginary, real, imaginary, factor);
      },
      op.gradMagnitude, op.real, op.imaginary);
}

EXPORT_KERNELS(PhaseStackForward)
EXPORT_KERNELS(PhaseStackBackward)
EXPORT_KERNELS(ScaledMagnitudeForward)
EXPORT_KERNELS(ScaledMagnitudeBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
