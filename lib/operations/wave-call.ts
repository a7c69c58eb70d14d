// The arguments of the wave operations, checked and under the addon's names.
import { expectKind, expectNumber, expectShape } from '../check.js'
import type { Device } from '../device.js'
import { ShapeError, ValueError } from '../errors.js'
import { Tensor, tensor } from '../tensor.js'
import { expectPositive } from './kuramoto-call.js'
import { expectFull } from './order-parameter.js'
import type { WaveSystem } from './wave-field.js'

/** A dtype that waves are computed in, and where. @internal */
export interface WaveKind {
  readonly dtype: 'float64' | 'float32'
  readonly device: Device
}

/** Times as they may be given. @internal */
export type WaveTimes = number | ArrayLike<number> | Tensor
/** Receivers as they may be given. @internal */
export type WaveTargets = Tensor | ArrayLike<number> | null

/** A checked call. @internal */
export interface WaveCall {
  readonly kind: WaveKind
  readonly inputs: {
    readonly positions: Tensor
    readonly amplitudes: Tensor
    readonly frequencies: Tensor
    readonly phases: Tensor
    readonly wavenumber: Tensor
    readonly softening: Tensor
    readonly times: Tensor
    readonly targets: Tensor | null
  }
  readonly sizes: { readonly nodes: number; readonly receivers: number; readonly samples: number }
  /** Tensors that were made of numbers. */
  readonly made: readonly Tensor[]
}

/** Arguments of a wave operation, checked but for what only the device sees. @internal */
export interface CheckedWave {
  readonly kind: WaveKind
  readonly nodes: number
  readonly wavenumber: number | Tensor
  readonly softening: number | Tensor
  readonly times: Float64Array | Tensor
  readonly targets: Int32Array | Tensor | null
  readonly samples: number
  readonly receivers: number
}

/** Checks a system with its times and receivers; allocates nothing on the device. @internal */
export function checkWave(
  name: string,
  options: WaveSystem & { times: WaveTimes; targets?: WaveTargets },
): CheckedWave {
  const { positions, wavenumber = 3, softening = 0.05, targets = null } = options
  expectFull(name, 'positions', positions)
  const [, nodes = 0] = expectShape(name, 'positions', positions, { axes: 3, N: -1 })
  if (nodes < 1) {
    throw new ShapeError(
      `${name}: positions must be of at least 1 node, got [${positions.shape.join(', ')}]`,
    )
  }
  const kind = { dtype: positions.dtype as WaveKind['dtype'], device: positions.device }
  for (const key of ['amplitudes', 'frequencies', 'phases'] as const) {
    expectKind(name, key, options[key], kind)
    expectShape(name, key, options[key], { N: nodes })
  }
  expectScalar(name, 'wavenumber', wavenumber, kind)
  expectScalar(name, 'softening', softening, kind)
  const times = expectTimes(name, options.times, kind.device)
  const receivers = expectTargets(name, targets, { nodes, device: kind.device })
  return {
    kind,
    nodes,
    wavenumber,
    softening,
    times,
    targets: receivers,
    samples: times.length,
    receivers: receivers?.length ?? nodes,
  }
}

/** A checked call with its numbers uploaded. @internal */
export function uploadWave(checked: CheckedWave, system: WaveSystem): WaveCall {
  const { kind, nodes } = checked
  const { positions, amplitudes, frequencies, phases } = system
  const made: Tensor[] = []
  const scalar = (given: number | Tensor): Tensor =>
    typeof given === 'number' ? keep(made, tensor([given], kind)) : given
  const wavenumber = scalar(checked.wavenumber)
  const softening = scalar(checked.softening)
  const times = timesTensor(checked.times, { device: kind.device, made })
  const targets = targetsTensor(checked.targets, { device: kind.device, made })
  const inputs = { positions, amplitudes, frequencies, phases, wavenumber, softening }
  return {
    kind,
    inputs: { ...inputs, times, targets },
    sizes: { nodes, receivers: targets ? targets.length : nodes, samples: times.length },
    made,
  }
}

/** Runs `body`; what was uploaded for it goes with it if it fails. @internal */
export function releasing<T>({ made }: { readonly made: readonly Tensor[] }, body: () => T): T {
  try {
    return body()
  } catch (error) {
    for (const tensor of made) tensor.dispose()
    throw error
  }
}

function keep(made: Tensor[], given: Tensor): Tensor {
  made.push(given)
  return given
}

/** @internal */
export function timesTensor(
  times: Float64Array | Tensor,
  { device, made }: { device: Device; made: Tensor[] },
): Tensor {
  return isTensor(times) ? times : keep(made, tensor(times, { dtype: 'float64', device }))
}

/** @internal */
export function targetsTensor(
  targets: Int32Array | Tensor | null,
  { device, made }: { device: Device; made: Tensor[] },
): Tensor | null {
  if (targets === null || isTensor(targets)) return targets
  return keep(made, tensor(targets, { dtype: 'int32', device }))
}

// A number that stays finite (and, for ε, above 0) in the dtype, or a tensor of one element.
function expectScalar(
  name: string,
  key: 'wavenumber' | 'softening',
  given: number | Tensor,
  kind: WaveKind,
): void {
  if (typeof given === 'object' && given !== null) {
    expectKind(name, key, given, kind)
    if (given.length !== 1) {
      throw new ShapeError(`${name}: ${key} must be of 1 element, got [${given.shape.join(', ')}]`)
    }
    return
  }
  const held = kind.dtype === 'float32' && typeof given === 'number' ? Math.fround(given) : given
  if (key === 'softening') expectPositive(name, key, held)
  else expectNumber(name, key, held)
}

/** One finite number, an array of at least one, or a float64 tensor. @internal */
export function expectTimes(name: string, times: WaveTimes, device: Device): Float64Array | Tensor {
  if (isTensor(times)) {
    expectKind(name, 'times', times, { dtype: 'float64', device })
    expectShape(name, 'times', times, { M: -1 })
  } else if (typeof times !== 'number' && !isArray(times)) {
    throw new ValueError(
      `${name}: times must be a finite number, an array of them or a float64 tensor, got ${kindOf(times)}`,
    )
  }
  const given = typeof times === 'number' ? [times] : times
  if (given.length < 1) {
    throw new ShapeError(`${name}: times must be at least 1 number, got ${given.length}`)
  }
  if (isTensor(given)) return given
  for (let m = 0; m < given.length; ++m) {
    if (Number.isFinite(given[m])) continue
    const at = typeof times === 'number' ? '' : ` at element ${m}`
    throw new ValueError(`${name}: times must be finite numbers, got ${kindOf(given[m])}${at}`)
  }
  return Float64Array.from(given)
}

/** Receivers: an int32 tensor of at least one, or an array of nodes. @internal */
export function expectTargets(
  name: string,
  targets: WaveTargets,
  { nodes, device }: { nodes: number; device: Device },
): Int32Array | Tensor | null {
  if (targets === null) return null
  if (isTensor(targets) || !isArray(targets)) {
    expectKind(name, 'targets', targets as Tensor, { dtype: 'int32', device })
    expectShape(name, 'targets', targets as Tensor, { S: -1 })
  }
  if (targets.length < 1) {
    throw new ShapeError(`${name}: targets must be at least 1 node, got ${targets.length}`)
  }
  if (isTensor(targets)) return targets
  for (let s = 0; s < targets.length; ++s) {
    const node: unknown = targets[s]
    if (Number.isInteger(node) && (node as number) >= 0 && (node as number) < nodes) continue
    throw new ValueError(
      `${name}: targets must be nodes in [0, N = ${nodes}), got ${kindOf(node)} at element ${s}`,
    )
  }
  return Int32Array.from(targets)
}

/** @internal */
export function isTensor(given: unknown): given is Tensor {
  return given instanceof Tensor
}

function isArray(given: unknown): given is ArrayLike<number> {
  return typeof given === 'object' && given !== null && 'length' in given
}

function kindOf(given: unknown): string {
  return typeof given === 'object' && given !== null
    ? (given.constructor?.name ?? 'object')
    : String(given)
}

/** Throws unless `given` is one of `choices`. @internal */
export function expectChoice<const Choice extends string>(
  name: string,
  key: string,
  given: Choice,
  choices: readonly Choice[],
): Choice {
  if (choices.includes(given)) return given
  throw new ValueError(`${name}: ${key} must be one of ${choices.join(', ')}, got ${kindOf(given)}`)
}
