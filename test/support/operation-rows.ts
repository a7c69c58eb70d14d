// What rows of the operation table are made of: tensors that a valid call asks for, in words.
import type { Dtype } from '../../lib/index.js'

// A valid call of every native operation. The boundary, thread and registry tests walk over these rows,
// so an operation without one is untested and the registry test says so.
/** A tensor that a row asks for. */
export interface Wanted {
  readonly length: number
  /**
   * `real`: the storage type under test; `compute`: what arithmetic on it is done in; `phase`: fixed-point
   * phases, of one int32 word, or of two beside float64.
   */
  readonly type: 'real' | 'compute' | 'phase' | Dtype
  /** Lowest and highest element. Default: normal numbers. */
  readonly range?: readonly [number, number]
  /** The elements themselves, where they must fit together. */
  readonly values?: ArrayLike<number>
}

/** What a field of a call gets. */
export type Given = Wanted | number | boolean | null

/** One operation's valid arguments. */
export interface Row {
  /** The arguments for a scale: 1 for the smallest interesting sizes. */
  readonly call: (scale: number) => Readonly<Record<string, Given>>
  /** Tensors that may have another length. */
  readonly anyLength?: readonly string[]
  /** Integers that are values, not sizes: out of range they are ERR_VALUE. */
  readonly values?: readonly string[]
  /**
   * The numbers of a trajectory that a run would leave are drawn one by one here, so that back ends that
   * read different ones of them differ; the golden files compare those.
   */
  readonly isUnrelated?: boolean
  /** Integers of which the largest are valid too. */
  readonly unbounded?: readonly string[]
}

export const real = (length: number, range?: readonly [number, number]): Wanted => ({
  length,
  type: 'real',
  range,
})

export const compute = (length: number, range?: readonly [number, number]): Wanted => ({
  length,
  type: 'compute',
  range,
})

export const float64 = (length: number, range?: readonly [number, number]): Wanted => ({
  length,
  type: 'float64',
  range,
})

export const tokens = (length: number, below: number): Wanted => ({
  length,
  type: 'int32',
  range: [0, below - 1],
})

export const given = (type: Wanted['type'], values: ArrayLike<number>): Wanted => ({
  length: values.length,
  type,
  values,
})

export const flags = (length: number): Wanted => ({ length, type: 'uint8', range: [0, 1] })

export const elementwise = (inputs: readonly string[], output: string) => (scale: number) => ({
  ...Object.fromEntries(inputs.map((name) => [name, real(7 * scale)])),
  [output]: real(7 * scale),
})

export const seed = { seedLow: 12345, seedHigh: 678, stream: 9 }

export const seedNames = ['seedLow', 'seedHigh', 'stream']
