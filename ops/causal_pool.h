// Causal pooling of a sequence and its way back to tokens, for eigenstates at several time scales:
//   pool: y_w = 1/s sum over i < s of x_(w s + i), of the windows that are finished (a rest of
//         fewer than s tokens is dropped);
//   hold: y_t = x_w with w = floor((t + 1) / s) - 1, and 0 while there is no finished window.
// A window that ends with token t counts as finished at t; s = 1 is the identity.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// Finished windows of a sequence.
HOST_DEVICE int64_t windowCount(int64_t time, int64_t scale) {
  return time / scale;
}
// The last window finished at token t; -1 while there is none.
HOST_DEVICE int64_t heldWindow(int64_t t, int64_t scale) {
  return (t + 1) / scale - 1;
}
// The first token that holds a window; the next `scale` tokens do, as far as the sequence reaches.
HOST_DEVICE int64_t firstHolder(int64_t window, int64_t scale) {
  return (window + 1) * scale - 1;
}

template <class Real>
struct CausalPoolForward {
  static constexpr const char* name = "causalPoolForward";
  using Types = FloatTypes;
  View<const Real> input;  // (batch, time, width)
  View<Real> output;       // (batch, floor(time / scale), width), written; may be empty
  int64_t batch, time, width;
  int64_t scale;  // s, tokens

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
    visit("scale", scale);
  }
  void validate() const;
};

// dL/dx_t = 1/s dL/dy_floor(t / s), and 0 in the dropped rest.
template <class Real>
struct CausalPoolBackward {
  static constexpr const char* name = "causalPoolBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;  // (batch, floor(time / scale), width)
  View<Real> gradInput;         // (batch, time, width), written
  int64_t batch, time, width;
  int64_t scale;  // tokens

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("gradInput", gradInput);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
    visit("scale", scale);
  }
  void validate() const;
};

template <class Real>
struct CausalHoldForward {
  static constexpr const char* name = "causalHoldForward";
  using Types = FloatTypes;
  View<const Real> input;  // (batch, floor(time / scale), width); may be empty
  View<Real> output;       // (batch, time, width), written
  int64_t batch, time, width;
  int64_t scale;  // s, tokens

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
    visit("scale", scale);
  }
  void validate() const;
};

// dL/dx_w = sum of dL/dy_t over the tokens that hold window w, in their order.
template <class Real>
struct CausalHoldBackward {
  static constexpr const char* name = "causalHoldBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;  // (batch, time, width)
  View<Real> gradInput;         // (batch, floor(time / scale), width), written
  int64_t batch, time, width;
  int64_t scale;  // tokens

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("gradInput", gradInput);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
    visit("scale", scale);
  }
  void validate() const;
};

// ---- validation ----

// `tokens` is the side of (batch, time, width), `windows` that of (batch, time / scale, width).
template <class Operation, class Tokens, class Windows>
void validateCausalPool(const Operation& op, const char* tokensName, const Tokens& tokens,
                        const char* windowsName, const Windows& windows) {
  const Check check(Operation::name);
  check.atLeast("batch", op.batch, 1);
  check.atLeast("time", op.time, 1);
  check.atLeast("width", op.width, 1);
  check.atLeast("scale", op.scale, 1);
  const Size batch = {"batch", op.batch}, width = {"width", op.width};
  check.shape(tokensName, tokens, {batch, {"time", op.time}, width});
  check.shape(windowsName, windows, {batch, {"windows", windowCount(op.time, op.scale)}, width});
}

template <class Real>
void CausalPoolForward<Real>::validate() const {
  validateCausalPool(*this, "input", input, "output", output);
}
template <class Real>
void CausalPoolBackward<Real>::validate() const {
  validateCausalPool(*this, "gradInput", gradInput, "gradOutput", gradOutput);
}
template <class Real>
void CausalHoldForward<Real>::validate() const {
  validateCausalPool(*this, "output", output, "input", input);
}
template <class Real>
void CausalHoldBackward<Real>::validate() const {
  validateCausalPool(*this, "gradOutput", gradOutput, "gradInput", gradInput);
}

}  // namespace entrain::inline ENTRAIN_ISA
