// Approximations of the special-function unit (MUFU, 16 a clock and multiprocessor beside 128 fma):
// the one place of them. Bounds, from the PTX manual and the CUDA guide: square root 2^-23 of the
// value, its inverse 2^-22.9, reciprocal one place, sine and cosine 2^-21.1 within half a turn of
// 0, to which the callers below reduce. Subnormal numbers count as 0. The emulator has accurate
// stand-ins. For double the same names are exact to rounding.
#pragma once

#include "cuda/instructions.cuh"
#include "ops/wave_adjoint.h"

namespace entrain::inline ENTRAIN_ISA::cuda {

__device__ __forceinline__ float hardwareSquareRoot(float x) {
  return instruction::squareRoot(x);
}
__device__ __forceinline__ float hardwareInverseSquareRoot(float x) {
  return instruction::inverseSquareRoot(x);
}
__device__ __forceinline__ float hardwareInverse(float x) {
  return instruction::inverse(x);
}
__device__ __forceinline__ double hardwareSquareRoot(double x) {
  return squareRoot(x);
}
__device__ __forceinline__ double hardwareInverseSquareRoot(double x) {
  return 1.0 / squareRoot(x);
}
__device__ __forceinline__ double hardwareInverse(double x) {
  return 1.0 / x;
}

// foldWave() by additions that round; FRND would take the special-function unit. For |x| < 2^22:
// beyond 10^7 radians a float has no phase left, and the polynomials no bound.
__device__ __forceinline__ FoldedWave<float> quickFold(float x) {
  constexpr float kShift = 0x1.8p23f;
  const float shifted = x + kShift;
  return {x - (shifted - kShift), int32_t(uint32_t(toBits(shifted)) << 31)};
}

// Radians within half a turn of 0: one product with 2π, whose error of 2^-25 is below that of the
// argument, which is a rounded number of the same size.
__device__ __forceinline__ float reducedRadians(float radians) {
  constexpr float kShift = 0x1.8p23f;
  const float turns = fma(radians, float(kTurnsPerRadian), kShift) - kShift;
  return fma(turns, -float(kRadiansPerTurn), radians);
}

// C and S of the propagator at distance d. Where kOnFmaPipe, sine and cosine are polynomials: 16
// instructions in place of 7, of which 2 take 8 issue slots each of the special-function unit.
template <bool kOnFmaPipe>
__device__ __forceinline__ Propagator<float> hardwarePropagator(const WaveMedium<float>& medium,
                                                                float distance, float inverse) {
  if constexpr (kOnFmaPipe) {
    return foldedPropagator(quickFold(distance * (medium.turnsPerUnit + medium.turnsPerUnit)),
                            inverse);
  } else {
    const float angle = reducedRadians(distance * medium.wavenumber);
    return propagatorOf(Circle<float>{instruction::sine(angle), instruction::cosine(angle)},
                        inverse);
  }
}
template <bool kOnFmaPipe>
__device__ __forceinline__ Propagator<double> hardwarePropagator(const WaveMedium<double>& medium,
                                                                 double distance, double inverse) {
  return propagatorOf(waveCircle(medium, distance), inverse);
}

// sin(θ − k d) of a source's phase θ at the receiver, θ in radians and in half turns, both within
// half a turn of 0.
template <bool kOnFmaPipe>
__device__ __forceinline__ float hardwareWave(const WaveMedium<float>& medium, float distance,
                                              float radians, float halfTurns) {
  if constexpr (kOnFmaPipe) {
    const float halfTurnsPerUnit = medium.turnsPerUnit + medium.turnsPerUnit;
    const auto folded = quickFold(fma(-halfTurnsPerUnit, distance, halfTurns));
    return withSignChanged(folded.x * foldedSineRatio<1>(folded.x * folded.x), folded.sign);
  } else {
    return instruction::sine(reducedRadians(fma(-medium.wavenumber, distance, radians)));
  }
}
template <bool kOnFmaPipe>
__device__ __forceinline__ double hardwareWave(const WaveMedium<double>& medium, double distance,
                                               double radians, double) {
  return waveCircle(WaveMedium<double>{1.0, kTurnsPerRadian, 0.0},
                    fma(-medium.wavenumber, distance, radians))
      .sine;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
