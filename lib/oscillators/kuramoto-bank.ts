// A bank of Kuramoto oscillators: parameters, a state that lives on the device, long runs and learning.
import { expectInteger, expectNumber } from '../check.js'
import { noGrad } from '../context.js'
import { RandomStream, randomUniforms } from '../data/philox.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { DisposedError, ValueError } from '../errors.js'
import type { Graph, Topology } from '../graph/graph.js'
import { allToAll, graphOf } from '../graph/topologies.js'
import { cast } from '../operations/cast.js'
import { gate } from '../operations/gate.js'
import {
  kuramoto,
  type KuramotoDriveKind,
  type KuramotoMethod,
  type KuramotoNormalisation,
  type KuramotoResult,
} from '../operations/kuramoto.js'
import {
  type OrderParameter,
  orderParameter,
  phasePrecision,
} from '../operations/order-parameter.js'
import { timeSlice } from '../operations/time-slice.js'
import { scope } from '../scope.js'
import { Tensor, tensor } from '../tensor.js'
import { type BankDtype, type BankNumbers, BankTensors, frequenciesOf } from './bank-tensors.js'
import type { FrequencyDistribution } from './distribution.js'
import {
  type Chunk,
  type Numbers,
  Recording,
  runInChunks,
  type WatchOptions,
} from './simulation.js'

/** Arguments of `KuramotoBank`. */
export interface KuramotoBankOptions {
  /** N. */
  oscillators: number
  /** ω, rad per unit of time: a number for all, (N) or (batch, N), or a distribution to draw from. */
  naturalFrequencies: BankNumbers | FrequencyDistribution
  /** K: one number, or one for each batch. */
  coupling: BankNumbers
  /** Who pulls whom: a topology, drawn with `seed`, or a graph. Default: all to all. */
  topology?: Topology | Graph
  /** p (N), not negative. Default: 1. */
  precision?: BankNumbers | null
  /** s (N). Default: 1. */
  sign?: BankNumbers | null
  /** α, rad. Default: 0. */
  frustration?: BankNumbers | null
  /** Default: `count`. */
  normalisation?: KuramotoNormalisation
  /** Copies that run side by side. Default: 1. */
  batch?: number
  /** θ at the start, rad: (N) for every batch or (batch, N). Default: uniform in [0, 2π). */
  phases?: ArrayLike<number> | null
  /** Default: `float32`. */
  dtype?: BankDtype
  device?: DeviceName | Device
  /** Of phases, frequencies, topology and noise. Default: 0. */
  seed?: number
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: {
    naturalFrequencies?: boolean
    coupling?: boolean
    precision?: boolean
    frustration?: boolean
    /** Weights of the edges of a sparse graph. */
    weight?: boolean
    /**
     * A = σ(logits) where the graph has an edge and 0 elsewhere, the diagonal too; O(N²) memory. The
     * logits start at N(0, 0.1²).
     */
    adjacency?: boolean
  }
  /** Storage type of a learned adjacency in runs: `bfloat16` halves what a step reads. Default: dtype. */
  adjacencyDtype?: BankDtype | 'bfloat16'
}

/** How steps are taken. */
export interface StepOptions {
  /** Length of a step, above 0. */
  dt: number
  /** Default: `rk4`. */
  method?: KuramotoMethod
  /** u: see `kuramoto`; rows of a `step` drive are those of this run. */
  drive?: Tensor | null
  driveKind?: KuramotoDriveKind
  /** D, rad² per unit of time. Default: 0. */
  diffusion?: number
}

/** Arguments of `forward`. */
export interface ForwardOptions extends StepOptions {
  steps: number
  /** θ at the start, (batch, N) or (N), with gradient. Default: the bank's phases, without. */
  phases?: Tensor | null
  record?: number
  recordPhases?: boolean
  winding?: boolean
  checkpoint?: number
  /** Leave the bank where the run ends. Default: false. */
  advance?: boolean
}

/** Arguments of `simulate`. */
export interface SimulateOptions extends StepOptions, WatchOptions {
  /** Bring the recorded phases to the host, too. Default: false. */
  recordPhases?: boolean
  /** Count whole turns. Default: false. */
  winding?: boolean
}

