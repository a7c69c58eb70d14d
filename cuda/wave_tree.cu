// Levels upward and downward are a launch each; across and near are one kernel: a block for a
// cluster, a team of lanes for a target, sources of the listed clusters in tiles of shared memory.
// Every target sums in the order of its list, so nothing is shared between blocks. Floor: the
// pairs of the lists. Not measured on a GPU yet.
#include "cuda/wave_tree.cuh"

#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

using namespace wave;

// Lanes that share a target: as many as keep the block busy.
__device__ __forceinline__ int teamOf(int64_t targets) {
  int lanes = 1;
  while (lanes < 8 && 2 * lanes * targets <= WaveTreeTuning::threads) lanes *= 2;
  return lanes;
}

// U of a cluster's points = Σ G q over the points of the clusters in its row.
template <int kSamples, class Real>
__global__ void __launch_bounds__(WaveTreeTuning::threads)
    pairKernel(Rows rows, Points<Real> points, WaveMedium<Real> medium, const int32_t* faulty) {
  constexpr int kTile = WaveTreeTuning::tile, kPlanes = 2 * kSamples;
  if (*faulty) return;
  const int64_t c = blockIdx.x;
  if (rows.firstChild && rows.firstChild[c] >= 0) return;
  Real* const tile = sharedMemory<Real>();  // [x y z and planes][kTile]
  const int64_t begin = rows.begins[c * rows.stride], end = rows.ends[c * rows.stride];
  const int team = teamOf(end - begin), lane = int(threadIdx.x) % team;
  for (int64_t first = begin; first < end; first += WaveTreeTuning::threads / team) {
    const int64_t target = first + threadIdx.x / team;
    const int64_t i = min(target, end - 1);
    const Real x = points.x[i], y = points.y[i], z = points.z[i];
    Real u[kPlanes] = {};
    for (int64_t e = rows.start[c]; e < rows.start[c + 1]; ++e) {
      const int64_t other = rows.entries[e];
      const int64_t otherEnd = rows.ends[other * rows.stride];
      for (int64_t from = rows.begins[other * rows.stride]; from < otherEnd; from += kTile) {
        const int count = int(min(int64_t(kTile), otherEnd - from));
        __syncthreads();  // the tile before has been read
        for (int j = int(threadIdx.x); j < count; j += WaveTreeTuning::threads) {
          tile[j] = points.x[from + j];
          tile[kTile + j] = points.y[from + j];
          tile[2 * kTile + j] = points.z[from + j];
#pragma unroll
          for (int plane = 0; plane < kPlanes; ++plane) {
            tile[(3 + plane) * kTile + j] = points.q[plane * points.length + from + j];
          }
        }
        __syncthreads();  // the tile is complete
        Real sums[kPlanes] = {};
        for (int j = lane; j < count; j += team) {
          const auto g =
              propagatorBetween(medium, x - tile[j], y - tile[kTile + j], z - tile[2 * kTile + j]);
#pragma unroll
          for (int plane = 0; plane < kPlanes; plane += 2) {
            addProduct(g, tile[(3 + plane) * kTile + j], tile[(4 + plane) * kTile + j], sums[plane],
                       sums[plane + 1]);
          }
        }
#pragma unroll
        for (int plane = 0; plane < kPlanes; ++plane) u[plane] += sums[plane];
      }
    }
#pragma unroll
    for (int plane = 0; plane < kPlanes; ++plane) {
      for (int distance = team / 2; distance > 0; distance /= 2) {
        u[plane] += shuffleXor(u[plane], distance);
      }
      if (lane == 0 && target < end) points.u[plane * points.length + target] = u[plane];
    }
  }
}

dim3 blocksFor(int64_t threads) {
  return dim3(unsigned(ceilDivide(threads, WaveTreeTuning::threads)));
}

