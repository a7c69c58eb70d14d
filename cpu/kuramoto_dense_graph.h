// A dense graph as the steps of cpu/kuramoto_stepper.h and cpu/kuramoto_adjoint.h see it. Few
// columns read A in place (cpu/kuramoto_thin.h), many columns in packed panels
// (cpu/kuramoto_panels.h, of bfloat16 in cpu/kuramoto_pair_panels.h where the processor multiplies
// it). Panels are kept where many products are to come; the bits are the same,
// so that a run in chunks is the run.
#pragma once

#include "cpu/kuramoto_layout.h"
#include "cpu/kuramoto_pair_panels.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real, class Storage>
class DenseGraph {
  static constexpr int64_t kLanes = Vector<Real>::kLanes;
  // From so many products on keeping the panels pays, up to this size.
  static constexpr int64_t kLeastProducts = 6;
  static constexpr int64_t kMostPackedBytes = int64_t(1) << 31;

 public:
  // `products` and `backProducts`: how many of each are to come; those of the backward decide the
  // blocks where there are any.
  DenseGraph(const Storage* adjacency, int64_t n, int64_t batch, int64_t products,
             int64_t backProducts, Context& context)
      : a_(adjacency), n_(n), batch_(batch) {
    packs_ = 2 * batch > kThinColumns<Real>;
    if (packs_) {
      rows_ = kPanelBlock;
      pairs_ = kMultipliesPairs && multipliesBfloat16();
      const bool fits = n * n * int64_t(sizeof(Real)) <= kMostPackedBytes;
      if (products + backProducts < kLeastProducts || !fits) return;
      if (products > 0) panels_ = pack(false, context);
      if (backProducts > 0) backPanels_ = pack(true, context);
      return;
    }
    // An odd number of cache lines between the planes, so that they fall into different sets.
    stride_ = (n + 127) / 128 * 128 + 64 / int64_t(sizeof(Real));
    // Blocks as wide as the kernel of the transposed product, their number even.
    const int64_t columns = 2 * batch < kThinColumns<Real> ? 2 * batch : kThinColumns<Real>;
    const int64_t width = kThinSumVectors / columns * kLanes;
    const int64_t blocks = (n + 2 * width - 1) / (2 * width) * 2;
    rows_ = backProducts > 0 ? roundUp((n + blocks - 1) / blocks) : 64;
  }

  int64_t blockRows() const { return rows_; }
  int64_t sourceLength() const {
    return packs_ ? columnPanels() * sourceStride() : 2 * batch_ * stride_;
  }
  int64_t scratchLength() const { return packs_ ? kPanelRows * (kLanes + n_) : 0; }
  void clear(Real* sources) const { memset(sources, 0, size_t(sourceLength()) * sizeof(Real)); }

  void spread(Planes<Real> planes, int64_t begin, int64_t end, Real* sources) const {
    if (packs_) {
      for (int64_t panel = 0; panel < columnPanels(); ++panel) {
        spreadPanel(planes, panel, begin, end, sources + panel * sourceStride());
      }
      return;
    }
    for (int64_t c = 0; c < 2 * batch_; ++c) {
      memcpy(sources + c * stride_ + begin, planes.of(int(c % 2), c / 2),
             size_t(end - begin) * sizeof(Real));
    }
  }

  void pull(const Real* sources, int64_t begin, int64_t end, Planes<Real> planes,
            Real* scratch) const {
    product(panels_, sources, begin, end, false, planes, scratch);
  }
  void pullBack(const Real* sources, int64_t begin, int64_t end, Planes<Real> planes,
                Real* scratch) const {
    product(backPanels_, sources, begin, end, true, planes, scratch);
  }

  // degrees[i] = Σ_{j≠i} |A_ij| p_j
  void sumDegrees(const Real* precision, Real* degrees, Context& context) const {
    context.forRange(n_, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Vector<Real> sum(Real(0));
        for (int64_t j = 0; j < n_; j += kLanes) {
          const Vector<Real> a = withoutDiagonal(magnitudes(i, j), j, i);
          sum = precision ? fma(a, loadFirst<Real>(precision + j, lanesAt(j)), sum) : sum + a;
        }
        degrees[i] = sumLanes(sum);
      }
    });
  }
  // gradPrecision[j] += Σ_{i≠j} |A_ij| gradDegrees[i]
  void addDegreePrecision(const Real* gradDegrees, Real* gradPrecision, Context& context) const {
    context.forRange(n_, 4 * kLanes, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; j += kLanes) {
        Vector<Real> sum(Real(0));
        for (int64_t i = 0; i < n_; ++i) {
          sum = fma(withoutDiagonal(magnitudes(i, j), j, i), Vector<Real>(gradDegrees[i]), sum);
        }
        for (int64_t k = 0; k < kLanes && j + k < n_; ++k) gradPrecision[j + k] += sum[int(k)];
      }
    });
  }
  // Through Z: gradAdjacency(i, j) += sign A_ij p_j gradDegrees[i]; and 0 on the diagonal.
  void finishAdjacency(const Real* gradDegrees, const Real* precision, Real* gradAdjacency,
                       Context& context) const {
    context.forRange(n_, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Real* const row = gradAdjacency + i * n_;
        for (int64_t j = 0; j < n_ && gradDegrees; j += kLanes) {
          const Vector<Real> a = loadFirst<Real>(a_ + i * n_ + j, lanesAt(j));
          const Vector<Real> zero(Real(0)), grad(gradDegrees[i]);
          Vector<Real> share = select(less(zero, a), grad, select(less(a, zero), -grad, zero));
          if (precision) share = share * loadFirst<Real>(precision + j, lanesAt(j));
          storePartial(row + j, share + loadFirst<Real>(row + j, lanesAt(j)), lanesAt(j));
        }
        row[i] = 0;
      }
    });
  }

 private:
  static constexpr bool kHalf = std::is_same_v<Real, float> && std::is_same_v<Storage, bfloat16>;

