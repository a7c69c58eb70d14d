// Valid calls of the public functions on tensors, for the boundary test to spoil one argument at a time.

import type { Dtype, Tensor } from '../../lib/index.js'
import * as lib from '../../lib/index.js'
import { wavePublicRows } from './wave-public.js'

/** A tensor argument: its shape and, where it is not float32, its dtype. */
export interface TensorArgument {
  readonly shape: readonly number[]
  readonly dtype?: Dtype
  /** May be left out. */
  readonly optional?: boolean
  /** Its last size may be another. */
  readonly anySize?: boolean
  /** Any floating dtype will do. */
  readonly anyFloat?: boolean
}

/** A public function with valid arguments. */
export interface PublicRow {
  readonly name: string
  readonly tensors: Readonly<Record<string, TensorArgument>>
  /** Sizes and other integers. */
  readonly integers?: Readonly<Record<string, number>>
  readonly numbers?: Readonly<Record<string, number>>
  /** The arguments come by name; a spoilt one may be anything. */
  readonly call: (values: never) => unknown
}

const seeded = { seed: 5, stream: 2 }
const eigenvalues = { logDecay: { shape: [3] }, frequency: { shape: [3] } }

/** Rows by function. */
export const publicTable: readonly PublicRow[] = [
  {
    name: 'silu',
    tensors: { input: { shape: [2, 3], anySize: true } },
    call: (v: { input: Tensor }) => lib.silu(v.input),
  },
  {
    name: 'relu',
    tensors: { input: { shape: [2, 3], anySize: true } },
    call: (v: { input: Tensor }) => lib.relu(v.input),
  },
  {
    name: 'sigmoid',
    tensors: { input: { shape: [2, 3], anySize: true } },
    call: (v: { input: Tensor }) => lib.sigmoid(v.input),
  },
  {
    name: 'tanh',
    tensors: { input: { shape: [2, 3], anySize: true } },
    call: (v: { input: Tensor }) => lib.tanh(v.input),
  },
  {
    name: 'lstmLayer',
    tensors: {
      inputGates: { shape: [2, 3, 12] },
      weight: { shape: [12, 3] },
      initialHidden: { shape: [2, 3], optional: true },
      initialCell: { shape: [2, 3], optional: true },
    },
    call: lib.lstmLayer,
  },
  {
    name: 'gaussianAction',
    tensors: {
      mean: { shape: [4, 3] },
      logDeviation: { shape: [3] },
      normal: { shape: [4, 3] },
    },
    call: lib.gaussianAction,
  },
  {
    name: 'advantages',
    tensors: { rewards: { shape: [4] }, values: { shape: [4] }, lastValue: { shape: [1] } },
    numbers: { discount: 0.9, trace: 0.8 },
    call: lib.advantages,
  },
  {
    name: 'policyGradientLoss',
    tensors: {
      mean: { shape: [4, 3] },
      logDeviation: { shape: [3] },
      action: { shape: [4, 3] },
      advantages: { shape: [4] },
      value: { shape: [4], optional: true },
      returns: { shape: [4], optional: true },
    },
    numbers: { valueWeight: 0.5, entropyWeight: 0.01 },
    call: lib.policyGradientLoss,
  },
  {
    name: 'add',
    tensors: { left: { shape: [2, 3] }, right: { shape: [2, 3] } },
    call: (v: { left: Tensor; right: Tensor }) => lib.add(v.left, v.right),
  },
  {
    name: 'scale',
    tensors: { input: { shape: [2, 3], anySize: true } },
    numbers: { factor: 2 },
    call: (v: { input: Tensor; factor: number }) => lib.scale(v.input, v.factor),
  },
  {
    name: 'affine',
    tensors: { input: { shape: [2, 3], anySize: true } },
    numbers: { factor: 2, offset: 1 },
    call: ({ input, ...map }: { input: Tensor; factor: number; offset: number }) =>
      lib.affine(input, map),
  },
  {
    name: 'normalize',
    tensors: { input: { shape: [2, 3], anySize: true } },
    call: (v: { input: Tensor }) => lib.normalize(v.input),
  },
  {
    name: 'fill',
    tensors: { output: { shape: [2, 3], anySize: true } },
    numbers: { value: 2 },
    call: (v: { output: Tensor; value: number }) => lib.fill(v.output, v.value),
  },
  {
    name: 'cast',
    tensors: { input: { shape: [2, 3], anySize: true, anyFloat: true } },
    call: (v: { input: Tensor }) => lib.cast(v.input, 'float16'),
  },
  {
    name: 'blockDiagonal',
    tensors: { input: { shape: [2, 12] }, coupling: { shape: [2, 3, 3] } },
    call: lib.blockDiagonal,
  },
  {
    name: 'causalConvolution',
    tensors: {
      input: { shape: [2, 5, 3] },
      weight: { shape: [3, 4], anySize: true },
      bias: { shape: [3] },
      history: { shape: [2, 3, 3], optional: true },
    },
    call: lib.causalConvolution,
  },
  {
    name: 'causalPool',
    tensors: { input: { shape: [2, 5, 3], anySize: true } },
    integers: { scale: 2 },
    call: lib.causalPool,
  },
  {
    name: 'causalHold',
    tensors: { input: { shape: [2, 2, 3], anySize: true } },
    integers: { scale: 2, time: 5 },
    call: lib.causalHold,
  },
  {
    name: 'dropout',
    tensors: { input: { shape: [2, 3], anySize: true } },
    integers: { ...seeded, step: 1 },
    numbers: { probability: 0.5 },
    call: lib.dropout,
  },
  {
    name: 'residualDropout',
    tensors: { input: { shape: [2, 3] }, residual: { shape: [2, 3] } },
    integers: { ...seeded, step: 1 },
    numbers: { probability: 0.5 },
    call: lib.residualDropout,
  },
  {
    name: 'eigenstateScan',
    tensors: {
      input: { shape: [2, 4, 6] },
      ...eigenvalues,
      selection: { shape: [2, 4, 6], optional: true },
      reset: { shape: [2, 4], dtype: 'uint8', optional: true },
      initial: { shape: [2, 6], optional: true },
    },
    integers: { checkpoint: 2 },
    numbers: { selectionScale: 0.1 },
    call: lib.eigenstateScan,
  },
  {
    name: 'eigenstateStep',
    tensors: {
      input: { shape: [2, 6] },
      ...eigenvalues,
      selection: { shape: [2, 6], optional: true },
      reset: { shape: [2], dtype: 'uint8', optional: true },
      initial: { shape: [2, 6], optional: true },
    },
    call: lib.eigenstateStep,
  },
  {
    name: 'embedding',
    tensors: {
      table: { shape: [5, 3] },
      tokens: { shape: [2, 4], dtype: 'int32', anySize: true },
      positions: { shape: [4, 3], optional: true },
    },
    call: lib.embedding,
  },
  {
    name: 'gate',
    tensors: { value: { shape: [2, 3] }, gate: { shape: [2, 3] }, bias: { shape: [3] } },
    call: lib.gate,
  },
  {
    name: 'kuramoto',
    tensors: {
      naturalFrequencies: { shape: [4] },
      phases: { shape: [2, 4] },
      precision: { shape: [4], optional: true },
      sign: { shape: [4], optional: true },
      drive: { shape: [2, 4], optional: true },
    },
    integers: { steps: 3, record: 1, checkpoint: 2, firstStep: 1, ...seeded },
    numbers: { dt: 0.1, coupling: 1, diffusion: 0.1 },
    call: (v: lib.KuramotoOptions) =>
      lib.kuramoto({ ...v, driveKind: 'batch', method: 'euler-maruyama' }),
  },
  {
    name: 'layerNorm',
    tensors: { input: { shape: [2, 3] }, weight: { shape: [3] }, bias: { shape: [3] } },
    numbers: { epsilon: 1e-5 },
    call: lib.layerNorm,
  },
  {
    name: 'matrixProduct',
    tensors: { left: { shape: [2, 3] }, right: { shape: [3, 4], anySize: true } },
    call: lib.matrixProduct,
  },
  {
    name: 'localOrder',
    tensors: {
      phases: { shape: [2, 3], anySize: true },
      adjacency: { shape: [3, 3], optional: true },
    },
    call: lib.localOrder,
  },
  {
    name: 'moduleOrder',
    tensors: { phases: { shape: [2, 3] } },
    call: (v: { phases: Tensor }) => lib.moduleOrder(v.phases, [0, 1, 0]),
  },
  {
    name: 'phaseLocking',
    tensors: { trajectory: { shape: [4, 3], anySize: true } },
    call: (v: { trajectory: Tensor }) => lib.phaseLocking(v.trajectory),
  },
  {
    name: 'linear',
    tensors: {
      input: { shape: [2, 3] },
      weight: { shape: [4, 3] },
      bias: { shape: [4], optional: true },
    },
    call: lib.linear,
  },
  {
    name: 'orderParameter',
    tensors: { phases: { shape: [2, 3], anySize: true } },
    call: (v: { phases: Tensor }) => lib.orderParameter(v.phases),
  },
  {
    name: 'phasePrecision',
    tensors: { before: { shape: [2, 3] }, after: { shape: [2, 3] }, variance: { shape: [3] } },
    numbers: { tau: 20 },
    call: lib.phasePrecision,
  },
  {
    name: 'phaseDrive',
    tensors: { phases: { shape: [2, 3] }, sine: { shape: [2, 3] }, cosine: { shape: [2, 3] } },
    call: lib.phaseDrive,
  },
  {
    name: 'randomUniform',
    tensors: { output: { shape: [2, 3], anySize: true } },
    integers: seeded,
    numbers: { low: 0, high: 1 },
    call: ({ output, ...rest }: lib.RandomOptions & { output: Tensor }) =>
      lib.randomUniform(output, rest),
  },
  {
    name: 'randomNormal',
    tensors: { output: { shape: [2, 3], anySize: true } },
    integers: seeded,
    numbers: { mean: 0, deviation: 1 },
    call: ({ output, ...rest }: lib.RandomOptions & { output: Tensor }) =>
      lib.randomNormal(output, rest),
  },
  {
    name: 'scaledSum',
    tensors: {
      value: { shape: [2, 3] },
      weight: { shape: [3], anySize: true },
      base: { shape: [2, 3], optional: true },
    },
    integers: { index: 1 },
    call: lib.scaledSum,
  },
  {
    name: 'softmaxCrossEntropy',
    tensors: {
      logits: { shape: [2, 5], anySize: true, anyFloat: true },
      targets: { shape: [2], dtype: 'int32' },
    },
    call: lib.softmaxCrossEntropy,
  },
  {
    name: 'timeSlice',
    tensors: { input: { shape: [2, 5, 3], anySize: true } },
    integers: { begin: 1, count: 2 },
    call: lib.timeSlice,
  },
  ...wavePublicRows,
]
