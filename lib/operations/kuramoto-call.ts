// The arguments of `kuramoto`, checked and under the addon's names.
import { expectInteger, expectKind, expectNumber, expectShape } from '../check.js'
import type { Device } from '../device.js'
import { dtypeBytes } from '../dtype.js'
import { DtypeError, ShapeError, ValueError } from '../errors.js'
import type { Graph, GraphTensors } from '../graph/graph.js'
import { type Tensor, tensor } from '../tensor.js'
import type { KuramotoOptions } from './kuramoto.js'
import { expectFull } from './order-parameter.js'
import { seedWords } from './random.js'

const kStages = { euler: 1, 'euler-maruyama': 1, heun: 2, rk4: 4 } as const
const kNormalisations = { count: 0, degree: 1, none: 2 } as const
const kDriveKinds = { node: 1, batch: 2, step: 3 } as const

/** Integrators of fixed step size: of order 1, 1 (in the mean with noise), 2 and 4. */
export type KuramotoMethod = keyof typeof kStages
/** What the coupling is divided by: max(N − 1, 1), Σ_{j≠i} |A_ij| p_j, or 1. */
export type KuramotoNormalisation = keyof typeof kNormalisations
/** What the rows of a drive are: one for all, (N); one a batch, (B, N); one a step, (steps, N). */
export type KuramotoDriveKind = keyof typeof kDriveKinds

/** Banks of different sizes side by side. @internal */
export interface KuramotoBanks {
  /** int32 (banks + 1): where each begins among the oscillators, and the end of the last. */
  readonly start: Tensor
  /** float64 (banks): dt of each. */
  readonly timeSteps: Tensor
}

/** A checked call. @internal */
export interface KuramotoCall {
  readonly kind: 'global' | 'dense' | 'sparse'
  /** Whether phases came as (N), without a batch. */
  readonly flat: boolean
  /** Rows of N phases. */
  readonly rows: number
  readonly dtype: 'float64' | 'float32'
  readonly device: Device
  readonly start: { readonly phases: Tensor | null; readonly state: Tensor | null }
  readonly system: {
    readonly naturalFrequencies: Tensor
    readonly coupling: Tensor
    readonly precision: Tensor | null
    readonly sign: Tensor | null
    readonly frustration: Tensor | null
    readonly drive: Tensor | null
  }
  readonly sizes: {
    readonly batch: number
    readonly oscillators: number
    readonly steps: number
    readonly stages: number
    readonly firstStep: number
    readonly driveKind: number
    readonly normalisation: number
    readonly recordEvery: number
    readonly seedLow: number
    readonly seedHigh: number
    readonly stream: number
    readonly timeStep: number
    readonly diffusion: number
  }
  readonly graph: {
    readonly bankStart: Tensor | null
    readonly timeSteps: Tensor | null
    readonly adjacency: Tensor | null
    readonly halfAdjacency: Tensor | null
    readonly rowPointer: Tensor | null
    readonly column: Tensor | null
    readonly weight: Tensor | null
    readonly sourcePointer: Tensor | null
    readonly source: Tensor | null
    readonly sourceEdge: Tensor | null
    readonly neighbours: number
  }
  /** Tensors that were made of numbers. */
  readonly made: readonly Tensor[]
}

const name = 'kuramoto'

/** @internal */
export function prepare(options: KuramotoOptions): KuramotoCall {
  const { naturalFrequencies } = options
  expectFull(name, 'naturalFrequencies', naturalFrequencies)
  const dtype = naturalFrequencies.dtype as 'float64' | 'float32'
  const { device } = naturalFrequencies
  const start = expectStart(options, { dtype, device })
  const { flat, rows, oscillators } = start
  const numbers = expectNumbers(options)
  const batch = options.banks ? options.banks.timeSteps.length : rows
  const like = { dtype, device }
  expectOneOf('naturalFrequencies', naturalFrequencies, like, rows, oscillators)
  const drive = expectDrive(options, like, { rows, oscillators, steps: numbers.steps })
  const { precision = null, sign = null } = options
  for (const [key, given] of Object.entries({ precision, sign })) {
    if (!given) continue
    expectKind(name, key, given, like)
    expectShape(name, key, given, { N: oscillators })
  }
  const graph = expectGraph(options, like, oscillators)
  // Last, for it allocates.
  const made: Tensor[] = []
  const { frustration } = options
  checkScalar('coupling', options.coupling, like, batch)
  if (frustration != null) checkScalar('frustration', frustration, like, 1)
  const asTensor = (given: Tensor | number): Tensor => {
    if (typeof given !== 'number') return given
    const whole = tensor([given], like)
    made.push(whole)
    return whole
  }
  return {
    ...graph,
    flat,
    rows,
    dtype,
    device,
    start: { phases: start.phases, state: start.state },
    system: {
      naturalFrequencies,
      coupling: asTensor(options.coupling),
      precision,
      sign,
      frustration: frustration == null ? null : asTensor(frustration),
      drive,
    },
    sizes: { batch, oscillators, ...numbers, driveKind: drive ? driveKindOf(options) : 0 },
    made,
  }
}

