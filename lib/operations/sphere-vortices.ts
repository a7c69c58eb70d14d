import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'

const count = operation('sphereVortices', [
  'field',
  'vortices',
  'reward',
  'nodes',
  'stride',
  'threshold',
] as const)

/** Where |F| is below this, there is a vortex. */
export const vortexThreshold = 0.3

/**
 * Counts vortices at every `stride`-th node, times the stride, and gives the reward of that density d:
 * 100 d², less 50 e^(−100 d) where d < 0.01. @internal
 */
export function countVortices(options: {
  field: Tensor
  vortices: Tensor
  reward: Tensor
  stride: number
}): void {
  count({ ...options, nodes: options.field.shape[1] ?? 0, threshold: vortexThreshold })
}
