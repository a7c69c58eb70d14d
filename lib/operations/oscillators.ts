// What all operations on oscillators with real states take: the coupling and the system's own
// parameters, checked and under the addon's names.
import { expectFloat, expectKind, expectShape } from '../check.js'
import type { Device } from '../device.js'
import { DtypeError, ShapeError, ValueError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import { differentiable, recording } from '../tape.js'
import { Tensor, tensor } from '../tensor.js'

const kSystems = { phase: 0, swing: 1, 'stuart-landau': 2, 'ott-antonsen': 3 } as const
const kGraphs = { global: 0, dense: 1, sparse: 2, ring: 3 } as const
const kDriveKinds = { node: 1, batch: 2, step: 3 } as const
const kNormalisations = { count: 0, degree: 1, none: 2 } as const

/** What the coupling is divided by: max(N − 1, 1), Σ_{j≠i} |A_ij| p_j, or 1. */
export type OscillatorNormalisation = keyof typeof kNormalisations
/** Whom a drive concerns: (N) every batch element; (B, N); (steps, N), row n held through step n. */
export type OscillatorDriveKind = keyof typeof kDriveKinds

/** How oscillators pull each other: P_i = Σ_{j≠i} A_ij p_j f_j, times s_i K / Z_i. */
export interface OscillatorCoupling {
  /** Who pulls whom. */
  graph: Graph
  /** ω, rad per unit of time: (N) or (B, N). */
  naturalFrequencies: Tensor
  /** K: a number, or a tensor of one element or (B). */
  coupling: Tensor | number
  /** A (N, N), learned, instead of that of a dense graph. */
  adjacency?: Tensor | null
  /** Weights (E), learned, instead of those of a sparse graph. */
  weight?: Tensor | null
  /** p (N), not negative: the weight of each source. Default: 1. */
  precision?: Tensor | null
  /** s (N): ±1 or any factor, without gradient. Default: 1. */
  sign?: Tensor | null
  /** Default: `count`. */
  normalisation?: OscillatorNormalisation
}

/** The coupling of phases by sin(θ_j − θ_i − α). */
export interface PhaseCoupling extends OscillatorCoupling {
  /** α, rad: a number or a tensor of one element. Default: 0. */
  frustration?: Tensor | number | null
  /** u, rad per unit of time. Default: none. */
  drive?: Tensor | null
  /** Needed with `drive`; `step` only where steps are of fixed length. */
  driveKind?: OscillatorDriveKind
}

/** dθ/dt = ω + u + (s K / Z) Σ A p sin(θ_j − θ_i − α); the state is θ (B, N). */
export interface PhaseSystem extends PhaseCoupling {
  system: 'phase'
}

/** m d²θ/dt² + γ dθ/dt = the right-hand side of phases; the state is θ, then dθ/dt: (B, 2N). */
export interface SwingSystem extends PhaseCoupling {
  system: 'swing'
  /** m, above 0: a number, or a tensor of one element, (N) or (B, N). */
  inertia: Tensor | number
  /** γ, likewise. */
  damping: Tensor | number
}

/** dz/dt = (ρ + iω − |z|²) z + (s K / Z) Σ A p (z_j − z_i); the state is x, then y: (B, 2N). */
export interface StuartLandauSystem extends OscillatorCoupling {
  system: 'stuart-landau'
  /** ρ: a number, or a tensor of one element, (N) or (B, N). */
  growth: Tensor | number
}

/** dZ/dt = (iω̄ − Δ + K/2) Z − (K/2) |Z|² Z; the state is Z: (B, 2). */
export interface OttAntonsenSystem {
  system: 'ott-antonsen'
  /** ω̄, the mean of the natural frequencies: a tensor of one element or (B). */
  frequency: Tensor
  /** Δ, half their width: a number, or a tensor of one element or (B). */
  width: Tensor | number
  /** K: likewise. */
  coupling: Tensor | number
}

/** A system of oscillators. */
export type OscillatorSystem = PhaseSystem | SwingSystem | StuartLandauSystem | OttAntonsenSystem

/** @internal */
export const coupledFields = [
  'naturalFrequencies',
  'coupling',
  'precision',
  'sign',
  'frustration',
  'drive',
  'weight',
  'rowPointer',
  'column',
  'batch',
  'oscillators',
  'graph',
  'neighbours',
  'driveKind',
  'normalisation',
] as const
/** @internal */
export const kindFields = ['inertia', 'damping', 'growth', 'width', 'system'] as const
/** @internal */
export const sourceFields = ['sourcePointer', 'source', 'sourceEdge'] as const
/** @internal */
export const coupledGradientFields = [
  'gradNaturalFrequencies',
  'gradCoupling',
  'gradPrecision',
  'gradFrustration',
  'gradDrive',
  'gradWeight',
] as const
/** @internal */
export const kindGradientFields = ['gradInertia', 'gradDamping', 'gradGrowth', 'gradWidth'] as const

/** The arguments that gradients flow to, beside the state. @internal */
export type SystemInputs = {
  readonly naturalFrequencies: Tensor
  readonly coupling: Tensor
  readonly precision: Tensor | null
  readonly frustration: Tensor | null
  readonly drive: Tensor | null
  readonly weight: Tensor | null
  readonly inertia: Tensor | null
  readonly damping: Tensor | null
  readonly growth: Tensor | null
  readonly width: Tensor | null
}

/** A checked system. @internal */
export interface PreparedSystem {
  readonly batch: number
  readonly oscillators: number
  /** Numbers of one state. */
  readonly length: number
  readonly inputs: SystemInputs
  /** The addon's arguments but for those of `inputs`; `weight` is the graph's where none is learned. */
  readonly fixed: {
    readonly sign: Tensor | null
    readonly weight: Tensor | null
    readonly rowPointer: Tensor | null
    readonly column: Tensor | null
    readonly batch: number
    readonly oscillators: number
    readonly graph: number
    readonly neighbours: number
    readonly driveKind: number
    readonly normalisation: number
    readonly system: number
  }
  readonly sources: {
    readonly sourcePointer: Tensor | null
    readonly source: Tensor | null
    readonly sourceEdge: Tensor | null
  }
  /** Disposes the tensors that were made of numbers; for calls that were not recorded. */
  readonly release: () => void
}

interface Like {
  readonly dtype: 'float64' | 'float32'
  readonly device: Device
}

/**
 * Checks a system and its state `state`, called `stateName`; `steps`: rows of a drive by steps, 0 where
 * there can be none. @internal
 */
export function prepareSystem(
  name: string,
  options: OscillatorSystem,
  { state, stateName, steps }: { state: Tensor; stateName: string; steps: number },
): PreparedSystem {
  const { system } = options
  if (!Object.hasOwn(kSystems, system)) {
    throw new ValueError(
      `${name}: system must be one of ${Object.keys(kSystems).join(', ')}, got ${String(system)}`,
    )
  }
  const like = expectFullFloat(name, stateName, state)
  const oscillators = system === 'ott-antonsen' ? 1 : options.graph.oscillators
  const length = (system === 'phase' ? 1 : 2) * oscillators
  const [batch = 0] = expectShape(name, stateName, state, { batch: -1, state: length })
  if (batch < 1) {
    throw new ShapeError(`${name}: ${stateName} must be of at least 1 row, got [${state.shape}]`)
  }
  const make = new Parameters(name, like, batch, oscillators)
  try {
    return { length, ...arranged(options, make, steps), release: () => make.release() }
  } catch (error) {
    make.release()
    throw error
  }
}

function arranged(options: OscillatorSystem, make: Parameters, steps: number) {
  const { name, like, batch, oscillators } = make
  const mean = options.system === 'ott-antonsen'
  const coupled = mean ? null : options
  const phases = options.system === 'phase' || options.system === 'swing' ? options : null
  const swing = options.system === 'swing' ? options : null
  const { normalisation = 'count', sign = null, precision = null } = coupled ?? {}
  if (!Object.hasOwn(kNormalisations, normalisation)) {
    throw new ValueError(
      `${name}: normalisation must be count, degree or none, got ${String(normalisation)}`,
    )
  }
  const nodes = { precision, sign }
  for (const [key, given] of Object.entries(nodes)) {
    if (!given) continue
    expectKind(name, key, given, like)
    expectShape(name, key, given, { N: oscillators })
  }
  const drive = phases ? expectDrive(make, phases, steps) : { drive: null, driveKind: 0 }
  const graph = coupled ? expectGraph(make, coupled) : kNoGraph
  const inputs: SystemInputs = {
    naturalFrequencies: mean
      ? make.parameter('frequency', options.frequency)
      : make.parameter('naturalFrequencies', options.naturalFrequencies),
    coupling: make.ofBatch('coupling', options.coupling),
    precision,
    frustration: phases?.frustration != null ? make.one('frustration', phases.frustration) : null,
    drive: drive.drive,
    weight: graph.learned,
    inertia: swing && make.parameter('inertia', swing.inertia),
    damping: swing && make.parameter('damping', swing.damping),
    growth: options.system === 'stuart-landau' ? make.parameter('growth', options.growth) : null,
    width: mean ? make.parameter('width', options.width) : null,
  }
  return {
    batch,
    oscillators,
    inputs,
    fixed: {
      sign,
      weight: graph.learned ?? graph.weight,
      rowPointer: graph.rowPointer,
      column: graph.column,
      batch,
      oscillators,
      graph: graph.kind,
      neighbours: graph.neighbours,
      driveKind: drive.driveKind,
      normalisation: kNormalisations[normalisation],
      system: kSystems[options.system],
    },
    sources: graph.sources,
  }
}

// Numbers become tensors; tensors are checked.
class Parameters {
  readonly name: string
  readonly like: Like
  readonly batch: number
  readonly oscillators: number
  readonly #made: Tensor[] = []

  constructor(name: string, like: Like, batch: number, oscillators: number) {
    this.name = name
    this.like = like
    this.batch = batch
    this.oscillators = oscillators
  }

  /** One element, (N) or (B, N). */
  parameter(key: string, given: Tensor | number): Tensor {
    const whole = this.batch * this.oscillators
    return this.#of(key, given, [1, this.oscillators, whole], 'N or (B, N)')
  }
  /** One element or (B). */
  ofBatch(key: string, given: Tensor | number): Tensor {
    return this.#of(key, given, [1, this.batch], '(B)')
  }
  one(key: string, given: Tensor | number): Tensor {
    return this.#of(key, given, [1], '')
  }

  #of(key: string, given: Tensor | number, lengths: readonly number[], shapes: string): Tensor {
    if (typeof given === 'number') {
      if (!Number.isFinite(given)) {
        throw new ValueError(`${this.name}: ${key} must be a finite number, got ${given}`)
      }
      const made = tensor([given], { dtype: this.like.dtype, device: this.like.device })
      this.#made.push(made)
      return made
    }
    expectKind(this.name, key, given, this.like)
    if (!lengths.includes(given.length)) {
      throw new ShapeError(
        `${this.name}: ${key} must be of 1 element${shapes && ` or ${shapes}`}, B = ${this.batch}, N = ${this.oscillators}, got [${given.shape}]`,
      )
    }
    return given
  }

  release(): void {
    for (const made of this.#made.splice(0)) made.dispose()
  }
}

function expectFullFloat(name: string, key: string, given: Tensor): Like {
  expectFloat(name, key, given)
  if (given.dtype !== 'float64' && given.dtype !== 'float32') {
    throw new DtypeError(`${name}: ${key} must be float64 or float32, got ${given.dtype}`)
  }
  return { dtype: given.dtype, device: given.device }
}

function expectDrive(
  { name, like, batch, oscillators }: Parameters,
  { drive = null, driveKind }: PhaseCoupling,
  steps: number,
) {
  if (!drive) {
    if (driveKind !== undefined) {
      throw new ValueError(`${name}: driveKind must be absent without drive, got ${driveKind}`)
    }
    return { drive: null, driveKind: 0 }
  }
  const kinds = steps > 0 ? ['node', 'batch', 'step'] : ['node', 'batch']
  if (driveKind === undefined || !kinds.includes(driveKind)) {
    throw new ValueError(
      `${name}: driveKind must be one of ${kinds.join(', ')}, got ${String(driveKind)}`,
    )
  }
  expectKind(name, 'drive', drive, like)
  const N = oscillators
  expectShape(
    name,
    'drive',
    drive,
    { node: { N }, batch: { batch, N }, step: { steps, N } }[driveKind],
  )
  return { drive, driveKind: kDriveKinds[driveKind] }
}

const kNoSources = { sourcePointer: null, source: null, sourceEdge: null }
const kNoGraph = {
  kind: 0,
  neighbours: 0,
  weight: null,
  learned: null,
  rowPointer: null,
  column: null,
  sources: kNoSources,
}

function expectGraph({ name, like }: Parameters, options: OscillatorCoupling) {
  const { graph, adjacency = null, weight = null } = options
  const { kind, oscillators, neighbours } = graph
  if (adjacency && kind !== 'dense') {
    throw new ValueError(`${name}: adjacency must be absent unless the graph is dense, got ${kind}`)
  }
  if (weight && kind !== 'sparse') {
    throw new ValueError(`${name}: weight must be absent unless the graph is sparse, got ${kind}`)
  }
  if (adjacency) {
    expectKind(name, 'adjacency', adjacency, like)
    expectShape(name, 'adjacency', adjacency, { N: oscillators, 'N ': oscillators })
  }
  if (weight) {
    expectKind(name, 'weight', weight, like)
    expectShape(name, 'weight', weight, { E: graph.edges })
  }
  const own = graph.tensors(like.device, like.dtype)
  const { sourcePointer, source, sourceEdge } = own
  return {
    kind: kGraphs[kind],
    neighbours,
    weight: own.adjacency ?? own.weight,
    learned: adjacency ?? weight,
    rowPointer: own.rowPointer,
    column: own.column,
    sources: { sourcePointer, source, sourceEdge },
  }
}

/** Memory for the gradients that somebody wants, by input. @internal */
export function gradientsFor<Name extends string>(
  inputs: Readonly<Record<Name, Tensor | null>>,
): { [Key in Name]: Tensor | null } {
  const made = {} as { [Key in Name]: Tensor | null }
  for (const key in inputs) {
    const input = inputs[key] as Tensor | null
    made[key] = input && differentiable(input) ? Tensor.like(input) : null
  }
  return made
}

/** The system's gradients under the addon's names. @internal */
export function namedGradients(gradients: { readonly [Key in keyof SystemInputs]: Tensor | null }) {
  return {
    gradNaturalFrequencies: gradients.naturalFrequencies,
    gradCoupling: gradients.coupling,
    gradPrecision: gradients.precision,
    gradFrustration: gradients.frustration,
    gradDrive: gradients.drive,
    gradWeight: gradients.weight,
    gradInertia: gradients.inertia,
    gradDamping: gradients.damping,
    gradGrowth: gradients.growth,
    gradWidth: gradients.width,
  } as Record<
    (typeof coupledGradientFields)[number] | (typeof kindGradientFields)[number],
    Tensor | null
  >
}

/** Whether a call on these inputs will be recorded. @internal */
export function recordingSystem(state: Tensor, inputs: SystemInputs): boolean {
  return recording({ ...inputs, state })
}
