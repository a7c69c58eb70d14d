import { assertTensor } from '../check.js'
import { DtypeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('normalizeForward', ['input', 'output', 'extremes'] as const)
const backward = operation('normalizeBackward', [
  'gradOutput',
  'output',
  'extremes',
  'gradInput',
] as const)

/**
 * Maps a tensor onto [0, 1] by its own extremes, which stay on the device.
 *
 *     y = (x − min x) / (max x − min x)
 *
 * A tensor whose elements are all equal becomes zeros; one that holds NaN becomes NaN throughout.
 *
 * @param input any shape, float64 or float32.
 * @returns the same shape and dtype; the smallest element is exactly 0, the largest exactly 1. The
 * gradient counts the extremes as elements too (of several equal ones the first); that of a constant
 * tensor is 0.
 * @throws DtypeError, DisposedError. Deterministic.
 */
export function normalize(input: Tensor): Tensor {
  assertTensor('normalize', 'input', input)
  if (input.dtype !== 'float64' && input.dtype !== 'float32') {
    throw new DtypeError(`normalize: input must be float64 or float32, got ${input.dtype}`)
  }
  if (input.length === 0) return input.reshape(input.shape)
  const output = Tensor.like(input)
  const extremes = Tensor.empty([4], 'float64', input.device)
  forward({ input, output, extremes })
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && normalizeBackward(gradOutput, output, extremes),
  })).output
}

function normalizeBackward(gradOutput: Tensor, output: Tensor, extremes: Tensor): Tensor {
  const gradInput = Tensor.like(output)
  backward({ gradOutput, output, extremes, gradInput })
  return gradInput
}
