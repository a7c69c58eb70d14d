// One renormalisation of pairs of states on the way to a Lyapunov exponent.
import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'

const renormalise = operation('lyapunovRenormalise', [
  'growth',
  'state',
  'pairs',
  'oscillators',
  'slots',
  'slot',
  'distance',
  'transverse',
] as const)

/** Arguments of `lyapunovRenormalise`. @internal */
export interface LyapunovRenormaliseOptions {
  /** (slots, pairs): row `slot` becomes ln(d / distance), −∞ where d is below the phases' resolution. */
  growth: Tensor
  /** int32 (2 pairs, N, words): the references, then the perturbed, which are scaled back in place. */
  state: Tensor
  slot: number
  /** d0, rad: root mean square over the oscillators. */
  distance: number
  /** Leave out the mean of all differences. */
  transverse: boolean
}

/**
 * Measures how far perturbed states came from their references, and scales the perturbations back.
 * @internal
 */
export function lyapunovRenormalise(options: LyapunovRenormaliseOptions): void {
  const { growth, state } = options
  const [slots = 0, pairs = 0] = growth.shape
  renormalise({ ...options, pairs, slots, oscillators: state.shape[1] as number })
}
