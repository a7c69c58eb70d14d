// SIMD vectors of float or double in the width of the instruction set this copy is compiled for,
// with the vocabulary of ops/scalar.h. Loads and stores are in cpu/vector_memory.h.
#pragma once

#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
// GCC 12 warns of the deliberately undefined register in its own AVX-512 header (bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include "ops/dtype.h"

namespace entrain::inline ENTRAIN_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class Real>
struct NativeVector;
template <>
struct NativeVector<float> {
  typedef float Real __attribute__((vector_size(kVectorBytes)));
  typedef int32_t Integer __attribute__((vector_size(kVectorBytes)));
};
template <>
struct NativeVector<double> {
  typedef double Real __attribute__((vector_size(kVectorBytes)));
  typedef int64_t Integer __attribute__((vector_size(kVectorBytes)));
};

template <class Real>
struct Vector {
  static constexpr int kLanes = kVectorBytes / int(sizeof(Real));
  using Native = typename NativeVector<Real>::Real;
  using NativeInteger = typename NativeVector<Real>::Integer;

  Native v;

  Vector() = default;
  HOST_DEVICE Vector(Native native) : v(native) {}
  HOST_DEVICE Vector(Real x) : v(x - Native{}) {}
  HOST_DEVICE Real operator[](int lane) const { return v[lane]; }
};

template <class Real>
struct LaneOf<Vector<Real>> {
  using type = Real;
};

// A vector of integers as wide as Vector<Real>; also the mask of a comparison (0 or -1 in a lane).
template <class Real>
struct VectorInteger {
  typename Vector<Real>::NativeInteger v;

  VectorInteger() = default;
  HOST_DEVICE VectorInteger(typename Vector<Real>::NativeInteger native) : v(native) {}
  HOST_DEVICE VectorInteger(Integer<Real> n) : v(n - typename Vector<Real>::NativeInteger{}) {}
};
template <class Real>
struct IntegerOf<Vector<Real>> {
  using type = VectorInteger<Real>;
};

// clang-format off
#define ENTRAIN_VECTOR_OPERATOR(symbol)                                                                                        \
  template <class Real> HOST_DEVICE Vector<Real> operator symbol(Vector<Real> a, Vector<Real> b) { return a.v symbol b.v; }     \
  template <class Real> HOST_DEVICE Vector<Real> operator symbol(Vector<Real> a, Real b) { return a.v symbol Vector<Real>(b).v; } \
  template <class Real> HOST_DEVICE Vector<Real> operator symbol(Real a, Vector<Real> b) { return Vector<Real>(a).v symbol b.v; }
ENTRAIN_VECTOR_OPERATOR(+)
ENTRAIN_VECTOR_OPERATOR(-)
ENTRAIN_VECTOR_OPERATOR(*)
ENTRAIN_VECTOR_OPERATOR(/)
#undef ENTRAIN_VECTOR_OPERATOR
#define ENTRAIN_INTEGER_OPERATOR(symbol)                                                                                        \
  template <class Real> HOST_DEVICE VectorInteger<Real> operator symbol(VectorInteger<Real> a, VectorInteger<Real> b) { return a.v symbol b.v; } \
  template <class Real> HOST_DEVICE VectorInteger<Real> operator symbol(VectorInteger<Real> a, Integer<Real> b) { return a.v symbol VectorInteger<Real>(b).v; }
ENTRAIN_INTEGER_OPERATOR(+)
ENTRAIN_INTEGER_OPERATOR(-)
ENTRAIN_INTEGER_OPERATOR(&)
ENTRAIN_INTEGER_OPERATOR(|)
ENTRAIN_INTEGER_OPERATOR(^)
#undef ENTRAIN_INTEGER_OPERATOR
// clang-format on

template <class Real>
HOST_DEVICE VectorInteger<Real> operator<<(VectorInteger<Real> a, int count) {
  return a.v << count;
}
template <class Real>
HOST_DEVICE VectorInteger<Real> operator>>(VectorInteger<Real> a, int count) {
  return a.v >> count;
}
template <class Real>
HOST_DEVICE Vector<Real> operator-(Vector<Real> a) {
  return -a.v;
}
template <class Real>
HOST_DEVICE Vector<Real>& operator+=(Vector<Real>& a, Vector<Real> b) {
  return a = a + b;
}

// A function of numbers applied lane by lane, where no instruction is named below.
template <class Real, class Function>
HOST_DEVICE Vector<Real> eachLane(Function function) {
  Vector<Real> result;
  for (int lane = 0; lane < Vector<Real>::kLanes; ++lane) result.v[lane] = function(lane);
  return result;
}

#if !defined(__FMA__)
// Processors without the instruction (before 2013) get its bits from the mathematics library, lane
// by lane; out of line, since the kernels would otherwise grow by several megabytes.
template <class Real>
__attribute__((noinline)) Vector<Real> fmaOfLanes(Vector<Real> a, Vector<Real> b, Vector<Real> c) {
  return eachLane<Real>([&](int lane) { return fma(a[lane], b[lane], c[lane]); });
}
#endif

