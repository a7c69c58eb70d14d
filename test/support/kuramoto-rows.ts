// Valid calls of the Kuramoto operations.
import { type Given, type Row, real, seed, seedNames } from './operation-rows.js'

const kuramotoValues = ['stages', 'driveKind', 'normalisation', ...seedNames]

function kuramotoGlobal(scale: number, backward: boolean): Record<string, Given> {
  const [batch, oscillators, steps, stages, recordEvery, checkpointEvery] = [
    2,
    5 * scale,
    4,
    2,
    2,
    3,
  ]
  const whole = batch * oscillators
  const records = 2
  const system = {
    naturalFrequencies: real(oscillators),
    coupling: real(batch),
    precision: real(oscillators, [0.1, 2]),
    sign: real(oscillators),
    frustration: real(1),
    drive: real(steps * oscillators),
    ...{ batch, oscillators, steps, stages, recordEvery, checkpointEvery },
    ...{ firstStep: 3, driveKind: 3, normalisation: 1, timeStep: 0.05, diffusion: 0.1, ...seed },
    ...{ pulls: real(steps * stages * batch * 2), bankStart: null, timeSteps: null },
  }
  return backward
    ? {
        ...system,
        gradPhases: real(whole),
        gradRecordR: real(batch * records),
        gradRecordPhases: real(whole * records),
        checkpoints: { length: 3 * whole, type: 'phase', range: [-9e8, 9e8] },
        gradInitial: real(whole),
        gradNaturalFrequencies: real(oscillators),
        gradCoupling: real(batch),
        gradPrecision: real(oscillators),
        gradFrustration: real(1),
        gradDrive: real(steps * oscillators),
      }
    : {
        ...system,
        phases: real(whole),
        state: null,
        finalPhases: real(whole),
        finalState: { length: whole, type: 'phase' },
        winding: { length: whole, type: 'int32', range: [0, 9] },
        recordR: real(batch * records),
        recordPsi: real(batch * records),
        recordPhases: real(whole * records),
        checkpoints: { length: 3 * whole, type: 'phase', range: [-9e8, 9e8] },
      }
}

function kuramotoNetwork(
  scale: number,
  backward: boolean,
  graph: (oscillators: number) => Record<string, Given>,
): Record<string, Given> {
  const { bankStart: _, timeSteps: __, ...shared } = kuramotoGlobal(1, backward)
  const [batch, oscillators, steps, stages] = [2, Math.min(5 * scale, 300), 4, 2]
  const resized = Object.entries(shared).map(([name, given]) => {
    if (typeof given !== 'object' || given === null || given.length % 5 > 0) return [name, given]
    return [name, { ...given, length: (given.length / 5) * oscillators }]
  })
  return {
    ...Object.fromEntries(resized),
    ...graph(oscillators),
    oscillators,
    pulls: real(steps * stages * 2 * batch * oscillators),
  }
}

const dense = (backward: boolean) => (oscillators: number) => ({
  adjacency: real(oscillators ** 2),
  halfAdjacency: null,
  ...(backward ? { gradAdjacency: real(oscillators ** 2) } : {}),
})

// Row pointers and edges cannot be drawn at random, so the rows are rings; graphs in rows are in
// test/kuramoto-network.test.ts.
const ring = (backward: boolean) => () => ({
  ...{ rowPointer: null, column: null, weight: null, neighbours: 2 },
  ...(backward ? { sourcePointer: null, source: null, sourceEdge: null, gradWeight: null } : {}),
})

/** Valid calls by operation. */
export const kuramotoRows: Readonly<Record<string, Row>> = {
  kuramotoDenseBackward: {
    call: (scale) => kuramotoNetwork(scale, true, dense(true)),
    values: kuramotoValues,
    isUnrelated: true,
    unbounded: ['firstStep'],
  },
  kuramotoDenseForward: {
    call: (scale) => kuramotoNetwork(scale, false, dense(false)),
    values: kuramotoValues,
    unbounded: ['firstStep'],
  },
  kuramotoGlobalBackward: {
    call: (scale) => kuramotoGlobal(scale, true),
    values: kuramotoValues,
    isUnrelated: true,
    unbounded: ['firstStep'],
  },
  kuramotoGlobalForward: {
    call: (scale) => kuramotoGlobal(scale, false),
    values: kuramotoValues,
    unbounded: ['firstStep'],
  },
  kuramotoSparseBackward: {
    call: (scale) => kuramotoNetwork(scale, true, ring(true)),
    values: [...kuramotoValues, 'neighbours'],
    isUnrelated: true,
    unbounded: ['firstStep'],
  },
  kuramotoSparseForward: {
    call: (scale) => kuramotoNetwork(scale, false, ring(false)),
    values: [...kuramotoValues, 'neighbours'],
    unbounded: ['firstStep'],
  },
}
