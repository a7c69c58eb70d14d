// The prologue of a sum over clusters: proves that the lists describe a tree, so that no index
// leaves its array and no two tasks write one place, and lays the nodes and proxies out in whole
// vectors.
#pragma once

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/wave_tree.h"

namespace entrain::inline ENTRAIN_ISA::cpu::wave {

// The symmetric rows of far or near: where in scratch the part of a pair lies that row `a` computed
// for the cluster `b > a`; both entries of the pair tell the same place.
struct PairRows {
  const int32_t* start;
  const int32_t* entries;
  int64_t* mates;  // of an entry b > a: that of a in row b
};

struct TreePlan {
  int64_t clusters, levels;
  const int32_t *nodeStart, *firstChild, *levelStart, *proxyStart;
  int32_t* parents = nullptr;
  int64_t* nodePlace = nullptr;   // (clusters + 1): nodes in whole vectors; only leaves have any
  int64_t* proxyPlace = nullptr;  // (clusters + 1)
  PairRows far = {}, near = {};

  int64_t nodeCount(int64_t c) const {
    return firstChild[c] < 0 ? nodeStart[2 * c + 1] - nodeStart[2 * c] : 0;
  }
  int64_t proxies(int64_t c) const { return proxyStart[c + 1] - proxyStart[c]; }
};

template <class Real>
HOST_DEVICE int64_t wholeVectors(int64_t count) {
  return (count + Vector<Real>::kLanes - 1) / Vector<Real>::kLanes * Vector<Real>::kLanes;
}

// What is wrong with a plan, if anything: the cluster and the number that cannot be.
struct PlanFault {
  int64_t cluster = -1;
  double value = 0;
};

template <class Real>
PlanFault faultOfLevels(const WaveTreeSum<Real>& op) {
  for (int64_t level = 0; level <= op.levels; ++level) {
    const int64_t begin = op.levelStart[level];
    const int64_t least = level == 0 ? 0 : op.levelStart[level - 1] + 1;
    if (begin < least || (level == 0 && begin > 0)) return {0, double(begin)};
  }
  const int64_t end = op.levelStart[op.levels];
  return end == op.clusters ? PlanFault{} : PlanFault{0, double(end)};
}

// Every cluster below the first level is the child of one cluster of the level before.
template <class Real>
PlanFault faultOfChildren(const WaveTreeSum<Real>& op, int32_t* parents) {
  for (int64_t c = 0; c < op.clusters; ++c) parents[c] = -1;
  for (int64_t level = 0; level < op.levels; ++level) {
    const int64_t next = op.levelStart[level + 1];
    const int64_t end = level + 1 < op.levels ? op.levelStart[level + 2] : next;
    for (int64_t c = op.levelStart[level]; c < next; ++c) {
      if (level > 0 && parents[c] < 0) return {c, -1};
      const int64_t child = op.firstChild[c];
      if (child < 0) continue;
      if (child < next || child + 2 > end || parents[child] >= 0 || parents[child + 1] >= 0) {
        return {c, double(child)};
      }
      parents[child] = parents[child + 1] = int32_t(c);
    }
  }
  return {};
}

// Nodes of leaves, orders and proxies.
template <class Real>
PlanFault faultOfSizes(const WaveTreeSum<Real>& op) {
  int64_t nodes = 0, proxies = 0;
  for (int64_t c = 0; c < op.clusters; ++c) {
    const int64_t begin = op.nodeStart[2 * c], end = op.nodeStart[2 * c + 1];
    if (begin < 0 || end < begin || end > op.nodes) return {c, double(end)};
    if (op.firstChild[c] < 0) nodes += end - begin;
    if (op.proxyStart[c] != proxies) return {c, double(op.proxyStart[c])};
    int64_t count = 1;
    for (int64_t axis = 0; axis < 3; ++axis) {
      const int64_t order = op.orders[3 * c + axis];
      if (order < 1 || order > kMaximumTreeOrder) return {c, double(order)};
      count *= order;
    }
    proxies += count;
  }
  if (nodes > op.nodes) return {0, double(nodes)};
  const bool ends = proxies == op.proxyCount && op.proxyStart[op.clusters] == proxies;
  return ends ? PlanFault{} : PlanFault{0, double(proxies)};
}

// Ascending rows in which both clusters of a pair list each other. `cursor` is scratch for a number
// of each cluster.
inline PlanFault faultOfRows(const PairRows& rows, int64_t clusters, int64_t count,
                             const int32_t* firstChild, bool leaves, int64_t* cursor) {
  if (rows.start[0] != 0 || rows.start[clusters] != count) return {0, double(rows.start[0])};
  for (int64_t c = 0; c < clusters; ++c) {
    if (rows.start[c + 1] < rows.start[c]) return {c, double(rows.start[c + 1])};
    cursor[c] = rows.start[c];
  }
  for (int64_t a = 0; a < clusters; ++a) {
    // The entries below a are those that earlier rows have met.
    int64_t before = a - 1;
    for (int64_t e = cursor[a]; e < rows.start[a + 1]; ++e) {
      const int64_t b = rows.entries[e];
      if (b <= before || b >= clusters || (leaves && (firstChild[a] >= 0 || firstChild[b] >= 0))) {
        return {a, double(b)};
      }
      before = b;
      rows.mates[e] = e;
      if (b == a) continue;
      const int64_t mate = cursor[b]++;
      if (mate >= rows.start[b + 1] || rows.entries[mate] != a) return {b, double(a)};
      rows.mates[e] = mate;
    }
  }
  return {};
}

// Checks the plan and fills in what is derived from it; raises a fault and gives false where it is
// none.
template <class Real>
bool makePlan(const WaveTreeSum<Real>& op, Context& context, TreePlan& plan) {
  const int64_t clusters = op.clusters;
  plan = {.clusters = clusters,
          .levels = op.levels,
          .nodeStart = op.nodeStart.data,
          .firstChild = op.firstChild.data,
          .levelStart = op.levelStart.data,
          .proxyStart = op.proxyStart.data};
  plan.parents = context.workspace<int32_t>(clusters);
  plan.nodePlace = context.workspace<int64_t>(clusters + 1);
  plan.proxyPlace = context.workspace<int64_t>(clusters + 1);
  plan.far = {op.farStart.data, op.far.data, context.workspace<int64_t>(op.farCount)};
  plan.near = {op.nearStart.data, op.near.data, context.workspace<int64_t>(op.nearCount)};
  PlanFault fault = faultOfLevels(op);
  if (fault.cluster < 0) fault = faultOfChildren(op, plan.parents);
  if (fault.cluster < 0) fault = faultOfSizes(op);
  int64_t* const cursor = plan.nodePlace;
  if (fault.cluster < 0) {
    fault = faultOfRows(plan.far, clusters, op.farCount, plan.firstChild, false, cursor);
  }
  if (fault.cluster < 0) {
    fault = faultOfRows(plan.near, clusters, op.nearCount, plan.firstChild, true, cursor);
  }
  if (fault.cluster >= 0) {
    context.raise(runtime::FaultRule::treePlan, fault.cluster, fault.value);
    return false;
  }
  plan.nodePlace[0] = plan.proxyPlace[0] = 0;
  for (int64_t c = 0; c < clusters; ++c) {
    plan.nodePlace[c + 1] = plan.nodePlace[c] + wholeVectors<Real>(plan.nodeCount(c));
    plan.proxyPlace[c + 1] = plan.proxyPlace[c] + wholeVectors<Real>(plan.proxies(c));
  }
  return true;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu::wave