HOST_DEVICE Vector<float> fma(Vector<float> a, Vector<float> b, Vector<float> c) {
#if defined(__AVX512F__)
  return (Vector<float>::Native)_mm512_fmadd_ps(a.v, b.v, c.v);
#elif defined(__FMA__)
  return (Vector<float>::Native)_mm256_fmadd_ps(a.v, b.v, c.v);
#else
  return fmaOfLanes(a, b, c);
#endif
}
HOST_DEVICE Vector<double> fma(Vector<double> a, Vector<double> b, Vector<double> c) {
#if defined(__AVX512F__)
  return (Vector<double>::Native)_mm512_fmadd_pd(a.v, b.v, c.v);
#elif defined(__FMA__)
  return (Vector<double>::Native)_mm256_fmadd_pd(a.v, b.v, c.v);
#else
  return fmaOfLanes(a, b, c);
#endif
}
template <class Real>
HOST_DEVICE Vector<Real> fma(Vector<Real> a, Vector<Real> b, Real c) {
  return fma(a, b, Vector<Real>(c));
}
template <class Real>
HOST_DEVICE Vector<Real> fma(Vector<Real> a, Real b, Vector<Real> c) {
  return fma(a, Vector<Real>(b), c);
}
template <class Real>
HOST_DEVICE Vector<Real> fma(Real a, Vector<Real> b, Vector<Real> c) {
  return fma(Vector<Real>(a), b, c);
}

HOST_DEVICE Vector<float> squareRoot(Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>::Native)_mm512_sqrt_ps(x.v);
#elif defined(__AVX2__)
  return (Vector<float>::Native)_mm256_sqrt_ps(x.v);
#else
  return eachLane<float>([&](int lane) { return squareRoot(x[lane]); });
#endif
}
HOST_DEVICE Vector<double> squareRoot(Vector<double> x) {
#if defined(__AVX512F__)
  return (Vector<double>::Native)_mm512_sqrt_pd(x.v);
#elif defined(__AVX2__)
  return (Vector<double>::Native)_mm256_sqrt_pd(x.v);
#else
  return eachLane<double>([&](int lane) { return squareRoot(x[lane]); });
#endif
}

HOST_DEVICE Vector<float> roundToEven(Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>::Native)_mm512_roundscale_ps(x.v, 0);
#elif defined(__AVX2__)
  return (Vector<float>::Native)_mm256_round_ps(x.v, 0);
#else
  return eachLane<float>([&](int lane) { return roundToEven(x[lane]); });
#endif
}
HOST_DEVICE Vector<double> roundToEven(Vector<double> x) {
#if defined(__AVX512F__)
  return (Vector<double>::Native)_mm512_roundscale_pd(x.v, 0);
#elif defined(__AVX2__)
  return (Vector<double>::Native)_mm256_round_pd(x.v, 0);
#else
  return eachLane<double>([&](int lane) { return roundToEven(x[lane]); });
#endif
}
HOST_DEVICE Vector<float> floorOf(Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>::Native)_mm512_roundscale_ps(x.v, 1);
#elif defined(__AVX2__)
  return (Vector<float>::Native)_mm256_round_ps(x.v, 1);
#else
  return eachLane<float>([&](int lane) { return floorOf(x[lane]); });
#endif
}
HOST_DEVICE Vector<double> floorOf(Vector<double> x) {
#if defined(__AVX512F__)
  return (Vector<double>::Native)_mm512_roundscale_pd(x.v, 1);
#elif defined(__AVX2__)
  return (Vector<double>::Native)_mm256_round_pd(x.v, 1);
#else
  return eachLane<double>([&](int lane) { return floorOf(x[lane]); });
#endif
}

template <class Real>
HOST_DEVICE VectorInteger<Real> toBits(Vector<Real> x) {
  return (typename Vector<Real>::NativeInteger)x.v;
}
template <class Real>
HOST_DEVICE Vector<Real> fromBits(VectorInteger<Real> n) {
  return (typename Vector<Real>::Native)n.v;
}
template <class Real>
HOST_DEVICE Vector<Real> absolute(Vector<Real> x) {
  return fromBits(toBits(x) & Integer<Real>(~(Integer<Real>(1) << (8 * sizeof(Real) - 1))));
}
template <class Real>
HOST_DEVICE VectorInteger<Real> less(Vector<Real> a, Vector<Real> b) {
  return a.v < b.v;
}
template <class Real>
HOST_DEVICE VectorInteger<Real> nonZero(VectorInteger<Real> n) {
  return n.v != typename Vector<Real>::NativeInteger{};
}
template <class Real>
HOST_DEVICE Vector<Real> select(VectorInteger<Real> mask, Vector<Real> a, Vector<Real> b) {
  return mask.v ? a.v : b.v;
}
// The instructions give the second operand where the first is not beyond it, so NaN in `a` stays.
#if defined(__x86_64__)
#if defined(__AVX512F__)
#define ENTRAIN_NATIVE(name) _mm512_##name
#elif defined(__AVX2__)
#define ENTRAIN_NATIVE(name) _mm256_##name
#else
#define ENTRAIN_NATIVE(name) _mm_##name
#endif
HOST_DEVICE Vector<float> minimum(Vector<float> a, Vector<float> b) {
  return (Vector<float>::Native)ENTRAIN_NATIVE(min_ps)(b.v, a.v);
}
HOST_DEVICE Vector<double> minimum(Vector<double> a, Vector<double> b) {
  return (Vector<double>::Native)ENTRAIN_NATIVE(min_pd)(b.v, a.v);
}
HOST_DEVICE Vector<float> maximum(Vector<float> a, Vector<float> b) {
  return (Vector<float>::Native)ENTRAIN_NATIVE(max_ps)(b.v, a.v);
}
HOST_DEVICE Vector<double> maximum(Vector<double> a, Vector<double> b) {
  return (Vector<double>::Native)ENTRAIN_NATIVE(max_pd)(b.v, a.v);
}
#undef ENTRAIN_NATIVE
#endif

