// The elementary functions of ops/: the largest error in units of the last place over dense
// samples, exceptional arguments, and scalar bits against vector bits. Fails when a bound is
// broken.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "cpu/vector.h"
#include "ops/exponential.h"
#include "ops/logarithm.h"
#include "ops/philox.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA {
namespace {

int failures = 0;
uint64_t digest = 0;  // of all results: equal for every instruction set

void expect(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  printf("FAILED: %s\n", what);
}

template <class Real>
long double unitsOfLastPlace(Real got, long double want) {
  const int digits = std::numeric_limits<Real>::digits;
  const int least = std::numeric_limits<Real>::min_exponent - 1;
  const int exponent = want == 0 ? least : std::max(std::ilogb(want), least);
  return std::fabs((long double)got - want) / std::ldexp(1.0L, exponent - digits + 1);
}

// Arguments between `low` and `high`, half of them evenly spread and half in magnitude.
template <class Real>
std::vector<Real> samples(double low, double high) {
  std::vector<Real> arguments;
  const int count = 1 << 17;
  for (int i = 0; i < count; ++i) {
    const double part = (i + 0.37) / count;
    arguments.push_back(Real(low + (high - low) * part));
    const double end = i % 2 == 0 ? low : high;
    const double least = std::max(1e-9, 1e-12 * std::fabs(end));
    const double magnitude = least * std::pow(std::fabs(end) / least, part);
    if (std::fabs(end) > least) arguments.push_back(Real(std::copysign(magnitude, end)));
  }
  return arguments;
}

template <class Real, class Function, class Reference>
void check(const char* name, double low, double high, double bound, Function function,
           Reference reference) {
  constexpr int kLanes = Vector<Real>::kLanes;
  const std::vector<Real> arguments = samples<Real>(low, high);
  long double worst = 0;
  Real where = 0;
  bool same = true;
  for (size_t i = 0; i + kLanes <= arguments.size(); i += kLanes) {
    const Vector<Real> vector = function(load(&arguments[i]));
    for (int lane = 0; lane < kLanes; ++lane) {
      const Real x = arguments[i + size_t(lane)];
      if (x < Real(low) || x > Real(high)) continue;
      const Real got = function(x);
      same = same && toBits(got) == toBits(Real(vector[lane]));
      digest = digest * 0x9e3779b97f4a7c15u + uint64_t(toBits(got));
      const long double error = unitsOfLastPlace(got, reference((long double)x));
      if (!(error <= worst)) worst = error, where = x;
    }
  }
  const bool good = worst <= bound && same;
  printf("%-22s %-6s [%10.4g, %10.4g]  %.3f ulp at %.9g (bound %.1f)%s\n", name,
         sizeof(Real) == 4 ? "float" : "double", low, high, double(worst), double(where), bound,
         same ? "" : "  VECTOR DIFFERS");
  if (!good) ++failures;
}

#define FUNCTION(name) [](auto x) { return name(x); }

template <class Real>
void checkAll() {
  constexpr bool single = sizeof(Real) == 4;
  const double far = single ? 1e38 : 1e300;
  check<Real>("exponential", single ? -103 : -745, single ? 88.7 : 709.7, 1.0,
              FUNCTION(exponential), [](long double x) { return std::exp(x); });
  check<Real>("sigmoid", single ? -86.9 : -707, 100, 2.0, FUNCTION(sigmoid),
              [](long double x) { return 1 / (1 + std::exp(-x)); });
  check<Real>("hyperbolicTangent", -30, 30, single ? 1.5 : 3.0, FUNCTION(hyperbolicTangent),
              [](long double x) { return std::tanh(x); });
  check<Real>("logarithm", 1e-30, 4, 1.0, FUNCTION(logarithm),
              [](long double x) { return std::log(x); });
  check<Real>("logarithm", single ? 1e-44 : 1e-320, far, 1.0, FUNCTION(logarithm),
              [](long double x) { return std::log(x); });
  check<Real>("logarithmOfOnePlus", -0.999, 3, 2.0, FUNCTION(logarithmOfOnePlus),
              [](long double x) { return std::log1p(x); });
  check<Real>("logarithmOfOnePlus", 3, far, 2.0, FUNCTION(logarithmOfOnePlus),
              [](long double x) { return std::log1p(x); });
  const auto sine = [](auto x) {
    decltype(x) s, c;
    sineCosine(x, s, c);
    return s;
  };
  const auto cosine = [](auto x) {
    decltype(x) s, c;
    sineCosine(x, s, c);
    return c;
  };
  for (const double bound : {4.0, 100.0, 1e5, 1e9, 1e13, far}) {
    const double ulps = !single && bound > 1e12 ? 3.0 : 2.0;  // Payne-Hanek in one double
    check<Real>("sine", -bound, bound, ulps, sine, [](long double x) { return std::sin(x); });
    check<Real>("cosine", -bound, bound, ulps, cosine, [](long double x) { return std::cos(x); });
  }
}

template <class Real>
void checkExceptions() {
  const Real infinity = std::numeric_limits<Real>::infinity();
  const Real nan = std::numeric_limits<Real>::quiet_NaN();
  const auto both = [](auto function, Real x) {
    const Real scalar = function(x);
    const Real vector = function(Vector<Real>(x))[0];
    expect(scalar == vector || (scalar != scalar && vector != vector), "vector exception");
    return scalar;
  };
  const auto isNan = [](Real x) { return x != x; };
  expect(both(FUNCTION(exponential), infinity) == infinity, "exp(inf)");
  expect(both(FUNCTION(exponential), Real(1000)) == infinity, "exp(1000)");
  expect(both(FUNCTION(exponential), -infinity) == 0, "exp(-inf)");
  expect(both(FUNCTION(exponential), Real(0)) == 1, "exp(0)");
  expect(isNan(both(FUNCTION(exponential), nan)), "exp(NaN)");
  expect(both(FUNCTION(sigmoid), infinity) == 1, "sigmoid(inf)");
  expect(both(FUNCTION(sigmoid), -infinity) == 0, "sigmoid(-inf)");
  expect(both(FUNCTION(sigmoid), Real(0)) == Real(0.5), "sigmoid(0)");
  expect(isNan(both(FUNCTION(sigmoid), nan)), "sigmoid(NaN)");
  expect(both(FUNCTION(hyperbolicTangent), infinity) == 1, "tanh(inf)");
  expect(both(FUNCTION(hyperbolicTangent), -infinity) == -1, "tanh(-inf)");
  expect(isNan(both(FUNCTION(hyperbolicTangent), nan)), "tanh(NaN)");
  expect(both(FUNCTION(logarithm), Real(0)) == -infinity, "log(0)");
  expect(both(FUNCTION(logarithm), Real(1)) == 0, "log(1)");
  expect(both(FUNCTION(logarithm), infinity) == infinity, "log(inf)");
  expect(isNan(both(FUNCTION(logarithm), Real(-1))), "log(-1)");
  expect(isNan(both(FUNCTION(logarithm), nan)), "log(NaN)");
  expect(both(FUNCTION(logarithmOfOnePlus), Real(-1)) == -infinity, "log1p(-1)");
  expect(both(FUNCTION(logarithmOfOnePlus), infinity) == infinity, "log1p(inf)");
  expect(isNan(both(FUNCTION(logarithmOfOnePlus), Real(-2))), "log1p(-2)");
  expect(isNan(both(FUNCTION(logarithmOfOnePlus), nan)), "log1p(NaN)");
  const auto sine = [](auto x) {
    decltype(x) s, c;
    sineCosine(x, s, c);
    return s + c;
  };
  expect(isNan(both(sine, infinity)), "sin(inf)");
  expect(isNan(both(sine, nan)), "sin(NaN)");
}

void checkPhilox() {
  const struct {
    uint32_t key[2], counter[4], words[4];
  } published[] = {
      // Random123, kat_vectors
      {{0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0xa4093822, 0x299f31d0},
       {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& known : published) {
    const uint32_t* c = known.counter;
    const PhiloxWords got = philox(known.key[0], known.key[1], {{c[0], c[1], c[2], c[3]}});
    expect(memcmp(got.words, known.words, sizeof got.words) == 0, "published Philox vector");
  }
}

}  // namespace
}  // namespace entrain::inline ENTRAIN_ISA

int main() {
  entrain::checkAll<float>();
  entrain::checkAll<double>();
  entrain::checkExceptions<float>();
  entrain::checkExceptions<double>();
  entrain::checkPhilox();
  printf("digest %016llx, %d failures\n", (unsigned long long)entrain::digest, entrain::failures);
  return entrain::failures == 0 ? 0 : 1;
}
