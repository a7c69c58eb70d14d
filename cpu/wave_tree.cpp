// Nodes of leaves and proxies are laid out in whole vectors. Levels upward, then the pairs, then
// levels downward, a task a cluster. Of a pair of blocks the row of the lower cluster computes G
// once: its own U grows at once, that of the other block waits in scratch until the other row takes
// it, so that every sum has one order whatever the number of threads. Floor: 24 multiplications of
// a vector for both ways of 16 pairs; measured 39 cycles in blocks of 128 (Zen 4, float32, on a
// machine shared with other work), 1.5 G pairs a second on a core.
#include "cpu/wave_tree_interpolation.h"
#include "cpu/wave_tree_plan.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

using namespace wave;

constexpr int64_t kWaitingBytes = 16 << 20;  // of U that wait for their rows, about
constexpr int64_t kRowGrain = 16;            // rows a task takes that only adds

template <class Real>
struct TreeRun {
  const WaveTreeSum<Real>& op;
  Context& context;
  TreePlan plan = {};
  Points<Real> nodes = {}, proxies = {};
  ChebyshevFactors<Real>* factors = nullptr;
  int64_t *places = nullptr,
          *cursors = nullptr;  // of entries: where their U waits; of rows: the next that waits
  WaveMedium<Real> medium = {};

  Block nodeBlock(int64_t c) const {
    return {plan.nodePlace[c], plan.nodeCount(c), plan.nodePlace[c + 1] - plan.nodePlace[c]};
  }
  Block proxyBlock(int64_t c) const {
    return {plan.proxyPlace[c], plan.proxies(c), plan.proxyPlace[c + 1] - plan.proxyPlace[c]};
  }
  Grid<Real> grid(int64_t c) const {
    return {op.frames.data + c * kFrameNumbers, op.orders.data + 3 * c, plan.proxyPlace[c]};
  }
  // What lies below a cluster: its nodes, or the proxies of both children.
  const Points<Real>& pointsBelow(int64_t c) const {
    return plan.firstChild[c] < 0 ? nodes : proxies;
  }
  Block blockBelow(int64_t c) const {
    const int64_t child = plan.firstChild[c];
    if (child < 0) return nodeBlock(c);
    const int64_t begin = plan.proxyPlace[child], padded = plan.proxyPlace[child + 2] - begin;
    return {begin, padded, padded};
  }
};

template <class Real>
Points<Real> makePoints(Context& context, int64_t length, int planes) {
  Points<Real> points;
  points.length = length;
  points.x = context.workspace<Real>(length);
  points.y = context.workspace<Real>(length);
  points.z = context.workspace<Real>(length);
  points.q = context.workspace<Real>(planes * length);
  points.u = context.workspace<Real>(planes * length);
  return points;
}

// The node at a place of the order; 0 and a fault where there is none.
template <class Real>
int64_t nodeAt(const TreeRun<Real>& run, int64_t at) {
  const int64_t node = run.op.nodeOrder[at];
  if (node >= 0 && node < run.op.nodes) return node;
  run.context.raise(runtime::FaultRule::treePlan, at, double(node));
  return 0;
}

template <class Real>
void placePoints(const TreeRun<Real>& run) {
  const auto& op = run.op;
  run.context.forRange(op.clusters, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Block nodes = run.nodeBlock(c), proxies = run.proxyBlock(c);
      for (int64_t i = 0; i < nodes.padded; ++i) {
        const int64_t last = i < nodes.count ? i : nodes.count - 1;
        const int64_t node = nodeAt(run, run.plan.nodeStart[2 * c] + last);
        run.nodes.x[nodes.begin + i] = op.positions[node];
        run.nodes.y[nodes.begin + i] = op.positions[op.nodes + node];
        run.nodes.z[nodes.begin + i] = op.positions[2 * op.nodes + node];
      }
      for (int64_t i = 0; i < proxies.padded; ++i) {
        const int64_t from = run.plan.proxyStart[c] + (i < proxies.count ? i : proxies.count - 1);
        run.proxies.x[proxies.begin + i] = op.proxies[from];
        run.proxies.y[proxies.begin + i] = op.proxies[op.proxyCount + from];
        run.proxies.z[proxies.begin + i] = op.proxies[2 * op.proxyCount + from];
      }
    }
  });
}

