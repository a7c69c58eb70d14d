// Forward: a copy of rows, 16 bytes a lane. Backward: the tokens are sorted (cuda/token_sort.cuh);
// one team of lanes sums a row of the table over its places in ascending order. A token with more
// than kEmbeddingBlock places is summed in the fixed blocks of the sorted order first, and its team
// adds the blocks. Positions are summed over 256 sequences at a time. Floor: memory, gradOutput
// once (twice with positions) and the table once. Not measured on a GPU yet.
#include "ops/embedding.h"

#include "cuda/pack.cuh"
#include "cuda/token_sort.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

struct EmbeddingTuning {
  static constexpr int threads = 128;        // not measured
  static constexpr int64_t sequences = 256;  // summed at a time; fixes the order of summation
};

// Rows of `width` elements cut into strips that a team of 2^teamBits lanes covers, kCount elements
// a lane.
struct Strips {
  int64_t width, perRow;
  int teamBits;
};
// A lane's place: its row and first column.
struct Place {
  int64_t row, column;
};

__device__ __forceinline__ Place placeOf(const Strips& strips, int count) {
  const int64_t thread = globalThread(), team = thread >> strips.teamBits;
  const int64_t lane = thread & ((int64_t(1) << strips.teamBits) - 1);
  const int64_t row = strips.perRow == 1 ? team : team / strips.perRow;
  return {row, (((team - row * strips.perRow) << strips.teamBits) + lane) * count};
}

template <int kCount, class Real>
__global__ void __launch_bounds__(EmbeddingTuning::threads)
    embeddingKernel(EmbeddingForward<Real> op, Strips strips, FaultSlot slot) {
  const Place place = placeOf(strips, kCount);
  if (place.row >= op.count || place.column >= op.width) return;
  Real* const output = op.output.data + place.row * op.width + place.column;
  const int64_t token = op.tokens[place.row];
  Pack<Real, kCount> result = {};
  if (token < 0 || token >= op.vocabulary) {
    if (place.column == 0) raise(slot, runtime::FaultRule::tokenRange, place.row, double(token));
  } else {
    result = loadPack<kCount>(op.table.data + token * op.width + place.column);
    if (op.positions) {
      const auto position =
          loadPack<kCount>(op.positions.data + place.row % op.time * op.width + place.column);
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        result.values[j] = narrow<Real>(widen(result.values[j]) + widen(position.values[j]));
      }
    }
  }
  storePack(output, result);
}

// sums += Σ of the packs at rowAt(i), i in [begin, end), in ascending order, four reads at a time.
template <int kCount, class Storage, class RowAt>
__device__ __forceinline__ void addRows(Compute<Storage> (&sums)[kCount], int64_t begin,
                                        int64_t end, const RowAt& rowAt) {
  constexpr int kTogether = 4;
  int64_t i = begin;
  for (; i + kTogether <= end; i += kTogether) {
    Pack<Storage, kCount> packs[kTogether];
#pragma unroll
    for (int r = 0; r < kTogether; ++r) packs[r] = loadPack<kCount>(rowAt(i + r));
#pragma unroll
    for (int r = 0; r < kTogether; ++r) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) sums[j] += widen(packs[r].values[j]);
    }
  }
  for (; i < end; ++i) {
    const Pack<Storage, kCount> pack = loadPack<kCount>(rowAt(i));
#pragma unroll
    for (int j = 0; j < kCount; ++j) sums[j] += widen(pack.values[j]);
  }
}

template <int kCount, class Total>
__device__ __forceinline__ void storeSums(Total* to, const Total (&sums)[kCount]) {
#pragma unroll
  for (int j = 0; j < kCount; ++j) to[j] = sums[j];
}

// starts[v]: how many sorted tokens are below v, for v in [0, vocabulary].
__global__ void __launch_bounds__(EmbeddingTuning::threads)
    startsKernel(SortedTokens sorted, int64_t vocabulary, int64_t* starts) {
  const int64_t token = globalThread();
  if (token > vocabulary) return;
  int64_t low = 0, high = sorted.count;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (sorted.tokens[middle] < token) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  starts[token] = low;
}

