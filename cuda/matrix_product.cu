// The matrix product: by cuBLASLt where the machine has it, else by kernels of our own; up to 4
// rows always by our own. An output of few tiles with a long inner dimension (the gradient of a
// weight) is summed in parts, which a second kernel adds in order; the shape alone decides the
// parts.
#include "cuda/matrix_product.h"

#include "cuda/matrix_thin.cuh"
#include "cuda/matrix_tiles.cuh"
#include "cuda/matrix_unit_tiles.cuh"
#if !defined(ENTRAIN_SIMT)
#include "cuda/cublaslt.h"
#endif

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct MatrixProductTuning {
  static constexpr int64_t blocks =
      256;  // wanted, of tiles and parts; fixes the order of summation
  static constexpr int64_t thinBlocks = 1024;  // the same for few rows
  static constexpr int64_t leastDepth = 256;   // of a part
  static constexpr int64_t thinDepth = 64;     // of a part, for few rows
  static constexpr int64_t largeTiles = 64;    // of 128x128, from which smaller ones do not pay
  static constexpr int threads = 256;
};

// Adds the parts of every sum in their order.
template <class Storage>
__global__ void __launch_bounds__(MatrixProductTuning::threads)
    addPartsKernel(const Compute<Storage>* partial, int64_t parts, ProductOutput<Storage> output) {
  const int64_t i = globalThread(), elements = output.rows * output.columns;
  if (i >= elements) return;
  Compute<Storage> sum = 0;
#pragma unroll 4
  for (int64_t part = 0; part < parts; ++part) sum += partial[part * elements + i];
  output.put(i / output.columns, i % output.columns, sum);
}

// The kernel that runs and what it needs.
template <class Storage>
struct Plan {
  void (*kernel)(Product<Storage>);
  int threads;
  size_t sharedBytes;
  int64_t tileRows, tileColumns;
  int64_t wantedBlocks, leastDepth;
};

template <class Storage, int kTile>
Plan<Storage> tilesPlan() {
  using Tuning = MatrixProductTuning;
  return {matrixTilesKernel<Storage, kTile>,
          MatrixTilesTuning::threads,
          matrixTilesShared<Storage, kTile>(),
          kTile,
          kTile,
          Tuning::blocks,
          Tuning::leastDepth};
}

template <class Storage, bool kIsLeftDeep>
auto unitKernel(bool isRightDeep) {
  return isRightDeep ? matrixUnitKernel<Storage, kIsLeftDeep, true>
                     : matrixUnitKernel<Storage, kIsLeftDeep, false>;
}

template <class Storage>
Plan<Storage> unitPlan(const Product<Storage>& product) {
  using Tuning = MatrixProductTuning;
  const bool isRightDeep = product.right.isDepthContiguous;
  return {product.left.isDepthContiguous ? unitKernel<Storage, true>(isRightDeep)
                                         : unitKernel<Storage, false>(isRightDeep),
          MatrixUnitTuning::threads,
          kMatrixUnitShared,
          MatrixUnitTuning::tile,
          MatrixUnitTuning::tile,
          Tuning::blocks,
          Tuning::leastDepth};
}

template <class Storage, int kRows>
Plan<Storage> thinPlan(const Product<Storage>& product) {
  using Tuning = MatrixProductTuning;
  using Thin = MatrixThinTuning;
  if (product.right.isDepthContiguous) {
    return {matrixThinRowsKernel<kRows, Storage>,
            Thin::threads,
            0,
            Thin::rows,
            Thin::warps,
            1,  // a warp sums a whole column
            1};
  }
  return {matrixThinColumnsKernel<kRows, Storage>,
          Thin::threads,
          size_t(Thin::threads) * kRows * sizeof(Compute<Storage>),
          Thin::rows,
          kWarp,
          Tuning::thinBlocks,
          Tuning::thinDepth};
}

