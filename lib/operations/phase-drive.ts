import { expectKind, expectSameShape } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'
import { expectFull } from './order-parameter.js'

const forward = operation('phaseDriveForward', ['phases', 'sine', 'cosine', 'drive'] as const)
const backward = operation('phaseDriveBackward', [
  'gradDrive',
  'phases',
  'sine',
  'cosine',
  'gradPhases',
  'gradSine',
  'gradCosine',
] as const)

/** Arguments of `phaseDrive`. */
export interface PhaseDriveOptions {
  /** θ, rad, any shape, float64 or float32. */
  phases: Tensor
  /** A sin Φ, of the shape and dtype of the phases. */
  sine: Tensor
  /** A cos Φ, of the shape and dtype of the phases. */
  cosine: Tensor
}

/**
 * What pulls phases towards an input of strength A and phase Φ, elementwise.
 *
 *     u = A sin(Φ − θ) = s cos θ − c sin θ,   s = A sin Φ,   c = A cos Φ
 *
 * @returns the shape and dtype of the phases.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function phaseDrive({ phases, sine, cosine }: PhaseDriveOptions): Tensor {
  const name = 'phaseDrive'
  expectFull(name, 'phases', phases)
  for (const [key, given] of Object.entries({ sine, cosine })) {
    expectKind(name, key, given, phases)
    expectSameShape(name, key, given, phases)
  }
  const drive = Tensor.like(phases)
  if (drive.length > 0) forward({ phases, sine, cosine, drive })
  return record({ phases, sine, cosine }, { drive }, ({ drive: gradDrive }) =>
    gradDrive
      ? phaseDriveBackward(gradDrive, { phases, sine, cosine })
      : { phases: null, sine: null, cosine: null },
  ).drive
}

function phaseDriveBackward(gradDrive: Tensor, { phases, sine, cosine }: PhaseDriveOptions) {
  const gradPhases = Tensor.like(phases)
  const gradSine = Tensor.like(phases)
  const gradCosine = Tensor.like(phases)
  if (phases.length > 0) {
    backward({ gradDrive, phases, sine, cosine, gradPhases, gradSine, gradCosine })
  }
  return { phases: gradPhases, sine: gradSine, cosine: gradCosine }
}
