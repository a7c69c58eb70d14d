// A sparse graph or a ring as the steps of cpu/kuramoto_stepper.h and cpu/kuramoto_adjoint.h see
// it, and the gradient of its weights.
#pragma once

#include "cpu/kuramoto_layout.h"
#include "cpu/kuramoto_packed_rows.h"
#include "cpu/kuramoto_ring.h"
#include "ops/kuramoto_sparse.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
class SparseGraph {
  // Packing a graph takes the time of two to three stages.
  static constexpr int64_t kPackedStages = 16;
  static constexpr int64_t kMostLanes = 4;

 public:
  template <class Operation>
  SparseGraph(const Operation& op, Context& context)
      : n_(op.oscillators),
        columns_(2 * op.batch),
        edges_(op.column.length),
        ring_{op.oscillators, op.neighbours, gatherStride<Real>(2 * op.batch)},
        isRing_(!op.rowPointer),
        rowPointer_(op.rowPointer.data),
        column_(op.column.data),
        weight_(op.weight.data) {
    // About 32 KiB of sources, at least 64 blocks, and whole vectors and partial sums of a ring.
    rows_ = 4096 / op.batch;
    if (rows_ > n_ / 64) rows_ = n_ / 64;
    if (rows_ > 512) rows_ = 512;
    const int64_t unit = isRing_ && !ring_.direct() ? kRingBlock : Vector<Real>::kLanes;
    rows_ = rows_ < unit ? unit : rows_ / unit * unit;
    if (!isRing_) selfEdges_ = findSelfEdges(context);
    pullWeight_ = weight_;
    if (selfEdges_) pullWeight_ = weightsWithoutSelf(context);
    graph_ = {rowPointer_, column_, pullWeight_, nullptr};
    if (isRing_ || op.steps * op.stages < kPackedStages) return;
    const PackedRowsInput<Real> rows = {rowPointer_, column_, nullptr, pullWeight_,
                                        n_,          edges_,  rows_};
    if (worthPacking(rows)) graph_ = packRows(rows, context);
  }
  // The transposed graph; `edge`: where its edges are in this one.
  void setSources(const int32_t* pointer, const int32_t* source, const int32_t* edge,
                  Context& context) {
    if (isRing_) return;
    sourcePointer_ = pointer;
    source_ = source;
    sourceEdge_ = edge;
    const PackedRowsInput<Real> rows = {pointer, source, edge, pullWeight_, n_, edges_, rows_};
    transposed_ = packRows(rows, context);
  }

  // The same graph for `lanes` times as many columns.
  SparseGraph widened(int64_t lanes) const {
    SparseGraph graph = *this;
    graph.columns_ = lanes * columns_;
    graph.ring_.stride = gatherStride<Real>(graph.columns_);
    return graph;
  }
  // How many times as many columns a gather takes in one vector, whose sums have the same bits.
  int64_t mostLanes() const {
    if (isRing_) return 1;
    int64_t lanes = 1;
    while (lanes < kMostLanes && 2 * lanes * columns_ * int64_t(sizeof(Real)) <= kVectorBytes) {
      lanes *= 2;
    }
    return lanes;
  }

  int64_t blockRows() const { return rows_; }
  int64_t stride() const { return ring_.stride; }
  int64_t sourceLength() const { return isRing_ ? ring_.length() : n_ * stride() + spareLength(); }
  // Rows of a block as they are gathered, and what a sliding sum holds.
  int64_t scratchLength() const {
    const int64_t doubles = stride() * int64_t(sizeof(double) / sizeof(Real));
    return (rows_ + Vector<Real>::kLanes) * stride() + 64 + doubles;
  }
  void clear(Real* sources) const { memset(sources, 0, size_t(sourceLength()) * sizeof(Real)); }
  bool selfEdges() const { return selfEdges_; }
  bool isSelfEdge(int64_t e, int64_t i) const { return column_[e] == i; }
  const int32_t* rowPointer() const { return rowPointer_; }
  const int32_t* column() const { return column_; }
  const Real* weight() const { return weight_; }

  void spread(Planes<Real> planes, int64_t begin, int64_t end, Real* sources) const {
    Real* const rows = isRing_ ? ring_.rows(sources) : sources;
    rowsOfPlanes(planes, 0, columns_, end - begin, rows + begin * stride(), stride());
    if (isRing_) completeRing(ring_, sources, begin, end);
  }

