// Banks of Kuramoto oscillators of different sizes and speeds, advanced together in one launch.
import { expectInteger } from '../check.js'
import { noGrad } from '../context.js'
import { RandomStream, UniformStream } from '../data/philox.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { ShapeError, ValueError } from '../errors.js'
import {
  type KuramotoMethod,
  type KuramotoNormalisation,
  type KuramotoResult,
  kuramoto,
} from '../operations/kuramoto.js'
import { expectPositive } from '../operations/kuramoto-call.js'
import { orderParameter } from '../operations/order-parameter.js'
import { timeSlice } from '../operations/time-slice.js'
import { scope } from '../scope.js'
import { type Tensor, tensor } from '../tensor.js'
import { type BankDtype, BankTensors, frequenciesOf } from './bank-tensors.js'
import type { FrequencyDistribution } from './distribution.js'
import { PhaseState } from './phase-state.js'
import {
  type Chunk,
  lastOfRows,
  type Numbers,
  Recording,
  runInChunks,
  type WatchOptions,
} from './simulation.js'

/** One bank: all to all among themselves, apart from the other banks. */
export interface FrequencyBankMember {
  /** N of this bank. */
  oscillators: number
  /** ω, rad per unit of time: a number for all, (N), or a distribution. */
  naturalFrequencies: number | ArrayLike<number> | FrequencyDistribution
  /** K. */
  coupling: number
  /** Length of this bank's steps, above 0. */
  dt: number
  /** p (N), not negative. Default: 1. */
  precision?: ArrayLike<number> | null
  /** θ at the start, rad (N). Default: uniform in [0, 2π). */
  phases?: ArrayLike<number> | null
}

/** Arguments of `FrequencyBank`. */
export interface FrequencyBankOptions {
  /** At least one. */
  banks: readonly FrequencyBankMember[]
  /** Of every bank. Default: `count`, N the bank's own. */
  normalisation?: KuramotoNormalisation
  /** Share of each bank in the aggregate, summing to any positive number. Default: N of each. */
  weights?: ArrayLike<number>
  /** Default: `float32`. */
  dtype?: BankDtype
  device?: DeviceName | Device
  /** Of phases, frequencies and noise. Default: 0. */
  seed?: number
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: { naturalFrequencies?: boolean; coupling?: boolean }
}

/** How steps are taken; every bank takes as many, each of its own dt. */
export interface FrequencyBankStepOptions {
  /** Default: `rk4`. */
  method?: KuramotoMethod
  /** u, rad per unit of time, for all oscillators in the banks' order: (Σ N). Default: none. */
  drive?: Tensor | null
  /** D, rad² per unit of time. Default: 0. */
  diffusion?: number
}

/** What a simulation of several banks gives, on the host. */
export interface FrequencyBankSimulation {
  readonly device: string
  /** Steps done, and steps between records. */
  readonly steps: number
  readonly record: number
  /** R of each bank at the records: (banks, records). */
  readonly orderParameter: Numbers
  /** ψ of each bank: (banks, records). */
  readonly psi: Numbers
  /** Σ_b w_b R_b / Σ_b w_b: (records). */
  readonly aggregate: Numbers
}

const name = 'FrequencyBank'
const kNoiseStream = 2

/**
 * Several banks, from slow to fast, each with its own N, K and dt; one step advances them all.
 *
 *     dθ_i/dt = ω_i + (K_b / Z_b) Σ_{j≠i in b} p_j sin(θ_j − θ_i),   R = Σ_b w_b R_b / Σ_b w_b
 *
 * @throws ShapeError, ValueError, DeviceError. As for `KuramotoBank` otherwise.
 */
export class FrequencyBank implements Disposable {
  /** N of each bank. */
  readonly sizes: readonly number[]
  /** Where each bank begins among all oscillators, and their number. */
  readonly starts: readonly number[]
  readonly device: Device
  readonly dtype: BankDtype
  readonly seed: number
  readonly normalisation: KuramotoNormalisation
  readonly #weights: readonly number[]
  readonly #tensors: BankTensors
  readonly #naturalFrequencies: Tensor
  readonly #coupling: Tensor
  readonly #precision: Tensor | null
  readonly #banks: { readonly start: Tensor; readonly timeSteps: Tensor }
  readonly #state: PhaseState

