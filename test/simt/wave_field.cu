// The wave field and its gradients against the definition in double, for each way to form the sums.
// Usage: simt_wave_field.
#include "cuda/wave_field.cu"
#include "cuda/wave_field_backward.cu"
#include "test/simt/kuramoto_check.h"
#include "test/simt/wave_reference.h"

using namespace entrain;
using namespace entrain::cuda;
using namespace entrain::test;

namespace {

WaveProblem makeWave(int64_t nodes, int64_t samples, std::vector<int32_t> targets = {}) {
  WaveProblem p;
  p.nodes = nodes;
  p.samples = samples;
  p.targets = std::move(targets);
  p.positions = randomNumbers(3 * nodes, -1, 1, 1);
  for (size_t axis = 0; axis < 3 && nodes > 2; ++axis) {  // two nodes at one place
    p.positions[axis * size_t(nodes) + 1] = p.positions[axis * size_t(nodes) + 2];
  }
  p.amplitudes = randomNumbers(nodes, 0.5, 3, 2);
  p.frequencies = randomNumbers(nodes, 1, 2, 3);
  p.phases = randomNumbers(nodes, 0, 6, 4);
  p.times = randomNumbers(samples, 0, 20, 5);
  p.gradField = randomNumbers(samples * 2 * p.receivers(), -1, 1, 6);
  return p;
}

template <class Real>
struct DeviceWave {
  explicit DeviceWave(const WaveProblem& p)
      : p(p),
        positions(p.positions),
        amplitudes(p.amplitudes),
        frequencies(p.frequencies),
        phases(p.phases),
        wavenumber(Numbers{p.wavenumber}),
        softening(Numbers{p.softening}),
        gradField(p.gradField),
        times(p.times),
        targets(p.targets) {}

  void set(WaveFieldInputs<Real>& op) const {
    op.positions = positions.input();
    op.amplitudes = amplitudes.input();
    op.frequencies = frequencies.input();
    op.phases = phases.input();
    op.wavenumber = wavenumber.input();
    op.softening = softening.input();
    op.times = times.input();
    op.targets = targets.input();
    op.nodes = p.nodes;
    op.receivers = p.receivers();
    op.samples = p.samples;
  }

  const WaveProblem& p;
  const DeviceArray<Real> positions, amplitudes, frequencies, phases, wavenumber, softening;
  const DeviceArray<Real> gradField;
  const DeviceArray<double> times;
  const DeviceArray<int32_t> targets;
};

template <class Real>
constexpr double kBound = std::is_same_v<Real, double> ? 1e-12 : 3e-6;

template <class Real, class Run>
void testForward(const std::string& what, const WaveProblem& p, double bound, const Run& run) {
  const WaveResult expected = referenceWave(p);
  const DeviceWave<Real> device(p);
  Context context = makeContext();
  context.computeCapability = 90;
  const DeviceArray<Real> field(p.samples * 2 * p.receivers());
  WaveFieldForward<Real> op = {};
  device.set(op);
  op.field = field.view();
  run(op, context);
  compare((sizeof(Real) == 4 ? "float32 " : "float64 ") + what + " N " + std::to_string(p.nodes) +
              " M " + std::to_string(p.samples) + " S " + std::to_string(p.receivers()),
          "field", field.read(), expected.field, bound);
}

template <class Real>
void testForwards() {
  const double bound = kBound<Real>;
  const std::vector<int32_t> some = {5, 0, 36, 5, 17};
  const auto plain = [](auto& op, Context& context) {
    op.validate();
    cuda::run(op, context);
  };
  const auto symmetric = [](auto& op, Context& context) { runSymmetric<false>(op, context); };
  testForward<Real>("pairs", makeWave(1, 1), bound, plain);
  testForward<Real>("pairs", makeWave(37, 1), bound, plain);
  testForward<Real>("pairs", makeWave(300, 1), bound, plain);
  testForward<Real>("pairs", makeWave(37, 1, some), bound, plain);
  testForward<Real>("pairs", makeWave(150, 5), bound, plain);
  testForward<Real>("pairs", makeWave(150, 21, some), bound, plain);
  std::vector<int32_t> many;
  for (int32_t s = 0; s < 4200; ++s) many.push_back(s * 7 % 90);
  testForward<Real>("several receivers a thread", makeWave(90, 1, many), bound, plain);
  for (int64_t nodes : {1, 37, 128, 300, 1100}) {
    testForward<Real>("symmetric", makeWave(nodes, 1), bound, symmetric);
  }
  WaveProblem late = makeWave(40, 2);
  late.times = {1.77e9, -3e8};
  testForward<Real>("late", late, 1e3 * kBound<double> + bound, plain);
}

void testPropagator() {
  const auto run = [](bool half) {
    return [half](auto& op, Context& context) {
      op.propagator = true;
      op.bfloat16Factors = half;
      op.validate();
      cuda::run(op, context);
    };
  };
  for (int64_t samples : {1, 9, 130}) {
    const WaveProblem p = makeWave(150, samples);
    testForward<float>("split", p, 3e-6, run(false));
    testForward<float>("bfloat16", p, 1e-2, run(true));
  }
  testForward<float>("split", makeWave(300, 3, {7, 299, 7}), 3e-6, run(false));
  testForward<double>("propagator", makeWave(40, 9), 1e-12, [](auto& op, Context& context) {
    op.propagator = true;
    cuda::run(op, context);
  });
  const auto old = [&](auto& op, Context& context) {
    context.computeCapability = 75;
    run(false)(op, context);
  };
  testForward<float>("propagator of Turing", makeWave(40, 19), 3e-6, old);
}

void testHalf() {
  for (int64_t samples : {1, 2}) {
    testForward<float>("float16 distances", makeWave(60, samples), 1e-3,
                       [](auto& op, Context& context) {
                         op.float16Distances = true;
                         op.validate();
                         cuda::run(op, context);
                       });
  }
  testForward<float>("float16 distances, symmetric", makeWave(300, 1), 1e-3,
                     [](auto& op, Context& context) { runSymmetric<true>(op, context); });
}

template <class Real, class Run>
void testBackward(const std::string& name, const WaveProblem& p, const Run& run) {
  const WaveResult expected = referenceWave(p);
  const DeviceWave<Real> device(p);
  Context context = makeContext();
  const int64_t n = p.nodes;
  const DeviceArray<Real> positions(3 * n), amplitudes(n), frequencies(n), phases(n), one(1),
      other(1), field(p.samples * 2 * p.receivers());
  WaveFieldBackward<Real> op = {};
  device.set(op);
  op.gradField = device.gradField.input();
  op.gradPositions = positions.view();
  op.gradAmplitudes = amplitudes.view();
  op.gradFrequencies = frequencies.view();
  op.gradPhases = phases.view();
  op.gradWavenumber = one.view();
  op.gradSoftening = other.view();
  op.field = field.view();
  op.validate();
  run(op, context);
  const std::string what = (sizeof(Real) == 4 ? "float32 " : "float64 ") + name + " N " +
                           std::to_string(n) + " M " + std::to_string(p.samples) + " S " +
                           std::to_string(p.receivers());
  const double bound = std::is_same_v<Real, double> ? 1e-11 : 1e-5;
  compare(what, "field", field.read(), expected.field, bound);
  compare(what, "gradPositions", positions.read(), expected.gradPositions, bound);
  compare(what, "gradAmplitudes", amplitudes.read(), expected.gradAmplitudes, bound);
  compare(what, "gradFrequencies", frequencies.read(), expected.gradFrequencies, bound);
  compare(what, "gradPhases", phases.read(), expected.gradPhases, bound);
  compare(what, "gradWavenumber", one.read(), expected.gradWavenumber, bound);
  compare(what, "gradSoftening", other.read(), expected.gradSoftening, bound);
}

template <class Real>
void testBackwards() {
  const auto plain = [](auto& op, Context& context) { cuda::run(op, context); };
  const auto symmetric = [](auto& op, Context& context) { runSymmetricBackward(op, context); };
  for (int64_t nodes : {1, 37, 130}) testBackward<Real>("passes", makeWave(nodes, 1), plain);
  testBackward<Real>("passes", makeWave(70, 3, {5, 0, 69, 5, 17, 5}), plain);
  testBackward<Real>("passes", makeWave(150, 19), plain);
  testBackward<Real>("passes", makeWave(20, 300), plain);
  for (int64_t nodes : {1, 37, 300, 1100}) {
    testBackward<Real>("symmetric", makeWave(nodes, 1), symmetric);
  }
}

// ---- faults ----

struct FaultCheck {
  runtime::FaultRecord* record = nullptr;
  Context context = makeContext();

