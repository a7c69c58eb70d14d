// Philox4x32-10, a counter-based random number generator: four words are a function of a key and a
// counter alone, so a stream is the same in any order and launch shape.
// Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <cstdint>

#include "ops/logarithm.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {

struct PhiloxWords {
  uint32_t words[4];
};

// Ten rounds; between them the key advances by the golden ratio and √3 - 1.
HOST_DEVICE PhiloxWords philox(uint32_t key0, uint32_t key1, PhiloxWords counter) {
  uint32_t a = counter.words[0], b = counter.words[1], c = counter.words[2], d = counter.words[3];
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t(0xd2511f53u) * a;
    const uint64_t second = uint64_t(0xcd9e8d57u) * c;
    a = uint32_t(second >> 32) ^ b ^ key0;
    b = uint32_t(second);
    c = uint32_t(first >> 32) ^ d ^ key1;
    d = uint32_t(first);
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  return {{a, b, c, d}};
}

// Which numbers to draw: a seed of 64 bits and the number of a stream.
struct RandomStream {
  uint32_t seedLow, seedHigh, stream;
};

// The four words of elements 4·position … 4·position + 3 of a stream.
HOST_DEVICE PhiloxWords randomWords(RandomStream random, int64_t position) {
  const uint32_t low = uint32_t(uint64_t(position)), high = uint32_t(uint64_t(position) >> 32);
  return philox(random.seedLow, random.seedHigh, {{low, high, random.stream, 0}});
}

// Uniform in [0, 1): 24 bits of one word for float, 53 bits of two words for double.
HOST_DEVICE float uniformOf(uint32_t word) {
  return float(int32_t(word >> 8)) * 0x1p-24f;
}
HOST_DEVICE double uniformOf(uint32_t high, uint32_t low) {
  return double(int64_t((uint64_t(high) << 32 | low) >> 11)) * 0x1p-53;
}

// Two standard normal numbers of two uniform ones (Box & Muller 1958): with radius² = -2 ln(1 - u),
// radius · cos 2πv and radius · sin 2πv.
template <class Real>
HOST_DEVICE void normalPair(Real u, Real v, Real& first, Real& second) {
  constexpr Lane<Real> kTurn = Lane<Real>(6.283185307179586);
  const Real radius = squareRoot(logarithm(Real(Lane<Real>(1)) - u) * Real(Lane<Real>(-2)));
  Real sine, cosine;
  sineCosine(v * Real(kTurn), sine, cosine);
  first = radius * cosine;
  second = radius * sine;
}

}  // namespace entrain::inline ENTRAIN_ISA
