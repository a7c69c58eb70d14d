// Simplex noise in 1 to 4 dimensions, its derivatives, fractals of it, tiling, domain warp and
// curl. Gustavson 2005, "Simplex noise demystified"; the formulas are in ops/simplex_noise.h, how
// octaves make a field is in ops/simplex_fractal.h. Hash: a table of 256 numbers (the order of
// gradients of the npm package simplex-noise), or, without one, a stateless hash of the lattice
// point and a seed of 64 bits, with a period of 2^32 lattice cells. A table's own period is 256
// cells, and on a lattice that tiles 256 units in 2D, 128 in 3D and 32 in 4D.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kSimplexAxes = 4;
constexpr int64_t kMostSimplexOctaves = 1024;
constexpr double kLargestSimplexPeriod = 0x1p27;

// What an octave's noise n contributes, times gain^o; all but turbulence are divided by Σ gain^o.
enum class FractalKind : int64_t {
  fbm = 0,         // n, in [-1, 1]
  billow = 1,      // |n|, in [0, 1]
  ridged = 2,      // (1 − |n|)², in [0, 1]
  pingPong = 3,    // 2 p(strength (n + 1)) − 1, p the triangle wave of period 2, in [-1, 1]
  turbulence = 4,  // |n|, not divided, in [0, Σ gain^o]
};

// What is evaluated, apart from where: the same arguments in every operation.
struct SimplexField {
  View<const uint8_t> table;   // (256), optional: a permutation; without it the integer hash
  View<const double> offsets;  // (octaves, dim), optional: added to lacunarity^o x
  double kernel;               // radius² of a corner's influence, in (0, 1]
  int64_t kind;                // a FractalKind
  int64_t octaves;             // at least 1
  double gain, lacunarity;     // octave o: gain^o n(lacunarity^o x + offsets_o)
  double strength;             // of ping-pong
  double warp;  // a: the fractal is taken at x + a (n(x + o_1), …, n(x + o_dim)), one octave each
  int64_t period[kSimplexAxes];  // of the field along each axis; 0: none (the hash's own)
  int64_t seedLow, seedHigh;     // of the integer hash, in [0, 2^32)

  template <class Visitor>
  void fields(Visitor& visit) {
    visit.optional("table", table);
    visit.optional("offsets", offsets);
    visit("kernel", kernel);
    visit("kind", kind);
    visit("octaves", octaves);
    visit("gain", gain);
    visit("lacunarity", lacunarity);
    visit("strength", strength);
    visit("warp", warp);
    visit("period0", period[0]);
    visit("period1", period[1]);
    visit("period2", period[2]);
    visit("period3", period[3]);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
  }
  void validate(const Check& check, int64_t dim) const {
    if (table) check.shape("table", table, {{"entries of a table", 256}});
    check.atLeast("octaves", octaves, 1);
    if (offsets) check.shape("offsets", offsets, {{"octaves", octaves}, {"dim", dim}});
    check.rule(dim <= kSimplexAxes, "dim", "at most 4", double(dim));
    check.rule(kernel > 0 && kernel <= 1, "kernel", "in (0, 1]", kernel);
    check.within("kind", double(kind), 0, double(FractalKind::turbulence));
    check.rule(octaves <= kMostSimplexOctaves, "octaves", "at most 1024", double(octaves));
    check.within("seedLow", double(seedLow), 0, 4294967295.0);
    check.within("seedHigh", double(seedHigh), 0, 4294967295.0);
    validatePeriods(check, dim);
  }

 private:
  // A period must be whole in every octave, and its lattice small enough for words of 32 bits.
  void validatePeriods(const Check& check, int64_t dim) const {
    const char* names[] = {"period0", "period1", "period2", "period3"};
    for (int axis = 0; axis < kSimplexAxes; ++axis) {
      check.atLeast(names[axis], period[axis], 0);
      if (period[axis] == 0) continue;
      check.rule(axis < dim, names[axis], "0 beyond dim", double(period[axis]));
      const double whole = double(int64_t(lacunarity < 1e6 ? lacunarity : 0));
      check.rule(octaves == 1 || (lacunarity >= 1 && lacunarity == whole), "lacunarity",
                 "a whole number for a field with a period and octaves", lacunarity);
      double last = double(period[axis]);
      for (int64_t o = 1; o < octaves && last <= kLargestSimplexPeriod; ++o) last *= lacunarity;
      check.rule(last <= kLargestSimplexPeriod, names[axis],
                 "at most 2^27 / lacunarity^(octaves - 1)", double(period[axis]));
    }
  }
};

