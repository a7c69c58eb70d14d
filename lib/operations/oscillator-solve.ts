// Oscillators to a tolerance, with steps of their own for every batch element.
import { expectInteger, expectNumber } from '../check.js'
import { EntrainError, ValueError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor, tensor } from '../tensor.js'
import {
  coupledFields,
  coupledGradientFields,
  gradientsFor,
  kindFields,
  kindGradientFields,
  namedGradients,
  type OscillatorSystem,
  type PreparedSystem,
  prepareSystem,
  recordingSystem,
  sourceFields,
} from './oscillators.js'

const forward = operation('oscillatorSolveForward', [
  'start',
  'times',
  'trajectory',
  'final',
  'reached',
  'status',
  'accepted',
  'rejected',
  'stepTimes',
  'checkpoints',
  ...coupledFields,
  ...kindFields,
  'maximumSteps',
  'checkpointEvery',
  'startTime',
  'firstStep',
  'relativeTolerance',
  'absoluteTolerance',
] as const)
const backward = operation('oscillatorSolveBackward', [
  'checkpoints',
  'times',
  'stepTimes',
  'accepted',
  'gradTrajectory',
  'gradFinal',
  'gradStart',
  ...coupledFields,
  ...kindFields,
  ...sourceFields,
  ...coupledGradientFields,
  ...kindGradientFields,
  'maximumSteps',
  'checkpointEvery',
  'longest',
] as const)

/** What to solve for and how well. */
export interface OscillatorSolveRun {
  /** The state at the start, (B, length): see the systems; float64 or float32. */
  start: Tensor
  /** When the start is. Default: 0. */
  startTime?: number
  /** Output times, ascending, none before `startTime`; the last is the end. */
  times: readonly number[]
  /** Error allowed in a step, relative to the state (of phases: to one radian). Default: 1e-6, float32 1e-4. */
  relativeTolerance?: number
  /** The same, absolute, above 0. Default: 1e-9, float32 1e-6. */
  absoluteTolerance?: number
  /** Length of the first step tried. Default: chosen by the rates. */
  firstStep?: number
  /** The most steps that a batch element may take. Default: 10000. */
  maximumSteps?: number
}

/** Arguments of `oscillatorSolve`. */
export type OscillatorSolveOptions = OscillatorSystem & OscillatorSolveRun

/** What a solution gives. */
export interface OscillatorSolution {
  /** The state at the asked times, (times, B, length); phases are not wrapped. NaN where not reached. */
  trajectory: Tensor
  /** The state at the last time, or where the batch element ended: (B, length). */
  final: Tensor
  /** float64 (B): the time of `final`. */
  reached: Tensor<'float64'>
  /** int32 (B): steps taken. */
  accepted: Tensor<'int32'>
  /** int32 (B): steps tried again, shorter. */
  rejected: Tensor<'int32'>
}

/** A solution that did not reach its end (`ERR_TOLERANCE`); what there is of it is in `solution`. */
export class ToleranceError extends EntrainError {
  /** The trajectory up to `time`. */
  readonly solution: OscillatorSolution
  /** The first batch element that failed. */
  readonly element: number
  /** How far that element came. */
  readonly time: number

  constructor(message: string, failure: Pick<ToleranceError, 'solution' | 'element' | 'time'>) {
    super('ERR_TOLERANCE', message)
    this.solution = failure.solution
    this.element = failure.element
    this.time = failure.time
  }
}

const kRules = [
  '',
  'tolerances must be met by steps above the resolution of time',
  'maximumSteps must be enough to reach the end',
  'rates must be finite',
]

/**
 * Solves a system of oscillators to a tolerance.
 *
 * Dormand-Prince 5(4) with proportional-integral step control, one step size for each batch element, and
 * output at the asked times by its interpolant of order 4. A step's error is the root mean square over the
 * state of error / (absoluteTolerance + relativeTolerance size) and must be at most 1. Gradients flow from
 * `trajectory` and `final` to every floating argument but the signs: the discrete adjoint over the steps
 * that were taken, whose lengths count as constants. They need √maximumSteps states twice.
 *
 * @returns the solution, once its end is known to be reached. In a scope, the tensors belong to it.
 * @throws ToleranceError where an element did not reach the end; it carries what there is. ShapeError,
 * DtypeError, DeviceError, ValueError, DisposedError.
 * Two runs give the same bits, whatever the number of threads.
 * Source: Dormand & Prince 1980, doi:10.1016/0771-050X(80)90013-3; Hairer, Nørsett & Wanner, Solving
 * Ordinary Differential Equations I, II.4-II.6.
 */
