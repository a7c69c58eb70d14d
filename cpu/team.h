// The team of ops/team.h on the CPU: all threads of the pool, or the calling thread alone where the
// batch is shared among tasks. Sums are over pieces of a fixed length, each in lanes of a fixed
// number, so that neither threads nor instruction set change them.
#pragma once

#include "cpu/rows.h"
#include "ops/team.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE Vector<Real> withoutLane(Vector<Real> x, int64_t lane) {
  if (uint64_t(lane) < uint64_t(Vector<Real>::kLanes)) x.v[lane] = Real(0);
  return x;
}

}  // namespace entrain::inline ENTRAIN_ISA

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
class Team {
 public:
  static constexpr int64_t kPiece = 4096;  // numbers; fixes the order of sums
  static constexpr int64_t kFewRows = 64;  // fewer share their pieces among threads
  static constexpr int64_t kMostSums = 2;

  int64_t first, count;

  // `partials` for kMostSums numbers of each piece of kFewRows rows; not used by a single thread.
  Team(Context* context, Real* partials, int64_t first, int64_t count)
      : first(first), count(count), context_(context), partials_(partials) {}

  Team elements(int64_t from, int64_t number) const {
    return Team(context_, partials_, from, number);
  }

  template <class Uses, class Body>
  void nodes(const Uses& uses, int64_t nodes, const Body& body) const {
    const int64_t pieces = (nodes + kPiece - 1) / kPiece;
    const int64_t rows = pieces > 1 ? 1 : rowsOfTask(nodes);
    const int64_t tasks = pieces > 1 ? count * pieces : (count + rows - 1) / rows;
    forTasks(tasks, [&](int64_t task) {
      const int64_t begin = pieces > 1 ? task / pieces : task * rows;
      const int64_t end = begin + rows < count ? begin + rows : count;
      const int64_t from = pieces > 1 ? task % pieces * kPiece : 0;
      const int64_t length = nodes - from < kPiece ? nodes - from : kPiece;
      for (int64_t row = begin; row < end; ++row) {
        const int64_t b = first + row;
        if (!uses(b)) continue;
        forEachVector<Real>(length, [&](int64_t i, auto access) { body(b, from + i, access); });
      }
    });
  }

  template <class Body>
  void forElements(const Body& body) const {
    for (int64_t b = first; b < first + count; ++b) body(b);
  }

  template <class Body>
  void forRows(int64_t rows, const Body& body) const {
    constexpr int64_t kGrain = 512;
    forTasks((rows + kGrain - 1) / kGrain, [&](int64_t task) {
      const int64_t end = (task + 1) * kGrain < rows ? (task + 1) * kGrain : rows;
      for (int64_t row = task * kGrain; row < end; ++row) body(row);
    });
  }

  template <int K, class Uses, class Term, class Result>
  void rowSums(int64_t rows, int64_t length, const Uses& uses, const Term& term,
               const Result& result) const {
    static_assert(K <= kMostSums);
    const int64_t pieces = length > kPiece ? (length + kPiece - 1) / kPiece : 1;
    if (context_ && rows < kFewRows && pieces > 1) {
      forTasks(rows * pieces, [&](int64_t task) {
        const int64_t row = task / pieces;
        if (uses(row)) sumPiece<K>(row, task % pieces, length, term, partials_ + task * K);
      });
      for (int64_t row = 0; row < rows; ++row) {
        if (!uses(row)) continue;
        Real sums[K] = {};
        for (int64_t piece = 0; piece < pieces; ++piece) {
          for (int k = 0; k < K; ++k) sums[k] += partials_[(row * pieces + piece) * K + k];
        }
        result(row, sums);
      }
      return;
    }
    const int64_t grain = rowsOfTask(length);
    forTasks((rows + grain - 1) / grain, [&](int64_t task) {
      const int64_t end = (task + 1) * grain < rows ? (task + 1) * grain : rows;
      for (int64_t row = task * grain; row < end; ++row) {
        if (!uses(row)) continue;
        Real sums[K] = {}, partial[K];
        for (int64_t piece = 0; piece < pieces; ++piece) {
          sumPiece<K>(row, piece, length, term, partial);
          for (int k = 0; k < K; ++k) sums[k] += partial[k];
        }
        result(row, sums);
      }
    });
  }

  template <class Predicate>
  bool any(const Predicate& predicate) const {
    for (int64_t b = first; b < first + count; ++b) {
      if (predicate(b)) return true;
    }
    return false;
  }

 private:
  static constexpr int kLanes = Vector<Real>::kLanes;
  static constexpr int kFixedLanes = 128 / int(sizeof(Real));  // of a sum, on every processor
  static constexpr int kVectors = kFixedLanes / kLanes;

  static int64_t rowsOfTask(int64_t length) {
    return length >= kPiece ? 1 : (kPiece + length - 1) / length;
  }

  template <class Body>
  void forTasks(int64_t tasks, const Body& body) const {
    if (context_ && tasks > 1) {
      context_->forEach(tasks, body);
    } else {
      for (int64_t task = 0; task < tasks; ++task) body(task);
    }
  }

  // Element j goes to lane j mod kFixedLanes; the lanes are then halved.
  template <int K, class Term>
  static void sumPiece(int64_t row, int64_t piece, int64_t length, const Term& term,
                       Real* result) {
    const int64_t begin = piece * kPiece;
    const int64_t end = begin + kPiece < length ? begin + kPiece : length;
    Vector<Real> sums[kVectors][K];
    for (auto& each : sums) {
      for (auto& sum : each) sum = Vector<Real>(Real(0));
    }
    int64_t j = begin;
    for (; j + kFixedLanes <= end; j += kFixedLanes) {
      for (int v = 0; v < kVectors; ++v) term(row, j + v * kLanes, WholeVector{}, sums[v]);
    }
    for (int v = 0; j < end; ++v, j += kLanes) {
      if (end - j >= kLanes) {
        term(row, j, WholeVector{}, sums[v]);
      } else {
        term(row, j, PartialVector{end - j}, sums[v]);
      }
    }
    for (int k = 0; k < K; ++k) {
      Real lanes[kFixedLanes];
      for (int v = 0; v < kVectors; ++v) store(lanes + v * kLanes, sums[v][k]);
      for (int width = kFixedLanes / 2; width > 0; width /= 2) {
        for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
      }
      result[k] = lanes[0];
    }
  }

  Context* context_;
  Real* partials_;
};

// How many numbers a team's partials take for rows of `length` numbers.
template <class Real>
int64_t partialsFor(int64_t length) {
  const int64_t pieces = (length + Team<Real>::kPiece - 1) / Team<Real>::kPiece;
  return Team<Real>::kFewRows * pieces * Team<Real>::kMostSums;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
