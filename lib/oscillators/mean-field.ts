// Infinitely many Kuramoto oscillators of Lorentzian frequencies, as one complex number.
import { expectInteger } from '../check.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import type { OscillatorSolution, OscillatorSolveRun } from '../operations/oscillator-solve.js'
import type { OscillatorStepsResult, OscillatorStepsRun } from '../operations/oscillator-steps.js'
import { type Tensor, tensor } from '../tensor.js'
import { type BankDtype, type BankNumbers, BankTensors } from './bank-tensors.js'
import {
  type RealSimulateOptions,
  type RealSimulation,
  RealState,
  type RealStepOptions,
} from './real-state.js'

/** Arguments of `MeanField`. */
export interface MeanFieldOptions {
  /** ω̄, the centre of the frequencies, rad per unit of time: one number or (batch). Default: 0. */
  frequency?: BankNumbers
  /** Δ, their half width at half maximum: one number or (batch). */
  width: BankNumbers
  /** K: one number or (batch). */
  coupling: BankNumbers
  /** Populations that run side by side. Default: 1. */
  batch?: number
  /** Z at the start: (Re, Im) for every one or (batch, 2). Default: 0.01 + 0i. */
  order?: ArrayLike<number> | null
  /** Default: `float32`. */
  dtype?: BankDtype
  device?: DeviceName | Device
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: { frequency?: boolean; width?: boolean; coupling?: boolean }
}

const name = 'MeanField'

/**
 * The reduction of Ott and Antonsen: the order parameter of infinitely many oscillators, all to all.
 *
 *     dZ/dt = (iω̄ − Δ + K/2) Z − (K/2) |Z|² Z
 *
 * Beyond K = 2Δ it settles at R = √(1 − 2Δ/K), else at 0. The state is Re Z, Im Z: (batch, 2).
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError.
 * Source: Ott & Antonsen 2008, doi:10.1063/1.2930766.
 */
export class MeanField implements Disposable {
  readonly batch: number
  readonly device: Device
  readonly dtype: BankDtype
  readonly #tensors: BankTensors
  readonly #state: RealState

  constructor(options: MeanFieldOptions) {
    const { batch = 1, dtype = 'float32', learnable = {} } = options
    this.batch = expectInteger(name, 'batch', batch)
    this.dtype = dtype
    this.device = deviceOf(options.device)
    this.#tensors = new BankTensors(name, this)
    const shapes = batch === 1 ? [[1]] : [[1], [batch]]
    try {
      const add = (key: 'frequency' | 'width' | 'coupling', given: BankNumbers) =>
        this.#tensors.add(key, given, { shapes, learned: learnable[key] })
      const parameters = {
        frequency: add('frequency', options.frequency ?? 0),
        width: add('width', options.width),
        coupling: add('coupling', options.coupling),
      }
      const order = options.order ?? [0.01, 0]
      this.#tensors.add('order', order, { shapes: [[2], [batch, 2]] })
      const whole = Float64Array.from(
        { length: 2 * batch },
        (_, i) => order[i % order.length] as number,
      )
      const { device } = this
      this.#state = new RealState(name, {
        tensors: this.#tensors,
        state: tensor(whole, { shape: [batch, 2], device, dtype }),
        system: () => ({ system: 'ott-antonsen', ...parameters }),
      })
    } catch (error) {
      this.#tensors.dispose()
      throw error
    }
  }

  /** The tensors that are learned. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** The tensors that are learned, by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#tensors.learned()
  }

  /** Z now: (batch, 2). */
  order(): Tensor {
    return this.#state.state.detach()
  }

  /** How many steps were taken since the start. */
  get stepsTaken(): number {
    return this.#state.step
  }

  /** Runs on the tape; see `oscillatorSteps`. The field stays where it was unless `advance` is true. */
  forward(
    options: Omit<OscillatorStepsRun, 'start'> & { start?: Tensor | null; advance?: boolean },
  ): OscillatorStepsResult {
    return this.#state.forward(options)
  }

  /** Takes `steps` steps (default 1) without recording for gradients. */
  step({ steps = 1, ...options }: RealStepOptions & { steps?: number }): void {
    this.#state.take({ ...options, steps })
  }

  /** Solves from the present state to a tolerance, on the tape; see `oscillatorSolve`. Stays where it was. */
  async solve(options: Omit<OscillatorSolveRun, 'start'>): Promise<OscillatorSolution> {
    return await this.#state.solve(options)
  }

  /** Runs many steps without recording for gradients; see `KuramotoBank.simulate`. */
  async simulate(options: RealSimulateOptions): Promise<RealSimulation> {
    return await this.#state.simulate(options)
  }

  dispose(): void {
    this.#state.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
