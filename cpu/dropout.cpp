// Floor: bytes over bandwidth without dropping; with it the ten rounds of Philox for four elements.
#include "ops/dropout.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kQuadGrain = 4096;  // positions a task takes

// output = residual + input · (0 or scale), four elements for each position of the generator.
template <class Real>
void dropped(Context& context, const DropoutMask& mask, View<const Real> input,
             View<const Real> residual, View<Real> output) {
  using Scalar = Compute<Real>;
  const int64_t length = output.length;
  context.forRange((length + 3) / 4, kQuadGrain, [&](int64_t begin, int64_t end) {
    for (int64_t quad = begin; quad < end; ++quad) {
      const PhiloxWords words = mask.words(quad);
      const int64_t first = 4 * quad, count = length - first < 4 ? length - first : 4;
      for (int64_t i = 0; i < count; ++i) {
        const Scalar kept = mask.keeps(words.words[i]) ? Scalar(mask.scale) : Scalar(0);
        const Scalar base = residual ? widen(residual[first + i]) : Scalar(0);
        output[first + i] = narrow<Real>(fma(widen(input[first + i]), kept, base));
      }
    }
  });
}

}  // namespace

template <class Real>
void run(const DropoutForward<Real>& op, Context& context) {
  if (op.probability == 0 && op.residual) {
    elementwise(
        context, op.output, [](auto input, auto residual) { return residual + input; }, op.input,
        op.residual);
  } else {
    dropped(context, dropoutMask(op), op.input, op.residual, op.output);
  }
}

template <class Real>
void run(const DropoutBackward<Real>& op, Context& context) {
  dropped(context, dropoutMask(op), op.gradOutput, View<const Real>{}, op.gradInput);
}

EXPORT_KERNELS(DropoutForward)
EXPORT_KERNELS(DropoutBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
