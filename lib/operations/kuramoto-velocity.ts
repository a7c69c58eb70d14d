// The velocity of coupled phases.
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'
import {
  coupledFields,
  coupledGradientFields,
  gradientsFor,
  namedGradients,
  type PhaseCoupling,
  type PreparedSystem,
  prepareSystem,
  recordingSystem,
  sourceFields,
} from './oscillators.js'

const forward = operation('kuramotoVelocityForward', [
  'phases',
  'velocity',
  ...coupledFields,
] as const)
const backward = operation('kuramotoVelocityBackward', [
  'gradVelocity',
  'phases',
  'gradPhases',
  ...coupledFields,
  ...sourceFields,
  ...coupledGradientFields,
] as const)

/** Arguments of `kuramotoVelocity`. */
export interface KuramotoVelocityOptions extends PhaseCoupling {
  /** θ, rad, any size: (B, N), float64 or float32, which all others follow. */
  phases: Tensor
}

/**
 * The velocity of Kuramoto-Sakaguchi oscillators.
 *
 *     dθ_i/dt = ω_i + u_i + (s_i K / Z_i) Σ_{j≠i} A_ij p_j sin(θ_j − θ_i − α)
 *
 * Self-edges count neither in the sum nor in Z; with `degree`, oscillators with Z below 1e-8 feel
 * nothing. Gradients flow to every floating argument but the signs.
 *
 * @returns dθ/dt (B, N), rad per unit of time.
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError.
 * Two runs give the same bits, whatever the number of threads.
 * Source: Sakaguchi & Kuramoto 1986, doi:10.1143/PTP.76.576.
 */
export function kuramotoVelocity(options: KuramotoVelocityOptions): Tensor {
  const { phases } = options
  const call = prepareSystem(
    'kuramotoVelocity',
    { ...options, system: 'phase' },
    { state: phases, stateName: 'phases', steps: 0 },
  )
  const velocity = Tensor.like(phases)
  forward({ ...call.inputs, ...call.fixed, phases, velocity })
  if (!recordingSystem(phases, call.inputs)) {
    call.release()
    return velocity
  }
  return record({ ...call.inputs, phases }, { velocity }, ({ velocity: gradVelocity }) =>
    kuramotoVelocityBackward(gradVelocity as Tensor, phases, call),
  ).velocity
}

function kuramotoVelocityBackward(gradVelocity: Tensor, phases: Tensor, call: PreparedSystem) {
  const gradPhases = Tensor.like(phases)
  const gradients = gradientsFor(call.inputs)
  backward({
    ...call.inputs,
    ...call.fixed,
    ...call.sources,
    ...namedGradients(gradients),
    gradVelocity,
    phases,
    gradPhases,
  })
  return { ...gradients, phases: gradPhases }
}
