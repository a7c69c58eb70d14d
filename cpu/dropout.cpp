// Floor: bytes over bandwidth without dropping; with it the ten rounds of Philox for four elements.
#include "ops/dropout.h"

#include "cpu/elementwise.h"
#include "cpu/philox.h"
#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kQuadGrain = 4096;  // positions a task takes: a multiple of kBlockPositions

// What each element of a block is multiplied by: 0 or the scale.
template <class Scalar>
HOST_DEVICE void keptFactors(const DropoutMask& mask, const uint32_t (&words)[kBlockWords],
                             Scalar (&kept)[kBlockWords]) {
  using Lanes = Vector<float>;
  float factors[kBlockWords];
  for (int64_t i = 0; i < kBlockWords; i += Lanes::kLanes) {
    VectorInteger<float> bits;
    memcpy(&bits.v, words + i, sizeof bits.v);
    const Lanes uniform = toReal((bits >> 8) & 0xffffff) * 0x1p-24f;  // as uniformOf(word)
    store(factors + i,
          select(less(uniform, Lanes(mask.probability)), Lanes(0.0f), Lanes(mask.scale)));
  }
  for (int64_t i = 0; i < kBlockWords; ++i) kept[i] = Scalar(factors[i]);
}

// output = residual + input · (0 or scale), four elements for each position of the generator.
template <class Real>
void dropped(Context& context, const DropoutMask& mask, View<const Real> input,
             View<const Real> residual, View<Real> output) {
  using Scalar = Compute<Real>;
  using Lanes = Vector<Scalar>;
  const int64_t length = output.length;
  context.forRange((length + 3) / 4, kQuadGrain, [&](int64_t begin, int64_t end) {
    uint32_t words[kBlockWords];
    Scalar kept[kBlockWords];
    for (int64_t quad = begin; quad < end; quad += kBlockPositions) {
      randomBlock(mask.random, mask.position + quad, words);
      keptFactors(mask, words, kept);
      const int64_t first = 4 * quad;
      forEachVector<Real>(
          length - first < kBlockWords ? length - first : kBlockWords, [&](int64_t i, auto access) {
            const Lanes factor = load(kept + i);
            const Lanes base = residual ? access.load(residual.data + first + i) : Lanes(Scalar(0));
            access.store(output.data + first + i,
                         fma(access.load(input.data + first + i), factor, base));
          });
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
