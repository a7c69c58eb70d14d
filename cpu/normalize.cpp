// Extremes and sums of blocks on any thread, merged in their order; then one elementwise pass.
// Floor: memory, the input twice and the output once.
#include "ops/normalize.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kBlock = 16384;  // elements: stays in a core's cache between the two looks at it

// The first element that is not a number, or else the first equal to `value`.
template <class Real>
int64_t placeOf(const Real* from, int64_t count, double value) {
  for (int64_t i = 0; i < count; ++i) {
    if (isNumber(value) ? double(from[i]) == value : !isNumber(from[i])) return i;
  }
  return 0;
}

// Minimum and maximum of a block, not their places. Four vectors at a time: the comparisons of one
// have to wait for those before it.
template <class Real>
Extremes rangeOf(const Real* from, int64_t count) {
  constexpr int kVectors = 4;
  constexpr int64_t kLanes = Vector<Real>::kLanes;
  Vector<Real> lows[kVectors], highs[kVectors], faults[kVectors];
  for (int j = 0; j < kVectors; ++j) {
    lows[j] = highs[j] = Vector<Real>(from[0]);
    faults[j] = Vector<Real>(Real(0));
  }
  int64_t i = 0;
  for (; i + kVectors * kLanes <= count; i += kVectors * kLanes) {
    for (int j = 0; j < kVectors; ++j) {
      const Vector<Real> x = load(from + i + j * kLanes);
      lows[j] = minimum(lows[j], x);
      highs[j] = maximum(highs[j], x);
      faults[j] += x - x;  // 0 as long as all is finite
    }
  }
  Real low = from[0], high = from[0], fault = 0;
  for (int j = 0; j < kVectors; ++j) {
    for (int lane = 0; lane < kLanes; ++lane) {
      low = minimum(low, lows[j][lane]);
      high = maximum(high, highs[j][lane]);
      fault += faults[j][lane];
    }
  }
  for (; i < count; ++i) {
    low = minimum(low, from[i]);
    high = maximum(high, from[i]);
    fault += from[i] - from[i];
  }
  if (!isNumber(fault)) {
    const Real first = from[placeOf(from, count, double(fault))];
    if (!isNumber(first)) low = high = first;
  }
  return {double(low), double(high), 0, 0};
}

template <class Real>
Extremes extremesOf(View<const Real> input, Context& context) {
  const int64_t blocks = (input.length + kBlock - 1) / kBlock;
  Extremes* ranges = context.workspace<Extremes>(blocks);
  context.forRange(input.length, kBlock, [&](int64_t begin, int64_t end) {
    ranges[begin / kBlock] = rangeOf(input.data + begin, end - begin);
  });
  Extremes all = ranges[0];
  for (int64_t block = 1; block < blocks; ++block) {
    ranges[block].lowAt = ranges[block].highAt = double(block);
    all = merged(all, ranges[block]);
  }
  const auto place = [&](double block, double value) {
    const int64_t begin = int64_t(block) * kBlock;
    const int64_t left = input.length - begin;
    return double(begin + placeOf(input.data + begin, left < kBlock ? left : kBlock, value));
  };
  return {all.low, all.high, place(all.lowAt, all.low), place(all.highAt, all.high)};
}

// Sums of g and of g y in double; element i goes to lane i mod 8.
struct GradientSums {
  double sum;
  double sumOfProducts;
};
template <class Real>
GradientSums sumsOf(const Real* gradient, const Real* output, int64_t count) {
  constexpr int kLanes = 8;
  double sums[kLanes] = {}, products[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      sums[lane] += double(gradient[i + lane]);
      products[lane] += double(gradient[i + lane]) * double(output[i + lane]);
    }
  }
  for (int lane = 0; i < count; ++i, ++lane) {
    sums[lane] += double(gradient[i]);
    products[lane] += double(gradient[i]) * double(output[i]);
  }
  GradientSums total = {};
  for (int lane = 0; lane < kLanes; ++lane) {
    total.sum += sums[lane];
    total.sumOfProducts += products[lane];
  }
  return total;
}

}  // namespace

template <class Real>
void run(const Affine<Real>& op, Context& context) {
  const Vector<Compute<Real>> factor = Compute<Real>(op.factor), offset = Compute<Real>(op.offset);
  elementwise(
      context, op.output, [=](auto x) { return fma(factor, x, offset); }, op.input);
}

template <class Real>
void run(const NormalizeForward<Real>& op, Context& context) {
  const Extremes extremes = extremesOf(op.input, context);
  const Vector<Real> low = Real(extremes.low),
                     span = spanOf(Real(extremes.low), Real(extremes.high));
  elementwise(
      context, op.output, [=](auto x) { return normalized(x, low, span); }, op.input);
  memcpy(op.extremes.data, &extremes, sizeof extremes);
}

template <class Real>
void run(const NormalizeBackward<Real>& op, Context& context) {
  const int64_t length = op.gradOutput.length;
  const int64_t blocks = (length + kBlock - 1) / kBlock;
  GradientSums* parts = context.workspace<GradientSums>(blocks);
  context.forRange(length, kBlock, [&](int64_t begin, int64_t end) {
    parts[begin / kBlock] = sumsOf(op.gradOutput.data + begin, op.output.data + begin, end - begin);
  });
  double sum = 0, sumOfProducts = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    sum += parts[block].sum;
    sumOfProducts += parts[block].sumOfProducts;
  }
  Extremes extremes;
  memcpy(&extremes, op.extremes.data, sizeof extremes);
  const NormalizeSlope<Real> slope = normalizeSlope<Real>(extremes, sum, sumOfProducts);
  const Vector<Real> inverseSpan = slope.inverseSpan;
  elementwise(
      context, op.gradInput, [=](auto g) { return g * inverseSpan; }, op.gradOutput);
  const auto addAt = [&](double place, Real slopeThere) {
    const bool isPlace = place >= 0 && place < double(length) && floorOf(place) == place;
    if (isPlace) op.gradInput[int64_t(place)] += slopeThere;
  };
  addAt(extremes.lowAt, slope.atLow);
  addAt(extremes.highAt, slope.atHigh);
}

EXPORT_KERNELS(Affine)
EXPORT_KERNELS(NormalizeForward)
EXPORT_KERNELS(NormalizeBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
