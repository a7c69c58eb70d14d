import { assertTensor, expectInteger, expectSameShape } from '../check.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('scaledSumForward', [
  'value',
  'weight',
  'base',
  'output',
  'index',
  'sigmoid',
] as const)
const backward = operation('scaledSumBackward', [
  'gradOutput',
  'value',
  'weight',
  'gradValue',
  'gradWeight',
  'index',
  'sigmoid',
] as const)

/** Arguments of `scaledSum`. */
export interface ScaledSumOptions {
  /** Any shape. */
  value: Tensor
  /** Learned factors, float32 (float64 for float64 values), any shape. */
  weight: Tensor
  /** Which factor: an index into `weight`'s elements. */
  index: number
  /** The value's shape and dtype; absent counts as 0. */
  base?: Tensor | null
  /** Whether the factor goes through the logistic function. Default: false. */
  sigmoid?: boolean
}

/**
 * A sum with one learned factor.
 *
 *     y = base + f(w_index) value,   f = identity or σ
 *
 * @returns the value's shape and dtype.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function scaledSum(options: ScaledSumOptions): Tensor {
  const { value, weight, index, base = null, sigmoid = false } = options
  assertTensor('scaledSum', 'value', value)
  assertTensor('scaledSum', 'weight', weight)
  expectInteger('scaledSum', 'index', index, 0)
  if (index >= weight.length) {
    throw new ShapeError(`scaledSum: index must be below ${weight.length}, got ${index}`)
  }
  if (base) expectSameShape('scaledSum', 'base', base, value)
  const output = Tensor.like(value)
  if (output.length > 0) forward({ value, weight, base, output, index, sigmoid })
  return record({ value, weight, base }, { output }, ({ output: gradOutput }) => {
    if (!gradOutput) return { value: null, weight: null, base: null }
    return {
      ...scaledSumBackward(gradOutput, { value, weight, index, sigmoid }),
      base: base && gradOutput,
    }
  }).output
}

function scaledSumBackward(
  gradOutput: Tensor,
  {
    value,
    weight,
    index,
    sigmoid,
  }: { value: Tensor; weight: Tensor; index: number; sigmoid: boolean },
) {
  const gradValue = Tensor.like(value)
  const gradWeight = Tensor.like(weight)
  backward({ gradOutput, value, weight, gradValue, gradWeight, index, sigmoid })
  return { value: gradValue, weight: gradWeight }
}
