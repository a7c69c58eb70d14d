// How the eigenvalues of a layer begin.
import { RandomStream, randomNormals, randomUniforms } from '../data/philox.js'

/**
 * `long`: time constants log-uniform from 2 steps to the training length.
 * `paper`: α uniform in (−3, −0.1), so |λ| ≤ 0.475 and all is forgotten within 22 steps; in the Pro
 * variant α uniform from centre − 1 to centre + 0.5 with centre = −2 + 1.5 depth.
 */
export type Initialisation = 'long' | 'paper'

/** α such that |λ| = σ(α) = e^(−1/steps). */
export function decayOfTimeConstant(steps: number): number {
  // σ(α) = m  ⇔  α = log(m / (1 − m)), and 1 − e^(−1/τ) = −expm1(−1/τ) keeps its digits for large τ
  return -1 / steps - Math.log(-Math.expm1(-1 / steps))
}

/** Initial α of a layer. */
export function blockInitialDecay(options: {
  eigenstates: number
  initialisation: Initialisation
  trainingLength: number
  pro: boolean
  layer: number
  layers: number
  seed: number
}): Float64Array {
  const { eigenstates: K, layer, layers } = options
  const stream = RandomStream.initialisation
  const draws = randomUniforms({ seed: options.seed, block: 2 * layer, count: K, stream })
  if (options.initialisation === 'paper') {
    const depth = layers > 1 ? layer / (layers - 1) : 0
    const centre = -2 + 1.5 * depth
    const [low, high] = options.pro ? [centre - 1, centre + 0.5] : [-3, -0.1]
    return Float64Array.from(draws, (u) => low + (high - low) * u)
  }
  const longest = Math.log(Math.max(options.trainingLength, 2) / 2)
  // One draw in each of K equal parts of the logarithmic range, in shuffled order, so that frequency
  // and time constant are independent.
  const order = [...draws.keys()].sort((a, b) => (draws[a] as number) - (draws[b] as number))
  const decay = new Float64Array(K)
  for (const [rank, k] of order.entries()) {
    decay[k] = decayOfTimeConstant(2 * Math.exp((longest * (rank + 0.5)) / K))
  }
  return decay
}

/** ω_k = 2πk/K. */
export function blockInitialFrequency(K: number): Float64Array {
  return Float64Array.from({ length: K }, (_, k) => (2 * Math.PI * k) / K)
}

/** I + 0.01 M for each head, M ~ N(0, 1) / √(K / heads): (heads, K / heads, K / heads). */
export function blockInitialCoupling(options: {
  eigenstates: number
  heads: number
  layer: number
  seed: number
}): Float64Array {
  const { eigenstates: K, heads, layer, seed } = options
  const size = K / heads
  const stream = RandomStream.initialisation
  const coupling = randomNormals({ seed, block: 2 * layer + 1, count: K * size, stream })
  for (let i = 0; i < coupling.length; ++i)
    coupling[i] = ((coupling[i] as number) * 0.01) / Math.sqrt(size)
  for (let row = 0; row < K; ++row)
    coupling[row * size + (row % size)] = (coupling[row * size + (row % size)] as number) + 1
  return coupling
}
