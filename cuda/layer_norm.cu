// Up to 32 elements a lane, a warp holds a row in registers: mean and variance in two passes, and
// backward the sums for weight and bias over a fixed set of rows; a second kernel adds the sets in
// order. A wider row is a block's, is read again for each pass, and its columns are summed apart.
// Which lane adds which elements depends on the sizes alone. Floor: memory, 2 arrays forward and 3
// backward (wide rows: 5). Not measured on a GPU yet.
#include "ops/layer_norm.h"

#include "cuda/pack.cuh"
#include "cuda/reduce.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct LayerNormTuning {
  static constexpr int warps = 4;  // not measured
  static constexpr int threads = warps * kWarp;
  static constexpr int wideThreads = 256;        // not measured
  static constexpr int heldElements = 32;        // of a lane; not measured
  static constexpr int64_t mostRowsOfWarp = 32;  // not measured; fixes the order of summation
  static constexpr int64_t fullGrid = 1024;      // blocks; fixes the order of summation
  static constexpr int totalWarps = 32;          // of the kernel that adds the sets
};

template <class Real>
constexpr int kElements = kPackLength<Real>;
template <class Real>
using Elements = Compute<Real>[kElements<Real>];

// Access to the elements [at, at + kElements) of a row: 16 bytes where all rows are aligned.
struct RowAccess {
  int64_t width;
  bool isAligned;

  template <class Real>
  __device__ __forceinline__ void load(Elements<Real>& values, const Real* row, int64_t at) const {
    if (isAligned) {
      const auto pack = loadPack<kElements<Real>>(row + at);
#pragma unroll
      for (int j = 0; j < kElements<Real>; ++j) values[j] = widen(pack.values[j]);
    } else {
#pragma unroll
      for (int j = 0; j < kElements<Real>; ++j) {
        values[j] = at + j < width ? widen(row[at + j]) : Compute<Real>(0);
      }
    }
  }
  template <class Real>
  __device__ __forceinline__ void store(Real* row, int64_t at, const Elements<Real>& values) const {
    if (isAligned) {
      Pack<Real, kElements<Real>> pack;
#pragma unroll
      for (int j = 0; j < kElements<Real>; ++j) pack.values[j] = narrow<Real>(values[j]);
      storePack(row + at, pack);
    } else {
#pragma unroll
      for (int j = 0; j < kElements<Real>; ++j) {
        if (at + j < width) row[at + j] = narrow<Real>(values[j]);
      }
    }
  }
};

// One row of kArrays arrays, in the registers of a warp, kPacks packs a lane.
template <class Real, int kPacks, int kArrays>
struct Row {
  RowAccess access;
  Elements<Real> held[kPacks][kArrays];

  __device__ __forceinline__ Row(RowAccess rowAccess, const Real* const (&rows)[kArrays])
      : access(rowAccess) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      if (place(p) >= access.width) continue;
#pragma unroll
      for (int a = 0; a < kArrays; ++a) access.load(held[p][a], rows[a], place(p));
    }
  }
  static __device__ __forceinline__ int64_t place(int p) {
    return int64_t(p * kWarp + laneIndex()) * kElements<Real>;
  }
  // body(p, at, values of each array)
  template <class Body>
  __device__ __forceinline__ void forEach(const Body& body) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      if (place(p) < access.width) body(p, place(p), held[p]);
    }
  }
  static __device__ __forceinline__ Compute<Real> sum(Compute<Real> value) {
    return warpReduce(value, Sum{});
  }
};

// A row that a block reads anew in each pass.
template <class Real, int kArrays>
struct Row<Real, 0, kArrays> {
  RowAccess access;
  const Real* rows[kArrays];

  __device__ __forceinline__ Row(RowAccess rowAccess, const Real* const (&from)[kArrays])
      : access(rowAccess) {
    for (int a = 0; a < kArrays; ++a) rows[a] = from[a];
  }
  template <class Body>
  __device__ __forceinline__ void forEach(const Body& body) {
    const int64_t step = int64_t(blockDim.x) * kElements<Real>;
    for (int64_t at = int64_t(threadIdx.x) * kElements<Real>; at < access.width; at += step) {
      Elements<Real> values[kArrays];
#pragma unroll
      for (int a = 0; a < kArrays; ++a) access.load(values[a], rows[a], at);
      body(0, at, values);
    }
  }
  static __device__ __forceinline__ Compute<Real> sum(Compute<Real> value) {
    return blockReduce(value, Compute<Real>(0), Sum{}, sharedMemory<Compute<Real>>());
  }
};

