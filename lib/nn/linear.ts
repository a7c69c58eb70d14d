// A linear layer with parameters.
import { expectInteger } from '../check.js'
import { linear } from '../operations/matrix-product.js'
import type { Tensor } from '../tensor.js'
import { type LayerOptions, LayerParameters, type LayerPlace } from './layer.js'

/** The shape of a linear layer. */
export interface LinearLayerOptions extends LayerOptions {
  /** Numbers in. */
  input: number
  /** Numbers out. */
  output: number
  /** Whether a bias is added. Default: true. */
  bias?: boolean
}

/**
 * A linear layer over the last dimension, y = x Wᵀ + b, with W and b uniform in ±1/√input at first.
 * Parameters are named `linear.weight` and `linear.bias`.
 */
export class Linear implements Disposable {
  readonly input: number
  readonly output: number
  readonly bias: boolean
  readonly #parameters: LayerParameters

  /**
   * @param place where the parameters are, if they belong to a model.
   * @throws ShapeError for sizes below 1, DtypeError, DeviceError.
   */
  constructor(options: LinearLayerOptions, place: LayerPlace | null = null) {
    this.input = expectInteger('Linear', 'input', options.input)
    this.output = expectInteger('Linear', 'output', options.output)
    this.bias = options.bias ?? true
    this.#parameters = new LayerParameters('Linear', options, place)
    const initial = { uniform: 1 / Math.sqrt(this.input) }
    this.#parameters.add('weight', [this.output, this.input], initial)
    if (this.bias) this.#parameters.add('bias', [this.output], initial)
  }

  /**
   * @param x (…, input), in the dtype of the parameters.
   * @returns (…, output).
   * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
   */
  forward(x: Tensor): Tensor {
    const weight = this.#parameters.get('weight')
    const bias = this.bias ? this.#parameters.get('bias') : null
    return linear({ input: x, weight, bias })
  }

  /** The layer's parameters, in a fixed order. */
  parameters(): Tensor[] {
    return [...this.#parameters.named.values()]
  }

  /** The layer's parameters by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#parameters.named
  }

  /** Number of elements of all parameters. */
  get parameterCount(): number {
    return this.#parameters.count
  }

  /** Gives the parameters' memory back, unless they belong to a model. */
  dispose(): void {
    this.#parameters.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
