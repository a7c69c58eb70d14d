// The field of oscillating sources at nodes of the same set, with gradients to everything but time.
import { expectKind, expectShape } from '../check.js'
import { ValueError } from '../errors.js'
import { operation } from '../native.js'
import { differentiable, record, recording } from '../tape.js'
import { Tensor } from '../tensor.js'
import {
  checkWave,
  expectChoice,
  releasing,
  uploadWave,
  type WaveCall,
  type WaveKind,
} from './wave-call.js'

const inputFields = [
  'positions',
  'amplitudes',
  'frequencies',
  'phases',
  'wavenumber',
  'softening',
  'times',
  'targets',
  'nodes',
  'receivers',
  'samples',
] as const
const forward = operation('waveFieldForward', [
  ...inputFields,
  'field',
  'propagator',
  'bfloat16Factors',
  'float16Distances',
] as const)
/** The fields of waveFieldBackward. @internal */
export const backwardFields = [
  ...inputFields,
  'gradField',
  'gradPositions',
  'gradAmplitudes',
  'gradFrequencies',
  'gradPhases',
  'gradWavenumber',
  'gradSoftening',
  'field',
] as const
const backward = operation('waveFieldBackward', backwardFields)

/** N oscillators in space: each is a source, and a place where the field is felt. */
export interface WaveSystem {
  /** x (3, N): three planes, float64 or float32, which all others follow. */
  positions: Tensor
  /** A (N). */
  amplitudes: Tensor
  /** ω (N), rad per unit of time. */
  frequencies: Tensor
  /** φ (N), rad: of the receivers. */
  phases: Tensor
  /** k, rad per unit of length: a finite number or a tensor of one element. Default: 3. */
  wavenumber?: number | Tensor
  /** ε, a length above 0: a number or a tensor of one element. Default: 0.05. */
  softening?: number | Tensor
}

/** Arguments of `waveField`. */
export interface WaveFieldOptions extends WaveSystem {
  /** t, any finite size: a number, an array of M of them, or float64 (M). */
  times: number | ArrayLike<number> | Tensor
  /**
   * The nodes where the field is wanted, in any order, repeats allowed: int32 (S), or an array of
   * integers in [0, N). Default: all N.
   */
  targets?: Tensor | ArrayLike<number> | null
  /**
   * `direct` evaluates every pair at every time; `propagator` every pair once and all times as one
   * matrix product, which pays from a few times on. Default: 'direct'.
   */
  method?: 'direct' | 'propagator'
  /**
   * Of the factors of the propagator's product: as the tensors are, or rounded to bfloat16 beside
   * float32. Default: 'float32'.
   */
  precision?: 'float32' | 'bfloat16'
  /**
   * Whether |x_i − x_j| is rounded to float16, with the method 'direct' beside float32. Default:
   * 'float32', no rounding.
   */
  distances?: 'float32' | 'float16'
}

/** Inputs of the field that have gradients. */
export type WaveParameter =
  | 'positions'
  | 'amplitudes'
  | 'frequencies'
  | 'phases'
  | 'wavenumber'
  | 'softening'

/** ∂L/∂ of each input, in its shape ((1) of k and ε), or null where it was not asked for. */
export type WaveGradients = Readonly<Record<WaveParameter, Tensor | null>>

const kParameters = [
  'positions',
  'amplitudes',
  'frequencies',
  'phases',
  'wavenumber',
  'softening',
] as const satisfies readonly WaveParameter[]

/**
 * The field of N oscillating sources, at all of their places or at some.
 *
 *     F_i(t) = e^(iφ_i) Σ_j A_j sin(ω_j t − k d_ij) / d_ij,   d_ij = |x_i − x_j| + ε
 *
 * The sum takes in j = i (d = ε); nodes may coincide, where the derivative of the distance is taken as
 * 0. ω t is reduced to a turn in float64 for every source and time, so that Unix time in seconds is as
 * good as 0. N S M pairs and times; nothing of size N S is stored.
 *
 * Errors, as norms over the field's norm: within 1e-5 of float64 beside float32 (measured: 1e-7 to 2e-6),
 * by both methods. `precision: 'bfloat16'`: 1.6e-4 (8000 nodes of a Möbius lattice, k = 3) to 3e-3 (200
 * random nodes of the unit sphere, k = 30). `distances: 'float16'`: 1e-5 to 6e-4 there with k = 3, and ten
 * times that with k = 30. Both options round in the forward alone; gradients are those of the field
 * without rounding.
 *
 * Gradients flow to everything but the times, from one pass over the pairs.
 *
 * @returns (M, 2, S): the real plane, then the imaginary one.
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError. What only the device sees (a
 * target outside [0, N), a position that is not finite, ε ≤ 0 in a tensor) is a ValueError of the next
 * read.
 * Two runs give the same bits on one device, whatever the number of threads.
 * Source: docs/waves.md; the adjoint stands in ops/wave_field.h.
 */
export function waveField(options: WaveFieldOptions): Tensor {
  const name = 'waveField'
  const checked = checkWave(name, options)
  const flags = expectFlags(name, options, checked.kind)
  const call = uploadWave(checked, options)
  return releasing(call, () => {
    const { receivers, samples } = call.sizes
    const field = Tensor.empty([samples, 2, receivers], call.kind.dtype, call.kind.device)
    forward({ ...call.inputs, ...call.sizes, field, ...flags })
    const { times: _, targets: __, ...inputs } = call.inputs
    if (!recording(inputs)) release(call)
    return record(inputs, { field }, ({ field: gradField }) =>
      waveFieldBackward(gradField as Tensor, call),
    ).field
  })
}

