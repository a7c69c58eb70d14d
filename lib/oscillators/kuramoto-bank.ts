// A bank of Kuramoto oscillators: parameters, a state that lives on the device, long runs and learning.
import { expectInteger, expectNumber } from '../check.js'
import { noGrad } from '../context.js'
import { RandomStream, randomUniforms } from '../data/philox.js'
import { type Device, device as deviceOf } from '../device.js'
import { ValueError } from '../errors.js'
import { Graph } from '../graph/graph.js'
import { allToAll, graphOf } from '../graph/topologies.js'
import {
  type KuramotoNormalisation,
  type KuramotoResult,
  kuramoto,
} from '../operations/kuramoto.js'
import {
  type OrderParameter,
  orderParameter,
  phasePrecision,
} from '../operations/order-parameter.js'
import { timeSlice } from '../operations/time-slice.js'
import { scope } from '../scope.js'
import { type Tensor, tensor } from '../tensor.js'
import { type BankDtype, type BankNumbers, BankTensors, frequenciesOf } from './bank-tensors.js'
import type {
  ForwardOptions,
  KuramotoBankOptions,
  SimulateOptions,
  Simulation,
  StepOptions,
} from './kuramoto-bank-options.js'
import type { KuramotoSystem } from './kuramoto-system.js'
import { LearnedAdjacency } from './learned-adjacency.js'
import { PhaseState } from './phase-state.js'

import { type Chunk, lastOfRows, type Numbers, Recording, runInChunks } from './simulation.js'

const name = 'KuramotoBank'
/** Blocks of the seed's initialisation stream, and the stream of the noise. */
const kBlocks = { phases: 0, frequencies: 1, logits: 2 } as const
const kNoiseStream = 1

/**
 * Kuramoto oscillators with a state.
 *
 *     dθ_i/dt = ω_i + (s_i K / Z_i) Σ_{j≠i} A_ij p_j sin(θ_j − θ_i − α) + u_i(t)
 *
 * The state stays on the device as fixed-point phases and goes on from call to call without rounding:
 * runs in pieces give the bits of one run. Give the memory back with `dispose()` or `using`.
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError.
 */
export class KuramotoBank implements Disposable {
  readonly oscillators: number
  readonly batch: number
  readonly graph: Graph
  readonly normalisation: KuramotoNormalisation
  readonly device: Device
  readonly dtype: BankDtype
  readonly seed: number
  readonly #tensors: BankTensors
  readonly #system: { naturalFrequencies: Tensor; coupling: Tensor } & Record<
    'sign' | 'frustration' | 'weight',
    Tensor | null
  >
  readonly #adjacency: LearnedAdjacency | null
  readonly #adjacencyDtype: BankDtype | 'bfloat16'
  #precision: Tensor | null
  #variance: Tensor | null = null
  #before: Tensor | null = null
  readonly #state: PhaseState
  readonly #ownsGraph: boolean

  constructor(options: KuramotoBankOptions) {
    const { oscillators, batch = 1, seed = 0, dtype = 'float32', learnable = {} } = options
    this.oscillators = expectInteger(name, 'oscillators', oscillators)
    this.batch = expectInteger(name, 'batch', batch)
    this.seed = expectInteger(name, 'seed', seed, 0)
    this.normalisation = options.normalisation ?? 'count'
    this.dtype = dtype
    this.device = deviceOf(options.device)
    this.#adjacencyDtype = options.adjacencyDtype ?? dtype
    this.#ownsGraph = !(options.topology instanceof Graph)
    this.graph = graphOf(options.topology ?? allToAll(), { oscillators, seed })
    this.#tensors = new BankTensors(name, this)
    try {
      this.#system = this.#addSystem(options)
      this.#adjacency = learnable.adjacency
        ? new LearnedAdjacency(this.#tensors, this.graph, { seed, block: kBlocks.logits })
        : null
      const { precision } = options
      this.#precision = this.#optional('precision', precision, [[oscillators]], learnable.precision)
      const phases = this.#initialPhases(options.phases ?? null)
      this.#state = new PhaseState(name, this.#tensors, phases)
    } catch (error) {
      this.#tensors.dispose()
      throw error
    }
  }

  #optional(
    key: string,
    given: BankNumbers | null | undefined,
    shapes: readonly (readonly number[])[],
    learned: boolean | undefined,
  ): Tensor | null {
    const [count = 1] = shapes[0] ?? []
    if (given == null && !learned) return null
    const start = key === 'frustration' ? 0 : 1
    const values = given ?? start
    const whole = typeof values === 'number' ? new Float64Array(count).fill(values) : values
    return this.#tensors.add(key, whole, { shapes, learned })
  }

