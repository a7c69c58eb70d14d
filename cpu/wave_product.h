// The field at many times: the real matrix product of the propagator and the sources,
//   S = [Re G, Im G] [Im q; Re q],
// with the kernel of cpu/matrix_kernel.h. A panel of G, a few receivers by a block of sources, is
// formed in L1 and multiplied with all times; G as a whole never exists. The order of the sums
// depends on the number of sources alone.
#pragma once

#include "cpu/matrix_pack.h"
#include "cpu/wave_output.h"
#include "cpu/wave_receivers.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// Sources of a block: each takes two elements of the inner dimension.
template <class Real>
constexpr int64_t kSourceBlock = kInnerBlock<Real> / 2;
// Times at once, so that their share of a block of sources stays in L2.
template <class Real>
constexpr int64_t kMostTimes = 1536 /
                               int64_t(sizeof(Real)) / kTileColumns<Real>* kTileColumns<Real>;

// How the product is cut: samples into chunks of columns, sources into blocks.
template <class Real>
struct WaveProductPlan {
  int64_t columns;  // of a chunk, a multiple of kTileColumns
  int64_t blocks;   // of sources
  int64_t panels;   // of receivers

  WaveProductPlan(const WaveFieldForward<Real>& op)
      : blocks((op.nodes + kSourceBlock<Real> - 1) / kSourceBlock<Real>),
        panels((op.receivers + kTileRows - 1) / kTileRows) {
    constexpr int64_t kWidth = kTileColumns<Real>;
    const int64_t chunks = (op.samples + kMostTimes<Real> - 1) / kMostTimes<Real>;
    columns = ((op.samples + chunks - 1) / chunks + kWidth - 1) / kWidth * kWidth;
  }
  // Of a row of sums: an odd number of cache lines, so that rows fall into different sets of L1.
  int64_t stride() const { return columns + 64 / int64_t(sizeof(Real)); }
  // Elements of the sources of a block: [columns / kTileColumns][source][Im, Re][kTileColumns].
  int64_t blockSize() const { return 2 * kSourceBlock<Real> * columns; }
};

template <class Real, bool narrow>
HOST_DEVICE Vector<Real> factorOf(Vector<Real> x) {
  if constexpr (narrow) {
    return rounded<bfloat16>(x);
  } else {
    return x;
  }
}

// Im q and Re q of a block of sources at the samples from `first` on, zeros where there is none.
template <class Real, bool narrow>
void packSources(const WaveFieldForward<Real>& op, const WaveProductPlan<Real>& plan, int64_t first,
                 int64_t block, Real* packed) {
  constexpr int kLanes = Vector<Real>::kLanes;
  constexpr int kWideLanes = Vector<double>::kLanes;
  const int64_t begin = block * kSourceBlock<Real>;
  const int64_t count =
      op.nodes - begin < kSourceBlock<Real> ? op.nodes - begin : kSourceBlock<Real>;
  for (int64_t column = 0; column < plan.columns; column += kTileColumns<Real>) {
    for (int64_t vector = 0; vector < kTileVectors; ++vector) {
      const int64_t sample = first + column + vector * kLanes;
      double times[kLanes] = {};
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        if (sample + lane < op.samples) times[lane] = op.times[sample + lane];
      }
      Vector<double> wide[kWideParts<Real>];
      for (int part = 0; part < kWideParts<Real>; ++part) {
        wide[part] = load(times + part * kWideLanes);
      }
      Real* to = packed + column * 2 * kSourceBlock<Real> + vector * kLanes;
      for (int64_t j = begin; j < begin + count; ++j, to += 2 * kTileColumns<Real>) {
        const Vector<double> frequency(double(op.frequencies[j]));
        const auto circle = waveCircleOfTurns<Real>([&](int part) __attribute__((always_inline)) {
          return waveTurns(frequency, wide[part]);
        });
        const Vector<Real> amplitude(op.amplitudes[j]);
        store(to, factorOf<Real, narrow>(amplitude * circle.sine));
        store(to + kTileColumns<Real>, factorOf<Real, narrow>(amplitude * circle.cosine));
      }
    }
  }
}

