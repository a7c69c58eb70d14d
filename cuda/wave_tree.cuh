// What the kernels of a sum over clusters share: points with their planes, the check of a plan, and
// interpolation between points and the proxies of their cluster.
#pragma once

#include "cuda/fault.cuh"
#include "cuda/launch.cuh"
#include "ops/wave_tree.h"

namespace entrain::inline ENTRAIN_ISA::cuda::wave {

struct WaveTreeTuning {
  static constexpr int threads = 128;       // not measured
  static constexpr int tile = 128;          // sources in shared memory at a time; not measured
  static constexpr int points = 32;         // whose weights are in shared memory; not measured
  static constexpr int blocksPerUnit = 16;  // of a level, at most; not measured
};
constexpr int kOrders = int(kMaximumTreeOrder);
constexpr int kFactors = kOrders * kOrders;

// Points and planes of q and U, two for each sample, `length` apart.
template <class Real>
struct Points {
  const Real *x, *y, *z;
  Real *q, *u;
  int64_t length;
};

// Of a cluster: its points and where the list of its partners stands.
struct Rows {
  const int32_t *start, *entries;
  const int32_t *begins, *ends;  // of a cluster's points: begins[c * stride], ends[c * stride]
  int64_t stride;
  const int32_t* firstChild;  // null, or: only leaves have points
};

template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads) factorKernel(Real* factors) {
  const int order = int(blockIdx.x) + 1;
  for (int i = int(threadIdx.x); i < order * order; i += int(blockDim.x)) {
    factors[order * kFactors + i] = chebyshevFactor<Real>(order, i / order, i % order);
  }
}

// Whether [begin, end) is a range of an array.
__device__ __forceinline__ bool isRange(int64_t begin, int64_t end, int64_t length) {
  return begin >= 0 && begin <= end && end <= length;
}

// Whether every index of a cluster stays inside its array; `value` gets the one that does not.
template <class Real>
__device__ bool isCluster(const WaveTreeSum<Real>& op, int64_t c, double& value) {
  const int64_t nodeBegin = op.nodeStart[2 * c], nodeEnd = op.nodeStart[2 * c + 1];
  value = double(nodeEnd);
  if (!isRange(nodeBegin, nodeEnd, op.nodes)) return false;
  int64_t count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t order = op.orders[3 * c + axis];
    value = double(order);
    if (order < 1 || order > kMaximumTreeOrder) return false;
    count *= order;
  }
  value = double(op.proxyStart[c]);
  if (!isRange(op.proxyStart[c], op.proxyStart[c + 1], op.proxyCount) ||
      op.proxyStart[c + 1] - op.proxyStart[c] != count) {
    return false;
  }
  const int64_t child = op.firstChild[c];
  value = double(child);
  if (child >= 0 && (child <= c || child + 2 > op.clusters)) return false;
  for (const bool isNear : {false, true}) {
    const auto& start = isNear ? op.nearStart : op.farStart;
    value = double(start[c]);
    if (!isRange(start[c], start[c + 1], isNear ? op.nearCount : op.farCount)) return false;
    for (int64_t e = start[c]; e < start[c + 1]; ++e) {
      const int64_t other = isNear ? op.near[e] : op.far[e];
      value = double(other);
      if (other < 0 || other >= op.clusters) return false;
      if (isNear && (child >= 0 || op.firstChild[other] >= 0)) return false;
    }
  }
  return true;
}

// Threads are clusters, levels and nodes. Sets `faulty` where an index would leave its array.
template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    checkKernel(WaveTreeSum<Real> op, FaultSlot slot, int32_t* faulty) {
  const int64_t i = globalThread();
  double value = 0;
  bool holds = true;
  if (i < op.clusters) holds = isCluster(op, i, value);
  if (holds && i < op.levels) {
    value = double(op.levelStart[i]);
    holds = isRange(op.levelStart[i], op.levelStart[i + 1], op.clusters);
  }
  if (holds && i < op.nodes) {
    value = double(op.nodeOrder[i]);
    holds = op.nodeOrder[i] >= 0 && op.nodeOrder[i] < op.nodes;
  }
  if (holds) return;
  *faulty = 1;
  raise(slot, runtime::FaultRule::treePlan, i, value);
}

// x of the nodes in their order.
template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    placeNodesKernel(WaveTreeSum<Real> op, const int32_t* faulty, Real* positions) {
  const int64_t i = globalThread();
  if (i >= 3 * op.nodes || *faulty) return;
  const int64_t axis = i / op.nodes;
  positions[i] = op.positions[axis * op.nodes + op.nodeOrder[i - axis * op.nodes]];
}

// q of the samples from `sample` on in the order of the nodes, or U from there.
template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    placeSourcesKernel(WaveTreeSum<Real> op, const int32_t* faulty, int64_t sample, int64_t planes,
                       Real* q) {
  const int64_t i = globalThread();
  if (i >= planes * op.nodes || *faulty) return;
  const int64_t plane = i / op.nodes;
  q[i] = op.sources[(2 * sample + plane) * op.nodes + op.nodeOrder[i - plane * op.nodes]];
}
template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    writePotentialKernel(WaveTreeSum<Real> op, const int32_t* faulty, int64_t sample,
                         int64_t planes, const Real* u) {
  const int64_t i = globalThread();
  if (i >= planes * op.nodes) return;
  const int64_t plane = i / op.nodes;
  Real* const to = op.potential.data + (2 * sample + plane) * op.nodes;
  if (*faulty) {
    to[i - plane * op.nodes] = Real(__builtin_nan(""));
  } else {
    to[op.nodeOrder[i - plane * op.nodes]] = u[i];
  }
}

