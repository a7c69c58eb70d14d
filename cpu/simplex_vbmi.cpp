// The part of simplex noise that wants AVX-512 VBMI, which x86-64-v4 does not promise: a copy of
// its own, called only where the processor has it. Empty in the other copies.
#if defined(__AVX512F__)
#pragma GCC target("avx512vbmi")
#undef ENTRAIN_ISA
#define ENTRAIN_ISA v4::inline vbmi

#include "cpu/simplex_vbmi.h"

#include "cpu/simplex_bytes.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

// Calls function(Axes<dim>) for 2 to 4 dimensions.
template <class Function>
void withSeveralDimensions(int64_t dim, const Function& function) {
  dim == 2 ? function(Axes<2>{}) : dim == 3 ? function(Axes<3>{}) : function(Axes<4>{});
}

void runGrid(const SimplexGrid<float>& op, Context& context) {
  const SimplexTarget<float> target{op.value.data, op.derivative.data};
  withSeveralDimensions(op.place.dim, [&](auto axes) {
    constexpr int dim = axes.value;
    const SimplexPlan plan = makePlan<dim>(op.field, context);
    withOutput(bool(op.derivative), [&](auto output) {
      constexpr SimplexOutput kOutput = output.value;
      if (formsTermsPerAxis(op.field)) {
        gridRows<dim, kOutput == SimplexOutput::derivative, ByteTableHash>(plan, op.place, target,
                                                                           context);
      } else {
        gridPoints<dim, kOutput, ByteTableHash, float>(plan, op.place, target, context);
      }
    });
  });
}

void runSample(const SimplexSample<float>& op, Context& context) {
  withSeveralDimensions(op.dim, [&](auto axes) {
    constexpr int dim = axes.value;
    const SimplexPlan plan = makePlan<dim>(op.field, context);
    withOutput(bool(op.derivative), [&](auto output) {
      samplePoints<dim, output.value, ByteTableHash, float>(
          plan, op.points, op.samples, {op.value.data, op.derivative.data}, context);
    });
  });
}

}  // namespace

}  // namespace entrain::inline ENTRAIN_ISA::cpu

namespace entrain::runtime {

bool runsSimplexVbmi() {
  static const bool runs = __builtin_cpu_supports("avx512vbmi");
  return runs;
}
void runSimplexGridVbmi(const void* operation, CpuContext& context) {
  cpu::runGrid(*static_cast<const SimplexGrid<float>*>(operation), context);
}
void runSimplexSampleVbmi(const void* operation, CpuContext& context) {
  cpu::runSample(*static_cast<const SimplexSample<float>*>(operation), context);
}

}  // namespace entrain::runtime
#endif
