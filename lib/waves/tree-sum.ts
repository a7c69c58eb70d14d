// A plan of a sum over clusters in a device's memory, and the call that runs it.
import type { Device } from '../device.js'
import { operation } from '../native.js'
import { own, Tensor, tensor } from '../tensor.js'
import type { TreePlan } from './tree-plan.js'

const treeSum = operation('waveTreeSum', [
  'positions',
  'sources',
  'nodeOrder',
  'frames',
  'orders',
  'nodeStart',
  'firstChild',
  'levelStart',
  'proxyStart',
  'proxies',
  'farStart',
  'far',
  'nearStart',
  'near',
  'potential',
  'nodes',
  'samples',
  'clusters',
  'levels',
  'proxyCount',
  'farCount',
  'nearCount',
  'wavenumber',
  'softening',
] as const)

/** The arrays of a tree that do not depend on orders. @internal */
export interface TreeArrays {
  readonly nodeOrder: Int32Array
  readonly nodeStart: Int32Array
  readonly firstChild: Int32Array
  readonly levelStart: Int32Array
}

const kNames = [
  'nodeOrder',
  'nodeStart',
  'firstChild',
  'levelStart',
  'orders',
  'proxyStart',
  'farStart',
  'far',
  'nearStart',
  'near',
  'frames',
  'proxies',
] as const

const kSizes = ['clusters', 'levels', 'proxyCount', 'farCount', 'nearCount'] as const

/** k and ε. @internal */
export interface Medium {
  readonly wavenumber: number
  readonly softening: number
}

/** A plan on the device of `positions` (3, N), which it keeps alive. Whoever makes it disposes it. @internal */
export class TreeSum implements Disposable {
  readonly positions: Tensor
  readonly #tensors: Readonly<Record<(typeof kNames)[number], Tensor>>
  readonly #sizes: Readonly<Record<(typeof kSizes)[number], number>>

  constructor(positions: Tensor, arrays: TreeArrays & TreePlan) {
    this.positions = own(positions.detach())
    const { device } = positions
    const dtype = positions.dtype as 'float64' | 'float32'
    const made: Record<string, Tensor> = {}
    for (const name of kNames) made[name] = onDevice(arrays[name], dtype, device)
    this.#tensors = made as Record<(typeof kNames)[number], Tensor>
    this.#sizes = {
      clusters: arrays.firstChild.length,
      levels: arrays.levelStart.length - 1,
      proxyCount: arrays.proxies.length / 3,
      farCount: arrays.far.length,
      nearCount: arrays.near.length,
    }
  }

  /** U (M, 2, N) of sources (M, 2, N); not on the tape. */
  run(sources: Tensor, medium: Medium): Tensor {
    const [samples, , nodes] = sources.shape as [number, number, number]
    const potential = Tensor.like(sources)
    const { positions } = this
    const sizes = { samples, nodes, ...this.#sizes }
    treeSum({ positions, sources, potential, ...this.#tensors, ...sizes, ...medium })
    return potential
  }

  dispose(): void {
    this.positions.dispose()
    for (const name of kNames) this.#tensors[name].dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function onDevice(
  data: Float64Array | Int32Array,
  real: 'float64' | 'float32',
  device: Device,
): Tensor {
  const dtype = data instanceof Int32Array ? 'int32' : real
  return own(tensor(data, { dtype, device }))
}
