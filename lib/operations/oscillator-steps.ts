// Oscillators with real states in steps of fixed length.
import { expectInteger, expectNumber } from '../check.js'
import { ValueError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'
import {
  coupledFields,
  coupledGradientFields,
  gradientsFor,
  kindFields,
  kindGradientFields,
  namedGradients,
  type OttAntonsenSystem,
  type PreparedSystem,
  prepareSystem,
  recordingSystem,
  type StuartLandauSystem,
  type SwingSystem,
  sourceFields,
} from './oscillators.js'

const runFields = ['steps', 'stages', 'recordEvery', 'checkpointEvery', 'timeStep'] as const
const forward = operation('oscillatorStepsForward', [
  'start',
  'final',
  'winding',
  'recordR',
  'recordPsi',
  'recordStates',
  'checkpoints',
  ...coupledFields,
  ...kindFields,
  ...runFields,
] as const)
const backward = operation('oscillatorStepsBackward', [
  'checkpoints',
  'gradFinal',
  'gradRecordR',
  'gradRecordStates',
  'gradStart',
  ...coupledFields,
  ...kindFields,
  ...sourceFields,
  ...coupledGradientFields,
  ...kindGradientFields,
  ...runFields,
] as const)

const kStages = { euler: 1, heun: 2, rk4: 4 } as const

/** Runge-Kutta methods of order 1, 2 and 4. */
export type OscillatorMethod = keyof typeof kStages

/** How the steps are made and what is kept of them. */
export interface OscillatorStepsRun {
  /** The state at the start, (B, length): see the systems; float64 or float32. */
  start: Tensor
  /** Default: `rk4`. */
  method?: OscillatorMethod
  /** Length of a step, above 0. */
  dt: number
  /** How many steps, at least 1. */
  steps: number
  /** Record R and ψ after every n-th step; 0: never. Default: 0. */
  record?: number
  /** Record the states there, too. Default: false. */
  recordStates?: boolean
  /** For the backward: keep every n-th state and compute those between again. Default: √steps. */
  checkpoint?: number
}

/** Arguments of `oscillatorSteps`. */
export type OscillatorStepsOptions = (SwingSystem | StuartLandauSystem | OttAntonsenSystem) &
  OscillatorStepsRun

/** What a run of fixed steps gives. */
export interface OscillatorStepsResult {
  /** The state at the end, (B, length). Phases of swing equations are in [0, 2π). */
  final: Tensor
  /** int32 (B, N), swing only: turns taken off θ in this run. */
  winding: Tensor | null
  /** R after steps n, 2n, …: (B, records). Null unless asked for. */
  R: Tensor | null
  /** ψ there, in [0, 2π), without gradient: (B, records). Null unless asked for. */
  psi: Tensor | null
  /** States there: (B, records, length). Null unless asked for. */
  trajectory: Tensor | null
}

/**
 * Steps of fixed length through a system of oscillators.
 *
 *     swing           m θ″ + γ θ′ = ω + u + (s K / Z) Σ_{j≠i} A_ij p_j sin(θ_j − θ_i − α)
 *     stuart-landau   dz/dt = (ρ + iω − |z|²) z + (s K / Z) Σ_{j≠i} A_ij p_j (z_j − z_i)
 *     ott-antonsen    dZ/dt = (iω̄ − Δ + K/2) Z − (K/2) |Z|² Z
 *
 * R e^(iψ) is the mean of e^(iθ), of z, or Z itself. Gradients, exact for the steps as they were taken,
 * flow from `final`, `R` and `trajectory` to every floating argument but the signs; memory O(√steps).
 *
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError.
 * Two runs give the same bits, whatever the number of threads.
 * Sources: Filatrella, Nielsen & Pedersen 2008, doi:10.1140/epjb/e2008-00098-8; Aranson & Kramer 2002,
 * doi:10.1103/RevModPhys.74.99; Ott & Antonsen 2008, doi:10.1063/1.2930766.
 */
export function oscillatorSteps(options: OscillatorStepsOptions): OscillatorStepsResult {
  const name = 'oscillatorSteps'
  const { start, steps, record: recordEvery = 0, recordStates = false } = options
  const run = expectRun(name, options)
  const call = prepareSystem(name, options, { state: start, stateName: 'start', steps })
  const { batch, oscillators, length } = call
  const keeps = recordingSystem(start, call.inputs)
  const records = recordEvery > 0 ? Math.floor(steps / recordEvery) : 0
  const empty = (shape: readonly number[]): Tensor => Tensor.empty(shape, start.dtype, start.device)
  const checkpointEvery = keeps ? (options.checkpoint ?? Math.ceil(Math.sqrt(steps))) : 0
  const checkpoints = keeps ? empty([Math.ceil(steps / checkpointEvery) + 1, batch, length]) : null
  const result = {
    final: empty([batch, length]),
    winding:
      options.system === 'swing' ? Tensor.empty([batch, oscillators], 'int32', start.device) : null,
    R: recordEvery > 0 ? empty([batch, records]) : null,
    psi: recordEvery > 0 ? empty([batch, records]) : null,
    trajectory: recordStates ? empty([batch, records, length]) : null,
  }
  const { final, winding, R, psi, trajectory } = result
  const shared = { ...call.inputs, ...call.fixed, ...run, checkpointEvery, checkpoints }
  const recorded = { recordR: R, recordPsi: psi, recordStates: trajectory }
  forward({ ...shared, ...recorded, start, final, winding })
  if (!checkpoints) {
    call.release()
    return result
  }
  record({ ...call.inputs, start }, { final, R, trajectory }, (gradients) =>
    oscillatorStepsBackward(gradients, { start, checkpoints, call, shared }),
  )
  return result
}

function oscillatorStepsBackward(
  gradients: { final: Tensor | null; R: Tensor | null; trajectory: Tensor | null },
  run: {
    start: Tensor
    checkpoints: Tensor
    call: PreparedSystem
    shared: PreparedSystem['inputs'] &
      PreparedSystem['fixed'] &
      ReturnType<typeof expectRun> & { checkpointEvery: number }
  },
) {
  const { start, checkpoints, call, shared } = run
  const gradStart = Tensor.like(start)
  const made = gradientsFor(call.inputs)
  backward({
    ...shared,
    ...call.sources,
    ...namedGradients(made),
    checkpoints,
    gradFinal: gradients.final,
    gradRecordR: gradients.R,
    gradRecordStates: gradients.trajectory,
    gradStart,
  })
  return { ...made, start: gradStart }
}

function expectRun(name: string, options: OscillatorStepsRun & { system: string }) {
  const { method = 'rk4', dt, steps, record: recordEvery = 0, recordStates = false } = options
  if (options.system === 'phase') {
    throw new ValueError(`${name}: system must be of oscillators with real states, got phase`)
  }
  if (!Object.hasOwn(kStages, method)) {
    throw new ValueError(`${name}: method must be euler, heun or rk4, got ${String(method)}`)
  }
  expectNumber(name, 'dt', dt)
  if (dt <= 0) throw new ValueError(`${name}: dt must be above 0, got ${dt}`)
  expectInteger(name, 'steps', steps)
  expectInteger(name, 'record', recordEvery, 0)
  if (recordStates && recordEvery === 0) {
    throw new ValueError(`${name}: recordStates must be false unless record is given, got true`)
  }
  if (options.checkpoint !== undefined) expectInteger(name, 'checkpoint', options.checkpoint)
  return { steps, stages: kStages[method] as number, recordEvery, timeStep: dt }
}
