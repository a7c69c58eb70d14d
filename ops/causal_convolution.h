// Depthwise causal convolution over time: every channel has its own few weights,
//   y[t, c] = b_c + Σ_n w[c, n] x[t − (taps − 1) + n, c],
// where x before t = 0 is `history`, or 0 without one.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct CausalConvolutionForward {
  static constexpr const char* name = "causalConvolutionForward";
  using Types = FloatTypes;
  View<const Real> input;    // (batch, time, channels)
  View<const Real> weight;   // (channels, taps)
  View<const Real> bias;     // (channels)
  View<const Real> history;  // (batch, taps − 1, channels), optional
  View<Real> output;         // (batch, time, channels), written
  int64_t batch, time, channels, taps;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("weight", weight);
    visit("bias", bias);
    visit.optional("history", history);
    visit("output", output);
    visit("batch", batch);
    visit("time", time);
    visit("channels", channels);
    visit("taps", taps);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("batch", batch, 0);
    check.atLeast("time", time, 0);
    check.atLeast("channels", channels, 1);
    check.atLeast("taps", taps, 1);
    const Size batchSize = {"batch", batch}, timeSize = {"time", time};
    const Size channelSize = {"channels", channels}, tapSize = {"taps", taps};
    check.shape("input", input, {batchSize, timeSize, channelSize});
    check.shape("weight", weight, {channelSize, tapSize});
    check.shape("bias", bias, {channelSize});
    if (history) check.shape("history", history, {batchSize, {"taps - 1", taps - 1}, channelSize});
    check.shape("output", output, {batchSize, timeSize, channelSize});
  }
};

//   dL/dx[t, c] = Σ_n w[c, n] dL/dy[t + (taps − 1) − n, c]
//   dL/dw[c, n] = Σ_t dL/dy[t, c] x[t − (taps − 1) + n, c],   dL/db_c = Σ_t dL/dy[t, c]
// Without history: a carried history belongs to generation, which has no gradients.
template <class Real>
struct CausalConvolutionBackward {
  static constexpr const char* name = "causalConvolutionBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;     // (batch, time, channels)
  View<const Real> input;          // (batch, time, channels)
  View<const Real> weight;         // (channels, taps)
  View<Real> gradInput;            // (batch, time, channels), written
  View<Compute<Real>> gradWeight;  // (channels, taps), written
  View<Compute<Real>> gradBias;    // (channels), written
  int64_t batch, time, channels, taps;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("input", input);
    visit("weight", weight);
    visit("gradInput", gradInput);
    visit("gradWeight", gradWeight);
    visit("gradBias", gradBias);
    visit("batch", batch);
    visit("time", time);
    visit("channels", channels);
    visit("taps", taps);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("batch", batch, 0);
    check.atLeast("time", time, 0);
    check.atLeast("channels", channels, 1);
    check.atLeast("taps", taps, 1);
    const Size batchSize = {"batch", batch}, timeSize = {"time", time};
    const Size channelSize = {"channels", channels}, tapSize = {"taps", taps};
    check.shape("gradOutput", gradOutput, {batchSize, timeSize, channelSize});
    check.shape("input", input, {batchSize, timeSize, channelSize});
    check.shape("weight", weight, {channelSize, tapSize});
    check.shape("gradInput", gradInput, {batchSize, timeSize, channelSize});
    check.shape("gradWeight", gradWeight, {channelSize, tapSize});
    check.shape("gradBias", gradBias, {channelSize});
  }
};

// Steps of one sequence whose sums one task forms: the order of summation, whatever runs it.
constexpr int64_t kConvolutionChunk = 256;

}  // namespace entrain::inline ENTRAIN_ISA
