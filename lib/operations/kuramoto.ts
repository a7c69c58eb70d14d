// Kuramoto oscillators on any graph, many steps in a call, with gradients through all of them.
import { dtypeBytes } from '../dtype.js'
import type { Graph } from '../graph/graph.js'
import { operation } from '../native.js'
import { differentiable, record, recording } from '../tape.js'
import { Tensor } from '../tensor.js'
import {
  type KuramotoBanks,
  type KuramotoCall,
  type KuramotoDriveKind,
  type KuramotoMethod,
  type KuramotoNormalisation,
  phaseWords,
  prepare,
} from './kuramoto-call.js'

export type { KuramotoDriveKind, KuramotoMethod, KuramotoNormalisation } from './kuramoto-call.js'

/** What every run and its backward read, in the order of the structs. @internal */
export const systemFields = [
  'naturalFrequencies',
  'coupling',
  'precision',
  'sign',
  'frustration',
  'drive',
  'batch',
  'oscillators',
  'steps',
  'stages',
  'firstStep',
  'driveKind',
  'normalisation',
  'recordEvery',
  'checkpointEvery',
  'seedLow',
  'seedHigh',
  'stream',
  'timeStep',
  'diffusion',
] as const
/** Where a run starts and what it writes. @internal */
export const runFields = [
  'phases',
  'state',
  'finalPhases',
  'finalState',
  'winding',
  'recordR',
  'recordPsi',
  'recordPhases',
  'checkpoints',
  'pulls',
] as const
/** What comes back, and where gradients go. @internal */
export const gradientFields = [
  'gradPhases',
  'gradRecordR',
  'gradRecordPhases',
  'checkpoints',
  'pulls',
  'gradInitial',
  'gradNaturalFrequencies',
  'gradCoupling',
  'gradPrecision',
  'gradFrustration',
  'gradDrive',
] as const
const globalForward = operation('kuramotoGlobalForward', [
  ...systemFields,
  ...runFields,
  'bankStart',
  'timeSteps',
] as const)
const globalBackward = operation('kuramotoGlobalBackward', [
  ...systemFields,
  ...gradientFields,
  'bankStart',
  'timeSteps',
] as const)
const denseForward = operation('kuramotoDenseForward', [
  ...systemFields,
  ...runFields,
  'adjacency',
  'halfAdjacency',
] as const)
const denseBackward = operation('kuramotoDenseBackward', [
  ...systemFields,
  ...gradientFields,
  'adjacency',
  'halfAdjacency',
  'gradAdjacency',
] as const)
const sparseForward = operation('kuramotoSparseForward', [
  ...systemFields,
  ...runFields,
  'rowPointer',
  'column',
  'weight',
  'neighbours',
] as const)
const sparseBackward = operation('kuramotoSparseBackward', [
  ...systemFields,
  ...gradientFields,
  'rowPointer',
  'column',
  'weight',
  'sourcePointer',
  'source',
  'sourceEdge',
  'gradWeight',
  'neighbours',
] as const)

/** What a recorded run may keep for its backward by default: 64 MiB. Beyond, it computes again. */
export const kKeptBytes = 64 * 2 ** 20
// All to all, steps computed again from the kept totals beat reading what has left the cache: with 10⁴
// oscillators and 1000 steps 2.9 times a forward instead of 4.2 (Zen 4, one thread).
const kKeptBytesGlobal = 8 * 2 ** 20