template <int kSamples, class Real>
void sumSamples(const WaveTreeSum<Real>& op, Context& context, int64_t sample,
                const Points<Real>& nodes, const Points<Real>& proxies, const Real* factors,
                const int32_t* faulty) {
  using Tuning = WaveTreeTuning;
  constexpr int kPlanes = 2 * kSamples;
  const dim3 threads(Tuning::threads);
  const auto medium = WaveMedium<Real>::of(Real(op.wavenumber), Real(op.softening));
  const int64_t most = int64_t(context.multiprocessors) * Tuning::blocksPerUnit;
  const dim3 level(unsigned(min(op.clusters, most)), unsigned(kSamples));
  const size_t weights = size_t(Tuning::points) * (3 * kOrders + 2) * sizeof(Real);
  const size_t tile = size_t(3 + kPlanes) * Tuning::tile * sizeof(Real);
  const Rows far = {op.farStart.data,       op.far.data, op.proxyStart.data,
                    op.proxyStart.data + 1, 1,           nullptr};
  const Rows near = {op.nearStart.data, op.near.data, op.nodeStart.data, op.nodeStart.data + 1, 2,
                     op.firstChild.data};
  launch(placeSourcesKernel<Real>, blocksFor(kPlanes * op.nodes), threads, 0, context, op, faulty,
         sample, int64_t(kPlanes), nodes.q);
  for (int64_t i = op.levels - 1; i >= 0; --i) {
    launch(upwardKernel<Real>, level, threads, weights, context, op, faulty, nodes, proxies,
           factors, i);
  }
  launch(pairKernel<kSamples, Real>, dim3(unsigned(op.clusters)), threads, tile, context, far,
         proxies, medium, faulty);
  launch(pairKernel<kSamples, Real>, dim3(unsigned(op.clusters)), threads, tile, context, near,
         nodes, medium, faulty);
  for (int64_t i = 0; i < op.levels; ++i) {
    launch(downwardKernel<Real>, level, threads, 0, context, op, faulty, nodes, proxies, factors,
           i);
  }
  launch(writePotentialKernel<Real>, blocksFor(kPlanes * op.nodes), threads, 0, context, op, faulty,
         sample, int64_t(kPlanes), nodes.u);
}

}  // namespace

template <class Real>
void run(const WaveTreeSum<Real>& op, Context& context) {
  const dim3 threads(WaveTreeTuning::threads);
  const int planes = op.samples >= 4 ? 8 : op.samples >= 2 ? 4 : 2;
  const Workspace<int32_t> faulty(context, 1);
  const Workspace<Real> factors(context, (kOrders + 1) * kFactors);
  const Workspace<Real> positions(context, 3 * op.nodes);
  const Workspace<Real> nodePlanes(context, 2 * planes * op.nodes);
  const Workspace<Real> proxyPlanes(context, 2 * planes * op.proxyCount);
  const Real *x = positions.data(), *proxyX = op.proxies.data;
  const Points<Real> nodes = {x,
                              x + op.nodes,
                              x + 2 * op.nodes,
                              nodePlanes.data(),
                              nodePlanes.data() + planes * op.nodes,
                              op.nodes};
  const Points<Real> proxies = {proxyX,
                                proxyX + op.proxyCount,
                                proxyX + 2 * op.proxyCount,
                                proxyPlanes.data(),
                                proxyPlanes.data() + planes * op.proxyCount,
                                op.proxyCount};
  CUDA_CHECK(cudaMemsetAsync(faulty.data(), 0, sizeof(int32_t), context.stream));
  const int64_t checks = max(op.nodes, max(op.clusters, op.levels));
  launch(checkKernel<Real>, blocksFor(checks), threads, 0, context, op, context.faultSlot(),
         faulty.data());
  launch(factorKernel<Real>, dim3(unsigned(kOrders)), threads, 0, context, factors.data());
  launch(placeNodesKernel<Real>, blocksFor(3 * op.nodes), threads, 0, context, op, faulty.data(),
         positions.data());
  int64_t sample = 0;
  const auto sum = [&](auto count) {
    sumSamples<count.value>(op, context, sample, nodes, proxies, factors.data(), faulty.data());
    sample += count.value;
  };
  while (sample + 4 <= op.samples) sum(std::integral_constant<int, 4>{});
  while (sample + 2 <= op.samples) sum(std::integral_constant<int, 2>{});
  while (sample < op.samples) sum(std::integral_constant<int, 1>{});
}

EXPORT_KERNELS(WaveTreeSum)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