/** What a simulation gives, on the host. */
export interface Simulation {
  /** Where it was computed. */
  readonly device: string
  /** Steps done, and steps between records. */
  readonly steps: number
  readonly record: number
  /** R at the records: (batch, records). */
  readonly orderParameter: Numbers
  /** ψ at the records, in [0, 2π): (batch, records). */
  readonly psi: Numbers
  /** Phases at the records: (batch, records, N). Null unless asked for. */
  readonly phases: Numbers | null
  /** Whole turns taken off in this run: (batch, N). Null unless asked for. */
  readonly winding: Int32Array | null
}

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
    'sign' | 'frustration' | 'weight' | 'logits' | 'mask' | 'zeros',
    Tensor | null
  >
  readonly #adjacencyDtype: BankDtype | 'bfloat16'
  #precision: Tensor | null
  #variance: Tensor | null = null
  #before: Tensor | null = null
  #phases: Tensor
  #state: Tensor | null = null
  #step = 0
  #running = false
  #disposed = false

  constructor(options: KuramotoBankOptions) {
    const { oscillators, batch = 1, seed = 0, dtype = 'float32', learnable = {} } = options
    this.oscillators = expectInteger(name, 'oscillators', oscillators)
    this.batch = expectInteger(name, 'batch', batch)
    this.seed = expectInteger(name, 'seed', seed, 0)
    this.normalisation = options.normalisation ?? 'count'
    this.dtype = dtype
    this.device = deviceOf(options.device)
    this.#adjacencyDtype = options.adjacencyDtype ?? dtype
    this.graph = graphOf(options.topology ?? allToAll(), { oscillators, seed })
    this.#tensors = new BankTensors(name, this)
    try {
      this.#system = this.#addSystem(options)
      const { precision } = options
      this.#precision = this.#optional('precision', precision, [[oscillators]], learnable.precision)
      this.#phases = this.#tensors.keep(this.#initialPhases(options.phases ?? null))
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
      frequenciesOf(options.naturalFrequencies, {
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
      throw new ValueError(`${name}: learnable.weight must be of a sparse graph, got a ${graph.kind} one`)
    }
    const weights = graph.weight ?? new Float64Array(graph.edges).fill(1)
    return {
      naturalFrequencies,
      coupling,
      sign: this.#optional('sign', options.sign, [[oscillators]], false),
      frustration: this.#optional('frustration', options.frustration, [[1], []], learnable.frustration),
      weight: learnable.weight
        ? this.#tensors.add('weight', weights, { shapes: [[graph.edges]], learned: true })
        : null,
      ...this.#addAdjacency(learnable.adjacency ?? false),
    }
  }

  // The gate σ(logits + 0) ⊙ mask makes the matrix on the tape, with the diagonal masked.
  #addAdjacency(learned: boolean) {
    if (!learned) return { logits: null, mask: null, zeros: null }
    const { oscillators: N, graph, device, dtype } = this
    const shape = [N, N]
    const dense = graph.kind === 'global' ? new Float64Array(N * N).fill(1) : graph.toDense()
    for (let i = 0; i < N; ++i) {
      for (let j = 0; j < N; ++j) {
        dense[i * N + j] = i !== j && dense[i * N + j] !== 0 ? 1 : 0
      }
    }
    const normal = { distribution: 'normal', width: 0.1 } as const
    const draw = { count: N * N, seed: this.seed, block: kBlocks.logits }
    const start = frequenciesOf(normal, draw)
    return {
      logits: this.#tensors.add('adjacencyLogits', start, { shapes: [shape], learned: true }),
      mask: this.#tensors.keep(tensor(dense, { shape, device, dtype })),
      zeros: this.#tensors.keep(tensor(new Float64Array(N), { device, dtype })),
    }
  }

  #initialPhases(given: ArrayLike<number> | null): Tensor {
    const { oscillators, batch, seed, device, dtype } = this
    const count = batch * oscillators
    const shape = [batch, oscillators]
    if (!given) {
      const stream = RandomStream.initialisation
      const drawn = randomUniforms({ seed, count, block: kBlocks.phases, stream })
      return tensor(drawn.map((u) => 2 * Math.PI * u), { shape, device, dtype })
    }
    const shapes = [[oscillators], shape]
    const checked = this.#tensors.add('phases', given, { shapes })
    if (checked.length === count) return checked.reshape(shape)
    const repeated = Float64Array.from({ length: count }, (_, i) => given[i % oscillators] as number)
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
    this.#assertAlive()
    return this.#phases.detach()
  }

  /** How many steps were taken since the start. */
  get stepsTaken(): number {
    return this.#step
  }

  /** R and ψ now: (batch) each. */
  orderParameter(): OrderParameter {
    this.#assertAlive()
    return noGrad(() => orderParameter(this.#phases))
  }

  /** A learned adjacency as it is now, (N, N), on the tape; null where none is learned. */
  adjacency(): Tensor | null {
    const { logits, mask, zeros } = this.#system
    if (!logits || !mask || !zeros) return null
    return cast(gate({ value: mask, gate: logits, bias: zeros }), this.#adjacencyDtype)
  }

  #call(options: ForwardOptions & { start?: { state: Tensor } | { phases: Tensor } }): KuramotoResult {
    const { graph, normalisation, seed } = this
    const { naturalFrequencies, coupling, sign, frustration, weight } = this.#system
    const { start, advance: _, ...rest } = options
    const adjacency = this.adjacency()
    return kuramoto({
      ...rest,
      phases: null,
      ...start,
      naturalFrequencies,
      coupling,
      precision: this.#precision,
      sign,
      frustration,
      weight,
      adjacency,
      graph: adjacency ? null : graph,
      normalisation,
      seed,
      stream: kNoiseStream,
      firstStep: this.#step,
    })
  }

  get #current(): { state: Tensor } | { phases: Tensor } {
    return this.#state ? { state: this.#state } : { phases: this.#phases }
  }

  #advance({ phases, state }: Pick<KuramotoResult, 'phases' | 'state'>, steps: number): void {
    const { batch, oscillators } = this
    const shape = [batch, oscillators]
    this.#phases = this.#tensors.replace(this.#phases, phases.alias(shape))
    this.#state = this.#tensors.replace(this.#state, state.alias([...shape, state.shape.at(-1) ?? 1]))
    this.#step += steps
  }

  /**
   * Runs `steps` steps on the tape, so that losses on the result reach the parameters.
   *
   * @returns as `kuramoto` does. The bank stays where it was unless `advance` is true.
   */
  forward(options: ForwardOptions): KuramotoResult {
    this.#assertIdle()
    const { phases = null } = options
    const result = this.#call({ ...options, start: phases ? { phases } : this.#current })
    if (options.advance) this.#advance(result, options.steps)
    return result
  }

  /** Takes `steps` steps (default 1) without recording for gradients, and gives the phases: (batch, N). */
  step({ steps = 1, ...options }: StepOptions & { steps?: number }): Tensor {
    this.#assertIdle()
    const kept = noGrad(() =>
      scope(() => {
        this.#advance(this.#call({ ...options, steps, start: this.#current }), steps)
      }),
    )
    return kept ?? this.phases()
  }

  /**
   * Runs many steps without recording for gradients and brings R and ψ to the host.
   *
   * Chunks give the bits of one run. The state moves on chunk by chunk; an aborted run leaves it after
   * the last finished chunk and throws an AbortError (`ERR_ABORTED`) that holds the result up to there.
   */
  async simulate(options: SimulateOptions): Promise<Simulation> {
    this.#assertIdle()
    const { batch, dtype, device, oscillators, graph } = this
    const { drive = null, driveKind, steps: total } = options
    if (drive && driveKind === 'step' && drive.shape[0] !== total) {
      throw new ValueError(`${name}: drive must be of ${total} rows, one a step, got ${drive.shape[0]}`)
    }
    const recording = new Recording(batch)
    const like = dtype === 'float64' ? new Float64Array() : new Float32Array()
    const winding = options.winding ? new Int32Array(batch * oscillators) : null
    const dense = graph.kind === 'dense' || this.#system.logits !== null
    const edges = dense ? oscillators * oscillators : graph.kind === 'global' ? 0 : graph.edges
    this.#running = true
    try {
      return await runInChunks<Simulation>(name, options, {
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
      })
    } finally {
      this.#running = false
    }
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
          start: this.#current,
        })
        const read = async (found: Tensor | null) => ((await found?.data()) ?? null) as Numbers | null
        const R = (await read(result.R)) as Numbers
        const psi = (await read(result.psi)) as Numbers
        const phases = await read(result.trajectory)
        const turns = await result.winding?.data()
        this.#assertAlive()
        if (kept) recording.add({ R, psi, ...(phases && { phases }) })
        if (winding && turns) for (const [i, turn] of turns.entries()) winding[i]! += turn
        this.#advance(result, steps)
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
    this.#assertIdle()
    expectNumber(name, 'tau', tau, { low: 1 })
    if (this.#precision?.requiresGrad) {
      throw new ValueError(`${name}: precision must not be learnable to be updated, got a parameter`)
    }
    const { oscillators, device, dtype } = this
    const before = this.#before ?? this.#phases
    noGrad(() =>
      scope(() => {
        const ones = () => tensor(new Float64Array(oscillators).fill(1), { device, dtype })
        const first = this.#variance === null
        const variance = this.#variance ?? ones()
        // The first change is 0 against itself: it must not lower the variance.
        const updated = phasePrecision({
          before,
          after: this.#phases,
          variance,
          tau: first ? 1e300 : tau,
        })
        this.#variance = this.#tensors.replace(this.#variance, updated.variance)
        this.#precision = this.#tensors.replace(this.#precision, updated.precision)
        this.#before = this.#tensors.replace(this.#before, this.#phases.detach())
      }),
    )
    return (this.#precision as Tensor).detach()
  }

  #assertAlive(): void {
    if (this.#disposed) {
      throw new DisposedError(`${name}: bank must be alive, got a disposed one`)
    }
  }

  #assertIdle(): void {
    this.#assertAlive()
    if (this.#running) {
      throw new ValueError(`${name}: bank must be idle, got a call during simulate()`)
    }
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#tensors.dispose()
    this.graph.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function rowsOf(drive: Tensor, begin: number, count: number): Tensor {
  const [steps = 0, width = 0] = drive.shape
  return timeSlice({ input: drive.reshape([1, steps, width]), begin, count }).reshape([count, width])
}

/** The last number of every row. @internal */
export function lastOfRows(values: Numbers, rows: number): Numbers {
  const width = values.length / rows
  return values.filter((_, i) => i % width === width - 1) as Numbers
}
