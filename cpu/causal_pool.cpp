// Floor: memory; every element of both sides is touched once. A task is a run of whole rows of the
// written side; columns go in vectors, the tokens of a window are added one after another.
#include "ops/causal_pool.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPoolGrain = 16384;  // elements of the larger side in a task, about

// Tokens that one window takes or is held by, at most; `scale` alone may be beyond the sequence.
template <class Operation>
int64_t windowTokens(const Operation& op) {
  return op.scale < op.time ? op.scale : op.time;
}

// Calls body(row) for all rows, in tasks that touch about kPoolGrain elements.
template <class Body>
void forRows(Context& context, int64_t rows, int64_t elementsPerRow, const Body& body) {
  const int64_t grain = elementsPerRow < kPoolGrain ? kPoolGrain / elementsPerRow : 1;
  context.forRange(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

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

template <class Real>
void zeroRow(Real* output, int64_t width) {
  memset(static_cast<void*>(output), 0, size_t(width) * sizeof(Real));
}

}  // namespace

template <class Real>
void run(const CausalPoolForward<Real>& op, Context& context) {
  const int64_t windows = windowCount(op.time, op.scale);
  const auto factor = Compute<Real>(1) / Compute<Real>(op.scale);
  forRows(context, op.batch * windows, windowTokens(op) * op.width, [&](int64_t row) {
    const int64_t batch = row / windows, window = row % windows;
    sumRows(op.input.data + (batch * op.time + window * op.scale) * op.width, op.scale, op.width,
            factor, op.output.data + row * op.width);
  });
}

template <class Real>
void run(const CausalPoolBackward<Real>& op, Context& context) {
  const int64_t windows = windowCount(op.time, op.scale);
  const auto factor = Compute<Real>(1) / Compute<Real>(op.scale);
  forRows(context, op.batch * op.time, op.width, [&](int64_t row) {
    const int64_t batch = row / op.time, window = row % op.time / op.scale;
    Real* const gradInput = op.gradInput.data + row * op.width;
    if (window < windows) {
      scaleRow(op.gradOutput.data + (batch * windows + window) * op.width, op.width, factor,
               gradInput);
    } else {
      zeroRow(gradInput, op.width);
    }
  });
}

template <class Real>
void run(const CausalHoldForward<Real>& op, Context& context) {
  const int64_t windows = windowCount(op.time, op.scale);
  forRows(context, op.batch * op.time, op.width, [&](int64_t row) {
    const int64_t batch = row / op.time, window = heldWindow(row % op.time, op.scale);
    Real* const output = op.output.data + row * op.width;
    if (window >= 0) {
      scaleRow(op.input.data + (batch * windows + window) * op.width, op.width, Compute<Real>(1),
               output);
    } else {
      zeroRow(output, op.width);
    }
  });
}

template <class Real>
void run(const CausalHoldBackward<Real>& op, Context& context) {
  const int64_t windows = windowCount(op.time, op.scale);
  forRows(context, op.batch * windows, windowTokens(op) * op.width, [&](int64_t row) {
    const int64_t batch = row / windows, first = firstHolder(row % windows, op.scale);
    const int64_t holders = op.time - first < op.scale ? op.time - first : op.scale;
    sumRows(op.gradOutput.data + (batch * op.time + first) * op.width, holders, op.width,
            Compute<Real>(1), op.gradInput.data + row * op.width);
  });
}

EXPORT_KERNELS(CausalPoolForward)
EXPORT_KERNELS(CausalPoolBackward)
EXPORT_KERNELS(CausalHoldForward)
EXPORT_KERNELS(CausalHoldBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