export async function oscillatorSolve(
  options: OscillatorSolveOptions,
): Promise<OscillatorSolution> {
  const name = 'oscillatorSolve'
  const { start } = options
  const run = expectSolve(name, options)
  const call = prepareSystem(name, options, { state: start, stateName: 'start', steps: 0 })
  const { batch, length } = call
  const keeps = recordingSystem(start, call.inputs)
  const { dtype, device } = start
  const { maximumSteps } = run
  const checkpointEvery = Math.ceil(Math.sqrt(maximumSteps))
  const rows = Math.ceil(maximumSteps / checkpointEvery) + 1
  const times = tensor(options.times, { dtype: 'float64', device })
  const kept = keeps
    ? {
        stepTimes: Tensor.empty([maximumSteps + 1, batch], 'float64', device),
        checkpoints: Tensor.empty([rows, batch, length], dtype, device),
      }
    : { stepTimes: null, checkpoints: null }
  const solution: OscillatorSolution = {
    trajectory: Tensor.empty([times.length, batch, length], dtype, device),
    final: Tensor.empty([batch, length], dtype, device),
    reached: Tensor.empty([batch], 'float64', device),
    accepted: Tensor.empty([batch], 'int32', device),
    rejected: Tensor.empty([batch], 'int32', device),
  }
  const status = Tensor.empty([batch], 'int32', device)
  const shared = { ...call.inputs, ...call.fixed, ...kept, times, maximumSteps, checkpointEvery }
  forward({ ...shared, ...run, ...solution, start, status })
  const longest = { steps: maximumSteps }
  if (keeps) {
    const { trajectory, final, accepted } = solution
    record({ ...call.inputs, start }, { trajectory, final }, (gradients) =>
      oscillatorSolveBackward(gradients, { start, call, shared: { ...shared, accepted }, longest }),
    )
  } else {
    call.release()
    times.dispose()
  }
  longest.steps = (await solution.accepted.data()).reduce((a, b) => Math.max(a, b), 0)
  const codes = await status.data()
  status.dispose()
  const element = codes.findIndex((code) => code !== 0)
  if (element < 0) return solution
  const time = (await solution.reached.data())[element] as number
  throw new ToleranceError(
    `${name}: ${kRules[codes[element] as number]}, got to time ${time} of ${options.times.at(-1)} in batch element ${element}`,
    { solution, element, time },
  )
}

function oscillatorSolveBackward(
  gradients: { trajectory: Tensor | null; final: Tensor | null },
  run: {
    start: Tensor
    call: PreparedSystem
    shared: PreparedSystem['inputs'] &
      PreparedSystem['fixed'] & {
        times: Tensor
        stepTimes: Tensor | null
        checkpoints: Tensor | null
        accepted: Tensor
        maximumSteps: number
        checkpointEvery: number
      }
    longest: { steps: number }
  },
) {
  const { start, call, shared, longest } = run
  const gradStart = Tensor.like(start)
  const made = gradientsFor(call.inputs)
  backward({
    ...shared,
    ...call.sources,
    ...namedGradients(made),
    gradTrajectory: gradients.trajectory,
    gradFinal: gradients.final,
    gradStart,
    longest: longest.steps,
  })
  return { ...made, start: gradStart }
}

function expectSolve(name: string, options: OscillatorSolveRun) {
  const { times, startTime = 0, firstStep = 0, maximumSteps = 10000, start } = options
  const single = start?.dtype === 'float32'
  const { relativeTolerance = single ? 1e-4 : 1e-6 } = options
  const { absoluteTolerance = single ? 1e-6 : 1e-9 } = options
  expectNumber(name, 'startTime', startTime)
  if (!Array.isArray(times) || times.length === 0) {
    throw new ValueError(`${name}: times must be an array of at least 1 number, got ${times}`)
  }
  let before = startTime
  for (const [i, time] of times.entries()) {
    expectNumber(name, 'times', time, { low: before })
    if (i > 0 && time === before) {
      throw new ValueError(`${name}: times must be ascending, got ${before} twice`)
    }
    before = time
  }
  expectNumber(name, 'firstStep', firstStep, { low: 0 })
  expectNumber(name, 'relativeTolerance', relativeTolerance, { low: 0 })
  expectNumber(name, 'absoluteTolerance', absoluteTolerance, { low: Number.MIN_VALUE })
  expectInteger(name, 'maximumSteps', maximumSteps)
  return { startTime, firstStep, maximumSteps, relativeTolerance, absoluteTolerance }
}