function waveFieldBackward(gradField: Tensor, call: WaveCall): WaveGradients {
  return gradientsOf({
    call,
    gradField,
    field: null,
    wanted: (key) => differentiable(call.inputs[key]),
  })
}

/**
 * Writes the field into memory that is there, outside the tape.
 *
 * @param field (M, 2, S), or (2, S) for one time, written.
 * @throws as `waveField`. @internal
 */
export function waveFieldInto(options: WaveFieldOptions, field: Tensor): void {
  const name = 'waveFieldInto'
  const checked = checkWave(name, options)
  const flags = expectFlags(name, options, checked.kind)
  const { samples, receivers } = checked
  expectKind(name, 'field', field, checked.kind)
  const planes = { planes: 2, S: receivers }
  const flat = samples === 1 && field.shape.length === 2
  expectShape(name, 'field', field, flat ? planes : { M: samples, ...planes })
  const call = uploadWave(checked, options)
  releasing(call, () => forward({ ...call.inputs, ...call.sizes, field, ...flags }))
  release(call)
}

/** Arguments of `waveFieldWithGradients`. */
export interface WaveFieldGradientOptions extends WaveSystem {
  /** As of `waveField`. */
  times: number | ArrayLike<number> | Tensor
  /** As of `waveField`. */
  targets?: Tensor | ArrayLike<number> | null
  /** ∂L/∂F (M, 2, S): real plane, imaginary plane. */
  gradField: Tensor
  /** Which gradients. Default: all six. */
  wanted?: readonly WaveParameter[]
}

/**
 * The field and its gradients from one pass over the pairs, where ∂L/∂F is known beforehand (a linear
 * loss, a probe); outside the tape. The equation, units and errors are those of `waveField`.
 *
 *     ∂L/∂p = Σ_{t, i} Re(conj(∂L/∂F_i(t)) ∂F_i(t)/∂p)
 *
 * @returns `field` (M, 2, S) and `gradients` by input: (3, N), (N), (N), (N), (1), (1); null where one was
 * not wanted. They need not be the tensors that `requiresGrad`.
 * @throws as `waveField`. Deterministic in the same way.
 */
export function waveFieldWithGradients(options: WaveFieldGradientOptions): {
  field: Tensor
  gradients: WaveGradients
} {
  const name = 'waveFieldWithGradients'
  const { gradField, wanted = kParameters } = options
  for (const key of wanted) expectChoice(name, 'wanted', key, kParameters)
  const checked = checkWave(name, options)
  expectKind(name, 'gradField', gradField, checked.kind)
  const { samples, receivers } = checked
  expectShape(name, 'gradField', gradField, { M: samples, planes: 2, S: receivers })
  const call = uploadWave(checked, options)
  return releasing(call, () => {
    const field = Tensor.like(gradField)
    const gradients = gradientsOf({ call, gradField, field, wanted: (key) => wanted.includes(key) })
    release(call)
    return { field, gradients }
  })
}

// The numbers of a call whose backward will not come.
function release({ made }: WaveCall): void {
  for (const tensor of made) tensor.dispose()
}

function gradientsOf({
  call,
  gradField,
  field,
  wanted,
}: {
  call: WaveCall
  gradField: Tensor
  field: Tensor | null
  wanted: (key: WaveParameter) => boolean
}): WaveGradients {
  const gradientOf = (key: WaveParameter): Tensor | null =>
    wanted(key) ? Tensor.like(call.inputs[key]) : null
  const gradients = {
    positions: gradientOf('positions'),
    amplitudes: gradientOf('amplitudes'),
    frequencies: gradientOf('frequencies'),
    phases: gradientOf('phases'),
    wavenumber: gradientOf('wavenumber'),
    softening: gradientOf('softening'),
  }
  backward({
    ...call.inputs,
    ...call.sizes,
    gradField,
    gradPositions: gradients.positions,
    gradAmplitudes: gradients.amplitudes,
    gradFrequencies: gradients.frequencies,
    gradPhases: gradients.phases,
    gradWavenumber: gradients.wavenumber,
    gradSoftening: gradients.softening,
    field,
  })
  return gradients
}

function expectFlags(
  name: string,
  {
    method = 'direct',
    precision = 'float32',
    distances = 'float32',
  }: Omit<WaveFieldOptions, 'times'>,
  { dtype }: WaveKind,
) {
  expectChoice(name, 'method', method, ['direct', 'propagator'])
  expectChoice(name, 'precision', precision, ['float32', 'bfloat16'])
  expectChoice(name, 'distances', distances, ['float32', 'float16'])
  const flags = {
    propagator: method === 'propagator',
    bfloat16Factors: precision === 'bfloat16',
    float16Distances: distances === 'float16',
  }
  if (flags.bfloat16Factors && (!flags.propagator || dtype !== 'float32')) {
    throw new ValueError(
      `${name}: precision must be float32 unless the method is propagator on float32 tensors, got bfloat16`,
    )
  }
  if (flags.float16Distances && (flags.propagator || dtype !== 'float32')) {
    throw new ValueError(
      `${name}: distances must be float32 unless the method is direct on float32 tensors, got float16`,
    )
  }
  return flags
}
