// A valid call of every native operation. The boundary, thread and registry tests walk over these rows,
// so an operation without one is untested and the registry test says so.

import type { Dtype, FloatDtype } from '../../lib/index.js'

/** A tensor that a row asks for. */
export interface Wanted {
  readonly length: number
  /**
   * `real`: the storage type under test; `compute`: what arithmetic on it is done in; `phase`: fixed-point
   * phases, of one int32 word, or of two beside float64.
   */
  readonly type: 'real' | 'compute' | 'phase' | Dtype
  /** Lowest and highest element. Default: normal numbers. */
  readonly range?: readonly [number, number]
}

/** What a field of a call gets. */
export type Given = Wanted | number | boolean | null

/** One operation's valid arguments. */
export interface Row {
  /** The arguments for a scale: 1 for the smallest interesting sizes. */
  readonly call: (scale: number) => Readonly<Record<string, Given>>
  /** Tensors that may have another length. */
  readonly anyLength?: readonly string[]
  /** Integers that are values, not sizes: out of range they are ERR_VALUE. */
  readonly values?: readonly string[]
  /** Integers of which the largest are valid too. */
  readonly unbounded?: readonly string[]
}

const real = (length: number, range?: readonly [number, number]): Wanted => ({
  length,
  type: 'real',
  range,
})
const compute = (length: number, range?: readonly [number, number]): Wanted => ({
  length,
  type: 'compute',
  range,
})
const float64 = (length: number, range?: readonly [number, number]): Wanted => ({
  length,
  type: 'float64',
  range,
})
const tokens = (length: number, below: number): Wanted => ({
  length,
  type: 'int32',
  range: [0, below - 1],
})
const flags = (length: number): Wanted => ({ length, type: 'uint8', range: [0, 1] })

const elementwise = (inputs: readonly string[], output: string) => (scale: number) => ({
  ...Object.fromEntries(inputs.map((name) => [name, real(7 * scale)])),
  [output]: real(7 * scale),
})
const castTo = (dtype: FloatDtype): Row => ({
  call: (scale) => ({
    input: real(7 * scale),
    output: { length: 7 * scale, type: dtype },
  }),
})
const seed = { seedLow: 12345, seedHigh: 678, stream: 9 }
const seedNames = ['seedLow', 'seedHigh', 'stream']

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

function blockDiagonal(scale: number, backward: boolean): Record<string, Given> {
  const [rows, planes, heads, size] = [3 * scale, 2, 2, 3]
  const whole = rows * planes * heads * size
  const sizes = { rows, planes, heads, size, transpose: false }
  const coupling = real(heads * size * size)
  return backward
    ? {
        gradOutput: real(whole),
        input: real(whole),
        coupling,
        gradInput: real(whole),
        gradCoupling: compute(heads * size * size),
        ...sizes,
      }
    : { input: real(whole), coupling, output: real(whole), ...sizes }
}

function convolution(scale: number, backward: boolean): Record<string, Given> {
  const [batch, time, channels, taps] = [2, 5 * scale, 3, 4]
  const whole = real(batch * time * channels)
  const sizes = { batch, time, channels, taps }
  return backward
    ? {
        gradOutput: whole,
        input: whole,
        weight: real(channels * taps),
        gradInput: whole,
        gradWeight: compute(channels * taps),
        gradBias: compute(channels),
        ...sizes,
      }
    : {
        input: whole,
        weight: real(channels * taps),
        bias: real(channels),
        history: real(batch * (taps - 1) * channels),
        output: whole,
        ...sizes,
      }
}

function pool(scale: number, source: string, target: string, sourceIsWhole: boolean) {
  const sizes = { batch: 2, time: 7 * scale, width: 3, scale: 2 }
  const whole = real(sizes.batch * sizes.time * sizes.width)
  const windows = real(sizes.batch * Math.floor(sizes.time / sizes.scale) * sizes.width)
  return {
    [source]: sourceIsWhole ? whole : windows,
    [target]: sourceIsWhole ? windows : whole,
    ...sizes,
  }
}

