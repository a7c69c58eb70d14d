// The passes of the wave field's adjoint over the tiles of cpu/wave_adjoint_tile.h. All nodes: the
// blocks stand in a ring and each meets those of the half ring after it, so that every pair comes
// once and all blocks have the same work. The tasks are cut by the sizes alone, and what they leave
// for other blocks is summed in their order: the result does not depend on the threads.
#pragma once

#include "cpu/kernel.h"
#include "cpu/lane_sums.h"
#include "cpu/wave_adjoint_tile.h"
#include "cpu/wave_inputs.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

static_assert(kWavePadding == kWaveBlock);

// What a pass reads: nodes, receivers (the nodes themselves where there are no targets), times.
template <class Real>
struct WavePass {
  WaveMedium<Real> medium;
  WaveSide<Real> nodes, receivers;
  int64_t nodeCount, receiverCount;
  int samples;
  bool slope;  // whether the gradients of positions and medium are asked for
};

template <WavePairs kPairs, class Real>
void addTile(const WaveTile<Real>& tile, bool slope, int64_t begin, int64_t end, Real* to,
             int64_t stride, MediumSums<Vector<Real>>& total) {
  if (tile.samples == 1) {
    slope ? addPairsOnce<kPairs, true>(tile, begin, end, to, stride, total)
          : addPairsOnce<kPairs, false>(tile, begin, end, to, stride, total);
  } else {
    slope ? addPairs<kPairs, true>(tile, begin, end, to, stride, total)
          : addPairs<kPairs, false>(tile, begin, end, to, stride, total);
  }
}

// A tile of the block that begins at node `begin`, its sums 0.
template <class Real>
WaveTile<Real> tileOf(const WavePass<Real>& pass, const WaveSide<Real>& first, int64_t begin,
                      int64_t count, Vector<Real>* sums) {
  const int64_t left = count - begin;
  const int64_t length = left < kWaveBlock ? left : kWaveBlock;
  for (int64_t n = 0; n < length * wavePlanes(pass.samples); ++n) sums[n] = Vector<Real>(Real(0));
  return {pass.medium, first, pass.nodes, pass.samples, begin, length, sums};
}

// The tile's sums of the first side, lanes added, to planes one every `stride`.
template <class Real>
void storeFirst(const WaveTile<Real>& tile, Real* to, int64_t stride) {
  constexpr int kLanes = Vector<Real>::kLanes;
  const int planes = wavePlanes(tile.samples);
  for (int64_t begin = 0; begin < kWaveBlock; begin += kLanes) {
    for (int plane = 0; plane < planes; ++plane) {
      Vector<Real> group[kLanes];
      for (int k = 0; k < kLanes; ++k) {
        const int64_t n = begin + k;
        group[k] = n < tile.count ? tile.sums[n * planes + plane] : Vector<Real>(Real(0));
      }
      sumsOfLanes(group, to + plane * stride + begin);
    }
  }
}

template <class Real>
void addMedium(MediumSums<double>& to, const MediumSums<Vector<Real>>& from, double factor) {
  to.tension += factor * double(sumLanes(from.tension));
  to.stretch += factor * double(sumLanes(from.stretch));
}
template <class Real>
MediumSums<Vector<Real>> noMedium() {
  return {Vector<Real>(Real(0)), Vector<Real>(Real(0))};
}
inline MediumSums<double> sumOfTasks(const MediumSums<double>* of, int64_t tasks) {
  MediumSums<double> sum = {0, 0};
  for (int64_t task = 0; task < tasks; ++task) {
    sum.tension += of[task].tension;
    sum.stretch += of[task].stretch;
  }
  return sum;
}

// ---- all nodes ----

// Who meets whom: a task has `group` blocks, which meet at most `reach` blocks beyond them.
struct WaveRing {
  static constexpr int64_t kMaximumTasks = 32;

  int64_t blocks, group, tasks, reach;

  explicit WaveRing(int64_t padded)
      : blocks(padded / kWaveBlock),
        group((blocks + kMaximumTasks - 1) / kMaximumTasks),
        tasks((blocks + group - 1) / group),
        reach(blocks / 2) {}

  // One beyond the last block that `block` meets; those from `blocks` on stand for the first ones.
  int64_t endOf(int64_t block) const {
    const bool meetsOpposite = blocks % 2 == 1 || block < blocks / 2;
    return block + reach + (meetsOpposite ? 1 : 0);
  }
  // How many nodes a task's sums for the second side cover, from its own first block on.
  int64_t span() const { return (group + reach) * kWaveBlock; }
};

// The pairs of one block of the ring: with itself, then with those after it.
template <class Real>
void addBlock(const WavePass<Real>& pass, const WaveRing& ring, const WaveTile<Real>& tile,
              Real* to, MediumSums<double>& medium) {
  const int64_t block = tile.begin / kWaveBlock, span = ring.span();
  auto own = noMedium<Real>(), others = noMedium<Real>();
  addTile<WavePairs::diagonal>(tile, pass.slope, tile.begin, tile.begin + kWaveBlock, to, span,
                               own);
  const int64_t end = ring.endOf(block);
  const int64_t straight = end < ring.blocks ? end : ring.blocks;
  addTile<WavePairs::mutual>(tile, pass.slope, (block + 1) * kWaveBlock, straight * kWaveBlock,
                             to + kWaveBlock, span, others);
  addTile<WavePairs::mutual>(tile, pass.slope, 0, (end - straight) * kWaveBlock,
                             to + (straight - block) * kWaveBlock, span, others);
  addMedium(medium, own, 0.5);
  addMedium(medium, others, 1);
}

