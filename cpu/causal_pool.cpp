// Floor: memory; every element of both sides is touched once. A task is a run of whole rows of the
// written side; columns go in vectors, the tokens of a window are added one after another.
#include "ops/causal_pool.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPoolGrain = 16384;  // elements of the larger side in a task, about

// Calls body(row) for all rows, in tasks that touch about kPoolGrain elements.
template <class Body>
void forRows(Context& context, int64_t rows, int64_t elementsPerRow, const Body& body) {
  const int64_t grain = elementsPerRow < kPoolGrain ? kPoolGrain / elementsPerRow : 1;
  context.forRange(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

// output[c] = factor sum over `rows` rows of input (rows, width)
template <class Real>
void sumRows(const Real* input, int64_t rows, int64_t width, Compute<Real> factor, Real* output) {
  using Lanes = Vector<Compute<Real>>;
  constexpr int64_t kLanes = Lanes::kLanes;
  int64_t column = 0;
  for (; column + kLanes <= width; column += kLanes) {
    Lanes sum = load(input + column);
    for (int64_t row = 1; row < rows; ++row) sum += load(input + row * width + column);
    store(output + column, factor * sum);
  }
  for (; column < width; ++column) {
    Compute<Real> sum = widen(input[column]);
    for (int64_t row = 1; row < rows; ++row) sum += widen(input[row * width + column]);
    output[column] = narrow<Real>(factor * sum);
  }
}

// output[c] = factor input[c]
template <class Real>
void scaleRow(const Real* input, int64_t width, Compute<Real> factor, Real* output) {
  sumRows(input, 1, width, factor, output);
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
  forRows(context, op.batch * windows, op.scale * op.width, [&](int64_t row) {
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
  forRows(context, op.batch * windows, op.scale * op.width, [&](int64_t row) {
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
