import { expectFloat, expectNumber } from '../check.js'
import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'

const forward = operation('fill', ['output', 'value'] as const)

/**
 * Overwrites a floating tensor with one number, rounded to its type.
 *
 * @throws DtypeError, ValueError, DisposedError. Deterministic.
 */
export function fill(output: Tensor, value: number): Tensor {
  expectFloat('fill', 'output', output)
  expectNumber('fill', 'value', value)
  if (output.length > 0) forward({ output, value })
  return output
}