interface Kind {
  readonly dtype: 'float64' | 'float32'
  readonly device: Device
}

/** Words of int32 that hold one phase. @internal */
export const phaseWords = (dtype: 'float64' | 'float32'): number => dtypeBytes[dtype] / 4

function expectStart({ phases = null, state = null }: KuramotoOptions, like: Kind) {
  if (state && phases) {
    throw new ValueError(`${name}: state must be absent with phases, got both`)
  }
  if (state) {
    const int32 = { dtype: 'int32', device: like.device } as const
    expectKind(name, 'state', state, int32)
    const sizes = { N: -1, words: phaseWords(like.dtype) }
    const flat = state.shape.length === 2
    const shape = expectShape(name, 'state', state, flat ? sizes : { batch: -1, ...sizes })
    const [rows = 0, oscillators = 0] = flat ? [1, shape[0]] : shape
    return { phases, state, flat, ...atLeastOne('state', state, rows, oscillators) }
  }
  expectKind(name, 'phases', phases as Tensor, like)
  const given = phases as Tensor
  const flat = given.shape.length === 1
  const shape = expectShape(name, 'phases', given, flat ? { N: -1 } : { batch: -1, N: -1 })
  const [rows = 0, oscillators = 0] = flat ? [1, shape[0]] : shape
  return { phases, state, flat, ...atLeastOne('phases', given, rows, oscillators) }
}

function atLeastOne(key: string, given: Tensor, rows: number, oscillators: number) {
  if (given.length > 0) return { rows, oscillators }
  throw new ShapeError(`${name}: ${key} must be of at least 1 oscillator, got [${given.shape}]`)
}

function expectNumbers(options: KuramotoOptions) {
  const { dt, steps, method = 'rk4', normalisation = 'count', diffusion = 0 } = options
  const { firstStep = 0, record = 0, recordPhases = false, seed = 0, stream = 0 } = options
  expectOption('method', method, kStages)
  expectOption('normalisation', normalisation, kNormalisations)
  expectInteger(name, 'steps', steps)
  expectInteger(name, 'firstStep', firstStep, 0)
  expectInteger(name, 'record', record, 0)
  if (recordPhases && record === 0) {
    throw new ValueError(`${name}: recordPhases must be false unless record is given, got true`)
  }
  if (!options.banks) expectPositive(name, 'dt', dt)
  expectNumber(name, 'diffusion', diffusion, { low: 0 })
  if (diffusion > 0 && method !== 'euler-maruyama' && method !== 'heun') {
    throw new ValueError(
      `${name}: diffusion must be 0 unless the method is euler-maruyama or heun, got ${diffusion}`,
    )
  }
  if (options.checkpoint !== undefined) expectInteger(name, 'checkpoint', options.checkpoint)
  expectInteger(name, 'stream', stream, 0)
  if (stream >= 2 ** 32) throw new ValueError(`${name}: stream must be below 2^32, got ${stream}`)
  const stages: number = kStages[method]
  return {
    steps,
    stages,
    firstStep,
    normalisation: kNormalisations[normalisation],
    recordEvery: record,
    ...seedWords(name, seed),
    stream,
    timeStep: options.banks ? 1 : dt,
    diffusion,
  }
}

/** A finite number above 0. @internal */
export function expectPositive(operation: string, key: string, value: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw new ValueError(
    `${operation}: ${key} must be a finite number above 0, got ${typeof value === 'object' ? typeof value : String(value)}`,
  )
}

function expectOption(key: string, value: string, options: Readonly<Record<string, number>>): void {
  if (typeof value === 'string' && Object.hasOwn(options, value)) return
  throw new ValueError(
    `${name}: ${key} must be one of ${Object.keys(options).join(', ')}, got ${String(value)}`,
  )
}

