// How an eigenstate scan is divided among threads, by its shape alone:
//   lanes over sequences and channels, always; and along time either one thread (enough channels
//   to fill a device), the segments of a block (data read and written once, carries through shared
//   memory), or chunks of their own (few channels, long time: the input is read twice).
#pragma once

#include <cstdint>

#include "ops/host_device.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct ScanTuning {
  static constexpr int threads = 256;            // of a block, at most
  static constexpr int steps = 8;                // of one channel in registers; a power of two
  static constexpr int carryLanes = 32;          // threads along the channels where carries combine
  static constexpr int carrySegments = 16;       // and along the chunks
  static constexpr int reduceLanes = 8;          // channels of a block that sums gradients
  static constexpr int64_t shortTime = 64;       // steps that are not worth dividing
  static constexpr int64_t chunkedTime = 2048;   // steps from which chunks pay for a second read
  static constexpr int64_t leastChunk = 128;     // steps; a power of two, at least `steps`
  static constexpr int64_t manyLanes = 32768;    // fill a device without dividing time
  static constexpr int64_t fewLanes = 1024;      // do not fill it with the segments of a block
  static constexpr int64_t allThreads = 131072;  // what chunks aim at
  static constexpr int64_t mostChunks = 8192;
};

struct EigenstateScanPlan {
  int lanes = ScanTuning::threads;  // threads of a block side by side over the channels
  int segments = 1;                 // threads of a block along time, a power of two
  int64_t chunk = 0;                // steps from one carry to the next; a multiple of `steps`
  int64_t chunks = 1;               // of a sequence; with more than one there is one segment

  bool isSequential() const { return segments == 1 && chunks == 1; }
};

inline int64_t powerOfTwoFrom(int64_t least) {
  int64_t power = 1;
  while (power < least) power *= 2;
  return power;
}

// `multiprocessors` only widens or narrows blocks and never changes a result; `exact` is one step
// after another.
inline EigenstateScanPlan planScan(int64_t batch, int64_t time, int64_t channels,
                                   int multiprocessors, bool exact) {
  using Tuning = ScanTuning;
  const int64_t lanes = batch * channels;
  EigenstateScanPlan plan;
  plan.chunk = (time + Tuning::steps - 1) / Tuning::steps * Tuning::steps;
  if (exact || time < Tuning::shortTime || lanes >= Tuning::manyLanes) {
    while (plan.lanes > 32 && lanes / plan.lanes < multiprocessors) plan.lanes /= 2;
    return plan;
  }
  if (lanes < Tuning::fewLanes && time >= Tuning::chunkedTime) {
    int64_t chunk = Tuning::leastChunk;
    while (lanes * (time / chunk) > Tuning::allThreads || time / chunk > Tuning::mostChunks) {
      chunk *= 2;
    }
    plan.lanes = 64;
    plan.chunk = chunk;
    plan.chunks = (time + chunk - 1) / chunk;
    return plan;
  }
  plan.lanes = lanes >= 8192 ? 32 : lanes >= 4096 ? 16 : 8;
  const int64_t segments = powerOfTwoFrom((time + Tuning::steps - 1) / Tuning::steps);
  plan.segments =
      int(segments < Tuning::threads / plan.lanes ? segments : Tuning::threads / plan.lanes);
  return plan;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
