// Valid calls of the operations that measure phases.
import { elementwise, type Given, type Row, real, tokens } from './operation-rows.js'

function orderParameter(scale: number, backward: boolean): Record<string, Given> {
  const [rows, oscillators] = [3, 5 * scale]
  const whole = real(rows * oscillators)
  const sizes = { rows, oscillators }
  return backward
    ? {
        phases: whole,
        coherence: real(rows, [0.1, 1]),
        meanPhase: real(rows, [0, 6]),
        gradCoherence: real(rows),
        gradMeanPhase: real(rows),
        gradPhases: whole,
        ...sizes,
      }
    : { phases: whole, coherence: real(rows), meanPhase: real(rows), ...sizes }
}

function moduleOrder(scale: number, backward: boolean): Record<string, Given> {
  const [rows, oscillators, modules] = [3, 5 * scale, 2]
  const whole = real(rows * oscillators)
  const sizes = { rows, oscillators, modules }
  const start = tokens(modules + 1, oscillators + 1)
  const series = { coherence: real(rows * modules, [0.1, 1]), meanPhase: real(rows * modules) }
  return backward
    ? {
        phases: whole,
        start,
        module: tokens(oscillators, modules),
        ...series,
        gradCoherence: real(rows * modules),
        gradMeanPhase: real(rows * modules),
        gradPhases: whole,
        ...sizes,
      }
    : { phases: whole, start, member: tokens(oscillators, oscillators), ...series, ...sizes }
}

function localOrder(scale: number): Record<string, Given> {
  const [rows, oscillators, edges] = [3, 5 * scale, 11 * scale]
  return {
    phases: real(rows * oscillators),
    rowPointer: tokens(oscillators + 1, edges + 1),
    column: tokens(edges, oscillators),
    weight: real(edges),
    order: real(rows * oscillators),
    rows,
    oscillators,
    neighbours: 0,
  }
}

function lyapunovRenormalise(scale: number): Record<string, Given> {
  const [pairs, oscillators, slots] = [2, 5 * scale, 3]
  return {
    growth: real(slots * pairs),
    state: { length: 2 * pairs * oscillators, type: 'phase', range: [-(2 ** 31), 2 ** 31 - 1] },
    pairs,
    oscillators,
    slots,
    slot: 1,
    distance: 1e-4,
    transverse: true,
  }
}

/** Valid calls by operation. */
export const diagnosticRows: Readonly<Record<string, Row>> = {
  denseLocalOrder: {
    call: (scale) => ({
      pull: real(2 * 3 * 5 * scale),
      degree: real(5 * scale, [1, 2]),
      order: real(3 * 5 * scale),
      rows: 3,
      oscillators: 5 * scale,
    }),
  },
  dropSelfEdges: {
    call: (scale) => {
      const oscillators = 4 + Math.min(scale, 200)
      const matrix = real(oscillators * oscillators)
      return { adjacency: matrix, others: matrix, degree: real(oscillators), oscillators }
    },
  },
  localOrder: { call: localOrder, anyLength: ['column'], values: ['neighbours'] },
  lyapunovRenormalise: { call: lyapunovRenormalise, values: ['slot'] },
  moduleOrderBackward: { call: (scale) => moduleOrder(scale, true) },
  moduleOrderForward: { call: (scale) => moduleOrder(scale, false) },
  orderParameterBackward: { call: (scale) => orderParameter(scale, true) },
  orderParameterForward: { call: (scale) => orderParameter(scale, false) },
  phaseDriveBackward: {
    call: (scale) => ({
      ...elementwise(['gradDrive', 'phases', 'sine', 'cosine'], 'gradPhases')(scale),
      gradSine: real(7 * scale),
      gradCosine: real(7 * scale),
    }),
  },
  phaseDriveForward: { call: elementwise(['phases', 'sine', 'cosine'], 'drive') },
  phasePrecision: {
    call: (scale) => ({
      before: real(2 * 5 * scale),
      after: real(2 * 5 * scale),
      variance: real(5 * scale, [0, 1]),
      newVariance: real(5 * scale),
      precision: real(5 * scale),
      batch: 2,
      oscillators: 5 * scale,
      tau: 20,
    }),
  },
  phaseStackBackward: {
    call: (scale) => ({
      phases: real(7 * scale),
      gradStack: real(2 * 7 * scale),
      gradRotated: real(2 * 7 * scale),
      gradPhases: real(7 * scale),
    }),
  },
  phaseStackForward: {
    call: (scale) => ({
      phases: real(7 * scale),
      stack: real(2 * 7 * scale),
      rotated: real(2 * 7 * scale),
    }),
  },
  scaledMagnitudeBackward: {
    call: (scale) => ({
      ...elementwise(['gradMagnitude', 'real', 'imaginary'], 'gradReal')(scale),
      gradImaginary: real(7 * scale),
      factor: 0.5,
    }),
  },
  scaledMagnitudeForward: {
    call: (scale) => ({ ...elementwise(['real', 'imaginary'], 'magnitude')(scale), factor: 0.5 }),
  },
}
