// Pieces of every pair are summed on any thread and combined in their order: the mean, the squares,
// then the scaling. Floor: memory; it stands between runs of many steps.
#include "ops/lyapunov.h"

#include "cpu/kernel.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPiece = 4096;  // oscillators

// totals[pair] = Σ_i term(pair, i).
template <class Term>
void sumOverOscillators(Context& context, int64_t pairs, int64_t oscillators, double* totals,
                        double* parts, const Term& term) {
  const int64_t pieces = (oscillators + kPiece - 1) / kPiece;
  context.forEach(pairs * pieces, [&](int64_t task) {
    const int64_t begin = task % pieces * kPiece;
    const int64_t end = begin + kPiece < oscillators ? begin + kPiece : oscillators;
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += term(task / pieces, i);
    parts[task] = sum;
  });
  for (int64_t pair = 0; pair < pairs; ++pair) {
    totals[pair] = 0;
    for (int64_t piece = 0; piece < pieces; ++piece) totals[pair] += parts[pair * pieces + piece];
  }
}

}  // namespace

template <class Real>
void run(const LyapunovRenormalise<Real>& op, Context& context) {
  const int64_t pairs = op.pairs, n = op.oscillators, pieces = (n + kPiece - 1) / kPiece;
  double* means = context.workspace<double>(pairs);
  double* distances = context.workspace<double>(pairs);
  double* parts = context.workspace<double>(pairs * pieces);
  for (int64_t pair = 0; pair < pairs; ++pair) means[pair] = 0;
  if (op.transverse) {
    sumOverOscillators(context, pairs, n, means, parts,
                       [&](int64_t pair, int64_t i) { return op.separation(pair, i, 0); });
    for (int64_t pair = 0; pair < pairs; ++pair) means[pair] = op.meanOf(means[pair]);
  }
  sumOverOscillators(context, pairs, n, distances, parts, [&](int64_t pair, int64_t i) {
    const double separation = op.separation(pair, i, means[pair]);
    return separation * separation;
  });
  for (int64_t pair = 0; pair < pairs; ++pair) {
    distances[pair] = op.distanceOf(distances[pair]);
    op.growth[op.slot * pairs + pair] = op.growthOf(distances[pair]);
  }
  context.forRange(pairs * n, kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      op.scaleBack(at / n, at % n, means[at / n], distances[at / n]);
    }
  });
}

EXPORT_KERNELS(LyapunovRenormalise)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
