import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'

const act = operation('sphereAction', [
  'action',
  'amplitudes',
  'actions',
  'nodes',
  'gain',
  'least',
  'most',
] as const)

/** How an action moves amplitudes, and between which they stay. */
export const sphereAmplitudes = { gain: 0.02, least: 0.5, most: 5 } as const

/** A_i ← min(max(A_i + 0.02 a_i, 0.5), 5) for the first nodes, one for each action. @internal */
export function applyAction(options: { action: Tensor; amplitudes: Tensor }): void {
  const { action, amplitudes } = options
  act({ action, amplitudes, actions: action.length, nodes: amplitudes.length, ...sphereAmplitudes })
}
