// A thread moves 16 bytes where rows, stretch and addresses are multiples of them, else one
// element. Floor: memory, the stretch read and the output written once. Not measured on a GPU yet.
#include "ops/time_slice.h"

#include "cuda/pack.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct TimeSliceTuning {
  static constexpr int threads = 256;  // not measured
};

// Sizes in units of what a thread moves.
struct Stretch {
  int64_t rowLength, begin, length, total;
};

template <class Unit>
__global__ void __launch_bounds__(TimeSliceTuning::threads)
    timeSliceForwardKernel(const Unit* input, Unit* output, Stretch stretch) {
  const int64_t i = globalThread();
  if (i >= stretch.total) return;
  const int64_t row = i / stretch.length, offset = i % stretch.length;
  output[i] = input[row * stretch.rowLength + stretch.begin + offset];
}

template <class Unit>
__global__ void __launch_bounds__(TimeSliceTuning::threads)
    timeSliceBackwardKernel(const Unit* gradOutput, Unit* gradInput, Stretch stretch) {
  const int64_t i = globalThread();
  if (i >= stretch.total) return;
  const int64_t row = i / stretch.rowLength, offset = i % stretch.rowLength - stretch.begin;
  const bool inside = offset >= 0 && offset < stretch.length;
  gradInput[i] = inside ? gradOutput[row * stretch.length + offset] : Unit{};
}

// Calls body of the unit's length and of the sizes in it, `total` elements being written.
template <class Real, class Operation, class Body>
void withUnits(const Operation& op, const Real* from, const Real* to, int64_t total,
               const Body& body) {
  const int64_t rowLength = op.time * op.width, begin = op.begin * op.width;
  const int64_t length = op.count * op.width;
  constexpr int64_t kPacked = kPackLength<Real>;
  const bool whole = rowLength % kPacked == 0 && begin % kPacked == 0 && length % kPacked == 0;
  withPackLength<Real>(whole && areAligned(from, to), [&](auto unit) {
    constexpr int64_t kUnit = decltype(unit)::value;
    body(unit, Stretch{rowLength / kUnit, begin / kUnit, length / kUnit, total / kUnit});
  });
}

dim3 blocksOf(const Stretch& stretch) {
  return dim3(unsigned(ceilDivide(stretch.total, TimeSliceTuning::threads)));
}

}  // namespace

template <class Real>
void run(const TimeSliceForward<Real>& op, Context& context) {
  withUnits(op, op.input.data, op.output.data, op.output.length, [&](auto unit, Stretch stretch) {
    using Unit = Pack<Real, decltype(unit)::value>;
    launch(timeSliceForwardKernel<Unit>, blocksOf(stretch), dim3(TimeSliceTuning::threads), 0,
           context, reinterpret_cast<const Unit*>(op.input.data),
           reinterpret_cast<Unit*>(op.output.data), stretch);
  });
}

template <class Real>
void run(const TimeSliceBackward<Real>& op, Context& context) {
  withUnits(op, op.gradOutput.data, op.gradInput.data, op.gradInput.length,
            [&](auto unit, Stretch stretch) {
              using Unit = Pack<Real, decltype(unit)::value>;
              launch(timeSliceBackwardKernel<Unit>, blocksOf(stretch),
                     dim3(TimeSliceTuning::threads), 0, context,
                     reinterpret_cast<const Unit*>(op.gradOutput.data),
                     reinterpret_cast<Unit*>(op.gradInput.data), stretch);
            });
}

EXPORT_KERNELS(TimeSliceForward)
EXPORT_KERNELS(TimeSliceBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
