import { assertTensor, expectSameShape, expectShape } from '../check.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'
import { biasGradient } from './bias-gradient.js'

const forward = operation('gateForward', [
  'value',
  'gate',
  'bias',
  'output',
  'rows',
  'width',
] as const)
const backward = operation('gateBackward', [
  'gradOutput',
  'value',
  'gate',
  'bias',
  'gradValue',
  'gradGate',
  'rows',
  'width',
] as const)

/** Arguments of `gate`. */
export interface GateOptions {
  /** (…, width) */
  value: Tensor
  /** The value's shape and dtype. */
  gate: Tensor
  /** (width), in the value's dtype */
  bias: Tensor
}

/**
 * A learned gate.
 *
 *     y = σ(gate + bias) ⊙ value
 *
 * @returns the value's shape and dtype.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function gate({ value, gate, bias }: GateOptions): Tensor {
  const [width = 0] = expectShape('gate', 'bias', bias, { width: -1 })
  assertTensor('gate', 'value', value)
  if (width < 1 || value.shape.at(-1) !== width) {
    throw new ShapeError(`gate: value must be of shape (…, width = ${width}), got [${value.shape}]`)
  }
  expectSameShape('gate', 'gate', gate, value)
  const call = { rows: value.length / width, width }
  const output = Tensor.like(value)
  forward({ value, gate, bias, output, ...call })
  return record({ value, gate, bias }, { output }, ({ output: gradOutput }) => {
    if (!gradOutput) return { value: null, gate: null, bias: null }
    return gateBackward(gradOutput, { value, gate, bias }, call)
  }).output
}

function gateBackward(
  gradOutput: Tensor,
  { value, gate, bias }: GateOptions,
  call: { rows: number; width: number },
) {
  const gradValue = Tensor.like(value)
  const gradGate = Tensor.like(gate)
  backward({ gradOutput, value, gate, bias, gradValue, gradGate, ...call })
  const gradBias = biasGradient(gradGate, bias, { rows: call.rows, columns: call.width })
  return { value: gradValue, gate: gradGate, bias: gradBias }
}
