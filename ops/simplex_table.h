// The hash by a table of 256 numbers: h = table[i + table[j + table[k …]]] modulo 256, the gradient
// of number h mod 12 (mod 32 in 4D, and ±1 … ±8 in 1D), in the order of the npm package
// simplex-noise. The last look-up goes to a table of the gradients themselves.
#pragma once

#include "ops/simplex_noise.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kSimplexTable = 256;

// The components of a gradient in 2 bits each from the highest bits down: sign, and not 0.
HOST_DEVICE uint32_t gradientCode(int x, int y, int z, int w) {
  const int components[] = {x, y, z, w};
  uint32_t code = 0;
  SIMPLEX_UNROLL
  for (int k = 0; k < 4; ++k) {
    const uint32_t bits = components[k] == 0 ? 0u : components[k] < 0 ? 3u : 1u;
    code |= bits << (30 - 2 * k);
  }
  return code;
}
// Component k of gradient `number` of 3D in the lattice's coordinates, 3 (g_k − Σg / 6): 0 to ±3.
HOST_DEVICE constexpr int skewedComponent(int number, int k) {
  const int first = number & 1 ? -1 : 1, second = number & 2 ? -1 : 1, zero = 2 - number / 4;
  const int g = k == zero ? 0 : k == 0 || (k == 1 && zero == 0) ? first : second;
  return 3 * g - (first + second) / 2;
}

// What the table of gradients holds for hash `h`; in 1D a float32's bits, in 3D the highest ten
// bits of three.
template <int dim>
HOST_DEVICE uint32_t gradientCodeOf(uint32_t h) {
  if constexpr (dim == 1) {
    const float slope = float(1u + (h & 7u));
    return uint32_t(toBits(h & 8u ? -slope : slope));
  } else if constexpr (dim == 4) {
    const int number = int(h % 32u), zero = number / 8;
    int components[4];
    int bit = 2;
    SIMPLEX_UNROLL
    for (int k = 0; k < 4; ++k) {
      components[k] = k == zero ? 0 : (number >> bit) & 1 ? -1 : 1;
      bit -= k == zero ? 0 : 1;
    }
    return gradientCode(components[0], components[1], components[2], components[3]);
  } else {
    const int number = int(h % 12u), group = number / 4;
    if constexpr (dim == 3) {
      uint32_t code = 0;
      for (int k = 0; k < 3; ++k) {
        code |= uint32_t(toBits(float(skewedComponent(number, k)))) >> 22 << (22 - 10 * k);
      }
      return code;
    }
    const int first = number & 1 ? -1 : 1, second = number & 2 ? -1 : 1;
    if (group == 0) return gradientCode(first, second, 0, 0);
    return group == 1 ? gradientCode(first, 0, 0, 0) : gradientCode(0, first, 0, 0);
  }
}

// A gradient in one byte: its number of 12 in 2D and 3D, else the code's highest bits.
template <int dim>
HOST_DEVICE uint8_t gradientByteOf(uint32_t h) {
  return uint8_t(dim == 2 || dim == 3 ? h % 12u : gradientCodeOf<dim>(h) >> 24);
}

// The two tables, 256 words each: the caller's numbers, and the gradients of the caller's numbers.
// `bytes`, where a kernel wants it: the numbers and what it makes of the gradients in 512 bytes.
struct SimplexTables {
  const uint32_t* numbers = nullptr;
  const uint32_t* codes = nullptr;
  const uint8_t* bytes = nullptr;
};

// Gradients are twice those of the packages, in 3D three times: simplexAmplitude knows.
template <class Real>
struct TableHash {
  SimplexTables tables;

  template <int dim>
  struct Hashes {
    Word<Real> words[dim + 1];
  };
  template <int dim>
  HOST_DEVICE Word<Real> lookUpAll(const Word<Real> (&words)[dim], Word<Real> hash,
                                   int from) const {
    SIMPLEX_UNROLL
    for (int k = from; k > 0; --k) hash = lookUp<Real>(tables.numbers, words[k] + hash);
    return lookUp<Real>(tables.codes, words[0] + hash);
  }
  template <int dim, class Axes>
  HOST_DEVICE void corners(const Word<Real> (&words)[dim], const Axes& axes,
                           Hashes<dim>& hashes) const {
    const Word<Real> one = wordsOf<Real>(1u);
    if constexpr (dim == 1) {
      hashes.words[0] = lookUp<Real>(tables.codes, words[0]);
      hashes.words[1] = lookUp<Real>(tables.codes, words[0] + one);
    } else {
      const Word<Real> near = lookUp<Real>(tables.numbers, words[dim - 1]);
      const Word<Real> far = lookUp<Real>(tables.numbers, words[dim - 1] + one);
      SIMPLEX_UNROLL
      for (int c = 0; c <= dim; ++c) {
        Word<Real> stepped[dim];
        SIMPLEX_UNROLL
        for (int k = 0; k < dim; ++k) {
          stepped[k] = axes.advance(c, k, words[k], words[k] + one, one, wordsOf<Real>(~0u));
        }
        const Word<Real> inner = axes.advance(c, dim - 1, near, far, far - near, near - far);
        hashes.words[c] = lookUpAll<dim>(stepped, inner, dim - 2);
      }
    }
  }
  template <int dim>
  HOST_DEVICE static void gradientOf(Word<Real> code, Real (&g)[dim]) {
    if constexpr (dim == 1) {
      fromFloatBits(code, g[0]);
    } else if constexpr (dim == 3) {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        fromFloatBits(shiftLeft(code, 10 * k) & wordsOf<Real>(0xffc00000u), g[k]);
      }
    } else {
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) signedTwo(shiftLeft(code, 2 * k), g[k]);
    }
  }
  template <int dim>
  HOST_DEVICE void gradient(const Hashes<dim>& hashes, int corner, Real (&g)[dim]) const {
    gradientOf<dim>(hashes.words[corner], g);
  }
};

