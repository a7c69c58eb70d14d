// The field at any point: fractal sum, domain warp with its chain rule, curl. Every octave's cell
// is formed in float64.
#pragma once

#include <type_traits>

#include "ops/simplex_fractal.h"

namespace entrain::inline ENTRAIN_ISA {

// Settings, octaves and tables of a call: what the kernels share.
struct SimplexPlan {
  SimplexSettings settings;
  SimplexTables tables;
  const SimplexOctave* octaves;
};

// One octave's noise at x, not yet times its amplitude.
template <int dim, bool kDerivative, class Hash, class Real>
HOST_DEVICE void octaveNoise(const SimplexPlan& plan, const SimplexOctave& octave,
                             const Wide<Real> (&x)[dim], SimplexNoise<dim, Real>& noise) {
  Wide<Real> scaled[dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) scaled[k] = octaveCoordinate(octave, k, x[k]);
  SimplexCell<dim, Real> cell;
  simplexCell<dim, Real>(scaled, plan.settings, cell);
  hashWords<dim, Real>(plan.settings, octave, cell.words);
  const Hash hash = HashOf<Hash>::make(plan.tables, octave.modulus, octave.seed);
  SimplexCorners<dim, Real, Hash> corners;
  simplexCorners<dim>(cell, hash, Lane<Real>(plan.settings.unskew), corners);
  simplexSum<dim, kDerivative>(corners, hash, Lane<Real>(plan.settings.kernel), noise);
  toPoint<dim, kDerivative>(noise);
}

template <int dim, bool kDerivative, class Hash, class Real>
HOST_DEVICE void fractalSum(const SimplexPlan& plan, const Wide<Real> (&x)[dim],
                            SimplexNoise<dim, Real>& field) {
  const FieldFactors<Lane<Real>> factors = fieldFactors<Lane<Real>>(plan.settings);
  clear(field);
  for (int64_t o = 0; o < plan.settings.octaves; ++o) {
    SimplexNoise<dim, Real> noise;
    octaveNoise<dim, kDerivative, Hash>(plan, plan.octaves[o], x, noise);
    accumulate<dim, kDerivative>(factors, octaveFactors<dim, Lane<Real>>(plan.octaves[o]), noise,
                                 field);
  }
}

// The domain warp: y = x + a W(x), W_k(x) = n(x + o_k), with slopes[k][j] = a ∂W_k/∂x_j.
template <int dim, bool kDerivative, class Hash, class Real>
HOST_DEVICE void warpPoint(const SimplexPlan& plan, const Wide<Real> (&x)[dim],
                           Wide<Real> (&y)[dim], Real (&slopes)[dim][dim]) {
  using Scalar = Lane<Real>;
  const SimplexOctave& octave = plan.octaves[0];
  const double scale = plan.settings.amplitude * plan.settings.warp;
  SIMPLEX_ROLLED
  for (int k = 0; k < dim; ++k) {
    Wide<Real> moved[dim];
    SIMPLEX_UNROLL
    for (int j = 0; j < dim; ++j) moved[j] = x[j] + Wide<Real>(warpOffset(k, j));
    SimplexNoise<dim, Real> noise;
    octaveNoise<dim, kDerivative, Hash>(plan, octave, moved, noise);
    const Wide<Real> shift = widened(noise.value * Scalar(scale));
    SIMPLEX_UNROLL
    for (int j = 0; j < dim; ++j) {
      if (j == k) y[j] = x[j] + shift;
      if constexpr (kDerivative) {
        slopes[k][j] = noise.derivative[j] * Scalar(scale * octave.stretch[j]);
      }
    }
  }
}

// The field at x, with its derivative; of a warped one ∂/∂x_j = f_j(y) + Σ_k f_k(y) slopes[k][j].
template <int dim, bool kDerivative, class Hash, class Real>
HOST_DEVICE void fieldAt(const SimplexPlan& plan, const Wide<Real> (&x)[dim],
                         SimplexNoise<dim, Real>& field) {
  const bool warped = plan.settings.warp != 0;
  Wide<Real> y[dim];
  Real slopes[dim][dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) y[k] = x[k];
  if (warped) warpPoint<dim, kDerivative, Hash>(plan, x, y, slopes);
  fractalSum<dim, kDerivative, Hash>(plan, y, field);
  if constexpr (kDerivative) {
    if (!warped) return;
    Real inner[dim];
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) inner[k] = field.derivative[k];
    SIMPLEX_UNROLL
    for (int j = 0; j < dim; ++j) {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        field.derivative[j] = fma(inner[k], slopes[k][j], field.derivative[j]);
      }
    }
  }
}