// The first row of a thread, and whether it is the one to write the row's numbers.
template <int kPacks>
__device__ __forceinline__ int64_t ownRow() {
  return kPacks == 0 ? int64_t(blockIdx.x)
                     : int64_t(blockIdx.x) * LayerNormTuning::warps + warpIndex();
}
template <int kPacks>
__device__ __forceinline__ bool isRowWriter() {
  return kPacks == 0 ? threadIdx.x == 0 : laneIndex() == 0;
}

template <int kPacks, class Real>
__global__ void __launch_bounds__(LayerNormTuning::wideThreads)
    layerNormForwardKernel(LayerNormForward<Real> op, RowAccess access) {
  using Scalar = Compute<Real>;
  using OneRow = Row<Real, kPacks, 1>;
  constexpr int kCount = kElements<Real>;
  const int64_t index = ownRow<kPacks>();
  if (index >= op.rows) return;
  OneRow row(access, {op.input.data + index * op.width});
  Scalar sum = 0, squares = 0;
  row.forEach([&](int, int64_t, const Elements<Real>(&x)[1]) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) sum += x[0][j];  // beyond the end stand zeros
  });
  const Scalar mean = OneRow::sum(sum) / Scalar(op.width);
  row.forEach([&](int, int64_t at, const Elements<Real>(&x)[1]) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const Scalar deviation = at + j < op.width ? x[0][j] - mean : Scalar(0);
      squares = fma(deviation, deviation, squares);
    }
  });
  const Scalar inverse =
      inverseDeviationOf(OneRow::sum(squares) / Scalar(op.width), Scalar(op.epsilon));
  if (isRowWriter<kPacks>()) {
    op.mean[index] = mean;
    op.inverseDeviation[index] = inverse;
  }
  row.forEach([&](int, int64_t at, const Elements<Real>(&x)[1]) {
    Elements<Real> weight, bias, output;
    access.load(weight, op.weight.data, at);
    access.load(bias, op.bias.data, at);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      output[j] = fma(normalised(x[0][j], mean, inverse), weight[j], bias[j]);
    }
    access.store(op.output.data + index * op.width, at, output);
  });
}

// gradInput of one row; visit(p, j, gradOutput, xHat) sees every element.
template <int kPacks, class Real, class Visit>
__device__ __forceinline__ void rowGradient(const LayerNormBackward<Real>& op, RowAccess access,
                                            int64_t index, const Visit& visit) {
  using Scalar = Compute<Real>;
  using TwoRows = Row<Real, kPacks, 2>;
  constexpr int kCount = kElements<Real>;
  const Scalar mean = op.mean[index], inverse = op.inverseDeviation[index];
  TwoRows row(access, {op.gradOutput.data + index * op.width, op.input.data + index * op.width});
  Scalar sumG = 0, sumGXHat = 0;
  row.forEach([&](int p, int64_t at, const Elements<Real>(&values)[2]) {
    Elements<Real> weight;
    access.load(weight, op.weight.data, at);  // 0 beyond the end, as gradOutput
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const Scalar xHat = normalised(values[1][j], mean, inverse), g = values[0][j] * weight[j];
      sumG += g;
      sumGXHat = fma(g, xHat, sumGXHat);
      visit(p, j, values[0][j], xHat);
    }
  });
  const Scalar meanG = TwoRows::sum(sumG) / Scalar(op.width);
  const Scalar meanGXHat = TwoRows::sum(sumGXHat) / Scalar(op.width);
  row.forEach([&](int, int64_t at, const Elements<Real>(&values)[2]) {
    Elements<Real> weight, gradInput;
    access.load(weight, op.weight.data, at);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const Scalar xHat = normalised(values[1][j], mean, inverse), g = values[0][j] * weight[j];
      gradInput[j] = layerNormGradient(g, xHat, meanG, meanGXHat, inverse);
    }
    access.store(op.gradInput.data + index * op.width, at, gradInput);
  });
}

// What a lane adds up over rows, for weight and bias.
template <class Real, int kPacks>
struct ColumnSums {
  static constexpr int kColumns = kPacks * kWarp * kElements<Real>;  // of a warp
  Compute<Real> sums[kPacks][2][kElements<Real>] = {};