// Either hash on a lattice that tiles: before hashing, (t + dim) times a corner's position, an
// integer, is taken modulo `moduli` (0: not). The cell's words are these integers, less than one
// period outside. Without tables the integer hash.
template <class Real>
struct TiledHash {
  SimplexTables tables;
  uint32_t moduli[4], seeds[4];

  template <int dim>
  struct Hashes {
    Word<Real> words[dim + 1];
  };
  HOST_DEVICE static Word<Real> wrap(Word<Real> word, uint32_t modulus) {
    const Word<Real> period = wordsOf<Real>(modulus), minus = wordsOf<Real>(0u - modulus);
    word = addWhere(isLessSigned(word, wordsOf<Real>(0u)), word, period);
    return addWhere(opposite(isLessSigned(word, period)), word, minus);
  }
  template <int dim>
  HOST_DEVICE Word<Real> hashOf(const Word<Real> (&words)[dim]) const {
    if (tables.codes) {
      return TableHash<Real>{tables}.template lookUpAll<dim>(words, wordsOf<Real>(0u), dim - 1);
    }
    Word<Real> hash = words[0] * wordsOf<Real>(axisFactor(0)) + wordsOf<Real>(seeds[0]);
    SIMPLEX_UNROLL
    for (int k = 1; k < dim; ++k) {
      hash = hash ^ (words[k] * wordsOf<Real>(axisFactor(k)) + wordsOf<Real>(seeds[k]));
    }
    if constexpr (dim == 3) return numberOfTwelve(hash);
    return mixed<Real>(hash);
  }
  template <int dim, class Axes>
  HOST_DEVICE void corners(const Word<Real> (&words)[dim], const Axes& axes,
                           Hashes<dim>& hashes) const {
    const Word<Real> step = wordsOf<Real>(dim == 1 ? 1u : uint32_t(axisTranslation<dim>() + dim));
    SIMPLEX_UNROLL
    for (int c = 0; c <= dim; ++c) {
      Word<Real> wrapped[dim];
      SIMPLEX_UNROLL
      for (int k = 0; k < dim; ++k) {
        Word<Real> word = dim == 1 ? words[k] : words[k] - wordsOf<Real>(uint32_t(c));
        word = axes.advance(c, k, word, word + step, step, wordsOf<Real>(0u) - step);
        if (moduli[k] != 0) word = wrap(word, moduli[k]);
        if (dim == 1 && moduli[k] != 0) word = wrap(word, moduli[k]);  // a period of one cell
        wrapped[k] = word;
      }
      hashes.words[c] = hashOf<dim>(wrapped);
    }
  }
  template <int dim>
  HOST_DEVICE void gradient(const Hashes<dim>& hashes, int corner, Real (&g)[dim]) const {
    if (tables.codes) {
      TableHash<Real>::template gradientOf<dim>(hashes.words[corner], g);
    } else {
      IntegerHash<Real>::template gradientOf<dim>(hashes.words[corner], g);
    }
  }
};

// How a hash is made for an octave.
template <class Hash>
struct HashOf;
template <class Real>
struct HashOf<IntegerHash<Real>> {
  HOST_DEVICE static IntegerHash<Real> make(const SimplexTables&, const uint32_t (&)[4],
                                            const uint32_t (&)[4]) {
    return {};
  }
};
template <class Real>
struct HashOf<TableHash<Real>> {
  HOST_DEVICE static TableHash<Real> make(const SimplexTables& tables, const uint32_t (&)[4],
                                          const uint32_t (&)[4]) {
    return {tables};
  }
};
template <class Real>
struct HashOf<TiledHash<Real>> {
  HOST_DEVICE static TiledHash<Real> make(const SimplexTables& tables, const uint32_t (&moduli)[4],
                                          const uint32_t (&seeds)[4]) {
    return {tables,
            {moduli[0], moduli[1], moduli[2], moduli[3]},
            {seeds[0], seeds[1], seeds[2], seeds[3]}};
  }
};

}  // namespace entrain::inline ENTRAIN_ISA
