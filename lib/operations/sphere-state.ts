import { operation } from '../native.js'
import { Tensor } from '../tensor.js'

const read = operation('sphereState', ['field', 'state', 'nodes', 'count', 'even'] as const)

/** Nodes whose magnitude and phase a state tells. @internal */
export const kStateNodes = 128

/** |F| and arg F at 128 nodes of `field` (2, N): (256). @internal */
export function sphereState({ field, even }: { field: Tensor; even: boolean }): Tensor {
  const state = Tensor.empty([2 * kStateNodes], field.dtype, field.device)
  read({ field, state, nodes: field.shape[1] ?? 0, count: kStateNodes, even })
  return state
}
