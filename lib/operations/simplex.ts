import { expectFloat, expectInteger, expectKind, expectNumber, expectShape } from '../check.js'
import type { Device } from '../device.js'
import { ShapeError, ValueError } from '../errors.js'
import { operation } from '../native.js'
import { record, recording } from '../tape.js'
import { Tensor } from '../tensor.js'
import { seedWords } from './random.js'

const fieldNames = [
  'table',
  'offsets',
  'kernel',
  'kind',
  'octaves',
  'gain',
  'lacunarity',
  'strength',
  'warp',
  'period0',
  'period1',
  'period2',
  'period3',
  'seedLow',
  'seedHigh',
] as const
const placeNames = [
  'dim',
  'shape0',
  'shape1',
  'shape2',
  'shape3',
  'origin0',
  'origin1',
  'origin2',
  'origin3',
  'step0',
  'step1',
  'step2',
  'step3',
] as const
const sampleForward = operation('simplexSample', [
  'points',
  'value',
  'derivative',
  'samples',
  'dim',
  ...fieldNames,
] as const)
const sampleBackward = operation('simplexSampleBackward', [
  'gradOutput',
  'derivative',
  'gradPoints',
  'samples',
  'dim',
] as const)
const grid = operation('simplexGrid', [
  'value',
  'derivative',
  ...placeNames,
  ...fieldNames,
] as const)
const curlSample = operation('simplexCurlSample', [
  'points',
  'curl',
  'samples',
  'dim',
  ...fieldNames,
] as const)
const curlGrid = operation('simplexCurlGrid', ['curl', ...placeNames, ...fieldNames] as const)

/** How octaves become a field, in the native numbering. */
const fractalKinds = ['fbm', 'billow', 'ridged', 'ping-pong', 'turbulence'] as const

/** What an octave's noise n contributes: n, |n|, (1 − |n|)², 2 p(strength (n + 1)) − 1, |n|. */
export type SimplexFractal = (typeof fractalKinds)[number]

/** What is evaluated; see `simplexSample`. */
export interface SimplexFieldOptions {
  /** uint8 (256): a permutation of 0 to 255. Default: the integer hash of `seed`. */
  table?: Tensor | null
  /** Of the integer hash: integer of at least 0, below 2^53. Default: 0. */
  seed?: number
  /** radius² of a corner's influence, in (0, 1]. Default: 1 in 1D, 0.5; 0.6 with a table in 3D, 4D. */
  kernel?: number
  /** Default: 'fbm'. */
  kind?: SimplexFractal
  /** At least 1. Default: 1. */
  octaves?: number
  /** Amplitude of an octave over that of the one before. Default: 0.5. */
  gain?: number
  /** Frequency of an octave over that of the one before. Default: 2. */
  lacunarity?: number
  /** Of ping-pong. Default: 2. */
  strength?: number
  /** float64 (octaves, dim): added to an octave's coordinates. */
  offsets?: Tensor | null
  /** a of the domain warp x + a (n(x + o_1), …, n(x + o_dim)). Default: 0. */
  warp?: number
  /** Per axis: the field repeats exactly after so many units; 0: it does not. Integers. */
  period?: readonly number[]
}

/** Where a grid's points are: point i stands at origin + i step, on every axis. */
export interface SimplexGridOptions extends SimplexFieldOptions {
  shape: readonly number[]
  /** A number for each axis of `shape`. Default: 0. */
  origin?: readonly number[]
  /** A number for each axis, or one for all. Default: 1. */
  step?: readonly number[] | number
  /** Default: 'float32'. */
  dtype?: 'float64' | 'float32'
  device: Device
}

/** A field and, where asked for, its derivative with respect to the coordinates. */
export interface SimplexResult {
  readonly value: Tensor
  readonly derivative: Tensor | null
}

