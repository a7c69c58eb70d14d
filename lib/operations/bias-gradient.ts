import { computeDtype } from '../dtype.js'
import { operation } from '../native.js'
import { differentiable } from '../tape.js'
import { Tensor } from '../tensor.js'

const columnSum = operation('columnSum', ['input', 'output', 'rows', 'columns'] as const)

/**
 * The gradient of a bias that was added to every row: the sum of the rows' gradients, in float32
 * (float64); null where the bias needs none. @internal
 */
export function biasGradient(
  gradRows: Tensor,
  bias: Tensor | null,
  { rows, columns }: { rows: number; columns: number },
): Tensor | null {
  if (!bias || !differentiable(bias)) return null
  const gradBias = Tensor.empty(bias.shape, computeDtype(bias.dtype), bias.device)
  columnSum({ input: gradRows, output: gradBias, rows, columns })
  return gradBias
}