  #addSystem(options: KuramotoBankOptions) {
    const { oscillators, batch, seed, graph } = this
    const { learnable = {} } = options
    const naturalFrequencies = this.#tensors.add(
      'naturalFrequencies',
      frequenciesOf(options.naturalFrequencies ?? { distribution: 'normal' }, {
        count: oscillators,
        seed,
        block: kBlocks.frequencies,
      }),
      { shapes: [[oscillators], [batch, oscillators]], learned: learnable.naturalFrequencies },
    )
    const coupling = this.#tensors.add('coupling', options.coupling, {
      shapes: batch === 1 ? [[1], []] : [[1], [batch], []],
      learned: learnable.coupling,
    })
    if (learnable.weight && graph.kind !== 'sparse') {
      throw new ValueError(
        `${name}: learnable.weight must be of a sparse graph, got a ${graph.kind} one`,
      )
    }
    return {
      naturalFrequencies,
      coupling,
      sign: this.#optional('sign', options.sign, [[oscillators]], false),
      frustration: this.#optional(
        'frustration',
        options.frustration,
        [[1], []],
        learnable.frustration,
      ),
      weight: learnable.weight
        ? this.#tensors.add('weight', graph.weight ?? new Float64Array(graph.edges).fill(1), {
            shapes: [[graph.edges]],
            learned: true,
          })
        : null,
    }
  }

  #initialPhases(given: ArrayLike<number> | null): Tensor {
    const { oscillators, batch, seed, device, dtype } = this
    const count = batch * oscillators
    const shape = [batch, oscillators]
    if (!given) {
      const stream = RandomStream.initialisation
      const drawn = randomUniforms({ seed, count, block: kBlocks.phases, stream })
      return tensor(
        drawn.map((u) => 2 * Math.PI * u),
        { shape, device, dtype },
      )
    }
    const shapes = [[oscillators], shape]
    const checked = this.#tensors.add('phases', given, { shapes })
    if (checked.length === count) return checked.reshape(shape)
    const repeated = Float64Array.from(
      { length: count },
      (_, i) => given[i % oscillators] as number,
    )
    return tensor(repeated, { shape, device, dtype })
  }

  /** The tensors that are learned. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()]
  }

  /** The tensors that are learned, by name. */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#tensors.learned()
  }

  /** θ now, in [0, 2π): (batch, N). */
  phases(): Tensor {
    return this.#state.phases.detach()
  }

  /** How many steps were taken since the start. */
  get stepsTaken(): number {
    return this.#state.step
  }

  /** R and ψ now: (batch) each. */
  orderParameter(): OrderParameter {
    const { phases } = this.#state
    return noGrad(() => orderParameter(phases))
  }

  /** A learned adjacency as it is now, (N, N), on the tape; null where none is learned. */
  adjacency(): Tensor | null {
    return this.#adjacency?.matrix(this.#adjacencyDtype) ?? null
  }

  /**
   * The bank's parameters as functions of a whole system take them, on the tape:
   *
   *     await lyapunovExponent({ ...bank.system(), phases: bank.phases(), dt: 0.01, steps: 10_000 })
   */
  system(): Omit<KuramotoSystem, 'drive' | 'driveKind' | 'method' | 'dt'> {
    this.#state.assertAlive()
    const { graph, normalisation } = this
    const { naturalFrequencies, coupling, sign, frustration, weight } = this.#system
    const adjacency = this.adjacency()
    return {
      naturalFrequencies,
      coupling,
      precision: this.#precision,
      sign,
      frustration,
      weight,
      adjacency,
      graph: adjacency ? null : graph,
      normalisation,
    }
  }

  #call(
    options: ForwardOptions & { start?: { state: Tensor } | { phases: Tensor } },
  ): KuramotoResult {
    const { start, advance: _, ...rest } = options
    return kuramoto({
      ...rest,
      phases: null,
      ...start,
      ...this.system(),
      seed: this.seed,
      stream: kNoiseStream,
      firstStep: this.#state.step,
    })
  }

  /**
   * Runs `steps` steps on the tape, so that losses on the result reach the parameters.
   *
   * @returns as `kuramoto` does. The bank stays where it was unless `advance` is true.
   */
  forward(options: ForwardOptions): KuramotoResult {
    this.#state.assertIdle()
    const { phases = null } = options
    const result = this.#call({ ...options, start: phases ? { phases } : this.#state.start })
    if (options.advance) this.#state.advance(result, options.steps)
    return result
  }

  /** Takes `steps` steps (default 1) without recording for gradients, and gives the phases: (batch, N). */
  step({ steps = 1, ...options }: StepOptions & { steps?: number }): Tensor {
    this.#state.assertIdle()
    noGrad(() =>
      scope(() => {
        this.#state.advance(this.#call({ ...options, steps, start: this.#state.start }), steps)
      }),
    )
    return this.phases()
  }

  /**
   * Runs many steps without recording for gradients and brings R and ψ to the host.
   *
   * Chunks give the bits of one run. The state moves on chunk by chunk; an aborted run leaves it after
   * the last finished chunk and throws an AbortError (`ERR_ABORTED`) that holds the result up to there.
   */
  async simulate(options: SimulateOptions): Promise<Simulation> {
    this.#state.assertIdle()
    const { batch, dtype, device, oscillators, graph } = this
    const { drive = null, driveKind, steps: total } = options
    if (drive && driveKind === 'step' && drive.shape[0] !== total) {
      throw new ValueError(
        `${name}: drive must be of ${total} rows, one a step, got ${drive.shape[0]}`,
      )
    }
    const recording = new Recording(batch)
    const like = dtype === 'float64' ? new Float64Array() : new Float32Array()
    const winding = options.winding ? new Int32Array(batch * oscillators) : null
    const dense = graph.kind === 'dense' || this.#adjacency !== null
    const edges = dense ? oscillators * oscillators : graph.kind === 'global' ? 0 : graph.edges
    return await this.#state.whileRunning(() =>
      runInChunks<Simulation>(name, options, {
        workPerStep: batch * (oscillators + edges / (dense ? 16 : 4)),
        advance: (chunk) => this.#runChunk(chunk, options, { recording, winding }),
        finish: async (steps) => ({
          device: device.name,
          steps,
          record: options.record ?? total,
          orderParameter: recording.all('R', like),
          psi: recording.all('psi', like),
          phases: options.recordPhases ? recording.all('phases', like) : null,
          winding,
        }),
      }),
    )
  }

  // Nothing is kept of a chunk before its results are on the host.
  async #runChunk(
    { begin, steps, recordEvery, kept }: Chunk,
    { dt, method, diffusion, driveKind, drive = null, recordPhases = false }: SimulateOptions,
    { recording, winding }: { recording: Recording; winding: Int32Array | null },
  ): Promise<Numbers> {
    return await noGrad(() =>
      scope(async () => {
        const stepDrive = drive !== null && driveKind === 'step'
        const result = this.#call({
          dt,
          method,
          diffusion,
          steps,
          driveKind,
          drive: stepDrive ? rowsOf(drive, begin, steps) : drive,
          record: recordEvery,
          recordPhases: recordPhases && kept,
          winding: winding !== null,
          start: this.#state.start,
        })
        const read = async (found: Tensor | null) =>
          ((await found?.data()) ?? null) as Numbers | null
        const R = (await read(result.R)) as Numbers
        const psi = (await read(result.psi)) as Numbers
        const phases = await read(result.trajectory)
        const turns = await result.winding?.data()
        if (kept) recording.add({ R, psi, ...(phases && { phases }) })
        for (const [i, turn] of turns?.entries() ?? []) winding?.set([turn + (winding[i] ?? 0)], i)
        this.#state.advance(result, steps)
        return lastOfRows(R, this.batch)
      }),
    )
  }

  /**
   * Takes the phases' change since the last call into the running variance, and from now on weights
   * every source by its precision.
   *
   *     v ← (1 − 1/τ) v + δ²/τ,   p = min(1 / (v + 1e-4), 100),   v = 1 at first
   *
   * The first call only notes the phases and sets p = 1/(1 + 1e-4).
   *
   * @param options.tau how many calls are remembered. Default: 20.
   * @returns the precision, (N).
   */
  updatePrecision({ tau = 20 }: { tau?: number } = {}): Tensor {
    this.#state.assertIdle()
    expectNumber(name, 'tau', tau, { low: 1 })
    if (this.#precision?.requiresGrad) {
      throw new ValueError(
        `${name}: precision must not be learnable to be updated, got a parameter`,
      )
    }
    const { oscillators, device, dtype } = this
    const before = this.#before ?? this.#state.phases
    noGrad(() =>
      scope(() => {
        const ones = () => tensor(new Float64Array(oscillators).fill(1), { device, dtype })
        const first = this.#variance === null
        const variance = this.#variance ?? ones()
        // The first change is 0 against itself: it must not lower the variance.
        const updated = phasePrecision({
          before,
          after: this.#state.phases,
          variance,
          tau: first ? 1e300 : tau,
        })
        this.#variance = this.#tensors.replace(this.#variance, updated.variance)
        this.#precision = this.#tensors.replace(this.#precision, updated.precision)
        this.#before = this.#tensors.replace(this.#before, this.#state.phases.detach())
      }),
    )
    return (this.#precision as Tensor).detach()
  }

  dispose(): void {
    this.#state.dispose()
    if (this.#ownsGraph) this.graph.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function rowsOf(drive: Tensor, begin: number, count: number): Tensor {
  const [steps = 0, width = 0] = drive.shape
  return timeSlice({ input: drive.reshape([1, steps, width]), begin, count }).reshape([
    count,
    width,
  ])
}
