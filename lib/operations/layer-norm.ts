import { assertTensor, expectNumber, expectShape } from '../check.js'
import { computeDtype } from '../dtype.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('layerNormForward', [
  'input',
  'weight',
  'bias',
  'output',
  'mean',
  'inverseDeviation',
  'rows',
  'width',
  'epsilon',
] as const)
const backward = operation('layerNormBackward', [
  'gradOutput',
  'input',
  'weight',
  'mean',
  'inverseDeviation',
  'gradInput',
  'gradWeight',
  'gradBias',
  'rows',
  'width',
] as const)

/** Arguments of `layerNorm`. */
export interface LayerNormOptions {
  /** (…, width) */
  input: Tensor
  /** (width), in the input's dtype */
  weight: Tensor
  /** (width), in the input's dtype */
  bias: Tensor
  /** Added to the variance. Default: 1e-5. */
  epsilon?: number
}

/**
 * Layer norm over the last dimension, with the biased variance.
 *
 *     y = w ⊙ (x − mean) / √(variance + ε) + b
 *
 * @returns the input's shape and dtype. The gradients of weight and bias are float32 (float64).
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError. Deterministic.
 * Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
 */
export function layerNorm({ input, weight, bias, epsilon = 1e-5 }: LayerNormOptions): Tensor {
  const [width = 0] = expectShape('layerNorm', 'weight', weight, { width: -1 })
  expectShape('layerNorm', 'bias', bias, { width })
  assertTensor('layerNorm', 'input', input)
  expectNumber('layerNorm', 'epsilon', epsilon, { low: 0 })
  if (width < 1 || input.shape.at(-1) !== width) {
    throw new ShapeError(
      `layerNorm: input must be of shape (…, width = ${width}), got [${input.shape}]`,
    )
  }
  const compute = computeDtype(input.dtype)
  const call = { rows: input.length / width, width }
  const output = Tensor.like(input)
  const mean = Tensor.empty([call.rows], compute, input.device)
  const inverseDeviation = Tensor.like(mean)
  forward({ input, weight, bias, output, mean, inverseDeviation, ...call, epsilon })
  return record({ input, weight, bias }, { output }, ({ output: gradOutput }) => {
    if (!gradOutput) return { input: null, weight: null, bias: null }
    return layerNormBackward(gradOutput, { input, weight, mean, inverseDeviation }, call)
  }).output
}

function layerNormBackward(
  gradOutput: Tensor,
  saved: { input: Tensor; weight: Tensor; mean: Tensor; inverseDeviation: Tensor },
  call: { rows: number; width: number },
) {
  const { input, weight, mean } = saved
  const gradInput = Tensor.like(input)
  const gradWeight = Tensor.empty(weight.shape, computeDtype(weight.dtype), mean.device)
  const gradBias = Tensor.like(gradWeight)
  backward({ gradOutput, ...saved, gradInput, gradWeight, gradBias, ...call })
  return { input: gradInput, weight: gradWeight, bias: gradBias }
}