  FaultCheck() {
    CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&record), sizeof *record));
    CUDA_CHECK(cudaMemset(record, 0, sizeof *record));
    context.useRecord(record);
    context.begin(5);
  }
  ~FaultCheck() { (void)cudaFree(record); }
  void check(const std::string& what, FaultRule rule, int64_t element) const {
    runtime::FaultRecord found = {};
    CUDA_CHECK(cudaDeviceSynchronize());
    CUDA_CHECK(cudaMemcpy(&found, record, sizeof found, cudaMemcpyDeviceToHost));
    report(found.rule == int32_t(rule), what, "rule", found.rule, double(rule));
    report(found.element == element, what, "element", double(found.element), double(element));
  }
};

// Runs both directions of a faulty problem; element `s` of the field is to be NaN, or all where <
// 0.
void testFault(const std::string& what, const WaveProblem& p, FaultRule rule, int64_t element) {
  const DeviceWave<float> device(p);
  const DeviceArray<float> field(p.samples * 2 * p.receivers()), positions(3 * p.nodes);
  for (const bool propagator : {false, true}) {
    FaultCheck faults;
    faults.context.computeCapability = 90;
    WaveFieldForward<float> op = {};
    device.set(op);
    op.field = field.view();
    op.propagator = propagator;
    cuda::run(op, faults.context);
    faults.check(what, rule, element);
    const Numbers found = field.read();
    for (size_t i = 0; i < found.size(); ++i) {
      const int64_t node = p.nodeOf(int64_t(i) % p.receivers());
      const bool isFaulty = p.targets.empty() || node < 0 || node >= p.nodes;
      report(std::isnan(found[i]) == isFaulty, what, "NaN", double(i), 0);
    }
  }
  FaultCheck faults;
  WaveFieldBackward<float> op = {};
  device.set(op);
  op.gradField = device.gradField.input();
  op.gradPositions = positions.view();
  cuda::run(op, faults.context);
  faults.check(what + " backward", rule, element);
}

void testFaults() {
  testFault("target beyond", makeWave(40, 2, {3, 40, 7, -2}), FaultRule::receiverRange, 1);
  WaveProblem p = makeWave(40, 2);
  p.amplitudes[9] = HUGE_VAL;
  testFault("infinite amplitude", p, FaultRule::waveFinite, 9);
  p = makeWave(40, 1);
  p.frequencies[11] = NAN;
  testFault("frequency", p, FaultRule::waveFinite, 11);
  p = makeWave(40, 3);
  p.softening = 0;
  testFault("no softening", p, FaultRule::softeningRange, 0);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  testForwards<double>();
  testForwards<float>();
  testPropagator();
  testBackwards<double>();
  testBackwards<float>();
  testHalf();
  testFaults();
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
