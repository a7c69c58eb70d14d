// Floor: memory; every element of both sides is touched once. A task is a run of whole rows of the
// written side; columns go in vectors, the tokens of a window are added one after another.
#include "ops/causal_pool.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPoolGrain = 16384;  // elements of the larger side in a task, about

constexpr int64_t kSumColumns = 1024;  // sums held in L1 while whole rows stream past

// to[c] = function(from[c]...)
template <class To, class... From, class Function>
HOST_DEVICE void mapRow(To* to, int64_t count, const Function& function, const From*... from) {
  constexpr int64_t kLanes = Vector<Compute<To>>::kLanes;
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) store(to + c, function(load(from + c)...));
  for (; c < count; ++c) to[c] = narrow<To>(function(widen(from[c])...));
}

// output[c] = factor input[c]
template <class Real>
void scaleRow(const Real* input, int64_t width, Compute<Real> factor, Real* output) {
  mapRow(
      output, width, [=](auto x) { return factor * x; }, input);
}

// output[c] = factor sum over `rows` rows of input (rows, width), read in the order of memory:
// taking a few columns down all rows reaches half of the bandwidth.
template <class Real>
void sumRows(const Real* input, int64_t rows, int64_t width, Compute<Real> factor, Real* output) {
  if (rows == 1) return scaleRow(input, width, factor, output);
  Compute<Real> sums[kSumColumns];
  const auto add = [](auto sum, auto x) { return sum + x; };
  for (int64_t c = 0; c < width; c += kSumColumns) {
    const int64_t count = width - c < kSumColumns ? width - c : kSumColumns;
    const Real* const from = input + c;
    mapRow(
        sums, count, [](auto x) { return x; }, from);
    for (int64_t row = 1; row + 1 < rows; ++row) {
      mapRow(sums, count, add, sums, from + row * width);
    }
    mapRow(
        output + c, count, [=](auto sum, auto x) { return factor * (sum + x); }, sums,
        from + (rows - 1) * width);
  }
}

// Writes all rows of `to`, each from its rows of `from`.
template <class Operation, class Real>
void writeRows(const Operation& op, View<const Real> from, View<Real> to, Context& context) {
  const int64_t rows = to.length / op.width;
  if (rows == 0) return;
  const int64_t larger = from.length > to.length ? from.length : to.length;
  const int64_t elementsPerRow = larger / rows;
  const int64_t grain = elementsPerRow < kPoolGrain ? kPoolGrain / elementsPerRow : 1;
  context.forRange(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const SourceRows source = sourceRows(op, row);
      Real* const output = to.data + row * op.width;
      if (source.count > 0) {
        sumRows(from.data + source.first * op.width, source.count, op.width, sourceFactor(op),
                output);
      } else {
        memset(static_cast<void*>(output), 0, size_t(op.width) * sizeof(Real));
      }
    }
  });
}

}  // namespace

template <class Real>
void run(const CausalPoolForward<Real>& op, Context& context) {
  writeRows(op, op.input, op.output, context);
}

template <class Real>
void run(const CausalPoolBackward<Real>& op, Context& context) {
  writeRows(op, op.gradOutput, op.gradInput, context);
}

template <class Real>
void run(const CausalHoldForward<Real>& op, Context& context) {
  writeRows(op, op.input, op.output, context);
}

template <class Real>
void run(const CausalHoldBackward<Real>& op, Context& context) {
  writeRows(op, op.gradOutput, op.gradInput, context);
}

EXPORT_KERNELS(CausalPoolForward)
EXPORT_KERNELS(CausalPoolBackward)
EXPORT_KERNELS(CausalHoldForward)
EXPORT_KERNELS(CausalHoldBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
