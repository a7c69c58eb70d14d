// The recurrence of one layer of a long short-term memory.
import { expectKind, expectShape } from '../check.js'
import { DtypeError, ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { differentiable, record } from '../tape.js'
import { Tensor } from '../tensor.js'

const sizes = ['batch', 'time', 'width'] as const
const forward = operation('lstmForward', [
  'inputGates',
  'weight',
  'initialHidden',
  'initialCell',
  'activations',
  'hidden',
  'cell',
  ...sizes,
] as const)
const backward = operation('lstmBackward', [
  'weight',
  'gradHidden',
  'gradCell',
  'activations',
  'hidden',
  'cell',
  'initialHidden',
  'initialCell',
  'gradInputGates',
  'gradWeight',
  'gradInitialHidden',
  'gradInitialCell',
  ...sizes,
] as const)

/** Arguments of `lstmLayer`. */
export interface LstmLayerOptions {
  /** W_x x + b of all steps, (batch, time, 4 width): blocks input, forget, cell, output; float64 or float32 */
  inputGates: Tensor
  /** W_h, (4 width, width), in the dtype of `inputGates` */
  weight: Tensor
  /** h before the first step, (batch, width); absent: zeros */
  initialHidden?: Tensor | null
  /** c before the first step, (batch, width); absent: zeros */
  initialCell?: Tensor | null
}

/** What `lstmLayer` gives. */
export interface LstmLayerResult {
  /** h of all steps, (batch, time, width) */
  readonly hidden: Tensor
  /** c of all steps, (batch, time, width) */
  readonly cell: Tensor
}

/**
 * One layer of a long short-term memory over all steps of a sequence.
 *
 *     a_t = W_x x_t + b + W_h h_{t−1}
 *     i, f, o = σ(a_i), σ(a_f), σ(a_o),   g = tanh(a_g)
 *     c_t = f c_{t−1} + i g,   h_t = o tanh(c_t)
 *
 * `linear` gives W_x x_t + b of all steps at once.
 *
 * @returns h and c of all steps, with gradients through time for every argument.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic: equal bits for every number
 * of threads.
 *
 * Source: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735, with the forget gate of Gers et
 * al. 2000, doi:10.1162/089976600300015015.
 */
export function lstmLayer(options: LstmLayerOptions): LstmLayerResult {
  const name = 'lstmLayer'
  const { inputGates, weight, initialHidden = null, initialCell = null } = options
  const shape = { batch: -1, time: -1, '4 width': -1 }
  const [batch = 0, time = 0, gates = 0] = expectShape(name, 'inputGates', inputGates, shape)
  if (inputGates.dtype !== 'float64' && inputGates.dtype !== 'float32') {
    throw new DtypeError(`${name}: inputGates must be float64 or float32, got ${inputGates.dtype}`)
  }
  if (batch < 1 || time < 1 || gates < 4 || gates % 4 !== 0) {
    throw new ShapeError(
      `${name}: inputGates must be of shape (batch, time, 4 width) with sizes of at least 1, got [${inputGates.shape}]`,
    )
  }
  const width = gates / 4
  expectShape(name, 'weight', weight, { '4 width': gates, width })
  expectKind(name, 'weight', weight, inputGates)
  for (const [key, initial] of Object.entries({ initialHidden, initialCell })) {
    if (!initial) continue
    expectShape(name, key, initial, { batch, width })
    expectKind(name, key, initial, inputGates)
  }
  const call = { batch, time, width }
  const { dtype, device } = inputGates
  const activations = Tensor.like(inputGates)
  const hidden = Tensor.empty([batch, time, width], dtype, device)
  const cell = Tensor.like(hidden)
  const saved = { weight, activations, hidden, cell, initialHidden, initialCell }
  forward({ inputGates, ...saved, ...call })
  return record(
    { inputGates, weight, initialHidden, initialCell },
    { hidden, cell },
    ({ hidden: gradHidden, cell: gradCell }) =>
      lstmLayerBackward({ gradHidden, gradCell }, saved, call),
  )
}

function lstmLayerBackward(
  gradients: { gradHidden: Tensor | null; gradCell: Tensor | null },
  saved: {
    weight: Tensor
    activations: Tensor
    hidden: Tensor
    cell: Tensor
    initialHidden: Tensor | null
    initialCell: Tensor | null
  },
  call: Readonly<Record<(typeof sizes)[number], number>>,
) {
  const { weight, activations, initialHidden, initialCell } = saved
  const gradientOf = (initial: Tensor | null): Tensor | null =>
    initial && differentiable(initial) ? Tensor.like(initial) : null
  const gradInputGates = Tensor.like(activations)
  const gradWeight = Tensor.like(weight)
  const gradInitialHidden = gradientOf(initialHidden)
  const gradInitialCell = gradientOf(initialCell)
  backward({
    ...gradients,
    ...saved,
    gradInputGates,
    gradWeight,
    gradInitialHidden,
    gradInitialCell,
    ...call,
  })
  return {
    inputGates: gradInputGates,
    weight: gradWeight,
    initialHidden: gradInitialHidden,
    initialCell: gradInitialCell,
  }
}
