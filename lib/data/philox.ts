// Philox4x32-10: a counter-based random generator. Word i of a stream is a pure function of the key
// (seed) and the counter, so any draw can be repeated without drawing those before it.
// Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, https://doi.org/10.1145/2063384.2063405

import { ValueError } from '../errors.js'

const kMultiplier0 = 0xd2511f53
const kMultiplier1 = 0xcd9e8d57
const kWeyl0 = 0x9e3779b9
const kWeyl1 = 0xbb67ae85
const kRounds = 10

type Words = readonly [number, number, number, number]

/** Upper 32 bits of the product of two unsigned 32-bit integers, in 16-bit halves. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  // Every product of halves fits into 32 bits, so imul is exact and the engine stays with integers.
  const lowHigh = Math.imul(aLow, bHigh)
  const highLow = Math.imul(aHigh, bLow)
  const middle = (Math.imul(aLow, bLow) >>> 16) + (lowHigh & 0xffff) + (highLow & 0xffff)
  return (Math.imul(aHigh, bHigh) + (lowHigh >>> 16) + (highLow >>> 16) + (middle >>> 16)) | 0
}

/** Writes the four words of one counter, given as the first four elements of `words`, in its place. */
function rounds(words: Uint32Array, key0: number, key1: number): void {
  let c0 = (words[0] as number) | 0
  let c1 = (words[1] as number) | 0
  let c2 = (words[2] as number) | 0
  let c3 = (words[3] as number) | 0
  let k0 = key0 | 0
  let k1 = key1 | 0
  for (let round = 0; round < kRounds; ++round) {
    const high0 = highProduct(kMultiplier0, c0)
    const high1 = highProduct(kMultiplier1, c2)
    const low0 = Math.imul(kMultiplier0, c0)
    const low1 = Math.imul(kMultiplier1, c2)
    c0 = high1 ^ c1 ^ k0
    c1 = low1
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = (k0 + kWeyl0) | 0
    k1 = (k1 + kWeyl1) | 0
  }
  words[0] = c0
  words[1] = c1
  words[2] = c2
  words[3] = c3
}

/** Four random 32-bit words of a counter (four words) under a key (two words). */
export function philox(counter: Words, key: readonly [number, number]): Words {
  const words = Uint32Array.from(counter)
  rounds(words, key[0], key[1])
  return [...words] as unknown as Words
}

/** Streams keep the uses of one seed apart: they are the last word of the counter. These are taken. */
export const RandomStream = {
  batches: 1,
  sampling: 2,
  inputs: 3,
  initialisation: 4,
  topology: 5,
  permutation: 32,
  spherePhases: 64,
  sphereFrequencies: 65,
  /** One stream for each octave from here on. */
  gaussianOctaves: 4096,
  /** Two streams for each cycle of a control loop from here on. */
  exploration: 2 ** 31,
} as const

/**
 * Integers uniform in [0, limit), a pure function of the arguments.
 *
 * @param seed integer of at least 0
 * @param count how many
 * @param limit exclusive bound, 1 to 2^32; integer i is floor(word pair / 2^53 · limit), bias below 2^-21
 * @param block which block of the stream, an integer of at least 0 (a training step, say; default 0)
 * @param stream default `RandomStream.inputs`
 * @throws ValueError (ERR_VALUE) for arguments outside these ranges
 */
export function randomIntegers({
  seed,
  count,
  limit,
  block = 0,
  stream = RandomStream.inputs,
}: {
  seed: number
  count: number
  limit: number
  block?: number
  stream?: number
}): number[] {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 2 ** 32) {
    throw new ValueError(
      `randomIntegers: limit must be an integer from 1 to 2^32, got ${String(limit)}`,
    )
  }
  return Array.from(randomUniforms({ seed, count, block, stream }), (value) =>
    Math.floor(value * limit),
  )
}

/**
 * Numbers uniform in [0, 1) with 53 random bits, a pure function of the arguments.
 *
 *     u = (floor(w0 / 2^5) 2^26 + floor(w1 / 2^6)) / 2^53      for each pair of words w0, w1
 *
 * Parameters and errors as for randomIntegers.
 */
export function randomUniforms({
  seed,
  count,
  block = 0,
  stream = RandomStream.inputs,
}: {
  seed: number
  count: number
  block?: number
  stream?: number
}): Float64Array {
  requireCounts({ seed, count, block, stream })
  const source = new UniformStream({ seed, block, stream })
  const values = new Float64Array(count)
  for (let i = 0; i < count; ++i) values[i] = source.next()
  return values
}

function requireCounts(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new ValueError(
        `randomUniforms: ${name} must be an integer of at least 0, got ${String(value)}`,
      )
    }
  }
}

/** The numbers of randomUniforms one after another, where it is not known how many are needed. */
export class UniformStream {
  readonly #words = new Uint32Array(4)
  readonly #key: readonly [number, number]
  readonly #block: number
  readonly #stream: number
  #counter = 0
  #second = Number.NaN
  #half = false

  /** Parameters and errors as for randomUniforms. */
  constructor({
    seed,
    block = 0,
    stream = RandomStream.inputs,
  }: {
    seed: number
    block?: number
    stream?: number
  }) {
    requireCounts({ seed, block, stream })
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)]
    this.#block = block
    this.#stream = stream
  }

  /** The next number, uniform in [0, 1). */
  next(): number {
    this.#half = !this.#half
    if (!this.#half) return this.#second
    const words = this.#words
    words[0] = this.#counter++
    words[1] = this.#block
    words[2] = Math.floor(this.#block / 2 ** 32)
    words[3] = this.#stream
    rounds(words, this.#key[0], this.#key[1])
    this.#second = uniform(words[2] as number, words[3] as number)
    return uniform(words[0] as number, words[1] as number)
  }

  /** The next number as an integer uniform in [0, limit), limit at most 2^31: bias below 2^-22. */
  integer(limit: number): number {
    return Math.floor(this.next() * limit)
  }
}

const uniform = (word0: number, word1: number): number =>
  ((word0 >>> 5) * 2 ** 26 + (word1 >>> 6)) / 2 ** 53

/** Standard normal numbers by the Box-Muller transform of randomUniforms. */
export function randomNormals({
  seed,
  count,
  block = 0,
  stream = RandomStream.inputs,
}: {
  seed: number
  count: number
  block?: number
  stream?: number
}): Float64Array {
  const uniforms = randomUniforms({ seed, count: count + (count % 2), block, stream })
  const values = new Float64Array(count)
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - (uniforms[i] ?? 0)))
    const angle = 2 * Math.PI * (uniforms[i + 1] ?? 0)
    values[i] = radius * Math.cos(angle)
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle)
  }
  return values
}
