// The same sums over all pairs in O(N): a treecode with Chebyshev interpolation of the propagator
// between well separated clusters (the black-box fast multipole method: Fong & Darve 2009,
// doi:10.1016/j.jcp.2009.08.031; dual traversal: Wilson, Vaughn & Krasny 2021,
// doi:10.1016/j.jcp.2021.110535). lib/waves/wave-tree.ts makes the tree and its lists.
//   upward:    q̂ at the proxies of a cluster from its nodes, or from the proxies of its children;
//   across:    Û += G q̂ from the proxies of far clusters;
//   downward:  U at the nodes, or Û at the children's proxies, from Û of the parent;
//   near:      U += G q between the nodes of leaves that touch.
// The lists of far and near are symmetric and ascending: each pair is computed once for both sides.
// A cluster's proxies are the Chebyshev points (roots) of its box, along its own axes:
//   ℓ_a(s) = 1/p + 2/p Σ_{n=1}^{p−1} T_n(s_a) T_n(s),   s_a = cos(π (2a + 1) / 2p).
// G is symmetric, so the adjoint of the sum is the sum again: ∂L/∂q = conj(G conj(∂L/∂U)).
#pragma once

#include "ops/operation.h"
#include "ops/wave_pair.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int64_t kMaximumTreeOrder = 16;  // proxies along an axis

// The numbers of a cluster's frame: centre (3), unit axes (3 rows of 3), 1 / half-width (3), which
// is 0 for an axis without extent.
constexpr int64_t kFrameNumbers = 15;

// s of a point along an axis of a frame: −1 to 1 in the box.
template <class Real>
HOST_DEVICE Real frameCoordinate(const Lane<Real>* frame, int axis, Real x, Real y, Real z) {
  using Number = Lane<Real>;
  const Number* const direction = frame + 3 + 3 * axis;
  const Real along =
      fma(z - Real(frame[2]), Real(direction[2]),
          fma(y - Real(frame[1]), Real(direction[1]), (x - Real(frame[0])) * Real(direction[0])));
  return along * Real(frame[12 + axis]);
}

// What T_n counts for in ℓ_a of order p: 1/p for n = 0, else 2/p T_n(s_a).
template <class Real>
HOST_DEVICE Real chebyshevFactor(int64_t order, int64_t a, int64_t n) {
  if (n == 0) return Real(1.0 / double(order));
  double sine, cosine;
  const double angle = double(n * (2 * a + 1)) * (3.141592653589793 / double(2 * order));
  sineCosine(angle, sine, cosine);
  return Real(2.0 / double(order) * cosine);
}

// ℓ_0 … ℓ_(p−1) at s; factors are (p, p).
template <class Real>
HOST_DEVICE void axisWeights(Real s, int64_t order, const Lane<Real>* factors, Real* weights) {
  using Number = Lane<Real>;
  for (int64_t a = 0; a < order; ++a) weights[a] = Real(factors[a * order]);
  Real before = Real(Number(1)), here = s;
  const Real twice = s + s;
  for (int64_t n = 1; n < order; ++n) {
    for (int64_t a = 0; a < order; ++a) {
      weights[a] = fma(here, Real(factors[a * order + n]), weights[a]);
    }
    const Real next = fma(twice, here, -before);
    before = here;
    here = next;
  }
}

// U += G q.
template <class Real>
HOST_DEVICE void addProduct(ComplexPropagator<Real> g, Real qReal, Real qImaginary, Real& uReal,
                            Real& uImaginary) {
  uReal = fma(g.real, qReal, fma(-g.imaginary, qImaginary, uReal));
  uImaginary = fma(g.real, qImaginary, fma(g.imaginary, qReal, uImaginary));
}

// G over the difference of two positions.
template <class Real>
HOST_DEVICE ComplexPropagator<Real> propagatorBetween(const WaveMedium<Lane<Real>>& medium, Real x,
                                                      Real y, Real z) {
  return complexPropagator(medium, squareRoot(squaredLength(x, y, z)) + Real(medium.softening));
}

