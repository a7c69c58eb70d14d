// The out-of-line parts of the operation vocabulary: checks, fault texts, operation names.
#include "ops/registry.h"

#include <cmath>
#include <cstdio>

#include "ops/errors.h"
#include "ops/operations.h"

namespace entrain::inline ENTRAIN_ISA {

namespace {

constexpr int64_t kLargestSize = int64_t(1) << 53;

std::string numberText(double value) {
  char text[40];
  if (std::floor(value) == value && std::fabs(value) < 1e15) {
    std::snprintf(text, sizeof text, "%.0f", value);
  } else {
    std::snprintf(text, sizeof text, "%g", value);
  }
  return text;
}

[[noreturn]] void fail(const char* code, const char* operation, const char* name,
                       const std::string& rule, const std::string& got) {
  throw runtime::Error(code,
                       std::string(operation) + ": " + name + " must be " + rule + ", got " + got);
}

}  // namespace

void Check::atLeast(const char* name, int64_t value, int64_t least) const {
  if (value < least || value > kLargestSize) {
    fail("ERR_SHAPE", operation_, name, "an integer of at least " + std::to_string(least),
         std::to_string(value));
  }
}

void Check::within(const char* name, double value, double low, double high) const {
  if (!(value >= low && value <= high)) {
    fail("ERR_VALUE", operation_, name, "in [" + numberText(low) + ", " + numberText(high) + "]",
         numberText(value));
  }
}

void Check::rule(bool holds, const char* name, const char* rule, double value) const {
  if (!holds) fail("ERR_VALUE", operation_, name, rule, numberText(value));
}

void Check::shape(const char* name, int64_t length, std::initializer_list<Size> sizes) const {
  int64_t product = 1;
  bool overflow = false;
  std::string names, numbers;
  for (const Size& size : sizes) {
    if (!names.empty()) {
      names += " x ";
      numbers += " x ";
    }
    names += size.name;
    numbers += std::to_string(size.value);
    if (size.value < 0) {
      fail("ERR_SHAPE", operation_, size.name, "an integer of at least 0",
           std::to_string(size.value));
    }
    overflow |= __builtin_mul_overflow(product, size.value, &product) || product > kLargestSize;
  }
  if (overflow) {
    fail("ERR_SHAPE", operation_, name, "smaller than 2^53 elements (" + names + ")", numbers);
  }
  if (length != product) {
    const std::string factors =
        sizes.size() > 1 ? " (" + names + " = " + numbers + ")" : " (" + names + ")";
    fail("ERR_SHAPE", operation_, name,
         "a buffer of " + std::to_string(product) + " elements" + factors, std::to_string(length));
  }
}

}  // namespace entrain::inline ENTRAIN_ISA

namespace entrain::runtime {

namespace {

template <template <class> class... Operation>
const char* nameOf(int32_t operation, OperationList<Operation...>) {
  static constexpr const char* names[] = {Operation<float>::name...};
  return operation >= 0 && operation < int32_t(sizeof...(Operation)) ? names[operation] : "stream";
}

}  // namespace

const char* operationName(int32_t operation) {
  return nameOf(operation, Operations{});
}

std::string describe(const Fault& fault) {
  const char* rule = "";
  switch (fault.rule) {
    case FaultRule::none:
      return "";
    case FaultRule::tokenRange:
      rule = "tokens must be integers in [0, vocabulary)";
      break;
    case FaultRule::targetRange:
      rule = "targets must be integers in [0, vocabulary)";
      break;
    case FaultRule::magnitudeRange:
      rule = "magnitude must be numbers in [0, 1]";
      break;
    case FaultRule::bankOrder:
      rule = "bankStart must be ascending from 0 to oscillators";
      break;
    case FaultRule::rateRange:
      rule = "naturalFrequencies and drive must be finite numbers";
      break;
    case FaultRule::receiverRange:
      rule = "targets must be nodes in [0, N)";
      break;
    case FaultRule::waveFinite:
      rule = "positions, amplitudes, frequencies, wavenumber and times must be finite numbers";
      break;
    case FaultRule::softeningRange:
      rule = "softening must be a finite number above 0";
      break;
    case FaultRule::structureFinite:
      rule = "windings and torsion must be numbers";
      break;
    case FaultRule::treePlan:
      rule = "the clusters and their lists must be those of a tree";
      break;
  }
  char text[200];
  std::snprintf(text, sizeof text, "%s: %s, got %g at element %lld", operationName(fault.operation),
                rule, fault.value, static_cast<long long>(fault.element));
  return text;
}

}  // namespace entrain::runtime