  constructor(options: FrequencyBankOptions) {
    const { banks, seed = 0, dtype = 'float32', learnable = {} } = options
    if (!Array.isArray(banks) || banks.length === 0) {
      throw new ShapeError(
        `${name}: banks must be an array of at least 1 bank, got ${String(banks)}`,
      )
    }
    for (const bank of banks) {
      expectInteger(name, 'oscillators', bank.oscillators)
      expectPositive(name, 'dt', bank.dt)
    }
    this.sizes = banks.map(({ oscillators }) => oscillators)
    const starts = [0]
    for (const size of this.sizes) starts.push((starts.at(-1) ?? 0) + size)
    this.starts = starts
    this.seed = expectInteger(name, 'seed', seed, 0)
    this.normalisation = options.normalisation ?? 'count'
    this.#weights = expectWeights(options.weights ?? this.sizes, banks.length)
    this.dtype = dtype
    this.device = deviceOf(options.device)
    const { device } = this
    this.#tensors = new BankTensors(name, this)
    const total = this.starts.at(-1) as number
    try {
      this.#naturalFrequencies = this.#tensors.add(
        'naturalFrequencies',
        this.#joined(
          (bank, block) => {
            const { oscillators: count } = bank
            return frequenciesOf(bank.naturalFrequencies, {
              count,
              seed,
              block,
            }) as ArrayLike<number>
          },
          banks,
          'naturalFrequencies',
        ),
        { shapes: [[total]], learned: learnable.naturalFrequencies },
      )
      const coupling = banks.map((bank) => bank.coupling)
      const shapes = [[banks.length]]
      this.#coupling = this.#tensors.add('coupling', coupling, {
        shapes,
        learned: learnable.coupling,
      })
      const weighted = banks.some(({ precision }) => precision)
      const ones = (count: number) => new Float64Array(count).fill(1)
      const precision = this.#joined(
        (bank) => bank.precision ?? ones(bank.oscillators),
        banks,
        'precision',
      )
      this.#precision = weighted
        ? this.#tensors.add('precision', precision, { shapes: [[total]] })
        : null
      const source = new UniformStream({ seed, stream: RandomStream.initialisation })
      const draw = (count: number) =>
        Float64Array.from({ length: count }, () => 2 * Math.PI * source.next())
      const phases = this.#joined((bank) => bank.phases ?? draw(bank.oscillators), banks, 'phases')
      const start = this.#tensors.add('phases', phases, { shapes: [[total]] })
      this.#state = new PhaseState(name, this.#tensors, start)
      this.#banks = {
        start: this.#tensors.keep(tensor(this.starts, { dtype: 'int32', device })),
        timeSteps: this.#tensors.keep(
          tensor(
            banks.map(({ dt }) => dt),
            { dtype: 'float64', device },
          ),
        ),
      }
    } catch (error) {
      this.#tensors.dispose()
      throw error
    }
  }

  // The banks' arrays one after another; blocks of the random stream from 1 on.
  #joined(
    of: (bank: FrequencyBankMember, block: number) => ArrayLike<number>,
    banks: readonly FrequencyBankMember[],
    key: string,
  ): Float64Array {
    const whole = new Float64Array(this.starts.at(-1) as number)
    for (const [index, bank] of banks.entries()) {
      const values = of(bank, index + 1)
      if (values?.length !== bank.oscillators) {
        throw new ShapeError(
          `${name}: ${key} must be of ${bank.oscillators} numbers in bank ${index}, got ${values?.length}`,
        )
      }
      whole.set(values, this.starts[index])
    }
    return whole
  }

  /** The tensors that are learned. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** The tensors that are learned, by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#tensors.learned()
  }

  /** θ of one bank now, in [0, 2π): (N of the bank); of all without an index: (Σ N). */
  phases(bank?: number): Tensor {
    return bank === undefined
      ? this.#state.phases.detach()
      : this.#sliceOf(this.#state.phases, bank)
  }

  #sliceOf(phases: Tensor, bank: number): Tensor {
    expectInteger(name, 'bank', bank, 0)
    const count = this.sizes[bank]
    if (count === undefined) {
      throw new ShapeError(`${name}: bank must be below ${this.sizes.length}, got ${bank}`)
    }
    const begin = this.starts[bank] as number
    return timeSlice({ input: phases.reshape([1, phases.length, 1]), begin, count }).reshape([
      count,
    ])
  }

  /** R of each bank now and their aggregate. */
  async orderParameter(): Promise<{ R: Numbers; aggregate: number }> {
    return await noGrad(() =>
      scope(async () => {
        const each = this.sizes.map(
          (_, bank) => orderParameter(this.#sliceOf(this.#state.phases, bank)).R,
        )
        const R = Float64Array.from(
          await Promise.all(each.map(async (found) => await found.item())),
        )
        return { R, aggregate: this.#aggregate(R)[0] as number }
      }),
    )
  }

  /** Σ_b w_b R_b / Σ_b w_b for every record. */
  #aggregate(R: Numbers): Numbers {
    const records = R.length / this.sizes.length
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0)
    const sums = new Float64Array(records)
    for (const [bank, weight] of this.#weights.entries()) {
      for (let i = 0; i < records; ++i) {
        sums[i] = (sums[i] as number) + (weight / total) * (R[bank * records + i] as number)
      }
    }
    return sums
  }

  #call(
    options: FrequencyBankStepOptions & {
      steps: number
      record?: number
      recordPhases?: boolean
      checkpoint?: number
    },
  ): KuramotoResult {
    const { drive = null, ...rest } = options
    return kuramoto({
      ...rest,
      drive,
      ...(drive && { driveKind: 'node' }),
      ...this.#state.start,
      naturalFrequencies: this.#naturalFrequencies,
      coupling: this.#coupling,
      precision: this.#precision,
      normalisation: this.normalisation,
      // Each bank has its own.
      dt: 1,
      banks: this.#banks,
      seed: this.seed,
      stream: kNoiseStream,
      firstStep: this.#state.step,
    })
  }

  /**
   * Runs `steps` steps on the tape: `phases` (Σ N), `R` and `psi` (banks, records), `trajectory`
   * (records, Σ N). The banks stay where they were unless `advance` is true.
   */
  forward(
    options: FrequencyBankStepOptions & {
      steps: number
      record?: number
      recordPhases?: boolean
      checkpoint?: number
      advance?: boolean
    },
  ): KuramotoResult {
    this.#state.assertIdle()
    const { advance = false, ...rest } = options
    const result = this.#call(rest)
    if (advance) this.#state.advance(result, options.steps)
    return result
  }

  /** Takes `steps` steps (default 1) without recording for gradients, and gives all phases: (Σ N). */
  step({ steps = 1, ...options }: FrequencyBankStepOptions & { steps?: number } = {}): Tensor {
    this.#state.assertIdle()
    noGrad(() =>
      scope(() => {
        this.#state.advance(this.#call({ ...options, steps }), steps)
      }),
    )
    return this.phases()
  }

  /** Runs many steps without recording for gradients; see `KuramotoBank.simulate`. */
  async simulate(
    options: FrequencyBankStepOptions & WatchOptions,
  ): Promise<FrequencyBankSimulation> {
    this.#state.assertIdle()
    const recording = new Recording(this.sizes.length)
    const like = this.dtype === 'float64' ? new Float64Array() : new Float32Array()
    return await this.#state.whileRunning(() =>
      runInChunks<FrequencyBankSimulation>(name, options, {
        workPerStep: this.starts.at(-1) as number,
        advance: (chunk) => this.#runChunk(chunk, options, recording),
        finish: async (steps) => {
          const R = recording.all('R', like)
          return {
            device: this.device.name,
            steps,
            record: options.record ?? options.steps,
            orderParameter: R,
            psi: recording.all('psi', like),
            aggregate: this.#aggregate(R),
          }
        },
      }),
    )
  }

  async #runChunk(
    { steps, recordEvery, kept }: Chunk,
    { method, drive, diffusion }: FrequencyBankStepOptions,
    recording: Recording,
  ): Promise<Numbers> {
    return await noGrad(() =>
      scope(async () => {
        const result = this.#call({ method, drive, diffusion, steps, record: recordEvery })
        const R = (await result.R?.data()) as Numbers
        const psi = (await result.psi?.data()) as Numbers
        if (kept) recording.add({ R, psi })
        this.#state.advance(result, steps)
        return lastOfRows(R, this.sizes.length)
      }),
    )
  }

  dispose(): void {
    this.#state.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function expectWeights(weights: ArrayLike<number>, count: number): readonly number[] {
  if (weights.length !== count) {
    throw new ShapeError(`${name}: weights must be of ${count} numbers, got ${weights.length}`)
  }
  const values = Array.from(weights)
  const wrong = values.find((weight) => !(Number.isFinite(weight) && weight >= 0))
  if (wrong !== undefined || values.every((weight) => weight === 0)) {
    throw new ValueError(
      `${name}: weights must be finite numbers of at least 0 and not all 0, got ${values}`,
    )
  }
  return values
}
