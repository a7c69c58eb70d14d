// Simplex noise on the GPU: kernels in cuda/simplex.cuh, after one that forms the octaves'
// constants. Floor: issue slots, about 130 operations for each octave and point in 3D: 256³
// points of 6 octaves in 0.39 ms on an H200 (33e12 lane instructions a second). Not measured on a
// GPU yet.
#include "ops/simplex.h"

#include "cuda/simplex.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

// A call's plan: the octaves' constants live in device memory as long as this object.
template <int dim>
class Plan {
 public:
  Plan(const SimplexField& field, Context& context)
      : octaves_(context, field.octaves), plan_{simplexSettings<dim>(field), {}, octaves_.data()} {
    launch(simplexOctavesKernel<dim>, dim3(unsigned(ceilDivide(field.octaves, 32))), dim3(32), 0,
           context, field, octaves_.data());
  }
  const SimplexPlan& operator*() const { return plan_; }

 private:
  Workspace<SimplexOctave> octaves_;
  SimplexPlan plan_;
};

int64_t tableBytes(const SimplexField& field) {
  return field.table ? kSharedTableBytes : 0;
}
dim3 pointBlocks(int64_t points) {
  return dim3(unsigned(ceilDivide(points, int64_t(SimplexTuning::threads))));
}

template <int dim, SimplexOutput kOutput, class Real>
void samplePoints(const SimplexField& field, View<const Real> points, int64_t samples,
                  SimplexTarget<Real> target, Context& context) {
  const Plan<dim> plan(field, context);
  withHash<Real>(field, [&]<class Hash>(TypeTag<Hash>) {
    launch(simplexSampleKernel<dim, kOutput, Hash, Real>, pointBlocks(samples),
           dim3(SimplexTuning::threads), size_t(tableBytes(field)), context, *plan, field.table,
           points, samples, target);
  });
}

template <int dim, SimplexOutput kOutput, class Real>
void gridPoints(const SimplexField& field, const SimplexPlace& place, SimplexTarget<Real> target,
                Context& context) {
  const Plan<dim> plan(field, context);
  withHash<Real>(field, [&]<class Hash>(TypeTag<Hash>) {
    launch(simplexGridKernel<dim, kOutput, Hash, Real>, pointBlocks(place.points()),
           dim3(SimplexTuning::threads), size_t(tableBytes(field)), context, *plan, field.table,
           place, target);
  });
}

template <int dim, bool kDerivative>
void gridRows(const SimplexField& field, const SimplexPlace& place, SimplexTarget<float> target,
              Context& context) {
  if (place.points() == 0) return;
  constexpr int kRows = kDerivative ? SimplexTuning::derivativeRows : SimplexTuning::valueRows;
  const SimplexTiles tiles = simplexTiles(place, kRows);
  const Plan<dim> plan(field, context);
  const int64_t shared =
      kSharedTableBytes + SimplexTuning::sharedRowTerms * int64_t(sizeof(SharedRow<dim>));
  withHash<float>(field, [&]<class Hash>(TypeTag<Hash>) {
    launch(simplexRowsKernel<dim, kDerivative, Hash, kRows>, dim3(unsigned(tiles.blocks)),
           dim3(SimplexTuning::threads), size_t(shared), context, *plan, field.table, place, tiles,
           target);
  });
}

template <class Real>
__global__ void __launch_bounds__(SimplexTuning::threads)
    simplexSampleBackwardKernel(View<const Real> gradOutput, View<const Real> derivative,
                                View<Real> gradPoints, int64_t dim) {
  const int64_t i = globalThread();
  if (i < derivative.length) gradPoints[i] = gradOutput[i / dim] * derivative[i];
}

}  // namespace

template <class Real>
void run(const SimplexSample<Real>& op, Context& context) {
  withDimension(op.dim, [&](auto axes) {
    withOutput(bool(op.derivative), [&](auto output) {
      samplePoints<axes.value, output.value, Real>(op.field, op.points, op.samples,
                                                   {op.value.data, op.derivative.data}, context);
    });
  });
}

template <class Real>
void run(const SimplexGrid<Real>& op, Context& context) {
  const SimplexTarget<Real> target{op.value.data, op.derivative.data};
  withDimension(op.place.dim, [&](auto axes) {
    withOutput(bool(op.derivative), [&](auto output) {
      if constexpr (sizeof(Real) == 4) {
        if (formsTermsPerAxis(op.field)) {
          return gridRows<axes.value, output.value == SimplexOutput::derivative>(op.field, op.place,
                                                                                 target, context);
        }
      }
      gridPoints<axes.value, output.value, Real>(op.field, op.place, target, context);
    });
  });
}

template <class Real>
void run(const SimplexSampleBackward<Real>& op, Context& context) {
  launch(simplexSampleBackwardKernel<Real>, pointBlocks(op.derivative.length),
         dim3(SimplexTuning::threads), 0, context, op.gradOutput, op.derivative, op.gradPoints,
         op.dim);
}

template <class Real>
void run(const SimplexCurlSample<Real>& op, Context& context) {
  const SimplexTarget<Real> target{nullptr, op.curl.data};
  if (op.dim == 2) {
    samplePoints<2, SimplexOutput::curl, Real>(op.field, op.points, op.samples, target, context);
  } else {
    samplePoints<3, SimplexOutput::curl, Real>(op.field, op.points, op.samples, target, context);
  }
}

template <class Real>
void run(const SimplexCurlGrid<Real>& op, Context& context) {
  const SimplexTarget<Real> target{nullptr, op.curl.data};
  if (op.place.dim == 2) {
    gridPoints<2, SimplexOutput::curl, Real>(op.field, op.place, target, context);
  } else {
    gridPoints<3, SimplexOutput::curl, Real>(op.field, op.place, target, context);
  }
}

EXPORT_KERNELS(SimplexSample)
EXPORT_KERNELS(SimplexSampleBackward)
EXPORT_KERNELS(SimplexGrid)
EXPORT_KERNELS(SimplexCurlSample)
EXPORT_KERNELS(SimplexCurlGrid)

}  // namespace entrain::inline ENTRAIN_ISA::cuda
