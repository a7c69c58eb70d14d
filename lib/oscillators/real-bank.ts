// What banks with real states have in common: parameters, steps, long runs, solutions to a tolerance.
import { expectInteger } from '../check.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import type { OscillatorSolution, OscillatorSolveRun } from '../operations/oscillator-solve.js'
import type { OscillatorStepsResult, OscillatorStepsRun } from '../operations/oscillator-steps.js'
import type { Tensor } from '../tensor.js'
import { type BankDtype, BankTensors } from './bank-tensors.js'
import type {
  RealSimulateOptions,
  RealSimulation,
  RealState,
  RealStepOptions,
} from './real-state.js'

/** Arguments that all banks with real states take. */
export interface RealBankOptions {
  /** Copies that run side by side. Default: 1. */
  batch?: number
  /** Default: `float32`. */
  dtype?: BankDtype
  device?: DeviceName | Device
}

/** The base of `StuartLandauBank`, `SwingNetwork` and `MeanField`. */
export abstract class RealBank implements Disposable {
  readonly batch: number
  readonly device: Device
  readonly dtype: BankDtype
  /** @internal */
  protected readonly tensors: BankTensors
  /** @internal */
  protected abstract readonly real: RealState

  protected constructor(name: string, options: RealBankOptions) {
    this.batch = expectInteger(name, 'batch', options.batch ?? 1)
    this.dtype = options.dtype ?? 'float32'
    this.device = deviceOf(options.device)
    this.tensors = new BankTensors(name, this)
  }

  /** The tensors that are learned. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** The tensors that are learned, by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.tensors.learned()
  }

  /** How many steps were taken since the start. */
  get stepsTaken(): number {
    return this.real.step
  }

  /** Runs on the tape; see `oscillatorSteps`. The bank stays where it was unless `advance` is true. */
  forward(
    options: Omit<OscillatorStepsRun, 'start'> & { start?: Tensor | null; advance?: boolean },
  ): OscillatorStepsResult {
    return this.real.forward(options)
  }

  /** Takes `steps` steps (default 1) without recording for gradients. */
  step({ steps = 1, ...options }: RealStepOptions & { steps?: number }): void {
    this.real.take({ ...options, steps })
  }

  /** Solves from the present state to a tolerance, on the tape; see `oscillatorSolve`. Stays where it was. */
  async solve(options: Omit<OscillatorSolveRun, 'start'>): Promise<OscillatorSolution> {
    return await this.real.solve(options)
  }

  /** Runs many steps without recording for gradients; see `KuramotoBank.simulate`. */
  async simulate(options: RealSimulateOptions): Promise<RealSimulation> {
    return await this.real.simulate(options)
  }

  dispose(): void {
    this.real.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
