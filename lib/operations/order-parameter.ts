// The order parameter of phases, and how reliable each of them is.
import { expectFloat, expectKind, expectNumber, expectSameShape, expectShape } from '../check.js'
import { DtypeError, ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('orderParameterForward', [
  'phases',
  'coherence',
  'meanPhase',
  'rows',
  'oscillators',
] as const)
const backward = operation('orderParameterBackward', [
  'phases',
  'coherence',
  'meanPhase',
  'gradCoherence',
  'gradMeanPhase',
  'gradPhases',
  'rows',
  'oscillators',
] as const)
const update = operation('phasePrecision', [
  'before',
  'after',
  'variance',
  'newVariance',
  'precision',
  'batch',
  'oscillators',
  'tau',
] as const)

/** The order parameter R e^(iψ). */
export interface OrderParameter {
  /** Coherence in [0, 1], of the phases' shape without its last size. */
  R: Tensor
  /** Mean phase in [0, 2π), of the same shape; without meaning where R is 0. */
  psi: Tensor
}

/**
 * The Kuramoto order parameter of the last dimension.
 *
 *     R e^(iψ) = (1/N) Σ_j e^(iθ_j),   ∂R/∂θ_j = sin(ψ − θ_j) / N
 *
 * @param phases (…, N), rad, float64 or float32.
 * @returns `R` and `psi`. Gradients flow from both; none from ψ where R is 0.
 * @throws ShapeError, DtypeError, DisposedError. Two runs give the same bits, whatever the number of
 * threads. Source: Kuramoto 1975, doi:10.1007/BFb0013365.
 */
export function orderParameter(phases: Tensor): OrderParameter {
  const name = 'orderParameter'
  expectFull(name, 'phases', phases)
  const oscillators = phases.shape.at(-1) ?? 0
  if (oscillators < 1) {
    throw new ShapeError(
      `${name}: phases must be of shape (…, N) with N at least 1, got [${phases.shape}]`,
    )
  }
  const sizes = { rows: phases.length / oscillators, oscillators }
  const shape = phases.shape.slice(0, -1)
  const R = Tensor.empty(shape, phases.dtype, phases.device)
  const psi = Tensor.empty(shape, phases.dtype, phases.device)
  forward({ phases, coherence: R, meanPhase: psi, ...sizes })
  return record({ phases }, { R, psi }, (gradients) => ({
    phases: orderParameterBackward(gradients, { phases, R, psi }, sizes),
  }))
}

function orderParameterBackward(
  gradients: { R: Tensor | null; psi: Tensor | null },
  { phases, R, psi }: { phases: Tensor; R: Tensor; psi: Tensor },
  sizes: { rows: number; oscillators: number },
): Tensor {
  const gradPhases = Tensor.like(phases)
  backward({
    phases,
    coherence: R,
    meanPhase: psi,
    gradCoherence: gradients.R,
    gradMeanPhase: gradients.psi,
    gradPhases,
    ...sizes,
  })
  return gradPhases
}

/** Arguments of `phasePrecision`. */
export interface PhasePrecisionOptions {
  /** (batch, N), rad: the phases of the last call. */
  before: Tensor
  /** (batch, N), rad: the phases now. */
  after: Tensor
  /** (N): the running variance, rad². */
  variance: Tensor
  /** How many calls the variance remembers, at least 1. Default: 20. */
  tau?: number
}

/**
 * How reliable each oscillator is, by the running variance of its phase's change between calls.
 *
 *     v ← (1 − 1/τ) v + δ²/τ,   p = min(1 / (v + 1e-4), 100)
 *
 * δ is the change wrapped to [−π, π), not divided by time; over a batch δ² is the mean. Nothing is
 * recorded for gradients.
 *
 * @returns the new variance and the precision, both (N).
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError. Deterministic.
 */
export function phasePrecision(options: PhasePrecisionOptions): {
  variance: Tensor
  precision: Tensor
} {
  const name = 'phasePrecision'
  const { before, after, variance, tau = 20 } = options
  expectFull(name, 'before', before)
  const [batch = 0, oscillators = 0] = expectShape(name, 'before', before, { batch: -1, N: -1 })
  if (before.length < 1) {
    throw new ShapeError(`${name}: before must be of at least 1 element, got [${before.shape}]`)
  }
  expectSameShape(name, 'after', after, before)
  expectKind(name, 'after', after, before)
  expectShape(name, 'variance', variance, { N: oscillators })
  expectKind(name, 'variance', variance, before)
  expectNumber(name, 'tau', tau, { low: 1 })
  const newVariance = Tensor.like(variance)
  const precision = Tensor.like(variance)
  update({ before, after, variance, newVariance, precision, batch, oscillators, tau })
  return { variance: newVariance, precision }
}

/** Throws unless `tensor` is float64 or float32. @internal */
export function expectFull(name: string, argument: string, tensor: Tensor): void {
  expectFloat(name, argument, tensor)
  if (tensor.dtype !== 'float64' && tensor.dtype !== 'float32') {
    throw new DtypeError(`${name}: ${argument} must be float64 or float32, got ${tensor.dtype}`)
  }
}