#if defined(__AVX512F__)
// (1 + x) 2^n of ops/exponential.h in two operations: the scaling rounds subnormal results once.
HOST_DEVICE Vector<float> onePlusTimesPowerOfTwo(Vector<float> x, Vector<float> n) {
  return (Vector<float>::Native)_mm512_scalef_ps((x + 1.0f).v, n.v);
}
HOST_DEVICE Vector<double> onePlusTimesPowerOfTwo(Vector<double> x, Vector<double> n) {
  return (Vector<double>::Native)_mm512_scalef_pd((x + 1.0).v, n.v);
}
#endif

template <class Real>
HOST_DEVICE VectorInteger<Real> toInteger(Vector<Real> x) {
  return __builtin_convertvector(roundToEven(x).v, typename Vector<Real>::NativeInteger);
}
#if defined(__AVX2__)
// The conversion rounds itself.
HOST_DEVICE VectorInteger<float> toInteger(Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>::NativeInteger)_mm512_cvtps_epi32(x.v);
#else
  return (Vector<float>::NativeInteger)_mm256_cvtps_epi32(x.v);
#endif
}
#endif
template <class Real>
HOST_DEVICE Vector<Real> toReal(VectorInteger<Real> n) {
  return __builtin_convertvector(n.v, typename Vector<Real>::Native);
}

template <int count>
HOST_DEVICE VectorInteger<float> rotateLeft(VectorInteger<float> n) {
#if defined(__AVX512F__)
  return (Vector<float>::NativeInteger)_mm512_rol_epi32((__m512i)n.v, count);
#else
  typedef uint32_t Words __attribute__((vector_size(kVectorBytes)));
  const Words words = (Words)n.v;
  return (Vector<float>::NativeInteger)((words << count) | (words >> (32 - count)));
#endif
}

// GCC's vectors of integers wrap around.
template <class Real>
HOST_DEVICE VectorInteger<Real> wrappingSum(VectorInteger<Real> a, VectorInteger<Real> b) {
  return a + b;
}
template <class Real>
HOST_DEVICE VectorInteger<Real> wrappingDifference(VectorInteger<Real> a, VectorInteger<Real> b) {
  return a - b;
}
template <class Real>
HOST_DEVICE VectorInteger<Real> wrappingAbsolute(VectorInteger<Real> n) {
  return n.v < typename Vector<Real>::NativeInteger{} ? -n.v : n.v;
}

// table[n mod 32].
HOST_DEVICE Vector<float> lookup(const float (&table)[32], VectorInteger<float> n) {
#if defined(__AVX512F__)
  return (Vector<float>::Native)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)n.v,
                                                       _mm512_loadu_ps(table + 16));
#elif defined(__AVX2__)
  return (Vector<float>::Native)_mm256_i32gather_ps(table, (__m256i)(n & 31).v, 4);
#else
  return eachLane<float>([&](int lane) { return table[n.v[lane] & 31]; });
#endif
}

// Whether a mask holds anywhere.
template <class Real>
HOST_DEVICE bool anyLane(VectorInteger<Real> mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask((__m512i)mask.v, (__m512i)mask.v) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)mask.v, (__m256i)mask.v);
#else
  Integer<Real> any = 0;
  for (int lane = 0; lane < Vector<Real>::kLanes; ++lane) any |= mask.v[lane];
  return any != 0;
#endif
}
template <class Real, class Function, class... Rest>
HOST_DEVICE void rarely(VectorInteger<Real> mask, Function function, Vector<Real>& first,
                        Rest&... rest) {
  if (!anyLane(mask)) [[likely]]
    return;
  for (int lane = 0; lane < Vector<Real>::kLanes; ++lane) {
    if (mask.v[lane] == 0) continue;
    [&](auto... scalars) {
      function(scalars...);
      int at = 0;
      const Real results[] = {scalars...};
      first.v[lane] = results[at++];
      ((rest.v[lane] = results[at++]), ...);
    }(Real(first.v[lane]), Real(rest.v[lane])...);
  }
}

}  // namespace entrain::inline ENTRAIN_ISA

#include "cpu/vector_memory.h"
