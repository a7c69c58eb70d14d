// A model's parameters: named tensors, their initial values, and their copies in a lower precision.
import type { Device } from '../device.js'
import type { FloatDtype } from '../dtype.js'
import { CheckpointError } from '../errors.js'
import { cast } from '../operations/cast.js'
import { randomNormal, randomUniform } from '../operations/random.js'
import { own, Tensor, tensor } from '../tensor.js'

/** How a parameter begins. */
export type Initial =
  | { readonly normal: number; readonly mean?: number }
  /** Uniform in [−uniform, uniform). */
  | { readonly uniform: number }
  | { readonly values: ArrayLike<number> }
  | { readonly constant: number }

/** Named parameters in the order of their making, which also numbers their random streams. */
export class Parameters {
  readonly device: Device
  readonly dtype: 'float32' | 'float64'
  readonly #seed: number
  readonly #tensors = new Map<string, Tensor>()

  constructor(options: { device: Device; dtype: 'float32' | 'float64'; seed: number }) {
    this.device = options.device
    this.dtype = options.dtype
    this.#seed = options.seed
  }

  /** Makes a parameter. It belongs to the model: no scope disposes it. */
  add(name: string, shape: readonly number[], initial: Initial): Tensor {
    const made = own(this.#make(shape, initial))
    this.#tensors.set(name, made)
    return made
  }

  #make(shape: readonly number[], initial: Initial): Tensor {
    const { device, dtype } = this
    const stream = this.#tensors.size + 1
    if ('uniform' in initial) {
      const made = Tensor.empty(shape, dtype, device, true)
      const bound = initial.uniform
      randomUniform(made, { seed: this.#seed, stream, low: -bound, high: bound })
      return made
    }
    if ('normal' in initial) {
      const made = Tensor.empty(shape, dtype, device, true)
      randomNormal(made, {
        seed: this.#seed,
        stream,
        mean: initial.mean ?? 0,
        deviation: initial.normal,
      })
      return made
    }
    const count = shape.reduce((product, size) => product * size, 1)
    const values =
      'values' in initial ? initial.values : new Float64Array(count).fill(initial.constant)
    return tensor(values, { shape, dtype, device, requiresGrad: true })
  }

  get(name: string): Tensor {
    const found = this.#tensors.get(name)
    if (!found)
      throw new CheckpointError(`parameters: ${name} must be a parameter of the model, got none`)
    return found
  }

  /** The parameter in the precision that products are computed in; gradients reach the original. */
  in(name: string, precision: FloatDtype): Tensor {
    return cast(this.get(name), precision)
  }

  get named(): ReadonlyMap<string, Tensor> {
    return this.#tensors
  }

  /** Number of elements of all parameters. */
  get count(): number {
    let count = 0
    for (const parameter of this.#tensors.values()) count += parameter.length
    return count
  }

  dispose(): void {
    for (const parameter of this.#tensors.values()) {
      parameter.grad?.dispose()
      parameter.dispose()
    }
  }
}
