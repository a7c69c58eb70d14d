// A linear layer with parameters.
import { expectInteger } from '../check.js'
import { linear } from '../operations/matrix-product.js'
import type { Tensor } from '../tensor.js'
import { Layer, type LayerOptions, type LayerPlace } from './layer.js'

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
export class Linear extends Layer {
  readonly input: number
  readonly output: number
  readonly bias: boolean

  /**
   * @param place where the parameters are, if they belong to a model.
   * @throws ShapeError for sizes below 1, DtypeError, DeviceError.
   */
  constructor(options: LinearLayerOptions, place: LayerPlace | null = null) {
    const input = expectInteger('Linear', 'input', options.input)
    const output = expectInteger('Linear', 'output', options.output)
    super('Linear', options, place)
    this.input = input
    this.output = output
    this.bias = options.bias ?? true
    const initial = { uniform: 1 / Math.sqrt(this.input) }
    this.layer.add('weight', [this.output, this.input], initial)
    if (this.bias) this.layer.add('bias', [this.output], initial)
  }

  /**
   * @param x (…, input), in the dtype of the parameters.
   * @returns (…, output).
   * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
   */
  forward(x: Tensor): Tensor {
    const weight = this.layer.get('weight')
    const bias = this.bias ? this.layer.get('bias') : null
    return linear({ input: x, weight, bias })
  }
}
