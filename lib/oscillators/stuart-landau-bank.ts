// Oscillators with an amplitude: the normal form of the onset of oscillation.
import { expectInteger } from '../check.js'
import { RandomStream, randomUniforms } from '../data/philox.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { Graph, type Topology } from '../graph/graph.js'
import { allToAll, graphOf } from '../graph/topologies.js'
import type { OscillatorSolution, OscillatorSolveRun } from '../operations/oscillator-solve.js'
import type { OscillatorStepsResult, OscillatorStepsRun } from '../operations/oscillator-steps.js'
import type { OscillatorNormalisation } from '../operations/oscillators.js'
import { type Tensor, tensor } from '../tensor.js'
import { type BankDtype, type BankNumbers, BankTensors, frequenciesOf } from './bank-tensors.js'
import type { FrequencyDistribution } from './distribution.js'
import {
  type RealSimulateOptions,
  type RealSimulation,
  RealState,
  type RealStepOptions,
} from './real-state.js'

/** Arguments of `StuartLandauBank`. */
export interface StuartLandauBankOptions {
  /** N. */
  oscillators: number
  /** ω, rad per unit of time: see `KuramotoBank`. */
  naturalFrequencies: BankNumbers | FrequencyDistribution
  /** ρ: an oscillator alone settles at |z| = √ρ, or at rest where ρ ≤ 0. One number or (N). */
  growth: BankNumbers
  /** K: one number, or one for each batch. */
  coupling: BankNumbers
  /** Who pulls whom. Default: all to all. */
  topology?: Topology | Graph
  /** p (N), not negative. Default: 1. */
  precision?: BankNumbers | null
  /** s (N). Default: 1. */
  sign?: BankNumbers | null
  /** Default: `count`. */
  normalisation?: OscillatorNormalisation
  /** Copies that run side by side. Default: 1. */
  batch?: number
  /** z at the start: N real parts, then N imaginary ones, (2N) for every batch or (batch, 2N). Default: on the unit circle at random. */
  state?: ArrayLike<number> | null
  /** Default: `float32`. */
  dtype?: BankDtype
  device?: DeviceName | Device
  /** Of the state, frequencies and topology. Default: 0. */
  seed?: number
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: { naturalFrequencies?: boolean; growth?: boolean; coupling?: boolean }
}

const name = 'StuartLandauBank'

/**
 * Stuart-Landau oscillators, coupled by diffusion.
 *
 *     dz_i/dt = (ρ + iω_i − |z_i|²) z_i + (s_i K / Z_i) Σ_{j≠i} A_ij p_j (z_j − z_i)
 *
 * R e^(iψ) is the mean of z. The state is Re z, then Im z: (batch, 2N).
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError.
 * Source: Aranson & Kramer 2002, doi:10.1103/RevModPhys.74.99.
 */
export class StuartLandauBank implements Disposable {
  readonly oscillators: number
  readonly batch: number
  readonly graph: Graph
  readonly device: Device
  readonly dtype: BankDtype
  readonly #tensors: BankTensors
  readonly #state: RealState
  readonly #ownsGraph: boolean

  constructor(options: StuartLandauBankOptions) {
    const { oscillators, batch = 1, seed = 0, dtype = 'float32', learnable = {} } = options
    this.oscillators = expectInteger(name, 'oscillators', oscillators)
    this.batch = expectInteger(name, 'batch', batch)
    expectInteger(name, 'seed', seed, 0)
    this.dtype = dtype
    this.device = deviceOf(options.device)
    this.#ownsGraph = !(options.topology instanceof Graph)
    this.graph = graphOf(options.topology ?? allToAll(), { oscillators, seed })
    this.#tensors = new BankTensors(name, this)
    const { normalisation = 'count' } = options
    try {
      const drawn = frequenciesOf(options.naturalFrequencies, {
        count: oscillators,
        seed,
        block: 1,
      })
      const each = [[oscillators]]
      const optional = (key: 'precision' | 'sign') => {
        const given = options[key]
        return given == null ? null : this.#tensors.add(key, given, { shapes: each })
      }
      const parameters = {
        naturalFrequencies: this.#tensors.add('naturalFrequencies', drawn, {
          shapes: [...each, [batch, oscillators]],
          learned: learnable.naturalFrequencies,
        }),
        growth: this.#tensors.add('growth', options.growth, {
          shapes: [[1], ...each],
          learned: learnable.growth,
        }),
        coupling: this.#tensors.add('coupling', options.coupling, {
          shapes: batch === 1 ? [[1]] : [[1], [batch]],
          learned: learnable.coupling,
        }),
        precision: optional('precision'),
        sign: optional('sign'),
      }
      this.#state = new RealState(name, {
        tensors: this.#tensors,
        state: this.#start(options.state ?? null, seed),
        system: () => ({
          system: 'stuart-landau',
          graph: this.graph,
          normalisation,
          ...parameters,
        }),
      })
    } catch (error) {
      this.#tensors.dispose()
      throw error
    }
  }

  #start(given: ArrayLike<number> | null, seed: number): Tensor {
    const { oscillators: N, batch, device, dtype } = this
    const shape = [batch, 2 * N]
    const whole = new Float64Array(batch * 2 * N)
    if (given) {
      this.#tensors.add('state', given, { shapes: [[2 * N], shape] })
      for (let at = 0; at < whole.length; ++at) whole[at] = given[at % given.length] as number
      return tensor(whole, { shape, device, dtype })
    }
    const angles = randomUniforms({ seed, count: batch * N, stream: RandomStream.initialisation })
    for (const [at, u] of angles.entries()) {
      const place = Math.floor(at / N) * 2 * N + (at % N)
      whole[place] = Math.cos(2 * Math.PI * u)
      whole[place + N] = Math.sin(2 * Math.PI * u)
    }
    return tensor(whole, { shape, device, dtype })
  }

  /** The tensors that are learned. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** The tensors that are learned, by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#tensors.learned()
  }

  /** z now: Re, then Im, (batch, 2N). */
  state(): Tensor {
    return this.#state.state.detach()
  }

  /** How many steps were taken since the start. */
  get stepsTaken(): number {
    return this.#state.step
  }

  /** Runs on the tape; see `oscillatorSteps`. The bank stays where it was unless `advance` is true. */
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
    if (this.#ownsGraph) this.graph.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
