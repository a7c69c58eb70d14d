// What a C++ compiler makes of the wave field's double loop: one thread, float32, a receiver's row
// of sources vectorised with the vector sine of glibc (g++ -Ofast -march=native). Arguments: nodes,
// repeats. Prints one JSON line; time is that of the thread's processor, free of other programs.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace {

constexpr float kWavenumber = 3, kSoftening = 0.05f;
constexpr double kTime = 1.5;

struct System {
  std::vector<float> x, y, z, amplitude, frequency, phase;

  explicit System(int nodes) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform;
    for (int i = 0; i < nodes; ++i) {
      const float a = normal(random), b = normal(random), c = normal(random);
      const float length = std::sqrt(a * a + b * b + c * c);
      x.push_back(a / length);
      y.push_back(b / length);
      z.push_back(c / length);
      amplitude.push_back(0.5f + 1.5f * uniform(random));
      frequency.push_back(1.5f + 0.3f * normal(random));
      phase.push_back(float(std::remainder(double(frequency.back()) * kTime, 2 * M_PI)));
    }
  }
};

void field(const System& system, float* __restrict sums) {
  const int nodes = int(system.x.size());
  const float* __restrict x = system.x.data();
  const float* __restrict y = system.y.data();
  const float* __restrict z = system.z.data();
  const float* __restrict amplitude = system.amplitude.data();
  const float* __restrict phase = system.phase.data();
  for (int i = 0; i < nodes; ++i) {
    float sum = 0;
    for (int j = 0; j < nodes; ++j) {
      const float dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
      const float distance = std::sqrt(dx * dx + dy * dy + dz * dz) + kSoftening;
      sum += amplitude[j] * std::sin(phase[j] - kWavenumber * distance) / distance;
    }
    sums[i] = sum;
  }
}

// Norm of the error over the norm of every 100th sum, against float64.
double relativeError(const System& system, const std::vector<float>& sums) {
  const size_t nodes = system.x.size();
  double error = 0, norm = 0;
  for (size_t i = 0; i < nodes; i += 100) {
    double sum = 0;
    for (size_t j = 0; j < nodes; ++j) {
      const double dx = double(system.x[i]) - system.x[j];
      const double dy = double(system.y[i]) - system.y[j];
      const double dz = double(system.z[i]) - system.z[j];
      const double distance = std::sqrt(dx * dx + dy * dy + dz * dz) + double(kSoftening);
      sum += system.amplitude[j] *
             std::sin(double(system.frequency[j]) * kTime - kWavenumber * distance) / distance;
    }
    error += (sums[i] - sum) * (sums[i] - sum);
    norm += sum * sum;
  }
  return std::sqrt(error / norm);
}

double processorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int count, char** arguments) {
  const int nodes = count > 1 ? std::atoi(arguments[1]) : 8000;
  const int repeats = count > 2 ? std::atoi(arguments[2]) : 1;
  if (nodes < 1 || repeats < 1) return 1;
  const System system(nodes);
  std::vector<float> sums(static_cast<size_t>(nodes));
  std::vector<double> times;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double start = processorSeconds();
    field(system, sums.data());
    times.push_back(processorSeconds() - start);
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"nodes\": %d, \"ms\": %.4f, \"median_ms\": %.4f, \"pairs_per_s\": %.4e, ", nodes,
              times.front() * 1e3, times[times.size() / 2] * 1e3,
              double(nodes) * nodes / times.front());
  std::printf("\"rel_err\": %.2e}\n", relativeError(system, sums));
}
