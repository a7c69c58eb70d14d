// A few sequences (up to LstmTuning::sequences): a block owns units, a warp sums one row of W_h at
// a time. Several steps are one cooperative launch with a barrier a step; the weights of a block's
// units stay in its shared memory where they fit. More sequences: a matrix product a step.
//
// Floor of a step: a grid barrier (1 to 2 µs) or, for a single one, 16 H² bytes of weights from
// L2. Not measured on a GPU yet.
#include "ops/lstm.h"

#include "cuda/matrix_product.h"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct LstmTuning {
  static constexpr int threads = 256;        // of a block; not measured
  static constexpr int64_t sequences = 8;    // more go through the matrix product; not measured
  static constexpr int64_t unitsOfStep = 2;  // of a block of a single step: a row a warp
};
constexpr int kGates = 4;

template <class Real>
__device__ LstmGates<Real> loadGates(const Real* from, int64_t stride) {
  return {from[0], from[stride], from[2 * stride], from[3 * stride]};
}
template <class Real>
__device__ void storeGates(Real* to, int64_t stride, const LstmGates<Real>& gates) {
  to[0] = gates.input;
  to[stride] = gates.forget;
  to[2 * stride] = gates.cell;
  to[3 * stride] = gates.output;
}

// What was before step t of sequence b: of the series, of the initial state, or null.
template <class Real>
__device__ const Real* before(const Real* series, const Real* initial, int64_t b, int64_t t,
                              int64_t time, int64_t width) {
  if (t > 0) return series + (b * time + t - 1) * width;
  return initial ? initial + b * width : nullptr;
}

// The sum of from[k] with[k] over a warp: every lane gets it.
template <class Real>
__device__ Real warpDot(const Real* from, const Real* with, int64_t length) {
  Real sum = 0;
#pragma unroll 8
  for (int64_t k = laneIndex(); k < length; k += kWarp) sum = fma(from[k], with[k], sum);
  return warpReduce(sum, Sum{});
}

// ---- forward ----

// Unit j of step t of sequence b, given the products W_h h_{t−1} of its gates.
template <class Real>
__device__ void updateUnit(const LstmForward<Real>& op, int64_t b, int64_t t, int64_t j,
                           const LstmGates<Real>& products) {
  const int64_t width = op.width, row = b * op.time + t;
  const LstmGates<Real> input = loadGates(op.inputGates.data + row * kGates * width + j, width);
  const LstmGates<Real> activations =
      lstmActivations(LstmGates<Real>{input.input + products.input, input.forget + products.forget,
                                      input.cell + products.cell, input.output + products.output});
  const Real* const cells = before<Real>(op.cell.data, op.initialCell.data, b, t, op.time, width);
  const LstmCell<Real> result = lstmCell(activations, cells ? cells[j] : Real(0));
  storeGates(op.activations.data + row * kGates * width + j, width, activations);
  op.cell[row * width + j] = result.cell;
  op.hidden[row * width + j] = result.hidden;
}

// All steps, for `units` units of a block. `isStaged`: their weights are copied to shared memory.
template <class Real>
__global__ void __launch_bounds__(LstmTuning::threads)
    lstmForwardKernel(LstmForward<Real> op, int64_t units, bool isStaged) {
  const int64_t width = op.width, first = int64_t(blockIdx.x) * units;
  const int64_t own = first + units < width ? units : width - first;
  const int64_t warps = blockDim.x / kWarp;
  Real* const products = sharedMemory<Real>();  // [sequence][unit][gate]
  Real* const staged = products + op.batch * units * kGates;
  const Real* rows = op.weight.data + first * width;
  int64_t gateStride = width * width;
  if (isStaged) {
    for (int64_t row = warpIndex(); row < own * kGates; row += warps) {
      const Real* const from = rows + row / own * gateStride + row % own * width;
      for (int64_t k = laneIndex(); k < width; k += kWarp) staged[row * width + k] = from[k];
    }
    __syncthreads();  // the staged weights are complete
    rows = staged;
    gateStride = own * width;
  }
  for (int64_t t = 0; t < op.time; ++t) {
    for (int64_t task = warpIndex(); task < op.batch * own * kGates; task += warps) {
      const int64_t row = task % (own * kGates), b = task / (own * kGates);
      const int64_t gate = row / own, unit = row % own;
      const Real* const hidden =
          before<Real>(op.hidden.data, op.initialHidden.data, b, t, op.time, width);
      const Real product =
          hidden ? warpDot(rows + gate * gateStride + unit * width, hidden, width) : Real(0);
      if (laneIndex() == 0) products[(b * own + unit) * kGates + gate] = product;
    }
    __syncthreads();  // the products of this step are complete
    for (int64_t at = threadIdx.x; at < op.batch * own; at += blockDim.x) {
      updateUnit(op, at / own, t, first + at % own, loadGates(products + at * kGates, 1));
    }
    if (t + 1 < op.time) gridBarrier();  // h of this step is complete, its products have been read
  }
}