// The runs of equal tokens and the sums of their blocks: block b holds the places
// [256 b, 256 b + 256) of the sorted order. A run of more than 256 either began before the block
// (partial row 2 b) or begins in it (2 b + 1), and there is at most one of each.
template <class Total>
struct Runs {
  SortedTokens sorted;
  const int64_t* starts;  // (vocabulary + 1)
  Total* partial;         // (2 blocks, width)

  __device__ __forceinline__ bool isLong(int64_t token) const {
    return starts[token + 1] - starts[token] > kEmbeddingBlock;
  }
  __device__ __forceinline__ int64_t partialRow(int64_t block, int64_t start) const {
    return 2 * block + (start >= block * kEmbeddingBlock ? 1 : 0);
  }
};

template <int kCount, class Real>
__global__ void __launch_bounds__(EmbeddingTuning::threads)
    blockSumsKernel(EmbeddingBackward<Real> op, Strips strips, Runs<Compute<Real>> runs) {
  const Place place = placeOf(strips, kCount);  // its row is half a block
  const int64_t block = place.row / 2, begin = block * kEmbeddingBlock;
  if (begin >= runs.sorted.count || place.column >= op.width) return;
  const int64_t end = min(begin + kEmbeddingBlock, runs.sorted.count);
  const bool isLater = place.row % 2 == 1;
  const int64_t token = runs.sorted.tokens[isLater ? end - 1 : begin];
  if (token >= op.vocabulary || !runs.isLong(token)) return;
  const int64_t first = runs.starts[token], last = runs.starts[token + 1];
  if (runs.partialRow(block, first) != place.row) return;
  Compute<Real> sums[kCount] = {};
  addRows<kCount, Real>(sums, max(first, begin), min(last, end), [&](int64_t i) {
    return op.gradOutput.data + runs.sorted.places[i] * op.width + place.column;
  });
  storeSums(runs.partial + place.row * op.width + place.column, sums);
}

template <int kCount, class Real>
__global__ void __launch_bounds__(EmbeddingTuning::threads)
    tableKernel(EmbeddingBackward<Real> op, Strips strips, Runs<Compute<Real>> runs) {
  const Place place = placeOf(strips, kCount);
  if (place.row >= op.vocabulary || place.column >= op.width) return;
  const int64_t begin = runs.starts[place.row], end = runs.starts[place.row + 1];
  if (op.accumulate && begin == end) return;
  Compute<Real>* const to = op.gradTable.data + place.row * op.width + place.column;
  Compute<Real> sums[kCount] = {};
  if (op.accumulate) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) sums[j] = to[j];
  }
  if (runs.isLong(place.row)) {
    const int64_t last = (end - 1) / kEmbeddingBlock;
    addRows<kCount, Compute<Real>>(sums, begin / kEmbeddingBlock, last + 1, [&](int64_t block) {
      return runs.partial + runs.partialRow(block, begin) * op.width + place.column;
    });
  } else {
    addRows<kCount, Real>(sums, begin, end, [&](int64_t i) {
      return op.gradOutput.data + runs.sorted.places[i] * op.width + place.column;
    });
  }
  storeSums(to, sums);
}

// output (groups, time, width): sums over groups of sequences of input (count, width); rows from
// `time` on, which only a single group has, are 0.
template <int kCount, class Storage>
__global__ void __launch_bounds__(EmbeddingTuning::threads)
    positionsKernel(const Storage* input, int64_t count, int64_t time, Strips strips,
                    int64_t outputRows, Compute<Storage>* output) {
  const Place place = placeOf(strips, kCount);
  if (place.row >= outputRows || place.column >= strips.width) return;
  const bool isSingle = count <= time * EmbeddingTuning::sequences;
  const int64_t group = isSingle ? 0 : place.row / time, t = place.row - group * time;
  Compute<Storage> sums[kCount] = {};
  if (t < time) {
    const int64_t sequences = ceilDivide(count - t, time);  // that reach this position
    const int64_t first = group * EmbeddingTuning::sequences;
    const int64_t last = min(first + EmbeddingTuning::sequences, sequences);
    addRows<kCount, Storage>(sums, first, last, [&](int64_t sequence) {
      return input + (sequence * time + t) * strips.width + place.column;
    });
  }
  storeSums(output + place.row * strips.width + place.column, sums);
}

