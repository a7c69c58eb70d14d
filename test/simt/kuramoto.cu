// Kuramoto oscillators all to all under each launch plan: against the equation in double and
// central differences, and to the bit among plans. Usage: simt_kuramoto.
#include "cuda/kuramoto_global.cu"
#include "cuda/kuramoto_global_backward.cu"
#include "test/simt/kuramoto_check.h"

using namespace entrain;
using namespace entrain::cuda;
using namespace entrain::test;

namespace {

struct NamedPlan {
  const char* name;
  GlobalPlan plan;
};
const NamedPlan kPlans[] = {
    {"block of 32", {false, 32, 0, false}},          {"block of 384", {false, 384, 1, false}},
    {"block of 96, memory", {false, 96, 0, true}},   {"grid of 1 x 64", {true, 64, 1, false}},
    {"grid of 3 x 160", {true, 160, 3, false}},      {"grid of 8 x 384", {true, 384, 0, false}},
    {"grid of 5 x 32, memory", {true, 32, 5, true}},
};

// What must not depend on the plan.
template <class Real>
struct Bits {
  std::vector<int32_t> state, winding, checkpoints;
  std::vector<Real> psi, pulls, initial, coupling;
  bool operator==(const Bits&) const = default;
};

template <class Real>
Bits<Real> runPlan(const ProblemOptions& options, const NamedPlan& plan, KuramotoProblem& p,
                   const DeviceProblem<Real>& device, const KuramotoResult* expected) {
  const double bound = std::is_same_v<Real, double> ? 1e-9 : 2e-5;
  const double gradientBound = std::is_same_v<Real, double> ? 1e-7 : 2e-4;
  const std::string what =
      std::string(sizeof(Real) == 4 ? "float32 " : "float64 ") + nameOf(options) + ", " + plan.name;
  Context context = makeContext();
  const int64_t checkpointEvery = 3;
  const RunOutputs<Real> outputs(p, checkpointEvery, p.steps * p.stages * p.batch * 2);
  KuramotoGlobalForward<Real> op = {};
  device.setSystem(op, checkpointEvery);
  op.phases = device.phases.input();
  outputs.set(op);
  op.validate();
  runGlobal(op, plan.plan, static_cast<const Real*>(nullptr), context);
  if (expected) outputs.check(what, p, *expected, bound);
  const GradientOutputs<Real> gradients(p);
  KuramotoGlobalBackward<Real> adjoint = {};
  device.setSystem(adjoint, checkpointEvery);
  gradients.set(adjoint, device, outputs);
  if (plan.plan.inMemory) adjoint.pulls = outputs.pulls.input();
  adjoint.validate();
  runGlobalBackward(adjoint, plan.plan, context);
  CUDA_CHECK(cudaDeviceSynchronize());
  if (expected) gradients.check(what, p, gradientBound);
  return {outputs.state.raw(),     outputs.winding.raw(), outputs.checkpoints.raw(),
          outputs.recordPsi.raw(), outputs.pulls.raw(),   gradients.initial.raw(),
          gradients.coupling.raw()};
}

template <class Real>
void testProblem(const ProblemOptions& options, bool hasReference) {
  KuramotoProblem p = makeProblem<Real>(options);
  const DeviceProblem<Real> device(p);
  KuramotoResult expected;
  if (hasReference) expected = referenceRun(p);
  Bits<Real> first;
  for (const NamedPlan& plan : kPlans) {
    const bool isFirst = &plan == kPlans;
    const Bits<Real> bits =
        runPlan(options, plan, p, device, hasReference && isFirst ? &expected : nullptr);
    if (isFirst) first = bits;
    report(bits == first, nameOf(options) + ", " + plan.name, "bits", 1, 0);
  }
}

template <class Real>
void testType() {
  testProblem<Real>({2, 5, 7, 1, false, kByCount, kNoDrive, 2}, true);
  testProblem<Real>({1, 1, 4, 4, false}, true);
  testProblem<Real>({3, 4, 20, 4, true, kByDegree, kStepDrive, 4}, true);
  testProblem<Real>({1, 7, 6, 2, true, kByCount, kNodeDrive, 1, 0.25}, true);
  testProblem<Real>({2, 3, 5, 1, true, kUnnormalised, kBatchDrive, 5, 0.1}, true);
  testProblem<Real>({2, 3000, 4, 1, false, kByCount, kNoDrive, 2}, false);
  testProblem<Real>({1, 2500, 3, 4, true, kByDegree, kNodeDrive, 1}, false);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  testType<double>();
  testType<float>();
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
