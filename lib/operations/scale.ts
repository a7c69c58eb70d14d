import { expectFloat, expectNumber } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('scale', ['input', 'output', 'factor'] as const)

/**
 * A tensor times a number, elementwise.
 *
 *     y = f x
 *
 * @returns the input's shape and dtype.
 * @throws DtypeError, ValueError, DisposedError. Deterministic.
 */
export function scale(input: Tensor, factor: number): Tensor {
  expectFloat('scale', 'input', input)
  expectNumber('scale', 'factor', factor)
  return record({ input }, { output: scaled(input, factor) }, ({ output: gradOutput }) => ({
    input: gradOutput && scaled(gradOutput, factor),
  })).output
}

function scaled(input: Tensor, factor: number): Tensor {
  const output = Tensor.like(input)
  forward({ input, output, factor })
  return output
}
