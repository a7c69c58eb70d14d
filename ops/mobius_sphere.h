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

// sin and cos of an angle in turns, of any size; `Wide` is double or a vector of it.
template <class Wide>
HOST_DEVICE Circle<Wide> circleOfTurns(Wide turns) {
  return circleOfPhase<Wide>(phaseStep<Wide>(turns));
}

template <class Wide>
struct SpherePoint {
  Wide x, y, z;
};
template <class Wide>
HOST_DEVICE SpherePoint<Wide> mobiusPoint(Wide node, int64_t nodes, double windings, double torsion,
                                          double radius) {
  const Wide along = node / Wide(double(nodes));  // u in turns
  // (1 + cos u)/2 in turns: exactly 1 at node 0 and 0 at node n/2 by the half angle, and exactly
  // 1/2 at nodes n/4 and 3n/4, which meet at the other pole.
  const Circle<Wide> half = circleOfTurns(along * Wide(0.5));
  const Wide cosine = circleOfTurns(along).cosine;
  const Wide nearOne = fma(-half.sine, half.sine, Wide(1.0)), nearZero = half.cosine * half.cosine;
  const Wide beyond = select(less(cosine, Wide(0.0)), nearZero, nearOne);
  const Wide polar =
      select(less(absolute(cosine), Wide(0.5)), fma(cosine, Wide(0.5), Wide(0.5)), beyond);
  const Wide azimuth = fma(Wide(windings), along, fma(Wide(torsion), polar, along * Wide(0.5)));
  const Circle<Wide> latitude = circleOfTurns(polar), longitude = circleOfTurns(azimuth);
  const Wide across = latitude.sine * Wide(radius);
  return {across * longitude.cosine, across * longitude.sine, latitude.cosine * Wide(radius)};
}

// (w, τ) now and as the lattice was last built: float64 beside the positions.
constexpr int64_t kStructureNumbers = 4;
// How much of a wish a cycle takes over.
constexpr double kWindingsRate = 0.05;
constexpr double kTorsionRate = 0.1;

// Nodes are counted, and numbered by targets, in int32.
constexpr double kMostSphereNodes = 0x1p30;

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
    check.rule(leastWindings <= mostWindings, "mostWindings", "at least leastWindings",
               mostWindings);
    check.rule(leastTorsion <= mostTorsion, "mostTorsion", "at least leastTorsion", mostTorsion);
  }
  HOST_DEVICE bool hasWindings() const { return windings[0] == windings[0]; }
  HOST_DEVICE bool hasTorsion() const { return torsion[0] == torsion[0]; }
  // Where both wishes are numbers.
  HOST_DEVICE void follow() const {
    const bool isOutside[] = {
        approach(structure[0], windings[0], leastWindings, mostWindings, kWindingsRate),
        approach(structure[1], torsion[0], leastTorsion, mostTorsion, kTorsionRate)};
    for (const bool outside : isOutside) {
      if (outside && clamped[0] < INT32_MAX) ++clamped[0];
    }
  }

 private:
  // Ends count as rounded to the wish's type, so that a wish for an end lies within.
  static HOST_DEVICE bool approach(double& value, Real wish, double least, double most,
                                   double rate) {
    const double nearest = minimum(maximum(double(wish), least), most);
    value = fma(rate, nearest, (1 - rate) * value);
    return wish < Real(least) || wish > Real(most);
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

// A_i ← min(max(A_i + gain a_i, least), most) for the first `actions` nodes; NaN stays NaN.
template <class Number>
struct ActionStep {
  Number gain, least, most;

  template <class Real>
  HOST_DEVICE Real operator()(Real amplitude, Real action) const {
    return minimum(maximum(fma(Real(gain), action, amplitude), Real(least)), Real(most));
  }
};
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
  HOST_DEVICE auto step() const { return ActionStep<Real>{Real(gain), Real(least), Real(most)}; }
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
HOST_DEVICE double vortexReward(double density) {
  const double d = density < 1 ? density : 1;
  const double reward = 100 * d * d;
  return d < 0.01 ? reward - 50 * exponential(-100 * d) : reward;
}
template <class Real>
HOST_DEVICE Real magnitudeOf(Real fieldReal, Real fieldImaginary) {
  return squareRoot(fma(fieldReal, fieldReal, fieldImaginary * fieldImaginary));
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
    check.rule(stride <= nodes, "stride", "at most nodes", double(stride));
    check.rule(double(nodes) <= kMostSphereNodes, "nodes", "at most 2^30", double(nodes));
    check.within("threshold", threshold, 0, 1e30);
  }
  // How many nodes are looked at.
  HOST_DEVICE int64_t places() const { return (nodes + stride - 1) / stride; }
  HOST_DEVICE bool isVortex(int64_t node) const {
    return magnitudeOf(field[node], field[nodes + node]) < Real(threshold);
  }
  HOST_DEVICE void finish(int64_t found) const {
    const int64_t estimate = found * stride;
    vortices[0] = int32_t(estimate);
    reward[0] = Real(vortexReward(double(estimate) / double(nodes)));
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
    check.rule(double(nodes) <= kMostSphereNodes, "nodes", "at most 2^30", double(nodes));
    check.rule(double(count) <= kMostSphereNodes, "count", "at most 2^30", double(count));
  }
  // The i-th node, or one past the end.
  HOST_DEVICE int64_t nodeOf(int64_t i) const {
    const int64_t spacing = nodes / (2 * count);
    return even ? i * nodes / count : i * (spacing > 1 ? spacing : 1);
  }
  HOST_DEVICE void write(int64_t i) const {
    const int64_t node = nodeOf(i);
    const bool isInside = node < nodes;
    const Real x = isInside ? field[node] : Real(0), y = isInside ? field[nodes + node] : Real(0);
    state[i] = magnitudeOf(x, y);
    state[count + i] = angleOf(x, y);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