#if defined(__AVX512BW__)
  static constexpr bool kMultipliesPairs = kHalf;
#else
  static constexpr bool kMultipliesPairs = false;
#endif
  static constexpr int64_t kPanelBlock = 32;  // rows of a block where panels are packed

  template <class Word>
  static auto* words(Word* memory) {
    using Pair = std::conditional_t<std::is_const_v<Word>, const Bfloat16Pair, Bfloat16Pair>;
    return reinterpret_cast<Pair*>(memory);
  }
  // Of a panel of sources, in Reals.
  int64_t sourceStride() const {
    return (n_ + n_ % 2) * kLanes;
  }

  static int64_t roundUp(int64_t count) {
    return (count + kLanes - 1) / kLanes * kLanes;
  }
  int64_t lanesAt(int64_t j) const {
    return n_ - j < kLanes ? n_ - j : kLanes;
  }
  int64_t columnPanels() const {
    return (2 * batch_ + kLanes - 1) / kLanes;
  }
  int64_t panelColumns(int64_t panel) const {
    const int64_t left = 2 * batch_ - panel * kLanes;
    return left < kLanes ? left : kLanes;
  }
  Vector<Real> magnitudes(int64_t i, int64_t j) const {
    return absolute(loadFirst<Real>(a_ + i * n_ + j, lanesAt(j)));
  }

  // Rows [begin, end) of a panel of sources; those of pairs take half of its memory. `begin` is a
  // multiple of the rows of a block.
  void spreadPanel(Planes<Real> planes, int64_t panel, int64_t begin, int64_t end,
                   Real* sources) const {
    const int64_t count = end - begin, first = panel * kLanes, columns = panelColumns(panel);
    if constexpr (kMultipliesPairs) {
      if (pairs_) {
        alignas(64) Real rows[kPanelBlock * kLanes];
        rowsOfPlanes(planes, first, columns, count, rows, kLanes);
        return pairsOfRows(rows, count, words(sources) + begin / 2 * kLanes);
      }
    }
    rowsOfPlanes(planes, first, columns, count, sources + begin * kLanes, kLanes);
  }

  // The length of a packed panel in Reals.
  int64_t panelLength() const {
    return (pairs_ ? (n_ + 1) / 2 : n_) * kPanelRows;
  }
  void packOne(int64_t panel, bool transposed, Real* packed) const {
    if constexpr (kMultipliesPairs) {
      if (pairs_) return packPairPanel(a_, n_, panel, transposed, words(packed));
    }
    packPanel(a_, n_, panel, transposed, packed);
  }
  void multiplyOne(const Real* packed, const Real* sources, Real* output) const {
    if constexpr (kMultipliesPairs) {
      if (pairs_) return multiplyPairPanel(words(packed), words(sources), n_, output);
    }
    multiplyPanel(packed, sources, n_, output);
  }

  const Real* pack(bool transposed, Context& context) const {
    Real* const panels = context.workspace<Real>(panelCount(n_) * panelLength());
    context.forEach(panelCount(n_), [&](int64_t panel) {
      packOne(panel, transposed, panels + panel * panelLength());
    });
    return panels;
  }

  void product(const Real* panels, const Real* sources, int64_t begin, int64_t end, bool transposed,
               Planes<Real> planes, Real* scratch) const {
    if (!packs_) {
      productInPlace(sources, begin, end, transposed, planes);
      return;
    }
    for (int64_t i = begin; i < end; i += kPanelRows) {
      const Real* panel = panels + i / kPanelRows * panelLength();
      if (!panels) {
        packOne(i / kPanelRows, transposed, scratch + kPanelRows * kLanes);
        panel = scratch + kPanelRows * kLanes;
      }
      const Planes<Real> rows = {planes.data + (i - begin), planes.batch, planes.stride};
      for (int64_t p = 0; p < columnPanels(); ++p) {
        multiplyOne(panel, sources + p * sourceStride(), scratch);
        planesOfRows(scratch, kLanes, p * kLanes, panelColumns(p), kPanelRows, rows);
      }
    }
  }

  void productInPlace(const Real* sources, int64_t begin, int64_t end, bool transposed,
                      Planes<Real> planes) const {
    const ThinMatrix<Real, Storage> matrix = {a_, n_, stride_};
    for (int64_t first = 0; first < 2 * batch_;) {
      const auto output = [&](int64_t c) {
        return planes.of(int((first + c) % 2), (first + c) / 2);
      };
      const Real* const from = sources + first * stride_;
      const int64_t left = 2 * batch_ - first;
      const auto some = [&](auto count) {
        pullThin<count.value>(matrix, from, begin, end, transposed, output);
        first += count.value;
      };
      if constexpr (kThinColumns<Real> >= 8) {
        if (left >= 8) {
          some(Constant<8>{});
          continue;
        } else if (left == 6) {
          some(Constant<6>{});
          continue;
        }
      }
      if (left >= 4) {
        some(Constant<4>{});
      } else {
        some(Constant<2>{});
      }
    }
  }

  const Storage* a_;
  int64_t n_, batch_, rows_ = 0, stride_ = 0;
  bool packs_ = false, pairs_ = false;
  const Real *panels_ = nullptr, *backPanels_ = nullptr;
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu
