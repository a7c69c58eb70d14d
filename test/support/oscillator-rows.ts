// Valid calls of the operations on oscillators with real states.
import { float64, type Given, type Row, real, type Wanted } from './operation-rows.js'

// Oscillators on a dense graph, with everything that swing equations take.
function oscillators(scale: number): Record<string, Given> {
  const [batch, n] = [2, 5 * Math.min(scale, 30)]
  return {
    naturalFrequencies: real(batch * n),
    coupling: real(batch),
    precision: real(n, [0, 1]),
    sign: real(n),
    frustration: real(1),
    drive: real(batch * n),
    weight: real(n * n),
    rowPointer: null,
    column: null,
    batch,
    oscillators: n,
    graph: 1,
    neighbours: 0,
    driveKind: 2,
    normalisation: 1,
  }
}

const swing = (scale: number): Record<string, Given> => ({
  ...oscillators(scale),
  inertia: real(1, [1, 2]),
  damping: real(5 * Math.min(scale, 30), [0, 1]),
  growth: null,
  width: null,
  system: 1,
})

// Gradients of all that is given.
const gradients = (given: Record<string, Given>, names: readonly string[]) =>
  Object.fromEntries(
    names.map((name) => [
      `grad${(name[0] as string).toUpperCase()}${name.slice(1)}`,
      given[name] as Given,
    ]),
  )

const noSources = { sourcePointer: null, source: null, sourceEdge: null }

const coupledNames = [
  'naturalFrequencies',
  'coupling',
  'precision',
  'frustration',
  'drive',
  'weight',
]

const kindNames = ['inertia', 'damping', 'growth', 'width']

const oscillatorValues = ['graph', 'driveKind', 'normalisation']

function velocity(scale: number, backward: boolean): Record<string, Given> {
  const given = oscillators(scale)
  const phases = given.naturalFrequencies as Wanted
  return backward
    ? {
        ...given,
        ...noSources,
        ...gradients(given, coupledNames),
        phases,
        gradVelocity: phases,
        gradPhases: phases,
      }
    : { ...given, phases, velocity: phases }
}

function oscillatorRun(scale: number, backward: boolean): Record<string, Given> {
  const given = swing(scale)
  const [batch, n] = [given.batch as number, given.oscillators as number]
  const sizes = { steps: 7, stages: 2, recordEvery: 3, checkpointEvery: 4, timeStep: 0.1 }
  const [state, records] = [real(batch * 2 * n), real(batch * 2)]
  const shared = { ...given, ...sizes, checkpoints: real(3 * batch * 2 * n) }
  const states = real(batch * 2 * 2 * n)
  if (!backward) {
    const winding: Wanted = { length: batch * n, type: 'int32' }
    const recorded = { recordR: records, recordPsi: records, recordStates: states }
    return { ...shared, ...recorded, start: state, final: state, winding }
  }
  return {
    ...shared,
    ...noSources,
    ...gradients(given, [...coupledNames, ...kindNames]),
    gradFinal: state,
    gradRecordR: records,
    gradRecordStates: states,
    gradStart: state,
  }
}

function oscillatorSolution(scale: number, backward: boolean): Record<string, Given> {
  const given = swing(scale)
  const [batch, n] = [given.batch as number, given.oscillators as number]
  const [maximumSteps, checkpointEvery] = [40, 7]
  const state = real(batch * 2 * n)
  const count = (range: readonly [number, number]): Wanted => ({
    length: batch,
    type: 'int32',
    range,
  })
  const shared = {
    ...given,
    times: float64(3, [1, 1]),
    checkpoints: real(7 * batch * 2 * n),
    maximumSteps,
    checkpointEvery,
    stepTimes: float64((maximumSteps + 1) * batch, [0, 1]),
    accepted: count([0, maximumSteps]),
  }
  const outputs = real(3 * batch * 2 * n)
  if (!backward) {
    return {
      ...shared,
      start: state,
      trajectory: outputs,
      final: state,
      reached: float64(batch),
      status: count([0, 3]),
      rejected: count([0, 3]),
      startTime: 0,
      firstStep: 0,
      relativeTolerance: 1e-3,
      absoluteTolerance: 1e-3,
    }
  }
  return {
    ...shared,
    ...noSources,
    ...gradients(given, [...coupledNames, ...kindNames]),
    gradTrajectory: outputs,
    gradFinal: state,
    gradStart: state,
    longest: maximumSteps,
  }
}

/** Valid calls by operation. */
export const oscillatorRows: Readonly<Record<string, Row>> = {
  kuramotoVelocityBackward: {
    call: (scale) => velocity(scale, true),
    values: oscillatorValues,
  },
  kuramotoVelocityForward: {
    call: (scale) => velocity(scale, false),
    values: oscillatorValues,
  },
  oscillatorSolveBackward: {
    call: (scale) => oscillatorSolution(scale, true),
    anyLength: ['times'],
    values: [...oscillatorValues, 'system', 'longest'],
  },
  oscillatorSolveForward: {
    call: (scale) => oscillatorSolution(scale, false),
    anyLength: ['times'],
    values: [...oscillatorValues, 'system'],
  },
  oscillatorStepsBackward: {
    call: (scale) => oscillatorRun(scale, true),
    values: [...oscillatorValues, 'system', 'stages'],
  },
  oscillatorStepsForward: {
    call: (scale) => oscillatorRun(scale, false),
    values: [...oscillatorValues, 'system', 'stages'],
  },
}
