// The field at vectors of points: coordinates in, values, derivatives or curl out.
#pragma once

#include <utility>

#include "cpu/kernel.h"
#include "cpu/simplex_gradients.h"
#include "ops/simplex_grid.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Octaves and tables of a call, in the context's scratch memory.
template <int dim>
SimplexPlan makePlan(const SimplexField& field, Context& context) {
  SimplexOctave* octaves = context.workspace<SimplexOctave>(field.octaves);
  const double gains = sumOfGains(field);
  double frequency = 1, amplitude = 1;
  for (int64_t o = 0; o < field.octaves; ++o) {
    octaves[o] = simplexOctave<dim>(field, o, frequency, amplitude, gains);
    frequency *= field.lacunarity;
    amplitude *= field.gain;
  }
  SimplexPlan plan{simplexSettings<dim>(field), {}, octaves};
  if (field.table) {
    uint32_t* words = context.workspace<uint32_t>(2 * kSimplexTable);
    uint8_t* bytes = context.workspace<uint8_t>(2 * kSimplexTable);
    for (int i = 0; i < kSimplexTable; ++i) {
      const uint32_t number = field.table[i];
      words[i] = number;
      words[kSimplexTable + i] = gradientCodeOf<dim>(number);
      bytes[i] = uint8_t(number);
      bytes[kSimplexTable + i] = gradientByteOf<dim>(number);
    }
    plan.tables = {words, words + kSimplexTable, bytes};
  }
  return plan;
}

// ---- interleaving: dim vectors of components to components side by side ----

template <class Real, int dim, int part, int from, int... lane>
HOST_DEVICE Vector<Real> interleaved(const Vector<Real> (&planes)[dim], Vector<Real> before,
                                     std::integer_sequence<int, lane...> lanes) {
  constexpr int kLanes = Vector<Real>::kLanes;
  using Selection = typename Vector<Real>::NativeInteger;
  const Vector<Real> merged = __builtin_shuffle(
      before.v, planes[from].v,
      Selection{((part * kLanes + lane) % dim == from ? kLanes + (part * kLanes + lane) / dim
                 : from == 1 && (part * kLanes + lane) % dim == 0 ? (part * kLanes + lane) / dim
                                                                  : lane)...});
  if constexpr (from + 1 < dim) {
    return interleaved<Real, dim, part, from + 1>(planes, merged, lanes);
  } else {
    return merged;
  }
}
template <class Real, int dim, int part = 0>
HOST_DEVICE void storeInterleaved(Real* to, const Vector<Real> (&planes)[dim]) {
  constexpr int kLanes = Vector<Real>::kLanes;
  if constexpr (dim == 1) {
    store(to, planes[0]);
  } else {
    store(to + part * kLanes, interleaved<Real, dim, part, 1>(
                                  planes, planes[0], std::make_integer_sequence<int, kLanes>{}));
    if constexpr (part + 1 < dim) storeInterleaved<Real, dim, part + 1>(to, planes);
  }
}
template <class Real, int dim>
HOST_DEVICE void storePoints(Real* to, const Vector<Real> (&planes)[dim], int64_t count) {
  constexpr int kLanes = Vector<Real>::kLanes;
  if (count >= kLanes) {
    storeInterleaved<Real, dim>(to, planes);
  } else {
    Real all[dim * kLanes];
    storeInterleaved<Real, dim>(all, planes);
    memcpy(to, all, size_t(count) * dim * sizeof(Real));
  }
}
template <class Real>
HOST_DEVICE void storeValues(Real* to, Vector<Real> x, int64_t count) {
  if (count >= Vector<Real>::kLanes) {
    store(to, x);
  } else {
    storePartial(to, x, count);
  }
}

// ---- points ----

// The field at one vector of points, of which the first `count` are written.
template <int dim, SimplexOutput kOutput, class Hash, class Real>
__attribute__((noinline)) void evaluatePoints(const SimplexPlan& plan,
                                              const Wide<Vector<Real>> (&x)[dim],
                                              SimplexTarget<Real> target, int64_t count) {
  using Lanes = Vector<Real>;
  if constexpr (kOutput == SimplexOutput::curl) {
    Lanes curl[dim];
    curlAt<dim, Hash>(plan, x, curl);
    storePoints<Real, dim>(target.vectors, curl, count);
  } else {
    constexpr bool kDerivative = kOutput == SimplexOutput::derivative;
    SimplexNoise<dim, Lanes> field;
    fieldAt<dim, kDerivative, Hash>(plan, x, field);
    storeValues(target.value, field.value, count);
    if constexpr (kDerivative) storePoints<Real, dim>(target.vectors, field.derivative, count);
  }
}

// `count` numbers from `first` on, in ascending lanes.
HOST_DEVICE Vector<double> ascending(double first, Vector<double>) {
  Vector<double> result;
  for (int lane = 0; lane < Vector<double>::kLanes; ++lane) result.v[lane] = first + lane;
  return result;
}
HOST_DEVICE WideVector ascending(double first, WideVector) {
  return {ascending(first, Vector<double>{}),
          ascending(first + Vector<double>::kLanes, Vector<double>{})};
}

constexpr int64_t kPointGrain = 1024;

// Points from memory, (samples, dim).
template <int dim, SimplexOutput kOutput, class Hash, class Real>
void samplePoints(const SimplexPlan& plan, View<const Real> points, int64_t samples,
                  SimplexTarget<Real> target, Context& context) {
  using Lanes = Vector<Real>;
  constexpr int64_t kLanes = Lanes::kLanes;
  context.forRange(samples, kPointGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t count = end - i < kLanes ? end - i : kLanes;
      Real lanes[dim][kLanes] = {};
      for (int64_t lane = 0; lane < count; ++lane) {
        for (int k = 0; k < dim; ++k) lanes[k][lane] = points[(i + lane) * dim + k];
      }
      Wide<Lanes> x[dim];
      for (int k = 0; k < dim; ++k) x[k] = widened(load(lanes[k]));
      evaluatePoints<dim, kOutput, Hash, Real>(plan, x,
                                               {target.value + i, target.vectors + i * dim}, count);
    }
  });
}

// Points of a grid, each formed from its indices.
template <int dim, SimplexOutput kOutput, class Hash, class Real>
void gridPoints(const SimplexPlan& plan, const SimplexPlace& place, SimplexTarget<Real> target,
                Context& context) {
  using Lanes = Vector<Real>;
  using WideReal = Wide<Lanes>;
  constexpr int64_t kLanes = Lanes::kLanes;
  const int line = lineAxis(place);
  const int64_t length = place.shape[line];
  if (place.points() == 0) return;
  const int64_t pieces = (length + kPointGrain - 1) / kPointGrain;
  context.forEach(place.points() / length * pieces, [&](int64_t task) {
    const int64_t row = task / pieces, begin = task % pieces * kPointGrain;
    const int64_t end = begin + kPointGrain < length ? begin + kPointGrain : length;
    int64_t indices[dim];
    rowIndices<dim>(place, line, row, indices);
    WideReal x[dim];
    for (int k = 0; k < dim; ++k) x[k] = gridCoordinate(place, k, WideReal(double(indices[k])));
    for (int64_t i = begin; i < end; i += kLanes) {
      x[line] = gridCoordinate(place, line, ascending(double(i), WideReal{}));
      const int64_t point = row * length + i;
      evaluatePoints<dim, kOutput, Hash, Real>(plan, x,
                                               {target.value + point, target.vectors + point * dim},
                                               end - i < kLanes ? end - i : kLanes);
    }
  });
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
