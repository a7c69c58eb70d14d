// Each sequence's stretch is contiguous, so both directions are copies of long runs, split into
// pieces of equal length over the threads. Floor: memory traffic, the stretch read and the output
// written once.
#include "ops/time_slice.h"

#include "cpu/kernel.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kGrain = 16384;  // elements

// Calls body(row, from, to) for the parts of [begin, end) that lie in one row of `length` each;
// from and to count within the row.
template <class Body>
HOST_DEVICE void forRows(int64_t begin, int64_t end, int64_t length, const Body& body) {
  for (int64_t row = begin / length; begin < end; ++row) {
    const int64_t start = row * length;
    const int64_t stop = end < start + length ? end : start + length;
    body(row, begin - start, stop - start);
    begin = stop;
  }
}

HOST_DEVICE int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

template <class Real>
HOST_DEVICE void copy(Real* to, const Real* from, int64_t count) {
  memcpy(to, from, size_t(count) * sizeof(Real));
}

}  // namespace

template <class Real>
void run(const TimeSliceForward<Real>& op, Context& context) {
  const int64_t length = op.count * op.width;
  context.forRange(op.output.length, kGrain, [&](int64_t begin, int64_t end) {
    forRows(begin, end, length, [&](int64_t row, int64_t from, int64_t to) {
      const Real* stretch = op.input.data + (row * op.time + op.begin) * op.width;
      copy(op.output.data + row * length + from, stretch + from, to - from);
    });
  });
}

template <class Real>
void run(const TimeSliceBackward<Real>& op, Context& context) {
  const int64_t length = op.time * op.width;
  const int64_t first = op.begin * op.width;
  const int64_t last = first + op.count * op.width;
  context.forRange(op.gradInput.length, kGrain, [&](int64_t begin, int64_t end) {
    forRows(begin, end, length, [&](int64_t row, int64_t from, int64_t to) {
      Real* gradRow = op.gradInput.data + row * length;
      // The part of [from, to) inside the stretch; empty where they do not meet.
      const int64_t enter = clamp(first, from, to), leave = clamp(last, from, to);
      memset(gradRow + from, 0, size_t(enter - from) * sizeof(Real));
      copy(gradRow + enter, op.gradOutput.data + row * (last - first) + (enter - first),
           leave - enter);
      memset(gradRow + leave, 0, size_t(to - leave) * sizeof(Real));
    });
  });
}

EXPORT_KERNELS(TimeSliceForward)
EXPORT_KERNELS(TimeSliceBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
