// An interpolated 3-gram character model: the baseline that a language model must beat.
//
//     p(c | a b) = w3 p3(c | a b) + w2 p2(c | b) + w1 p1(c) + w0 / V
//
// p1..p3 are relative frequencies; where a context was never seen, its order answers with the order below,
// so that p sums to one in every context. The weights are found by expectation maximisation on a part of
// the training tokens that the frequencies have not seen (deleted interpolation); then all are counted.
// Source: Jelinek and Mercer, Interpolated estimation of Markov source parameters, 1980.

const kOrders = 4
const kHeldOutFraction = 0.1
const kLargestIteration = 200
/** Expectation maximisation ends when no weight moves by more than this. */
const kWeightTolerance = 1e-7
/** An unseen context. */
const kUnknown = -1

/** Counts by integer key: open addressing in typed arrays, grown at half load. */
class CountTable {
  #keys = new Float64Array(1024).fill(kUnknown)
  #counts = new Float64Array(1024)
  #used = 0

  #slot(key: number): number {
    const mask = this.#keys.length - 1
    // Multiplicative hashing of both 32-bit halves (golden-ratio constants).
    const low = Math.imul((key % 2 ** 32) | 0, 0x9e3779b1)
    let slot = (low ^ Math.imul(Math.floor(key / 2 ** 32), 0x85ebca77) ^ (low >>> 15)) & mask
    while (this.#keys[slot] !== key && this.#keys[slot] !== kUnknown) slot = (slot + 1) & mask
    return slot
  }

  get(key: number): number {
    return this.#counts[this.#slot(key)] ?? 0
  }

  increment(key: number): void {
    const slot = this.#slot(key)
    if (this.#keys[slot] === kUnknown) {
      this.#keys[slot] = key
      this.#used += 1
    }
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1
    if (2 * this.#used > this.#keys.length) this.#grow()
  }

  #grow(): void {
    const [keys, counts] = [this.#keys, this.#counts]
    this.#keys = new Float64Array(2 * keys.length).fill(kUnknown)
    this.#counts = new Float64Array(2 * keys.length)
    for (let i = 0; i < keys.length; ++i) {
      const key = keys[i] ?? kUnknown
      if (key === kUnknown) continue
      const slot = this.#slot(key)
      this.#keys[slot] = key
      this.#counts[slot] = counts[i] ?? 0
    }
  }
}

/** Frequencies of one, two and three characters, and of the contexts that something followed. */
class Frequencies {
  readonly vocabulary: number
  readonly #single: Float64Array
  readonly #pairs = new CountTable()
  readonly #triples = new CountTable()
  readonly #afterOne: Float64Array
  readonly #afterTwo = new CountTable()
  readonly #total: number

  constructor(tokens: Int32Array, vocabulary: number) {
    this.vocabulary = vocabulary
    this.#single = new Float64Array(vocabulary)
    this.#afterOne = new Float64Array(vocabulary)
    this.#total = tokens.length
    for (let i = 0; i < tokens.length; ++i) {
      const [a, b, c] = [tokens[i - 2] ?? kUnknown, tokens[i - 1] ?? kUnknown, tokens[i] ?? 0]
      this.#single[c] = (this.#single[c] ?? 0) + 1
      if (b === kUnknown) continue
      this.#afterOne[b] = (this.#afterOne[b] ?? 0) + 1
      this.#pairs.increment(b * vocabulary + c)
      if (a === kUnknown) continue
      this.#afterTwo.increment(a * vocabulary + b)
      this.#triples.increment((a * vocabulary + b) * vocabulary + c)
    }
  }

