// Simplex noise as an object: a lattice of gradients, sampled anywhere or on grids.
import { assertTensor, expectInteger, expectKind, expectNumber, expectShape } from '../check.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { DisposedError, DtypeError, ShapeError, ValueError } from '../errors.js'
import {
  type SimplexFieldOptions,
  type SimplexGridOptions,
  type SimplexResult,
  simplexCurlGrid,
  simplexCurlSample,
  simplexGrid,
  simplexSample,
} from '../operations/simplex.js'
import { own, type Tensor, tensor } from '../tensor.js'
import { type FractalOptions, fractalField } from './fractal.js'
import { expectPermutation, permutationTable, referenceTable } from './permutation.js'

/** Packages whose values a table of gradients reproduces. */
export type SimplexVariant = 'simplex-noise' | 'noise'

/** Which lattice of gradients, and where fields are made. */
export interface SimplexNoiseOptions {
  /** Integer of at least 0, below 2^53: seeds the hash or shuffles the table. Default: 0. */
  seed?: number
  /**
   * What turns lattice points into gradients: `integer`, a stateless hash with a period of 2^32 cells, or
   * `table`, a permutation of 256 numbers. Default: `table` where `variant` or `table` is given, else
   * `integer`.
   */
  hash?: 'integer' | 'table'
  /**
   * `simplex-noise` has the values of the npm package simplex-noise 4 for the same table; `noise` those of
   * the Python package noise, with its table unless a seed or a table is given. Default: `simplex-noise`.
   */
  variant?: SimplexVariant
  /** 256 bytes, every number once; in the place of a seed. It is copied. */
  table?: Uint8Array
  /**
   * Radius² within which a lattice point counts, in 3D and 4D: 0.5 is smooth everywhere, 0.6 is what both
   * packages use and jumps by up to 6e-3 at simplex faces. Default: 0.5 for `integer`, 0.6 for `table`.
   * (2D always has 0.5 and 1D has 1, as in the packages.)
   */
  kernel?: 0.5 | 0.6
  /** Of grids. Default: `float32`. */
  dtype?: 'float32' | 'float64'
  /** Default: ENTRAIN_DEVICE, else the best there is. */
  device?: DeviceName | Device
}

/** Where the points of a grid are: point (i, j, …) at origin + (i, j, …) · step. */
export interface GridOptions extends FractalOptions {
  /** One number for all axes or one for each. Default: 0. */
  origin?: number | readonly number[]
  /** One number for all axes or one for each. Default: 1. */
  step?: number | readonly number[]
}

/** A field and its derivative. */
export interface NoiseGradient {
  /** n, of the shape of the samples. */
  readonly value: Tensor
  /** ∂n/∂x, with one more axis of size dim. */
  readonly gradient: Tensor
}

const kMostDimensions = 4

/**
 * Simplex noise in 1 to 4 dimensions, with octaves, domain warp, tiling, derivatives and curl.
 *
 *     n(x) = s Σ_corners max(0, r² − |x − c|²)⁴ g(hash c) · (x − c)
 *
 * Equal options give the same bits on every device, instruction set and number of threads. Coordinates are
 * split into lattice cell and offset in float64 whatever the dtype; float32 points beyond 2^20 have fewer
 * than 4 bits left for the offset themselves. NaN or infinite coordinates give NaN. Sources: Gustavson
 * 2005, Simplex noise demystified; the npm package simplex-noise 4.0; the Python package noise 1.2.
 */
export class SimplexNoise implements Disposable {
  readonly seed: number
  readonly hash: 'integer' | 'table'
  /** Null for the integer hash. */
  readonly variant: SimplexVariant | null
  readonly kernel: 0.5 | 0.6
  readonly dtype: 'float32' | 'float64'
  readonly device: Device
  readonly #table: Uint8Array | null
  readonly #deviceTable: Tensor | null
  #disposed = false