template <class Real>
__global__ void __launch_bounds__(LstmTuning::threads)
    lstmUpdateKernel(LstmForward<Real> op, int64_t t, const Real* products) {
  const int64_t i = globalThread(), b = i / op.width, j = i % op.width;
  if (b >= op.batch) return;
  const LstmGates<Real> none = {Real(0), Real(0), Real(0), Real(0)};
  updateUnit(op, b, t, j,
             products ? loadGates(products + b * kGates * op.width + j, op.width) : none);
}

// to[b] = from[b · stride], rows of `width` numbers; null: zeros.
template <class Real>
__global__ void __launch_bounds__(LstmTuning::threads)
    gatherRowsKernel(const Real* from, int64_t stride, Real* to, int64_t rows, int64_t width) {
  const int64_t i = globalThread(), row = i / width;
  if (row < rows) to[i] = from ? from[row * stride + i % width] : Real(0);
}

template <class Real>
void gatherRows(const Real* from, int64_t stride, Real* to, int64_t rows, int64_t width,
                Context& context) {
  constexpr int kThreads = LstmTuning::threads;
  launch(gatherRowsKernel<Real>, dim3(unsigned(ceilDivide(rows * width, kThreads))), dim3(kThreads),
         0, context, from, stride, to, rows, width);
}

// Shared memory for the units of a block, and how they are dealt over the blocks.
struct LstmPlan {
  int64_t units = 0;  // of a block; 0: they do not fit
  int64_t blocks = 0;
  int64_t shared = 0;  // bytes
  bool isStaged = false;
};

template <class Real>
LstmPlan forwardPlan(const LstmForward<Real>& op, const Context& context) {
  LstmPlan plan;
  if (op.batch > LstmTuning::sequences) return plan;
  const int64_t most = context.multiprocessors;
  const int64_t units = op.time == 1 ? LstmTuning::unitsOfStep
                                     : ceilDivide(op.width, most < op.width ? most : op.width);
  const int64_t sums = op.batch * units * kGates * int64_t(sizeof(Real));
  const int64_t weights = units * kGates * op.width * int64_t(sizeof(Real));
  if (sums > context.sharedMemoryPerBlock) return plan;
  plan.isStaged = op.time > 1 && sums + weights <= context.sharedMemoryPerBlock;
  plan.shared = sums + (plan.isStaged ? weights : 0);
  plan.units = units;
  plan.blocks = ceilDivide(op.width, units);
  return plan;
}

template <class Real>
void runProducts(const LstmForward<Real>& op, Context& context) {
  const int64_t batch = op.batch, width = op.width, gates = kGates * width;
  const Workspace<Real> gathered(context, batch * width), products(context, batch * gates);
  MatrixProduct<Real> product = {};
  product.left = {gathered.data(), batch * width};
  product.right = op.weight;
  product.output = {products.data(), batch * gates};
  product.rows = batch;
  product.columns = gates;
  product.inner = width;
  product.transposeRight = true;
  for (int64_t t = 0; t < op.time; ++t) {
    const bool hasBefore = t > 0 || op.initialHidden;
    if (hasBefore) {
      const Real* const from = t > 0 ? op.hidden.data + (t - 1) * width : op.initialHidden.data;
      gatherRows(from, t > 0 ? op.time * width : width, gathered.data(), batch, width, context);
      cuda::run(product, context);
    }
    const Real* const sums = hasBefore ? products.data() : nullptr;
    launch(lstmUpdateKernel<Real>, dim3(unsigned(ceilDivide(batch * width, LstmTuning::threads))),
           dim3(LstmTuning::threads), 0, context, op, t, sums);
  }
}

// ---- backward ----

// What flows into h_t and c_t from the steps after.
template <class Real>
struct Carried {
  Real hidden, cell;
};