/**
 * Simplex noise, or a fractal of it, at given points, with its analytic derivative.
 *
 *     fbm:         Σ g^o n(ℓ^o x + offsets_o) / Σ g^o,   g the gain, ℓ the lacunarity
 *     others:      the same of |n|, (1 − |n|)², 2 p(strength (n + 1)) − 1 with p the triangle wave of
 *                  period 2; turbulence is Σ g^o |n|, not divided
 *     n(x)       = A Σ_corners max(kernel − |x − c|², 0)⁴ gradient_c · (x − c)
 *
 * Cells and offsets are formed in float64 for every dtype. Values: [−1, 1] (billow, ridged [0, 1];
 * turbulence [0, Σ g^o]). NaN coordinates give NaN. The derivative is continuous for a kernel of at most 0.5.
 * The derivative tensor carries no gradient of its own.
 *
 * @param points (samples, dim), dim 1 to 4, float64 or float32.
 * @throws ShapeError, ValueError, DtypeError, DeviceError, DisposedError. Deterministic, and the same bits on
 * every device. Source: Gustavson 2005, "Simplex noise demystified".
 */
export function simplexSample({
  points,
  derivative: wanted = false,
  ...options
}: SimplexFieldOptions & { points: Tensor; derivative?: boolean }): SimplexResult {
  const name = 'simplexSample'
  const { samples, dim, call } = samplesOf(name, points, options)
  const value = Tensor.empty([samples], points.dtype, points.device)
  const derivative = wanted || recording({ points }) ? Tensor.like(points) : null
  sampleForward({ points, value, derivative, samples, dim, ...call })
  const result = record({ points }, { value }, ({ value: gradOutput }) => ({
    points: gradOutput && derivative && simplexSampleBackward(gradOutput, derivative),
  }))
  return { value: result.value, derivative }
}

function simplexSampleBackward(gradOutput: Tensor, derivative: Tensor): Tensor {
  const [samples = 0, dim = 0] = derivative.shape
  const gradPoints = Tensor.like(derivative)
  sampleBackward({ gradOutput, derivative, gradPoints, samples, dim })
  return gradPoints
}

/**
 * The same field on a regular grid, without coordinates in memory.
 *
 * @returns value of `shape` and, with `derivative: true`, derivative of (…shape, dim).
 * @throws as `simplexSample`.
 */
export function simplexGrid({
  derivative: wanted = false,
  ...options
}: SimplexGridOptions & { derivative?: boolean }): SimplexResult {
  const { shape, dtype = 'float32', device } = options
  const place = placeOf('simplexGrid', options)
  const call = fieldOf('simplexGrid', options, place.dim)
  const value = Tensor.empty(shape, dtype, device)
  const derivative = wanted ? Tensor.empty([...shape, place.dim], dtype, device) : null
  grid({ value, derivative, ...place, ...call })
  return { value, derivative }
}

/**
 * Divergence-free vectors at given points.
 *
 *     2D: (∂ψ/∂y, −∂ψ/∂x);   3D: ∇ × (ψ(x + o_1), ψ(x + o_2), ψ(x + o_3))
 *
 * ψ is the field of `simplexSample`. No gradient flows back to the points.
 *
 * @param points (samples, dim), dim 2 or 3, float64 or float32.
 * @returns the same shape. Deterministic.
 * @throws as `simplexSample`. Source: Bridson, Houriham & Nordenstam 2007, "Curl-noise for procedural
 * fluid flow".
 */
export function simplexCurlSample({
  points,
  ...options
}: SimplexFieldOptions & { points: Tensor }): Tensor {
  const { samples, dim, call } = samplesOf('simplexCurlSample', points, options)
  const curl = Tensor.like(points)
  curlSample({ points, curl, samples, dim, ...call })
  return curl
}

/** The same vectors on a regular grid. @returns (…shape, dim). */
export function simplexCurlGrid(options: SimplexGridOptions): Tensor {
  const { shape, dtype = 'float32', device } = options
  const place = placeOf('simplexCurlGrid', options)
  const call = fieldOf('simplexCurlGrid', options, place.dim)
  const curl = Tensor.empty([...shape, place.dim], dtype, device)
  curlGrid({ curl, ...place, ...call })
  return curl
}