  /** @throws ValueError, ShapeError, DtypeError, DeviceError for options out of their range. */
  constructor(options: SimplexNoiseOptions = {}) {
    const { seed, hash, variant, table, kernel, dtype = 'float32' } = options
    const usesTable = variant !== undefined || table !== undefined
    this.hash = hash ?? (usesTable ? 'table' : 'integer')
    if (this.hash !== 'integer' && this.hash !== 'table') {
      throw new ValueError(`SimplexNoise: hash must be integer or table, got ${String(hash)}`)
    }
    if (this.hash === 'integer' && usesTable) {
      throw new ValueError(
        `SimplexNoise: ${table ? 'table' : 'variant'} must be left out for the integer hash, got one`,
      )
    }
    if (variant !== undefined && variant !== 'simplex-noise' && variant !== 'noise') {
      throw new ValueError(
        `SimplexNoise: variant must be simplex-noise or noise, got ${String(variant)}`,
      )
    }
    if (kernel !== undefined && kernel !== 0.5 && kernel !== 0.6) {
      throw new ValueError(`SimplexNoise: kernel must be 0.5 or 0.6, got ${String(kernel)}`)
    }
    if (dtype !== 'float32' && dtype !== 'float64') {
      throw new DtypeError(`SimplexNoise: dtype must be float32 or float64, got ${String(dtype)}`)
    }
    this.seed = seed === undefined ? 0 : expectInteger('SimplexNoise', 'seed', seed, 0)
    this.variant = this.hash === 'table' ? (variant ?? 'simplex-noise') : null
    this.kernel = kernel ?? (this.hash === 'table' ? 0.6 : 0.5)
    this.dtype = dtype
    this.device = deviceOf(options.device)
    this.#table = this.hash === 'table' ? chosenTable(options) : null
    this.#deviceTable =
      this.#table && own(tensor(this.#table, { dtype: 'uint8', device: this.device }))
  }

  /** The permutation, a copy; null for the integer hash. */
  get table(): Uint8Array | null {
    return this.#table?.slice() ?? null
  }

  /**
   * The field at points, differentiable with respect to them.
   *
   * @param points (M, dim), dim 1 to 4, float32 or float64, on this object's device.
   * @returns (M), in the dtype of the points.
   * @throws ShapeError, DtypeError, DeviceError, DisposedError, ValueError.
   */
  sample(points: Tensor, options: FractalOptions = {}): Tensor {
    return this.#atPoints('SimplexNoise.sample', points, options, (field) =>
      simplexSample({ points, ...field }),
    ).value
  }

  /**
   * The field and its derivative at points, from one evaluation. Not differentiable further.
   *
   * @returns value (M) and gradient (M, dim). Where |n| or a fractal's fold has a kink, one side's.
   */
  gradient(points: Tensor, options: FractalOptions = {}): NoiseGradient {
    return this.#atPoints('SimplexNoise.gradient', points, options, (field) =>
      withGradient(simplexSample({ points, derivative: true, ...field })),
    )
  }

  /**
   * Divergence-free vectors at points. 2D: (∂ψ/∂y, −∂ψ/∂x) of the field ψ; 3D: the curl of
   * (ψ(x + o_1), ψ(x + o_2), ψ(x + o_3)) with fixed o_k. Not differentiable.
   *
   * @param points (M, 2) or (M, 3). @returns (M, 2) or (M, 3). Source: Bridson et al. 2007.
   */
  curl(points: Tensor, options: FractalOptions = {}): Tensor {
    return this.#atPoints('SimplexNoise.curl', points, options, (field) => {
      expectCurl('SimplexNoise.curl', points.shape[1])
      return simplexCurlSample({ points, ...field })
    })
  }

  /**
   * The field on a grid whose coordinates are nowhere in memory.
   *
   * @param shape 1 to 4 sizes of at least 1, the last axis fastest.
   * @returns a tensor of that shape in this object's dtype.
   */
  grid(shape: readonly number[], options: GridOptions = {}): Tensor {
    return this.#onGrid('SimplexNoise.grid', shape, options, simplexGrid).value
  }

  /** As `grid`, with the derivative. @returns value (…shape) and gradient (…shape, dim). */
  gridGradient(shape: readonly number[], options: GridOptions = {}): NoiseGradient {
    return this.#onGrid('SimplexNoise.gridGradient', shape, options, (grid) =>
      withGradient(simplexGrid({ ...grid, derivative: true })),
    )
  }

  /** As `curl`, on a grid of 2 or 3 axes. @returns (…shape, dim). */
  curlGrid(shape: readonly number[], options: GridOptions = {}): Tensor {
    return this.#onGrid('SimplexNoise.curlGrid', shape, options, (grid) => {
      expectCurl('SimplexNoise.curlGrid', shape.length)
      return simplexCurlGrid(grid)
    })
  }

  /**
   * One tile of a surface that continues into itself on every side.
   *
   *     point i of an axis of size n stands at origin + i period / n
   *
   * @param shape 1 to 4 sizes of at least 1.
   * @param options.period units of noise in a tile: a positive integer for all axes or one for each.
   * @returns a tensor of that shape.
   */
  tile(
    shape: readonly number[],
    options: Omit<GridOptions, 'step'> & { period: number | readonly number[] },
  ): Tensor {
    const dim = expectGrid('SimplexNoise.tile', shape)
    const period = eachAxis('SimplexNoise.tile', 'period', options.period, dim)
    for (const size of period) expectInteger('SimplexNoise.tile', 'period', size)
    const step = shape.map((size, axis) => (period[axis] as number) / size)
    return this.grid(shape, { ...options, step })
  }

  /** Gives the table's memory on the device back. Calling it twice is harmless. */
  dispose(): void {
    this.#disposed = true
    this.#deviceTable?.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #atPoints<Result>(
    operation: string,
    points: Tensor,
    options: FractalOptions,
    evaluate: (field: SimplexFieldOptions) => Result,
  ): Result {
    this.#assertAlive(operation)
    assertTensor(operation, 'points', points)
    const [, dim = 0] = expectShape(operation, 'points', points, { M: -1, dim: -1 })
    expectDimension(operation, 'points', dim)
    if (points.dtype !== 'float32' && points.dtype !== 'float64') {
      throw new DtypeError(`${operation}: points must be float32 or float64, got ${points.dtype}`)
    }
    expectKind(operation, 'points', points, { dtype: points.dtype, device: this.device })
    return this.#withField(operation, dim, options, evaluate)
  }

  #onGrid<Result>(
    operation: string,
    shape: readonly number[],
    options: GridOptions,
    evaluate: (grid: SimplexGridOptions) => Result,
  ): Result {
    this.#assertAlive(operation)
    const dim = expectGrid(operation, shape)
    const place = {
      shape: [...shape],
      origin: eachAxis(operation, 'origin', options.origin ?? 0, dim),
      step: eachAxis(operation, 'step', options.step ?? 1, dim),
      dtype: this.dtype,
      device: this.device,
    }
    return this.#withField(operation, dim, options, (field) => evaluate({ ...place, ...field }))
  }

  #withField<Result>(
    operation: string,
    dim: number,
    options: FractalOptions,
    evaluate: (field: SimplexFieldOptions) => Result,
  ): Result {
    const { offsets: numbers, ...field } = fractalField(operation, dim, options)
    const { device, seed } = this
    const offsets =
      numbers && tensor(numbers, { shape: [field.octaves, dim], dtype: 'float64', device })
    try {
      const kernel = dim === 1 ? 1 : dim === 2 ? 0.5 : this.kernel
      return evaluate({ ...field, offsets, kernel, table: this.#deviceTable, seed })
    } finally {
      offsets?.dispose()
    }
  }

  #assertAlive(operation: string): void {
    if (this.#disposed) {
      throw new DisposedError(`${operation}: noise must be alive, got a disposed one`)
    }
  }
}