function scan(scale: number): Record<string, Given> {
  const [batch, time, channels, checkpointEvery] = [2, 9 * scale, 3, 4]
  return {
    input: real(batch * time * 2 * channels),
    logDecay: compute(channels, [1, 4]),
    frequency: compute(channels),
    selection: real(batch * time * 2 * channels),
    reset: flags(batch * time),
    initial: compute(batch * 2 * channels),
    states: real(batch * time * 2 * channels),
    final: compute(batch * 2 * channels),
    boundaries: compute(batch * Math.ceil(time / checkpointEvery) * 2 * channels),
    batch,
    time,
    channels,
    checkpointEvery,
    decayScale: 0.1,
    frequencyScale: 0.2,
    realInput: false,
    magnitudeForm: false,
    exact: false,
  }
}

function scanBackward(scale: number): Record<string, Given> {
  const { exact: _, final, ...forward } = scan(scale)
  return {
    ...forward,
    gradInput: forward.input as Wanted,
    gradStates: forward.states as Wanted,
    gradFinal: final as Wanted,
    gradLogDecay: forward.logDecay as Wanted,
    gradFrequency: forward.frequency as Wanted,
    gradSelection: forward.selection as Wanted,
    gradInitial: forward.initial as Wanted,
  }
}

function embedding(scale: number, backward: boolean): Record<string, Given> {
  const [vocabulary, width, time] = [5, 3, 4]
  const count = 2 * time * scale
  const sizes = { vocabulary, width, count, time }
  return backward
    ? {
        gradOutput: real(count * width),
        tokens: tokens(count, vocabulary),
        gradTable: compute(vocabulary * width),
        gradPositions: compute(time * width),
        ...sizes,
        accumulate: false,
      }
    : {
        table: real(vocabulary * width),
        tokens: tokens(count, vocabulary),
        positions: real(time * width),
        output: real(count * width),
        ...sizes,
      }
}

function gate(scale: number, backward: boolean): Record<string, Given> {
  const [rows, width] = [3 * scale, 5]
  const whole = real(rows * width)
  const inputs = { value: whole, gate: whole, bias: real(width) }
  return backward
    ? { gradOutput: whole, ...inputs, gradValue: whole, gradGate: whole, rows, width }
    : { ...inputs, output: whole, rows, width }
}

function layerNorm(scale: number, backward: boolean): Record<string, Given> {
  const [rows, width] = [3 * scale, 5]
  const whole = real(rows * width)
  const saved = { mean: compute(rows), inverseDeviation: compute(rows, [0.5, 2]) }
  return backward
    ? {
        gradOutput: whole,
        input: whole,
        weight: real(width),
        ...saved,
        gradInput: whole,
        gradWeight: compute(width),
        gradBias: compute(width),
        rows,
        width,
      }
    : {
        input: whole,
        weight: real(width),
        bias: real(width),
        output: whole,
        ...saved,
        rows,
        width,
        epsilon: 1e-5,
      }
}

function product(scale: number, output: 'real' | 'compute'): Record<string, Given> {
  const side = Math.min(scale, 60)
  const [rows, columns, inner] = [3 * scale, 4 + side, 5 + side]
  return {
    left: real(rows * inner),
    right: real(inner * columns),
    bias: compute(columns),
    output: { length: rows * columns, type: output },
    rows,
    columns,
    inner,
    transposeLeft: false,
    transposeRight: true,
    accumulate: true,
  }
}

function crossEntropy(scale: number, backward: boolean): Record<string, Given> {
  const [rows, vocabulary] = [3 * scale, 5]
  const shared = { logits: real(rows * vocabulary), targets: tokens(rows, vocabulary) }
  const sizes = { rows, vocabulary }
  return backward
    ? {
        ...shared,
        logSumExp: compute(rows, [1, 4]),
        gradLoss: compute(1),
        gradLogits: real(rows * vocabulary),
        ...sizes,
      }
    : { ...shared, loss: compute(1), logSumExp: compute(rows), ...sizes }
}

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

const slice = { batch: 2, width: 3, begin: 1, count: 2 }