  /** Writes 1/V, p1, p2, p3 of token c after a b into `out` from `at` on; a or b may be unknown. */
  probabilities(options: { a: number; b: number; c: number }, out: Float64Array, at: number): void {
    const { a, b, c } = options
    const V = this.vocabulary
    const uniform = 1 / V
    const first = this.#total > 0 ? (this.#single[c] ?? 0) / this.#total : uniform
    const afterOne = b === kUnknown ? 0 : (this.#afterOne[b] ?? 0)
    const second = afterOne > 0 ? this.#pairs.get(b * V + c) / afterOne : first
    const afterTwo = a === kUnknown || b === kUnknown ? 0 : this.#afterTwo.get(a * V + b)
    const third = afterTwo > 0 ? this.#triples.get((a * V + b) * V + c) / afterTwo : second
    out[at] = uniform
    out[at + 1] = first
    out[at + 2] = second
    out[at + 3] = third
  }

  /** The four probabilities of every token of a text, (length, 4); `before` are the two tokens ahead of it. */
  table(tokens: Int32Array, before: readonly [number, number]): Float64Array {
    const out = new Float64Array(tokens.length * kOrders)
    let [a, b] = before
    for (let i = 0; i < tokens.length; ++i) {
      const c = tokens[i] ?? 0
      this.probabilities({ a, b, c }, out, i * kOrders)
      ;[a, b] = [b, c]
    }
    return out
  }
}

export type NgramWeights = readonly [uniform: number, single: number, pair: number, triple: number]

/** Weights that make the rows of a (length, 4) table of probabilities most likely. */
export function fitWeights(table: Float64Array): NgramWeights {
  let weights: [number, number, number, number] = [0.25, 0.25, 0.25, 0.25]
  const rows = table.length / kOrders
  for (let iteration = 0; iteration < kLargestIteration && rows > 0; ++iteration) {
    const [w0, w1, w2, w3] = weights
    let [share0, share1, share2, share3] = [0, 0, 0, 0]
    for (let at = 0; at < table.length; at += kOrders) {
      const part0 = w0 * (table[at] ?? 0)
      const part1 = w1 * (table[at + 1] ?? 0)
      const part2 = w2 * (table[at + 2] ?? 0)
      const part3 = w3 * (table[at + 3] ?? 0)
      const inverse = 1 / (part0 + part1 + part2 + part3)
      share0 += part0 * inverse
      share1 += part1 * inverse
      share2 += part2 * inverse
      share3 += part3 * inverse
    }
    const next: [number, number, number, number] = [
      share0 / rows,
      share1 / rows,
      share2 / rows,
      share3 / rows,
    ]
    const moved = Math.max(...next.map((weight, order) => Math.abs(weight - (weights[order] ?? 0))))
    weights = next
    if (moved < kWeightTolerance) break
  }
  // No unseen character may be impossible, whatever the held-out part said.
  const least = 1e-6
  const sum = weights.reduce((total, weight) => total + weight, least)
  return [(weights[0] + least) / sum, weights[1] / sum, weights[2] / sum, weights[3] / sum]
}

/** A fitted model. */
export class NgramModel {
  readonly weights: NgramWeights
  readonly #frequencies: Frequencies

  /**
   * @param tokens the training split, integers from 0 to vocabulary − 1, at least 20
   * @param vocabulary how many characters there are, 1 to 200 000 (three of them fit an exact integer)
   */
  constructor({ tokens, vocabulary }: { tokens: Int32Array; vocabulary: number }) {
    if (!Number.isSafeInteger(vocabulary) || vocabulary < 1 || vocabulary > 200_000) {
      throw new RangeError(
        `NgramModel: vocabulary must be an integer from 1 to 200000, got ${vocabulary}`,
      )
    }
    if (tokens.length < 20)
      throw new RangeError(`NgramModel: tokens must be at least 20, got ${tokens.length}`)
    const wrong = tokens.find((token) => token < 0 || token >= vocabulary)
    if (wrong !== undefined) {
      throw new RangeError(`NgramModel: tokens must be from 0 to ${vocabulary - 1}, got ${wrong}`)
    }
    const boundary = tokens.length - Math.ceil(tokens.length * kHeldOutFraction)
    const counted = new Frequencies(tokens.subarray(0, boundary), vocabulary)
    const before = [tokens[boundary - 2] ?? kUnknown, tokens[boundary - 1] ?? kUnknown] as const
    this.weights = fitWeights(counted.table(tokens.subarray(boundary), before))
    this.#frequencies = new Frequencies(tokens, vocabulary)
  }

  /** Probability of token c after tokens a, b; −1 stands for an unknown one. */
  probability(a: number, b: number, c: number): number {
    const parts = new Float64Array(kOrders)
    this.#frequencies.probabilities({ a, b, c }, parts, 0)
    return this.weights.reduce((sum, weight, order) => sum + weight * (parts[order] ?? 0), 0)
  }

  /** Mean of −log2 p over the tokens, the first two with as much context as there is. */
  bitsPerCharacter(tokens: Int32Array): number {
    if (tokens.length === 0) throw new RangeError('NgramModel: tokens must not be empty, got 0')
    const table = this.#frequencies.table(tokens, [kUnknown, kUnknown])
    const [w0, w1, w2, w3] = this.weights
    let bits = 0
    for (let at = 0; at < table.length; at += kOrders) {
      bits -= Math.log2(
        w0 * (table[at] ?? 0) +
          w1 * (table[at + 1] ?? 0) +
          w2 * (table[at + 2] ?? 0) +
          w3 * (table[at + 3] ?? 0),
      )
    }
    return bits / tokens.length
  }
}
