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

// The fractal at y = x + a W(x), W_k(x) = n(x + o_k): ∂/∂x_j = f_j(y) + a Σ_k f_k(y) ∂W_k/∂x_j.
template <int dim, bool kDerivative, class Hash, class Real>
HOST_DEVICE void warpedSum(const SimplexPlan& plan, const Wide<Real> (&x)[dim],
                           SimplexNoise<dim, Real>& field) {
  using Scalar = Lane<Real>;
  const SimplexOctave& octave = plan.octaves[0];
  SimplexNoise<dim, Real> shifts[dim];
  Wide<Real> y[dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    Wide<Real> moved[dim];
    SIMPLEX_UNROLL
    for (int j = 0; j < dim; ++j) moved[j] = x[j] + Wide<Real>(warpOffset(k, j));
    octaveNoise<dim, kDerivative, Hash>(plan, octave, moved, shifts[k]);
    const Real shift = shifts[k].value * Scalar(plan.settings.amplitude * plan.settings.warp);
    y[k] = x[k] + widened(shift);
  }
  fractalSum<dim, kDerivative, Hash>(plan, y, field);
  if constexpr (kDerivative) {
    Real inner[dim];
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) inner[k] = field.derivative[k];
    SIMPLEX_UNROLL
    for (int j = 0; j < dim; ++j) {
      const Real factor =
          Real(Scalar(plan.settings.amplitude * plan.settings.warp * octave.stretch[j]));
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        field.derivative[j] = fma(inner[k] * factor, shifts[k].derivative[j], field.derivative[j]);
      }
    }
  }
}

// The field at x, with its derivative.
template <int dim, bool kDerivative, class Hash, class Real>
HOST_DEVICE void fieldAt(const SimplexPlan& plan, const Wide<Real> (&x)[dim],
                         SimplexNoise<dim, Real>& field) {
  if (plan.settings.warp == 0) {
    fractalSum<dim, kDerivative, Hash>(plan, x, field);
  } else {
    warpedSum<dim, kDerivative, Hash>(plan, x, field);
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
    SIMPLEX_UNROLL
    for (int k = 0; k < 3; ++k) {
      Wide<Real> moved[3];
      SIMPLEX_UNROLL
      for (int j = 0; j < 3; ++j) moved[j] = x[j] + Wide<Real>(warpOffset(k, j));
      SimplexNoise<dim, Real> potential;
      fieldAt<dim, true, Hash>(plan, moved, potential);
      // ψ_k enters component k + 1 with its derivative along k + 2 and component k + 2 with minus
      // that along k + 1.
      const int next = (k + 1) % 3, after = (k + 2) % 3;
      curl[next] = curl[next] + potential.derivative[after];
      curl[after] = curl[after] - potential.derivative[next];
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
