// Clusters of points by repeated bisection along their longest axis, each with a tight box along its own
// principal axes, so that patches of a curved surface are thin boxes and pieces of a curve are rods.
import { principalAxes } from './principal-axes.js'
import { select } from './select.js'

/** Points of a cluster that its axes are found from, at most. */
const kSample = 512
/** Leaves hold whole vectors of this many nodes where they can. */
const kVector = 16

/** Clusters of points, level by level; arrays are for reading. @internal */
export interface ClusterTree {
  readonly nodes: number
  readonly clusters: number
  readonly levels: number
  /** Points so that those of a cluster lie side by side. */
  readonly nodeOrder: Int32Array
  /** Begin and end of each cluster in nodeOrder (clusters, 2). */
  readonly nodeStart: Int32Array
  /** The first of the two children; −1: a leaf. */
  readonly firstChild: Int32Array
  /** Where each level begins, and the end of the last. */
  readonly levelStart: Int32Array
  /** Three unit rows (clusters, 9). */
  readonly axes: Float64Array
  /** Tight boxes: lowest and highest coordinate along the axes (clusters, 3). */
  readonly low: Float64Array
  readonly high: Float64Array
}

// The points in the order of one level.
class Points {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly z: Float64Array
  readonly index: Int32Array
  constructor(length: number) {
    this.x = new Float64Array(length)
    this.y = new Float64Array(length)
    this.z = new Float64Array(length)
    this.index = new Int32Array(length)
  }
}

// Numbers of clusters while their count is not known.
interface Growing {
  readonly nodeStart: number[]
  readonly firstChild: number[]
  readonly levelStart: number[]
  readonly axes: number[]
  readonly low: number[]
  readonly high: number[]
}

/**
 * The clusters of the points whose coordinates are the planes of `positions` (3, N). A cluster of more
 * nodes than `leafSize` of its half-widths is split in halves, unless all its nodes coincide. Depth is at
 * most log2 N. O(N log N). @internal
 */
export function clusterTree(
  positions: ArrayLike<number>,
  leafSize: (halfWidths: Float64Array) => number,
): ClusterTree {
  const nodes = positions.length / 3
  let here = new Points(nodes)
  let next = new Points(nodes)
  for (let i = 0; i < nodes; ++i) {
    here.x[i] = positions[i] as number
    here.y[i] = positions[nodes + i] as number
    here.z[i] = positions[2 * nodes + i] as number
    here.index[i] = i
  }
  const growing: Growing = {
    nodeStart: [0, nodes],
    firstChild: [],
    levelStart: [0],
    axes: [],
    low: [],
    high: [],
  }
  const parents = [-1]
  const nodeOrder = new Int32Array(nodes)
  const work: Work = {
    growing,
    nodeOrder,
    keys: new Float64Array(nodes),
    sorted: new Float64Array(nodes),
    axes: new Float64Array(9),
    parentAxes: new Float64Array(9),
    covariance: new Float64Array(6),
    bounds: new Float64Array(6),
    halfWidths: new Float64Array(3),
  }
  for (let cluster = 0; cluster < parents.length; ) {
    const end = parents.length
    for (; cluster < end; ++cluster) {
      const parent = parents[cluster] as number
      if (addCluster(work, here, next, { cluster, parent, leafSize })) {
        growing.firstChild.push(parents.length)
        parents.push(cluster, cluster)
      } else {
        growing.firstChild.push(-1)
      }
    }
    growing.levelStart.push(end)
    ;[here, next] = [next, here]
  }
  return {
    nodes,
    clusters: parents.length,
    levels: growing.levelStart.length - 1,
    nodeOrder,
    nodeStart: Int32Array.from(growing.nodeStart),
    firstChild: Int32Array.from(growing.firstChild),
    levelStart: Int32Array.from(growing.levelStart),
    axes: Float64Array.from(growing.axes),
    low: Float64Array.from(growing.low),
    high: Float64Array.from(growing.high),
  }
}

// What the clusters use one after the other.
interface Work {
  readonly growing: Growing
  readonly nodeOrder: Int32Array
  /** Of the nodes along the axis of the split, in their order and for the selection. */
  readonly keys: Float64Array
  readonly sorted: Float64Array
  readonly axes: Float64Array
  readonly parentAxes: Float64Array
  readonly covariance: Float64Array
  readonly bounds: Float64Array
  readonly halfWidths: Float64Array
}

const kIdentity = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)