// panel[source][Re G, Im G][kRowSlots] of the receivers from `row` on.
template <class Real, bool narrow>
void formPanel(const WaveGeometry<Real>& geometry, const WaveReceivers<Real>& receivers,
               int64_t row, int64_t begin, int64_t count, Real* panel) {
  using Lanes = Vector<Real>;
  const WaveMedium<Real> medium = geometry.medium;
  for (int part = 0; part < kRowSlots; part += Lanes::kLanes) {
    const Lanes x = load(receivers.x + row + part);
    const Lanes y = load(receivers.y + row + part);
    const Lanes z = load(receivers.z + row + part);
    Real* to = panel + part;
    for (int64_t j = begin; j < begin + count; ++j, to += 2 * kRowSlots) {
      const Lanes squared = squaredLength(Lanes(geometry.x[j]) - x, Lanes(geometry.y[j]) - y,
                                          Lanes(geometry.z[j]) - z);
      const auto g = complexPropagator(medium, softened<Real, false>(medium, squared));
      store(to, factorOf<Real, narrow>(g.real));
      store(to + kRowSlots, factorOf<Real, narrow>(g.imaginary));
    }
  }
}

// sums[row - rowBegin][columns] of the panels [panelBegin, panelEnd).
template <class Real, bool narrow>
void multiplyPanels(const WaveFieldForward<Real>& op, const WaveGeometry<Real>& geometry,
                    const WaveReceivers<Real>& receivers, const WaveProductPlan<Real>& plan,
                    const Real* packed, int64_t panelBegin, int64_t panelEnd, Real* sums) {
  alignas(64) Real panel[kRowSlots * kInnerBlock<Real>];
  for (int64_t block = 0; block < plan.blocks; ++block) {
    const int64_t begin = block * kSourceBlock<Real>;
    const int64_t rest = op.nodes - begin;
    const int64_t count = rest < kSourceBlock<Real> ? rest : kSourceBlock<Real>;
    for (int64_t p = panelBegin; p < panelEnd; ++p) {
      const int64_t row = p * kTileRows;
      const int64_t rows = op.receivers - row < kTileRows ? op.receivers - row : kTileRows;
      formPanel<Real, narrow>(geometry, receivers, row, begin, count, panel);
      const auto multiply = tileKernel<Real>(int(rows), LeftLayout::columnWise, false);
      for (int64_t column = 0; column < plan.columns; column += kTileColumns<Real>) {
        TileProduct<Real> tile{};
        tile.inner = 2 * count;
        tile.left = panel;
        tile.right = packed + block * plan.blockSize() + column * 2 * kSourceBlock<Real>;
        tile.rightStride = kTileColumns<Real>;
        tile.output = sums + (row - panelBegin * kTileRows) * plan.stride() + column;
        tile.outputStride = plan.stride();
        tile.columns = kTileColumns<Real>;
        tile.accumulate = block > 0;
        tile.ahead = reinterpret_cast<const char*>(panel);
        multiply(tile);
      }
    }
  }
}

template <class Real, bool narrow>
void waveProduct(const WaveFieldForward<Real>& op, const WaveGeometry<Real>& geometry,
                 const WaveReceivers<Real>& receivers, const FieldWriter<Real>& writer,
                 Context& context) {
  const WaveProductPlan<Real> plan(op);
  // Few enough panels that every thread gets several tasks, many enough to read the sources seldom.
  constexpr int64_t kMostPanels = 16;
  const int64_t shared = plan.panels / (4 * context.threads());
  const int64_t step = shared < 1 ? 1 : shared < kMostPanels ? shared : kMostPanels;
  const int64_t tasks = (plan.panels + step - 1) / step;
  const int64_t workers = tasks < context.threads() ? tasks : context.threads();
  const int64_t sumsSize = step * kTileRows * plan.stride();
  Real* const packed = context.workspace<Real>(plan.blocks * plan.blockSize());
  Real* const memory = context.workspace<Real>(workers * sumsSize);
  for (int64_t first = 0; first < op.samples; first += plan.columns) {
    context.forEach(plan.blocks, [&](int64_t block) {
      packSources<Real, narrow>(op, plan, first, block, packed + block * plan.blockSize());
    });
    const int64_t left = op.samples - first;
    const int64_t count = left < plan.columns ? left : plan.columns;
    int64_t next = 0;
    context.forEach(workers, [&](int64_t worker) {
      Real* const sums = memory + worker * sumsSize;
      for (;;) {
        const int64_t begin = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) * step;
        if (begin >= plan.panels) return;
        const int64_t end = begin + step < plan.panels ? begin + step : plan.panels;
        multiplyPanels<Real, narrow>(op, geometry, receivers, plan, packed, begin, end, sums);
        const int64_t row = begin * kTileRows;
        const int64_t rowEnd = end * kTileRows < op.receivers ? end * kTileRows : op.receivers;
        writer.write({sums, 1, plan.stride()}, row, rowEnd, first, count);
      }
    });
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu
