// Calls kuramotoGlobalForward and kuramotoGlobalBackward with plain arrays.
import { type DeviceName, type FloatDtype, type Tensor, tensor } from '../../lib/index.js'
import { type Argument, operation } from '../../lib/native.js'
import { gradientFields, runFields, systemFields } from '../../lib/operations/kuramoto.js'

const bankFields = ['bankStart', 'timeSteps'] as const
const forward = operation('kuramotoGlobalForward', [
  ...systemFields,
  ...runFields,
  ...bankFields,
] as const)
const backward = operation('kuramotoGlobalBackward', [
  ...systemFields,
  ...gradientFields,
  ...bankFields,
] as const)

type Numbers = ArrayLike<number>

/** A run of oscillators all to all. */
export interface GlobalCase {
  readonly naturalFrequencies: Numbers
  readonly coupling: Numbers
  readonly phases?: Numbers
  readonly state?: Numbers
  readonly precision?: Numbers
  readonly sign?: Numbers
  readonly frustration?: Numbers
  readonly drive?: Numbers
  readonly driveKind?: number
  readonly batch?: number
  readonly oscillators: number
  readonly steps: number
  readonly stages?: number
  readonly firstStep?: number
  readonly normalisation?: number
  readonly recordEvery?: number
  readonly checkpointEvery?: number
  readonly stream?: number
  readonly timeStep?: number
  readonly diffusion?: number
  readonly bankStart?: Numbers
  readonly timeSteps?: Numbers
  /** Whether the backward gets the pulls of the run. */
  readonly keepPulls?: boolean
  readonly winding?: boolean
}

/** What a run gives back. */
export interface GlobalResult {
  readonly phases: Numbers
  readonly state: Numbers
  readonly winding: Numbers
  readonly R: Numbers
  readonly psi: Numbers
  readonly recordPhases: Numbers
  /** Gradients by name of what they are of, where cotangents were given. */
  readonly gradients: Readonly<Record<string, Numbers>>
}

/** Gradients of a loss with respect to what a run gives. */
export interface Cotangents {
  readonly phases?: Numbers
  readonly R?: Numbers
  readonly recordPhases?: Numbers
}

/** Runs the case, and its backward where there are cotangents. */
export async function runGlobal(
  system: GlobalCase,
  {
    device = 'cpu' as DeviceName,
    dtype = 'float64' as FloatDtype,
    cotangents = undefined as Cotangents | undefined,
  } = {},
): Promise<GlobalResult> {
  const made: Tensor[] = []
  const make = (data: Numbers, type: FloatDtype | 'int32'): Tensor => {
    const created = tensor(Float64Array.from(data), { dtype: type, device })
    made.push(created)
    return created
  }
  const real = (data: Numbers | undefined): Tensor | null => (data ? make(data, dtype) : null)
  const empty = (length: number, type: FloatDtype | 'int32' = dtype): Tensor =>
    make(new Float64Array(length).fill(7), type)

  const { batch = 1, oscillators: n, steps, stages = 1, recordEvery = 0 } = system
  const checkpointEvery = system.checkpointEvery ?? 1
  const rows = system.bankStart ? 1 : batch
  const words = dtype === 'float64' ? 2 : 1
  const records = recordEvery > 0 ? Math.floor(steps / recordEvery) : 0
  const shared = {
    naturalFrequencies: real(system.naturalFrequencies),
    coupling: real(system.coupling),
    precision: real(system.precision),
    sign: real(system.sign),
    frustration: real(system.frustration),
    drive: real(system.drive),
    batch,
    oscillators: n,
    steps,
    stages,
    firstStep: system.firstStep ?? 0,
    driveKind: system.driveKind ?? 0,
    normalisation: system.normalisation ?? 0,
    recordEvery,
    checkpointEvery,
    seedLow: 11,
    seedHigh: 5,
    stream: system.stream ?? 3,
    timeStep: system.timeStep ?? 0.05,
    diffusion: system.diffusion ?? 0,
    checkpoints:
      checkpointEvery > 0
        ? empty((Math.ceil(steps / checkpointEvery) + 1) * rows * n * words, 'int32')
        : null,
    pulls: system.keepPulls === false ? null : empty(steps * stages * batch * 2),
    bankStart: system.bankStart ? make(system.bankStart, 'int32') : null,
    timeSteps: system.timeSteps ? make(system.timeSteps, 'float64') : null,
  }
  const outputs = {
    finalPhases: empty(rows * n),
    finalState: empty(rows * n * words, 'int32'),
    winding: system.winding === false ? null : empty(rows * n, 'int32'),
    recordR: records > 0 ? empty(batch * records) : null,
    recordPsi: records > 0 ? empty(batch * records) : null,
    recordPhases: records > 0 ? empty(rows * records * n) : null,
  }
  forward({
    ...shared,
    phases: real(system.phases),
    state: system.state ? make(system.state, 'int32') : null,
    ...outputs,
  })
  const read = async (from: Tensor | null): Promise<Numbers> => (from ? await from.data() : [])
  const gradients: Record<string, Numbers> = {}
  if (cotangents) {
    const like = (of: Tensor | null): Tensor | null => (of ? empty(of.length) : null)
    const wanted: Record<string, Tensor | null> = {
      phases: empty(rows * n),
      naturalFrequencies: like(shared.naturalFrequencies),
      coupling: like(shared.coupling),
      precision: like(shared.precision),
      frustration: like(shared.frustration),
      drive: like(shared.drive),
    }
    const values: Record<string, Argument> = {
      ...shared,
      gradPhases: real(cotangents.phases),
      gradRecordR: real(cotangents.R),
      gradRecordPhases: real(cotangents.recordPhases),
      gradInitial: wanted.phases ?? null,
      gradNaturalFrequencies: wanted.naturalFrequencies ?? null,
      gradCoupling: wanted.coupling ?? null,
      gradPrecision: wanted.precision ?? null,
      gradFrustration: wanted.frustration ?? null,
      gradDrive: wanted.drive ?? null,
    }
    backward(values as Parameters<typeof backward>[0])
    for (const [name, of] of Object.entries(wanted)) if (of) gradients[name] = await read(of)
  }
  const result = {
    phases: await read(outputs.finalPhases),
    state: await read(outputs.finalState),
    winding: await read(outputs.winding),
    R: await read(outputs.recordR),
    psi: await read(outputs.recordPsi),
    recordPhases: await read(outputs.recordPhases),
    gradients,
  }
  for (const one of made) one[Symbol.dispose]()
  return result
}
