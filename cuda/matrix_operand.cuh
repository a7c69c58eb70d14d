// What the kernels of the matrix product share: the two factors, whichever way they are stored, the
// sums on their way out, and the reading of tiles, with zeros beyond the edges.
#pragma once

#include "cuda/pack.cuh"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

// A factor as (extent, depth): the rows of the left one or the columns of the right one, and the
// inner dimension.
template <class Storage>
struct Operand {
  const Storage* data;
  int64_t extent, depth;
  bool isDepthContiguous;  // stored (extent, depth), else (depth, extent)
  bool isAligned;          // every stored row begins at a multiple of 16 bytes

  __device__ __forceinline__ const Storage* at(int64_t m, int64_t k) const {
    return data + (isDepthContiguous ? m * depth + k : k * extent + m);
  }
};

template <class Storage>
Operand<Storage> makeOperand(const Storage* data, int64_t extent, int64_t depth,
                             bool isDepthContiguous) {
  const int64_t rowLength = isDepthContiguous ? depth : extent;
  return {data, extent, depth, isDepthContiguous,
          areAligned(data) && rowLength % kPackLength<Storage> == 0};
}

// Where sums go: to the output, or, of a part of the inner dimension, to scratch memory
// (parts, rows, columns).
template <class Storage>
struct ProductOutput {
  using Sum = Compute<Storage>;
  Storage* narrowed;  // one of the two is null
  Sum* wide;
  const Sum* bias;  // may be null
  int64_t rows, columns;
  bool accumulate;

  __device__ __forceinline__ void put(int64_t row, int64_t column, Sum sum) const {
    const int64_t i = row * columns + column;
    if (bias) sum += bias[column];
    if (wide) {
      wide[i] = accumulate ? wide[i] + sum : sum;
    } else {
      narrowed[i] = narrow<Storage>(accumulate ? widen(narrowed[i]) + sum : sum);
    }
  }
};

// A product cut into tiles of the output and parts of the inner dimension.
template <class Storage>
struct Product {
  Operand<Storage> left, right;
  ProductOutput<Storage> output;
  int64_t parts, partDepth;  // the shape alone decides them
  int64_t columnTiles, tiles;

  // The output of one part.
  __device__ __forceinline__ ProductOutput<Storage> outputOf(int64_t part) const {
    ProductOutput<Storage> own = output;
    if (parts > 1) own.wide += part * output.rows * output.columns;
    return own;
  }
};

// A block's place: its tile and its stretch [begin, end) of the inner dimension.
struct TilePlace {
  int64_t part, row, column, begin, end;
};

template <class Storage>
__device__ __forceinline__ TilePlace tilePlace(const Product<Storage>& product, int64_t tile) {
  const int64_t part = blockIdx.x / product.tiles, index = blockIdx.x % product.tiles;
  const int64_t begin = part * product.partDepth;
  return {part, index / product.columnTiles * tile, index % product.columnTiles * tile, begin,
          min(begin + product.partDepth, product.left.depth)};
}

// A tile (kTile, kDepth) of a factor on its way from memory through the registers of kThreads
// threads.
template <class Storage, int kTile, int kDepth, int kThreads>
struct TileFetch {
  static constexpr int kCount = kPackLength<Storage>;
  static constexpr int kPacks = kTile * kDepth / kCount / kThreads;
  static_assert(kPacks * kCount * kThreads == kTile * kDepth, "every thread reads as much");
  Pack<Storage, kCount> packs[kPacks];

  struct Spot {
    int m, k;
  };
  // Where the first element of this thread's pack p belongs in the tile.
  static __device__ __forceinline__ Spot spot(bool isDepthContiguous, int p) {
    const int n = p * kThreads + int(threadIdx.x);
    constexpr int kAlongDepth = kDepth / kCount, kAlongExtent = kTile / kCount;
    if (isDepthContiguous) return {n / kAlongDepth, n % kAlongDepth * kCount};
    return {n % kAlongExtent * kCount, n / kAlongExtent};
  }
  // Reads the tile at (first, begin); nothing is read from depth `end` on.
  __device__ __forceinline__ void fetch(const Operand<Storage>& from, int64_t first, int64_t begin,
                                        int64_t end) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const Spot place = spot(from.isDepthContiguous, p);
      const int64_t m = first + place.m, k = begin + place.k;
      if (from.isAligned) {  // a pack is inside or outside as a whole
        const bool isInside = m < from.extent && k < end;
        packs[p] = isInside ? loadPack<kCount>(from.at(m, k)) : Pack<Storage, kCount>{};
        continue;
      }
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const int64_t mj = from.isDepthContiguous ? m : m + j;
        const int64_t kj = from.isDepthContiguous ? k + j : k;
        packs[p].values[j] = mj < from.extent && kj < end ? *from.at(mj, kj) : Storage{};
      }
    }
  }
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda
