// What a Möbius sphere is asked and what it answers, and the checks of it.
import { expectInteger, expectKind, expectNumber, expectShape } from '../check.js'
import type { SafetensorsEntry } from '../data/safetensors.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import { ShapeError, ValueError } from '../errors.js'
import { expectFullDtype, expectNodes } from '../operations/mobius-lattice.js'
import { Tensor } from '../tensor.js'

/** Arguments of `MobiusSphere`. */
export interface MobiusSphereOptions {
  /** n, in [1, 2^30]. Default: 8000. */
  nodes?: number
  /** w at the start. Default: 3.8. */
  windings?: number
  /** τ at the start. Default: 0. */
  torsion?: number
  /** R, in [1e-30, 1e30]. Default: 1. */
  radius?: number
  /** k, rad per unit of length. Default: 3. */
  wavenumber?: number
  /** ε, a length in [1e-30, 1e30]. Default: 0.05. */
  softening?: number
  /** Of the nodes' frequencies and phases, and of the samples. Default: 0. */
  seed?: number
  /** The field is computed every so many cycles. Default: 1, every cycle. */
  skipInterval?: number
  /**
   * At how many nodes the field is computed: scaled by uvhlN / 3.8 and kept within [100, 300], drawn anew
   * each time. Default: 'all'.
   */
  sampleSize?: 'all' | number
  /** The lattice is built anew when w has moved by more since, or always where it is 0. Default: 1. */
  lazyWindings?: number
  /** The same for τ. Default: 0.1. */
  lazyTorsion?: number
  /** Vortices are counted at all nodes, not at every ⌊n/500⌋-th. Default: false. */
  exactVortices?: boolean
  /** Whether `state()` tells of the first half of the nodes, or of all. Default: 'reference'. */
  stateSpacing?: 'reference' | 'even'
  /** Default: `float32`. */
  dtype?: 'float32' | 'float64'
  device?: DeviceName | Device
}

/** Every option, with its default where none was given. */
export type MobiusSphereSettings = Readonly<Required<Omit<MobiusSphereOptions, 'device'>>> & {
  readonly device: Device
}

/** What a control loop wishes of the structure; what is left out stays as it was last wished. */
export interface MobiusWishes {
  /** w*, kept within [3.8, 150]: a number or a tensor (1) of the sphere's dtype. */
  windings?: number | Tensor
  /** τ*, kept within [0, 3]: a number or a tensor (1) of the sphere's dtype. */
  torsion?: number | Tensor
  /** n; a difference below 1000 is ignored. */
  nodes?: number
  /** Scales a sample of this cycle, 3.8 being no change. Default: 3.8. */
  uvhlN?: number
}

/** Arguments of `MobiusSphere.evolve`. */
export interface EvolveOptions {
  /** a (actions ≤ n), one for each of the first nodes, of the sphere's dtype. */
  action?: Tensor
  /** Default: the structure rests. */
  structure?: MobiusWishes
  /** t, any finite number: reduced in float64, so that Unix time is as good as 0. */
  time: number
  /** Where the field is computed: int32 (S), each node at most once. Default: by `sampleSize`. */
  indices?: Tensor
}

/** What a sphere tells of itself, on the host. */
export interface SphereReport {
  /** Cycles evolved. */
  readonly cycle: number
  /** Of the stored field, estimated from the nodes that were looked at. */
  readonly vortices: number
  /** min(vortices / n, 1). */
  readonly density: number
  readonly reward: number
  readonly windings: number
  readonly torsion: number
  /** Those of the lattice as it is built. */
  readonly builtWindings: number
  readonly builtTorsion: number
  /** How many wishes lay outside their ranges so far. */
  readonly clampedWishes: number
}

/** A sphere as a checkpoint holds it: numbers for JSON beside `namedTensors()`. */
export interface SphereCheckpoint {
  readonly numbers: { readonly nodes: number; readonly cycle: number }
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>
}

/** Differences of `structure.nodes` below this are ignored. @internal */
export const kNodesStep = 1000

/** Checks options and fills in defaults. @internal */
export function sphereSettings(name: string, options: MobiusSphereOptions): MobiusSphereSettings {
  const {
    nodes = 8000,
    windings = 3.8,
    torsion = 0,
    radius = 1,
    wavenumber = 3,
    softening = 0.05,
    seed = 0,
    skipInterval = 1,
    sampleSize = 'all',
    lazyWindings = 1,
    lazyTorsion = 0.1,
    exactVortices = false,
    stateSpacing = 'reference',
    dtype = 'float32',
  } = options
  expectNodes(name, nodes)
  for (const [key, value] of Object.entries({ windings, torsion, wavenumber })) {
    expectNumber(name, key, value)
  }
  for (const [key, value] of Object.entries({ radius, softening })) {
    expectNumber(name, key, value, { low: 1e-30, high: 1e30 })
  }
  for (const [key, value] of Object.entries({ lazyWindings, lazyTorsion })) {
    expectNumber(name, key, value, { low: 0, high: 1e30 })
  }
  expectInteger(name, 'seed', seed, 0)
  expectInteger(name, 'skipInterval', skipInterval)
  if (sampleSize !== 'all') expectInteger(name, 'sampleSize', sampleSize)
  if (typeof exactVortices !== 'boolean') {
    throw new ValueError(`${name}: exactVortices must be true or false, got ${exactVortices}`)
  }
  if (stateSpacing !== 'reference' && stateSpacing !== 'even') {
    throw new ValueError(
      `${name}: stateSpacing must be reference or even, got ${String(stateSpacing)}`,
    )
  }
  expectFullDtype(name, dtype)
  return {
    nodes,
    windings,
    torsion,
    radius,
    wavenumber,
    softening,
    seed,
    skipInterval,
    sampleSize,
    lazyWindings,
    lazyTorsion,
    exactVortices,
    stateSpacing,
    dtype,
    device: deviceOf(options.device),
  }
}

/** Checks the arguments of a cycle; gives the number of nodes that it will have. @internal */
export function checkCycle(
  name: string,
  { action, structure = {}, time, indices }: EvolveOptions,
  { nodes, kind }: { nodes: number; kind: Pick<MobiusSphereSettings, 'dtype' | 'device'> },
): number {
  expectNumber(name, 'time', time)
  if (typeof structure !== 'object' || structure === null) {
    throw new ValueError(`${name}: structure must be an object of wishes, got ${String(structure)}`)
  }
  for (const key of ['windings', 'torsion'] as const) {
    const wish = structure[key]
    if (wish instanceof Tensor) {
      expectKind(name, key, wish, kind)
      expectShape(name, key, wish, { one: 1 })
    } else if (wish !== undefined) {
      expectNumber(name, key, wish)
    }
  }
  const { nodes: wished = nodes, uvhlN } = structure
  expectNodes(name, wished)
  if (uvhlN !== undefined) expectNumber(name, 'uvhlN', uvhlN)
  const after = Math.abs(wished - nodes) < kNodesStep ? nodes : wished
  const counted = (key: string, tensor: Tensor, least: number): void => {
    const [count = 0] = expectShape(name, key, tensor, { [key]: -1 })
    if (count < least || count > after) {
      throw new ShapeError(
        `${name}: ${key} must be from ${least} to nodes = ${after} numbers, got ${count}`,
      )
    }
  }
  if (action !== undefined) {
    expectKind(name, 'action', action, kind)
    counted('action', action, 0)
  }
  if (indices !== undefined) {
    expectKind(name, 'indices', indices, { dtype: 'int32', device: kind.device })
    counted('indices', indices, 1)
  }
  return after
}
