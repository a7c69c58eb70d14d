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
    throw new ValueError(
      `${name}: sampling must be random or quantiles, got ${String(sampling)}`,
    )
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
  3.387132872796366608, 1.3314166789178437745e2, 1.9715909503065514427e3,
  1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
  3.3430575583588128105e4, 2.5090809287301226727e3,
]
const kCentralBelow = [
  1, 4.2313330701600911252e1, 6.871870074920579083e2, 5.3941960214247511077e3,
  2.1213794301586595867e4, 3.930789580009271061e4, 2.8729085735721942674e4,
  5.226495278852545925e3,
]
const kMiddle = [
  1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
  1.27045825245236838258, 2.4178072517745061177e-1, 2.27238449892691845833e-2,
  7.7454501427834140764e-4,
]
const kMiddleBelow = [
  1, 2.05319162663775882187, 1.6763848301838038494, 6.8976733498510000455e-1,
  1.4810397642748007459e-1, 1.51986665636164571966e-2, 5.475938084995344946e-4,
  1.05075007164441684324e-9,
]
const kFar = [
  6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 2.9656057182850489123e-1,
  2.6532189526576123093e-2, 1.2426609473880784386e-3, 2.71155556874348757815e-5,
  2.01033439929228813265e-7,
]
const kFarBelow = [
  1, 5.9983220655588793769e-1, 1.3692988092273580531e-1, 1.48753612908506148525e-2,
  7.868691311456132591e-4, 1.8463183175100546818e-5, 1.4215117583164458887e-7,
  2.04426310338993978564e-15,
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
