// Faults that only the data show (a token beyond the vocabulary): kernels note the first one here
// and the next read from the stream fails with it. The outputs of the faulty elements are NaN or
// zero.
#pragma once

#include <cstdint>
#include <string>

namespace entrain::runtime {

enum class FaultRule : int32_t {
  none,
  tokenRange,
  targetRange,
  magnitudeRange,
  bankOrder,
  rateRange,
  receiverRange,
  waveFinite,
  softeningRange,
  structureFinite,
  treePlan,
};

struct Fault {
  FaultRule rule = FaultRule::none;
  int32_t operation = -1;  // index in ops/operations.h
  int64_t element = 0;
  double value = 0;
};

// "<name> must be <rule>, got <value> at element <i>".
std::string describe(const Fault& fault);

}  // namespace entrain::runtime
