// How octaves become a field: each octave's frequency, weight, lattice and seed, what its noise
// contributes (FractalKind) with the derivative of that, domain warp and curl, at any point.
#pragma once

#include "ops/philox.h"
#include "ops/simplex.h"
#include "ops/simplex_table.h"

namespace entrain::inline ENTRAIN_ISA {

// One octave's constants, the same for every point.
struct SimplexOctave {
  double frequency;                // lacunarity^o
  double weight;                   // gain^o, divided by Σ gain^o but in turbulence
  double slope[kSimplexAxes];      // weight · frequency · stretch · amplitude
  double scaledWeight;             // weight · amplitude
  double offset[kSimplexAxes];     // added to the coordinates times the frequency
  double period[kSimplexAxes];     // in the octave's coordinates; 0: none
  double stretch[kSimplexAxes];    // of the coordinates, so that the lattice fits a period
  uint32_t modulus[kSimplexAxes];  // of TiledHash
  uint32_t seed[kSimplexAxes];     // of each axis
};

// What is the same for every point and octave.
struct SimplexSettings {
  FractalKind kind;
  int64_t octaves;
  double skew, unskew, kernel, amplitude, strength, warp;
  bool tiled, tabled;
};

// Amplitudes: those of the packages for a table, halved since the gradients are doubled; for the
// integer hash 1 over the largest possible sum with a kernel of 1 in 1D and 0.5 else, found by a
// search over the cell, scaled as one corner's largest contribution scales, by kernel^4.5.
template <int dim>
HOST_DEVICE double simplexAmplitude(bool tabled, double kernel) {
  if (tabled) return dim == 1 ? 0.395 : dim == 2 ? 35.0 : dim == 3 ? 32.0 / 3 : 13.5;
  const double usual = dim == 1 ? 1.58 : dim == 2 ? 35.0 : dim == 3 ? 38.4 : 27.1;
  const double ratio = (dim == 1 ? 1.0 : 0.5) / kernel, square = ratio * ratio;
  return usual * square * square * squareRoot(ratio);
}

HOST_DEVICE bool isTiled(const SimplexField& field) {
  return (field.period[0] | field.period[1] | field.period[2] | field.period[3]) != 0;
}

template <int dim>
HOST_DEVICE SimplexSettings simplexSettings(const SimplexField& field) {
  const bool tiled = isTiled(field), tabled = bool(field.table);
  const SimplexLattice lattice = simplexLattice<dim>(tiled);
  return {FractalKind(field.kind),
          field.octaves,
          lattice.skew,
          lattice.unskew,
          field.kernel,
          simplexAmplitude<dim>(tabled, field.kernel),
          field.strength,
          field.warp,
          tiled,
          tabled};
}

// Σ gain^o, in ascending order.
HOST_DEVICE double sumOfGains(const SimplexField& field) {
  double sum = 0, amplitude = 1;
  for (int64_t o = 0; o < field.octaves; ++o, amplitude *= field.gain) sum += amplitude;
  return sum;
}

// Octave o; `frequency` = lacunarity^o and `amplitude` = gain^o by repeated products.
template <int dim>
HOST_DEVICE SimplexOctave simplexOctave(const SimplexField& field, int64_t o, double frequency,
                                        double amplitude, double gains) {
  SimplexOctave octave{};
  const double scale = simplexAmplitude<dim>(bool(field.table), field.kernel);
  octave.frequency = frequency;
  octave.weight =
      FractalKind(field.kind) == FractalKind::turbulence ? amplitude : amplitude / gains;
  const PhiloxWords words = philox(uint32_t(field.seedLow), uint32_t(field.seedHigh),
                                   {{uint32_t(o), uint32_t(uint64_t(o) >> 32), 0, 0}});
  constexpr int t = axisTranslation<dim>();
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    octave.seed[k] = words.words[k];
    octave.offset[k] = field.offsets ? field.offsets[o * dim + k] : 0;
    octave.stretch[k] = 1;
    if (field.period[k] != 0) {
      octave.period[k] = double(field.period[k]) * frequency;
      const double translations = maximum(roundToEven(octave.period[k] / t), 1.0);
      octave.stretch[k] = translations * t / octave.period[k];
      octave.modulus[k] = uint32_t(translations) * uint32_t(dim == 1 ? 1 : t * (t + dim));
    }
    octave.slope[k] = octave.weight * frequency * octave.stretch[k] * scale;
  }
  octave.scaledWeight = octave.weight * scale;
  return octave;
}

