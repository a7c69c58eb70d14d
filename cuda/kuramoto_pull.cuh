// The sums of a sparse graph: of an oscillator's neighbours in compressed rows, by one lane or by
// several, and on a ring, directly or by prefix sums. The graph alone decides which, and with it
// the order of summation.
#pragma once

#include "cuda/kuramoto_network.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct PullTuning {
  static constexpr double fewEdges = 12;   // of a row on average, for one lane; not measured
  static constexpr double manyEdges = 96;  // from which a warp takes it; not measured
  static constexpr int64_t direct = 32;    // neighbours on a side summed one by one
  static constexpr int chunk = 256;        // of prefix sums; fixes their order
};

// ---- rows ----

// Edges of each row; `edge`: their places among the weights, null for their own order.
template <class Real>
struct EdgeRows {
  const int32_t *pointer, *column, *edge;
  const Real* weight;  // null: all 1

  __device__ __forceinline__ Real weightOf(int64_t e) const {
    return weight ? weight[edge ? edge[e] : e] : Real(1);
  }
};

// The pairs of a row's neighbours, 8 or 16 bytes a load.
template <class Real, int kLanes>
struct RowPuller {
  static constexpr int kWidth = kLanes;
  EdgeRows<Real> rows;
  const Circle<Real>* source;

  __device__ __forceinline__ Circle<Real> operator()(int64_t b, int64_t i, int64_t n,
                                                     int lane) const {
    const Circle<Real>* const own = source + b * n;
    const int64_t end = rows.pointer[i + 1];
    Circle<Real> sum = {Real(0), Real(0)};
#pragma unroll 4
    for (int64_t e = rows.pointer[i] + lane; e < end; e += kWidth) {
      const int64_t j = rows.column[e];
      const Circle<Real> circle = loadCircle(own + j);
      const Real weight = j == i ? Real(0) : rows.weightOf(e);
      sum.sine = fma(weight, circle.sine, sum.sine);
      sum.cosine = fma(weight, circle.cosine, sum.cosine);
    }
    if constexpr (kWidth > 1) {
      sum.sine = warpReduce<kWidth>(sum.sine, Sum{});
      sum.cosine = warpReduce<kWidth>(sum.cosine, Sum{});
    }
    return sum;
  }
};

// ---- the ring ----

// Neighbours i ± 1 … i ± k in this order. Their loads are neighbours too and come from the level-1
// cache, as wide as shared memory.
template <class Real>
struct RingPuller {
  static constexpr int kWidth = 1;
  int64_t neighbours;
  const Circle<Real>* source;

  __device__ __forceinline__ Circle<Real> operator()(int64_t b, int64_t i, int64_t n, int) const {
    const Circle<Real>* const own = source + b * n;
    Circle<Real> sum = {Real(0), Real(0)};
    int64_t left = i, right = i;
#pragma unroll 4
    for (int64_t k = 0; k < neighbours; ++k) {
      left = left == 0 ? n - 1 : left - 1;
      right = right + 1 == n ? 0 : right + 1;
      const Circle<Real> before = loadCircle(own + left), after = loadCircle(own + right);
      sum.sine += before.sine + after.sine;
      sum.cosine += before.cosine + after.cosine;
    }
    return sum;
  }
};

HOST_DEVICE Circle<double> operator+(Circle<double> a, Circle<double> b) {
  return {a.sine + b.sine, a.cosine + b.cosine};
}
HOST_DEVICE Circle<double> operator-(Circle<double> a, Circle<double> b) {
  return {a.sine - b.sine, a.cosine - b.cosine};
}

// Inclusive prefix sums over the threads of a block of PullTuning::chunk.
__device__ inline Circle<double> blockPrefix(Circle<double> value) {
  Circle<double>* const totals = sharedMemory<Circle<double>>();  // of warps
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const Circle<double> before = shuffleUp(value, distance);
    if (laneIndex() >= distance) value = before + value;
  }
  if (laneIndex() == kWarp - 1) totals[warpIndex()] = value;
  __syncthreads();  // all totals are there
  Circle<double> base = {0, 0};
  for (int warp = 0; warp < warpIndex(); ++warp) base = base + totals[warp];
  __syncthreads();  // the totals have been read
  return base + value;
}

