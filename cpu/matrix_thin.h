// Matrix products with at most kThin rows or columns (generation, scalar heads): every element of
// the large operand is read once, in place, and the arithmetic hides behind memory.
#pragma once

#include "cpu/kernel.h"
#include "cpu/matrix_pack.h"
#include "ops/matrix_product.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int kThin = 4;
constexpr int64_t kThinGrain = 32768;  // elements of the large operand that make a task
#if defined(__AVX512F__)
constexpr int kThinSums = 16;
#else
constexpr int kThinSums = 8;
#endif

// output(i, j) = sum over k of few(i, k) many(j, k), where j runs along the large operand.
template <class Storage, class Output>
struct ThinProduct {
  using Real = Compute<Storage>;
  const Real* few;      // (count, inner)
  const Storage* many;  // (length, inner), or (inner, length)
  int64_t length, inner;
  const Real* bias;  // may be null
  int64_t fewBias, manyBias;
  Output* output;
  int64_t fewStride, manyStride;
  bool accumulate;

  // Out of line: it would be inlined some hundred times.
  __attribute__((noinline)) void write(int64_t i, int64_t j, const Real* sums, int64_t size) const {
    for (int64_t at = 0; at < size; ++at, ++j) {
      Output& to = output[i * fewStride + j * manyStride];
      Real sum = sums[at];
      if (bias) sum += bias[i * fewBias + j * manyBias];
      if (accumulate) sum += widen(to);
      to = narrow<Output>(sum);
    }
  }
};

// The sum over k of row[k] with[k], in four chains of vectors. A single row is a single stream of
// memory: on Zen 4, rows read one after the other come twice as fast as four at a time.
template <class Storage>
HOST_DEVICE Compute<Storage> dotProduct(const Storage* row, const Compute<Storage>* with,
                                        int64_t count) {
  using Real = Compute<Storage>;
  constexpr int kLanes = Vector<Real>::kLanes, kChains = 4;
  Vector<Real> sums[kChains];
  unroll<kChains>([&](auto c)
                      __attribute__((always_inline)) { sums[c.value] = Vector<Real>(Real(0)); });
  int64_t k = 0;
  for (; k + kChains * kLanes <= count; k += kChains * kLanes) {
    unroll<kChains>([&](auto c) __attribute__((always_inline)) {
      const int64_t at = k + c.value * kLanes;
      sums[c.value] = multiplyAdd(load(with + at), load(row + at), sums[c.value]);
    });
  }
  for (; k + kLanes <= count; k += kLanes) {
    sums[0] = multiplyAdd(load(with + k), load(row + k), sums[0]);
  }
  if (k < count) {
    sums[1] =
        multiplyAdd(loadPartial(with + k, count - k), loadPartial(row + k, count - k), sums[1]);
  }
  return sumLanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// multiplyThinRows for a single row of the small operand.
template <class Storage, class Output>
void multiplySingleRow(const ThinProduct<Storage, Output>& p, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; ++j) {
    const Compute<Storage> sum = dotProduct(p.many + j * p.inner, p.few, p.inner);
    p.write(0, j, &sum, 1);
  }
}

// Dot products along the fast index of the large operand, for the elements [begin, end) of it.
template <int count, class Storage, class Output>
void multiplyThinRows(const ThinProduct<Storage, Output>& p, int64_t begin, int64_t end) {
  using Real = Compute<Storage>;
  constexpr int kLanes = Vector<Real>::kLanes, kWidth = kThinSums / kThin;
  for (int64_t j = begin; j < end; j += kWidth) {
    const Storage* rows[kWidth];
    for (int c = 0; c < kWidth; ++c) rows[c] = p.many + (j + c < end ? j + c : end - 1) * p.inner;
    Vector<Real> sums[count][kWidth];
    const auto addProducts = [&](const auto& loadAt) __attribute__((always_inline)) {
      Vector<Real> b[kWidth];
      unroll<kWidth>([&](auto c)
                         __attribute__((always_inline)) { b[c.value] = loadAt(rows[c.value]); });
      unroll<count>([&](auto i) __attribute__((always_inline)) {
        const Vector<Real> a = loadAt(p.few + i.value * p.inner);
        unroll<kWidth>([&](auto c) __attribute__((always_inline)) {
          sums[i.value][c.value] = multiplyAdd(a, b[c.value], sums[i.value][c.value]);
        });
      });
    };
    unroll<count * kWidth>([&](auto n) __attribute__((always_inline)) {
      sums[n.value / kWidth][n.value % kWidth] = Vector<Real>(Real(0));
    });
    int64_t k = 0;
    for (; k + kLanes <= p.inner; k += kLanes) {
      addProducts([&](const auto* from) __attribute__((always_inline)) { return load(from + k); });
    }
    if (k < p.inner) {
      addProducts([&](const auto* from) __attribute__((always_inline)) {
        return loadPartial(from + k, p.inner - k);
      });
    }
    Real results[count][kWidth];
    unroll<count * kWidth>([&](auto n) __attribute__((always_inline)) {
      constexpr int i = n.value / kWidth, c = n.value % kWidth;
      results[i][c] = sumLanes(sums[i][c]);
    });
    for (int i = 0; i < count; ++i) p.write(i, j, results[i], end - j < kWidth ? end - j : kWidth);
  }
}