/** Arguments of `kuramoto`. */
export interface KuramotoOptions {
  /** θ at the start, rad, any size: (batch, N) or (N). This or `state`. */
  phases?: Tensor | null
  /** The fixed-point phases of an earlier run, int32 (batch, N, words) or (N, words). */
  state?: Tensor | null
  /** ω, rad per unit of time: (N) or (batch, N), float32 or float64, which all others follow. */
  naturalFrequencies: Tensor
  /** K: a number, or a tensor of one element or (batch). */
  coupling: Tensor | number
  /** Who pulls whom. Default: all to all, or `adjacency` where it is given. */
  graph?: Graph | null
  /** A (N, N), learned, instead of that of a dense graph; bfloat16 with float32 phases, too. */
  adjacency?: Tensor | null
  /** Weights (E), learned, instead of those of a sparse graph. */
  weight?: Tensor | null
  /** p (N): weight of each source, not negative. Default: 1. */
  precision?: Tensor | null
  /** s (N): +1 conformist, −1 contrarian, or any factor. No gradient. Default: 1. */
  sign?: Tensor | null
  /** α, rad: a number or a tensor of one element. Default: 0. */
  frustration?: Tensor | number | null
  /** u, rad per unit of time, held through the stages of a step. Default: none. */
  drive?: Tensor | null
  /** Whom the drive concerns; needed with `drive`. */
  driveKind?: KuramotoDriveKind
  /** Default: `rk4`. Noise needs `euler-maruyama` or `heun`. */
  method?: KuramotoMethod
  /** Length of a step, above 0. */
  dt: number
  /** How many steps, at least 1. */
  steps: number
  /** The number of the first step, so that runs go on where others ended. Default: 0. */
  firstStep?: number
  /** D, rad² per unit of time: noise of variance 2 D dt a step. Default: 0. */
  diffusion?: number
  /** Default: `count`. */
  normalisation?: KuramotoNormalisation
  /** Record R and ψ after every n-th step; 0: never. Default: 0. */
  record?: number
  /** Record the phases there, too. Default: false. */
  recordPhases?: boolean
  /** Count the whole turns. Default: false. */
  winding?: boolean
  /** Of the noise: integer of at least 0. Default: 0. */
  seed?: number
  /** Of the noise: integer in [0, 2^32). Default: 0. */
  stream?: number
  /**
   * For the backward: keep the phases of every n-th step and compute those between again. Default: 1
   * while all that is kept stays within 64 MiB (8 MiB all to all), else √steps; on the CPU and a sparse
   * graph, √(steps / 12).
   */
  checkpoint?: number
  /** For the backward: keep what pulls each oscillator in every stage. Default: where 64 MiB allow. */
  keepPulls?: boolean
  /** @internal */
  banks?: KuramotoBanks
}

/** What a run gives; `batch` is missing from shapes where phases came as (N). */
export interface KuramotoResult {
  /** θ at the end, in [0, 2π): (batch, N). */
  phases: Tensor
  /** The same as fixed point, to go on from: int32 (batch, N, words). */
  state: Tensor
  /** int32 (batch, N): turns taken off; θ + 2π winding is continuous. Null unless asked for. */
  winding: Tensor | null
  /** R after steps n, 2n, …: (batch, records). Null unless asked for. */
  R: Tensor | null
  /** ψ there, in [0, 2π), without gradient: (batch, records). Null unless asked for. */
  psi: Tensor | null
  /** Phases there: (batch, records, N). Null unless asked for. */
  trajectory: Tensor | null
}

/**
 * Kuramoto-Sakaguchi oscillators.
 *
 *     dθ_i/dt = ω_i + (s_i K / Z_i) Σ_{j≠i} A_ij p_j sin(θ_j − θ_i − α) + u_i(t)  [ + √(2D) ξ_i(t) ]
 *
 * Phases are fixed-point fractions of a turn inside (32 bits for float32, 64 for float64): they wrap
 * without error and keep their digits over 10⁶ steps. One step costs O(N) all to all and on a ring, O(E)
 * on a sparse graph and 4 batch N² operations on a dense one. Self-edges count neither in the sum nor
 * in Z; with `degree`, oscillators with Z below 1e-8 feel nothing.
 *
 * Gradients, exact for the steps as they were taken, flow from `phases`, `R` and `trajectory` to
 * phases, naturalFrequencies, coupling, adjacency, weight, precision, frustration and drive.
 *
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError.
 * Two runs give the same bits on one device, whatever the number of threads; a run cut into several
 * gives the bits of the whole.
 * Source: Kuramoto 1975, doi:10.1007/BFb0013365; Sakaguchi & Kuramoto 1986, doi:10.1143/PTP.76.576.
 */
export function kuramoto(options: KuramotoOptions): KuramotoResult {
  const call = prepare(options)
  const { start, system, sizes, graph } = call
  const inputs = {
    phases: start.phases,
    naturalFrequencies: system.naturalFrequencies,
    coupling: system.coupling,
    precision: system.precision,
    frustration: system.frustration,
    drive: system.drive,
    adjacency: graph.adjacency ?? graph.halfAdjacency,
    weight: graph.weight,
  }
  const kept = recording(inputs) ? keep(call, options) : kNothingKept
  const outputs = emptyOutputs(call, options)
  const { phases: finalPhases, state: finalState, winding, trajectory } = outputs
  const { R: recordR, psi: recordPsi } = outputs
  const values = {
    ...system,
    ...sizes,
    ...start,
    ...kept,
    ...graph,
    finalPhases,
    finalState,
    winding,
    recordR,
    recordPsi,
    recordPhases: trajectory,
  }
  if (call.kind === 'global') globalForward(values)
  else if (call.kind === 'dense') denseForward(values)
  else sparseForward(values)
  if (!recording(inputs)) for (const scalar of call.made) scalar.dispose()
  // No gradient is known for ψ, the winding and the state: they stay off the tape.
  const { phases, R } = outputs
  record(inputs, { phases, R, trajectory }, (gradients) => kuramotoBackward(gradients, call, kept))
  return outputs
}

