// A block of words at a time: the uniform numbers of the block, the first and the second of each
// pair apart, then the shape of the distribution on whole vectors, then the pairs again. Floor: the
// rounds of the generator, and for normal numbers a logarithm, a root, a sine and a cosine a pair.
// Measured on a Zen 4 core: float32 0.53 ns uniform and 1.1 normal, float64 1.2 and 2.6; writing
// alone would be 0.3.
#include "ops/random.h"

#include "cpu/kernel.h"
#include "cpu/philox.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kGrain = 16384;  // elements

template <class Number>
constexpr int64_t kBlock = kBlockPositions* kDraws<Number>;  // elements

template <class Number>
HOST_DEVICE void separatePairs(const uint32_t (&words)[kBlockWords], Number* first,
                               Number* second) {
  constexpr int64_t kWords = kBlockWords / kBlock<Number>;  // of an element
  for (int64_t i = 0; i < kBlock<Number> / 2; ++i) {
    const uint32_t* pair = words + 2 * kWords * i;
    if constexpr (kWords == 1) {
      first[i] = uniformOf(pair[0]);
      second[i] = uniformOf(pair[1]);
    } else {
      first[i] = uniformOf(pair[0], pair[1]);
      second[i] = uniformOf(pair[2], pair[3]);
    }
  }
}

// The elements of the block that starts at `position`, in their order.
template <class Number, class Shape>
HOST_DEVICE void drawBlock(Number (&values)[kBlock<Number>], RandomStream random, int64_t position,
                           const Shape& shape) {
  constexpr int64_t kPairs = kBlock<Number> / 2;
  uint32_t words[kBlockWords];
  randomBlock(random, position, words);
  Number first[kPairs], second[kPairs];
  separatePairs(words, first, second);
  for (int64_t i = 0; i < kPairs; i += Vector<Number>::kLanes) {
    Vector<Number> a = load(first + i), b = load(second + i);
    shape(a, b);
    store(first + i, a);
    store(second + i, b);
  }
  for (int64_t i = 0; i < kPairs; ++i) {
    values[2 * i] = first[i];
    values[2 * i + 1] = second[i];
  }
}

template <class Real, class Shape>
void drawAll(View<Real> output, RandomStream random, const Shape& shape, Context& context) {
  using Number = Compute<Real>;
  constexpr int64_t kLength = kBlock<Number>;
  static_assert(kGrain % kLength == 0);
  context.forRange(output.length, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kLength) {
      Number values[kLength];
      drawBlock(values, random, i / kDraws<Number>, shape);
      const int64_t count = end - i < kLength ? end - i : kLength;
      int64_t j = 0;
      for (; j + Vector<Number>::kLanes <= count; j += Vector<Number>::kLanes) {
        store(output.data + i + j, load(values + j));
      }
      for (; j < count; ++j) output[i + j] = narrow<Real>(values[j]);
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
