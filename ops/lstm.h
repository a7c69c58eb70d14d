// One layer of a long short-term memory (Hochreiter & Schmidhuber 1997,
// doi:10.1162/neco.1997.9.8.1735), all steps in one call. With a_t = W_x x_t + b + W_h h_{t−1} in
// four blocks of H rows (input, forget, cell, output):
//   i, f, o = σ(a_i), σ(a_f), σ(a_o),  g = tanh(a_g),  c_t = f c_{t−1} + i g,  h_t = o tanh(c_t).
// W_x x_t + b of all steps is one matrix product before; what stays here is the recurrence.
#pragma once

#include "ops/exponential.h"
#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct LstmGates {
  Real input, forget, cell, output;  // before or after their nonlinearities
};
template <class Real>
struct LstmCell {
  Real cell, hidden;
};

template <class Real>
HOST_DEVICE LstmGates<Real> lstmActivations(LstmGates<Real> a) {
  return {sigmoid(a.input), sigmoid(a.forget), hyperbolicTangent(a.cell), sigmoid(a.output)};
}
template <class Real>
HOST_DEVICE LstmCell<Real> lstmCell(LstmGates<Real> activations, Real cellBefore) {
  const Real cell = fma(activations.forget, cellBefore, activations.input * activations.cell);
  return {cell, activations.output * hyperbolicTangent(cell)};
}

// gradGates: ∂L/∂a; gradCellBefore: what flows to c_{t−1}.
template <class Real>
struct LstmCellGradient {
  LstmGates<Real> gradGates;
  Real gradCellBefore;
};
template <class Real>
HOST_DEVICE LstmCellGradient<Real> lstmCellGradient(LstmGates<Real> y, Real cell, Real cellBefore,
                                                    Real gradHidden, Real gradCell) {
  const Real one = Real(Lane<Real>(1));
  const Real squashed = hyperbolicTangent(cell);
  const Real whole = fma(gradHidden * y.output, fma(-squashed, squashed, one), gradCell);
  return {{whole * y.cell * (y.input * (one - y.input)),
           whole * cellBefore * (y.forget * (one - y.forget)),
           whole * y.input * fma(-y.cell, y.cell, one),
           gradHidden * squashed * (y.output * (one - y.output))},
          whole * y.forget};
}

template <class Real>
struct LstmForward {
  static constexpr const char* name = "lstmForward";
  using Types = FullFloatTypes;
  View<const Real> inputGates;     // (B, T, 4H): W_x x + b
  View<const Real> weight;         // (4H, H): W_h
  View<const Real> initialHidden;  // (B, H), optional: absent, zeros
  View<const Real> initialCell;    // (B, H), optional
  View<Real> activations;          // (B, T, 4H), written: i, f, g, o
  View<Real> hidden;               // (B, T, H), written
  View<Real> cell;                 // (B, T, H), written
  int64_t batch, time, width;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("inputGates", inputGates);
    visit("weight", weight);
    visit.optional("initialHidden", initialHidden);
    visit.optional("initialCell", initialCell);
    visit("activations", activations);
    visit("hidden", hidden);
    visit("cell", cell);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("batch", batch, 1);
    check.atLeast("time", time, 1);
    check.atLeast("width", width, 1);
    const Size b = {"batch", batch}, t = {"time", time}, h = {"width", width}, four = {"four", 4};
    check.shape("inputGates", inputGates, {b, t, four, h});
    check.shape("weight", weight, {four, h, h});
    if (initialHidden) check.shape("initialHidden", initialHidden, {b, h});
    if (initialCell) check.shape("initialCell", initialCell, {b, h});
    check.shape("activations", activations, {b, t, four, h});
    check.shape("hidden", hidden, {b, t, h});
    check.shape("cell", cell, {b, t, h});
  }
};

// ∂L/∂W_h = Σ_{b,t} ∂L/∂a_t h_{t−1}ᵀ
template <class Real>
struct LstmBackward {
  static constexpr const char* name = "lstmBackward";
  using Types = FullFloatTypes;
  View<const Real> weight;         // (4H, H)
  View<const Real> gradHidden;     // (B, T, H), optional
  View<const Real> gradCell;       // (B, T, H), optional
  View<const Real> activations;    // (B, T, 4H)
  View<const Real> hidden;         // (B, T, H)
  View<const Real> cell;           // (B, T, H)
  View<const Real> initialHidden;  // (B, H), optional
  View<const Real> initialCell;    // (B, H), optional
  View<Real> gradInputGates;       // (B, T, 4H), written
  View<Real> gradWeight;           // (4H, H), written
  View<Real> gradInitialHidden;    // (B, H), optional
  View<Real> gradInitialCell;      // (B, H), optional
  int64_t batch, time, width;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("weight", weight);
    visit.optional("gradHidden", gradHidden);
    visit.optional("gradCell", gradCell);
    visit("activations", activations);
    visit("hidden", hidden);
    visit("cell", cell);
    visit.optional("initialHidden", initialHidden);
    visit.optional("initialCell", initialCell);
    visit("gradInputGates", gradInputGates);
    visit("gradWeight", gradWeight);
    visit.optional("gradInitialHidden", gradInitialHidden);
    visit.optional("gradInitialCell", gradInitialCell);
    visit("batch", batch);
    visit("time", time);
    visit("width", width);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("batch", batch, 1);
    check.atLeast("time", time, 1);
    check.atLeast("width", width, 1);
    const Size b = {"batch", batch}, t = {"time", time}, h = {"width", width}, four = {"four", 4};
    if (gradHidden) check.shape("gradHidden", gradHidden, {b, t, h});
    if (gradCell) check.shape("gradCell", gradCell, {b, t, h});
    check.shape("weight", weight, {four, h, h});
    check.shape("activations", activations, {b, t, four, h});
    check.shape("hidden", hidden, {b, t, h});
    check.shape("cell", cell, {b, t, h});
    if (initialHidden) check.shape("initialHidden", initialHidden, {b, h});
    if (initialCell) check.shape("initialCell", initialCell, {b, h});
    check.shape("gradInputGates", gradInputGates, {b, t, four, h});
    check.shape("gradWeight", gradWeight, {four, h, h});
    if (gradInitialHidden) check.shape("gradInitialHidden", gradInitialHidden, {b, h});
    if (gradInitialCell) check.shape("gradInitialCell", gradInitialCell, {b, h});
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
