// Kuramoto operations on the emulator's device: arrays, a problem's arguments, and comparisons.
#pragma once

#include <cstdio>

#include "cuda/kuramoto.cuh"
#include "cuda/launch.cuh"
#include "test/simt/kuramoto_reference.h"

namespace entrain::test {

using cuda::Context;

inline int failures = 0, checks = 0;

inline void report(bool holds, const std::string& what, const char* name, double error,
                   double bound) {
  ++checks;
  if (holds) return;
  ++failures;
  std::printf("FAIL  %s: %s is off by %.3g, more than %.3g\n", what.c_str(), name, error, bound);
}

// Angles are compared modulo a turn.
inline void compare(const std::string& what, const char* name, const Numbers& got,
                    const Numbers& expected, double bound, bool areAngles = false) {
  double greatest = areAngles ? 1 : 0.1;
  for (double x : expected) greatest = areAngles ? 1 : std::fmax(greatest, std::fabs(x));
  double error = got.size() == expected.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < got.size() && error < HUGE_VAL; ++i) {
    double difference = got[i] - expected[i];
    if (areAngles) difference -= kRadiansPerTurn * std::rint(difference / kRadiansPerTurn);
    difference = std::fabs(difference) / greatest;
    error = difference <= HUGE_VAL ? std::fmax(error, difference) : HUGE_VAL;
  }
  report(error <= bound, what, name, error, bound);
}

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t count) : count_(count) {
    if (count == 0) return;
    CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&data_), size_t(count) * sizeof(T)));
    CUDA_CHECK(cudaMemset(data_, 0xff, size_t(count) * sizeof(T)));
  }
  template <class Number>
  explicit DeviceArray(const std::vector<Number>& values) : DeviceArray(int64_t(values.size())) {
    std::vector<T> stored;
    for (Number x : values) {
      if constexpr (std::is_same_v<T, bfloat16>) {
        stored.push_back(narrow<T>(float(x)));
      } else {
        stored.push_back(T(x));
      }
    }
    if (count_ == 0) return;
    CUDA_CHECK(cudaMemcpy(data_, stored.data(), stored.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { (void)cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;

  std::vector<T> raw() const {
    std::vector<T> values(static_cast<size_t>(count_));
    CUDA_CHECK(cudaDeviceSynchronize());
    if (count_ == 0) return values;
    CUDA_CHECK(cudaMemcpy(values.data(), data_, values.size() * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
  Numbers read() const {
    Numbers numbers;
    for (T x : raw()) numbers.push_back(double(x));
    return numbers;
  }
  View<T> view() const { return {data_, count_}; }
  View<const T> input() const { return {count_ > 0 ? data_ : nullptr, count_}; }

 private:
  T* data_ = nullptr;
  int64_t count_ = 0;
};

inline Context makeContext() {
  Context context;
  context.multiprocessors = 4;
  return context;
}

// Deterministic numbers in [low, high].
inline Numbers randomNumbers(int64_t count, double low, double high, uint32_t seed) {
  Numbers numbers;
  for (int64_t i = 0; i < count; ++i) {
    const PhiloxWords words = randomWords({seed, 7, 1}, i);
    numbers.push_back(
        double(float(low + (high - low) * uniformOf(words.words[0], words.words[1]))));
  }
  return numbers;
}

// A problem's arguments on the device, for runs and their adjoints.
template <class Real>
struct DeviceProblem {
  explicit DeviceProblem(const KuramotoProblem& problem)
      : p(problem),
        phases(p.phases),
        frequencies(p.frequencies),
        coupling(p.coupling),
        precision(p.precision),
        sign(p.sign),
        frustration(Numbers(p.frustration != 0 ? 1 : 0, p.frustration)),
        drive(p.drive),
        gradPhases(p.gradPhases),
        gradRecordR(p.gradRecordR),
        gradRecordPhases(p.gradRecordPhases) {}

  void setSystem(KuramotoSystem<Real>& op, int64_t checkpointEvery) const {
    op.naturalFrequencies = frequencies.input();
    op.coupling = coupling.input();
    op.precision = precision.input();
    op.sign = sign.input();
    op.frustration = frustration.input();
    op.drive = drive.input();
    op.batch = p.batch;
    op.oscillators = p.oscillators;
    op.steps = p.steps;
    op.stages = p.stages;
    op.firstStep = 0;
    op.driveKind = p.driveKind;
    op.normalisation = p.normalisation;
    op.recordEvery = p.recordEvery;
    op.checkpointEvery = checkpointEvery;
    op.seedLow = 5;
    op.seedHigh = 6;
    op.stream = 3;
    op.timeStep = p.timeStep;
    op.diffusion = p.diffusion;
  }

  const KuramotoProblem& p;
  const DeviceArray<Real> phases, frequencies, coupling, precision, sign, frustration, drive;
  const DeviceArray<Real> gradPhases, gradRecordR, gradRecordPhases;
};

// The noise that the operations draw.
template <class Real>
Numbers noiseOf(const KuramotoProblem& p) {
  KuramotoSystem<Real> op = {};
  op.seedLow = 5;
  op.seedHigh = 6;
  op.stream = 3;
  Numbers noise;
  for (int64_t i = 0; i < p.steps * p.batch * p.oscillators; ++i) {
    noise.push_back(double(cuda::normalAt(op, i)));
  }
  return noise;
}

// What a run wrote.
template <class Real>
struct RunOutputs {
  explicit RunOutputs(const KuramotoProblem& p, int64_t checkpointEvery, int64_t pullCount)
      : final(p.batch * p.oscillators),
        recordR(p.batch * recordCount(p.steps, p.recordEvery)),
        recordPsi(p.batch * recordCount(p.steps, p.recordEvery)),
        recordPhases(p.batch * recordCount(p.steps, p.recordEvery) * p.oscillators),
        pulls(pullCount),
        state(p.batch * p.oscillators * kPhaseWords<Real>),
        winding(p.batch * p.oscillators),
        checkpoints(checkpointCount(p.steps, checkpointEvery) * p.batch * p.oscillators *
                    kPhaseWords<Real>) {}

  void set(KuramotoRun<Real>& op) const {
    op.finalPhases = final.view();
    op.finalState = state.view();
    op.winding = winding.view();
    if (recordR.view()) op.recordR = recordR.view();
    if (recordPsi.view()) op.recordPsi = recordPsi.view();
    if (recordPhases.view()) op.recordPhases = recordPhases.view();
    if (checkpoints.view()) op.checkpoints = checkpoints.view();
    if (pulls.view()) op.pulls = pulls.view();
  }

  void check(const std::string& what, const KuramotoProblem& p, const KuramotoResult& expected,
             double bound) const {
    compare(what, "phases", final.read(), expected.phases, bound, true);
    compare(what, "R", recordR.read(), expected.recordR, bound);
    compare(what, "psi", recordPsi.read(), expected.recordPsi, 4 * bound, true);
    compare(what, "recorded phases", recordPhases.read(), expected.recordPhases, bound, true);
    Numbers unwrapped = final.read();
    const std::vector<int32_t> turns = winding.raw();
    for (size_t i = 0; i < unwrapped.size(); ++i) {
      unwrapped[i] += kRadiansPerTurn * double(turns[i]);
    }
    (void)p;
    compare(what, "winding", unwrapped, expected.phases, 1e-3);
  }

  const DeviceArray<Real> final, recordR, recordPsi, recordPhases, pulls;
  const DeviceArray<int32_t> state, winding, checkpoints;
};

// The gradients of an adjoint.
template <class Real>
struct GradientOutputs {
  explicit GradientOutputs(const KuramotoProblem& p)
      : initial(p.batch * p.oscillators),
        frequencies(int64_t(p.frequencies.size())),
        coupling(int64_t(p.coupling.size())),
        precision(int64_t(p.precision.size())),
        frustration(p.frustration != 0 ? 1 : 0),
        drive(int64_t(p.drive.size())) {}

  void set(KuramotoGradients<Real>& op, const DeviceProblem<Real>& device,
           const RunOutputs<Real>& run) const {
    op.gradPhases = device.gradPhases.input();
    op.gradRecordR = device.gradRecordR.input();
    op.gradRecordPhases = device.gradRecordPhases.input();
    op.checkpoints = run.checkpoints.input();
    op.gradInitial = initial.view();
    op.gradNaturalFrequencies = frequencies.view();
    op.gradCoupling = coupling.view();
    op.gradPrecision = precision.view();
    op.gradFrustration = frustration.view();
    op.gradDrive = drive.view();
  }

  void check(const std::string& what, KuramotoProblem& p, double bound) const {
    compare(what, "gradInitial", initial.read(), differences(p, p.phases), bound);
    compare(what, "gradNaturalFrequencies", frequencies.read(), differences(p, p.frequencies),
            bound);
    compare(what, "gradCoupling", coupling.read(), differences(p, p.coupling), bound);
    compare(what, "gradPrecision", precision.read(), differences(p, p.precision), bound);
    compare(what, "gradDrive", drive.read(), differences(p, p.drive), bound);
    if (p.frustration == 0) return;
    Numbers slope;
    const double kept = p.frustration, h = 1e-5;
    p.frustration = kept + h;
    slope.push_back(referenceRun(p).loss);
    p.frustration = kept - h;
    slope[0] = (slope[0] - referenceRun(p).loss) / (2 * h);
    p.frustration = kept;
    compare(what, "gradFrustration", frustration.read(), slope, bound);
  }

  const DeviceArray<Real> initial, frequencies, coupling, precision, frustration, drive;
};

struct ProblemOptions {
  int64_t batch, oscillators, steps, stages;
  bool rich;  // precisions, signs, lag, K of each row
  int64_t normalisation = kByCount, driveKind = kNoDrive, recordEvery = 0;
  double diffusion = 0;
};

template <class Real>
KuramotoProblem makeProblem(const ProblemOptions& o) {
  KuramotoProblem p;
  p.batch = o.batch;
  p.oscillators = o.oscillators;
  p.steps = o.steps;
  p.stages = o.stages;
  p.recordEvery = o.recordEvery;
  p.driveKind = o.driveKind;
  p.normalisation = o.normalisation;
  p.diffusion = o.diffusion;
  const int64_t rows = o.batch * o.oscillators, records = recordCount(o.steps, o.recordEvery);
  p.phases = randomNumbers(rows, 0, 6.28, 1);
  p.rowFrequencies = o.rich && o.batch > 1;
  p.frequencies = randomNumbers(p.rowFrequencies ? rows : o.oscillators, -3, 12, 2);
  p.coupling = randomNumbers(o.rich ? o.batch : 1, 1, 2, 3);
  if (o.rich) {
    p.precision = randomNumbers(o.oscillators, 0.2, 3, 4);
    p.frustration = 0.375;
    for (int64_t i = 0; i < o.oscillators; ++i) p.sign.push_back(i % 3 == 1 ? -1 : 1);
  }
  const int64_t drives[] = {0, o.oscillators, rows, o.steps * o.oscillators};
  p.drive = randomNumbers(drives[o.driveKind], -1, 1, 5);
  p.adjacency = Numbers(size_t(o.oscillators * o.oscillators), 1);
  p.gradPhases = randomNumbers(rows, -1, 1, 6);
  p.gradRecordR = randomNumbers(o.batch * records, -3, 3, 8);
  p.gradRecordPhases = randomNumbers(rows * records, -1, 1, 9);
  if (o.diffusion > 0) p.noise = noiseOf<Real>(p);
  return p;
}

inline std::string nameOf(const ProblemOptions& o) {
  return "(" + std::to_string(o.batch) + ", " + std::to_string(o.oscillators) + "), " +
         std::to_string(o.steps) + " steps of " + std::to_string(o.stages) +
         (o.rich ? ", rich" : "") + ", Z " + std::to_string(o.normalisation) + ", drive " +
         std::to_string(o.driveKind) + (o.diffusion > 0 ? ", noise" : "");
}

}  // namespace entrain::test