// ∂L/∂a of unit j of step t of sequence b; gives what flows to its c_{t−1}.
template <class Real>
__device__ Real differentiateUnit(const LstmBackward<Real>& op, int64_t b, int64_t t, int64_t j,
                                  Carried<Real> carried) {
  const int64_t width = op.width, row = b * op.time + t, at = row * width + j;
  const Real* const cells = before<Real>(op.cell.data, op.initialCell.data, b, t, op.time, width);
  const Real gradHidden = (op.gradHidden ? op.gradHidden[at] : Real(0)) + carried.hidden;
  const Real gradCell = (op.gradCell ? op.gradCell[at] : Real(0)) + carried.cell;
  const LstmCellGradient<Real> result =
      lstmCellGradient(loadGates(op.activations.data + row * kGates * width + j, width),
                       Real(op.cell[at]), cells ? cells[j] : Real(0), gradHidden, gradCell);
  storeGates(op.gradInputGates.data + row * kGates * width + j, width, result.gradGates);
  return result.gradCellBefore;
}

// All steps, for `units` units of a block, whose columns of W_h are in shared memory as rows.
template <class Real>
__global__ void __launch_bounds__(LstmTuning::threads)
    lstmBackwardKernel(LstmBackward<Real> op, int64_t units) {
  const int64_t width = op.width, gates = kGates * width, first = int64_t(blockIdx.x) * units;
  const int64_t own = first + units < width ? units : width - first;
  const int64_t warps = blockDim.x / kWarp;
  Real* const carriedHidden = sharedMemory<Real>();  // [sequence][unit]
  Real* const carriedCell = carriedHidden + op.batch * units;
  Real* const columns = carriedCell + op.batch * units;  // [unit][4H]
  for (int64_t i = threadIdx.x; i < own * gates; i += blockDim.x) {
    columns[i % own * gates + i / own] = op.weight[i / own * width + first + i % own];
  }
  for (int64_t i = threadIdx.x; i < op.batch * own; i += blockDim.x) {
    carriedHidden[i] = carriedCell[i] = 0;
  }
  __syncthreads();  // shared memory is complete
  for (int64_t t = op.time - 1; t >= 0; --t) {
    for (int64_t i = threadIdx.x; i < op.batch * own; i += blockDim.x) {
      carriedCell[i] = differentiateUnit(op, i / own, t, first + i % own,
                                         Carried<Real>{carriedHidden[i], carriedCell[i]});
    }
    if (t == 0 && !op.gradInitialHidden) break;
    gridBarrier();  // ∂L/∂a of this step is complete, what was carried has been read
    for (int64_t i = warpIndex(); i < op.batch * own; i += warps) {
      const Real* const gradGates = op.gradInputGates.data + (i / own * op.time + t) * gates;
      const Real sum = warpDot(columns + i % own * gates, gradGates, gates);
      if (laneIndex() == 0) carriedHidden[i] = sum;
    }
    __syncthreads();  // what is carried is complete
  }
  for (int64_t i = threadIdx.x; i < op.batch * own; i += blockDim.x) {
    const int64_t to = i / own * width + first + i % own;
    if (op.gradInitialHidden) op.gradInitialHidden[to] = carriedHidden[i];
    if (op.gradInitialCell) op.gradInitialCell[to] = carriedCell[i];
  }
}

// One step of all sequences; what is carried is replaced. At the last step nothing is.
template <class Real>
__global__ void __launch_bounds__(LstmTuning::threads)
    lstmDifferentiateKernel(LstmBackward<Real> op, int64_t t, const Real* carriedHidden,
                            Real* carriedCell) {
  const int64_t i = globalThread(), b = i / op.width;
  if (b >= op.batch) return;
  Carried<Real> carried = {Real(0), Real(0)};
  if (t + 1 < op.time) carried = {carriedHidden[i], carriedCell[i]};
  carriedCell[i] = differentiateUnit(op, b, t, i % op.width, carried);
}

template <class Real>
LstmPlan backwardPlan(const LstmBackward<Real>& op, const Context& context) {
  LstmPlan plan;
  if (op.batch > LstmTuning::sequences || op.time == 1) return plan;
  const int64_t most = context.multiprocessors;
  const int64_t units = ceilDivide(op.width, most < op.width ? most : op.width);
  const int64_t shared = units * (2 * op.batch + kGates * op.width) * int64_t(sizeof(Real));
  if (shared > context.sharedMemoryPerBlock) return plan;
  plan.units = units;
  plan.blocks = ceilDivide(op.width, units);
  plan.shared = shared;
  return plan;
}