// 2D: (∂ψ/∂y, −∂ψ/∂x). 3D: ∇ × (ψ(x + o_1), ψ(x + o_2), ψ(x + o_3)).
template <int dim, class Hash, class Real>
HOST_DEVICE void curlAt(const SimplexPlan& plan, const Wide<Real> (&x)[dim], Real (&curl)[dim]) {
  static_assert(dim == 2 || dim == 3);
  if constexpr (dim == 2) {
    SimplexNoise<dim, Real> potential;
    fieldAt<dim, true, Hash>(plan, x, potential);
    curl[0] = potential.derivative[1];
    curl[1] = -potential.derivative[0];
  } else {
    SIMPLEX_UNROLL
    for (int k = 0; k < 3; ++k) curl[k] = Real(Lane<Real>(0));
    SIMPLEX_ROLLED
    for (int k = 0; k < 3; ++k) {
      Wide<Real> moved[3];
      SIMPLEX_UNROLL
      for (int j = 0; j < 3; ++j) moved[j] = x[j] + Wide<Real>(warpOffset(k, j));
      SimplexNoise<dim, Real> potential;
      fieldAt<dim, true, Hash>(plan, moved, potential);
      // ψ_k enters component k + 1 with its derivative along k + 2 and component k + 2 with minus
      // that along k + 1.
      SIMPLEX_UNROLL
      for (int c = 0; c < 3; ++c) {
        if (c == (k + 1) % 3) curl[c] = curl[c] + potential.derivative[(c + 1) % 3];
        if (c == (k + 2) % 3) curl[c] = curl[c] - potential.derivative[(c + 2) % 3];
      }
    }
  }
}

// ---- what back ends share ----

// What a kernel writes beside or instead of the value.
enum class SimplexOutput { value, derivative, curl };

// Where the results of a run of points go.
template <class Real>
struct SimplexTarget {
  Real* value;    // one for each point; not for curl
  Real* vectors;  // dim for each point: derivative or curl
};

// Calls function(TypeTag<Hash>) with the hash that a field asks for.
template <class Real, class Function>
void withHash(const SimplexField& field, const Function& function) {
  if (isTiled(field)) {
    function(TypeTag<TiledHash<Real>>{});
  } else if (field.table) {
    function(TypeTag<TableHash<Real>>{});
  } else {
    function(TypeTag<IntegerHash<Real>>{});
  }
}

// Calls function(Constant<dim>) for a dimension known only at run time.
template <int n>
struct Axes {
  static constexpr int value = n;
};
template <class Function>
void withDimension(int64_t dim, const Function& function) {
  switch (dim) {
    case 1:
      return function(Axes<1>{});
    case 2:
      return function(Axes<2>{});
    case 3:
      return function(Axes<3>{});
    default:
      return function(Axes<4>{});
  }
}
// Calls function with the output that a call asks for.
template <class Function>
void withOutput(bool derivative, const Function& function) {
  if (derivative) {
    function(std::integral_constant<SimplexOutput, SimplexOutput::derivative>{});
  } else {
    function(std::integral_constant<SimplexOutput, SimplexOutput::value>{});
  }
}

}  // namespace entrain::inline ENTRAIN_ISA
