// A thread draws the numbers of one position and writes them in one access. Floor: memory, one
// element written each; a position costs about 80 integer instructions and, for normal numbers, 70
// more. Not measured on a GPU yet.
#include "ops/random.h"

#include "cuda/pack.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct RandomTuning {
  static constexpr int threads = 256;  // not measured
};

template <bool kAligned, class Real, class Shape>
__global__ void __launch_bounds__(RandomTuning::threads)
    randomKernel(View<Real> output, RandomStream random, Shape shape) {
  using Number = Compute<Real>;
  constexpr int kCount = kDraws<Number>;
  const int64_t position = globalThread();
  const int64_t begin = position * kCount;
  if (begin >= output.length) return;
  Number values[kCount];
  uniformsOf(randomWords(random, position), values);
#pragma unroll
  for (int j = 0; j < kCount; j += 2) shape(values[j], values[j + 1]);
  if (kAligned && begin + kCount <= output.length) {
    Pack<Real, kCount> pack;
#pragma unroll
    for (int j = 0; j < kCount; ++j) pack.values[j] = narrow<Real>(values[j]);
    storePack(output.data + begin, pack);
  } else {
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      if (begin + j < output.length) output[begin + j] = narrow<Real>(values[j]);
    }
  }
}

template <class Real, class Shape>
void drawAll(Context& context, View<Real> output, RandomStream random, const Shape& shape) {
  const int64_t positions = ceilDivide(output.length, kDraws<Compute<Real>>);
  const dim3 blocks(unsigned(ceilDivide(positions, RandomTuning::threads)));
  const auto kernel =
      areAligned(output.data) ? randomKernel<true, Real, Shape> : randomKernel<false, Real, Shape>;
  launch(kernel, blocks, dim3(RandomTuning::threads), 0, context, output, random, shape);
}

}  // namespace

template <class Real>
void run(const RandomUniform<Real>& op, Context& context) {
  drawAll(context, op.output, op.random(), op.shape());
}

template <class Real>
void run(const RandomNormal<Real>& op, Context& context) {
  drawAll(context, op.output, op.random(), op.shape());
}

EXPORT_KERNELS(RandomUniform)
EXPORT_KERNELS(RandomNormal)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
