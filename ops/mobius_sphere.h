// The Möbius helix sphere: n nodes on a helix that winds over a sphere with half a twist,
//   u = 2π i/n,  ϑ = π (1 + cos u),  ϕ = w u + τ ϑ + u/2,
//   x = R (sin ϑ cos ϕ, sin ϑ sin ϕ, cos ϑ),
// whose angles reach 10³ rad and are formed in turns, in float64: nodes 0 and n/2 meet at the pole
// exactly. And what a control loop does with it: structure, amplitudes, vortices, state, reward.
#pragma once

#include <utility>

#include "ops/arctangent.h"
#include "ops/exponential.h"
#include "ops/operation.h"
#include "ops/phase.h"

namespace entrain::inline ENTRAIN_ISA {

// sin and cos of an angle in turns, of any size, in float64.
HOST_DEVICE Circle<double> circleOfTurns(double turns) {
  return circleOfPhase<double>(phaseStep<double>(turns));
}

struct SpherePoint {
  double x, y, z;
};
HOST_DEVICE SpherePoint mobiusPoint(int64_t node, int64_t nodes, double windings, double torsion,
                                    double radius) {
  const double along = double(node) / double(nodes);             // u in turns
  const double polar = 0.5 + 0.5 * circleOfTurns(along).cosine;  // ϑ in turns, in [0, 1]
  const double azimuth = fma(windings, along, fma(torsion, polar, 0.5 * along));
  const Circle<double> latitude = circleOfTurns(polar), longitude = circleOfTurns(azimuth);
  const double across = radius * latitude.sine;
  return {across * longitude.cosine, across * longitude.sine, radius * latitude.cosine};
}

// (w, τ) now and as the lattice was last built: float64 beside the positions.
constexpr int64_t kStructureNumbers = 4;
// How much of a wish a cycle takes over.
constexpr double kWindingsRate = 0.05;
constexpr double kTorsionRate = 0.1;

// w ← 0.95 w + 0.05 w*,  τ ← 0.9 τ + 0.1 τ*; wishes outside their ranges count as the nearest end.
template <class Real>
struct MobiusStructure {
  static constexpr const char* name = "mobiusStructure";
  using Types = FullFloatTypes;
  View<const Real> windings;  // (1): w*
  View<const Real> torsion;   // (1): τ*
  View<double> structure;     // (4), read and written: w, τ, then those of the built lattice
  View<int32_t> clamped;      // (1), read and written: how many wishes lay outside so far
  double leastWindings, mostWindings, leastTorsion, mostTorsion;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("windings", windings);
    visit("torsion", torsion);
    visit("structure", structure);
    visit("clamped", clamped);
    visit("leastWindings", leastWindings);
    visit("mostWindings", mostWindings);
    visit("leastTorsion", leastTorsion);
    visit("mostTorsion", mostTorsion);
  }
  void validate() const {
    const Check check(name);
    check.shape("windings", windings, {{"one", 1}});
    check.shape("torsion", torsion, {{"one", 1}});
    check.shape("structure", structure, {{"four", kStructureNumbers}});
    check.shape("clamped", clamped, {{"one", 1}});
    for (const auto& [key, value] : {std::pair{"leastWindings", leastWindings},
                                     {"mostWindings", mostWindings},
                                     {"leastTorsion", leastTorsion},
                                     {"mostTorsion", mostTorsion}}) {
      check.within(key, value, -1e6, 1e6);
    }
  }
};

// The lattice, built anew where |w − w_built| > lazyWindings or |τ − τ_built| > lazyTorsion, or
// where either threshold is 0; else left as it is.
template <class Real>
struct MobiusLattice {
  static constexpr const char* name = "mobiusLattice";
  using Types = FullFloatTypes;
  View<Real> positions;    // (3, n), written where it is built
  View<double> structure;  // (4), read; its last two are written where it is built
  int64_t nodes;
  double radius, lazyWindings, lazyTorsion;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("positions", positions);
    visit("structure", structure);
    visit("nodes", nodes);
    visit("radius", radius);
    visit("lazyWindings", lazyWindings);
    visit("lazyTorsion", lazyTorsion);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.shape("positions", positions, {{"axes", 3}, {"nodes", nodes}});
    check.shape("structure", structure, {{"four", kStructureNumbers}});
    check.within("radius", radius, 1e-30, 1e30);
    check.within("lazyWindings", lazyWindings, 0, 1e30);
    check.within("lazyTorsion", lazyTorsion, 0, 1e30);
  }
  HOST_DEVICE bool isStale() const {
    return lazyWindings == 0 || lazyTorsion == 0 ||
           !(absolute(structure[0] - structure[2]) <= lazyWindings) ||
           !(absolute(structure[1] - structure[3]) <= lazyTorsion);
  }
};

