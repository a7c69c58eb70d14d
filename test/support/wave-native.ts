// Calls waveFieldBackward with plain arrays, and the field by its definition.
import { type DeviceName, type FloatDtype, type Tensor, tensor } from '../../lib/index.js'
import { operation } from '../../lib/native.js'
import { backwardFields } from '../../lib/operations/wave-field.js'
import { generator } from './compare.js'

const backward = operation('waveFieldBackward', backwardFields)

/** The inputs that have gradients, in the operation's order. */
export const waveInputs = [
  'positions',
  'amplitudes',
  'frequencies',
  'phases',
  'wavenumber',
  'softening',
] as const
export type WaveInput = (typeof waveInputs)[number]

/** A wave field and the gradient of a loss with respect to it. */
export type WaveCase = Readonly<Record<WaveInput, Float64Array>> & {
  readonly times: Float64Array
  readonly targets: Int32Array | null
  readonly gradField: Float64Array
}

/** What the operation writes; null where it was not asked to. */
export type WaveGradients = Readonly<Record<WaveInput | 'field', Float64Array | null>>

/** A seeded case in the unit cube; `receivers` makes targets, with repeats. */
export function waveCase(
  nodes: number,
  { samples = 1, receivers = 0, seed = 1, coincident = false } = {},
): WaveCase {
  const { uniform, uniforms, normals } = generator(seed)
  const positions = normals(3 * nodes)
  if (coincident) {
    for (let j = 1; j < nodes; j += 3)
      for (let axis = 0; axis < 3; ++axis)
        positions[axis * nodes + j] = positions[axis * nodes + j - 1] as number
  }
  const targets =
    receivers > 0
      ? Int32Array.from({ length: receivers }, () => Math.floor(uniform() * nodes))
      : null
  if (targets && receivers > 1) targets[1] = targets[0] as number
  return {
    positions,
    amplitudes: uniforms(nodes).map((x) => 0.5 + x),
    frequencies: normals(nodes).map((x) => 1.5 + 0.3 * x),
    phases: uniforms(nodes).map((x) => 6 * x),
    wavenumber: Float64Array.of(3),
    softening: Float64Array.of(0.05),
    times: uniforms(samples).map((x) => 40 * x),
    targets,
    gradField: normals(2 * samples * (targets ? receivers : nodes)),
  }
}

/** Runs the operation for the gradients of `wanted` and, where that is asked for, the field. */
export async function waveGradients(
  given: WaveCase,
  {
    device = 'cpu' as DeviceName,
    dtype = 'float64' as FloatDtype,
    wanted = waveInputs as readonly WaveInput[],
    field = true,
  } = {},
): Promise<WaveGradients> {
  const made: Tensor[] = []
  const make = (data: ArrayLike<number>, type: FloatDtype | 'int32'): Tensor => {
    const created = tensor(Float64Array.from(data), { dtype: type, device })
    made.push(created)
    return created
  }
  const inputs = Object.fromEntries(waveInputs.map((name) => [name, make(given[name], dtype)]))
  const outputs = new Map<WaveInput | 'field', Tensor>()
  const written = (name: WaveInput | 'field', length: number, asked: boolean): Tensor | null => {
    if (!asked) return null
    const output = make(new Float64Array(length).fill(7), dtype)
    outputs.set(name, output)
    return output
  }
  const gradient = (name: WaveInput): Tensor | null =>
    written(name, given[name].length, wanted.includes(name))
  const nodes = given.amplitudes.length
  backward({
    ...(inputs as Record<WaveInput, Tensor>),
    times: make(given.times, 'float64'),
    targets: given.targets && make(given.targets, 'int32'),
    nodes,
    receivers: given.targets?.length ?? nodes,
    samples: given.times.length,
    gradField: make(given.gradField, dtype),
    gradPositions: gradient('positions'),
    gradAmplitudes: gradient('amplitudes'),
    gradFrequencies: gradient('frequencies'),
    gradPhases: gradient('phases'),
    gradWavenumber: gradient('wavenumber'),
    gradSoftening: gradient('softening'),
    field: written('field', given.gradField.length, field),
  })
  const read = async (name: WaveInput | 'field'): Promise<Float64Array | null> => {
    const output = outputs.get(name)
    return output ? Float64Array.from(await output.data()) : null
  }
  try {
    const names = [...waveInputs, 'field'] as const
    const data = await Promise.all(names.map(read))
    return Object.fromEntries(names.map((name, i) => [name, data[i] ?? null])) as WaveGradients
  } finally {
    for (const one of made) one[Symbol.dispose]()
  }
}

/** The field by its definition, in float64. */
export function waveReference(given: WaveCase): Float64Array {
  const nodes = given.amplitudes.length
  const receivers = given.targets?.length ?? nodes
  const at = (of: ArrayLike<number>, i: number): number => of[i] as number
  const [k, epsilon] = [at(given.wavenumber, 0), at(given.softening, 0)]
  const field = new Float64Array(2 * given.times.length * receivers)
  for (const [m, t] of given.times.entries()) {
    for (let s = 0; s < receivers; ++s) {
      const i = given.targets ? at(given.targets, s) : s
      let sum = 0
      for (let j = 0; j < nodes; ++j) {
        const difference = [0, 1, 2].map(
          (axis) => at(given.positions, axis * nodes + i) - at(given.positions, axis * nodes + j),
        )
        const d = Math.hypot(...difference) + epsilon
        sum += (at(given.amplitudes, j) * Math.sin(at(given.frequencies, j) * t - k * d)) / d
      }
      field[2 * m * receivers + s] = Math.cos(at(given.phases, i)) * sum
      field[(2 * m + 1) * receivers + s] = Math.sin(at(given.phases, i)) * sum
    }
  }
  return field
}
