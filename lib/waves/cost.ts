// What each way to a wave field costs, in seconds, from measured rates. Only ratios matter: a machine
// with other cores scales all of them alike.

/** Sizes of a field. @internal */
export interface FieldSizes {
  readonly nodes: number
  readonly receivers: number
  readonly samples: number
}

interface Rates {
  /** Pairs and times a second of `direct`. */
  readonly pairs: number
  /** Pairs a second of forming the propagator. */
  readonly propagators: number
  /** Operations a second of the propagator's product, 4 a pair and time. */
  readonly products: number
  /** The same with bfloat16 factors. */
  readonly halfProducts: number
  /** Operations a second of the product that interpolates in time. */
  readonly interpolation: number
  /** Nodes and times a second of a treecode's sum at an error of 1e-4, */
  readonly treeNodes: number
  /** and nodes a second of building it, measurement included. */
  readonly treeBuild: number
  /** What every call costs beside. */
  readonly call: number
}

// Measured on two cores of Zen 4 (docs/waves.md).
const kCpu: Rates = {
  pairs: 7e9,
  propagators: 3e9,
  products: 230e9,
  halfProducts: 150e9,
  interpolation: 230e9,
  treeNodes: 0.5e6,
  treeBuild: 0.3e6,
  call: 5e-6,
}

// Limits of an H200 by instruction counts, not measured: 1.69e12 pairs a second where sines are shared between
// the special-function units and polynomials, 989 TFLOP/s bfloat16 and a third of that for its
// three-term split.
const kCuda: Rates = {
  pairs: 1.5e12,
  propagators: 1e12,
  products: 200e12,
  halfProducts: 600e12,
  interpolation: 40e12,
  treeNodes: 50e6,
  treeBuild: 0.5e6,
  call: 20e-6,
}

/** Estimated seconds. @internal */
export class WaveCosts {
  readonly #rates: Rates
  readonly #half: boolean

  constructor(device: { readonly index: number }, half: boolean) {
    this.#rates = device.index < 0 ? kCpu : kCuda
    this.#half = half
  }

  direct({ nodes, receivers, samples }: FieldSizes): number {
    return this.#rates.call + (nodes * receivers * samples) / this.#rates.pairs
  }

  propagator({ nodes, receivers, samples }: FieldSizes): number {
    const { call, propagators, products, halfProducts } = this.#rates
    const rate = this.#half ? halfProducts : products
    return call + nodes * receivers * (1 / propagators + (4 * samples) / rate)
  }

  /** The product that brings `points` samples to all times. */
  interpolation({ receivers, samples }: FieldSizes, points: number): number {
    return this.#rates.call + (4 * receivers * samples * points) / this.#rates.interpolation
  }

  /** Digits beyond 1e-4 cost a higher order of interpolation, p³ in the far field. */
  tree(
    { nodes, samples }: FieldSizes,
    { error, built }: { error: number; built: boolean },
  ): number {
    const { call, treeNodes, treeBuild } = this.#rates
    const digits = Math.max(-Math.log10(error) / 4, 0.5)
    const sum = (nodes * samples * digits ** 2) / treeNodes
    return call + sum + (built ? 0 : (nodes * digits) / treeBuild)
  }
}
