// Kuramoto oscillators on a dense graph: P is a matrix product of A with the sines and cosines of
// all batches, 4 batch N² operations a stage; the diagonal of A counts nowhere.
#pragma once

#include "ops/kuramoto.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
struct KuramotoDenseForward : KuramotoSystem<Real>, KuramotoRun<Real> {
  static constexpr const char* name = "kuramotoDenseForward";
  using Types = FullFloatTypes;
  View<const Real> adjacency;          // (N, N): A; row i lists what pulls i
  View<const bfloat16> halfAdjacency;  // (N, N): A in bfloat16, instead of adjacency
  // pulls: (steps, stages, 2, batch, N): P.sine, then P.cosine

  template <class Visitor>
  void fields(Visitor& visit) {
    this->systemFields(visit);
    this->runFields(visit);
    visit.optional("adjacency", adjacency);
    visit.optional("halfAdjacency", halfAdjacency);
  }
  void validate() const;
};

template <class Real>
struct KuramotoDenseBackward : KuramotoSystem<Real>, KuramotoGradients<Real> {
  static constexpr const char* name = "kuramotoDenseBackward";
  using Types = FullFloatTypes;
  View<const Real> adjacency;          // as in the run
  View<const bfloat16> halfAdjacency;  // as in the run
  View<Real> gradAdjacency;            // (N, N), optional; 0 on the diagonal

  template <class Visitor>
  void fields(Visitor& visit) {
    this->systemFields(visit);
    this->gradientFields(visit);
    visit.optional("adjacency", adjacency);
    visit.optional("halfAdjacency", halfAdjacency);
    visit.optional("gradAdjacency", gradAdjacency);
  }
  void validate() const;
};

// ---- validation ----

template <class Operation>
int64_t checkAdjacency(const Check& check, const Operation& op) {
  const Size row = {"oscillators", op.oscillators}, column = row;
  check.rule(bool(op.adjacency) != bool(op.halfAdjacency), "halfAdjacency",
             "given where adjacency is not, and only there", double(op.halfAdjacency.length));
  if (op.adjacency) check.shape("adjacency", op.adjacency, {row, column});
  if (op.halfAdjacency) check.shape("halfAdjacency", op.halfAdjacency, {row, column});
  return op.steps * op.stages * 2 * op.batch * op.oscillators;
}

template <class Real>
void KuramotoDenseForward<Real>::validate() const {
  const Check check(name);
  this->validateSystem(check, this->batch);
  this->validateRun(check, *this, this->batch, checkAdjacency(check, *this));
}

template <class Real>
void KuramotoDenseBackward<Real>::validate() const {
  const Check check(name);
  this->validateSystem(check, this->batch);
  this->validateGradients(check, *this, this->batch, checkAdjacency(check, *this));
  if (gradAdjacency) {
    check.shape("gradAdjacency", gradAdjacency,
                {{"oscillators", this->oscillators}, {"oscillators", this->oscillators}});
  }
}

}  // namespace entrain::inline ENTRAIN_ISA
