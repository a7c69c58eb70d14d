// The tensors of a bank of oscillators: given by the user, or made of numbers and the bank's own; learned
// or fixed.
import { expectKind } from '../check.js'
import type { Device } from '../device.js'
import { DtypeError, ShapeError, ValueError } from '../errors.js'
import { own, Tensor, tensor } from '../tensor.js'
import { drawFrequencies, type FrequencyDistribution } from './distribution.js'

/** Numbers of a bank: one for all, an array, or a tensor, which stays the caller's. */
export type BankNumbers = number | ArrayLike<number> | Tensor

/** Floating types of a bank. */
export type BankDtype = 'float32' | 'float64'

/** @internal */
export class BankTensors {
  readonly device: Device
  readonly dtype: BankDtype
  readonly #name: string
  readonly #own = new Set<Tensor>()
  readonly #named = new Map<string, Tensor>()

  constructor(name: string, options: { device: Device; dtype: BankDtype }) {
    if (options.dtype !== 'float32' && options.dtype !== 'float64') {
      throw new DtypeError(
        `${name}: dtype must be float32 or float64, got ${String(options.dtype)}`,
      )
    }
    this.#name = name
    this.device = options.device
    this.dtype = options.dtype
  }

  /**
   * A tensor of one of `shapes`; numbers are checked to be finite. A learned one requires gradients.
   */
  add(
    name: string,
    given: BankNumbers,
    { shapes, learned = false }: { shapes: readonly (readonly number[])[]; learned?: boolean },
  ): Tensor {
    const made = given instanceof Tensor ? this.#given(name, given, shapes) : null
    const whole = made ?? this.#make(name, given as number | ArrayLike<number>, shapes, learned)
    this.#named.set(name, whole)
    return whole
  }

  #given(name: string, given: Tensor, shapes: readonly (readonly number[])[]): Tensor {
    expectKind(this.#name, name, given, this)
    if (!shapes.some((shape) => String(shape) === String(given.shape))) {
      throw new ShapeError(
        `${this.#name}: ${name} must be of shape ${shapes.map((shape) => `(${shape})`).join(' or ')}, got [${given.shape}]`,
      )
    }
    return given
  }

  #make(
    name: string,
    given: number | ArrayLike<number>,
    shapes: readonly (readonly number[])[],
    learned: boolean,
  ): Tensor {
    const values = typeof given === 'number' ? [given] : given
    const count = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1)
    const shape = shapes.find((candidate) => count(candidate) === values?.length)
    if (!shape) {
      const wanted = shapes.map((candidate) => count(candidate)).join(' or ')
      throw new ShapeError(
        `${this.#name}: ${name} must be of ${wanted} numbers, got ${values?.length ?? typeof values}`,
      )
    }
    for (let i = 0; i < values.length; ++i) {
      if (Number.isFinite(values[i])) continue
      throw new ValueError(
        `${this.#name}: ${name} must be finite numbers, got ${String(values[i])} at element ${i}`,
      )
    }
    const { dtype, device } = this
    return this.keep(tensor(values, { shape, dtype, device, requiresGrad: learned }))
  }

  /** Makes a tensor the bank's own, for no scope to dispose. */
  keep<T extends Tensor>(made: T): T {
    this.#own.add(own(made))
    return made
  }

  /** Puts a tensor in the place of one of the bank's own. */
  replace<T extends Tensor>(before: Tensor | null, after: T): T {
    if (before && before !== after && this.#own.delete(before)) before.dispose()
    return this.keep(after)
  }

  /** The tensors that require gradients, by name. */
  learned(): ReadonlyMap<string, Tensor> {
    return new Map([...this.#named].filter(([, found]) => found.requiresGrad))
  }

  dispose(): void {
    for (const made of this.#own) {
      made.grad?.dispose()
      made.dispose()
    }
    this.#own.clear()
  }
}

/** Numbers, or the numbers of a distribution. @internal */
export function frequenciesOf(
  given: BankNumbers | FrequencyDistribution,
  options: { count: number; seed: number; block?: number },
): BankNumbers {
  if (typeof given === 'object' && given !== null && 'distribution' in given) {
    return drawFrequencies(given, options)
  }
  return typeof given === 'number' ? new Float64Array(options.count).fill(given) : given
}
