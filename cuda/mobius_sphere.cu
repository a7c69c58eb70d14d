// A thread a node, receiver or state number. Whether the lattice is stale is read by every block,
// so the numbers that say so are written by a launch of its own. Vortices are counted as integers:
// by one block up to kOneBlock places, else by many, whose counts a second launch adds. All of it
// is bound by launches at 10^4 nodes. Not measured on a GPU yet.
#include "ops/mobius_sphere.h"

#include "cuda/elementwise.cuh"
#include "cuda/fault.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct SphereTuning {
  static constexpr int threads = 128;         // not measured
  static constexpr int countThreads = 256;    // not measured
  static constexpr int64_t oneBlock = 4096;   // places that one block counts
  static constexpr int64_t mostBlocks = 256;  // whose counts a second launch adds
};

dim3 blocksFor(int64_t count) {
  return dim3(unsigned(ceilDivide(count, SphereTuning::threads)));
}

template <class Real>
__global__ void structureKernel(MobiusStructure<Real> op, FaultSlot slot) {
  const bool hasWindings = op.hasWindings();
  if (hasWindings && op.hasTorsion()) {
    op.follow();
  } else {
    raise(slot, FaultRule::structureFinite, 0,
          double(hasWindings ? op.torsion[0] : op.windings[0]));
  }
}

template <class Real>
__global__ void __launch_bounds__(SphereTuning::threads) latticeKernel(MobiusLattice<Real> op) {
  const int64_t node = globalThread();
  if (node >= op.nodes || !op.isStale()) return;
  const auto point =
      mobiusPoint(double(node), op.nodes, op.structure[0], op.structure[1], op.radius);
  op.positions[node] = Real(point.x);
  op.positions[op.nodes + node] = Real(point.y);
  op.positions[2 * op.nodes + node] = Real(point.z);
}

// Where the lattice was stale it is built now; where it was not this changes nothing that counts.
template <class Real>
__global__ void builtKernel(MobiusLattice<Real> op) {
  if (!op.isStale()) return;
  op.structure[2] = op.structure[0];
  op.structure[3] = op.structure[1];
}

template <class Real>
__global__ void __launch_bounds__(SphereTuning::threads)
    scatterKernel(SphereScatter<Real> op, FaultSlot slot) {
  const int64_t i = globalThread();
  if (i >= op.receivers) return;
  const int64_t node = op.targets[i];
  if (node < 0 || node >= op.nodes) {
    raise(slot, FaultRule::receiverRange, i, double(node));
    return;
  }
  op.field[node] = op.values[i];
  op.field[op.nodes + node] = op.values[op.receivers + i];
}

// counts[block]: the vortices that the block saw; without counts the only block finishes.
template <class Real>
__global__ void __launch_bounds__(SphereTuning::countThreads)
    countKernel(SphereVortices<Real> op, int* counts) {
  int found = 0;
  const int64_t threads = int64_t(gridDim.x) * blockDim.x;
  for (int64_t place = globalThread(); place < op.places(); place += threads) {
    found += op.isVortex(place * op.stride) ? 1 : 0;
  }
  found = blockReduce(found, 0, Sum{}, sharedMemory<int>());
  if (threadIdx.x != 0) return;
  if (counts) {
    counts[blockIdx.x] = found;
  } else {
    op.finish(found);
  }
}

template <class Real>
__global__ void __launch_bounds__(SphereTuning::countThreads)
    addCountsKernel(SphereVortices<Real> op, const int* counts, int64_t blocks) {
  int found = 0;
  for (int64_t block = threadIdx.x; block < blocks; block += blockDim.x) found += counts[block];
  found = blockReduce(found, 0, Sum{}, sharedMemory<int>());
  if (threadIdx.x == 0) op.finish(found);
}

template <class Real>
__global__ void __launch_bounds__(SphereTuning::threads) stateKernel(SphereState<Real> op) {
  const int64_t i = globalThread();
  if (i < op.count) op.write(i);
}

}  // namespace

template <class Real>
void run(const MobiusStructure<Real>& op, Context& context) {
  launch(structureKernel<Real>, dim3(1), dim3(1), 0, context, op, context.faultSlot());
}

template <class Real>
void run(const MobiusLattice<Real>& op, Context& context) {
  launch(latticeKernel<Real>, blocksFor(op.nodes), dim3(SphereTuning::threads), 0, context, op);
  launch(builtKernel<Real>, dim3(1), dim3(1), 0, context, op);
}

template <class Real>
void run(const SphereAction<Real>& op, Context& context) {
  const View<Real> first = {op.amplitudes.data, op.actions};
  if (op.actions == 0) return;
  elementwise(context, first, op.step(), View<const Real>{first.data, first.length}, op.action);
}

template <class Real>
void run(const SphereScatter<Real>& op, Context& context) {
  launch(scatterKernel<Real>, blocksFor(op.receivers), dim3(SphereTuning::threads), 0, context, op,
         context.faultSlot());
}

template <class Real>
void run(const SphereVortices<Real>& op, Context& context) {
  constexpr int kThreads = SphereTuning::countThreads;
  constexpr size_t kShared = kThreads / kWarp * sizeof(int);
  int* const none = nullptr;
  if (op.places() <= SphereTuning::oneBlock) {
    launch(countKernel<Real>, dim3(1), dim3(kThreads), kShared, context, op, none);
    return;
  }
  const int64_t wanted = ceilDivide(op.places(), SphereTuning::oneBlock);
  const int64_t blocks = wanted < SphereTuning::mostBlocks ? wanted : SphereTuning::mostBlocks;
  const Workspace<int> counts(context, blocks);
  launch(countKernel<Real>, dim3(unsigned(blocks)), dim3(kThreads), kShared, context, op,
         counts.data());
  launch(addCountsKernel<Real>, dim3(1), dim3(kThreads), kShared, context, op, counts.data(),
         blocks);
}

template <class Real>
void run(const SphereState<Real>& op, Context& context) {
  launch(stateKernel<Real>, blocksFor(op.count), dim3(SphereTuning::threads), 0, context, op);
}

EXPORT_KERNELS(MobiusStructure)
EXPORT_KERNELS(MobiusLattice)
EXPORT_KERNELS(SphereAction)
EXPORT_KERNELS(SphereScatter)
EXPORT_KERNELS(SphereVortices)
EXPORT_KERNELS(SphereState)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
