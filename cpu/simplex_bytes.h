// The table's hash with AVX-512 VBMI: 256 bytes stand in four registers, one look-up serves 64
// bytes, and the bytes of a lane are its simplex's corners. The same hashes as TableHash of
// ops/simplex_table.h, so the same bits.
#pragma once

#include "cpu/simplex_rows.h"

namespace entrain::inline ENTRAIN_ISA {

// The components of the 12 gradients, as gradientOf of ops/simplex_table.h makes them.
template <int dim>
struct Components {
  float of[dim][16];

  constexpr Components() : of() {
    for (int number = 0; number < 12; ++number) {
      for (int k = 0; k < dim; ++k) {
        const int first = number & 1 ? -2 : 2, second = number & 2 ? -2 : 2;
        const int flat = k == 0       ? (number < 8 ? first : 0)
                         : number < 4 ? second
                         : number < 8 ? 0
                                      : first;
        of[k][number] = float(dim == 3 ? skewedComponent(number, k) : flat);
      }
    }
  }
};

struct ByteTableHash {
  using Real = Vector<float>;
  using Bits = VectorWord<float>;

  const uint8_t* bytes;  // SimplexTables::bytes

  template <int dim>
  struct Hashes {
    Bits words[dim == 4 ? 2 : 1];  // corners 0 to 3 from the lowest byte up, then corner 4
  };

  HOST_DEVICE static __m512i part(const uint8_t* table, int number) {
    return _mm512_load_si512(table + 64 * number);
  }
  HOST_DEVICE static __m512i lookUpBytes(const uint8_t* table, __m512i at) {
    const __m512i low = _mm512_permutex2var_epi8(part(table, 0), at, part(table, 1));
    const __m512i high = _mm512_permutex2var_epi8(part(table, 2), at, part(table, 3));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), low, high);
  }
  // The lowest byte of each lane in all four of its bytes.
  HOST_DEVICE static __m512i repeated(Bits word) {
    return _mm512_shuffle_epi8((__m512i)word.v,
                               _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
  }
  // By how much each corner of a lane has advanced along axis k, one byte for each.
  template <int dim, class Axes>
  HOST_DEVICE static Bits advances(const Axes& axes, int k) {
    constexpr uint32_t last = dim < 4 ? 1u << (8 * dim) : 0u;
    if constexpr (dim == 2) return addWhere(axes.chosen[0][k], Bits(last), Bits(1u << 8));
    if constexpr (dim == 3) {
      const Bits both = addWhere(axes.isLargest(k), Bits(last | 1u << 16), Bits(1u << 8));
      return addWhere(axes.isSmallest(k), both, Bits(0u - (1u << 16)));
    }
    if constexpr (dim == 4) {
      Bits result = addWhere(axes.chosen[0][k], Bits(0u), Bits(1u << 8));
      result = addWhere(axes.chosen[1][k], result, Bits(1u << 16));
      return addWhere(axes.chosen[2][k], result, Bits(1u << 24));
    }
  }
  template <int dim>
  HOST_DEVICE Bits lookUpAll(const __m512i (&at)[dim]) const {
    __m512i hash = _mm512_setzero_si512();
    SIMPLEX_UNROLL
    for (int k = dim - 1; k >= 0; --k) {
      hash = lookUpBytes(k == 0 ? bytes + kSimplexTable : bytes, _mm512_add_epi8(at[k], hash));
    }
    return Bits::Native(hash);
  }
  template <int dim, class Axes>
  HOST_DEVICE void corners(const Bits (&words)[dim], const Axes& axes, Hashes<dim>& hashes) const {
    __m512i at[dim], farthest[dim];
    SIMPLEX_UNROLL
    for (int k = 0; k < dim; ++k) {
      const __m512i cell = repeated(words[k]);
      at[k] = _mm512_add_epi8(cell, (__m512i)advances<dim>(axes, k).v);
      farthest[k] = _mm512_add_epi8(cell, _mm512_set1_epi8(1));
    }
    hashes.words[0] = lookUpAll<dim>(at);
    if constexpr (dim == 4) hashes.words[1] = lookUpAll<dim>(farthest);
  }
  template <int dim>
  HOST_DEVICE void gradient(const Hashes<dim>& hashes, int corner, Real (&g)[dim]) const {
    const Bits word = hashes.words[corner / 4];
    const int byte = corner % 4;
    if constexpr (dim == 4) {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) signedTwo(shiftLeft(word, 24 - 8 * byte + 2 * k), g[k]);
    } else {
      const __m512i number = (__m512i)shiftRight(word, 8 * byte).v;
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        alignas(64) static constexpr Components<dim> components;
        g[k] = (Real::Native)_mm512_permutexvar_ps(number, _mm512_load_ps(components.of[k]));
      }
    }
  }
};

template <>
struct HashOf<ByteTableHash> {
  HOST_DEVICE static ByteTableHash make(const SimplexTables& tables, const uint32_t (&)[4],
                                        const uint32_t (&)[4]) {
    return {tables.bytes};
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
