// Whether the data of waves are finite, and NaN in place of what hangs on those that are not.
#pragma once

#include "cuda/fault.cuh"
#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class Real>
HOST_DEVICE bool isFiniteNumber(Real x) {
  return x * Real(0) == Real(0);
}
template <class Real>
HOST_DEVICE Real notANumber() {
  return Real(__builtin_nanf(""));
}
// x where all that it hangs on is finite.
template <class Real, class... Cause>
HOST_DEVICE Real soundValue(Real x, Cause... causes) {
  return (isFiniteNumber(causes) && ...) ? x : notANumber<Real>();
}

template <class T>
__device__ __forceinline__ void checkFinite(View<const T> values, int64_t i, FaultSlot slot) {
  if (!isFiniteNumber(values[i])) raise(slot, FaultRule::waveFinite, i, double(values[i]));
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