function chosenTable({ seed, variant, table }: SimplexNoiseOptions): Uint8Array {
  if (table !== undefined) {
    if (seed !== undefined) {
      throw new ValueError(
        `SimplexNoise: seed must be left out where a table is given, got ${seed}`,
      )
    }
    return expectPermutation('SimplexNoise', table).slice()
  }
  return variant === 'noise' && seed === undefined ? referenceTable() : permutationTable(seed ?? 0)
}

function withGradient({ value, derivative }: SimplexResult): NoiseGradient {
  return { value, gradient: derivative as Tensor }
}

function expectDimension(operation: string, name: string, dim: number): void {
  if (dim < 1 || dim > kMostDimensions) {
    throw new ShapeError(
      `${operation}: ${name} must be of 1 to ${kMostDimensions} dimensions, got ${dim}`,
    )
  }
}

function expectCurl(operation: string, dim: number | undefined): void {
  if (dim !== 2 && dim !== 3) {
    throw new ShapeError(
      `${operation}: a field with a curl must be of 2 or 3 dimensions, got ${dim}`,
    )
  }
}

function expectGrid(operation: string, shape: readonly number[]): number {
  if (!Array.isArray(shape)) {
    throw new ShapeError(`${operation}: shape must be an array of sizes, got ${String(shape)}`)
  }
  expectDimension(operation, 'shape', shape.length)
  for (const size of shape) expectInteger(operation, 'size of shape', size)
  return shape.length
}

function eachAxis(
  operation: string,
  name: string,
  value: number | readonly number[],
  dim: number,
): readonly number[] {
  const each = typeof value === 'number' ? Array.from({ length: dim }, () => value) : value
  if (!Array.isArray(each) || each.length !== dim) {
    throw new ShapeError(`${operation}: ${name} must be ${dim} numbers, got [${String(value)}]`)
  }
  for (const number of each) expectNumber(operation, name, number)
  return each
}
