// How the batch elements of a call on oscillators are shared among teams. It depends on sizes alone,
// so that results do not depend on the machine.
#pragma once

#include "ops/oscillator_prepare.h"

namespace entrain::inline ENTRAIN_ISA {

struct OscillatorPlan {
  int64_t groups;    // each a team of its own; 1: one team of all threads
  int64_t elements;  // of a group; the last may have fewer
};

template <class Real>
OscillatorPlan planOf(const OscillatorNetwork<Real>& net, const OscillatorTargets<Real>& targets) {
  constexpr int64_t kNodes = 256;             // a group has about as many, where elements are small
  constexpr int64_t kWork = int64_t(1) << 16;  // nodes and edges that one group's threads may have
  constexpr int64_t kSums = int64_t(1) << 24;  // numbers of all groups' sums over edges together
  const int64_t n = net.oscillators;
  const int64_t work = n + net.edges + 2 * net.neighbours * n;
  const bool byStep = targets.drive.length > 0 && net.driveKind == kStepDrive;
  if (byStep || net.batch == 1 || work > kWork) return {1, net.batch};
  int64_t elements = n < kNodes ? (kNodes + n - 1) / n : 1;
  if (targets.weight.length > 0) {
    const int64_t most = kSums / net.edges < 256 ? kSums / net.edges : 256;
    const int64_t least = (net.batch + most - 1) / most;
    elements = elements < least ? least : elements;
  }
  elements = elements < net.batch ? elements : net.batch;
  return {(net.batch + elements - 1) / elements, elements};
}

}  // namespace entrain::inline ENTRAIN_ISA
