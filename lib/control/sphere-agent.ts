// The agent that steers a Möbius sphere: a long short-term memory with an actor, a critic and a head for
// each parameter of the structure.
import { expectInteger, expectKind, expectNumber, expectShape } from '../check.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { DtypeError } from '../errors.js'
import { Linear } from '../nn/linear.js'
import { Lstm, type LstmState } from '../nn/lstm.js'
import { Parameters } from '../nn/parameters.js'
import { relu, sigmoid, tanh } from '../operations/activations.js'
import { linear } from '../operations/matrix-product.js'
import { own, type Tensor, tensor } from '../tensor.js'

/**
 * What the six heads wish for, and the ranges that their [0, 1] is spread over. The reference names no
 * range for uvhlW; it has that of uvhlL here.
 */
export const structureRanges = {
  windings: [3.8, 150],
  torsion: [0, 3],
  sites: [1e4, 1e5],
  uvhlW: [0.1, 50],
  uvhlL: [0.1, 50],
  uvhlN: [0.05, 20],
} as const

/** A parameter of the structure. */
export type StructureHead = keyof typeof structureRanges

/** The heads in the order of the agent's output. */
export const structureHeads = Object.keys(structureRanges) as readonly StructureHead[]

const kHeads = structureHeads.length

/** Arguments of `SphereAgent`. */
export interface SphereAgentOptions {
  /** Numbers that it sees of the sphere. Default: 256. */
  states?: number
  /** Amplitudes that it moves. Default: 128. */
  actions?: number
  /** Width of the memory's layers. Default: 512. */
  hidden?: number
  /** Layers of the memory. Default: 4. */
  layers?: number
  /** Standard deviation of the actions at first, above 0. Default: 0.3. */
  actionDeviation?: number
  /** Of the structure's parameters, as a share of their ranges, above 0. Default: 0.1. */
  structureDeviation?: number
  /** Determines every initial value. Default: 0. */
  seed?: number
  /** Default: `float32`. */
  dtype?: 'float32' | 'float64'
  device?: DeviceName | Device
}

/** What the memory carries from one call to the next: h and c of each layer, (1, hidden). */
export type AgentMemory = LstmState

/** What the agent makes of T states. */
export interface AgentPass {
  /** The actor's mean, in (−1, 1): (T, actions). */
  readonly action: Tensor
  /** The heads' means, in (0, 1), in the order of `structureHeads`: (T, 6). */
  readonly structure: Tensor
  /** The critic's value of each state: (T). */
  readonly value: Tensor
  /** After the last state. */
  readonly memory: AgentMemory
}

const name = 'SphereAgent'
const kLeastDeviation = 1e-6

/**
 * Memory: `layers` layers of LSTM. With h its output, H its width and σ the logistic function:
 *
 *     action    = tanh(W₃ relu(W₂ relu(W₁ h))),   H → H/2 → H/2 → actions
 *     value     = W₂ relu(W₁ h),                  H → H/2 → 1
 *     structure = σ(W₂ relu(W₁ h)) for each of six parameters,   H → H/4 → 1
 *
 * each layer with its bias. Parameters are named `lstm.0.inputWeight`, …, `actor.0.weight`, …,
 * `critic.0.weight`, …, `structure.0.weight` (the six heads' first layers one below the other),
 * `structure.1.weight` (a row each), and the logarithms of the Gaussian policy's deviations
 * `actor.logDeviation`, `structure.logDeviation`. Equal options give equal bits.
 *
 * @throws ShapeError, ValueError, DtypeError, DeviceError.
 */
export class SphereAgent implements Disposable {
  readonly options: Readonly<Required<Omit<SphereAgentOptions, 'device'>>>
  readonly device: Device
  readonly #parameters: Parameters
  readonly #memory: Lstm
  readonly #actor: readonly Linear[]
  readonly #critic: readonly Linear[]
  readonly #structure: Linear
  readonly #own: Tensor

  constructor(options: SphereAgentOptions = {}) {
    this.options = settle(options)
    this.device = deviceOf(options.device)
    const { device } = this
    const { states, actions, hidden, layers, seed, dtype } = this.options
    const parameters = new Parameters({ device, dtype, seed })
    const stack = (title: string, widths: readonly number[]): Linear[] =>
      widths.slice(1).map((output, i) => {
        const place = { parameters, name: `${title}.${i}` }
        return new Linear({ input: widths[i] as number, output }, place)
      })
    const half = Math.max(1, hidden >> 1)
    const quarter = Math.max(1, hidden >> 2)
    try {
      this.#memory = new Lstm({ input: states, hidden, layers }, { parameters, name: 'lstm' })
      this.#actor = stack('actor', [hidden, half, half, actions])
      this.#critic = stack('critic', [hidden, half, 1])
      this.#structure = stack('structure', [hidden, kHeads * quarter])[0] as Linear
      const initial = { uniform: 1 / Math.sqrt(quarter) }
      parameters.add('structure.1.weight', [kHeads, quarter], initial)
      parameters.add('structure.1.bias', [kHeads], initial)
      for (const [title, count, deviation] of [
        ['actor', actions, this.options.actionDeviation],
        ['structure', kHeads, this.options.structureDeviation],
      ] as const) {
        parameters.add(`${title}.logDeviation`, [count], { constant: Math.log(deviation) })
      }
      this.#own = own(tensor(ownRows(), { shape: [kHeads, kHeads * kHeads], dtype, device }))
    } catch (error) {
      parameters.dispose()
      throw error
    }
    this.#parameters = parameters
  }