template <class Real>
struct WaveTreeSum {
  static constexpr const char* name = "waveTreeSum";
  using Types = FullFloatTypes;
  View<const Real> positions;     // (3, N), in the caller's order
  View<const Real> sources;       // (M, 2, N): Re q, Im q
  View<const int32_t> nodeOrder;  // (N): nodes so that those of a cluster lie side by side
  View<const Real> frames;        // (clusters, 15)
  View<const int32_t> orders;     // (clusters, 3): proxies along each axis, 1 to 16
  View<const int32_t> nodeStart;  // (clusters, 2): its nodes in nodeOrder, begin and end
  View<const int32_t> firstChild;  // (clusters): its children are this one and the next; −1: a leaf
  View<const int32_t> levelStart;  // (levels + 1): clusters are numbered level by level
  View<const int32_t> proxyStart;  // (clusters + 1): its proxies, z fastest
  View<const Real> proxies;        // (3, P): their positions
  View<const int32_t> farStart;    // (clusters + 1)
  View<const int32_t> far;         // (F): clusters that reach this one by proxies, ascending
  View<const int32_t> nearStart;   // (clusters + 1)
  View<const int32_t> near;        // (E): leaves, for leaves, ascending
  View<Real> potential;            // (M, 2, N), written: Re U, Im U
  int64_t nodes, samples, clusters, levels, proxyCount, farCount, nearCount;
  double wavenumber, softening;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("positions", positions);
    visit("sources", sources);
    visit("nodeOrder", nodeOrder);
    visit("frames", frames);
    visit("orders", orders);
    visit("nodeStart", nodeStart);
    visit("firstChild", firstChild);
    visit("levelStart", levelStart);
    visit("proxyStart", proxyStart);
    visit("proxies", proxies);
    visit("farStart", farStart);
    visit("far", far);
    visit("nearStart", nearStart);
    visit("near", near);
    visit("potential", potential);
    visit("nodes", nodes);
    visit("samples", samples);
    visit("clusters", clusters);
    visit("levels", levels);
    visit("proxyCount", proxyCount);
    visit("farCount", farCount);
    visit("nearCount", nearCount);
    visit("wavenumber", wavenumber);
    visit("softening", softening);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("nodes", nodes, 1);
    check.atLeast("samples", samples, 1);
    check.atLeast("clusters", clusters, 1);
    check.atLeast("levels", levels, 1);
    check.atLeast("proxyCount", proxyCount, 1);
    check.atLeast("farCount", farCount, 0);
    check.atLeast("nearCount", nearCount, 0);
    const Size n = {"nodes", nodes}, c = {"clusters", clusters}, axes = {"axes", 3};
    const Size starts = {"clusters + 1", clusters + 1};
    const Size m = {"samples", samples}, planes = {"planes", 2};
    check.shape("positions", positions, {axes, n});
    check.shape("sources", sources, {m, planes, n});
    check.shape("nodeOrder", nodeOrder, {n});
    check.shape("frames", frames, {c, {"frame numbers", kFrameNumbers}});
    check.shape("orders", orders, {c, axes});
    check.shape("nodeStart", nodeStart, {c, {"ends", 2}});
    check.shape("firstChild", firstChild, {c});
    check.shape("levelStart", levelStart, {{"levels + 1", levels + 1}});
    check.shape("proxyStart", proxyStart, {starts});
    check.shape("proxies", proxies, {axes, {"proxyCount", proxyCount}});
    check.shape("farStart", farStart, {starts});
    check.shape("far", far, {{"farCount", farCount}});
    check.shape("nearStart", nearStart, {starts});
    check.shape("near", near, {{"nearCount", nearCount}});
    check.shape("potential", potential, {m, planes, n});
    check.within("wavenumber", wavenumber, -1e9, 1e9);
    check.within("softening", softening, 1e-30, 1e30);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