  void pull(const Real* sources, int64_t begin, int64_t end, Planes<Real> planes,
            Real* scratch) const {
    if (isRing_) {
      // Doubles start at a multiple of 64 bytes.
      sumNeighbours(ring_, sources, begin, end, scratch, doublesIn(scratch));
    } else {
      gatherRows(sources, stride(), graph_, begin, end, scratch);
    }
    planesOfRows(scratch, stride(), 0, columns_, end - begin, planes);
  }
  void pullBack(const Real* sources, int64_t begin, int64_t end, Planes<Real> planes,
                Real* scratch) const {
    if (isRing_) {
      pull(sources, begin, end, planes, scratch);
      return;
    }
    gatherRows(sources, stride(), transposed_, begin, end, scratch);
    planesOfRows(scratch, stride(), 0, columns_, end - begin, planes);
  }

  // degrees[i] = Σ_{j≠i} |A_ij| p_j
  void sumDegrees(const Real* precision, Real* degrees, Context& context) const {
    if (isRing_) {
      addNeighbours(precision, degrees, false);
      return;
    }
    sumMagnitudes({rowPointer_, column_, nullptr, weight_, n_, edges_, rows_}, precision, degrees,
                  false, context);
  }
  // gradPrecision[j] += Σ_{i≠j} |A_ij| gradDegrees[i]
  void addDegreePrecision(const Real* gradDegrees, Real* gradPrecision, Context& context) const {
    if (isRing_) {
      addNeighbours(gradDegrees, gradPrecision, true);
      return;
    }
    sumMagnitudes({sourcePointer_, source_, sourceEdge_, weight_, n_, edges_, rows_}, gradDegrees,
                  gradPrecision, true, context);
  }

 private:
  // Zeros behind the last source, which packed rows name.
  int64_t spareLength() const {
    return stride() > Vector<Real>::kLanes ? stride() : Vector<Real>::kLanes;
  }
  bool findSelfEdges(Context& context) const {
    int64_t found = 0;
    context.forRange(n_, 4096, [&](int64_t begin, int64_t end) {
      int64_t here = 0;
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t e = rowPointer_[i]; e < rowPointer_[i + 1]; ++e) here += column_[e] == i;
      }
      if (here > 0) __atomic_fetch_add(&found, here, __ATOMIC_RELAXED);
    });
    return found > 0;
  }
  // A copy of the weights, 0 for edges to oneself: a test in every gather would cost more.
  const Real* weightsWithoutSelf(Context& context) const {
    Real* const weights = context.workspace<Real>(edges_);
    context.forRange(n_, 4096, [&](int64_t begin, int64_t end) {
      const int64_t first = rowPointer_[begin], count = rowPointer_[end] - first;
      if (weight_) {
        memcpy(weights + first, weight_ + first, size_t(count) * sizeof(Real));
      } else {
        for (int64_t e = first; e < first + count; ++e) weights[e] = 1;
      }
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t e = rowPointer_[i]; e < rowPointer_[i + 1]; ++e) {
          if (column_[e] == i) weights[e] = 0;
        }
      }
    });
    return weights;
  }
  double* doublesIn(Real* scratch) const {
    Real* const end = scratch + (rows_ + Vector<Real>::kLanes) * stride();
    const uintptr_t address = (reinterpret_cast<uintptr_t>(end) + 63) / 64 * 64;
    return reinterpret_cast<double*>(address);
  }

  // to[i] (+)= Σ |weight_e| values(column_e) over the edges of row i, those to oneself left out.
  void sumMagnitudes(const PackedRowsInput<Real>& rows, const Real* values, Real* to, bool adds,
                     Context& context) const {
    context.forRange(n_, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Real sum = 0;
        for (int64_t e = rows.pointer[i]; e < rows.pointer[i + 1]; ++e) {
          if (rows.column[e] == i) continue;
          const int64_t from = rows.edge ? rows.edge[e] : e;
          const Real magnitude = rows.weight ? absolute(rows.weight[from]) : Real(1);
          sum = fma(magnitude, values ? values[rows.column[e]] : Real(1), sum);
        }
        to[i] = adds ? to[i] + sum : sum;
      }
    });
  }
  // The same on a ring: a sum that slides once around, in float64.
  void addNeighbours(const Real* values, Real* to, bool adds) const {
    const auto valueOf = [&](int64_t i) { return values ? double(values[(i % n_ + n_) % n_]) : 1; };
    double sum = 0;
    for (int64_t k = 1; k <= ring_.k; ++k) sum += valueOf(-k) + valueOf(k);
    for (int64_t i = 0; i < n_; ++i) {
      to[i] = Real(adds ? double(to[i]) + sum : sum);
      if (ring_.k == 0) continue;
      sum += (valueOf(i) - valueOf(i - ring_.k)) + (valueOf(i + 1 + ring_.k) - valueOf(i + 1));
    }
  }

  int64_t n_, columns_, edges_, rows_ = 0;
  GraphRows<Real> graph_ = {}, transposed_ = {};
  RingLayout<Real> ring_;
  bool isRing_, selfEdges_ = false;
  const int32_t *rowPointer_, *column_;
  const Real* weight_;
  const int32_t *sourcePointer_ = nullptr, *source_ = nullptr, *sourceEdge_ = nullptr;
  const Real* pullWeight_ = nullptr;  // 0 for edges to oneself
};

