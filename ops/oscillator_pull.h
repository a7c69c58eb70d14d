// How pairs of numbers are pulled through a graph, P_i = Σ_{j≠i} A_ij f_j, or back through it,
// G_j = Σ_{i≠j} A_ij g_i; and the gradient of A. O(N) all to all, O(N √k) on a ring, O(edges) else.
#pragma once

#include "ops/oscillator_network.h"

namespace entrain::inline ENTRAIN_ISA {

// Whether what pulls i is all there is less its own part; then only `total` is formed.
template <class Real>
HOST_DEVICE bool pullsByTotal(const OscillatorNetwork<Real>& net) {
  return net.graph == kGlobalGraph;
}

// What pulls i, from the sums that pull() left.
template <class Real, class Access>
HOST_DEVICE Circle<Loaded<Access, Real>> pulledAt(const OscillatorNetwork<Real>& net,
                                                  const Real* pairs, const Real* pulled,
                                                  const Real* total, int64_t b, int64_t i,
                                                  Access access) {
  using Number = Loaded<Access, Real>;
  const int64_t n = net.oscillators, at = b * 2 * n + i;
  if (!pullsByTotal(net)) return loadPair(access, pulled + at, n);
  const Circle<Number> own = loadPair(access, pairs + at, n);
  return {Number(total[2 * b + 1]) - own.sine, Number(total[2 * b]) - own.cosine};
}

// total[b] = Σ_i pair(b, i, access); `pair` may also store what it computes.
template <class Team, class Real, class Uses, class Pair>
TEAM_FUNCTION void sumPairs(const Team& team, int64_t n, Real* total, const Uses& uses,
                            const Pair& pair) {
  const int64_t first = team.first;
  team.template rowSums<2>(
      team.count, n, [&](int64_t row) { return uses(first + row); },
      [&](int64_t row, int64_t i, auto access, auto* sums) {
        const auto value = pair(first + row, i, access);
        sums[0] = sums[0] + access.keep(value.cosine);
        sums[1] = sums[1] + access.keep(value.sine);
      },
      [&](int64_t row, const Real* sums) {
        total[2 * (first + row)] = sums[0];
        total[2 * (first + row) + 1] = sums[1];
      });
}

// A dense row times the pairs; `firstAbsolute`: |A| for the first plane.
template <class Team, class Real, class Uses>
TEAM_FUNCTION void pullDense(const Team& team, const OscillatorNetwork<Real>& net,
                             const Real* pairs, Real* pulled, const Uses& uses,
                             bool firstAbsolute) {
  const int64_t n = net.oscillators, first = team.first, count = team.count;
  team.template rowSums<2>(
      n * count, n, [&](int64_t row) { return uses(first + row % count); },
      [&](int64_t row, int64_t j, auto access, auto* sums) {
        const int64_t i = row / count, b = first + row % count;
        const auto a = withoutLane(access.load(net.weight + i * n + j), i - j);
        const auto pair = loadPair(access, pairs + b * 2 * n + j, n);
        sums[0] = fma(firstAbsolute ? absolute(a) : a, pair.cosine, sums[0]);
        sums[1] = fma(a, pair.sine, sums[1]);
      },
      [&](int64_t row, const Real* sums) {
        const int64_t at = (first + row % count) * 2 * n + row / count;
        pulled[at] = sums[0];
        pulled[at + n] = sums[1];
      });
}
template <class Team, class Real, class Uses>
TEAM_FUNCTION void pullBackDense(const Team& team, const OscillatorNetwork<Real>& net,
                                 const Real* pairs, Real* pulled, const Uses& uses,
                                 bool firstAbsolute) {
  const int64_t n = net.oscillators;
  team.nodes(
      uses, n,
      [&](int64_t b, int64_t j, auto access) {
        using Number = Loaded<decltype(access), Real>;
        const Real* const pair = pairs + b * 2 * n;
        Circle<Number> sum = {Number(Real(0)), Number(Real(0))};
        for (int64_t i = 0; i < n; ++i) {
          const Number a = withoutLane(access.load(net.weight + i * n + j), i - j);
          sum.cosine = fma(firstAbsolute ? absolute(a) : a, Number(pair[i]), sum.cosine);
          sum.sine = fma(a, Number(pair[n + i]), sum.sine);
        }
        storePair(access, pulled + b * 2 * n + j, n, sum);
      },
      n);
}

// Σ over the edges first … last - 1 of an oscillator: `other` is the other end, `edge` its weight.
template <class Real>
HOST_DEVICE Circle<Real> sumOverEdges(const OscillatorNetwork<Real>& net, const int32_t* other,
                                      const int32_t* edge, int64_t self, const Real* pair,
                                      int64_t first, int64_t last, bool firstAbsolute) {
  Circle<Real> sum = {Real(0), Real(0)};
  for (int64_t e = first; e < last; ++e) {
    const int64_t j = other[e];
    const Real a = j == self ? Real(0) : net.weight[edge ? edge[e] : e];
    sum.cosine = fma(firstAbsolute ? absolute(a) : a, pair[j], sum.cosine);
    sum.sine = fma(a, pair[net.oscillators + j], sum.sine);
  }
  return sum;
}
template <class Team, class Real, class Uses>
TEAM_FUNCTION void pullSparse(const Team& team, const OscillatorNetwork<Real>& net,
                              const Real* pairs, Real* pulled, const Uses& uses, bool back,
                              bool firstAbsolute) {
  const int64_t n = net.oscillators, first = team.first;
  const int32_t* const pointer = back ? net.sourcePointer : net.rowPointer;
  const int32_t* const other = back ? net.source : net.column;
  const int32_t* const edge = back ? net.sourceEdge : nullptr;
  team.forRows(team.count * n, [&](int64_t row) {
    const int64_t b = first + row / n, i = row % n;
    if (!uses(b)) return;
    const Circle<Real> sum = sumOverEdges(net, other, edge, i, pairs + b * 2 * n, pointer[i],
                                          pointer[i + 1], firstAbsolute);
    pulled[b * 2 * n + i] = sum.cosine;
    pulled[b * 2 * n + n + i] = sum.sine;
  });
}

// Σ of a plane over [from, to), by whole blocks where there are any.
template <class Real>
HOST_DEVICE Real sumOfStretch(const Real* plane, const Real* blocks, int64_t block, int64_t from,
                              int64_t to) {
  Real sum(0);
  int64_t i = from;
  if (blocks && to - from >= block) {
    for (; i % block != 0; ++i) sum += plane[i];
    for (; i + block <= to; i += block) sum += blocks[i / block];
  }
  for (; i < to; ++i) sum += plane[i];
  return sum;
}
// Σ over i - k … i + k without i, modulo n; 2 k < n.
template <class Real>
HOST_DEVICE Real sumOfWindow(const Real* plane, const Real* blocks, int64_t block, int64_t i,
                             int64_t k, int64_t n) {
  const int64_t before = i - k, after = i + k + 1;
  Real sum = sumOfStretch(plane, blocks, block, before > 0 ? before : 0, i);
  sum += sumOfStretch(plane, blocks, block, i + 1, after < n ? after : n);
  if (before < 0) sum += sumOfStretch(plane, blocks, block, before + n, n);
  if (after > n) sum += sumOfStretch(plane, blocks, block, int64_t(0), after - n);
  return sum;
}
template <class Team, class Real, class Uses>
TEAM_FUNCTION void pullRing(const Team& team, const OscillatorNetwork<Real>& net, const Real* pairs,
                            Real* pulled, const Uses& uses) {
  const int64_t n = net.oscillators, first = team.first;
  const int64_t block = ringBlock(net), blocks = usesBlocks(net) ? n / block : 0;
  const auto planeBlocks = [&](int64_t plane) {
    return blocks > 0 ? net.blocks + (2 * first + plane) * (n / block + 1) : nullptr;
  };
  if (blocks > 0) {
    team.forRows(team.count * 2 * blocks, [&](int64_t row) {
      const int64_t plane = row / blocks, at = row % blocks;
      if (!uses(first + plane / 2)) return;
      const Real* const from = pairs + (2 * first + plane) * n + at * block;
      Real sum(0);
      for (int64_t i = 0; i < block; ++i) sum += from[i];
      planeBlocks(plane)[at] = sum;
    });
  }
  team.forRows(team.count * 2 * n, [&](int64_t row) {
    const int64_t plane = row / n, i = row % n;
    if (!uses(first + plane / 2)) return;
    const Real* const from = pairs + (2 * first + plane) * n;
    pulled[2 * first * n + row] =
        sumOfWindow(from, planeBlocks(plane), block, i, net.neighbours, n);
  });
}

// Forms what pulledAt() reads; all to all that is `total`, of which sumPairs() can do the work
// where the pairs are made.
template <class Team, class Real, class Uses>
TEAM_PASS void pull(const Team& team, const OscillatorNetwork<Real>& net, const Real* pairs,
                    Real* pulled, const Uses& uses, bool back, bool firstAbsolute = false) {
  switch (net.graph) {
    case kGlobalGraph:
      return;
    case kDenseGraph:
      if (back) return pullBackDense(team, net, pairs, pulled, uses, firstAbsolute);
      return pullDense(team, net, pairs, pulled, uses, firstAbsolute);
    case kSparseGraph:
      return pullSparse(team, net, pairs, pulled, uses, back, firstAbsolute);
    default:
      return pullRing(team, net, pairs, pulled, uses);
  }
}

// Makes pairs by `pair(b, i, access)`, which stores what it returns, and pulls them.
template <class Team, class Real, class Uses, class Pair>
TEAM_FUNCTION void makeAndPull(const Team& team, const OscillatorNetwork<Real>& net,
                               const Real* pairs, Real* pulled, Real* total, const Uses& uses,
                               bool back, const Pair& pair) {
  if (pullsByTotal(net)) return sumPairs(team, net.oscillators, total, uses, pair);
  team.nodes(uses, net.oscillators,
             [&](int64_t b, int64_t i, auto access) { (void)pair(b, i, access); });
  pull(team, net, pairs, pulled, uses, back);
}

// gradWeight += Σ_b g_i · f_j, `gradPairs` being g and `pairs` f; 0 for edges to oneself.
template <class Team, class Real, class Uses>
TEAM_PASS void addGradWeight(const Team& team, const OscillatorNetwork<Real>& net,
                             const Real* gradPairs, const Real* pairs, Real* gradWeight,
                             const Uses& uses) {
  const int64_t n = net.oscillators, first = team.first, last = first + team.count;
  if (net.graph == kSparseGraph) {
    team.forRows(n, [&](int64_t i) {
      for (int64_t e = net.rowPointer[i]; e < net.rowPointer[i + 1]; ++e) {
        const int64_t j = net.column[e];
        if (j == i) continue;
        Real sum = gradWeight[e];
        for (int64_t b = first; b < last; ++b) {
          if (!uses(b)) continue;
          const Real *g = gradPairs + b * 2 * n, *f = pairs + b * 2 * n;
          sum = fma(g[i], f[j], fma(g[n + i], f[n + j], sum));
        }
        gradWeight[e] = sum;
      }
    });
    return;
  }
  // Rows of the matrix take the place of batch elements.
  const auto rows = team.elements(0, n);
  rows.nodes(AllElements{}, n, [&](int64_t i, int64_t j, auto access) {
    using Number = Loaded<decltype(access), Real>;
    Number sum(Real(0));
    for (int64_t b = first; b < last; ++b) {
      if (!uses(b)) continue;
      const Real *g = gradPairs + b * 2 * n, *f = pairs + b * 2 * n;
      sum =
          fma(Number(g[i]), access.load(f + j), fma(Number(g[n + i]), access.load(f + n + j), sum));
    }
    Real* const to = gradWeight + i * n + j;
    access.store(to, access.load(to) + withoutLane(sum, i - j));
  });
}

}  // namespace entrain::inline ENTRAIN_ISA