// Adds what the tasks left for the block that begins at node `begin`, in their order, to its sums.
template <class Real>
void addParts(const WaveRing& ring, const Real* parts, int64_t planes, int64_t begin, Real* sums,
              int64_t stride) {
  const int64_t span = ring.span();
  for (int64_t task = 0; task < ring.tasks; ++task) {
    const Real* const part = parts + task * planes * span;
    for (int64_t at = begin - task * ring.group * kWaveBlock; at < span; at += stride) {
      if (at < 0) continue;
      for (int64_t plane = 0; plane < planes; ++plane) {
        for (int64_t n = 0; n < kWaveBlock; n += Vector<Real>::kLanes) {
          addTo(sums + plane * stride + begin + n, load(part + plane * span + at + n));
        }
      }
    }
  }
}

// The sums of all nodes, sums[planes][stride of the nodes], and of the medium.
template <class Real>
MediumSums<double> sumAllPairs(const WavePass<Real>& pass, Real* sums, Context& context) {
  const runtime::WorkspaceScope scope(context);
  const int64_t stride = pass.nodes.stride, planes = wavePlanes(pass.samples);
  const WaveRing ring(stride);
  Real* const parts = context.workspace<Real>(ring.tasks * planes * ring.span());
  auto* const tiles = context.workspace<Vector<Real>>(ring.tasks * planes * kWaveBlock);
  auto* const media = context.workspace<MediumSums<double>>(ring.tasks);
  context.forEach(ring.tasks, [&](int64_t task) {
    Real* const part = parts + task * planes * ring.span();
    memset(part, 0, size_t(planes * ring.span()) * sizeof(Real));
    media[task] = {0, 0};
    const int64_t begin = task * ring.group;
    for (int64_t n = 0; n < ring.group && begin + n < ring.blocks; ++n) {
      const int64_t node = (begin + n) * kWaveBlock;
      const auto tile =
          tileOf(pass, pass.nodes, node, pass.nodeCount, tiles + task * planes * kWaveBlock);
      addBlock(pass, ring, tile, part + n * kWaveBlock, media[task]);
      storeFirst(tile, sums + node, stride);
    }
  });
  context.forEach(ring.blocks, [&](int64_t block) {
    addParts(ring, parts, planes, block * kWaveBlock, sums, stride);
  });
  return sumOfTasks(media, ring.tasks);
}

// ---- targets ----

// The sums of the nodes as sources and of the receivers, each sums[planes][stride of its side].
template <class Real>
MediumSums<double> sumTargets(const WavePass<Real>& pass, Real* nodeSums, Real* receiverSums,
                              Context& context) {
  constexpr int64_t kMaximumTasks = 64, kLeastNodes = 512;
  const runtime::WorkspaceScope scope(context);
  const int64_t stride = pass.nodes.stride, planes = wavePlanes(pass.samples);
  const int64_t blocks = stride / kWaveBlock;
  const int64_t share = (blocks + kMaximumTasks - 1) / kMaximumTasks * kWaveBlock;
  const int64_t grain = share > kLeastNodes ? share : kLeastNodes;
  const int64_t tasks = (stride + grain - 1) / grain;
  const int64_t receivers = pass.receivers.stride;
  Real* const parts = context.workspace<Real>(tasks * planes * receivers);
  auto* const tiles = context.workspace<Vector<Real>>(tasks * planes * kWaveBlock);
  auto* const media = context.workspace<MediumSums<double>>(tasks);
  memset(nodeSums, 0, size_t(planes * stride) * sizeof(Real));
  context.forEach(tasks, [&](int64_t task) {
    media[task] = {0, 0};
    const int64_t begin = task * grain;
    const int64_t end = begin + grain < stride ? begin + grain : stride;
    for (int64_t s = 0; s < pass.receiverCount; s += kWaveBlock) {
      const auto tile =
          tileOf(pass, pass.receivers, s, pass.receiverCount, tiles + task * planes * kWaveBlock);
      auto medium = noMedium<Real>();
      addTile<WavePairs::directed>(tile, pass.slope, begin, end, nodeSums + begin, stride, medium);
      addMedium(media[task], medium, 1);
      storeFirst(tile, parts + task * planes * receivers + s, receivers);
    }
  });
  context.forRange(planes * receivers, kWaveBlock * kWaveBlock, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += Vector<Real>::kLanes) {
      Vector<Real> sum(Real(0));
      for (int64_t task = 0; task < tasks; ++task) {
        sum += load(parts + task * planes * receivers + at);
      }
      store(receiverSums + at, sum);
    }
  });
  return sumOfTasks(media, tasks);
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
