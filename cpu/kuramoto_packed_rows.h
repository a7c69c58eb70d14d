// A sparse graph's rows in the order in which gathering them is quickest: within a block those of
// like length stand together, for a processor does not foresee where a row of random length ends
// (half of the time of a random graph's gather), and every row is filled up to pairs of edges. Row
// sums have the same bits as in the order of the graph.
#pragma once

#include "cpu/context.h"
#include "cpu/kuramoto_gather.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// What to pack: `edge[e]` (null: e) is where the weight of edge e is.
template <class Real>
struct PackedRowsInput {
  const int32_t *pointer, *column, *edge;
  const Real* weight;
  int64_t rows, edges, blockRows;

  // Whether rows are filled up: places have 32 bits.
  bool fillsUp() const { return edges + rows <= 0x7fffffff; }
};

// Writes the rows of one block from `place` on.
template <class Real>
void packBlock(const PackedRowsInput<Real>& from, int64_t begin, int64_t end, int32_t place,
               int32_t* pointer, int32_t* column, Real* weight, int32_t* order) {
  constexpr int64_t kLengths = 128;  // rows of more pairs stand at the end, in their order
  const auto lengthOf = [&](int64_t i) {
    const int64_t pairs = (int64_t(from.pointer[i + 1]) - from.pointer[i] + 1) / 2;
    return pairs < kLengths ? pairs : kLengths - 1;
  };
  int64_t starts[kLengths + 1] = {begin};
  for (int64_t i = begin; i < end; ++i) ++starts[lengthOf(i) + 1];
  for (int64_t k = 0; k < kLengths; ++k) starts[k + 1] += starts[k];
  for (int64_t i = begin; i < end; ++i) order[starts[lengthOf(i)]++] = int32_t(i);
  for (int64_t q = begin; q < end; ++q) {
    const int32_t i = order[q];
    pointer[q] = place;
    for (int64_t e = from.pointer[i]; e < from.pointer[i + 1]; ++e, ++place) {
      column[place] = from.column[e];
      if (weight) weight[place] = from.weight[from.edge ? from.edge[e] : e];
    }
    if (!from.fillsUp() || (place - pointer[q]) % 2 == 0) continue;
    column[place] = int32_t(from.rows);  // the zeros behind the last source
    if (weight) weight[place] = 0;
    ++place;
  }
  pointer[end] = place;
}

template <class Real>
GraphRows<Real> packRows(const PackedRowsInput<Real>& from, Context& context) {
  const int64_t blocks = (from.rows + from.blockRows - 1) / from.blockRows;
  const auto blockEnd = [&](int64_t block) {
    const int64_t end = (block + 1) * from.blockRows;
    return end < from.rows ? end : from.rows;
  };
  auto* const places = context.workspace<int32_t>(blocks);
  int32_t place = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    places[block] = place;
    for (int64_t i = block * from.blockRows; i < blockEnd(block); ++i) {
      const int32_t length = from.pointer[i + 1] - from.pointer[i];
      place += from.fillsUp() ? length + length % 2 : length;
    }
  }
  auto* const pointer = context.workspace<int32_t>(from.rows + 1);
  auto* const order = context.workspace<int32_t>(from.rows);
  auto* const column = context.workspace<int32_t>(place);
  Real* const weight = from.weight ? context.workspace<Real>(place) : nullptr;
  context.forEach(blocks, [&](int64_t block) {
    packBlock(from, block * from.blockRows, blockEnd(block), places[block], pointer, column, weight,
              order);
  });
  return {pointer, column, weight, order};
}

// Whether that pays: some rows differ in length.
template <class Real>
bool worthPacking(const PackedRowsInput<Real>& from) {
  for (int64_t i = 1; i < from.rows; ++i) {
    if (from.pointer[i + 1] - from.pointer[i] != from.pointer[1] - from.pointer[0]) return true;
  }
  return false;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
