// Skipping ahead to the next success of a chain of trials that each succeed with probability p: a sparse
// random matrix costs a draw for each entry that is there, not for each that is not.
//     skipped = ⌊log(1 − u) / log(1 − p)⌋,   u uniform in [0, 1)
// Source: Batagelj & Brandes, Efficient generation of large random networks, Phys. Rev. E 71, 036113 (2005).
// The logarithm is formed of correctly rounded operations alone, so that every engine draws the same graph.
import type { UniformStream } from '../data/philox.js'

const bits = new DataView(new ArrayBuffer(8))
/** The series of atanh s / s in s² up to here is good to 2e-16 for |s| ≤ 3 − 2√2. */
const kTerms = 11

/** 2 atanh(s) = log((1 + s) / (1 − s)) for |s| ≤ 0.172. */
function logOfRatio(s: number): number {
  const square = s * s
  let series = 0
  for (let term = kTerms; term >= 0; --term) series = series * square + 1 / (2 * term + 1)
  return 2 * s * series
}

/** log(x) of a positive number that is not subnormal, to a few units in the last place. @internal */
export function logarithm(x: number): number {
  bits.setFloat64(0, x)
  const high = bits.getInt32(0)
  let exponent = (high >> 20) - 1023
  bits.setInt32(0, (high & 0xfffff) | (1023 << 20))
  let mantissa = bits.getFloat64(0)
  if (mantissa > Math.SQRT2) {
    mantissa /= 2
    ++exponent
  }
  return exponent * Math.LN2 + logOfRatio((mantissa - 1) / (mantissa + 1))
}

/** log(1 − p) for 0 < p < 1, with the digits of a small p. @internal */
export function logarithmOfRest(p: number): number {
  return p < 0.29 ? -logOfRatio(p / (2 - p)) : logarithm(1 - p)
}

/** Places of successes in consecutive runs of trials. @internal */
export class Skips {
  readonly #source: UniformStream
  readonly #probability: number
  readonly #logarithm: number
  #ahead: number

  constructor(source: UniformStream, probability: number) {
    this.#source = source
    this.#probability = probability
    this.#logarithm = probability > 0 && probability < 1 ? logarithmOfRest(probability) : 0
    this.#ahead = this.#skipped()
  }

  #skipped(): number {
    if (this.#probability === 0) return Number.POSITIVE_INFINITY
    if (this.#probability === 1) return 0
    return Math.floor(logarithm(1 - this.#source.next()) / this.#logarithm)
  }

  /** Calls `success` with the place of each success in the next `trials` trials, ascending. */
  run(trials: number, success: (place: number) => void): void {
    let place = this.#ahead
    while (place < trials) {
      success(place)
      place += 1 + this.#skipped()
    }
    this.#ahead = place - trials
  }
}
