// What each way to a wave field costs, in seconds, from measured rates. Only ratios matter: a machine with
// more or other cores scales all of them alike.

/** Sizes of a field. @internal */
export interface FieldSizes {
  readonly nodes: number
  readonly receivers: number
  readonly samples: number
}

interface Rates {
  /** Times that `direct` takes through the pairs together; */
  readonly together: number
  /** seconds a pair for each such pass, */
  readonly pass: number
  /** and for each time. */
  readonly time: number
  /** How much more of both where not all nodes are receivers: each pair serves one direction. */
  readonly oneSided: number
  /** Seconds a pair of the propagator, */
  readonly propagator: number
  /** times in a column of tiles of its product, */
  readonly tile: number
  /** and operations a second of that, 4 a pair and time; with bfloat16 factors. */
  readonly products: number
  readonly halfProducts: number
  /** Operations a second of the product that interpolates in time. */
  readonly interpolation: number
  /** Seconds a node and time of a treecode's sum at an error of 1e-4, */
  readonly treeSum: number
  /** and a node of building it. */
  readonly treeBuild: number
  /** Seconds of every call. */
  readonly call: number
}

// Two cores of Zen 4: half of what one thread was measured to take, but for building a tree, which runs on
// one (docs/waves.md).
const kCpu: Rates = {
  together: 8,
  pass: 0.11e-9,
  time: 0.029e-9,
  oneSided: 1.25,
  propagator: 0.3e-9,
  tile: 32,
  products: 216e9,
  halfProducts: 216e9,
  interpolation: 90e9,
  treeSum: 0.9e-6,
  treeBuild: 1.8e-6,
  call: 5e-6,
}

// Limits of an H200 by counts of instructions, not measured: 1.5e12 pairs a second and direction where the
// special-function units bound them; the propagator's product in three bfloat16 terms on the matrix units.
const kCuda: Rates = {
  together: 1,
  pass: 0,
  time: 0.67e-12,
  oneSided: 1.3,
  propagator: 1e-12,
  tile: 64,
  products: 200e12,
  halfProducts: 600e12,
  interpolation: 40e12,
  treeSum: 20e-9,
  treeBuild: 2e-6,
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
    const { call, together, pass, time, oneSided } = this.#rates
    const pair = Math.ceil(samples / together) * pass + samples * time
    return call + nodes * receivers * pair * (receivers === nodes ? 1 : oneSided)
  }

  propagator({ nodes, receivers, samples }: FieldSizes): number {
    const { call, propagator, tile, products, halfProducts } = this.#rates
    const columns = Math.ceil(samples / tile) * tile
    const rate = this.#half ? halfProducts : products
    return call + nodes * receivers * (propagator + (4 * columns) / rate)
  }

  /** The product that brings `points` samples to all times. */
  interpolation({ receivers, samples }: FieldSizes, points: number): number {
    return this.#rates.call + (4 * receivers * samples * points) / this.#rates.interpolation
  }

  /** More digits take more points along each of three axes. */
  tree(
    { nodes, samples }: FieldSizes,
    { error, built }: { error: number; built: boolean },
  ): number {
    const { call, treeSum, treeBuild } = this.#rates
    const digits = Math.max(-Math.log10(error) / 4, 0.5)
    return call + nodes * (samples * digits ** 3 * treeSum + (built ? 0 : digits * treeBuild))
  }
}