// Sums of scaled rows of the large operand, for `vectors` vectors of columns from j on, of which
// `width` columns exist.
template <int count, int vectors, class Storage, class Output>
HOST_DEVICE void addScaledRows(const ThinProduct<Storage, Output>& p, int64_t j, int64_t width) {
  using Real = Compute<Storage>;
  constexpr int kLanes = Vector<Real>::kLanes;
  Vector<Real> sums[count][vectors];
  unroll<count * vectors>([&](auto n) __attribute__((always_inline)) {
    sums[n.value / vectors][n.value % vectors] = Vector<Real>(Real(0));
  });
  const bool whole = width >= vectors * kLanes;
  for (int64_t k = 0; k < p.inner; ++k) {
    const Storage* row = p.many + k * p.length + j;
    unroll<vectors>([&](auto v) __attribute__((always_inline)) {
      const Storage* from = row + v.value * kLanes;
      const Vector<Real> b = vectors > 1 || whole ? load(from) : loadPartial(from, width);
      unroll<count>([&](auto i) __attribute__((always_inline)) {
        Vector<Real>& sum = sums[i.value][v.value];
        sum = multiplyAdd(Vector<Real>(p.few[i.value * p.inner + k]), b, sum);
      });
    });
  }
  Real results[count][vectors * kLanes];
  unroll<count * vectors>([&](auto n) __attribute__((always_inline)) {
    constexpr int i = n.value / vectors, v = n.value % vectors;
    store(results[i] + v * kLanes, sums[i][v]);
  });
  for (int i = 0; i < count; ++i) {
    p.write(i, j, results[i], width < vectors * kLanes ? width : vectors * kLanes);
  }
}

template <int count, class Storage, class Output>
void multiplyThinColumns(const ThinProduct<Storage, Output>& p, int64_t begin, int64_t end) {
  constexpr int kLanes = Vector<Compute<Storage>>::kLanes;
  constexpr int kVectors =
      kThinSums / (count == 3 ? 4 : count) > 8 ? 8 : kThinSums / (count == 3 ? 4 : count);
  int64_t j = begin;
  for (; j + kVectors * kLanes <= end; j += kVectors * kLanes) {
    addScaledRows<count, kVectors>(p, j, kVectors * kLanes);
  }
  for (; j < end; j += kLanes) addScaledRows<count, 1>(p, j, end - j);
}

// Elements (i, k) of a thin operand in rows of k; `fast` tells whether k is its fast index.
template <class Storage>
Compute<Storage>* packThin(const Storage* from, int64_t count, int64_t inner, bool fast,
                           Context& context) {
  auto* const packed = context.workspace<Compute<Storage>>(count * inner);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      packed[i * inner + k] = widen(from[fast ? i * inner + k : k * count + i]);
    }
  }
  return packed;
}

// output = op(left) op(right) + bias (+ output) where rows or columns are at most kThin.
template <class Storage, class Output>
void multiplyThin(const MatrixProductOf<Storage, Output>& op, Context& context) {
  const bool fewRows = op.rows <= kThin;
  const int64_t count = fewRows ? op.rows : op.columns;
  ThinProduct<Storage, Output> p;
  p.few = fewRows ? packThin(op.left.data, count, op.inner, !op.transposeLeft, context)
                  : packThin(op.right.data, count, op.inner, op.transposeRight, context);
  p.many = fewRows ? op.right.data : op.left.data;
  p.length = fewRows ? op.columns : op.rows;
  p.inner = op.inner;
  p.bias = op.bias.data;
  p.fewBias = fewRows ? 0 : 1;
  p.manyBias = fewRows ? 1 : 0;
  p.output = op.output.data;
  p.fewStride = fewRows ? op.columns : 1;
  p.manyStride = fewRows ? 1 : op.columns;
  p.accumulate = op.accumulate;
  const bool alongRows = fewRows ? op.transposeRight : !op.transposeLeft;
  constexpr int64_t kStep = 256;  // no task ends within the vectors of another
  const int64_t grain = (kThinGrain / op.inner + kStep) / kStep * kStep;
  const auto multiply = [&]<int size>(Constant<size>) {
    context.forRange(p.length, alongRows ? kThinGrain / op.inner / 4 * 4 + 4 : grain,
                     [&](int64_t begin, int64_t end) {
                       if constexpr (size == 1) {
                         if (alongRows) return multiplySingleRow(p, begin, end);
                       }
                       if (alongRows) {
                         multiplyThinRows<size>(p, begin, end);
                       } else {
                         multiplyThinColumns<size>(p, begin, end);
                       }
                     });
  };
  if (count == 1) multiply(Constant<1>{});
  if (count == 2) multiply(Constant<2>{});
  if (count == 3) multiply(Constant<3>{});
  if (count == 4) multiply(Constant<4>{});
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
