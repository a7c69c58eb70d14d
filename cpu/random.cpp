// Tasks are blocks of positions of the generator; the numbers of a block are formed in vectors and
// the output written once. Floor: the ten rounds of Philox, then logarithm, sine and cosine.
#include "ops/random.h"

#include "cpu/kernel.h"
#include "cpu/philox.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kBlocksTogether = 32;

// The numbers of one block: transform(values) gets them uniform in [0, 1), and in which order they
// stay.
template <class Real, class Transform>
void fillBlocks(Context& context, View<Real> output, RandomStream random,
                const Transform& transform) {
  using Scalar = Compute<Real>;
  constexpr int64_t kLanes = Vector<Scalar>::kLanes;
  constexpr int64_t kNumbers = kBlockPositions * kNumbersOfPosition<Real>;
  context.forRange(output.length, kNumbers * kBlocksTogether, [&](int64_t begin, int64_t end) {
    uint32_t words[kBlockWords];
    Scalar values[kNumbers];
    for (int64_t first = begin; first < end; first += kNumbers) {
      randomBlock(random, first / kNumbersOfPosition<Real>, words);
      for (int64_t i = 0; i < kNumbers; ++i) values[i] = uniformAt<Scalar>(words, i);
      transform(values);
      const int64_t count = end - first < kNumbers ? end - first : kNumbers;
      int64_t i = 0;
      for (; i + kLanes <= count; i += kLanes) store(output.data + first + i, load(values + i));
      if (i < count) storePartial(output.data + first + i, load(values + i), count - i);
    }
  });
}

}  // namespace

template <class Real>
void run(const RandomUniform<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  using Lanes = Vector<Scalar>;
  const Lanes low(Scalar(op.low)), range(Scalar(op.high - op.low));
  fillBlocks(context, op.output, randomStreamOf(op), [&]<int64_t N>(Scalar(&values)[N]) {
    for (int64_t i = 0; i < N; i += Lanes::kLanes) {
      store(values + i, fma(load(values + i), range, low));
    }
  });
}

template <class Real>
void run(const RandomNormal<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  using Lanes = Vector<Scalar>;
  const Lanes mean(Scalar(op.mean)), deviation(Scalar(op.deviation));
  fillBlocks(context, op.output, randomStreamOf(op), [&]<int64_t N>(Scalar(&values)[N]) {
    Scalar even[N / 2], odd[N / 2];
    for (int64_t i = 0; i < N / 2; ++i) {
      even[i] = values[2 * i];
      odd[i] = values[2 * i + 1];
    }
    for (int64_t i = 0; i < N / 2; i += Lanes::kLanes) {
      Lanes first, second;
      normalPair(load(even + i), load(odd + i), first, second);
      store(even + i, fma(first, deviation, mean));
      store(odd + i, fma(second, deviation, mean));
    }
    for (int64_t i = 0; i < N / 2; ++i) {
      values[2 * i] = even[i];
      values[2 * i + 1] = odd[i];
    }
  });
}

EXPORT_KERNELS(RandomUniform)
EXPORT_KERNELS(RandomNormal)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