// A_i ← min(max(A_i + gain a_i, least), most) for the first `actions` nodes.
template <class Real>
struct SphereAction {
  static constexpr const char* name = "sphereAction";
  using Types = FullFloatTypes;
  View<const Real> action;  // (actions)
  View<Real> amplitudes;    // (N), N >= actions, read and written
  int64_t actions, nodes;
  double gain, least, most;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("action", action);
    visit("amplitudes", amplitudes);
    visit("actions", actions);
    visit("nodes", nodes);
    visit("gain", gain);
    visit("least", least);
    visit("most", most);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("actions", actions, 0);
    check.atLeast("nodes", nodes, 1);
    check.shape("action", action, {{"actions", actions}});
    check.shape("amplitudes", amplitudes, {{"nodes", nodes}});
    check.rule(actions <= nodes, "actions", "at most nodes", double(actions));
    check.within("gain", gain, -1e30, 1e30);
    check.within("least", least, -1e30, 1e30);
    check.within("most", most, least, 1e30);
  }
};

// field_targets ← values
template <class Real>
struct SphereScatter {
  static constexpr const char* name = "sphereScatter";
  using Types = FullFloatTypes;
  View<const Real> values;      // (2, S)
  View<const int32_t> targets;  // (S), each node once
  View<Real> field;             // (2, N), written at the targets
  int64_t receivers, nodes;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("values", values);
    visit("targets", targets);
    visit("field", field);
    visit("receivers", receivers);
    visit("nodes", nodes);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("receivers", receivers, 1);
    check.atLeast("nodes", nodes, 1);
    check.shape("values", values, {{"planes", 2}, {"receivers", receivers}});
    check.shape("targets", targets, {{"receivers", receivers}});
    check.shape("field", field, {{"planes", 2}, {"nodes", nodes}});
  }
};

// Vortices are nodes where |F| < threshold. With d = min(vortices / n, 1) the reward is
//   100 d², less 50 e^(−100 d) where d < 0.01.
template <class Real>
HOST_DEVICE Real vortexReward(Real density) {
  const Real d = density < Real(1) ? density : Real(1);
  const Real reward = Real(100) * d * d;
  return d < Real(0.01) ? reward - Real(50) * exponential(Real(-100) * d) : reward;
}
template <class Real>
HOST_DEVICE bool isVortex(Real fieldReal, Real fieldImaginary, Real threshold) {
  return squareRoot(fma(fieldReal, fieldReal, fieldImaginary * fieldImaginary)) < threshold;
}

// Counts over nodes 0, stride, 2 stride, …, times the stride, and the reward of that count.
template <class Real>
struct SphereVortices {
  static constexpr const char* name = "sphereVortices";
  using Types = FullFloatTypes;
  View<const Real> field;  // (2, N)
  View<int32_t> vortices;  // (1), written
  View<Real> reward;       // (1), written
  int64_t nodes, stride;
  double threshold;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("field", field);
    visit("vortices", vortices);
    visit("reward", reward);
    visit("nodes", nodes);
    visit("stride", stride);
    visit("threshold", threshold);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("stride", stride, 1);
    check.shape("field", field, {{"planes", 2}, {"nodes", nodes}});
    check.shape("vortices", vortices, {{"one", 1}});
    check.shape("reward", reward, {{"one", 1}});
    check.within("threshold", threshold, 0, 1e30);
  }
};

// |F| and arg F at `count` nodes: 0, s, 2s, … with s = max(1, ⌊n / 2 count⌋) as the reference has
// it, or, `even`, at ⌊i n / count⌋; zeros past the end.
template <class Real>
struct SphereState {
  static constexpr const char* name = "sphereState";
  using Types = FullFloatTypes;
  View<const Real> field;  // (2, N)
  View<Real> state;        // (2 count), written: magnitudes, then phases in (−π, π]
  int64_t nodes, count;
  bool even;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("field", field);
    visit("state", state);
    visit("nodes", nodes);
    visit("count", count);
    visit("even", even);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("count", count, 1);
    check.shape("field", field, {{"planes", 2}, {"nodes", nodes}});
    check.shape("state", state, {{"planes", 2}, {"count", count}});
  }
  // The i-th node, or one past the end.
  HOST_DEVICE int64_t nodeOf(int64_t i) const {
    const int64_t spacing = nodes / (2 * count);
    return even ? i * nodes / count : i * (spacing > 1 ? spacing : 1);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