// (N), or one row for each batch.
function expectOneOf(
  key: string,
  given: Tensor,
  like: Kind,
  rows: number,
  oscillators: number,
): void {
  expectKind(name, key, given, like)
  const each = given.shape.length === 2
  expectShape(name, key, given, each ? { batch: rows, N: oscillators } : { N: oscillators })
}

// A number, or a tensor of one element or of one for each batch.
function checkScalar(key: string, given: Tensor | number, like: Kind, batch: number): void {
  if (typeof given !== 'object' || given === null) {
    expectNumber(name, key, given)
    return
  }
  expectKind(name, key, given, like)
  if (given.length === 1) return
  if (batch === 1) {
    throw new ShapeError(`${name}: ${key} must be of 1 element, got [${given.shape}]`)
  }
  expectShape(name, key, given, { batch })
}

function driveKindOf({ driveKind }: KuramotoOptions): number {
  return kDriveKinds[driveKind as KuramotoDriveKind]
}

function expectDrive(
  { drive = null, driveKind }: KuramotoOptions,
  like: Kind,
  { rows, oscillators, steps }: { rows: number; oscillators: number; steps: number },
): Tensor | null {
  if (!drive) return null
  expectOption('driveKind', driveKind as string, kDriveKinds)
  expectKind(name, 'drive', drive, like)
  const shapes = {
    node: { N: oscillators },
    batch: { batch: rows, N: oscillators },
    step: { steps, N: oscillators },
  }
  expectShape(name, 'drive', drive, shapes[driveKind as KuramotoDriveKind])
  return drive
}

const kNoGraph = {
  bankStart: null,
  timeSteps: null,
  adjacency: null,
  halfAdjacency: null,
  rowPointer: null,
  column: null,
  weight: null,
  sourcePointer: null,
  source: null,
  sourceEdge: null,
  neighbours: 0,
}

function expectGraph(
  options: KuramotoOptions,
  like: Kind,
  oscillators: number,
): Pick<KuramotoCall, 'kind' | 'graph'> {
  const { graph = null, adjacency = null, weight = null, banks } = options
  if (graph && graph.oscillators !== oscillators) {
    throw new ShapeError(
      `${name}: graph must be of ${oscillators} oscillators, got one of ${graph.oscillators}`,
    )
  }
  const kind = graph?.kind ?? (adjacency ? 'dense' : 'global')
  if (adjacency && kind !== 'dense') {
    throw new ValueError(`${name}: adjacency must be absent with a ${kind} graph, got a tensor`)
  }
  if (weight && kind !== 'sparse') {
    throw new ValueError(`${name}: weight must be absent with a ${kind} graph, got a tensor`)
  }
  if (banks && kind !== 'global') {
    throw new ValueError(`${name}: graph must be absent with banks, got a ${kind} one`)
  }
  if (kind === 'global') {
    const { start: bankStart = null, timeSteps = null } = banks ?? {}
    return { kind, graph: { ...kNoGraph, bankStart, timeSteps } }
  }
  if (kind === 'ring') {
    return { kind: 'sparse', graph: { ...kNoGraph, neighbours: (graph as Graph).neighbours } }
  }
  if (adjacency) return { kind: 'dense', graph: learnedAdjacency(adjacency, like, oscillators) }
  const edges = graph as Graph
  if (weight) {
    expectKind(name, 'weight', weight, like)
    expectShape(name, 'weight', weight, { edges: edges.edges })
  }
  const tensors: GraphTensors = edges.tensors(like.device, like.dtype)
  if (kind === 'dense') {
    return { kind, graph: { ...kNoGraph, adjacency: tensors.adjacency } }
  }
  const { adjacency: _, ...rows } = tensors
  const weights = weight ?? (edges.weight ? tensors.weight : null)
  return { kind: 'sparse', graph: { ...kNoGraph, ...rows, weight: weights } }
}

function learnedAdjacency(adjacency: Tensor, like: Kind, oscillators: number) {
  const half = adjacency.dtype === 'bfloat16'
  if (half && like.dtype === 'float64') {
    throw new DtypeError(`${name}: adjacency must be float64, got bfloat16`)
  }
  expectKind(name, 'adjacency', adjacency, half ? { ...like, dtype: 'bfloat16' } : like)
  expectShape(name, 'adjacency', adjacency, { N: oscillators, 'N columns': oscillators })
  return { ...kNoGraph, [half ? 'halfAdjacency' : 'adjacency']: adjacency }
}
