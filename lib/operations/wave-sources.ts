// What waves start from and what receivers make of them: the two ends of every way to sum them.
import { expectKind, expectShape } from '../check.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record, recording } from '../tape.js'
import { Tensor } from '../tensor.js'
import { expectFull } from './order-parameter.js'
import { expectTargets, expectTimes, releasing, targetsTensor, timesTensor } from './wave-call.js'
import type { WaveFieldOptions, WaveSystem } from './wave-field.js'

const sourcesForward = operation('waveSourcesForward', [
  'amplitudes',
  'frequencies',
  'times',
  'sources',
  'nodes',
  'samples',
] as const)
const sourcesBackward = operation('waveSourcesBackward', [
  'gradSources',
  'amplitudes',
  'frequencies',
  'times',
  'gradAmplitudes',
  'gradFrequencies',
  'nodes',
  'samples',
] as const)
const receiveForward = operation('waveReceiveForward', [
  'potential',
  'phases',
  'targets',
  'field',
  'nodes',
  'receivers',
  'samples',
] as const)
const receiveBackward = operation('waveReceiveBackward', [
  'gradField',
  'potential',
  'phases',
  'targets',
  'gradPotential',
  'gradPhases',
  'nodes',
  'receivers',
  'samples',
] as const)

/** Arguments of `waveSources`. */
export type WaveSourcesOptions = Pick<WaveSystem, 'amplitudes' | 'frequencies'> &
  Pick<WaveFieldOptions, 'times'>

/**
 * What N oscillators send out, at M times.
 *
 *     q_j(t) = A_j e^(iω_j t)
 *
 * ω t is reduced to a turn in float64. Gradients flow to amplitudes and frequencies.
 *
 * @param options `amplitudes` A and `frequencies` ω (rad per unit of time), both (N), float64 or
 * float32; `times`: a number, an array of M of them, or float64 (M).
 * @returns (M, 2, N): the real plane, then the imaginary one.
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError. Deterministic.
 */
export function waveSources({ amplitudes, frequencies, times }: WaveSourcesOptions): Tensor {
  const name = 'waveSources'
  expectFull(name, 'amplitudes', amplitudes)
  const [nodes = 0] = expectShape(name, 'amplitudes', amplitudes, { N: -1 })
  expectNodes(name, 'amplitudes', nodes)
  expectKind(name, 'frequencies', frequencies, amplitudes)
  expectShape(name, 'frequencies', frequencies, { N: nodes })
  const { dtype, device } = amplitudes
  const checked = expectTimes(name, times, device)
  const made: Tensor[] = []
  const at = timesTensor(checked, { device, made })
  const samples = at.length
  return releasing({ made }, () => {
    const sources = Tensor.empty([samples, 2, nodes], dtype, device)
    sourcesForward({ amplitudes, frequencies, times: at, sources, nodes, samples })
    const inputs = { amplitudes, frequencies }
    if (!recording(inputs)) for (const tensor of made) tensor.dispose()
    return record(inputs, { sources }, ({ sources: gradSources }) =>
      waveSourcesBackward(gradSources as Tensor, { amplitudes, frequencies, times: at }),
    ).sources
  })
}

function waveSourcesBackward(
  gradSources: Tensor,
  inputs: { amplitudes: Tensor; frequencies: Tensor; times: Tensor },
) {
  const gradAmplitudes = Tensor.like(inputs.amplitudes)
  const gradFrequencies = Tensor.like(inputs.frequencies)
  sourcesBackward({
    gradSources,
    ...inputs,
    gradAmplitudes,
    gradFrequencies,
    nodes: inputs.amplitudes.length,
    samples: inputs.times.length,
  })
  return { amplitudes: gradAmplitudes, frequencies: gradFrequencies }
}

/** Arguments of `waveReceive`. */
export interface WaveReceiveOptions {
  /** U (M, 2, N): real plane, imaginary plane; float64 or float32. */
  potential: Tensor
  /** φ (N), rad. */
  phases: Tensor
  /** int32 (S), or an array of integers in [0, N). Default: all N. */
  targets?: Tensor | ArrayLike<number> | null
}

/**
 * The field that receivers make of a complex potential.
 *
 *     F_i = e^(iφ_i) Im U_i,   U_i = Σ_j e^(−ik d_ij) / d_ij q_j
 *
 * Gradients flow to the potential (where a node stands twice among the targets, both add up) and to
 * the phases.
 *
 * @returns (M, 2, S): the real plane, then the imaginary one.
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError; a target of a tensor outside
 * [0, N) is a ValueError of the next read. Deterministic.
 */
export function waveReceive({ potential, phases, targets = null }: WaveReceiveOptions): Tensor {
  const name = 'waveReceive'
  expectFull(name, 'potential', potential)
  const whole = { M: -1, planes: 2, N: -1 }
  const [samples = 0, , nodes = 0] = expectShape(name, 'potential', potential, whole)
  expectNodes(name, 'potential', samples * nodes)
  expectKind(name, 'phases', phases, potential)
  expectShape(name, 'phases', phases, { N: nodes })
  const { dtype, device } = potential
  const checked = expectTargets(name, targets, { nodes, device })
  const made: Tensor[] = []
  const at = targetsTensor(checked, { device, made })
  const sizes = { nodes, receivers: at?.length ?? nodes, samples }
  return releasing({ made }, () => {
    const field = Tensor.empty([samples, 2, sizes.receivers], dtype, device)
    receiveForward({ potential, phases, targets: at, field, ...sizes })
    const inputs = { potential, phases }
    if (!recording(inputs)) for (const tensor of made) tensor.dispose()
    return record(inputs, { field }, ({ field: gradField }) =>
      waveReceiveBackward(gradField as Tensor, { potential, phases, targets: at }, sizes),
    ).field
  })
}

function waveReceiveBackward(
  gradField: Tensor,
  inputs: { potential: Tensor; phases: Tensor; targets: Tensor | null },
  sizes: { nodes: number; receivers: number; samples: number },
) {
  const gradPotential = Tensor.like(inputs.potential)
  const gradPhases = Tensor.like(inputs.phases)
  receiveBackward({ gradField, ...inputs, gradPotential, gradPhases, ...sizes })
  return { potential: gradPotential, phases: gradPhases }
}

function expectNodes(name: string, key: string, count: number): void {
  if (count > 0) return
  throw new ShapeError(`${name}: ${key} must be of at least 1 element, got ${count}`)
}
