// A valid call of every native operation. The boundary, thread and registry tests walk over these rows,
// so an operation without one is untested and the registry test says so.
import type { FloatDtype } from '../../lib/index.js'
import { agentRows } from './agent-rows.js'
import { diagnosticRows } from './diagnostic-rows.js'
import { kuramotoRows } from './kuramoto-rows.js'
import { noiseRows } from './noise-rows.js'
import {
  compute,
  elementwise,
  flags,
  float64,
  type Given,
  type Row,
  real,
  seed,
  seedNames,
  tokens,
  type Wanted,
} from './operation-rows.js'
import { oscillatorRows } from './oscillator-rows.js'
import { sphereRows } from './sphere-rows.js'
import { waveRows } from './wave-rows.js'

export type { Given, Row, Wanted } from './operation-rows.js'

const castTo = (dtype: FloatDtype): Row => ({
  call: (scale) => ({
    input: real(7 * scale),
    output: { length: 7 * scale, type: dtype },
  }),
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
  gradientNormPart: {
    call: (scale) => ({ gradient: real(7 * scale), partial: float64(3), slot: 1 }),
    anyLength: ['gradient', 'partial'],
  },
  gradientNorm: {
    call: () => ({ partial: float64(3, [0, 4]), norm: float64(1) }),
    anyLength: ['partial'],
  },
  layerNormForward: { call: (scale) => layerNorm(scale, false) },
  layerNormBackward: { call: (scale) => layerNorm(scale, true) },
  matrixProduct: { call: (scale) => product(scale, 'real') },
  wideMatrixProduct: { call: (scale) => product(scale, 'compute') },
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
  ...agentRows,
  ...kuramotoRows,
  ...diagnosticRows,
  ...oscillatorRows,
  ...noiseRows,
  ...sphereRows,
  ...waveRows,
}
