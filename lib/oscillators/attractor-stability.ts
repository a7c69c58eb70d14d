// How often a state of Kuramoto oscillators comes back after it was perturbed.
import { expectInteger, expectNumber } from '../check.js'
import { noGrad } from '../context.js'
import { ShapeError, ValueError } from '../errors.js'
import { add } from '../operations/add.js'
import { type KuramotoResult, kuramoto } from '../operations/kuramoto.js'
import { expectFull, orderParameter } from '../operations/order-parameter.js'
import { randomUniform } from '../operations/random.js'
import { scale } from '../operations/scale.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { expectStepDrive, type KuramotoSystem, repeatRows, systemOf } from './kuramoto-system.js'

/** Arguments of `attractorStability`. */
export interface AttractorStabilityOptions extends KuramotoSystem {
  /** The state, rad: (N) or (1, N). */
  phases: Tensor
  /** How many perturbed copies. Default: 100. */
  trials?: number
  /** Every phase is moved by a number uniform in [−perturbation, perturbation), rad. Default: 0.5. */
  perturbation?: number
  /** Steps that a copy has to come back. */
  steps: number
  /** R is looked at after every n-th step … Default: a hundredth of the steps, at least 1. */
  record?: number
  /** … and the mean of the last looks counts. Default: 10, or all there are. */
  window?: number
  /** How far R may be off. Default: 0.05. */
  tolerance?: number
  /**
   * How far the pattern may be off, too: root mean square distance of the points e^(iθ) after the
   * rotation that fits best, in [0, √2]. Default: null, any pattern.
   */
  patternTolerance?: number | null
  /**
   * What copies come back to: the given state, or (`run`) where an unperturbed copy is by then, for
   * attractors that move. Default: `start`.
   */
  reference?: 'start' | 'run'
  /** Of the perturbations: integer of at least 0. Default: 0. */
  seed?: number
}

/** What `attractorStability` gives. */
export interface AttractorStability {
  /** Where it was computed. */
  readonly device: string
  /** The share of trials that came back, in [0, 1]. */
  readonly fraction: number
  /** 1 where a trial came back: (trials). */
  readonly returned: Uint8Array
  /** R of the trials, the mean of the last looks: (trials). */
  readonly R: Float64Array
  /** Distance of the trials' patterns at the end: (trials). Null unless `patternTolerance` is given. */
  readonly patternDistance: Float64Array | null
  /** R that they were compared with. */
  readonly referenceR: number
}

const name = 'attractorStability'
const kStream = 2 // keeps these numbers apart from those of noise with the same seed

/**
 * Perturbs a state many times, lets all copies run as one batch and counts those that come back.
 *
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError. Deterministic: equal seeds
 * give equal bits on one device.
 */
export async function attractorStability(
  options: AttractorStabilityOptions,
): Promise<AttractorStability> {
  const { phases, trials, oscillators, perturbation, seed, ...checked } = expectOptions(options)
  const { system, steps, record, window, tolerance, patternTolerance, reference } = checked
  return await noGrad(() =>
    scope(async () => {
      const run = (start: Tensor): KuramotoResult =>
        kuramoto({ ...system, phases: start, steps, record })
      const moved = Tensor.empty([trials, oscillators], phases.dtype, phases.device)
      randomUniform(moved, { seed, stream: kStream, low: -perturbation, high: perturbation })
      const state = phases.reshape([1, oscillators])
      const ends = run(add(repeatRows(state, trials), moved))
      const unperturbed = reference === 'run' ? run(state) : null
      const goal = unperturbed?.phases ?? state
      const distances = patternTolerance === null ? null : patternDistances(ends.phases, goal)
      const referenceR = unperturbed
        ? (lastMeans(await dataOf(unperturbed.R), 1, window)[0] as number)
        : await orderParameter(phases.reshape([oscillators])).R.item()
      const R = lastMeans(await dataOf(ends.R), trials, window)
      const patternDistance = distances && (await dataOf(distances)).map(chordOfOverlap)
      const returned = Uint8Array.from(R, (value, i) => {
        const pattern = patternDistance ? (patternDistance[i] as number) : 0
        const near = Math.abs(value - referenceR) <= tolerance
        return near && pattern <= (patternTolerance ?? 0) ? 1 : 0
      })
      const fraction = returned.reduce((sum, came) => sum + came, 0) / trials
      return { device: phases.device.name, fraction, returned, R, patternDistance, referenceR }
    }),
  )
}