function samplesOf(name: string, points: Tensor, options: SimplexFieldOptions) {
  expectFloat(name, 'points', points)
  const [samples = 0, dim = 0] = expectShape(name, 'points', points, { samples: -1, dim: -1 })
  const call = fieldOf(name, options, dim)
  for (const [argument, dtype] of [
    ['table', 'uint8'],
    ['offsets', 'float64'],
  ] as const) {
    const tensor = options[argument]
    if (tensor) expectKind(name, argument, tensor, { dtype, device: points.device })
  }
  return { samples, dim, call }
}

function placeOf(name: string, { shape, origin = [], step = 1 }: SimplexGridOptions) {
  const dim = shape.length
  if (dim < 1 || dim > 4) {
    throw new ShapeError(`${name}: shape must be of 1 to 4 axes, got ${dim}`)
  }
  for (const [axis, size] of shape.entries()) expectInteger(name, `shape[${axis}]`, size, 1)
  const number = (argument: string, values: readonly number[], axis: number): number =>
    axis < values.length ? expectNumber(name, argument, values[axis] as number) : 0
  const steps = typeof step === 'number' ? shape.map(() => step) : step
  if (origin.length > 0) expectLength(name, 'origin', origin, dim)
  expectLength(name, 'step', steps, dim)
  return {
    dim,
    shape0: shape[0] ?? 1,
    shape1: shape[1] ?? 1,
    shape2: shape[2] ?? 1,
    shape3: shape[3] ?? 1,
    origin0: number('origin', origin, 0),
    origin1: number('origin', origin, 1),
    origin2: number('origin', origin, 2),
    origin3: number('origin', origin, 3),
    step0: number('step', steps, 0),
    step1: number('step', steps, 1),
    step2: number('step', steps, 2),
    step3: number('step', steps, 3),
  }
}

function fieldOf(name: string, options: SimplexFieldOptions, dim: number) {
  const { table = null, offsets = null, seed = 0, kind = 'fbm', octaves = 1, period = [] } = options
  if (dim < 1 || dim > 4) throw new ShapeError(`${name}: dim must be 1, 2, 3 or 4, got ${dim}`)
  const number = fractalKinds.indexOf(kind)
  if (number < 0) {
    throw new ValueError(`${name}: kind must be one of ${fractalKinds.join(', ')}, got ${kind}`)
  }
  expectInteger(name, 'octaves', octaves, 1)
  if (table) expectShape(name, 'table', table, { entries: 256 })
  if (offsets) expectShape(name, 'offsets', offsets, { octaves, dim })
  if (period.length > 0) expectLength(name, 'period', period, dim)
  for (const length of period) expectInteger(name, 'period', length, 0)
  return {
    table,
    offsets,
    kernel: options.kernel ?? defaultKernel(dim, table !== null),
    kind: number,
    octaves,
    gain: options.gain ?? 0.5,
    lacunarity: options.lacunarity ?? 2,
    strength: options.strength ?? 2,
    warp: options.warp ?? 0,
    period0: period[0] ?? 0,
    period1: period[1] ?? 0,
    period2: period[2] ?? 0,
    period3: period[3] ?? 0,
    ...seedWords(name, seed),
  }
}

/** What the packages use with a table; 0.5 is smooth across the faces of simplices. */
function defaultKernel(dim: number, hasTable: boolean): number {
  if (dim === 1) return 1
  return hasTable && dim > 2 ? 0.6 : 0.5
}

function expectLength(name: string, argument: string, values: readonly number[], dim: number) {
  if (values.length !== dim) {
    throw new ShapeError(
      `${name}: ${argument} must be one number for each of ${dim} axes, got ${values.length}`,
    )
  }
}