/** Valid calls by operation. */
export const operationTable: Readonly<Record<string, Row>> = {
  adamW: {
    call: (scale) => ({
      parameter: real(7 * scale),
      gradient: real(7 * scale),
      first: real(7 * scale),
      second: real(7 * scale, [0.1, 1]),
      norm: float64(1, [2, 3]),
      rate: 1e-3,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0.01,
      maxNorm: 1,
      step: 3,
      decoupled: true,
    }),
    unbounded: ['step'],
  },
  add: { call: elementwise(['left', 'right'], 'output') },
  scale: {
    call: (scale) => ({ ...elementwise(['input'], 'output')(scale), factor: 0.5 }),
  },
  fill: { call: (scale) => ({ output: real(7 * scale), value: 3 }), anyLength: ['output'] },
  blockDiagonalForward: { call: (scale) => blockDiagonal(scale, false) },
  blockDiagonalBackward: { call: (scale) => blockDiagonal(scale, true) },
  castToFloat64: castTo('float64'),
  castToFloat32: castTo('float32'),
  castToBfloat16: castTo('bfloat16'),
  castToFloat16: castTo('float16'),
  causalConvolutionForward: { call: (scale) => convolution(scale, false) },
  causalConvolutionBackward: { call: (scale) => convolution(scale, true) },
  causalPoolForward: { call: (scale) => pool(scale, 'input', 'output', true) },
  causalPoolBackward: { call: (scale) => pool(scale, 'gradOutput', 'gradInput', false) },
  causalHoldForward: { call: (scale) => pool(scale, 'input', 'output', false) },
  causalHoldBackward: { call: (scale) => pool(scale, 'gradOutput', 'gradInput', true) },
  dropoutForward: {
    call: (scale) => ({
      ...elementwise(['input', 'residual'], 'output')(scale),
      ...seed,
      position: 4,
      probability: 0.5,
    }),
    values: seedNames,
    unbounded: ['position'],
  },
  dropoutBackward: {
    call: (scale) => ({
      ...elementwise(['gradOutput'], 'gradInput')(scale),
      ...seed,
      position: 4,
      probability: 0.5,
    }),
    values: seedNames,
    unbounded: ['position'],
  },
  columnSum: {
    call: (scale) => ({
      input: real(3 * scale * 5),
      output: compute(5),
      rows: 3 * scale,
      columns: 5,
    }),
  },
  eigenstateScanForward: { call: scan },
  eigenstateScanBackward: { call: scanBackward },
  embeddingForward: { call: (scale) => embedding(scale, false) },
  embeddingBackward: { call: (scale) => embedding(scale, true) },
  gateForward: { call: (scale) => gate(scale, false) },
  gateBackward: { call: (scale) => gate(scale, true) },
  kuramotoGlobalForward: {
    call: (scale) => kuramotoGlobal(scale, false),
    values: kuramotoValues,
    unbounded: ['firstStep'],
  },
  kuramotoGlobalBackward: {
    call: (scale) => kuramotoGlobal(scale, true),
    values: kuramotoValues,
    unbounded: ['firstStep'],
  },
  kuramotoDenseForward: {
    call: (scale) => kuramotoNetwork(scale, false, dense(false)),
    values: kuramotoValues,
    unbounded: ['firstStep'],
  },
  kuramotoDenseBackward: {
    call: (scale) => kuramotoNetwork(scale, true, dense(true)),
    values: kuramotoValues,
    unbounded: ['firstStep'],
  },
  kuramotoSparseForward: {
    call: (scale) => kuramotoNetwork(scale, false, ring(false)),
    values: [...kuramotoValues, 'neighbours'],
    unbounded: ['firstStep'],
  },
  kuramotoSparseBackward: {
    call: (scale) => kuramotoNetwork(scale, true, ring(true)),
    values: [...kuramotoValues, 'neighbours'],
    unbounded: ['firstStep'],
  },
  gradientNormPart: {
    call: (scale) => ({ gradient: real(7 * scale), partial: float64(3), slot: 1 }),
    anyLength: ['gradient', 'partial'],
  },
  gradientNorm: {
    call: () => ({ partial: float64(3, [0, 4]), norm: float64(1) }),
    anyLength: ['partial'],
  },
  kuramotoVelocityForward: {
    call: (scale) => velocity(scale, false),
    values: oscillatorValues,
  },
  kuramotoVelocityBackward: {
    call: (scale) => velocity(scale, true),
    values: oscillatorValues,
  },
  layerNormForward: { call: (scale) => layerNorm(scale, false) },
  layerNormBackward: { call: (scale) => layerNorm(scale, true) },
  dropSelfEdges: {
    call: (scale) => {
      const oscillators = 4 + Math.min(scale, 200)
      const matrix = real(oscillators * oscillators)
      return { adjacency: matrix, others: matrix, degree: real(oscillators), oscillators }
    },
  },
  denseLocalOrder: {
    call: (scale) => ({
      pull: real(2 * 3 * 5 * scale),
      degree: real(5 * scale, [1, 2]),
      order: real(3 * 5 * scale),
      rows: 3,
      oscillators: 5 * scale,
    }),
  },
  localOrder: { call: localOrder, anyLength: ['column'], values: ['neighbours'] },
  lyapunovRenormalise: { call: lyapunovRenormalise, values: ['slot'] },
  moduleOrderForward: { call: (scale) => moduleOrder(scale, false) },
  moduleOrderBackward: { call: (scale) => moduleOrder(scale, true) },
  matrixProduct: { call: (scale) => product(scale, 'real') },
  wideMatrixProduct: { call: (scale) => product(scale, 'compute') },
  orderParameterForward: { call: (scale) => orderParameter(scale, false) },
  orderParameterBackward: { call: (scale) => orderParameter(scale, true) },
  phaseDriveForward: { call: elementwise(['phases', 'sine', 'cosine'], 'drive') },
  phaseDriveBackward: {
    call: (scale) => ({
      ...elementwise(['gradDrive', 'phases', 'sine', 'cosine'], 'gradPhases')(scale),
      gradSine: real(7 * scale),
      gradCosine: real(7 * scale),
    }),
  },
  phaseStackForward: {
    call: (scale) => ({
      phases: real(7 * scale),
      stack: real(2 * 7 * scale),
      rotated: real(2 * 7 * scale),
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
  oscillatorSolveForward: {
    call: (scale) => oscillatorSolution(scale, false),
    anyLength: ['times'],
    values: [...oscillatorValues, 'system'],
  },
  oscillatorSolveBackward: {
    call: (scale) => oscillatorSolution(scale, true),
    anyLength: ['times'],
    values: [...oscillatorValues, 'system', 'longest'],
  },
  oscillatorStepsForward: {
    call: (scale) => oscillatorRun(scale, false),
    values: [...oscillatorValues, 'system', 'stages'],
  },
  oscillatorStepsBackward: {
    call: (scale) => oscillatorRun(scale, true),
    values: [...oscillatorValues, 'system', 'stages'],
  },
  randomUniform: {
    call: (scale) => ({ output: real(7 * scale), ...seed, low: -1, high: 2 }),
    anyLength: ['output'],
    values: seedNames,
  },
  randomNormal: {
    call: (scale) => ({ output: real(7 * scale), ...seed, mean: 1, deviation: 2 }),
    anyLength: ['output'],
    values: seedNames,
  },
  scaledSumForward: {
    call: (scale) => ({
      ...elementwise(['value', 'base'], 'output')(scale),
      weight: compute(3),
      index: 1,
      sigmoid: true,
    }),
    anyLength: ['weight'],
    values: ['index'],
  },
  scaledSumBackward: {
    call: (scale) => ({
      ...elementwise(['gradOutput', 'value'], 'gradValue')(scale),
      weight: compute(3),
      gradWeight: compute(3),
      index: 1,
      sigmoid: true,
    }),
    values: ['index'],
  },
  scaledMagnitudeForward: {
    call: (scale) => ({ ...elementwise(['real', 'imaginary'], 'magnitude')(scale), factor: 0.5 }),
  },
  scaledMagnitudeBackward: {
    call: (scale) => ({
      ...elementwise(['gradMagnitude', 'real', 'imaginary'], 'gradReal')(scale),
      gradImaginary: real(7 * scale),
      factor: 0.5,
    }),
  },
  sgd: {
    call: (scale) => ({
      parameter: real(7 * scale),
      gradient: real(7 * scale),
      first: real(7 * scale),
      norm: float64(1, [2, 3]),
      rate: 1e-2,
      momentum: 0.9,
      weightDecay: 0.1,
      maxNorm: 1,
      step: 2,
    }),
    unbounded: ['step'],
  },
  siluForward: { call: elementwise(['input'], 'output') },
  siluBackward: { call: elementwise(['gradOutput', 'input'], 'gradInput') },
  softmaxCrossEntropyForward: { call: (scale) => crossEntropy(scale, false) },
  softmaxCrossEntropyBackward: { call: (scale) => crossEntropy(scale, true) },
  timeSliceForward: {
    call: (scale) => ({
      input: real(2 * 5 * scale * 3),
      output: real(2 * 2 * 3),
      ...slice,
      time: 5 * scale,
    }),
  },
  timeSliceBackward: {
    call: (scale) => ({
      gradOutput: real(2 * 2 * 3),
      gradInput: real(2 * 5 * scale * 3),
      ...slice,
      time: 5 * scale,
    }),
  },
}
