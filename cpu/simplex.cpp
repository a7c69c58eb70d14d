// Floor: arithmetic. One octave of 16 points in 3D with the integer hash takes 117 operations of
// AVX-512, for which a Zen 4 core (two at a time, one of them a product or comparison) needs 59
// cycles. Measured there: 72 cycles, 256³ points of 6 octaves in 126 ms of one core (0.8 of the
// floor); with a table by VBMI 82 cycles and 142 ms. With the derivative 161 operations and 116
// cycles, with a table 125: 1.6 and 1.5 times as long.
#include "ops/simplex.h"

#include "cpu/simplex_rows.h"
#include "cpu/simplex_vbmi.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

#if defined(__AVX512F__)
namespace {

// Where the copy with VBMI takes over.
template <class Real>
bool takesBytes(const SimplexField& field, int64_t dim) {
  return sizeof(Real) == 4 && dim > 1 && field.table && !isTiled(field) &&
         runtime::runsSimplexVbmi();
}

}  // namespace
#endif

template <class Real>
void run(const SimplexSample<Real>& op, Context& context) {
#if defined(__AVX512F__)
  if (takesBytes<Real>(op.field, op.dim)) return runtime::runSimplexSampleVbmi(&op, context);
#endif
  withDimension(op.dim, [&](auto axes) {
    constexpr int dim = axes.value;
    const SimplexPlan plan = makePlan<dim>(op.field, context);
    withHash<Vector<Real>>(op.field, [&]<class Hash>(TypeTag<Hash>) {
      withOutput(bool(op.derivative), [&](auto output) {
        samplePoints<dim, output.value, Hash, Real>(plan, op.points, op.samples,
                                                    {op.value.data, op.derivative.data}, context);
      });
    });
  });
}

template <class Real>
void run(const SimplexGrid<Real>& op, Context& context) {
#if defined(__AVX512F__)
  if (takesBytes<Real>(op.field, op.place.dim)) return runtime::runSimplexGridVbmi(&op, context);
#endif
  const SimplexTarget<Real> target{op.value.data, op.derivative.data};
  withDimension(op.place.dim, [&](auto axes) {
    constexpr int dim = axes.value;
    const SimplexPlan plan = makePlan<dim>(op.field, context);
    withHash<Vector<Real>>(op.field, [&]<class Hash>(TypeTag<Hash>) {
      withOutput(bool(op.derivative), [&](auto output) {
        constexpr SimplexOutput kOutput = output.value;
        if constexpr (sizeof(Real) == 4) {
          if (formsTermsPerAxis(op.field)) {
            return gridRows<dim, kOutput == SimplexOutput::derivative, Hash>(plan, op.place, target,
                                                                             context);
          }
        }
        gridPoints<dim, kOutput, Hash, Real>(plan, op.place, target, context);
      });
    });
  });
}

template <class Real>
void run(const SimplexSampleBackward<Real>& op, Context& context) {
  const int64_t dim = op.dim;
  context.forRange(op.samples, kPointGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t k = i * dim; k < (i + 1) * dim; ++k) {
        op.gradPoints[k] = op.gradOutput[i] * op.derivative[k];
      }
    }
  });
}

template <class Real>
void run(const SimplexCurlSample<Real>& op, Context& context) {
  const auto sample = [&](auto axes) {
    constexpr int dim = axes.value;
    const SimplexPlan plan = makePlan<dim>(op.field, context);
    withHash<Vector<Real>>(op.field, [&]<class Hash>(TypeTag<Hash>) {
      samplePoints<dim, SimplexOutput::curl, Hash, Real>(plan, op.points, op.samples,
                                                         {nullptr, op.curl.data}, context);
    });
  };
  op.dim == 2 ? sample(Axes<2>{}) : sample(Axes<3>{});
}

template <class Real>
void run(const SimplexCurlGrid<Real>& op, Context& context) {
  const auto grid = [&](auto axes) {
    constexpr int dim = axes.value;
    const SimplexPlan plan = makePlan<dim>(op.field, context);
    withHash<Vector<Real>>(op.field, [&]<class Hash>(TypeTag<Hash>) {
      gridPoints<dim, SimplexOutput::curl, Hash, Real>(plan, op.place, {nullptr, op.curl.data},
                                                       context);
    });
  };
  op.place.dim == 2 ? grid(Axes<2>{}) : grid(Axes<3>{});
}

EXPORT_KERNELS(SimplexSample)
EXPORT_KERNELS(SimplexSampleBackward)
EXPORT_KERNELS(SimplexGrid)
EXPORT_KERNELS(SimplexCurlSample)
EXPORT_KERNELS(SimplexCurlGrid)

}  // namespace entrain::inline ENTRAIN_ISA::cpu
