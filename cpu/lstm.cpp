// A step of one sequence multiplies and updates in one pass over W_h: the four rows of a unit are
// summed together, and the units of a task are activated as vectors. More sequences go through the
// matrix product. A unit's sums do not depend on how units are shared among threads.
//
// Floor: 16 H² bytes of weights a step for one sequence, from L2, L3 or memory. Measured on a Zen 4
// core at H = 512, weights in L3: 42 to 45 GB/s, where a plain loop over them reads 47 to 51.
#include "ops/lstm.h"

#include "cpu/matrix_thin.h"
#include "cpu/rows.h"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <>
KernelSet kernelsOf<MatrixProduct>();

namespace {

constexpr int kGates = 4;
constexpr int64_t kUnits = 64;           // of a chunk: whole vectors
constexpr int64_t kTaskWeights = 32768;  // elements of W_h that make a task at least
constexpr int64_t kTasks = 2;            // of a thread at most
constexpr int64_t kPrefetchBytes = 4096;

template <class Real>
void multiply(const MatrixProduct<Real>& product, Context& context) {
  const runtime::WorkspaceScope scope(context);
  kernelsOf<MatrixProduct>().kernels[int(DtypeOf<Real>::value)](&product, context);
}

// The vectors of a unit's four gates, H apart.
template <class Real, class Access>
HOST_DEVICE LstmGates<Vector<Real>> loadGates(const Real* from, int64_t width, Access access) {
  return {access.load(from), access.load(from + width), access.load(from + 2 * width),
          access.load(from + 3 * width)};
}
template <class Real, class Access>
HOST_DEVICE void storeGates(Real* to, int64_t width, const LstmGates<Vector<Real>>& gates,
                            Access access) {
  access.store(to, gates.input);
  access.store(to + width, gates.forget);
  access.store(to + 2 * width, gates.cell);
  access.store(to + 3 * width, gates.output);
}

// ---- forward ----

// Where the numbers of step t of sequence b are; null where there is nothing before.
template <class Real>
struct Step {
  const Real* inputGates;
  const Real* hiddenBefore;
  const Real* cellBefore;
  Real* activations;
  Real* hidden;
  Real* cell;
};

template <class Real>
Step<Real> stepAt(const LstmForward<Real>& op, int64_t b, int64_t t) {
  const int64_t row = b * op.time + t, width = op.width;
  const auto before = [&](View<const Real> initial, View<Real> all) -> const Real* {
    if (t > 0) return all.data + (row - 1) * width;
    return initial ? initial.data + b * width : nullptr;
  };
  return {op.inputGates.data + row * kGates * width,
          before(op.initialHidden, op.hidden),
          before(op.initialCell, op.cell),
          op.activations.data + row * kGates * width,
          op.hidden.data + row * width,
          op.cell.data + row * width};
}

// Units from j on, given the products W_h h_{t−1} of their gates, `productStride` apart.
template <class Real, class Access>
HOST_DEVICE void updateUnits(const Step<Real>& step, int64_t width, int64_t j, const Real* products,
                             int64_t productStride, Access access) {
  LstmGates<Vector<Real>> gates = loadGates(step.inputGates + j, width, access);
  if (products) {
    const LstmGates<Vector<Real>> sums = loadGates(products, productStride, access);
    gates = {gates.input + sums.input, gates.forget + sums.forget, gates.cell + sums.cell,
             gates.output + sums.output};
  }
  const LstmGates<Vector<Real>> activations = lstmActivations(gates);
  const Vector<Real> before =
      step.cellBefore ? access.load(step.cellBefore + j) : Vector<Real>(Real(0));
  const LstmCell<Vector<Real>> result = lstmCell(activations, before);
  storeGates(step.activations + j, width, activations, access);
  access.store(step.cell + j, result.cell);
  access.store(step.hidden + j, result.hidden);
}

// Brings in where the next block of rows begins: the processor finds the rest by itself.
template <class Real>
HOST_DEVICE void prefetchRows(const Real* rows, int64_t length) {
  constexpr int64_t kStep = 64 / int64_t(sizeof(Real));
  const int64_t most = kPrefetchBytes / int64_t(sizeof(Real));
  for (int64_t at = 0; at < length && at < most; at += kStep) {
    __builtin_prefetch(rows + at, 0, 2);
  }
}

// One step of one sequence for the units [begin, end).
template <class Real>
void stepUnits(const LstmForward<Real>& op, const Step<Real>& step, int64_t begin, int64_t end) {
  const int64_t width = op.width;
  for (int64_t first = begin; first < end; first += kUnits) {
    const int64_t count = end - first < kUnits ? end - first : kUnits;
    Real products[kGates * kUnits];
    for (int gate = 0; gate < kGates; ++gate) {
      const Real* row = op.weight.data + (gate * width + first) * width;
      if (gate + 1 < kGates) prefetchRows(row + width * width, count * width);
      for (int64_t unit = 0; unit < count; ++unit, row += width) {
        products[gate * kUnits + unit] = dotProduct(row, step.hiddenBefore, width);
      }
    }
    forEachVector<Real>(count, [&](int64_t at, auto access) {
      updateUnits(step, width, first + at, products + at, kUnits, access);
    });
  }
}

template <class Real>
void runSequence(const LstmForward<Real>& op, Context& context) {
  constexpr int64_t kLeast = 16;  // units: a cache line of results
  const auto unitsFor = [](int64_t units) { return (units + kLeast - 1) / kLeast * kLeast; };
  const int64_t least = unitsFor(kTaskWeights / (kGates * op.width) + 1);
  const int64_t share = unitsFor(op.width / (kTasks * context.threads()));
  const int64_t grain = least > share ? least : share;
  for (int64_t t = 0; t < op.time; ++t) {
    const Step<Real> step = stepAt(op, 0, t);
    if (!step.hiddenBefore) {
      forEachVector<Real>(op.width, [&](int64_t j, auto access) {
        updateUnits<Real>(step, op.width, j, nullptr, 0, access);
      });
      continue;
    }
    context.forRange(op.width, grain,
                     [&](int64_t begin, int64_t end) { stepUnits(op, step, begin, end); });
  }
}

// to[b] = from[b · stride], rows of `width` numbers.
template <class Real>
void gatherRows(const Real* from, int64_t stride, Real* to, int64_t rows, int64_t width) {
  for (int64_t b = 0; b < rows; ++b) {
    memcpy(to + b * width, from + b * stride, size_t(width) * sizeof(Real));
  }
}

template <class Real>
void runBatch(const LstmForward<Real>& op, Context& context) {
  const int64_t batch = op.batch, width = op.width;
  Real* const before = context.workspace<Real>(batch * width);
  Real* const products = context.workspace<Real>(batch * kGates * width);
  MatrixProduct<Real> product;
  product.left = {before, batch * width};
  product.right = op.weight;
  product.output = {products, batch * kGates * width};
  product.rows = batch;
  product.columns = kGates * width;
  product.inner = width;
  product.transposeRight = true;
  for (int64_t t = 0; t < op.time; ++t) {
    const Step<Real> first = stepAt(op, 0, t);
    if (first.hiddenBefore) {
      gatherRows(first.hiddenBefore, t > 0 ? op.time * width : width, before, batch, width);
      multiply(product, context);
    }
    forEachRowVector<Real>(context, batch, width, [&](int64_t index, int64_t j, auto access) {
      const int64_t b = (index - j) / width;
      const Real* const sums = first.hiddenBefore ? products + b * kGates * width + j : nullptr;
      updateUnits(stepAt(op, b, t), width, j, sums, width, access);
    });
  }
}

// ---- backward ----

// What flows to h_{t−1} and c_{t−1}: (B, H) each.
template <class Real>
struct Carried {
  Real* hidden;
  Real* cell;
};

template <class Real>
HOST_DEVICE Vector<Real> loadOrZero(const Real* from, auto access) {
  return from ? access.load(from) : Vector<Real>(Real(0));
}

// ∂L/∂a of step t of sequence b, for the units from j on, and the cell's part of what is carried.
template <class Real, class Access>
HOST_DEVICE void differentiateUnits(const LstmBackward<Real>& op, int64_t b, int64_t t, int64_t j,
                                    const Carried<Real>& carried, Access access) {
  const int64_t width = op.width, row = b * op.time + t, at = row * width + j;
  const int64_t gate = row * kGates * width + j, own = b * width + j;
  const Real* const initial = op.initialCell ? op.initialCell.data + own : nullptr;
  const Real* const cellBefore = t > 0 ? op.cell.data + at - width : initial;
  Vector<Real> gradHidden = loadOrZero(op.gradHidden ? op.gradHidden.data + at : nullptr, access);
  Vector<Real> gradCell = loadOrZero(op.gradCell ? op.gradCell.data + at : nullptr, access);
  if (t + 1 < op.time) {
    gradHidden += access.load(carried.hidden + own);
    gradCell += access.load(carried.cell + own);
  }
  const LstmCellGradient<Vector<Real>> result =
      lstmCellGradient(loadGates(op.activations.data + gate, width, access),
                       Vector<Real>(access.load(op.cell.data + at)), loadOrZero(cellBefore, access),
                       gradHidden, gradCell);
  storeGates(op.gradInputGates.data + gate, width, result.gradGates, access);
  access.store(carried.cell + own, result.gradCellBefore);
}

// ∂L/∂W_h = Gᵀ H, with G = ∂L/∂a of all steps and H the hidden states before them.
template <class Real>
void addWeightGradient(const LstmBackward<Real>& op, Context& context) {
  const int64_t width = op.width, rows = op.batch * op.time;
  if (rows == 1) {
    const Real* const before = op.initialHidden.data;
    forEachRowVector<Real>(
        context, kGates * width, width, [&](int64_t index, int64_t column, auto access) {
          const Vector<Real> factor = op.gradInputGates.data[(index - column) / width];
          const Vector<Real> zero = Real(0);
          access.store(op.gradWeight.data + index,
                       before ? factor * access.load(before + column) : zero);
        });
    return;
  }
  Real* const before = context.workspace<Real>(rows * width);
  context.forEach(op.batch, [&](int64_t b) {
    Real* const to = before + b * op.time * width;
    if (op.initialHidden) {
      gatherRows(op.initialHidden.data + b * width, 0, to, 1, width);
    } else {
      memset(to, 0, size_t(width) * sizeof(Real));
    }
    gatherRows(op.hidden.data + b * op.time * width, width, to + width, op.time - 1, width);
  });
  MatrixProduct<Real> product;
  product.left = {op.gradInputGates.data, rows * kGates * width};
  product.right = {before, rows * width};
  product.output = op.gradWeight;
  product.rows = kGates * width;
  product.columns = width;
  product.inner = rows;
  product.transposeLeft = true;
  multiply(product, context);
}

}  // namespace

