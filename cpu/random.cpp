// A vector of positions at a time: their uniform numbers, one plane for each number of a position,
// then the shape of the distribution on whole vectors, then the planes interleaved.
#include "ops/random.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kGrain = 16384;  // elements

// The elements of kLanes positions from `position` on, in their order.
template <class Number, class Shape>
HOST_DEVICE void draw(Number* values, RandomStream random, int64_t position, const Shape& shape) {
  constexpr int kLanes = Vector<Number>::kLanes;
  constexpr int kPlanes = kDraws<Number>;
  Number planes[kPlanes][kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    Number uniforms[kPlanes];
    uniformsOf(randomWords(random, position + lane), uniforms);
    for (int j = 0; j < kPlanes; ++j) planes[j][lane] = uniforms[j];
  }
  Vector<Number> vectors[kPlanes];
  for (int j = 0; j < kPlanes; ++j) vectors[j] = load(planes[j]);
  shape(vectors);
  for (int j = 0; j < kPlanes; ++j) store(planes[j], vectors[j]);
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int j = 0; j < kPlanes; ++j) values[lane * kPlanes + j] = planes[j][lane];
  }
}

template <class Real, class Shape>
void drawAll(View<Real> output, RandomStream random, const Shape& shape, Context& context) {
  using Number = Compute<Real>;
  constexpr int64_t kLanes = Vector<Number>::kLanes;
  constexpr int64_t kBlock = kLanes * kDraws<Number>;
  static_assert(kGrain % kBlock == 0);
  context.forRange(output.length, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kBlock) {
      Number values[kBlock];
      draw(values, random, i / kDraws<Number>, shape);
      if (i + kBlock <= end) {
        for (int64_t j = 0; j < kBlock; j += kLanes) store(output.data + i + j, load(values + j));
      } else {
        for (int64_t j = i; j < end; ++j) output[j] = narrow<Real>(values[j - i]);
      }
    }
  });
}

}  // namespace

template <class Real>
void run(const RandomUniform<Real>& op, Context& context) {
  drawAll(op.output, op.random(), op.shape(), context);
}

template <class Real>
void run(const RandomNormal<Real>& op, Context& context) {
  drawAll(op.output, op.random(), op.shape(), context);
}

EXPORT_KERNELS(RandomUniform)
EXPORT_KERNELS(RandomNormal)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
