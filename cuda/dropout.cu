// One thread a position of the generator, which decides four elements. Floor: memory; ten rounds of
// Philox for four elements are below it. Not measured on a GPU yet.
#include "ops/dropout.h"

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct DropoutTuning {
  static constexpr int threads = 256;  // not measured
};

template <class Real>
__global__ void __launch_bounds__(DropoutTuning::threads)
    dropoutKernel(DropoutMask mask, View<const Real> input, View<const Real> residual,
                  View<Real> output) {
  using Scalar = Compute<Real>;
  const int64_t quad = globalThread(), first = 4 * quad;
  if (first >= output.length) return;
  const PhiloxWords words = mask.words(quad);
  for (int i = 0; i < 4 && first + i < output.length; ++i) {
    const Scalar kept = mask.keeps(words.words[i]) ? Scalar(mask.scale) : Scalar(0);
    const Scalar base = residual ? widen(residual[first + i]) : Scalar(0);
    output[first + i] = narrow<Real>(fma(widen(input[first + i]), kept, base));
  }
}

template <class Real>
void dropped(Context& context, const DropoutMask& mask, View<const Real> input,
             View<const Real> residual, View<Real> output) {
  const int64_t quads = ceilDivide(output.length, 4);
  launch(dropoutKernel<Real>, dim3(unsigned(ceilDivide(quads, DropoutTuning::threads))),
         dim3(DropoutTuning::threads), 0, context, mask, input, residual, output);
}

}  // namespace

template <class Real>
void run(const DropoutForward<Real>& op, Context& context) {
  dropped(context, dropoutMask(op), op.input, op.residual, op.output);
}

template <class Real>
void run(const DropoutBackward<Real>& op, Context& context) {
  dropped(context, dropoutMask(op), op.gradOutput, View<const Real>{}, op.gradInput);
}

EXPORT_KERNELS(DropoutForward)
EXPORT_KERNELS(DropoutBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
