import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'

const scatter = operation('sphereScatter', [
  'values',
  'targets',
  'field',
  'receivers',
  'nodes',
] as const)

/** Writes `values` (2, S) into `field` (2, N) at the nodes `targets` (S), each at most once. @internal */
export function scatterField(options: { values: Tensor; targets: Tensor; field: Tensor }): void {
  scatter({ ...options, receivers: options.targets.length, nodes: options.field.shape[1] ?? 0 })
}
