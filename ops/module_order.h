// The order parameter of each module m of every row of N phases,
//   R_m e^(iψ_m) = (1/|m|) Σ_{j in m} e^(iθ_j),
// with the gradients of ops/order_parameter.h. Members are listed module by module; what is in
// range is the caller's duty (lib/operations/module-order.ts).
#pragma once

#include "ops/order_parameter.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct ModuleOrderForward {
  static constexpr const char* name = "moduleOrderForward";
  using Types = FullFloatTypes;
  View<const Real> phases;     // (rows, N), rad
  View<const int32_t> start;   // (modules + 1): where each begins in `member`, and the last end
  View<const int32_t> member;  // (N): oscillators, module by module
  View<Real> coherence;        // (rows, modules), written: R; 0 of a module without members
  View<Real> meanPhase;        // (rows, modules), written: ψ in [0, 2π)
  int64_t rows, oscillators, modules;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("start", start);
    visit("member", member);
    visit("coherence", coherence);
    visit("meanPhase", meanPhase);
    visit("rows", rows);
    visit("oscillators", oscillators);
    visit("modules", modules);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("oscillators", oscillators, 1);
    check.atLeast("modules", modules, 1);
    const Size row = {"rows", rows}, n = {"oscillators", oscillators}, m = {"modules", modules};
    check.shape("phases", phases, {row, n});
    check.shape("start", start, {{"modules + 1", modules + 1}});
    check.shape("member", member, {n});
    check.shape("coherence", coherence, {row, m});
    check.shape("meanPhase", meanPhase, {row, m});
  }
  HOST_DEVICE int64_t members(int64_t module) const {
    return int64_t(start[module + 1]) - int64_t(start[module]);
  }
  // Writes what the sum of a module's points gives.
  HOST_DEVICE void finish(int64_t row, int64_t module, Circle<double> sum) const {
    const double count = members(module) > 0 ? double(members(module)) : 1;
    const Circle<double> mean = {sum.sine / count, sum.cosine / count};
    coherence[row * modules + module] = Real(coherenceOf(mean));
    meanPhase[row * modules + module] = meanPhaseOf<Real>(mean);
  }
};

template <class Real>
struct ModuleOrderBackward {
  static constexpr const char* name = "moduleOrderBackward";
  using Types = FullFloatTypes;
  View<const Real> phases;         // (rows, N)
  View<const int32_t> start;       // (modules + 1)
  View<const int32_t> module;      // (N): the module of each oscillator
  View<const Real> coherence;      // (rows, modules)
  View<const Real> meanPhase;      // (rows, modules)
  View<const Real> gradCoherence;  // (rows, modules), optional
  View<const Real> gradMeanPhase;  // (rows, modules), optional
  View<Real> gradPhases;           // (rows, N), written
  int64_t rows, oscillators, modules;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("phases", phases);
    visit("start", start);
    visit("module", module);
    visit("coherence", coherence);
    visit("meanPhase", meanPhase);
    visit.optional("gradCoherence", gradCoherence);
    visit.optional("gradMeanPhase", gradMeanPhase);
    visit("gradPhases", gradPhases);
    visit("rows", rows);
    visit("oscillators", oscillators);
    visit("modules", modules);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("rows", rows, 0);
    check.atLeast("oscillators", oscillators, 1);
    check.atLeast("modules", modules, 1);
    const Size row = {"rows", rows}, n = {"oscillators", oscillators}, m = {"modules", modules};
    check.shape("phases", phases, {row, n});
    check.shape("start", start, {{"modules + 1", modules + 1}});
    check.shape("module", module, {n});
    check.shape("coherence", coherence, {row, m});
    check.shape("meanPhase", meanPhase, {row, m});
    if (gradCoherence) check.shape("gradCoherence", gradCoherence, {row, m});
    if (gradMeanPhase) check.shape("gradMeanPhase", gradMeanPhase, {row, m});
    check.shape("gradPhases", gradPhases, {row, n});
  }
  // What the gradients of a module in a row give to each of its members; `i` = row modules +
  // module.
  HOST_DEVICE Circle<Real> gradMean(int64_t i) const {
    const int64_t at = i % modules;
    const int64_t count = int64_t(start[at + 1]) - int64_t(start[at]);
    return gradMeanCircle(gradCoherence ? gradCoherence[i] : Real(0),
                          gradMeanPhase ? gradMeanPhase[i] : Real(0), coherence[i], meanPhase[i],
                          count > 0 ? count : 1);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
