import { assertTensor } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('siluForward', ['input', 'output'] as const)
const backward = operation('siluBackward', ['gradOutput', 'input', 'gradInput'] as const)

/**
 * The sigmoid linear unit, elementwise.
 *
 *     y = x σ(x),   σ(x) = 1 / (1 + e^−x)
 *
 * @param input any shape, float64, float32, bfloat16 or float16.
 * @returns the same shape and dtype.
 * @throws DtypeError, DisposedError. Deterministic. Source: arXiv:1606.08415.
 */
export function silu(input: Tensor): Tensor {
  assertTensor('silu', 'input', input)
  const output = Tensor.like(input)
  forward({ input, output })
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && siluBackward(gradOutput, input),
  })).output
}

function siluBackward(gradOutput: Tensor, input: Tensor): Tensor {
  const gradInput = Tensor.like(input)
  backward({ gradOutput, input, gradInput })
  return gradInput
}
