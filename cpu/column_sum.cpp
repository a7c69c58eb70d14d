// A narrow matrix is read as one of fewer and wider rows (`fold` rows side by side), which makes
// every row at least a few vectors long. Tasks are blocks of rows times strips of columns; a
// strip's sums stay in the first-level cache. Floor: reading the input once; measured at 20-35 GB/s
// on two cores of a Zen 4 (an addition in place reaches 34), 90-110 GB/s out of the last-level
// cache.
#include "ops/column_sum.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kStrip = 1024;           // columns of a task
constexpr int64_t kBlockElements = 65536;  // of a task
constexpr int64_t kTogether = 4;           // rows added in one pass over the sums

// sums[c] += (row 0 + row 1) + (row 2 + row 3) at c, for the columns [0, count).
template <class Real>
HOST_DEVICE void addRows(Compute<Real>* sums, const Real* rows, int64_t stride, int64_t count) {
  constexpr int64_t kLanes = Vector<Compute<Real>>::kLanes;
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) {
    const Real* from = rows + c;
    const auto low = load(from) + load(from + stride);
    const auto high = load(from + 2 * stride) + load(from + 3 * stride);
    store(sums + c, load(sums + c) + (low + high));
  }
  for (; c < count; ++c) {
    const Real* from = rows + c;
    const auto low = widen(from[0]) + widen(from[stride]);
    const auto high = widen(from[2 * stride]) + widen(from[3 * stride]);
    sums[c] += low + high;
  }
}

template <class Real>
HOST_DEVICE void addRow(Compute<Real>* sums, const Real* row, int64_t count) {
  constexpr int64_t kLanes = Vector<Compute<Real>>::kLanes;
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) store(sums + c, load(sums + c) + load(row + c));
  for (; c < count; ++c) sums[c] += widen(row[c]);
}

}  // namespace

template <class Real>
void run(const ColumnSum<Real>& op, Context& context) {
  using Total = Compute<Real>;
  if (op.columns == 0) return;
  const FoldedMatrix matrix(op.rows, op.columns);
  const int64_t strip = matrix.width < kStrip ? matrix.width : kStrip;
  const int64_t strips = (matrix.width + strip - 1) / strip;
  const int64_t blockRows = kBlockElements / strip;
  const int64_t blocks = (matrix.rows + blockRows - 1) / blockRows;
  Total* partial = context.workspace<Total>(blocks * matrix.width);

  context.forEach(blocks * strips, [&](int64_t task) {
    const int64_t block = task / strips, begin = task % strips * strip;
    const int64_t count = begin + strip < matrix.width ? strip : matrix.width - begin;
    Total* sums = partial + block * matrix.width + begin;
    for (int64_t c = 0; c < count; ++c) sums[c] = 0;
    const int64_t first = block * blockRows;
    const int64_t end = first + blockRows < matrix.rows ? first + blockRows : matrix.rows;
    const int64_t whole = end * matrix.width > matrix.elements ? end - 1 : end;
    const Real* from = op.input.data + begin;
    int64_t row = first;
    for (; row + kTogether <= whole; row += kTogether) {
      addRows(sums, from + row * matrix.width, matrix.width, count);
    }
    for (; row < whole; ++row) addRow(sums, from + row * matrix.width, count);
    if (row < end) {
      const int64_t left = matrix.elements - row * matrix.width - begin;
      addRow(sums, from + row * matrix.width, left < count ? left : count);
    }
  });

  context.forRange(op.columns, kStrip, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) op.output[c] = 0;
    for (int64_t group = 0; group < blocks * matrix.fold; ++group) {
      const Total* from = partial + group * op.columns;
      for (int64_t c = begin; c < end; ++c) op.output[c] += from[c];
    }
  });
}

EXPORT_KERNELS(ColumnSum)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