// ∂/∂weight_e = Σ g_i · X_j over batches, stages and steps, for the edge e from j to i.
template <class Real>
class SparseEdges {
 public:
  static constexpr bool kAdds = true;

  SparseEdges(const SparseGraph<Real>& graph, View<Real> gradWeight, int64_t n, Context& context)
      : graph_(graph), grad_(gradWeight), n_(n), context_(context) {
    if (wanted()) memset(grad_.data, 0, size_t(grad_.length) * sizeof(Real));
  }

  bool wanted() const { return grad_.length > 0; }
  void keep(Planes<Real>, Planes<Real>, int64_t, int64_t) {}
  void endStage() {}

  void add(const Real* gSources, const Real* xSources, int64_t begin, int64_t end) {
    const int64_t stride = graph_.stride();
    const int32_t *const pointer = graph_.rowPointer(), *const columns = graph_.column();
    for (int64_t i = begin; i < end; ++i) {
      const Real* const g = gSources + i * stride;
      if (stride == 2) {
        addPairs(g, xSources, columns, pointer[i], pointer[i + 1]);
      } else if (stride * int64_t(sizeof(Real)) < kVectorBytes) {
        for (int64_t e = pointer[i]; e < pointer[i + 1]; ++e) {
          const Real* const x = xSources + int64_t(columns[e]) * stride;
          Real sum = 0;
          for (int64_t c = 0; c < stride; ++c) sum = fma(g[c], x[c], sum);
          grad_[e] += sum;
        }
      } else {
        for (int64_t e = pointer[i]; e < pointer[i + 1]; ++e) {
          const Real* const x = xSources + int64_t(columns[e]) * stride;
          Vector<Real> sum(Real(0));
          for (int64_t c = 0; c < stride; c += Vector<Real>::kLanes) {
            sum = fma(load(g + c), load(x + c), sum);
          }
          grad_[e] += sumLanes(sum);
        }
      }
    }
  }

  // Through Z: += sign w_e p_j gradDegrees[i]; and 0 for edges to oneself.
  void finish(const Real* gradDegrees, const Real* precision) {
    const int32_t *const pointer = graph_.rowPointer(), *const columns = graph_.column();
    const Real* const weights = graph_.weight();
    if (!gradDegrees && !graph_.selfEdges()) return;
    context_.forRange(n_, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t e = pointer[i]; e < pointer[i + 1]; ++e) {
          const Real weight = weights ? weights[e] : Real(1);
          const Real sign = Real((weight > 0) - (weight < 0));
          const Real p = precision ? precision[columns[e]] : Real(1);
          if (gradDegrees) grad_[e] += sign * p * gradDegrees[i];
          if (graph_.isSelfEdge(e, i)) grad_[e] = 0;
        }
      }
    });
  }

 private:
  void addPairs(const Real* g, const Real* xSources, const int32_t* columns, int64_t begin,
                int64_t end) {
    int64_t e = begin;
    if constexpr (sizeof(Real) == 4) {
      using Four = Pack<float, 16>;
      const Four both = {{g[0], g[1], g[0], g[1]}};
      const auto pairs = [&](int64_t at) __attribute__((always_inline)) {
        return both.v * loadPairs(xSources, columns + at).v;
      };
      typedef int32_t Selection __attribute__((vector_size(16)));
      for (; e + 4 <= end; e += 4) {
        const auto first = pairs(e), second = pairs(e + 2);
        const Four old = Four::load(grad_.data + e);
        const Four sum = {old.v + (__builtin_shuffle(first, second, Selection{0, 2, 4, 6}) +
                                   __builtin_shuffle(first, second, Selection{1, 3, 5, 7}))};
        sum.store(grad_.data + e);
      }
    }
    for (; e < end; ++e) {
      const Real* const x = xSources + 2 * int64_t(columns[e]);
      grad_[e] += fma(g[0], x[0], g[1] * x[1]);
    }
  }

  const SparseGraph<Real>& graph_;
  View<Real> grad_;
  int64_t n_;
  Context& context_;
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu
