// The global norm of all gradients, ‖g‖ = (Σ_n Σ_i g_ni²)^(1/2), and clipping by it: gradients are
// multiplied by min(1, maxNorm / (‖g‖ + 1e-6)). Pascanu et al. 2013, arXiv:1211.5063. The norm
// stays on the device, where the optimiser reads it, so a training step never waits for it.
//
// Each tensor's part goes to a slot of one small buffer: one operation for each tensor and one for
// all. On a GPU a tensor of few elements is one launch of one block, about 2 µs of stream time; a
// table of all tensors in one launch would save that for all but one of them (100 tensors: 0.2 ms
// a step here and the same again in the optimiser), at the price of a table that must be rebuilt
// whenever a gradient's memory moves.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// Squares are summed in double: a float's square would overflow from 1.8e19 on.
template <class Real>
HOST_DEVICE Real squareOf(Real x) {
  return x * x;
}

// The factor of clipping. Without a bound (maxNorm 0) it is 1; a norm that is not a number makes
// every parameter one too, as an unclipped step would.
HOST_DEVICE double clippingScale(double norm, double maxNorm) {
  if (maxNorm <= 0) return 1;
  const double scale = maxNorm / (norm + 1e-6);
  return scale > 1 ? 1 : scale;
}

// partial_slot = Σ_i gradient_i²
template <class Real>
struct GradientNormPart {
  static constexpr const char* name = "gradientNormPart";
  using Types = FullFloatTypes;
  View<const Real> gradient;  // (length)
  View<double> partial;       // (slots), one element written
  int64_t slot = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradient", gradient);
    visit("partial", partial);
    visit("slot", slot);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("slot", slot, 0);
    check.rule(slot < partial.length, "slot", "less than the length of partial", double(slot));
  }
};

// norm = (Σ_n partial_n)^(1/2)
template <class Real>
struct GradientNorm {
  static constexpr const char* name = "gradientNorm";
  using Types = TypeList<double>;
  View<const double> partial;  // (slots)
  View<double> norm;           // (1), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("partial", partial);
    visit("norm", norm);
  }
  void validate() const { Check(name).shape("norm", norm, {{"one", 1}}); }
};

}  // namespace entrain::inline ENTRAIN_ISA
