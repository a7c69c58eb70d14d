// The phase-locking matrix of a trajectory.
import { expectShape } from '../check.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'
import { matrixProduct } from './matrix-product.js'
import { expectFull } from './order-parameter.js'

const stackForward = operation('phaseStackForward', ['phases', 'stack', 'rotated'] as const)
const stackBackward = operation('phaseStackBackward', [
  'phases',
  'gradStack',
  'gradRotated',
  'gradPhases',
] as const)
const magnitudeForward = operation('scaledMagnitudeForward', [
  'real',
  'imaginary',
  'magnitude',
  'factor',
] as const)
const magnitudeBackward = operation('scaledMagnitudeBackward', [
  'gradMagnitude',
  'real',
  'imaginary',
  'gradReal',
  'gradImaginary',
  'factor',
] as const)

/**
 * How steadily each two oscillators keep their phase difference.
 *
 *     P_ij = |(1/T) Σ_t e^(i(θ_ti − θ_tj))|
 *
 * By two matrix products of sines and cosines, 8 T N² operations.
 *
 * @param trajectory (T, N), rad, float64 or float32: a batch's rows are its times.
 * @returns (N, N), symmetric, in [0, 1]; 1 on the diagonal but for rounding. Gradients flow to the
 * trajectory; none from where P is 0.
 * @throws ShapeError, DtypeError, DisposedError. Deterministic.
 * Source: Lachaux et al. 1999, doi:10.1002/(SICI)1097-0193(1999)8:4<194::AID-HBM4>3.0.CO;2-C.
 */
export function phaseLocking(trajectory: Tensor): Tensor {
  const name = 'phaseLocking'
  expectFull(name, 'trajectory', trajectory)
  const [times = 0] = expectShape(name, 'trajectory', trajectory, { T: -1, N: -1 })
  if (trajectory.length < 1) {
    throw new ShapeError(
      `${name}: trajectory must be of at least 1 time and 1 oscillator, got [${trajectory.shape}]`,
    )
  }
  const { stack, rotated } = phaseStack(trajectory, { rotated: true })
  const [left, right] = [stack, rotated as Tensor].map((planes) =>
    planes.reshape([2 * times, trajectory.shape[1] as number]),
  ) as [Tensor, Tensor]
  const real = matrixProduct({ left, right: left, transposeLeft: true })
  const imaginary = matrixProduct({ left, right, transposeLeft: true })
  return scaledMagnitude(real, imaginary, 1 / times)
}

/** Sines above cosines and, if asked for, cosines above sines of the other sign: (2, length). @internal */
export function phaseStack(
  phases: Tensor,
  options: { rotated: boolean },
): { stack: Tensor; rotated: Tensor | null } {
  const shape = [2, phases.length]
  const stack = Tensor.empty(shape, phases.dtype, phases.device)
  const rotated = options.rotated ? Tensor.empty(shape, phases.dtype, phases.device) : null
  if (phases.length > 0) stackForward({ phases, stack, rotated })
  return record({ phases }, { stack, rotated }, (gradients) => ({
    phases: phaseStackBackward(gradients.stack, gradients.rotated, phases),
  }))
}

// Both stacks are used wherever gradients flow.
function phaseStackBackward(
  gradStack: Tensor | null,
  gradRotated: Tensor | null,
  phases: Tensor,
): Tensor | null {
  if (!gradStack || !gradRotated) return null
  const gradPhases = Tensor.like(phases)
  stackBackward({ phases, gradStack, gradRotated, gradPhases })
  return gradPhases
}

function scaledMagnitude(real: Tensor, imaginary: Tensor, factor: number): Tensor {
  const magnitude = Tensor.like(real)
  magnitudeForward({ real, imaginary, magnitude, factor })
  return record({ real, imaginary }, { magnitude }, ({ magnitude: gradMagnitude }) =>
    scaledMagnitudeBackward(gradMagnitude, { real, imaginary, factor }),
  ).magnitude
}

function scaledMagnitudeBackward(
  gradMagnitude: Tensor | null,
  { real, imaginary, factor }: { real: Tensor; imaginary: Tensor; factor: number },
) {
  if (!gradMagnitude) return { real: null, imaginary: null }
  const gradReal = Tensor.like(real)
  const gradImaginary = Tensor.like(imaginary)
  magnitudeBackward({ gradMagnitude, real, imaginary, gradReal, gradImaginary, factor })
  return { real: gradReal, imaginary: gradImaginary }
}