// What lies below a cluster: the nodes of a leaf, or the proxies of both children.
template <class Real>
struct Below {
  Points<Real> points;
  int64_t begin, end;
};
template <class Real>
__device__ Below<Real> below(const WaveTreeSum<Real>& op, const Points<Real>& nodes,
                             const Points<Real>& proxies, int64_t c) {
  const int64_t child = op.firstChild[c];
  if (child < 0) return {nodes, op.nodeStart[2 * c], op.nodeStart[2 * c + 1]};
  return {proxies, op.proxyStart[child], op.proxyStart[child + 2]};
}

// ℓ of a point along an axis of its cluster.
template <class Real>
__device__ void weightsOf(const WaveTreeSum<Real>& op, const Real* factors, int64_t c, int axis,
                          const Points<Real>& points, int64_t i, Real* weights) {
  const int order = op.orders[3 * c + axis];
  const Real s = frameCoordinate(op.frames.data + c * kFrameNumbers, axis, points.x[i], points.y[i],
                                 points.z[i]);
  axisWeights(s, order, factors + order * kFactors, weights);
}

// Blocks take clusters of a level, threads its proxies: q̂ of all planes. The weights of a few
// points at a time stand in shared memory.
template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    upwardKernel(WaveTreeSum<Real> op, const int32_t* faulty, Points<Real> nodes,
                 Points<Real> proxies, const Real* factors, int64_t level) {
  constexpr int kPoints = WaveTreeTuning::points;
  if (*faulty) return;
  Real* const weights = sharedMemory<Real>();  // [point][axis][order], then q [2][point]
  Real* const q = weights + kPoints * 3 * kOrders;
  const int64_t plane = 2 * int64_t(blockIdx.y);
  for (int64_t c = op.levelStart[level] + blockIdx.x; c < op.levelStart[level + 1];
       c += gridDim.x) {
    const Below<Real> from = below(op, nodes, proxies, c);
    const int64_t py = op.orders[3 * c + 1], pz = op.orders[3 * c + 2];
    const int64_t count = op.proxyStart[c + 1] - op.proxyStart[c];
    for (int64_t first = 0; first < count; first += blockDim.x) {
      const int64_t p = first + threadIdx.x;
      const int64_t a = p / (py * pz), b = p / pz % py, z = p % pz;
      Real real = Real(0), imaginary = Real(0);
      for (int64_t begin = from.begin; begin < from.end; begin += kPoints) {
        const int here = int(min(int64_t(kPoints), from.end - begin));
        __syncthreads();  // the weights of the points before have been read
        for (int i = int(threadIdx.x); i < 3 * here; i += int(blockDim.x)) {
          weightsOf(op, factors, c, i % 3, from.points, begin + i / 3, weights + i * kOrders);
        }
        for (int i = int(threadIdx.x); i < 2 * here; i += int(blockDim.x)) {
          q[i] = from.points.q[(plane + i / here) * from.points.length + begin + i % here];
        }
        __syncthreads();  // weights and q are complete
        for (int i = 0; p < count && i < here; ++i) {
          const Real* const w = weights + 3 * i * kOrders;
          const Real weight = w[a] * w[kOrders + b] * w[2 * kOrders + z];
          real = fma(weight, q[i], real);
          imaginary = fma(weight, q[here + i], imaginary);
        }
      }
      if (p < count) {
        proxies.q[plane * proxies.length + op.proxyStart[c] + p] = real;
        proxies.q[(plane + 1) * proxies.length + op.proxyStart[c] + p] = imaginary;
      }
    }
  }
}

// Blocks take clusters of a level, threads the points below: U += Σ ℓ Û.
template <class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    downwardKernel(WaveTreeSum<Real> op, const int32_t* faulty, Points<Real> nodes,
                   Points<Real> proxies, const Real* factors, int64_t level) {
  if (*faulty) return;
  const int64_t plane = 2 * int64_t(blockIdx.y);
  for (int64_t c = op.levelStart[level] + blockIdx.x; c < op.levelStart[level + 1];
       c += gridDim.x) {
    const Below<Real> to = below(op, nodes, proxies, c);
    const int px = op.orders[3 * c], py = op.orders[3 * c + 1], pz = op.orders[3 * c + 2];
    for (int64_t i = to.begin + threadIdx.x; i < to.end; i += blockDim.x) {
      Real weights[3][kOrders];
      for (int axis = 0; axis < 3; ++axis) {
        weightsOf(op, factors, c, axis, to.points, i, weights[axis]);
      }
      const Real* real = proxies.u + plane * proxies.length + op.proxyStart[c];
      const Real* imaginary = real + proxies.length;
      Real sumReal = Real(0), sumImaginary = Real(0);
      for (int a = 0; a < px; ++a) {
        for (int b = 0; b < py; ++b) {
          const Real alongXY = weights[0][a] * weights[1][b];
          for (int z = 0; z < pz; ++z, ++real, ++imaginary) {
            const Real weight = alongXY * weights[2][z];
            sumReal = fma(weight, *real, sumReal);
            sumImaginary = fma(weight, *imaginary, sumImaginary);
          }
        }
      }
      to.points.u[plane * to.points.length + i] += sumReal;
      to.points.u[(plane + 1) * to.points.length + i] += sumImaginary;
    }
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda::wave
