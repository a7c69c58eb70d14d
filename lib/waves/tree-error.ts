// What a sum over clusters errs by: sources at random and in step, and the direct sums at a sample of the nodes.

import { type Tensor, tensor } from '../tensor.js'
import type { ClusterTree } from './cluster-tree.js'
import { type Medium, TreeSum } from './tree-sum.js'

/** Sources at random, then sources in step: errors of the one average out, those of the other add up. */
const kSamples = 2
/** Nodes of the sample in one leaf; nodes of the others in one: so many terms are summed in a row. */
const kSampleLeaf = 16
const kOtherLeaf = 2048
/** Pairs that a measurement may cost, where the sample does not fall below 4 leaves. */
const kPairs = 4e7
const kMostLeaves = 13

/** The sample of a tree's nodes and the direct sums of both kinds of sources there. @internal */
export class DirectSample implements Disposable {
  readonly #sources: Tensor
  readonly #sample: Int32Array
  readonly #direct: readonly Float64Array[]

  private constructor(sources: Tensor, sample: Int32Array, direct: readonly Float64Array[]) {
    this.#sources = sources
    this.#sample = sample
    this.#direct = direct
  }

  /** Positions are (3, N), on their device. */
  static async of(positions: Tensor, { nodeOrder }: ClusterTree, medium: Medium) {
    const nodes = nodeOrder.length
    const sources = sourcesLike(positions, nodes)
    const leaves = Math.min(kMostLeaves, Math.max(4, Math.round(kPairs / nodes / kSampleLeaf)))
    const count = Math.min(nodes, leaves * kSampleLeaf)
    const { order, sample } = sampleFirst(nodeOrder, count)
    using sum = new TreeSum(positions, directPlan(order, count))
    using potential = sum.run(sources, medium)
    return new DirectSample(sources, sample, pick(await potential.data(), sample, nodes))
  }

  /** ‖U − direct‖ / ‖direct‖ over the sample, of the kind of sources for which it is larger. */
  async error(sum: TreeSum, medium: Medium): Promise<number> {
    using potential = sum.run(this.#sources, medium)
    const nodes = potential.length / (2 * kSamples)
    const got = pick(await potential.data(), this.#sample, nodes)
    return Math.max(...got.map((one, m) => relativeError(one, this.#direct[m] as Float64Array)))
  }

  [Symbol.dispose](): void {
    this.#sources.dispose()
  }
}

/** ‖got − want‖ / ‖want‖. @internal */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let difference = 0
  let size = 0
  for (let i = 0; i < want.length; ++i) {
    const expected = want[i] as number
    difference += ((got[i] as number) - expected) ** 2
    size += expected * expected
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size)
}

// (2, 2, N): uniform in the square |Re q|, |Im q| < 1, by a linear congruential generator; then q = 1.
function sourcesLike(positions: Tensor, nodes: number): Tensor {
  const dtype = positions.dtype as 'float32' | 'float64'
  const planes = new (dtype === 'float32' ? Float32Array : Float64Array)(2 * kSamples * nodes)
  let state = 20260607
  for (let i = 0; i < 2 * nodes; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    planes[i] = state / 2 ** 31
  }
  planes.fill(1, 2 * nodes, 3 * nodes)
  return tensor(planes, { shape: [kSamples, 2, nodes], dtype, device: positions.device })
}

function pick(planes: ArrayLike<number>, sample: Int32Array, nodes: number): Float64Array[] {
  const count = sample.length
  return Array.from({ length: kSamples }, (_, m) =>
    Float64Array.from(
      { length: 2 * count },
      (_, i) =>
        planes[(2 * m + Math.floor(i / count)) * nodes + (sample[i % count] as number)] as number,
    ),
  )
}

// The nodes, evenly spaced ones of the order (so all of space is met) in front.
function sampleFirst(nodeOrder: Int32Array, count: number) {
  const nodes = nodeOrder.length
  const order = new Int32Array(nodes)
  let taken = 0
  let others = count
  for (let i = 0; i < nodes; ++i) {
    const isTaken = taken < count && i === Math.floor(((taken + 0.5) * nodes) / count)
    order[isTaken ? taken++ : others++] = nodeOrder[i] as number
  }
  return { order, sample: order.slice(0, count) }
}

// Leaves only: those of the sample meet all, the others meet those.
function directPlan(nodeOrder: Int32Array, count: number) {
  const nodeStart: number[] = []
  for (let begin = 0; begin < count; begin += kSampleLeaf) {
    nodeStart.push(begin, Math.min(count, begin + kSampleLeaf))
  }
  const sampled = nodeStart.length / 2
  for (let begin = count; begin < nodeOrder.length; begin += kOtherLeaf) {
    nodeStart.push(begin, Math.min(nodeOrder.length, begin + kOtherLeaf))
  }
  const clusters = nodeStart.length / 2
  const near: number[] = []
  const nearStart = [0]
  for (let c = 0; c < clusters; ++c) {
    for (let other = 0; other < (c < sampled ? clusters : sampled); ++other) near.push(other)
    nearStart.push(near.length)
  }
  return {
    nodeOrder,
    nodeStart: Int32Array.from(nodeStart),
    firstChild: new Int32Array(clusters).fill(-1),
    levelStart: Int32Array.of(0, clusters),
    frames: new Float64Array(15 * clusters),
    orders: new Int32Array(3 * clusters).fill(1),
    proxyStart: Int32Array.from({ length: clusters + 1 }, (_, c) => c),
    proxies: new Float64Array(3 * clusters),
    farStart: new Int32Array(clusters + 1),
    far: new Int32Array(0),
    nearStart: Int32Array.from(nearStart),
    near: Int32Array.from(near),
  }
}
