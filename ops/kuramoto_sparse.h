// Kuramoto oscillators on a sparse graph in compressed rows, O(edges) a stage, or on a ring, where
// i is pulled by i ± 1 … i ± neighbours (modulo N) with weight 1 and no index is stored. Edges of
// an oscillator to itself count nowhere, repeated edges add up. Columns in [0, N) and ascending row
// pointers are the caller's duty (lib/graph/graph.ts).
#pragma once

#include "ops/kuramoto.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct KuramotoSparseForward : KuramotoSystem<Real>, KuramotoRun<Real> {
  static constexpr const char* name = "kuramotoSparseForward";
  using Types = FullFloatTypes;
  View<const int32_t> rowPointer;  // (N + 1); absent for a ring
  View<const int32_t> column;      // (edges)
  View<const Real> weight;         // (edges), optional: absent, all are 1
  int64_t neighbours;              // of a ring, on each side; else 0
  // pulls: (steps, stages, 2, batch, N): P.sine, then P.cosine

  template <class Visitor>
  void fields(Visitor& visit) {
    this->systemFields(visit);
    this->runFields(visit);
    visit.optional("rowPointer", rowPointer);
    visit.optional("column", column);
    visit.optional("weight", weight);
    visit("neighbours", neighbours);
  }
  void validate() const;
};

template <class Real>
struct KuramotoSparseBackward : KuramotoSystem<Real>, KuramotoGradients<Real> {
  static constexpr const char* name = "kuramotoSparseBackward";
  using Types = FullFloatTypes;
  View<const int32_t> rowPointer, column;  // as in the run
  View<const Real> weight;
  View<const int32_t> sourcePointer;  // (N + 1): the transposed graph: whom j pulls
  View<const int32_t> source;         // (edges): their rows i
  View<const int32_t> sourceEdge;     // (edges): the edge's place in column and weight
  View<Real> gradWeight;              // (edges), optional; 0 for edges to oneself
  int64_t neighbours;

  template <class Visitor>
  void fields(Visitor& visit) {
    this->systemFields(visit);
    this->gradientFields(visit);
    visit.optional("rowPointer", rowPointer);
    visit.optional("column", column);
    visit.optional("weight", weight);
    visit.optional("sourcePointer", sourcePointer);
    visit.optional("source", source);
    visit.optional("sourceEdge", sourceEdge);
    visit.optional("gradWeight", gradWeight);
    visit("neighbours", neighbours);
  }
  void validate() const;
};

// ---- validation ----

template <class Operation>
int64_t checkEdges(const Check& check, const Operation& op) {
  const int64_t edges = op.column.length;
  check.within("neighbours", double(op.neighbours), 0, double((op.oscillators - 1) / 2));
  check.rule(bool(op.rowPointer) == (op.neighbours == 0) || op.oscillators <= 2, "neighbours",
             "0 with a graph in rows, at least 1 without", double(op.neighbours));
  if (op.rowPointer) {
    check.shape("rowPointer", op.rowPointer, {{"oscillators + 1", op.oscillators + 1}});
  } else {
    check.shape("column", op.column, {{"edges of a ring", 0}});
  }
  if (op.weight) check.shape("weight", op.weight, {{"edges", edges}});
  return op.steps * op.stages * 2 * op.batch * op.oscillators;
}

template <class Real>
void KuramotoSparseForward<Real>::validate() const {
  const Check check(name);
  this->validateSystem(check, this->batch);
  this->validateRun(check, *this, this->batch, checkEdges(check, *this));
}

template <class Real>
void KuramotoSparseBackward<Real>::validate() const {
  const Check check(name);
  this->validateSystem(check, this->batch);
  this->validateGradients(check, *this, this->batch, checkEdges(check, *this));
  if (rowPointer) {
    const Size edges = {"edges", column.length};
    check.shape("sourcePointer", sourcePointer, {{"oscillators + 1", this->oscillators + 1}});
    check.shape("source", source, {edges});
    check.shape("sourceEdge", sourceEdge, {edges});
  }
  if (gradWeight) check.shape("gradWeight", gradWeight, {{"edges", column.length}});
}

}  // namespace entrain::inline ENTRAIN_ISA
