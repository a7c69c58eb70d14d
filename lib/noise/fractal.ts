// Which field of noise: how octaves are combined, warped and tiled. Checked here, before anything is
// allocated.
import { expectInteger, expectNumber } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import type { SimplexFieldOptions, SimplexFractal } from '../operations/simplex.js'

/**
 * Octaves o = 0, 1, … of noise n with gain g (the persistence), lacunarity ℓ and offsets c_o:
 *
 *     fbm         Σ g^o n / Σ g^o                         in [−1, 1]
 *     billow      Σ g^o |n| / Σ g^o                       in [0, 1]
 *     ridged      Σ g^o (1 − |n|)² / Σ g^o                in [0, 1]
 *     ping-pong   Σ g^o (2 p(s (n + 1)) − 1) / Σ g^o      in [−1, 1], p(t) = 1 − |1 − t mod 2|
 *     turbulence  Σ g^o |n|                               in [0, Σ g^o]
 *
 * each with n = n(ℓ^o x + c_o).
 */
export interface FractalOptions {
  /** Default: `fbm`. */
  kind?: SimplexFractal
  /** How many: at least 1. Default: 1. */
  octaves?: number
  /** g, at least 0. Default: 0.5. */
  persistence?: number
  /** ℓ, above 0. Default: 2. */
  lacunarity?: number
  /** c_o: for each octave one number for each dimension. Default: zeros. */
  offsets?: readonly (readonly number[])[]
  /** s, of `ping-pong` alone. Default: 2. */
  strength?: number
  /**
   * a of the domain warp: the field is taken at x + a (n(x + o_1), …, n(x + o_dim)) with fixed o_k.
   * Default: 0, no warp.
   */
  warp?: number
  /**
   * Makes the field repeat exactly after so many units: one positive integer for all axes or one for
   * each, 0 for an axis without. The lacunarity must be an integer then. Default: no period.
   */
  period?: number | readonly number[]
}

/** Fractal options as the operations take them, but for the offsets, which are not on a device yet. @internal */
export interface FractalField
  extends Omit<SimplexFieldOptions, 'table' | 'seed' | 'kernel' | 'offsets'> {
  readonly octaves: number
  /** (octaves, dim), row after row. */
  readonly offsets: Float64Array | null
}

/** Checks the options of a field of `dim` dimensions. @internal */
export function fractalField(
  operation: string,
  dim: number,
  options: FractalOptions,
): FractalField {
  const { kind = 'fbm', octaves = 1, persistence = 0.5, lacunarity = 2, strength } = options
  const { warp = 0, offsets } = options
  expectInteger(operation, 'octaves', octaves)
  expectNumber(operation, 'persistence', persistence, { low: 0 })
  expectNumber(operation, 'lacunarity', lacunarity)
  if (lacunarity <= 0) {
    throw new ValueError(`${operation}: lacunarity must be above 0, got ${lacunarity}`)
  }
  if (strength !== undefined && kind !== 'ping-pong') {
    throw new ValueError(`${operation}: strength must be left out for ${kind}, got ${strength}`)
  }
  expectNumber(operation, 'warp', warp)
  const period = periods(operation, dim, options.period)
  if (octaves > 1 && period.some((size) => size > 0) && !Number.isSafeInteger(lacunarity)) {
    throw new ValueError(
      `${operation}: lacunarity must be an integer for a field with a period, got ${lacunarity}`,
    )
  }
  return {
    kind,
    octaves,
    gain: persistence,
    lacunarity,
    strength: expectNumber(operation, 'strength', strength ?? 2),
    warp,
    period,
    offsets: offsets ? flatOffsets(operation, offsets, { octaves, dim }) : null,
  }
}

function periods(
  operation: string,
  dim: number,
  period: FractalOptions['period'] = 0,
): readonly number[] {
  const each = typeof period === 'number' ? Array.from({ length: dim }, () => period) : period
  if (!Array.isArray(each) || each.length !== dim) {
    throw new ShapeError(`${operation}: period must be ${dim} integers, got [${String(period)}]`)
  }
  for (const size of each) expectInteger(operation, 'period', size, 0)
  return each
}

function flatOffsets(
  operation: string,
  offsets: readonly (readonly number[])[],
  { octaves, dim }: { octaves: number; dim: number },
): Float64Array {
  if (offsets.length !== octaves || offsets.some((offset) => offset.length !== dim)) {
    throw new ShapeError(
      `${operation}: offsets must be ${octaves} times ${dim} numbers, got ${offsets.length} times [${offsets.map((offset) => offset.length)}]`,
    )
  }
  const flat = offsets.flat()
  for (const offset of flat) expectNumber(operation, 'offset', offset)
  return Float64Array.from(flat)
}