// q of the samples from `sample` on; all else 0.
template <class Real>
void placeSources(const TreeRun<Real>& run, int64_t sample, int planes) {
  const auto& op = run.op;
  const auto clear = [](Real* from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) from[i] = Real(0);
  };
  run.context.forRange(op.clusters, kRowGrain, [&](int64_t begin, int64_t end) {
    const int64_t nodes = run.plan.nodePlace[begin], proxies = run.plan.proxyPlace[begin];
    const int64_t nodesEnd = run.plan.nodePlace[end], proxiesEnd = run.plan.proxyPlace[end];
    for (int plane = 0; plane < planes; ++plane) {
      const Real* const sources = op.sources.data + (2 * sample + plane) * op.nodes;
      const int64_t row = plane * run.nodes.length, proxyRow = plane * run.proxies.length;
      clear(run.nodes.u + row + nodes, nodesEnd - nodes);
      clear(run.proxies.u + proxyRow + proxies, proxiesEnd - proxies);
      clear(run.proxies.q + proxyRow + proxies, proxiesEnd - proxies);
      for (int64_t c = begin; c < end; ++c) {
        const Block block = run.nodeBlock(c);
        Real* const to = run.nodes.q + row + block.begin;
        for (int64_t i = 0; i < block.count; ++i) {
          to[i] = sources[nodeAt(run, run.plan.nodeStart[2 * c] + i)];
        }
        clear(to + block.count, block.padded - block.count);
      }
    }
  });
}

// From the leaves up: q̂ of every cluster.
template <class Real>
void upward(const TreeRun<Real>& run, int samples) {
  for (int64_t level = run.plan.levels - 1; level >= 0; --level) {
    const int64_t first = run.plan.levelStart[level];
    run.context.forEach(run.plan.levelStart[level + 1] - first, [&](int64_t i) {
      const int64_t c = first + i;
      for (int sample = 0; sample < samples; ++sample) {
        gatherSources(run.grid(c), *run.factors, sampleOf(run.pointsBelow(c), sample),
                      run.blockBelow(c), sampleOf(run.proxies, sample));
      }
    });
  }
}

// From the first level down: Û of every cluster to what lies below.
template <class Real>
void downward(const TreeRun<Real>& run, int planes) {
  for (int64_t level = 0; level < run.plan.levels; ++level) {
    const int64_t first = run.plan.levelStart[level];
    run.context.forEach(run.plan.levelStart[level + 1] - first, [&](int64_t i) {
      const int64_t c = first + i;
      spreadPotential(run.grid(c), *run.factors, run.proxies, run.pointsBelow(c), run.blockBelow(c),
                      planes);
    });
  }
}

// The rows [begin, end) whose waiting U fit into scratch, and their places in it.
template <class Real, class BlockOf>
int64_t placeWaiting(const TreeRun<Real>& run, const PairRows& rows, const BlockOf& blockOf,
                     int64_t begin, int planes, int64_t& total) {
  total = 0;
  int64_t row = begin;
  for (; row < run.plan.clusters; ++row) {
    if (total * int64_t(sizeof(Real)) >= kWaitingBytes) break;
    for (int64_t e = rows.start[row]; e < rows.start[row + 1]; ++e) {
      if (rows.entries[e] <= row) continue;
      run.places[e] = run.places[rows.mates[e]] = total;
      total += planes * blockOf(rows.entries[e]).padded;
    }
  }
  return row;
}