template <int kCount>
Strips stripsOf(int64_t width) {
  const int64_t packs = ceilDivide(width, kCount);
  int teamBits = 0;
  while (teamBits < 5 && (int64_t(1) << teamBits) < packs) ++teamBits;
  return {width, ceilDivide(packs, int64_t(1) << teamBits), teamBits};
}

// The grid for a team on each strip of `rows` rows.
dim3 teamGrid(const Strips& strips, int64_t rows) {
  const int64_t threads = (rows * strips.perRow) << strips.teamBits;
  return dim3(unsigned(ceilDivide(threads, EmbeddingTuning::threads)));
}

// gradPositions from `count` rows of Storage: in groups of sequences until one is left.
template <int kCount, class Storage>
void sumPositions(const Storage* input, int64_t count, int64_t time, int64_t width,
                  View<Compute<Storage>> gradPositions, Context& context) {
  using Tuning = EmbeddingTuning;
  using Total = Compute<Storage>;
  const Strips strips = stripsOf<kCount>(width);
  const int64_t groups = ceilDivide(count, time * Tuning::sequences);
  if (groups <= 1) {
    const int64_t rows = gradPositions.length / width;
    launch(positionsKernel<kCount, Storage>, teamGrid(strips, rows), dim3(Tuning::threads), 0,
           context, input, count, time, strips, rows, gradPositions.data);
    return;
  }
  const Workspace<Total> partial(context, groups * time * width);
  launch(positionsKernel<kCount, Storage>, teamGrid(strips, groups * time), dim3(Tuning::threads),
         0, context, input, count, time, strips, groups * time, partial.data());
  sumPositions<kCount, Total>(partial.data(), groups * time, time, width, gradPositions, context);
}

template <int kCount, class Real>
void sumTokens(const EmbeddingBackward<Real>& op, Context& context) {
  using Tuning = EmbeddingTuning;
  using Total = Compute<Real>;
  const TokenSort sort(op, context);
  const Workspace<int64_t> starts(context, op.vocabulary + 1);
  const int64_t blocks = ceilDivide(op.count, kEmbeddingBlock);
  const Workspace<Total> partial(context, blocks > 1 ? 2 * blocks * op.width : 0);
  const Runs<Total> runs{sort.sorted(), starts.data(), partial.data()};
  const Strips strips = stripsOf<kCount>(op.width);
  launch(startsKernel, dim3(unsigned(ceilDivide(op.vocabulary + 1, Tuning::threads))),
         dim3(Tuning::threads), 0, context, runs.sorted, op.vocabulary, starts.data());
  if (blocks > 1) {
    launch(blockSumsKernel<kCount, Real>, teamGrid(strips, 2 * blocks), dim3(Tuning::threads), 0,
           context, op, strips, runs);
  }
  launch(tableKernel<kCount, Real>, teamGrid(strips, op.vocabulary), dim3(Tuning::threads), 0,
         context, op, strips, runs);
}

}  // namespace

template <class Real>
void run(const EmbeddingForward<Real>& op, Context& context) {
  const bool aligned = areAligned(op.table.data, op.output.data, op.positions.data) &&
                       op.width % kPackLength<Real> == 0;
  withPackLength<Real>(aligned, [&](auto length) {
    constexpr int kCount = decltype(length)::value;
    const Strips strips = stripsOf<kCount>(op.width);
    launch(embeddingKernel<kCount, Real>, teamGrid(strips, op.count),
           dim3(EmbeddingTuning::threads), 0, context, op, strips, context.faultSlot());
  });
}

template <class Real>
void run(const EmbeddingBackward<Real>& op, Context& context) {
  const bool aligned = areAligned(op.gradOutput.data, op.gradTable.data, op.gradPositions.data) &&
                       op.width % kPackLength<Real> == 0;
  withPackLength<Real>(aligned, [&](auto length) {
    constexpr int kCount = decltype(length)::value;
    sumTokens<kCount>(op, context);
    if (op.gradPositions) {
      sumPositions<kCount>(op.gradOutput.data, op.count, op.time, op.width, op.gradPositions,
                           context);
    }
  });
}

EXPORT_KERNELS(EmbeddingForward)
EXPORT_KERNELS(EmbeddingBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