interface Kept {
  readonly checkpointEvery: number
  readonly checkpoints: Tensor | null
  readonly pulls: Tensor | null
}

const kNothingKept: Kept = { checkpointEvery: 0, checkpoints: null, pulls: null }

function kuramotoBackward(
  gradients: { phases: Tensor | null; R: Tensor | null; trajectory: Tensor | null },
  call: KuramotoCall,
  kept: Kept,
) {
  const { start, system, sizes, graph } = call
  const adjacency = graph.adjacency ?? graph.halfAdjacency
  const gradOf = (input: Tensor | null): Tensor | null =>
    input && differentiable(input) ? Tensor.empty(input.shape, call.dtype, call.device) : null
  const results = {
    phases: gradOf(start.phases),
    naturalFrequencies: gradOf(system.naturalFrequencies),
    coupling: gradOf(system.coupling),
    precision: gradOf(system.precision),
    frustration: gradOf(system.frustration),
    drive: gradOf(system.drive),
    adjacency: gradOf(adjacency),
    weight: gradOf(graph.weight),
  }
  const values = {
    ...system,
    ...sizes,
    ...kept,
    ...graph,
    gradPhases: gradients.phases,
    gradRecordR: gradients.R,
    gradRecordPhases: gradients.trajectory,
    gradInitial: results.phases,
    gradNaturalFrequencies: results.naturalFrequencies,
    gradCoupling: results.coupling,
    gradPrecision: results.precision,
    gradFrustration: results.frustration,
    gradDrive: results.drive,
    gradAdjacency: results.adjacency,
    gradWeight: results.weight,
  }
  if (call.kind === 'global') globalBackward(values)
  else if (call.kind === 'dense') denseBackward(values)
  else sparseBackward(values)
  return results
}

// The sizes of what a run writes.
function emptyOutputs(call: KuramotoCall, options: KuramotoOptions): KuramotoResult {
  const { rows, flat, dtype, device } = call
  const { batch, oscillators, steps, recordEvery } = call.sizes
  const { banks, winding = false, recordPhases = false } = options
  const records = recordEvery > 0 ? Math.floor(steps / recordEvery) : 0
  const phases = flat ? [oscillators] : [rows, oscillators]
  const series = flat && !banks ? [records] : [batch, records]
  const recordsR = recordEvery > 0
  return {
    phases: Tensor.empty(phases, dtype, device),
    state: Tensor.empty([...phases, phaseWords(dtype)], 'int32', device),
    winding: winding ? Tensor.empty(phases, 'int32', device) : null,
    R: recordsR ? Tensor.empty(series, dtype, device) : null,
    psi: recordsR ? Tensor.empty(series, dtype, device) : null,
    trajectory: recordPhases
      ? Tensor.empty(flat ? [records, oscillators] : [rows, records, oscillators], dtype, device)
      : null,
  }
}

// A state every √steps steps. The CPU computes the steps between four states of a sparse graph side by
// side: there, checkpoints of one word and segments of three take least at √(steps / 12). All to all,
// segments of half the length stay in its caches, for a quarter more memory.
function segmentSteps({ kind, device, graph, sizes }: KuramotoCall): number {
  const onCpu = device.index < 0
  const sideBySide = kind === 'sparse' && graph.rowPointer !== null
  const share = onCpu && sideBySide ? 12 : onCpu && kind === 'global' ? 4 : 1
  return Math.ceil(Math.sqrt(sizes.steps / share))
}

// What the backward will read: the phases before every n-th step, and what pulled in every stage.
function keep(call: KuramotoCall, options: KuramotoOptions): Kept {
  const { rows, dtype, device } = call
  const { batch, oscillators, steps, stages } = call.sizes
  const perStage = call.kind === 'global' ? 2 * batch : 2 * rows * oscillators
  const pullCount = steps * stages * perStage
  const stateBytes = rows * oscillators * dtypeBytes[dtype]
  const bytes = (checkpoints: number, pulls: boolean): number =>
    checkpoints * stateBytes + (pulls ? pullCount * dtypeBytes[dtype] : 0)
  const { checkpoint, keepPulls } = options
  const most = call.kind === 'global' ? kKeptBytesGlobal : kKeptBytes
  const allFits = bytes(steps + 1, keepPulls ?? true) <= most
  const checkpointEvery = Math.min(checkpoint ?? (allFits ? 1 : segmentSteps(call)), steps)
  const count = Math.ceil(steps / checkpointEvery) + 1
  const withPulls = keepPulls ?? bytes(count, true) <= kKeptBytes
  return {
    checkpointEvery,
    checkpoints: Tensor.empty([count, rows, oscillators, phaseWords(dtype)], 'int32', device),
    pulls: withPulls ? Tensor.empty([pullCount], dtype, device) : null,
  }
}