function expectOptions(options: AttractorStabilityOptions) {
  const { phases, trials = 100, perturbation = 0.5, steps, tolerance = 0.05, seed = 0 } = options
  expectFull(name, 'phases', phases)
  const oscillators = phases.shape.at(-1) ?? 0
  if (oscillators < 1 || phases.length !== oscillators || phases.shape.length > 2) {
    throw new ShapeError(`${name}: phases must be of shape (N) or (1, N), got [${phases.shape}]`)
  }
  expectInteger(name, 'trials', trials)
  expectNumber(name, 'perturbation', perturbation, { low: 0 })
  expectInteger(name, 'steps', steps)
  expectInteger(name, 'seed', seed, 0)
  const { record = Math.max(1, Math.floor(steps / 100)), patternTolerance = null } = options
  expectInteger(name, 'record', record)
  if (record > steps) {
    throw new ValueError(`${name}: record must be at most the ${steps} steps, got ${record}`)
  }
  const looks = Math.floor(steps / record)
  const { window = Math.min(10, looks), reference = 'start' } = options
  expectInteger(name, 'window', window)
  if (window > looks) {
    throw new ValueError(`${name}: window must be at most the ${looks} looks, got ${window}`)
  }
  expectNumber(name, 'tolerance', tolerance, { low: 0 })
  if (patternTolerance !== null)
    expectNumber(name, 'patternTolerance', patternTolerance, { low: 0 })
  if (reference !== 'start' && reference !== 'run') {
    throw new ValueError(`${name}: reference must be start or run, got ${String(reference)}`)
  }
  const system = oneSystem(systemOf(options), oscillators)
  expectStepDrive(name, system, steps)
  const numbers = { trials, perturbation, steps, record, window, tolerance, patternTolerance, seed }
  return { phases, oscillators, system, reference, ...numbers }
}

// A system of one batch, as all trials share it.
function oneSystem(system: KuramotoSystem, oscillators: number): KuramotoSystem {
  const { naturalFrequencies, coupling, drive, driveKind } = system
  if (naturalFrequencies.length !== oscillators) {
    throw new ShapeError(
      `${name}: naturalFrequencies must be of shape (N = ${oscillators}), got [${naturalFrequencies.shape}]`,
    )
  }
  if (typeof coupling !== 'number' && coupling.length !== 1) {
    throw new ShapeError(`${name}: coupling must be of 1 element, got [${coupling.shape}]`)
  }
  if (drive && driveKind === 'batch') {
    throw new ValueError(`${name}: driveKind must be node or step, got batch`)
  }
  return { ...system, naturalFrequencies: naturalFrequencies.reshape([oscillators]) }
}

// |(1/N) Σ e^(i(θ − goal))|: 1 where they agree up to a rotation.
function patternDistances(phases: Tensor, goal: Tensor): Tensor {
  const [rows = 1] = phases.shape
  return orderParameter(add(phases, scale(repeatRows(goal, rows), -1))).R
}

// Root mean square distance of points on the circle whose mean overlap is c: √(2(1 − c)).
const chordOfOverlap = (overlap: number): number => Math.sqrt(2 * Math.max(0, 1 - overlap))

// The mean of the last numbers of each row.
function lastMeans(values: Float64Array, rows: number, count: number): Float64Array {
  const width = values.length / rows
  return Float64Array.from({ length: rows }, (_, row) => {
    const last = values.subarray((row + 1) * width - count, (row + 1) * width)
    return last.reduce((sum, value) => sum + value, 0) / count
  })
}

async function dataOf(tensor: Tensor | null): Promise<Float64Array> {
  return Float64Array.from((await tensor?.data()) ?? [])
}
