// Token embedding: y_i = table[token_i] + positions[i mod time], the positions being optional.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

// A token outside [0, vocabulary) is the fault tokenRange; its row of the output is 0.
template <class Real>
struct EmbeddingForward {
  static constexpr const char* name = "embeddingForward";
  using Types = FloatTypes;
  View<const Real> table;      // (vocabulary, width)
  View<const int32_t> tokens;  // (count)
  View<const Real> positions;  // (length, width), length >= time, optional
  View<Real> output;           // (count, width), written
  int64_t vocabulary, width, count;
  int64_t time;  // tokens of one sequence: token i stands at i mod time

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("table", table);
    visit("tokens", tokens);
    visit.optional("positions", positions);
    visit("output", output);
    visit("vocabulary", vocabulary);
    visit("width", width);
    visit("count", count);
    visit("time", time);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("vocabulary", vocabulary, 1);
    check.atLeast("width", width, 1);
    check.atLeast("count", count, 0);
    check.atLeast("time", time, 1);
    const Size widthSize = {"width", width}, countSize = {"count", count};
    check.shape("table", table, {{"vocabulary", vocabulary}, widthSize});
    check.shape("tokens", tokens, {countSize});
    check.shape("output", output, {countSize, widthSize});
    if (positions) {
      const int64_t length = positions.length / width;
      const Size rows = {"rows (at least time)", length < time ? time : length};
      check.shape("positions", positions, {rows, widthSize});
    }
  }
};

// dL/dtable[v] = Σ_{i: token_i = v} dL/dy_i,  dL/dpositions[t] = Σ_{i mod time = t} dL/dy_i, both
// in ascending order of i, in blocks that only the tokens decide. Faulty tokens count nowhere.
template <class Real>
struct EmbeddingBackward {
  static constexpr const char* name = "embeddingBackward";
  using Types = FloatTypes;
  View<const Real> gradOutput;        // (count, width)
  View<const int32_t> tokens;         // (count)
  View<Compute<Real>> gradTable;      // (vocabulary, width), written, or added to
  View<Compute<Real>> gradPositions;  // (length, width), written, optional
  int64_t vocabulary, width, count, time;
  bool accumulate;  // gradTable is added to: a tied head has its gradient there

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("gradOutput", gradOutput);
    visit("tokens", tokens);
    visit("gradTable", gradTable);
    visit.optional("gradPositions", gradPositions);
    visit("vocabulary", vocabulary);
    visit("width", width);
    visit("count", count);
    visit("time", time);
    visit("accumulate", accumulate);
  }
  void validate() const {
    const Check check(name);
    check.atLeast("vocabulary", vocabulary, 1);
    check.atLeast("width", width, 1);
    check.atLeast("count", count, 0);
    check.atLeast("time", time, 1);
    const Size widthSize = {"width", width}, countSize = {"count", count};
    check.shape("gradOutput", gradOutput, {countSize, widthSize});
    check.shape("tokens", tokens, {countSize});
    check.shape("gradTable", gradTable, {{"vocabulary", vocabulary}, widthSize});
    if (gradPositions) {
      const int64_t length = gradPositions.length / width;
      const Size rows = {"rows (at least time)", length < time ? time : length};
      check.shape("gradPositions", gradPositions, {rows, widthSize});
    }
  }
};

// Rows of one token that are summed at a time.
constexpr int64_t kEmbeddingBlock = 256;

}  // namespace entrain::inline ENTRAIN_ISA