template <class Storage>
Plan<Storage> planOf(const Product<Storage>& product, [[maybe_unused]] const Context& context) {
  const int64_t rows = product.output.rows, columns = product.output.columns;
  if (rows == 1) return thinPlan<Storage, 1>(product);
  if (rows <= MatrixThinTuning::rows)
    return thinPlan<Storage, int(MatrixThinTuning::rows)>(product);
  if constexpr (std::is_same_v<Storage, float16>) {
    return unitPlan(product);  // every device has it
  } else if constexpr (std::is_same_v<Storage, bfloat16>) {
    return hasMatrixUnit<Storage>(context) ? unitPlan(product) : tilesPlan<Storage, 128>();
  } else if constexpr (sizeof(Storage) == 4) {
    const bool isLarge =
        ceilDivide(rows, 128) * ceilDivide(columns, 128) >= MatrixProductTuning::largeTiles;
    return isLarge ? tilesPlan<Storage, 128>() : tilesPlan<Storage, 64>();
  } else {
    return tilesPlan<Storage, 64>();
  }
}

// Cuts the inner dimension where the tiles alone are too few blocks.
template <class Storage>
void cut(Product<Storage>& product, const Plan<Storage>& plan) {
  constexpr int64_t kStep = 64;  // parts are whole tiles, and begin at multiples of 16 bytes
  product.columnTiles = ceilDivide(product.output.columns, plan.tileColumns);
  product.tiles = product.columnTiles * ceilDivide(product.output.rows, plan.tileRows);
  const int64_t depth = product.left.depth;
  const int64_t wanted =
      max(int64_t(1), min(plan.wantedBlocks / product.tiles, depth / plan.leastDepth));
  product.partDepth = ceilDivide(ceilDivide(depth, wanted), kStep) * kStep;
  product.parts = depth == 0 ? 1 : ceilDivide(depth, product.partDepth);
}

template <class Storage>
void multiplyByKernel(Product<Storage> product, Context& context) {
  const Plan<Storage> plan = planOf(product, context);
  cut(product, plan);
  const ProductOutput<Storage> output = product.output;
  const int64_t elements = output.rows * output.columns;
  const bool inParts = product.parts > 1;
  const Workspace<Compute<Storage>> partial(context, inParts ? product.parts * elements : 0);
  if (inParts) {
    product.output = {nullptr, partial.data(), nullptr, output.rows, output.columns, false};
  }
  launch(plan.kernel, dim3(unsigned(product.tiles * product.parts)), dim3(unsigned(plan.threads)),
         plan.sharedBytes, context, product);
  if (!inParts) return;
  constexpr int kThreads = MatrixProductTuning::threads;
  launch(addPartsKernel<Storage>, dim3(unsigned(ceilDivide(elements, kThreads))), dim3(kThreads), 0,
         context, partial.data(), product.parts, output);
}

template <class Storage, class Output>
void multiply(const MatrixProductOf<Storage, Output>& op, Context& context) {
#if !defined(ENTRAIN_SIMT)
  const LibraryProduct request{
      op.left.data,           op.right.data, op.bias.data, op.output.data, DtypeOf<Storage>::value,
      DtypeOf<Output>::value, op.rows,       op.columns,   op.inner,       op.transposeLeft,
      op.transposeRight,      op.accumulate};
  const bool isThin = op.rows <= MatrixThinTuning::rows;
  if (!isThin && op.inner > 0 && multiplyByLibrary(request, context)) return;
#endif
  Product<Storage> product{};
  // A single row is the same both ways.
  product.left = makeOperand(op.left.data, op.rows, op.inner, !op.transposeLeft || op.rows == 1);
  product.right = makeOperand(op.right.data, op.columns, op.inner, op.transposeRight);
  product.output = {nullptr, nullptr, op.bias.data, op.rows, op.columns, op.accumulate};
  if constexpr (std::is_same_v<Output, Storage>) {
    product.output.narrowed = op.output.data;
  } else {
    product.output.wide = op.output.data;
  }
  multiplyByKernel(product, context);
}

}  // namespace

template <class Real>
void run(const MatrixProduct<Real>& op, Context& context) {
  multiply<Real, Real>(op, context);
}

template <class Real>
void run(const WideMatrixProduct<Real>& op, Context& context) {
  multiply<Real, Compute<Real>>(op, context);
}

// For the operations that multiply matrices on their way.
template void run(const MatrixProduct<double>&, Context&);
template void run(const MatrixProduct<float>&, Context&);
template void run(const WideMatrixProduct<bfloat16>&, Context&);

EXPORT_KERNELS(MatrixProduct)
EXPORT_KERNELS(WideMatrixProduct)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