// within[row] = prefix sums that begin anew with each chunk; totals (batch, chunks) of chunks.
template <class Real>
__global__ void __launch_bounds__(PullTuning::chunk)
    chunkPrefixKernel(const Circle<Real>* source, int64_t n, int64_t chunks, Circle<double>* within,
                      Circle<double>* totals) {
  const int64_t b = blockIdx.x / chunks, chunk = blockIdx.x % chunks;
  const int64_t i = chunk * PullTuning::chunk + threadIdx.x;
  Circle<double> value = {0, 0};
  if (i < n) {
    const Circle<Real> circle = loadCircle(source + b * n + i);
    value = {double(circle.sine), double(circle.cosine)};
  }
  value = blockPrefix(value);
  if (i < n) within[b * n + i] = value;
  if (threadIdx.x == PullTuning::chunk - 1) totals[blockIdx.x] = value;
}
// totals to offsets (batch, chunks + 1): sums of all chunks before, and of all.
static __global__ void __launch_bounds__(PullTuning::chunk)
    chunkOffsetKernel(const Circle<double>* totals, int64_t chunks, Circle<double>* offsets) {
  const Circle<double>* const own = totals + blockIdx.x * chunks;
  Circle<double>* const to = offsets + blockIdx.x * (chunks + 1);
  const int64_t each = ceilDivide(chunks, PullTuning::chunk);
  const int64_t begin = min(chunks, threadIdx.x * each), end = min(chunks, begin + each);
  Circle<double> sum = {0, 0};
  for (int64_t chunk = begin; chunk < end; ++chunk) sum = sum + own[chunk];
  Circle<double> before = blockPrefix(sum) - sum;
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    to[chunk] = before;
    before = before + own[chunk];
  }
  if (begin < end && end == chunks) to[chunks] = before;
}

// A window of many neighbours is the difference of two prefix sums, in float64: of N circles they
// are right to N 2^-53.
template <class Real>
struct PrefixPuller {
  static constexpr int kWidth = 1;
  int64_t neighbours, chunks;
  const Circle<double>*within, *offsets;
  const Circle<Real>* source;

  // Σ of the circles up to i.
  __device__ __forceinline__ Circle<double> upTo(int64_t b, int64_t i, int64_t n) const {
    if (i < 0) return {0, 0};
    return offsets[b * (chunks + 1) + i / PullTuning::chunk] + within[b * n + i];
  }
  __device__ __forceinline__ Circle<Real> operator()(int64_t b, int64_t i, int64_t n, int) const {
    const int64_t first = i - neighbours, last = i + neighbours;
    const Circle<double> all = offsets[b * (chunks + 1) + chunks];
    Circle<double> sum;
    if (first < 0) {
      sum = upTo(b, last, n) + (all - upTo(b, first + n - 1, n));
    } else if (last >= n) {
      sum = (all - upTo(b, first - 1, n)) + upTo(b, last - n, n);
    } else {
      sum = upTo(b, last, n) - upTo(b, first - 1, n);
    }
    const Circle<Real> own = loadCircle(source + b * n + i);
    return {Real(sum.sine - double(own.sine)), Real(sum.cosine - double(own.cosine))};
  }
};

template <class Real, class Use>
void pullRing(const Circle<Real>* source, int64_t batch, int64_t n, int64_t neighbours,
              Context& context, const Use& use) {
  if (neighbours <= PullTuning::direct) {
    use(RingPuller<Real>{neighbours, source});
    return;
  }
  constexpr int kThreads = PullTuning::chunk;
  constexpr size_t kShared = kThreads / kWarp * sizeof(Circle<double>);
  const int64_t chunks = ceilDivide(n, kThreads);
  const Workspace<Circle<double>> within(context, batch * n), totals(context, batch * chunks);
  const Workspace<Circle<double>> offsets(context, batch * (chunks + 1));
  launch(chunkPrefixKernel<Real>, dim3(unsigned(batch * chunks)), dim3(kThreads), kShared, context,
         source, n, chunks, within.data(), totals.data());
  launch(chunkOffsetKernel, dim3(unsigned(batch)), dim3(kThreads), kShared, context, totals.data(),
         chunks, offsets.data());
  use(PrefixPuller<Real>{neighbours, chunks, within.data(), offsets.data(), source});
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