// The offsets o_k of the domain warp and of the potentials of 3D curl: any numbers that keep the
// fields apart, within one period of a table.
HOST_DEVICE constexpr double warpOffset(int k, int axis) {
  return 19.1875 * (k + 1) + 47.4375 * axis;
}

// x modulo the period, in [0, period).
template <class WideReal>
HOST_DEVICE WideReal withinPeriod(WideReal x, double period) {
  const WideReal turns = floorOf(x * WideReal(1 / period));
  return fma(turns, WideReal(-period), x);
}

// The coordinate of an octave's lattice.
template <class WideReal>
HOST_DEVICE WideReal octaveCoordinate(const SimplexOctave& octave, int k, WideReal x) {
  x = fma(x, WideReal(octave.frequency), WideReal(octave.offset[k]));
  if (octave.period[k] == 0) return x;
  return withinPeriod(x, octave.period[k]) * WideReal(octave.stretch[k]);
}

// Words of a cell as the hashes want them: on a lattice that tiles (t + dim) cell_k − Σ cell,
template <int dim, class Real>
HOST_DEVICE void tileWords(Word<Real> (&words)[dim]) {
  if constexpr (dim > 1) {
    Word<Real> sum = words[0];
    SIMPLEX_UNROLL
    for (int k = 1; k < dim; ++k) sum = sum + words[k];
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      words[k] = words[k] * wordsOf<Real>(uint32_t(axisTranslation<dim>() + dim)) - sum;
    }
  }
}
// and for the integer hash cell_k axisFactor(k) + seed_k.
template <int dim, class Real>
HOST_DEVICE void hashWords(const SimplexSettings& settings, const SimplexOctave& octave,
                           Word<Real> (&words)[dim]) {
  if (settings.tiled) {
    tileWords<dim, Real>(words);
  } else if (!settings.tabled) {
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      words[k] = words[k] * wordsOf<Real>(axisFactor(k)) + wordsOf<Real>(octave.seed[k]);
    }
  }
}

// The offset of float32: fraction − G Σ fraction.
template <int dim, class Real>
HOST_DEVICE void unskewed(SimplexCell<dim, Real>& cell, Lane<Real> unskew) {
  Real sum = cell.order[0];
  SIMPLEX_UNROLL
  for (int k = 1; k < dim; ++k) sum = sum + cell.order[k];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) cell.offset[k] = fma(sum, Real(-unskew), cell.order[k]);
}

// The cell of a point and the offset in it, from coordinates in float64 as the packages do. float32
// takes the skewed coordinate's fraction in float64 and goes on in float32.
template <int dim, class Real>
HOST_DEVICE void simplexCell(const Wide<Real> (&x)[dim], const SimplexSettings& settings,
                             SimplexCell<dim, Real>& cell) {
  using WideReal = Wide<Real>;
  using Scalar = Lane<Real>;
  WideReal sum = x[0];
  SIMPLEX_UNROLL
  for (int k = 1; k < dim; ++k) sum = sum + x[k];
  const WideReal skew = sum * WideReal(settings.skew);
  WideReal corner[dim], skewed[dim];
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) {
    skewed[k] = x[k] + skew;
    corner[k] = floorOf(skewed[k]);
    cell.words[k] = wordOf<Real>(corner[k]);
  }
  if constexpr (sizeof(Scalar) == 8) {
    WideReal cornerSum = corner[0];
    SIMPLEX_UNROLL
    for (int k = 1; k < dim; ++k) cornerSum = cornerSum + corner[k];
    const WideReal unskew = cornerSum * WideReal(settings.unskew);
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      cell.offset[k] = x[k] - (corner[k] - unskew);
      cell.order[k] = cell.offset[k];
    }
    if constexpr (dim == 3) {
      const WideReal sum = cell.offset[0] + cell.offset[1] + cell.offset[2];
      for (int k = 0; k < dim; ++k)
        cell.order[k] = fma(sum, WideReal(settings.skew), cell.offset[k]);
    }
  } else {
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) cell.order[k] = narrowed<Real>(skewed[k] - corner[k]);
    if constexpr (dim != 3) unskewed<dim>(cell, Scalar(settings.unskew));
  }
}