// Where a grid's points are: point (i_0, …, i_{dim−1}) stands at origin_k + i_k step_k.
struct SimplexPlace {
  int64_t dim;
  int64_t shape[kSimplexAxes];  // the last axis is contiguous; 1 beyond dim
  double origin[kSimplexAxes], step[kSimplexAxes];

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("dim", dim);
    visit("shape0", shape[0]);
    visit("shape1", shape[1]);
    visit("shape2", shape[2]);
    visit("shape3", shape[3]);
    visit("origin0", origin[0]);
    visit("origin1", origin[1]);
    visit("origin2", origin[2]);
    visit("origin3", origin[3]);
    visit("step0", step[0]);
    visit("step1", step[1]);
    visit("step2", step[2]);
    visit("step3", step[3]);
  }
  // `view` holds `components` numbers for each point.
  template <class T>
  void expectPoints(const Check& check, const char* name, View<T> view, int64_t components) const {
    check.shape(name, view,
                {{"shape0", shape[0]},
                 {"shape1", shape[1]},
                 {"shape2", shape[2]},
                 {"shape3", shape[3]},
                 {"components", components}});
  }
  void validate(const Check& check) const {
    const char* names[] = {"shape0", "shape1", "shape2", "shape3"};
    for (int axis = 0; axis < kSimplexAxes; ++axis) {
      check.rule(axis < dim || shape[axis] == 1, names[axis], "1 beyond dim", double(shape[axis]));
    }
  }
  HOST_DEVICE int64_t points() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
};

template <class Real>
struct SimplexSample {
  static constexpr const char* name = "simplexSample";
  using Types = FullFloatTypes;
  View<const Real> points;  // (samples, dim)
  View<Real> value;         // (samples), written
  View<Real> derivative;    // (samples, dim), written, optional: ∂value/∂point
  int64_t samples, dim;
  SimplexField field;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("points", points);
    visit("value", value);
    visit.optional("derivative", derivative);
    visit("samples", samples);
    visit("dim", dim);
    field.fields(visit);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("samples", samples, 0);
    check.atLeast("dim", dim, 1);
    check.shape("points", points, {{"samples", samples}, {"dim", dim}});
    check.shape("value", value, {{"samples", samples}});
    if (derivative) check.shape("derivative", derivative, {{"samples", samples}, {"dim", dim}});
    field.validate(check, dim);
  }
};

// gradPoints = gradOutput · derivative, the derivative being the one that the forward pass wrote.
template <class Real>
struct SimplexSampleBackward {
  static constexpr const char* name = "simplexSampleBackward";
  using Types = FullFloatTypes;
  View<const Real> gradOutput;  // (samples)
  View<const Real> derivative;  // (samples, dim)
  View<Real> gradPoints;        // (samples, dim), written
  int64_t samples, dim;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("derivative", derivative);
    visit("gradPoints", gradPoints);
    visit("samples", samples);
    visit("dim", dim);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("samples", samples, 0);
    check.atLeast("dim", dim, 1);
    check.shape("gradOutput", gradOutput, {{"samples", samples}});
    check.shape("derivative", derivative, {{"samples", samples}, {"dim", dim}});
    check.shape("gradPoints", gradPoints, {{"samples", samples}, {"dim", dim}});
  }
};

template <class Real>
struct SimplexGrid {
  static constexpr const char* name = "simplexGrid";
  using Types = FullFloatTypes;
  View<Real> value;       // (shape), written
  View<Real> derivative;  // (shape, dim), written, optional
  SimplexPlace place;
  SimplexField field;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("value", value);
    visit.optional("derivative", derivative);
    place.fields(visit);
    field.fields(visit);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("dim", place.dim, 1);
    place.expectPoints(check, "value", value, 1);
    if (derivative) place.expectPoints(check, "derivative", derivative, place.dim);
    field.validate(check, place.dim);
    place.validate(check);
  }
};

// Divergence-free vectors. Two dimensions: (∂ψ/∂y, −∂ψ/∂x) of the field ψ; three: the curl of
// (ψ(x + o_1), ψ(x + o_2), ψ(x + o_3)), the o_k being those of the warp. Bridson et al. 2007,
// "Curl-noise for procedural fluid flow".
template <class Real>
struct SimplexCurlSample {
  static constexpr const char* name = "simplexCurlSample";
  using Types = FullFloatTypes;
  View<const Real> points;  // (samples, dim)
  View<Real> curl;          // (samples, dim), written
  int64_t samples, dim;     // dim is 2 or 3
  SimplexField field;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("points", points);
    visit("curl", curl);
    visit("samples", samples);
    visit("dim", dim);
    field.fields(visit);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("samples", samples, 0);
    check.atLeast("dim", dim, 1);
    check.shape("points", points, {{"samples", samples}, {"dim", dim}});
    check.shape("curl", curl, {{"samples", samples}, {"dim", dim}});
    field.validate(check, dim);
    check.rule(dim == 2 || dim == 3, "dim", "2 or 3", double(dim));
  }
};

template <class Real>
struct SimplexCurlGrid {
  static constexpr const char* name = "simplexCurlGrid";
  using Types = FullFloatTypes;
  View<Real> curl;     // (shape, dim), written
  SimplexPlace place;  // dim is 2 or 3
  SimplexField field;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("curl", curl);
    place.fields(visit);
    field.fields(visit);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("dim", place.dim, 1);
    place.expectPoints(check, "curl", curl, place.dim);
    field.validate(check, place.dim);
    place.validate(check);
    check.rule(place.dim == 2 || place.dim == 3, "dim", "2 or 3", double(place.dim));
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
