// What small layers share: parameters of their own, or a model's under a name.
import { expectInteger } from '../check.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { DtypeError } from '../errors.js'
import type { Tensor } from '../tensor.js'
import { type Initial, Parameters } from './parameters.js'

/** Options of a layer that has parameters of its own. */
export interface LayerOptions {
  /** Determines the initial values. Default: 0. */
  seed?: number
  device?: DeviceName | Device
  /** Default: float32. */
  dtype?: 'float32' | 'float64'
}

/** Where a layer's parameters are when they belong to a model. */
export interface LayerPlace {
  readonly parameters: Parameters
  /** What their names begin with: `actor.0` */
  readonly name: string
}

/** The parameters of one layer. @internal */
export class LayerParameters {
  readonly #all: Parameters
  readonly #owned: boolean
  readonly #prefix: string
  readonly #own = new Map<string, Tensor>()

  constructor(name: string, options: LayerOptions, place: LayerPlace | null) {
    const { seed = 0, dtype = 'float32' } = options
    this.#owned = place === null
    this.#prefix = `${place?.name ?? name.toLowerCase()}.`
    if (place) {
      this.#all = place.parameters
      return
    }
    expectInteger(name, 'seed', seed, 0)
    if (dtype !== 'float32' && dtype !== 'float64') {
      throw new DtypeError(`${name}: dtype must be float32 or float64, got ${String(dtype)}`)
    }
    this.#all = new Parameters({ device: deviceOf(options.device), dtype, seed })
  }

  /** Makes a parameter; one that fails takes those before it along. */
  add(name: string, shape: readonly number[], initial: Initial): void {
    const full = this.#prefix + name
    try {
      this.#own.set(full, this.#all.add(full, shape, initial))
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  get(name: string): Tensor {
    return this.#all.get(this.#prefix + name)
  }

  /** Of this layer alone, by their full names. */
  get named(): ReadonlyMap<string, Tensor> {
    return this.#own
  }

  get count(): number {
    let count = 0
    for (const parameter of this.#own.values()) count += parameter.length
    return count
  }

  /** Frees what this layer owns; a model's parameters are the model's to free. */
  dispose(): void {
    if (this.#owned) this.#all.dispose()
  }
}

/** The base of `Linear` and `Lstm`. */
export abstract class Layer implements Disposable {
  /** @internal */
  protected readonly layer: LayerParameters

  protected constructor(name: string, options: LayerOptions, place: LayerPlace | null) {
    this.layer = new LayerParameters(name, options, place)
  }

  /** The layer's parameters, in a fixed order. */
  parameters(): Tensor[] {
    return [...this.layer.named.values()]
  }

  /** The layer's parameters by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.layer.named
  }

  /** Number of elements of all parameters. */
  get parameterCount(): number {
    return this.layer.count
  }

  /** Gives the parameters' memory back, unless they belong to a model. */
  dispose(): void {
    this.layer.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
