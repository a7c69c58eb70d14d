// Standard normal numbers of any range of a random stream: those of ops/random.h to the bit.
#pragma once

#include "cpu/philox.h"
#include "ops/random.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// to[i] = normal number first + i of the stream.
template <class Real>
void drawNormals(RandomStream random, int64_t first, int64_t count, Real* to) {
  constexpr int64_t kBlock = kBlockPositions * kDraws<Real>;
  constexpr int64_t kWords = kBlockWords / kBlock;  // of an element
  int64_t position = first / kDraws<Real>;
  for (int64_t done = 0, skip = first % kDraws<Real>; done < count; skip = 0) {
    uint32_t words[kBlockWords];
    randomBlock(random, position, words);
    Real u[kBlock / 2], v[kBlock / 2];
    for (int64_t i = 0; i < kBlock / 2; ++i) {
      const uint32_t* pair = words + 2 * kWords * i;
      if constexpr (kWords == 1) {
        u[i] = uniformOf(pair[0]);
        v[i] = uniformOf(pair[1]);
      } else {
        u[i] = uniformOf(pair[0], pair[1]);
        v[i] = uniformOf(pair[2], pair[3]);
      }
    }
    for (int64_t i = 0; i < kBlock / 2; i += Vector<Real>::kLanes) {
      Vector<Real> a = load(u + i), b = load(v + i);
      normalPair(Vector<Real>(a), Vector<Real>(b), a, b);
      store(u + i, a);
      store(v + i, b);
    }
    for (int64_t i = skip; i < kBlock && done < count; ++i, ++done) {
      to[done] = i % 2 == 0 ? u[i / 2] : v[i / 2];
    }
    position += kBlockPositions;
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
