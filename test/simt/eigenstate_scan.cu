// The eigenstate scan under each of its launch plans, against the plain recurrence and its adjoint
// in double (which are checked by central differences). Usage: simt_eigenstate_scan.
#include <cmath>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/eigenstate_scan.cu"
#include "cuda/eigenstate_scan_backward.cu"
#include "test/simt/eigenstate_reference.h"

using namespace entrain;
using namespace entrain::cuda;
using namespace entrain::test;

namespace {

int failures = 0, checks = 0;

// ---- comparison ----

void report(bool holds, const std::string& what, const char* name, double error, double bound) {
  ++checks;
  if (holds) return;
  ++failures;
  std::printf("FAIL  %s: %s is off by %.3g of its largest, more than %.3g\n", what.c_str(), name,
              error, bound);
}

void compare(const std::string& what, const char* name, const Numbers& got, const Numbers& expected,
             double bound) {
  double greatest = 1e-3, error = got.size() == expected.size() ? 0.0 : HUGE_VAL;
  for (double x : expected) greatest = std::fmax(greatest, std::fabs(x));
  for (size_t i = 0; i < got.size() && error != HUGE_VAL; ++i) {
    const double difference = std::fabs(got[i] - expected[i]);
    error = difference <= HUGE_VAL ? std::fmax(error, difference / greatest) : HUGE_VAL;
  }
  report(error <= bound, what, name, error, bound);
}

double lossOf(const Problem& p) {
  Result result;
  expectForward(p, result);
  double loss = 0;
  for (size_t i = 0; i < result.states.size(); ++i) loss += p.gradStates[i] * result.states[i];
  for (size_t i = 0; i < result.final.size(); ++i) loss += p.gradFinal[i] * result.final[i];
  return loss;
}

// The reference itself, by central differences.
void testReference(const Options& options) {
  Problem p = makeProblem<double>({2, 9, 3}, options);
  if (options.magnitudeForm) p.logDecay[0] = 0.7;
  Result result;
  expectForward(p, result);
  expectBackward(p, result);
  const auto differences = [&](const char* name, Numbers& values, const Numbers& gradient) {
    Numbers slopes;
    for (double& x : values) {
      const double kept = x, h = 1e-5;
      x = kept + h;
      const double above = lossOf(p);
      x = kept - h;
      slopes.push_back((above - lossOf(p)) / (2 * h));
      x = kept;
    }
    compare(std::string("reference, ") + options.name, name, gradient, slopes, 1e-8);
  };
  differences("gradInput", p.input, result.gradInput);
  differences("gradLogDecay", p.logDecay, result.gradLogDecay);
  differences("gradFrequency", p.frequency, result.gradFrequency);
  differences("gradSelection", p.selection, result.gradSelection);
  if (options.initial) differences("gradInitial", p.initial, result.gradInitial);
}

// ---- device arrays ----

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t count) : count_(count) {
    if (count == 0) return;
    CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&data_), size_t(count) * sizeof(T)));
    CUDA_CHECK(cudaMemset(data_, 0xff, size_t(count) * sizeof(T)));
  }
  explicit DeviceArray(const Numbers& values) : DeviceArray(int64_t(values.size())) {
    std::vector<T> stored;
    for (double x : values) stored.push_back(narrow<T>(Compute<T>(x)));
    upload(stored.data());
  }
  ~DeviceArray() { (void)cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;

  void upload(const T* values) {
    if (count_ == 0) return;
    CUDA_CHECK(cudaMemcpy(data_, values, size_t(count_) * sizeof(T), cudaMemcpyHostToDevice));
  }
  std::vector<T> raw() const {
    std::vector<T> values(static_cast<size_t>(count_));
    if (count_ == 0) return values;
    CUDA_CHECK(
        cudaMemcpy(values.data(), data_, size_t(count_) * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
  Numbers read() const {
    Numbers numbers;
    for (T x : raw()) numbers.push_back(double(widen(x)));
    return numbers;
  }
  View<T> view() const { return {data_, count_}; }
  View<const T> viewIf(bool holds) const {
    return holds ? View<const T>{data_, count_} : View<const T>{};
  }

 private:
  T* data_ = nullptr;
  int64_t count_ = 0;
};

Context makeContext() {
  Context context;
  context.multiprocessors = 4;
  return context;
}

template <class Real>
constexpr double kStorageError = std::is_same_v<Real, double>     ? 1e-12
                                 : std::is_same_v<Real, float>    ? 2e-6
                                 : std::is_same_v<Real, bfloat16> ? 5e-3
                                                                  : 7e-4;

// One problem on the device; both directions can run under any plan.
template <class Real>
class DeviceProblem {
 public:
  using Scalar = Compute<Real>;

  DeviceProblem(const Problem& problem, const Result& result)
      : p(problem),
        expected(result),
        reset(int64_t(p.reset.size())),
        states(int64_t(expected.states.size())),
        final(int64_t(expected.final.size())),
        boundaries(int64_t(expected.boundaries.size())) {
    reset.upload(p.reset.data());
  }

  // `slack`: how much more than usual the error may be.
  void test(const EigenstateScanPlan& plan, const std::string& what, double slack = 1.0) {
    full = slack * (std::is_same_v<Real, double> ? 1e-12 : 2e-6);
    stored = slack * kStorageError<Real>;
    testForward(plan, what);
    testBackward(plan, what);
  }

 private:
  template <class Operation>
  void setShared(Operation& op) const {
    op.logDecay = logDecay.viewIf(true);
    op.frequency = frequency.viewIf(true);
    op.selection = selection.viewIf(p.options.isSelective());
    op.reset = reset.viewIf(p.options.reset);
    op.initial = initial.viewIf(p.options.initial);
    op.batch = p.shape.batch;
    op.time = p.shape.time;
    op.channels = p.shape.channels;
    op.checkpointEvery = p.options.checkpointEvery;
    op.decayScale = p.options.decayScale;
    op.frequencyScale = p.options.frequencyScale;
    op.realInput = p.options.realInput;
    op.magnitudeForm = p.options.magnitudeForm;
  }
  bool keepsStates() const { return p.options.checkpointEvery == 0; }

  void testForward(const EigenstateScanPlan& plan, const std::string& what) {
    EigenstateScanForward<Real> op = {};
    setShared(op);
    op.input = input.viewIf(true);
    if (keepsStates()) op.states = states.view();
    if (p.options.final) op.final = final.view();
    op.boundaries = boundaries.view();
    scanForward(op, plan, context);
    CUDA_CHECK(cudaDeviceSynchronize());
    if (keepsStates()) compare(what, "states", states.read(), expected.states, stored);
    if (p.options.final) compare(what, "final", final.read(), expected.final, full);
    compare(what, "boundaries", boundaries.read(), expected.boundaries, full);
  }

  void testBackward(const EigenstateScanPlan& plan, const std::string& what) {
    const DeviceArray<Real> gradInput(int64_t(p.input.size()));
    const DeviceArray<Real> gradSelection(int64_t(p.selection.size()));
    const DeviceArray<Scalar> gradLogDecay(p.shape.channels), gradFrequency(p.shape.channels);
    const DeviceArray<Scalar> gradInitial(int64_t(p.initial.size()));
    EigenstateScanBackward<Real> op = {};
    setShared(op);
    op.gradInput = gradInput.view();
    op.gradStates = gradStates.viewIf(p.options.gradStates);
    op.gradFinal = gradFinal.viewIf(p.options.final);
    op.input = input.viewIf(!keepsStates());
    op.states = states.viewIf(keepsStates());
    op.boundaries = boundaries.viewIf(!keepsStates());
    op.gradLogDecay = gradLogDecay.view();
    op.gradFrequency = gradFrequency.view();
    if (op.selection && p.options.gradSelection) op.gradSelection = gradSelection.view();
    if (p.options.gradInitial) op.gradInitial = gradInitial.view();
    scanBackward(op, plan, context);
    CUDA_CHECK(cudaDeviceSynchronize());
    const double sums = keepsStates() ? 2 * stored : 5 * full;
    compare(what, "gradInput", gradInput.read(), expected.gradInput, stored);
    compare(what, "gradLogDecay", gradLogDecay.read(), expected.gradLogDecay, sums);
    compare(what, "gradFrequency", gradFrequency.read(), expected.gradFrequency, sums);
    if (op.gradSelection) {
      compare(what, "gradSelection", gradSelection.read(), expected.gradSelection, 2 * stored);
    }
    if (op.gradInitial) {
      compare(what, "gradInitial", gradInitial.read(), expected.gradInitial, full);
    }
  }

  Context context = makeContext();
  const Problem& p;
  const Result& expected;
  const DeviceArray<Real> input{p.input}, selection{p.selection}, gradStates{p.gradStates};
  const DeviceArray<Scalar> logDecay{p.logDecay}, frequency{p.frequency}, initial{p.initial};
  const DeviceArray<Scalar> gradFinal{p.gradFinal};
  DeviceArray<uint8_t> reset;
  const DeviceArray<Real> states;
  const DeviceArray<Scalar> final, boundaries;
  double full = 0, stored = 0;
};

// ---- plans, shapes and options ----

struct NamedPlan {
  const char* name;
  EigenstateScanPlan plan;
};

std::vector<NamedPlan> plansFor(const Shape& shape) {
  const int64_t all = ceilDivide(shape.time, ScanTuning::steps) * ScanTuning::steps;
  std::vector<NamedPlan> plans = {
      {"chosen", planScan(shape.batch, shape.time, shape.channels, 4, false)},
      {"exact", planScan(shape.batch, shape.time, shape.channels, 4, true)},
      {"8 lanes, 32 segments", {8, 32, all, 1}},
      {"16 lanes, 2 segments", {16, 2, all, 1}},
      {"32 lanes, 8 segments", {32, 8, all, 1}},
  };
  for (const int64_t chunk : {8, 24, 128}) {
    plans.push_back({chunk == 8    ? "chunks of 8"
                     : chunk == 24 ? "chunks of 24"
                                   : "chunks of 128",
                     {32, 1, chunk, ceilDivide(shape.time, chunk)}});
  }
  return plans;
}

template <class Real>
void testShape(const Shape& shape, const Options& options) {
  const Problem problem = makeProblem<Real>(shape, options);
  Result expected;
  expectForward(problem, expected);
  expectBackward(problem, expected);
  DeviceProblem<Real> device(problem, expected);
  for (const NamedPlan& plan : plansFor(shape)) {
    if (plan.plan.chunks > 2048) continue;
    const std::string what = std::string(dtypeName(DtypeOf<Real>::value)) + " (" +
                             std::to_string(shape.batch) + ", " + std::to_string(shape.time) +
                             ", " + std::to_string(shape.channels) + "), " + options.name + ", " +
                             plan.name;
    device.test(plan.plan, what);
  }
}

std::vector<Options> allOptions() {
  std::vector<Options> list(9);
  list[1] = {.reset = true, .initial = true, .gradInitial = true, .name = "reset, initial"};
  list[2] = {.realInput = true, .magnitudeForm = true, .final = false, .name = "real, magnitude"};
  list[3] = {.initial = true,
             .gradInitial = true,
             .decayScale = 0.1,
             .frequencyScale = 0.05,
             .name = "near selection"};
  list[4] = {.reset = true,
             .gradSelection = false,
             .decayScale = 2,
             .frequencyScale = 1.5,
             .name = "selection, reset"};
  list[5] = {.reset = true,
             .initial = true,
             .gradInitial = true,
             .checkpointEvery = 7,
             .name = "boundaries at 7"};
  list[6] = {.realInput = true,
             .gradStates = false,
             .gradInitial = true,
             .decayScale = 0.1,
             .frequencyScale = 0.1,
             .checkpointEvery = 64,
             .name = "near selection, boundaries"};
  list[7] = {.realInput = true,
             .reset = true,
             .initial = true,
             .decayScale = -0.5,
             .frequencyScale = 3,
             .checkpointEvery = 5000,
             .name = "selection, one boundary"};
  list[8] = {.magnitudeForm = true,
             .initial = true,
             .gradInitial = true,
             .checkpointEvery = 8,
             .name = "magnitude, boundaries at 8"};
  return list;
}

template <class Real>
void testType() {
  for (const Options& options : allOptions()) {
    for (const Shape& shape :
         {Shape{2, 1, 3}, Shape{1, 31, 1}, Shape{3, 33, 33}, Shape{2, 300, 6}, Shape{1, 1023, 2}}) {
      testShape<Real>(shape, options);
    }
  }
  testShape<Real>({1, 4097, 1}, allOptions()[0]);
  testShape<Real>({1, 4097, 2}, allOptions()[4]);
}

// A magnitude that is none is reported once, by its lowest channel, and gives NaN there alone.
void testFault() {
  const DeviceArray<float> input(Numbers(40 * 8, 1.0)), frequency(Numbers(4, 0.5));
  const DeviceArray<float> logDecay(Numbers{0.5, 1.25, 0.75, -0.5}), states(40 * 8);
  const DeviceArray<uint8_t> memory(int64_t(sizeof(runtime::FaultRecord)));
  CUDA_CHECK(cudaMemset(memory.view().data, 0, sizeof(runtime::FaultRecord)));
  Context context = makeContext();
  context.useRecord(reinterpret_cast<runtime::FaultRecord*>(memory.view().data));
  context.begin(3);
  EigenstateScanForward<float> op = {};
  op.input = input.viewIf(true);
  op.logDecay = logDecay.viewIf(true);
  op.frequency = frequency.viewIf(true);
  op.states = states.view();
  op.batch = 2;
  op.time = 20;
  op.channels = 4;
  op.magnitudeForm = true;
  scanForward(op, {32, 1, 8, 3}, context);
  CUDA_CHECK(cudaDeviceSynchronize());
  runtime::FaultRecord record;
  CUDA_CHECK(cudaMemcpy(&record, memory.view().data, sizeof record, cudaMemcpyDeviceToHost));
  report(record.rule == int32_t(FaultRule::magnitudeRange) && record.element == 1 &&
             record.value == 1.25 && record.operation == 3,
         "magnitude 1.25", "the fault", double(record.element), 1);
  const Numbers values = states.read();
  for (size_t i = 0; i < values.size(); ++i) {
    report(std::isnan(values[i]) == (i % 2 != 0), "magnitude 1.25", "NaN", double(i), 0);
  }
}

// Near the unit circle a float32 scan keeps its digits however time is divided.
void testSlow() {
  Options options;
  options.magnitudeForm = true;
  options.name = "slow";
  Problem problem = makeProblem<float>({1, 32768, 2}, options);
  problem.logDecay = rounded<float>({0.9999, 0.99999});
  Result expected;
  expectForward(problem, expected);
  expectBackward(problem, expected);
  DeviceProblem<float> device(problem, expected);
  for (const NamedPlan& plan : plansFor(problem.shape)) {
    if (plan.plan.chunks > 2048) continue;
    // One step after another, 10^5 roundings of the state add up.
    device.test(plan.plan, std::string("slow, ") + plan.name, 4.0);
  }
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const Options& options : allOptions()) testReference(options);
  testType<double>();
  testType<float>();
  testType<bfloat16>();
  testType<float16>();
  testFault();
  testSlow();
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
