// Random numbers that are a function of seed, stream and element alone (ops/philox.h). The words
// w0 … w3 of position p give
//   float32 and the half types: elements 4p … 4p + 3, with u_j = (w_j >> 8) 2^−24
//   float64: elements 2p and 2p + 1, with u_0 = (w0 2^32 + w1 >> 11) 2^−53 and u_1 of w2, w3 alike
// uniform: low + (high − low) u_j, rounded to nearest (which may give `high` itself)
// normal: of each pair u, v of uniform numbers, mean + deviation r cos 2πv and mean + deviation
// r sin 2πv, r² = −2 ln(1 − u): float32 draws elements 4p, 4p + 1 of w0, w1 and 4p + 2, 4p + 3 of
// w2, w3; float64 draws elements 2p, 2p + 1 of all four. The half types round the float32 number.
#pragma once

#include "ops/operation.h"
#include "ops/philox.h"

namespace entrain::inline ENTRAIN_ISA {

// Elements that one position gives.
template <class Real>
constexpr int kDraws = kIsSingle<Real> ? 4 : 2;

HOST_DEVICE void uniformsOf(PhiloxWords words, float (&uniforms)[4]) {
  for (int j = 0; j < 4; ++j) uniforms[j] = uniformOf(words.words[j]);
}
HOST_DEVICE void uniformsOf(PhiloxWords words, double (&uniforms)[2]) {
  uniforms[0] = uniformOf(words.words[0], words.words[1]);
  uniforms[1] = uniformOf(words.words[2], words.words[3]);
}

// What becomes of two neighbouring uniform numbers; `Real` is Number or a vector of it.
template <class Number>
struct UniformShape {
  Number low, span;

  template <class Real>
  HOST_DEVICE void operator()(Real& first, Real& second) const {
    first = fma(first, Real(span), Real(low));
    second = fma(second, Real(span), Real(low));
  }
};

template <class Number>
struct NormalShape {
  Number mean, deviation;

  template <class Real>
  HOST_DEVICE void operator()(Real& first, Real& second) const {
    normalPair(Real(first), Real(second), first, second);
    first = fma(first, Real(deviation), Real(mean));
    second = fma(second, Real(deviation), Real(mean));
  }
};

template <class Real>
struct RandomUniform {
  static constexpr const char* name = "randomUniform";
  using Types = FloatTypes;
  View<Real> output;                              // (length), written
  int64_t seedLow = 0, seedHigh = 0, stream = 0;  // in [0, 2^32)
  double low = 0, high = 1;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("output", output);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("low", low);
    visit("high", high);
  }
  void validate() const {
    const Check check(name);
    check.within("seedLow", double(seedLow), 0, 4294967295.0);
    check.within("seedHigh", double(seedHigh), 0, 4294967295.0);
    check.within("stream", double(stream), 0, 4294967295.0);
    check.rule(high >= low && high - low <= 1.7976931348623157e308, "high",
               "at least low, and finitely far from it", high);
  }

  HOST_DEVICE RandomStream random() const {
    return {uint32_t(seedLow), uint32_t(seedHigh), uint32_t(stream)};
  }
  HOST_DEVICE UniformShape<Compute<Real>> shape() const {
    return {Compute<Real>(low), Compute<Real>(high - low)};
  }
};

template <class Real>
struct RandomNormal {
  static constexpr const char* name = "randomNormal";
  using Types = FloatTypes;
  View<Real> output;                              // (length), written
  int64_t seedLow = 0, seedHigh = 0, stream = 0;  // in [0, 2^32)
  double mean = 0, deviation = 1;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("output", output);
    visit("seedLow", seedLow);
    visit("seedHigh", seedHigh);
    visit("stream", stream);
    visit("mean", mean);
    visit("deviation", deviation);
  }
  void validate() const {
    const Check check(name);
    check.within("seedLow", double(seedLow), 0, 4294967295.0);
    check.within("seedHigh", double(seedHigh), 0, 4294967295.0);
    check.within("stream", double(stream), 0, 4294967295.0);
    check.rule(deviation >= 0, "deviation", "at least 0", deviation);
  }

  HOST_DEVICE RandomStream random() const {
    return {uint32_t(seedLow), uint32_t(seedHigh), uint32_t(stream)};
  }
  HOST_DEVICE NormalShape<Compute<Real>> shape() const {
    return {Compute<Real>(mean), Compute<Real>(deviation)};
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
