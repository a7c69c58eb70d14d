// From features of the senses to what drives oscillators.
import { expectInteger, expectNumber, expectShape } from '../check.js'
import { RandomStream, randomNormals } from '../data/philox.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { ValueError } from '../errors.js'
import { linear } from '../operations/matrix-product.js'
import { phaseDrive } from '../operations/phase-drive.js'
import { scaledSum } from '../operations/scaled-sum.js'
import type { Tensor } from '../tensor.js'
import { type BankDtype, BankTensors } from './bank-tensors.js'

/** Arguments of `SensoryCoupling`. */
export interface SensoryCouplingOptions {
  /** Numbers of one observation. */
  features: number
  /** N of the bank that is driven. */
  oscillators: number
  /**
   * `rate`: the input speeds oscillators up and slows them down. `phase`: it pulls them towards a phase
   * that it chooses, as one more oscillator would. Default: `rate`.
   */
  mode?: 'rate' | 'phase'
  /** g at the start. Default: 1. */
  gain?: number
  /** Default: `float32`. */
  dtype?: BankDtype
  device?: DeviceName | Device
  /** Of the weights at the start. Default: 0. */
  seed?: number
}

const name = 'SensoryCoupling'
/** Blocks of the seed's initialisation stream. */
const kBlocks = [10, 11] as const

/**
 * A learned map from features x of the senses to the drive u of a bank.
 *
 *     rate:   u = g (W x + b)
 *     phase:  u_i = g (s_i cos θ_i − c_i sin θ_i) = g A_i sin(Φ_i − θ_i),   s = W x + b,   c = V x + d
 *
 * W, V start at N(0, 1/features), b and d at 0. All of W, b, V, d and the gain g are learned; gradients
 * reach x and θ, too. Feed the result to `forward`, `step` or `simulate` of a `KuramotoBank` as `drive`
 * with `driveKind: 'batch'`. It holds through a call: with `phase` take as few steps a call as θ may
 * turn little in.
 *
 * @throws ShapeError, ValueError, DtypeError, DeviceError.
 */
export class SensoryCoupling implements Disposable {
  readonly features: number
  readonly oscillators: number
  readonly mode: 'rate' | 'phase'
  readonly device: Device
  readonly dtype: BankDtype
  readonly #tensors: BankTensors
  readonly #gain: Tensor
  readonly #planes: readonly { readonly weight: Tensor; readonly bias: Tensor }[]

  constructor(options: SensoryCouplingOptions) {
    const { features, oscillators, mode = 'rate', gain = 1, seed = 0, dtype = 'float32' } = options
    this.features = expectInteger(name, 'features', features)
    this.oscillators = expectInteger(name, 'oscillators', oscillators)
    expectInteger(name, 'seed', seed, 0)
    expectNumber(name, 'gain', gain)
    if (mode !== 'rate' && mode !== 'phase') {
      throw new ValueError(`${name}: mode must be rate or phase, got ${String(mode)}`)
    }
    this.mode = mode
    this.dtype = dtype
    this.device = deviceOf(options.device)
    this.#tensors = new BankTensors(name, this)
    this.#gain = this.#tensors.add('gain', gain, { shapes: [[1]], learned: true })
    const names = mode === 'rate' ? ['rate'] : ['sine', 'cosine']
    this.#planes = names.map((plane, index) => {
      const stream = RandomStream.initialisation
      const block = kBlocks[index]
      const drawn = randomNormals({ seed, count: oscillators * features, block, stream })
      const weights = drawn.map((value) => value / Math.sqrt(features))
      const shapes = [[oscillators, features]]
      const zeros = new Float64Array(oscillators)
      return {
        weight: this.#tensors.add(`${plane}.weight`, weights, { shapes, learned: true }),
        bias: this.#tensors.add(`${plane}.bias`, zeros, { shapes: [[oscillators]], learned: true }),
      }
    })
  }

  /** The tensors that are learned. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** The tensors that are learned, by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#tensors.learned()
  }

  /**
   * The drive of an input, on the tape.
   *
   * @param input x: (batch, features)
   * @param phases θ: (batch, N), needed in mode `phase`
   * @returns u: (batch, N), rad per unit of time
   */
  drive(input: Tensor, phases?: Tensor): Tensor {
    const [batch = 0] = expectShape(name, 'input', input, { batch: -1, features: this.features })
    const [first, second] = this.#planes.map((plane) => linear({ input, ...plane })) as [
      Tensor,
      Tensor | undefined,
    ]
    const value = second ? this.#towards(first, second, { batch, phases }) : first
    return scaledSum({ value, weight: this.#gain, index: 0 })
  }

  #towards(
    sine: Tensor,
    cosine: Tensor,
    { batch, phases }: { batch: number; phases: Tensor | undefined },
  ): Tensor {
    if (!phases) {
      throw new ValueError(`${name}: phases must be given in mode phase, got none`)
    }
    expectShape(name, 'phases', phases, { batch, N: this.oscillators })
    return phaseDrive({ phases, sine, cosine })
  }

  dispose(): void {
    this.#tensors.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