template <class Real>
void run(const LstmForward<Real>& op, Context& context) {
  if (op.batch == 1) {
    runSequence(op, context);
  } else {
    runBatch(op, context);
  }
}

template <class Real>
void run(const LstmBackward<Real>& op, Context& context) {
  const int64_t batch = op.batch, width = op.width, time = op.time;
  const auto memoryFor = [&](View<Real> wanted) {
    return wanted ? wanted.data : context.workspace<Real>(batch * width);
  };
  const Carried<Real> carried = {memoryFor(op.gradInitialHidden), memoryFor(op.gradInitialCell)};
  Real* const gathered =
      time > 1 && batch > 1 ? context.workspace<Real>(batch * kGates * width) : nullptr;
  MatrixProduct<Real> product;
  product.right = op.weight;
  product.output = {carried.hidden, batch * width};
  product.rows = batch;
  product.columns = width;
  product.inner = kGates * width;
  for (int64_t t = time - 1; t >= 0; --t) {
    forEachRowVector<Real>(context, batch, width, [&](int64_t index, int64_t j, auto access) {
      differentiateUnits(op, (index - j) / width, t, j, carried, access);
    });
    if (t == 0 && !op.gradInitialHidden) break;
    const Real* const gradGates = op.gradInputGates.data + t * kGates * width;
    if (gathered) gatherRows(gradGates, time * kGates * width, gathered, batch, kGates * width);
    product.left = {gathered ? gathered : gradGates, batch * kGates * width};
    multiply(product, context);
  }
  addWeightGradient(op, context);
}

EXPORT_KERNELS(LstmForward)
EXPORT_KERNELS(LstmBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
