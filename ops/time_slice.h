// A stretch of time of a batch of sequences: output_bt = input_b,(begin + t), 0 <= t < count.
// Adjoint: gradInput is gradOutput inside the stretch and 0 outside.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct TimeSliceForward {
  static constexpr const char* name = "timeSliceForward";
  using Types = FloatTypes;
  View<const Real> input;  // (batch, time, width)
  View<Real> output;       // (batch, count, width), written
  int64_t batch = 0, time = 0, width = 0;
  int64_t begin = 0, count = 0;  // steps

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
    visit("begin", begin);
    visit("count", count);
  }
  void validate() const {
    const Check check(name);
    check.shape("input", input, {{"batch", batch}, {"time", time}, {"width", width}});
    check.atLeast("begin", begin, 0);
    check.shape("output", output, {{"batch", batch}, {"count", count}, {"width", width}});
    check.rule(count <= time - begin, "count", "at most time - begin", double(count));
  }
};

template <class Real>
struct TimeSliceBackward {
  static constexpr const char* name = "timeSliceBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;  // (batch, count, width)
  View<Real> gradInput;         // (batch, time, width), written
  int64_t batch = 0, time = 0, width = 0;
  int64_t begin = 0, count = 0;  // steps

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("gradInput", gradInput);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
    visit("begin", begin);
    visit("count", count);
  }
  void validate() const {
    const Check check(name);
    check.shape("gradInput", gradInput, {{"batch", batch}, {"time", time}, {"width", width}});
    check.atLeast("begin", begin, 0);
    check.shape("gradOutput", gradOutput, {{"batch", batch}, {"count", count}, {"width", width}});
    check.rule(count <= time - begin, "count", "at most time - begin", double(count));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