  __device__ __forceinline__ void add(int p, int j, Compute<Real> gradOutput, Compute<Real> xHat) {
    sums[p][0][j] = fma(gradOutput, xHat, sums[p][0][j]);
    sums[p][1][j] += gradOutput;
  }
  // Adds the warps in their order; set (2, width) gets the columns from `strip` on. All threads of
  // a block take part.
  __device__ __forceinline__ void store(Compute<Real>* set, int64_t strip, int64_t width) const {
    auto* const shared = sharedMemory<Compute<Real>>();  // (warps, 2, columns)
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
#pragma unroll
      for (int s = 0; s < 2; ++s) {
#pragma unroll
        for (int j = 0; j < kElements<Real>; ++j) {
          const int column = (p * kWarp + laneIndex()) * kElements<Real> + j;
          shared[(warpIndex() * 2 + s) * kColumns + column] = sums[p][s][j];
        }
      }
    }
    __syncthreads();  // all warps' sums are there
    for (int i = int(threadIdx.x); i < 2 * kColumns; i += LayerNormTuning::threads) {
      const int64_t column = strip + i % kColumns;
      if (column >= width) continue;
      Compute<Real> total = 0;
#pragma unroll
      for (int warp = 0; warp < LayerNormTuning::warps; ++warp) {
        total += shared[warp * 2 * kColumns + i];
      }
      set[i / kColumns * width + column] = total;
    }
  }
};

template <int kPacks, class Real>
__global__ void __launch_bounds__(LayerNormTuning::threads)
    layerNormBackwardKernel(LayerNormBackward<Real> op, RowAccess access, int64_t setRows,
                            Compute<Real>* sets) {
  ColumnSums<Real, kPacks> columns;
  const int64_t first = int64_t(blockIdx.x) * setRows, end = min(first + setRows, op.rows);
  for (int64_t index = first + warpIndex(); index < end; index += LayerNormTuning::warps) {
    rowGradient<kPacks>(op, access, index,
                        [&](int p, int j, Compute<Real> gradOutput, Compute<Real> xHat) {
                          columns.add(p, j, gradOutput, xHat);
                        });
  }
  columns.store(sets + int64_t(blockIdx.x) * 2 * op.width, 0, op.width);
}

template <class Real>
__global__ void __launch_bounds__(LayerNormTuning::wideThreads)
    wideGradientKernel(LayerNormBackward<Real> op, RowAccess access) {
  rowGradient<0>(op, access, blockIdx.x, [](int, int, Compute<Real>, Compute<Real>) {});
}

// The sums for weight and bias over one set of rows and one strip of columns.
template <class Real>
__global__ void __launch_bounds__(LayerNormTuning::threads)
    wideColumnsKernel(LayerNormBackward<Real> op, RowAccess access, int64_t setRows, int64_t strips,
                      Compute<Real>* sets) {
  using Columns = ColumnSums<Real, 1>;
  Columns columns;
  const int64_t set = blockIdx.x / strips, strip = blockIdx.x % strips * Columns::kColumns;
  const int64_t first = set * setRows, end = min(first + setRows, op.rows);
  const int64_t at = strip + laneIndex() * kElements<Real>;
  if (at < op.width) {
    for (int64_t index = first + warpIndex(); index < end; index += LayerNormTuning::warps) {
      Elements<Real> gradOutput, input;
      access.load(gradOutput, op.gradOutput.data + index * op.width, at);
      access.load(input, op.input.data + index * op.width, at);
      const auto mean = op.mean[index], inverse = op.inverseDeviation[index];
#pragma unroll
      for (int j = 0; j < kElements<Real>; ++j) {
        columns.add(0, j, gradOutput[j], normalised(input[j], mean, inverse));
      }
    }
  }
  columns.store(sets + set * 2 * op.width, strip, op.width);
}