// U += G q of all pairs of blocks that the rows list.
template <int kSamples, class Real, class BlockOf>
void addPairs(const TreeRun<Real>& run, const PairRows& rows, const Points<Real>& points,
              const BlockOf& blockOf) {
  constexpr int kPlanes = 2 * kSamples;
  const int64_t clusters = run.plan.clusters;
  for (int64_t c = 0; c < clusters; ++c) run.cursors[c] = rows.start[c];
  for (int64_t begin = 0, end; begin < clusters; begin = end) {
    const runtime::WorkspaceScope scope(run.context);
    int64_t total;
    end = placeWaiting(run, rows, blockOf, begin, kPlanes, total);
    Real* const waiting = run.context.template workspace<Real>(total);
    run.context.forEach(end - begin, [&](int64_t i) {
      const int64_t a = begin + i;
      for (int64_t e = rows.start[a]; e < rows.start[a + 1]; ++e) {
        const int64_t b = rows.entries[e];
        if (b < a) continue;
        if (b == a) {
          addWithin<kSamples>(run.medium, points, blockOf(a));
        } else {
          addBothWays<kSamples>(run.medium, points, blockOf(a), blockOf(b),
                                waiting + run.places[e]);
        }
      }
    });
    run.context.forRange(clusters - begin, kRowGrain, [&](int64_t first, int64_t last) {
      for (int64_t b = begin + first; b < begin + last; ++b) {
        const Block block = blockOf(b);
        int64_t& e = run.cursors[b];
        for (; e < rows.start[b + 1] && rows.entries[e] < b && rows.entries[e] < end; ++e) {
          const Real* from = waiting + run.places[e];
          for (int plane = 0; plane < kPlanes; ++plane, from += block.padded) {
            Real* const to = points.u + plane * points.length + block.begin;
            for (int64_t k = 0; k < block.padded; ++k) to[k] += from[k];
          }
        }
      }
    });
  }
}

template <class Real>
void writePotential(const TreeRun<Real>& run, int64_t sample, int planes) {
  const auto& op = run.op;
  run.context.forRange(op.clusters, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Block block = run.nodeBlock(c);
      for (int plane = 0; plane < planes; ++plane) {
        Real* const to = op.potential.data + (2 * sample + plane) * op.nodes;
        const Real* const from = run.nodes.u + plane * run.nodes.length + block.begin;
        for (int64_t i = 0; i < block.count; ++i) {
          to[nodeAt(run, run.plan.nodeStart[2 * c] + i)] = from[i];
        }
      }
    }
  });
}

template <int kSamples, class Real>
void sumSamples(const TreeRun<Real>& run, int64_t sample) {
  placeSources(run, sample, 2 * kSamples);
  upward(run, kSamples);
  addPairs<kSamples>(run, run.plan.far, run.proxies, [&](int64_t c) { return run.proxyBlock(c); });
  downward(run, 2 * kSamples);
  addPairs<kSamples>(run, run.plan.near, run.nodes, [&](int64_t c) { return run.nodeBlock(c); });
  writePotential(run, sample, 2 * kSamples);
}

}  // namespace

template <class Real>
void run(const WaveTreeSum<Real>& op, Context& context) {
  TreeRun<Real> run = {.op = op, .context = context};
  if (!makePlan(op, context, run.plan)) {
    for (int64_t i = 0; i < op.potential.length; ++i) op.potential[i] = Real(__builtin_nan(""));
    return;
  }
  const int planes = op.samples >= 4 ? 8 : op.samples >= 2 ? 4 : 2;
  run.nodes = makePoints<Real>(context, run.plan.nodePlace[op.clusters], planes);
  run.proxies = makePoints<Real>(context, run.plan.proxyPlace[op.clusters], planes);
  run.factors = context.workspace<ChebyshevFactors<Real>>(1);
  run.factors->fill();
  const int64_t entries = op.farCount > op.nearCount ? op.farCount : op.nearCount;
  run.places = context.workspace<int64_t>(entries);
  run.cursors = context.workspace<int64_t>(op.clusters);
  run.medium = WaveMedium<Real>::of(Real(op.wavenumber), Real(op.softening));
  placePoints(run);
  int64_t sample = 0;
  for (; sample + 4 <= op.samples; sample += 4) sumSamples<4>(run, sample);
  for (; sample + 2 <= op.samples; sample += 2) sumSamples<2>(run, sample);
  if (sample < op.samples) sumSamples<1>(run, sample);
}

EXPORT_KERNELS(WaveTreeSum)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