// f(n) of a kind and f'(n).
template <class Real>
HOST_DEVICE void contribution(FractalKind kind, Real n, Lane<Real> strength, Real& value,
                              Real& slope) {
  using Scalar = Lane<Real>;
  const Real one = Real(Scalar(1)), zero = Real(Scalar(0));
  const Real magnitude = absolute(n);
  const Real sign = select(less(n, zero), -one, select(less(zero, n), one, zero));
  switch (kind) {
    case FractalKind::fbm:
      value = n;
      slope = one;
      break;
    case FractalKind::billow:
    case FractalKind::turbulence:
      value = magnitude;
      slope = sign;
      break;
    case FractalKind::ridged: {
      const Real rest = one - magnitude;
      value = rest * rest;
      slope = rest * sign * Scalar(-2);
      break;
    }
    case FractalKind::pingPong: {
      // y modulo 2, folded at 1: from 0 up to 1 and down again.
      const Real y = (n + one) * Real(strength);
      const Real part = fma(floorOf(y * Scalar(0.5)), Real(Scalar(-2)), y);
      const auto falls = less(one, part);
      const Real folded = select(falls, Real(Scalar(2)) - part, part);
      value = fma(folded, Real(Scalar(2)), -one);
      slope = Real(strength) * select(falls, Real(Scalar(-2)), Real(Scalar(2)));
      break;
    }
  }
}

// The constants of the inner loops in the working precision.
template <class Scalar>
struct FieldFactors {
  FractalKind kind;
  Scalar unskew, kernel, amplitude, strength;
};
template <int dim, class Scalar>
struct OctaveFactors {
  Scalar scaledWeight, weight, slope[dim];
};
template <class Scalar>
HOST_DEVICE FieldFactors<Scalar> fieldFactors(const SimplexSettings& settings) {
  return {settings.kind, Scalar(settings.unskew), Scalar(settings.kernel),
          Scalar(settings.amplitude), Scalar(settings.strength)};
}
template <int dim, class Scalar>
HOST_DEVICE OctaveFactors<dim, Scalar> octaveFactors(const SimplexOctave& octave) {
  OctaveFactors<dim, Scalar> factors;
  factors.scaledWeight = Scalar(octave.scaledWeight);
  factors.weight = Scalar(octave.weight);
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) factors.slope[k] = Scalar(octave.slope[k]);
  return factors;
}

// Adds an octave's noise, not yet times its amplitude, to the field.
template <int dim, bool kDerivative, class Real>
HOST_DEVICE void accumulate(const FieldFactors<Lane<Real>>& factors,
                            const OctaveFactors<dim, Lane<Real>>& octave,
                            const SimplexNoise<dim, Real>& noise, SimplexNoise<dim, Real>& field) {
  if (factors.kind == FractalKind::fbm) {
    field.value = fma(noise.value, Real(octave.scaledWeight), field.value);
    if constexpr (kDerivative) {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        field.derivative[k] = fma(noise.derivative[k], Real(octave.slope[k]), field.derivative[k]);
      }
    }
    return;
  }
  Real value = noise.value, slope = noise.value;
  contribution(factors.kind, noise.value * factors.amplitude, factors.strength, value, slope);
  field.value = fma(value, Real(octave.weight), field.value);
  if constexpr (kDerivative) {
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      field.derivative[k] =
          fma(noise.derivative[k] * slope, Real(octave.slope[k]), field.derivative[k]);
    }
  }
}

template <int dim, class Real>
HOST_DEVICE void clear(SimplexNoise<dim, Real>& field) {
  field.value = Real(Lane<Real>(0));
  SIMPLEX_UNROLL
  for (int k = 0; k < dim; ++k) field.derivative[k] = Real(Lane<Real>(0));
}

}  // namespace entrain::inline ENTRAIN_ISA
