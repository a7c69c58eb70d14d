// Approximations of the special-function unit (MUFU, 16 a clock and multiprocessor beside 128 fma):
// the one place of them. Bounds, from the PTX manual and the CUDA guide: square
// root 2^-23 of the value, its inverse 2^-22.9, reciprocal one place, sine and cosine 2^-21.1 within
// half a turn of 0, to which the callers below reduce. Subnormal numbers count as 0. The emulator
// has accurate stand-ins. For double the same names are exact to rounding.
#pragma once

#include "cuda/instructions.cuh"
#include "ops/wave_pair.h"

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

// x less the nearest whole number, and a sign bit that is set where that number is odd. Additions
// round, for |x| < 2^22; FRND would take the special-function unit.
struct Fold {
  float rest;
  int32_t sign;
};
__device__ __forceinline__ Fold foldWhole(float x) {
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

// sin π x and cos π x for |x| <= 1/2, as in waveCircle(): 2^-27.5 of the value and 2^-24.4.
__device__ __forceinline__ float sineOfFold(float x) {
  return x * polynomial(x * x, 0x1.921fb6p+1f, -0x1.4abbc2p+2f, 0x1.4668bp+1f, -0x1.324ccap-1f,
                        0x1.3daff6p-4f);
}
__device__ __forceinline__ float cosineOfFold(float x) {
  return polynomial(x * x, 0x1.fffffep-1f, -0x1.3bd3a6p+2f, 0x1.03bd06p+2f, -0x1.54f61ap+0f,
                    0x1.c1f066p-3f);
}

// C and S of the propagator at distance d. Where kOnFmaPipe, sine and cosine are polynomials: 16
// instructions in place of 7, of which 2 take 8 issue slots each of the special-function unit.
template <bool kOnFmaPipe>
__device__ __forceinline__ Propagator<float> hardwarePropagator(const WaveMedium<float>& medium,
                                                                float distance, float inverse) {
  if constexpr (kOnFmaPipe) {
    const Fold fold = foldWhole(distance * (medium.turnsPerUnit + medium.turnsPerUnit));
    const float signedInverse = fromBits(toBits(inverse) ^ fold.sign);
    return propagatorOf(Circle<float>{sineOfFold(fold.rest), cosineOfFold(fold.rest)},
                        signedInverse);
  } else {
    const float angle = reducedRadians(distance * medium.wavenumber);
    return propagatorOf(Circle<float>{instruction::sine(angle), instruction::cosine(angle)}, inverse);
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
    const Fold fold = foldWhole(fma(-halfTurnsPerUnit, distance, halfTurns));
    return fromBits(toBits(sineOfFold(fold.rest)) ^ fold.sign);
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

// narrow() of finite numbers by the conversion of the hardware, where it has one.
template <class Storage>
__device__ __forceinline__ Storage hardwareNarrow(float x) {
  if constexpr (std::is_same_v<Storage, bfloat16>) {
    const __nv_bfloat16 rounded = __float2bfloat16_rn(x);
    bfloat16 result;
    memcpy(&result, &rounded, sizeof result);
    return result;
  } else {
    return narrow<Storage>(x);
  }
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda
