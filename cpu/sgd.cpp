// Floor: memory traffic, 5 elements (3 read, 2 written) for each parameter, 3 without momentum;
// measured at 28-38 GB/s on two cores of a Zen 4.
#include "ops/sgd.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// `reads`: the buffer holds the moment of the step before; `writes`: there is a buffer.
template <bool reads, bool writes, class Real>
void step(const Sgd<Real>& op, Context& context) {
  using Lanes = Vector<Real>;
  const SgdCoefficients<Real> by = op.coefficients();
  const Real scale = Real(op.maxNorm > 0 ? clippingScale(op.norm[0], op.maxNorm) : 1);
  Real *parameter = op.parameter.data, *first = op.first.data;
  const Real* gradient = op.gradient.data;
  context.forRange(op.parameter.length, kElementwiseGrain, [=](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + Lanes::kLanes <= end; i += Lanes::kLanes) {
      const Lanes before = reads ? load(first + i) : Lanes(Real(0));
      const SgdState<Lanes> next =
          sgdStep<Lanes>({load(parameter + i), before}, load(gradient + i), scale, by);
      store(parameter + i, next.parameter);
      if (writes) store(first + i, next.first);
    }
    for (; i < end; ++i) {
      const Real before = reads ? first[i] : Real(0);
      const SgdState<Real> next = sgdStep<Real>({parameter[i], before}, gradient[i], scale, by);
      parameter[i] = next.parameter;
      if (writes) first[i] = next.first;
    }
  });
}

}  // namespace

template <class Real>
void run(const Sgd<Real>& op, Context& context) {
  if (!op.first) {
    step<false, false>(op, context);
  } else if (op.step == 1 || op.momentum == 0) {
    step<false, true>(op, context);
  } else {
    step<true, true>(op, context);
  }
}

EXPORT_KERNELS(Sgd)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
