// A Kuramoto system without its state, and copies of it side by side: what the diagnostics that run it
// take.
import { ValueError } from '../errors.js'
import { embedding } from '../operations/embedding.js'
import type { KuramotoOptions } from '../operations/kuramoto.js'
import { timeSlice } from '../operations/time-slice.js'
import { type Tensor, tensor } from '../tensor.js'

/** A system and how its steps are taken; without noise, which would drive copies apart. */
export type KuramotoSystem = Pick<
  KuramotoOptions,
  | 'naturalFrequencies'
  | 'coupling'
  | 'graph'
  | 'adjacency'
  | 'weight'
  | 'precision'
  | 'sign'
  | 'frustration'
  | 'normalisation'
  | 'drive'
  | 'driveKind'
  | 'method'
  | 'dt'
>

/** The system of wider options alone. @internal */
export function systemOf(options: KuramotoSystem): KuramotoSystem {
  const { naturalFrequencies, coupling, graph, adjacency, weight, precision, sign } = options
  const { frustration, normalisation, drive, driveKind, method, dt } = options
  return {
    ...{ naturalFrequencies, coupling, graph, adjacency, weight, precision, sign },
    ...{ frustration, normalisation, drive, driveKind, method, dt },
  }
}

/** Rows 0 … n − 1 of a matrix, `copies` times one after the other. @internal */
export function repeatRows(matrix: Tensor, copies: number): Tensor {
  const [rows = 1] = matrix.shape
  const tokens = Int32Array.from({ length: copies * rows }, (_, i) => i % rows)
  return embedding({
    table: matrix,
    tokens: tensor(tokens, { dtype: 'int32', device: matrix.device }),
  })
}

/** The same system for `copies` times as many batches. @internal */
export function repeatSystem(system: KuramotoSystem, copies: number): KuramotoSystem {
  const { naturalFrequencies, coupling, drive = null, driveKind } = system
  const each = (given: Tensor): Tensor => repeatRows(given.reshape([given.length, 1]), copies)
  return {
    ...system,
    naturalFrequencies:
      naturalFrequencies.shape.length === 2
        ? repeatRows(naturalFrequencies, copies)
        : naturalFrequencies,
    coupling:
      typeof coupling !== 'number' && coupling.length > 1 ? each(coupling).reshape([-1]) : coupling,
    drive: drive && driveKind === 'batch' ? repeatRows(drive, copies) : drive,
  }
}

/** The system for steps [begin, begin + count): with those rows of a drive that has one a step. @internal */
export function systemDuring(system: KuramotoSystem, begin: number, count: number): KuramotoSystem {
  const { drive, driveKind } = system
  if (!drive || driveKind !== 'step') return system
  const [steps = 0, width = 0] = drive.shape
  const rows = timeSlice({ input: drive.reshape([1, steps, width]), begin, count })
  return { ...system, drive: rows.reshape([count, width]) }
}

/** Throws unless a drive with a row a step has one for each. @internal */
export function expectStepDrive(name: string, system: KuramotoSystem, steps: number): void {
  const { drive, driveKind } = system
  if (!drive || driveKind !== 'step' || drive.shape[0] === steps) return
  throw new ValueError(`${name}: drive must be of ${steps} rows, one a step, got [${drive.shape}]`)
}