template <class Real>
void runBackwardProducts(const LstmBackward<Real>& op, Context& context) {
  const int64_t batch = op.batch, width = op.width, gates = kGates * width;
  const Workspace<Real> ownHidden(context, op.gradInitialHidden ? 0 : batch * width);
  const Workspace<Real> ownCell(context, op.gradInitialCell ? 0 : batch * width);
  const Workspace<Real> gathered(context, op.time > 1 ? batch * gates : 0);
  Real* const hidden = op.gradInitialHidden ? op.gradInitialHidden.data : ownHidden.data();
  Real* const cell = op.gradInitialCell ? op.gradInitialCell.data : ownCell.data();
  MatrixProduct<Real> product = {};
  product.left = {op.time > 1 ? gathered.data() : op.gradInputGates.data, batch * gates};
  product.right = op.weight;
  product.output = {hidden, batch * width};
  product.rows = batch;
  product.columns = width;
  product.inner = gates;
  for (int64_t t = op.time - 1; t >= 0; --t) {
    launch(lstmDifferentiateKernel<Real>,
           dim3(unsigned(ceilDivide(batch * width, LstmTuning::threads))),
           dim3(LstmTuning::threads), 0, context, op, t, hidden, cell);
    if (t == 0 && !op.gradInitialHidden) break;
    if (op.time > 1) {
      const Real* const from = op.gradInputGates.data + t * gates;
      gatherRows(from, op.time * gates, gathered.data(), batch, gates, context);
    }
    cuda::run(product, context);
  }
}

// h_{t−1} of all steps, (B, T, H).
template <class Real>
__global__ void __launch_bounds__(LstmTuning::threads)
    shiftStatesKernel(LstmBackward<Real> op, Real* shifted) {
  const int64_t i = globalThread(), row = i / op.width, j = i % op.width;
  const int64_t b = row / op.time;
  if (b >= op.batch) return;
  const Real* const from =
      before<Real>(op.hidden.data, op.initialHidden.data, b, row - b * op.time, op.time, op.width);
  shifted[i] = from ? from[j] : Real(0);
}

// ∂L/∂W_h = Gᵀ H, with G = ∂L/∂a of all steps and H the hidden states before them.
template <class Real>
void addWeightGradient(const LstmBackward<Real>& op, Context& context) {
  const int64_t width = op.width, rows = op.batch * op.time;
  const Workspace<Real> shifted(context, rows * width);
  launch(shiftStatesKernel<Real>, dim3(unsigned(ceilDivide(rows * width, LstmTuning::threads))),
         dim3(LstmTuning::threads), 0, context, op, shifted.data());
  MatrixProduct<Real> product = {};
  product.left = {op.gradInputGates.data, rows * kGates * width};
  product.right = {shifted.data(), rows * width};
  product.output = op.gradWeight;
  product.rows = kGates * width;
  product.columns = width;
  product.inner = rows;
  product.transposeLeft = true;
  cuda::run(product, context);
}

}  // namespace

template <class Real>
void run(const LstmForward<Real>& op, Context& context) {
  const LstmPlan plan = forwardPlan(op, context);
  const auto kernel = lstmForwardKernel<Real>;
  const dim3 grid{unsigned(plan.blocks)}, block(LstmTuning::threads);
  const size_t shared = size_t(plan.shared);
  if (plan.units == 0) return runProducts(op, context);
  if (op.time == 1) {
    launch(kernel, grid, block, shared, context, op, plan.units, plan.isStaged);
  } else if (plan.blocks <= cooperativeBlocks(kernel, LstmTuning::threads, shared, context)) {
    launchCooperative(kernel, grid, block, shared, context, op, plan.units, plan.isStaged);
  } else {
    runProducts(op, context);
  }
}

template <class Real>
void run(const LstmBackward<Real>& op, Context& context) {
  const LstmPlan plan = backwardPlan(op, context);
  const auto kernel = lstmBackwardKernel<Real>;
  const size_t shared = size_t(plan.shared);
  if (plan.units > 0 &&
      plan.blocks <= cooperativeBlocks(kernel, LstmTuning::threads, shared, context)) {
    launchCooperative(kernel, dim3(unsigned(plan.blocks)), dim3(LstmTuning::threads), shared,
                      context, op, plan.units);
  } else {
    runBackwardProducts(op, context);
  }
  addWeightGradient(op, context);
}

EXPORT_KERNELS(LstmForward)
EXPORT_KERNELS(LstmBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