  /**
   * All of T states, one after the other.
   *
   * @param states (1, T, states), in the agent's dtype.
   * @param memory of the call before; null: none yet. Gradients flow into it unless it is outside the tape.
   * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
   */
  forward(states: Tensor, memory: AgentMemory | null = null): AgentPass {
    const { hidden, state } = this.#remember('SphereAgent.forward', states, memory)
    const action = tanh(through(this.#actor, hidden))
    return { action, structure: this.#heads(hidden), value: this.#value(hidden), memory: state }
  }

  /** The critic's value of each state alone, (T). Parameters as for `forward`. */
  value(states: Tensor, memory: AgentMemory | null = null): Tensor {
    return this.#value(this.#remember('SphereAgent.value', states, memory).hidden)
  }

  #remember(operation: string, states: Tensor, memory: AgentMemory | null) {
    const shape = { batch: 1, time: -1, states: this.options.states }
    const [, time = 0] = expectShape(operation, 'states', states, shape)
    expectKind(operation, 'states', states, { dtype: this.options.dtype, device: this.device })
    const { output, state } = this.#memory.forward(states, memory)
    return { hidden: output.reshape([time, this.options.hidden]), state }
  }

  #value(hidden: Tensor): Tensor {
    return through(this.#critic, hidden).reshape([-1])
  }

  // Six heads at once: every last layer sees every first layer's output, and those that are a head's own
  // are picked from the products.
  #heads(hidden: Tensor): Tensor {
    const first = relu(this.#structure.forward(hidden))
    const weight = this.#parameters.get('structure.1.weight')
    const quarter = weight.shape[1] as number
    const all = linear({ input: first.reshape([-1, quarter]), weight })
    const bias = this.#parameters.get('structure.1.bias')
    return sigmoid(linear({ input: all.reshape([-1, kHeads * kHeads]), weight: this.#own, bias }))
  }

  /** Logarithms of the policy's deviations: of the actions (actions), of the structure (6). */
  get logDeviations(): { readonly action: Tensor; readonly structure: Tensor } {
    return {
      action: this.#parameters.get('actor.logDeviation'),
      structure: this.#parameters.get('structure.logDeviation'),
    }
  }

  /** All parameters, in a fixed order. */
  parameters(): Tensor[] {
    return [...this.#parameters.named.values()]
  }

  /** All parameters by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#parameters.named
  }

  /** Number of elements of all parameters. */
  get parameterCount(): number {
    return this.#parameters.count
  }

  /** Gives the parameters' memory back. */
  dispose(): void {
    this.#parameters.dispose()
    this.#own.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function through(layers: readonly Linear[], input: Tensor): Tensor {
  let x = input
  for (const [i, layer] of layers.entries()) x = layer.forward(i > 0 ? relu(x) : x)
  return x
}

// Row i picks product i of head i.
function ownRows(): Float64Array {
  const rows = new Float64Array(kHeads ** 3)
  for (let i = 0; i < kHeads; ++i) rows[i * kHeads ** 2 + i * kHeads + i] = 1
  return rows
}

function settle(options: SphereAgentOptions): SphereAgent['options'] {
  const {
    states = 256,
    actions = 128,
    hidden = 512,
    layers = 4,
    actionDeviation = 0.3,
    structureDeviation = 0.1,
    seed = 0,
    dtype = 'float32',
  } = options
  for (const [key, size] of Object.entries({ states, actions, hidden, layers })) {
    expectInteger(name, key, size)
  }
  for (const [key, value] of Object.entries({ actionDeviation, structureDeviation })) {
    expectNumber(name, key, value, { low: kLeastDeviation, high: 1 / kLeastDeviation })
  }
  expectInteger(name, 'seed', seed, 0)
  if (dtype !== 'float32' && dtype !== 'float64') {
    throw new DtypeError(`${name}: dtype must be float32 or float64, got ${String(dtype)}`)
  }
  return { states, actions, hidden, layers, actionDeviation, structureDeviation, seed, dtype }
}
