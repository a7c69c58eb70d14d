// Natural frequencies drawn from a distribution.
import { expectNumber } from '../check.js'
import { RandomStream, UniformStream } from '../data/philox.js'
import { ValueError } from '../errors.js'

/** A distribution of natural frequencies. */
export interface FrequencyDistribution {
  /** `lorentzian` (Cauchy): heavy tails, solved by Ott and Antonsen; `normal`; `uniform`. */
  readonly distribution: 'lorentzian' | 'normal' | 'uniform'
  /** Rad per unit of time. Default: 0. */
  readonly centre?: number
  /** Half width at half maximum, standard deviation, or half of the range; at least 0. Default: 1. */
  readonly width?: number
  /**
   * `random`, or `quantiles`: (i + ½)/N of the distribution for i = 0 … N − 1 in random order, which
   * leaves out the fluctuations of a sample. Default: `random`.
   */
  readonly sampling?: 'random' | 'quantiles'
}

const quantiles: Readonly<Record<FrequencyDistribution['distribution'], (p: number) => number>> = {
  lorentzian: (p) => Math.tan(Math.PI * (p - 0.5)),
  normal: normalQuantile,
  uniform: (p) => 2 * p - 1,
}

/**
 * Numbers of a distribution; equal seeds give equal numbers on every machine.
 *
 * @param count how many
 * @param seed integer of at least 0
 * @param block keeps several draws of one seed apart. Default: 0.
 * @throws ValueError for an unknown distribution or a width below 0.
 */
export function drawFrequencies(
  { distribution, centre = 0, width = 1, sampling = 'random' }: FrequencyDistribution,
  { count, seed, block = 0 }: { count: number; seed: number; block?: number },
): Float64Array {
  const name = 'naturalFrequencies'
  if (!Object.hasOwn(quantiles, distribution)) {
    throw new ValueError(
      `${name}: distribution must be lorentzian, normal or uniform, got ${String(distribution)}`,
    )
  }
  if (sampling !== 'random' && sampling !== 'quantiles') {
    throw new ValueError(`${name}: sampling must be random or quantiles, got ${String(sampling)}`)
  }
  expectNumber(name, 'centre', centre)
  expectNumber(name, 'width', width, { low: 0 })
  const source = new UniformStream({ seed, block, stream: RandomStream.initialisation })
  const quantile = quantiles[distribution]
  const values = new Float64Array(count)
  for (let i = 0; i < count; ++i) {
    // Never 0 or 1, where the tails end in infinity.
    const drawn = Math.min(source.next() + 2 ** -54, 1 - 2 ** -53)
    const p = sampling === 'random' ? drawn : (i + 0.5) / count
    values[i] = centre + width * quantile(p)
  }
  if (sampling === 'quantiles') shuffle(values, source)
  return values
}

// Fisher-Yates: neighbours on a graph must not have neighbouring frequencies.
function shuffle(values: Float64Array, source: UniformStream): void {
  for (let i = values.length - 1; i > 0; --i) {
    const j = source.integer(i + 1)
    const kept = values[i] as number
    values[i] = values[j] as number
    values[j] = kept
  }
}

const horner = (coefficients: readonly number[], x: number): number =>
  coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)

// Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution": 16 digits.
const kCentral = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
  67265.7709270087, 33430.57558358813, 2509.0809287301227,
]
const kCentralBelow = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
  28729.085735721943, 5226.495278852546,
]
const kMiddle = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
  0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
]
const kMiddleBelow = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008,
  0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-9,
]
const kFar = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487,
  0.026532189526576124, 0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
]
const kFarBelow = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
  1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
]

/** The number that a standard normal one is below with probability p in (0, 1). @internal */
export function normalQuantile(p: number): number {
  const q = p - 0.5
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q
    return (q * horner(kCentral, r)) / horner(kCentralBelow, r)
  }
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p))
  const size =
    r <= 5
      ? horner(kMiddle, r - 1.6) / horner(kMiddleBelow, r - 1.6)
      : horner(kFar, r - 5) / horner(kFarBelow, r - 5)
  return q < 0 ? -size : size
}
