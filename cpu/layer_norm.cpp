// A task takes a block of rows. A row comes from memory once and is read again from the first-level
// cache: for its mean, its variance and its output. Floor: bytes over bandwidth, 2 arrays forward
// and 3 backward. One thread of a Zen 4 gives 17 and 16 GB/s in float32 (memcpy: 21), and 11 to 15
// in the half types, where the conversions bound it (65536 rows of 512).
#include "ops/layer_norm.h"

#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// Rows whose sums for the weight and the bias one task forms: at least 32, so that writing and
// rereading those sums costs little.
int64_t rowsTogether(int64_t width) {
  constexpr int64_t kElements = 65536;
  return kElements / width > 32 ? kElements / width : 32;
}

// Sums of K terms over the elements of a row, in 256 bytes of lanes: several independent chains of
// additions, and one order for every width of a vector.
template <class Real, int K, class Term>
HOST_DEVICE void rowSums(int64_t width, Compute<Real> (&totals)[K], const Term& term) {
  using Scalar = Compute<Real>;
  using Lanes = Vector<Scalar>;
  constexpr int kChains = 256 / kVectorBytes;
  constexpr int64_t kStep = kChains * Lanes::kLanes;
  Lanes sums[kChains][K];
  for (auto& chain : sums) {
    for (auto& sum : chain) sum = Lanes(Scalar(0));
  }
  const auto add = [&](int chain, int64_t at, auto access) {
    Lanes terms[K];
    term(at, access, terms);
    for (int k = 0; k < K; ++k) sums[chain][k] += terms[k];
  };
  int64_t i = 0;
  for (; i + kStep <= width; i += kStep) {
    for (int chain = 0; chain < kChains; ++chain)
      add(chain, i + chain * Lanes::kLanes, WholeVector{});
  }
  for (int chain = 0; i < width; ++chain, i += Lanes::kLanes) {
    if (width - i >= Lanes::kLanes) {
      add(chain, i, WholeVector{});
    } else {
      add(chain, i, PartialVector{width - i});
    }
  }
  for (int k = 0; k < K; ++k) {
    for (int half = kChains / 2; half > 0; half /= 2) {
      for (int chain = 0; chain < half; ++chain) sums[chain][k] += sums[chain + half][k];
    }
    totals[k] = sumLanes(sums[0][k]);
  }
}

template <class Real>
void normaliseRow(const LayerNormForward<Real>& op, int64_t row) {
  using Scalar = Compute<Real>;
  using Lanes = Vector<Scalar>;
  const Real* input = op.input.data + row * op.width;
  Real* output = op.output.data + row * op.width;
  const Scalar width = Scalar(op.width);
  Scalar sum[1], squares[1];
  rowSums<Real>(op.width, sum,
                [&](int64_t at, auto access, Lanes* terms) { terms[0] = access.load(input + at); });
  const Lanes mean(sum[0] / width);
  rowSums<Real>(op.width, squares, [&](int64_t at, auto access, Lanes* terms) {
    const Lanes deviation = access.keep(access.load(input + at) - mean);
    terms[0] = deviation * deviation;
  });
  const Scalar inverse = inverseDeviationOf(squares[0] / width, Scalar(op.epsilon));
  op.mean[row] = mean[0];
  op.inverseDeviation[row] = inverse;
  forEachVector<Real>(op.width, [&](int64_t at, auto access) {
    const Lanes xHat = normalised(access.load(input + at), mean, Lanes(inverse));
    access.store(output + at,
                 fma(xHat, access.load(op.weight.data + at), access.load(op.bias.data + at)));
  });
}

// Writes the row's gradInput and adds its share to gradWeight and gradBias.
template <class Real>
void normaliseRowBackward(const LayerNormBackward<Real>& op, int64_t row, Compute<Real>* gradWeight,
                          Compute<Real>* gradBias) {
  using Scalar = Compute<Real>;
  using Lanes = Vector<Scalar>;
  const Real* gradOutput = op.gradOutput.data + row * op.width;
  const Real* input = op.input.data + row * op.width;
  Real* gradInput = op.gradInput.data + row * op.width;
  const Lanes mean(op.mean[row]), inverse(op.inverseDeviation[row]);
  Scalar sums[2];
  rowSums<Real>(op.width, sums, [&](int64_t at, auto access, Lanes* terms) {
    const Lanes gradient = access.load(gradOutput + at);
    const Lanes xHat = normalised(access.load(input + at), mean, inverse);
    const Lanes g = gradient * access.load(op.weight.data + at);
    terms[0] = g;
    terms[1] = g * xHat;
    access.store(gradWeight + at, fma(gradient, xHat, access.load(gradWeight + at)));
    access.store(gradBias + at, access.load(gradBias + at) + gradient);
  });
  const Lanes meanG(sums[0] / Scalar(op.width)), meanGXHat(sums[1] / Scalar(op.width));
  forEachVector<Real>(op.width, [&](int64_t at, auto access) {
    const Lanes xHat = normalised(access.load(input + at), mean, inverse);
    const Lanes g = access.load(gradOutput + at) * access.load(op.weight.data + at);
    access.store(gradInput + at, layerNormGradient(g, xHat, meanG, meanGXHat, inverse));
  });
}

}  // namespace

template <class Real>
void run(const LayerNormForward<Real>& op, Context& context) {
  context.forRange(op.rows, rowsTogether(op.width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) normaliseRow(op, row);
  });
}

template <class Real>
void run(const LayerNormBackward<Real>& op, Context& context) {
  using Scalar = Compute<Real>;
  const int64_t grain = rowsTogether(op.width), tasks = (op.rows + grain - 1) / grain;
  Scalar* partial = context.workspace<Scalar>(tasks * 2 * op.width);
  context.forRange(op.rows, grain, [&](int64_t begin, int64_t end) {
    Scalar* gradWeight = partial + begin / grain * 2 * op.width;
    Scalar* gradBias = gradWeight + op.width;
    memset(gradWeight, 0, size_t(2 * op.width) * sizeof(Scalar));
    for (int64_t row = begin; row < end; ++row) normaliseRowBackward(op, row, gradWeight, gradBias);
  });
  context.forRange(op.width, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) op.gradWeight[i] = op.gradBias[i] = 0;
    for (int64_t task = 0; task < tasks; ++task) {
      const Scalar* sums = partial + task * 2 * op.width;
      for (int64_t i = begin; i < end; ++i) op.gradWeight[i] += sums[i];
      for (int64_t i = begin; i < end; ++i) op.gradBias[i] += sums[op.width + i];
    }
  });
}

EXPORT_KERNELS(LayerNormForward)
EXPORT_KERNELS(LayerNormBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
