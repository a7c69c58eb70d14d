// A long short-term memory of several layers.
import { expectInteger, expectKind, expectShape } from '../check.js'
import { ShapeError } from '../errors.js'
import { lstmLayer } from '../operations/lstm.js'
import { linear } from '../operations/matrix-product.js'
import { timeSlice } from '../operations/time-slice.js'
import type { Tensor } from '../tensor.js'
import { Layer, type LayerOptions, type LayerPlace } from './layer.js'

/** The shape of a long short-term memory. */
export interface LstmOptions extends LayerOptions {
  /** Numbers in, of a step. */
  input: number
  /** Width of every layer. */
  hidden: number
  /** Default: 1. */
  layers?: number
}

/** What is carried from one call to the next: h and c of each layer, (batch, hidden). */
export interface LstmState {
  readonly hidden: readonly Tensor[]
  readonly cell: readonly Tensor[]
}

/**
 * Layers of `lstmLayer` on top of each other, all parameters uniform in ±1/√hidden at first. Gates are in
 * the order input, forget, cell, output, and there is one bias (where others have two, theirs is the sum).
 * Parameters are named `lstm.0.inputWeight`, `lstm.0.hiddenWeight`, `lstm.0.bias`, `lstm.1.inputWeight`, …
 */
export class Lstm extends Layer {
  readonly input: number
  readonly hidden: number
  readonly layers: number

  /**
   * @param place where the parameters are, if they belong to a model.
   * @throws ShapeError for sizes below 1, DtypeError, DeviceError.
   */
  constructor(options: LstmOptions, place: LayerPlace | null = null) {
    const input = expectInteger('Lstm', 'input', options.input)
    const hidden = expectInteger('Lstm', 'hidden', options.hidden)
    const layers = expectInteger('Lstm', 'layers', options.layers ?? 1)
    super('Lstm', options, place)
    this.input = input
    this.hidden = hidden
    this.layers = layers
    const initial = { uniform: 1 / Math.sqrt(hidden) }
    for (let layer = 0; layer < this.layers; ++layer) {
      const width = layer === 0 ? this.input : hidden
      this.layer.add(`${layer}.inputWeight`, [4 * hidden, width], initial)
      this.layer.add(`${layer}.hiddenWeight`, [4 * hidden, hidden], initial)
      this.layer.add(`${layer}.bias`, [4 * hidden], initial)
    }
  }

  /**
   * All steps of a sequence through all layers.
   *
   * @param input (batch, time, input), in the dtype of the parameters.
   * @param state what is carried from before; absent: zeros. Gradients flow into it; detached tensors end
   * them there.
   * @returns h of the last layer, (batch, time, hidden), and the state after the last step.
   * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
   */
  forward(input: Tensor, state: LstmState | null = null): { output: Tensor; state: LstmState } {
    const width = { batch: -1, time: -1, input: this.input }
    const [batch = 0, time = 0] = expectShape('Lstm', 'input', input, width)
    expectKind('Lstm', 'input', input, this.layer.get('0.bias'))
    if (batch < 1 || time < 1) {
      throw new ShapeError(`Lstm: input must be of at least 1 step, got [${input.shape}]`)
    }
    if (state) this.#expectState(state, input)
    const last = (all: Tensor): Tensor => {
      const step = time > 1 ? timeSlice({ input: all, begin: time - 1, count: 1 }) : all
      return step.reshape([batch, this.hidden])
    }
    const states = { hidden: [] as Tensor[], cell: [] as Tensor[] }
    let output = input
    for (let layer = 0; layer < this.layers; ++layer) {
      const weight = this.layer.get(`${layer}.inputWeight`)
      const bias = this.layer.get(`${layer}.bias`)
      const { hidden, cell } = lstmLayer({
        inputGates: linear({ input: output, weight, bias }),
        weight: this.layer.get(`${layer}.hiddenWeight`),
        initialHidden: state?.hidden[layer] ?? null,
        initialCell: state?.cell[layer] ?? null,
      })
      states.hidden.push(last(hidden))
      states.cell.push(last(cell))
      output = hidden
    }
    return { output, state: states }
  }

  #expectState(state: LstmState, input: Tensor): void {
    const batch = input.shape[0] ?? 0
    for (const key of ['hidden', 'cell'] as const) {
      const tensors = state[key]
      if (!Array.isArray(tensors) || tensors.length !== this.layers) {
        const got = Array.isArray(tensors) ? tensors.length : String(tensors)
        throw new ShapeError(
          `Lstm: state.${key} must be one tensor for each of ${this.layers} layers, got ${got}`,
        )
      }
      for (const [layer, tensor] of tensors.entries()) {
        const name = `state.${key}[${layer}]`
        expectShape('Lstm', name, tensor, { batch, hidden: this.hidden })
        expectKind('Lstm', name, tensor, input)
      }
    }
  }
}
