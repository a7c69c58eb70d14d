import { expectInteger, expectNumber } from '../check.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { DtypeError } from '../errors.js'
import { operation } from '../native.js'
import { scope } from '../scope.js'
import { Tensor, tensor } from '../tensor.js'

const build = operation('mobiusLattice', [
  'positions',
  'structure',
  'nodes',
  'radius',
  'lazyWindings',
  'lazyTorsion',
] as const)
const follow = operation('mobiusStructure', [
  'windings',
  'torsion',
  'structure',
  'clamped',
  'leastWindings',
  'mostWindings',
  'leastTorsion',
  'mostTorsion',
] as const)

/** What a control loop may wish for; wishes beyond count as the nearest end. */
export const mobiusRanges = { windings: [3.8, 150], torsion: [0, 3] } as const

const [leastWindings, mostWindings] = mobiusRanges.windings
const [leastTorsion, mostTorsion] = mobiusRanges.torsion
const ends = { leastWindings, mostWindings, leastTorsion, mostTorsion }

/** More could not be numbered and counted in int32. @internal */
export const kMostNodes = 2 ** 30

/** Throws unless `nodes` is a number of nodes. @internal */
export function expectNodes(name: string, nodes: number): number {
  expectInteger(name, 'nodes', nodes)
  return expectNumber(name, 'nodes', nodes, { low: 1, high: kMostNodes })
}

/** Throws unless `dtype` is one that lattices and spheres exist in. @internal */
export function expectFullDtype(name: string, dtype: string): void {
  if (dtype !== 'float32' && dtype !== 'float64') {
    throw new DtypeError(`${name}: dtype must be float32 or float64, got ${String(dtype)}`)
  }
}

/** Arguments of `mobiusLattice`. */
export interface MobiusLatticeOptions {
  /** n, in [1, 2^30]. */
  nodes: number
  /** w: how often the helix winds around the axis. */
  windings: number
  /** τ. Default: 0. */
  torsion?: number
  /** R, in [1e-30, 1e30]. Default: 1. */
  radius?: number
  /** Default: `float32`. */
  dtype?: 'float32' | 'float64'
  device?: DeviceName | Device
}

/**
 * The nodes of a helix that winds over a sphere with half a twist.
 *
 *     u = 2π i/n,   ϑ = π (1 + cos u),   ϕ = w u + τ ϑ + u/2
 *     x_i = R (sin ϑ cos ϕ, sin ϑ sin ϕ, cos ϑ)
 *
 * Angles are formed in float64, in turns, whatever the dtype; for even n the nodes 0 and n/2 meet at a
 * pole and coincide exactly.
 *
 * @returns (3, n): x, y and z.
 * @throws ShapeError, ValueError, DtypeError, DeviceError. Deterministic, equal on all devices to the
 * last places.
 */
export function mobiusLattice({
  nodes,
  windings,
  torsion = 0,
  radius = 1,
  dtype = 'float32',
  device,
}: MobiusLatticeOptions): Tensor {
  const name = 'mobiusLattice'
  expectNodes(name, nodes)
  expectNumber(name, 'windings', windings)
  expectNumber(name, 'torsion', torsion)
  expectNumber(name, 'radius', radius, { low: 1e-30, high: 1e30 })
  expectFullDtype(name, dtype)
  const on = deviceOf(device)
  return scope(() => {
    const structure = mobiusStructure({ windings, torsion, device: on })
    const positions = Tensor.empty([3, nodes], dtype, on)
    buildLattice({ positions, structure, radius, lazyWindings: 0, lazyTorsion: 0 })
    return positions
  })
}

/** w, τ, and those of the lattice that is built: none is. @internal */
export function mobiusStructure(options: {
  windings: number
  torsion: number
  device: Device
}): Tensor {
  const { windings, torsion, device } = options
  return tensor([windings, torsion, Number.NaN, Number.NaN], { dtype: 'float64', device })
}

/** Builds the lattice anew where w or τ has moved by more than a threshold, or one is 0. @internal */
export function buildLattice(options: {
  positions: Tensor
  structure: Tensor
  radius: number
  lazyWindings: number
  lazyTorsion: number
}): void {
  build({ ...options, nodes: options.positions.shape[1] ?? 0 })
}

/** w ← 0.95 w + 0.05 w*, τ ← 0.9 τ + 0.1 τ*; counts wishes outside their ranges. @internal */
export function followWishes(options: {
  windings: Tensor
  torsion: Tensor
  structure: Tensor
  clamped: Tensor
}): void {
  follow({ ...options, ...ends })
}
