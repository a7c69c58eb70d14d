// Arguments and results of a bank of Kuramoto oscillators.
import type { Device, DeviceName } from '../device.js'
import type { Graph, Topology } from '../graph/graph.js'
import type {
  KuramotoDriveKind,
  KuramotoMethod,
  KuramotoNormalisation,
} from '../operations/kuramoto.js'
import type { Tensor } from '../tensor.js'
import type { BankDtype, BankNumbers } from './bank-tensors.js'
import type { FrequencyDistribution } from './distribution.js'
import type { Numbers, WatchOptions } from './simulation.js'

/** Arguments of `KuramotoBank`. */
export interface KuramotoBankOptions {
  /** N. */
  oscillators: number
  /**
   * ω, rad per unit of time: a number for all, (N) or (batch, N), or a distribution to draw from with
   * `seed`. Default: the standard normal distribution.
   */
  naturalFrequencies?: BankNumbers | FrequencyDistribution
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
  /**
   * Storage type of a learned adjacency in runs: `bfloat16` halves what a step reads, and circles are
   * rounded to it where the hardware multiplies bfloat16. Default: dtype.
   */
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