// gradWeight and gradBias from the sets (setCount, 2, width): a lane owns a column, a warp adds
// every 32nd set, and the warps are added in their order.
template <class Real>
__global__ void __launch_bounds__(LayerNormTuning::totalWarps* kWarp)
    layerNormTotalKernel(LayerNormBackward<Real> op, const Compute<Real>* sets, int64_t setCount) {
  constexpr int kWarps = LayerNormTuning::totalWarps;
  auto* const shared = sharedMemory<Compute<Real>>();  // (warps, lanes)
  const int64_t column = int64_t(blockIdx.x) * kWarp + laneIndex();
  Compute<Real> sum = 0;
  if (column < 2 * op.width) {
#pragma unroll 4
    for (int64_t set = warpIndex(); set < setCount; set += kWarps) {
      sum += sets[set * 2 * op.width + column];
    }
  }
  shared[threadIdx.x] = sum;
  __syncthreads();  // all warps' sums are there
  if (warpIndex() > 0 || column >= 2 * op.width) return;
  for (int warp = 1; warp < kWarps; ++warp) sum += shared[warp * kWarp + laneIndex()];
  if (column < op.width) {
    op.gradWeight[column] = sum;
  } else {
    op.gradBias[column - op.width] = sum;
  }
}

// Calls body of the packs a lane holds, 0 where the row is too wide for a warp.
template <class Real, int kPacks = 1, class Body>
void withPacks(int64_t width, const Body& body) {
  if constexpr (kPacks * kElements < Real >> LayerNormTuning::heldElements || kPacks > 8) {
    body(std::integral_constant<int, 0>{});
  } else if (width <= kPacks * kWarp * kElements<Real>) {
    body(std::integral_constant<int, kPacks>{});
  } else {
    withPacks<Real, 2 * kPacks>(width, body);
  }
}

// A row that is no multiple of 16 bytes leaves the next one unaligned.
template <class Real, class... Data>
RowAccess rowAccess(int64_t width, const Data*... rows) {
  return {width, areAligned(rows...) && width % kElements<Real> == 0};
}

}  // namespace

template <class Real>
void run(const LayerNormForward<Real>& op, Context& context) {
  using Tuning = LayerNormTuning;
  withPacks<Real>(op.width, [&](auto packs) {
    const RowAccess access =
        rowAccess<Real>(op.width, op.input.data, op.weight.data, op.bias.data, op.output.data);
    constexpr int kPacks = decltype(packs)::value;
    constexpr int kThreads = kPacks == 0 ? Tuning::wideThreads : Tuning::threads;
    const int64_t blocks = kPacks == 0 ? op.rows : ceilDivide(op.rows, Tuning::warps);
    launch(layerNormForwardKernel<kPacks, Real>, dim3(unsigned(blocks)), dim3(kThreads),
           kThreads / kWarp * sizeof(Compute<Real>), context, op, access);
  });
}

template <class Real>
void run(const LayerNormBackward<Real>& op, Context& context) {
  using Tuning = LayerNormTuning;
  using Scalar = Compute<Real>;
  const int64_t ofWarp = ceilDivide(op.rows, Tuning::warps * Tuning::fullGrid);
  const int64_t setRows = Tuning::warps * max(int64_t(1), min(ofWarp, Tuning::mostRowsOfWarp));
  const int64_t setCount = ceilDivide(op.rows, setRows);
  const Workspace<Scalar> sets(context, setCount * 2 * op.width);
  withPacks<Real>(op.width, [&](auto packs) {
    const RowAccess access = rowAccess<Real>(op.width, op.gradOutput.data, op.input.data,
                                             op.weight.data, op.gradInput.data);
    constexpr int kPacks = decltype(packs)::value;
    constexpr int kColumns = (kPacks == 0 ? 1 : kPacks) * kWarp * kElements<Real>;
    constexpr size_t kShared = Tuning::warps * 2 * kColumns * sizeof(Scalar);
    if constexpr (kPacks == 0) {
      launch(wideGradientKernel<Real>, dim3(unsigned(op.rows)), dim3(Tuning::wideThreads),
             Tuning::wideThreads / kWarp * sizeof(Scalar), context, op, access);
      const int64_t strips = ceilDivide(op.width, kColumns);
      launch(wideColumnsKernel<Real>, dim3(unsigned(setCount * strips)), dim3(Tuning::threads),
             kShared, context, op, access, setRows, strips, sets.data());
    } else {
      launch(layerNormBackwardKernel<kPacks, Real>, dim3(unsigned(setCount)), dim3(Tuning::threads),
             kShared, context, op, access, setRows, sets.data());
    }
  });
  launch(layerNormTotalKernel<Real>, dim3(unsigned(ceilDivide(2 * op.width, kWarp))),
         dim3(Tuning::totalWarps * kWarp), Tuning::totalWarps * kWarp * sizeof(Scalar), context, op,
         sets.data(), setCount);
}

EXPORT_KERNELS(LayerNormForward)
EXPORT_KERNELS(LayerNormBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
