// Elementwise; a thread for each phase where there are two planes. Floor: memory, beside the matrix
// products. Not measured on a GPU yet.
#include "ops/phase_locking.h"

#include "cuda/elementwise.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct PhaseStackTuning {
  static constexpr int threads = 256;  // not measured
};

template <class Real>
__global__ void __launch_bounds__(PhaseStackTuning::threads)
    phaseStackKernel(PhaseStackForward<Real> op) {
  const int64_t i = globalThread(), length = op.phases.length;
  if (i >= length) return;
  Real sine, cosine;
  sineCosine(op.phases[i], sine, cosine);
  op.stack[i] = sine;
  op.stack[length + i] = cosine;
  if (!op.rotated) return;
  op.rotated[i] = cosine;
  op.rotated[length + i] = -sine;
}

}  // namespace

struct GradStackedPhase {
  template <class Real>
  HOST_DEVICE Real operator()(Real phase, Real upper, Real lower, Real rotatedUpper,
                              Real rotatedLower) const {
    return gradStackedPhase(phase, upper, lower, rotatedUpper, rotatedLower);
  }
};
struct Magnitude {
  double factor;
  template <class Real>
  HOST_DEVICE Real operator()(Real real, Real imaginary) const {
    return scaledMagnitude(real, imaginary, Real(factor));
  }
};
struct GradMagnitudeReal {
  double factor;
  template <class Real>
  HOST_DEVICE Real operator()(Real grad, Real real, Real imaginary) const {
    return gradMagnitudePart(grad, real, real, imaginary, Real(factor));
  }
};
struct GradMagnitudeImaginary {
  double factor;
  template <class Real>
  HOST_DEVICE Real operator()(Real grad, Real real, Real imaginary) const {
    return gradMagnitudePart(grad, imaginary, real, imaginary, Real(factor));
  }
};

template <class Real>
void run(const PhaseStackForward<Real>& op, Context& context) {
  constexpr int kThreads = PhaseStackTuning::threads;
  launch(phaseStackKernel<Real>, dim3(unsigned(ceilDivide(op.phases.length, kThreads))),
         dim3(kThreads), 0, context, op);
}

template <class Real>
void run(const PhaseStackBackward<Real>& op, Context& context) {
  const int64_t length = op.phases.length;
  const auto half = [&](View<const Real> both, int64_t from) {
    return View<const Real>{both.data + from, length};
  };
  elementwise(context, op.gradPhases, GradStackedPhase{}, op.phases, half(op.gradStack, 0),
              half(op.gradStack, length), half(op.gradRotated, 0), half(op.gradRotated, length));
}

template <class Real>
void run(const ScaledMagnitudeForward<Real>& op, Context& context) {
  elementwise(context, op.magnitude, Magnitude{op.factor}, op.real, op.imaginary);
}

template <class Real>
void run(const ScaledMagnitudeBackward<Real>& op, Context& context) {
  elementwise(context, op.gradReal, GradMagnitudeReal{op.factor}, op.gradMagnitude, op.real,
              op.imaginary);
  elementwise(context, op.gradImaginary, GradMagnitudeImaginary{op.factor}, op.gradMagnitude,
              op.real, op.imaginary);
}

EXPORT_KERNELS(PhaseStackForward)
EXPORT_KERNELS(PhaseStackBackward)
EXPORT_KERNELS(ScaledMagnitudeForward)
EXPORT_KERNELS(ScaledMagnitudeBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
