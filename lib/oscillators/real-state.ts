// Banks whose state is a vector of real numbers: steps, long runs in chunks, and solutions to a tolerance.
import { noGrad } from '../context.js'
import { DisposedError, ValueError } from '../errors.js'
import {
  type OscillatorSolution,
  type OscillatorSolveOptions,
  type OscillatorSolveRun,
  oscillatorSolve,
} from '../operations/oscillator-solve.js'
import {
  type OscillatorMethod,
  type OscillatorStepsOptions,
  type OscillatorStepsResult,
  type OscillatorStepsRun,
  oscillatorSteps,
} from '../operations/oscillator-steps.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import type { BankTensors } from './bank-tensors.js'
import {
  type Chunk,
  lastOfRows,
  type Numbers,
  Recording,
  runInChunks,
  type WatchOptions,
} from './simulation.js'

/** How steps of fixed length are taken. */
export interface RealStepOptions {
  /** Length of a step, above 0. */
  dt: number
  /** Default: `rk4`. */
  method?: OscillatorMethod
}

/** Arguments of `simulate` of banks with real states. */
export interface RealSimulateOptions extends RealStepOptions, WatchOptions {
  /** Bring the recorded states to the host, too. Default: false. */
  recordStates?: boolean
}

/** What a simulation gives, on the host. */
export interface RealSimulation {
  /** Where it was computed. */
  readonly device: string
  /** Steps done, and steps between records. */
  readonly steps: number
  readonly record: number
  /** R at the records: (batch, records). */
  readonly orderParameter: Numbers
  /** ψ at the records, in [0, 2π): (batch, records). */
  readonly psi: Numbers
  /** States at the records: (batch, records, length). Null unless asked for. */
  readonly states: Numbers | null
}

type SystemOf<Options> = Options extends unknown
  ? Omit<Options, keyof OscillatorStepsRun | keyof OscillatorSolveRun>
  : never
/** A system without its state. @internal */
export type RealSystem = SystemOf<OscillatorStepsOptions>

/** @internal */
export class RealState {
  readonly #name: string
  readonly #tensors: BankTensors
  readonly #system: () => RealSystem
  #state: Tensor
  #step = 0
  #running = false
  #disposed = false

  constructor(
    name: string,
    options: { tensors: BankTensors; state: Tensor; system: () => RealSystem },
  ) {
    this.#name = name
    this.#tensors = options.tensors
    this.#system = options.system
    this.#state = options.tensors.keep(options.state)
  }

  /** (batch, length). */
  get state(): Tensor {
    this.assertAlive()
    return this.#state
  }

  get step(): number {
    return this.#step
  }

  #advance(final: Tensor, steps: number): void {
    this.assertAlive()
    this.#state = this.#tensors.replace(this.#state, final.alias(final.shape))
    this.#step += steps
  }

  forward(
    options: Omit<OscillatorStepsRun, 'start'> & { start?: Tensor | null; advance?: boolean },
  ): OscillatorStepsResult {
    this.assertIdle()
    const { start, advance = false, ...run } = options
    const result = this.#run({ ...run, start: start ?? this.#state })
    if (advance) this.#advance(result.final, options.steps)
    return result
  }

  #run(run: OscillatorStepsRun): OscillatorStepsResult {
    return oscillatorSteps({ ...this.#system(), ...run } as OscillatorStepsOptions)
  }

  take(options: RealStepOptions & { steps: number }): void {
    this.assertIdle()
    noGrad(() =>
      scope(() => {
        this.#advance(this.#run({ ...options, start: this.#state }).final, options.steps)
      }),
    )
  }

  async solve(run: Omit<OscillatorSolveRun, 'start'>): Promise<OscillatorSolution> {
    this.assertIdle()
    const options = { ...this.#system(), ...run, start: this.#state }
    return await oscillatorSolve(options as OscillatorSolveOptions)
  }

  async simulate(options: RealSimulateOptions): Promise<RealSimulation> {
    this.assertIdle()
    const [rows = 1, length = 1] = this.#state.shape
    const recording = new Recording(rows)
    const like = this.#tensors.dtype === 'float64' ? new Float64Array() : new Float32Array()
    this.#running = true
    try {
      return await runInChunks<RealSimulation>(this.#name, options, {
        workPerStep: 4 * rows * length,
        advance: (chunk) => this.#runChunk(chunk, options, recording),
        finish: async (steps) => ({
          device: this.#tensors.device.name,
          steps,
          record: options.record ?? options.steps,
          orderParameter: recording.all('R', like),
          psi: recording.all('psi', like),
          states: options.recordStates ? recording.all('states', like) : null,
        }),
      })
    } finally {
      this.#running = false
    }
  }

  async #runChunk(
    { steps, recordEvery, kept }: Chunk,
    { dt, method, recordStates = false }: RealSimulateOptions,
    recording: Recording,
  ): Promise<Numbers> {
    return await noGrad(() =>
      scope(async () => {
        const start = this.state
        const states = recordStates && kept
        const run = this.#run({
          start,
          dt,
          method,
          steps,
          record: recordEvery,
          recordStates: states,
        })
        const R = (await run.R?.data()) as Numbers
        const psi = (await run.psi?.data()) as Numbers
        const trajectory = (await run.trajectory?.data()) as Numbers | undefined
        if (kept) recording.add({ R, psi, ...(trajectory && { states: trajectory }) })
        this.#advance(run.final, steps)
        return lastOfRows(R, start.shape[0] ?? 1)
      }),
    )
  }

  assertIdle(): void {
    this.assertAlive()
    if (this.#running) {
      throw new ValueError(`${this.#name}: bank must be idle, got a call during simulate()`)
    }
  }

  assertAlive(): void {
    if (this.#disposed) {
      throw new DisposedError(`${this.#name}: bank must be alive, got a disposed one`)
    }
  }

  dispose(): void {
    this.#disposed = true
    this.#tensors.dispose()
  }
}