// Notes the frame and the box of a cluster; splits it and gives true, or keeps it as a leaf.
function addCluster(
  work: Work,
  here: Points,
  next: Points,
  {
    cluster,
    parent,
    leafSize,
  }: { cluster: number; parent: number; leafSize: (halfWidths: Float64Array) => number },
): boolean {
  const { growing, nodeOrder, axes, bounds, covariance, parentAxes, halfWidths } = work
  const begin = growing.nodeStart[2 * cluster] as number
  const end = growing.nodeStart[2 * cluster + 1] as number
  for (let i = 0; i < 9; ++i) {
    parentAxes[i] = parent < 0 ? (kIdentity[i] as number) : (growing.axes[9 * parent + i] as number)
  }
  findCovariance(here, begin, end, covariance)
  principalAxes(covariance, parentAxes, axes)
  findBounds(here, begin, end, axes, bounds)
  for (let i = 0; i < 9; ++i) growing.axes.push(axes[i] as number)
  for (let k = 0; k < 3; ++k) {
    growing.low.push(bounds[k] as number)
    growing.high.push(bounds[3 + k] as number)
    halfWidths[k] = ((bounds[3 + k] as number) - (bounds[k] as number)) / 2
  }
  const longest = halfWidths.indexOf(Math.max(...halfWidths))
  const count = end - begin
  if (halfWidths[longest] === 0 || count <= leafSize(halfWidths)) {
    nodeOrder.set(here.index.subarray(begin, end), begin)
    return false
  }
  const vectors = count >= 4 * kVector ? kVector : 1
  const half = Math.round(count / 2 / vectors) * vectors
  project(here, begin, end, longest, work)
  distribute(here, next, { begin, end, half }, work)
  growing.nodeStart.push(begin, begin + half, begin + half, end)
  return true
}

// Of at most kSample points, evenly spaced in their present order: xx, xy, xz, yy, yz, zz.
function findCovariance(
  { x, y, z }: Points,
  begin: number,
  end: number,
  covariance: Float64Array,
): void {
  const stride = Math.ceil((end - begin) / kSample)
  let [count, sx, sy, sz] = [0, 0, 0, 0]
  for (let i = begin; i < end; i += stride) {
    ++count
    sx += x[i] as number
    sy += y[i] as number
    sz += z[i] as number
  }
  const [cx, cy, cz] = [sx / count, sy / count, sz / count]
  let [xx, xy, xz, yy, yz, zz] = [0, 0, 0, 0, 0, 0]
  for (let i = begin; i < end; i += stride) {
    const dx = (x[i] as number) - cx
    const dy = (y[i] as number) - cy
    const dz = (z[i] as number) - cz
    xx += dx * dx
    xy += dx * dy
    xz += dx * dz
    yy += dy * dy
    yz += dy * dz
    zz += dz * dz
  }
  covariance[0] = xx
  covariance[1] = xy
  covariance[2] = xz
  covariance[3] = yy
  covariance[4] = yz
  covariance[5] = zz
}

function findBounds(
  { x, y, z }: Points,
  begin: number,
  end: number,
  axes: Float64Array,
  bounds: Float64Array,
): void {
  const [ux, uy, uz, vx, vy, vz, wx, wy, wz] = axes as unknown as number[] as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  let [lowU, lowV, lowW] = [Infinity, Infinity, Infinity]
  let [highU, highV, highW] = [-Infinity, -Infinity, -Infinity]
  for (let i = begin; i < end; ++i) {
    const px = x[i] as number
    const py = y[i] as number
    const pz = z[i] as number
    const u = ux * px + uy * py + uz * pz
    const v = vx * px + vy * py + vz * pz
    const w = wx * px + wy * py + wz * pz
    if (u < lowU) lowU = u
    if (u > highU) highU = u
    if (v < lowV) lowV = v
    if (v > highV) highV = v
    if (w < lowW) lowW = w
    if (w > highW) highW = w
  }
  bounds[0] = lowU
  bounds[1] = lowV
  bounds[2] = lowW
  bounds[3] = highU
  bounds[4] = highV
  bounds[5] = highW
}

function project(
  { x, y, z }: Points,
  begin: number,
  end: number,
  axis: number,
  { axes, keys, sorted }: Work,
): void {
  const ux = axes[3 * axis] as number
  const uy = axes[3 * axis + 1] as number
  const uz = axes[3 * axis + 2] as number
  for (let i = begin; i < end; ++i) {
    const key = ux * (x[i] as number) + uy * (y[i] as number) + uz * (z[i] as number)
    keys[i] = key
    sorted[i] = key
  }
}

// Copies the points with the `half` lowest keys to the front of [begin, end), the others behind them; of
// equal keys at the border the earlier ones go to the front.
function distribute(
  from: Points,
  to: Points,
  { begin, end, half }: { begin: number; end: number; half: number },
  { keys, sorted }: Work,
): void {
  select(sorted, begin + half, begin, end - 1)
  const border = sorted[begin + half] as number
  let below = 0
  for (let i = begin; i < begin + half; ++i) if ((sorted[i] as number) < border) ++below
  let equal = half - below
  let front = begin
  let back = begin + half
  for (let i = begin; i < end; ++i) {
    const key = keys[i] as number
    const isFront = key < border || (key === border && equal-- > 0)
    const place = isFront ? front++ : back++
    to.x[place] = from.x[i] as number
    to.y[place] = from.y[i] as number
    to.z[place] = from.z[i] as number
    to.index[place] = from.index[i] as number
  }
}
