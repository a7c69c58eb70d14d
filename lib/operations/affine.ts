import { expectFloat, expectNumber } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('affine', ['input', 'output', 'factor', 'offset'] as const)

/**
 * A tensor times a number plus a number, elementwise.
 *
 *     y = f x + b
 *
 * @param input any shape, float64, float32, bfloat16 or float16.
 * @param map.factor f, a finite number.
 * @param map.offset b, a finite number. Default: 0.
 * @returns the input's shape and dtype.
 * @throws DtypeError, ValueError, DisposedError. Deterministic.
 */
export function affine(
  input: Tensor,
  { factor, offset = 0 }: { factor: number; offset?: number },
): Tensor {
  expectFloat('affine', 'input', input)
  expectNumber('affine', 'factor', factor)
  expectNumber('affine', 'offset', offset)
  return record({ input }, { output: mapped(input, factor, offset) }, ({ output: gradOutput }) => ({
    input: gradOutput && mapped(gradOutput, factor, 0),
  })).output
}

function mapped(input: Tensor, factor: number, offset: number): Tensor {
  const output = Tensor.like(input)
  if (output.length > 0) forward({ input, output, factor, offset })
  return output
}
