// What the sum over a cluster tree needs beside the tree: boxes that hold the proxies of the children,
// orders of interpolation along each axis, proxies, and which clusters meet by proxies or by nodes.
import type { ClusterTree } from './cluster-tree.js'

/** Proxies along an axis, at most: kMaximumTreeOrder of ops/wave_tree.h. */
const kMaximumOrder = 16
const kFrame = 15

/** How far clusters must be apart, and how well an axis is interpolated. @internal */
export interface PlanOptions {
  readonly wavenumber: number
  /** Clusters meet by proxies where the sum of their radii is at most θ times their distance. */
  readonly theta: number
  /** Bound of the relative error of interpolation along an axis. */
  readonly tolerance: number
}

/** Arrays of the fields of ops/wave_tree.h. @internal */
export interface TreePlan {
  readonly frames: Float64Array
  readonly orders: Int32Array
  readonly proxyStart: Int32Array
  /** (3, P). */
  readonly proxies: Float64Array
  readonly farStart: Int32Array
  readonly far: Int32Array
  readonly nearStart: Int32Array
  readonly near: Int32Array
}

/**
 * The least order p for which interpolation of e^(−ikd)/d on [−h, h], where the nearest source is at
 * `distance` from the middle, errs by at most `tolerance`: on the ellipse of size ρ the numerator is at
 * most e^(kh (ρ − 1/ρ)/2), so the error falls as that times ρ^−p; the pole bounds ρ. @internal
 */
export function axisOrder(
  halfWidth: number,
  distance: number,
  { wavenumber, tolerance }: PlanOptions,
): number {
  if (halfWidth === 0) return 1
  const ratio = distance / halfWidth
  const largest = ratio + Math.sqrt(ratio * ratio + 1)
  const growth = (Math.abs(wavenumber) * halfWidth) / 2
  let least = Infinity
  for (let rho = largest; rho > 1.2; rho *= 0.7) {
    least = Math.min(least, (growth * (rho - 1 / rho) - Math.log(tolerance)) / Math.log(rho))
  }
  return Math.max(1, Math.ceil(least))
}

/** The distance from the middle of a cluster to the nearest node of one that it meets by proxies. @internal */
export function nearestSource(radius: number, theta: number): number {
  return radius * (1.5 / theta - 0.5)
}

// In a solid cluster more of the sum comes from afar, where interpolation errs less.
const kSolid = 0.25
const kSolidTolerance = 18

/** Orders along the three axes of a box. @internal */
export function boxOrders(halfWidths: Float64Array, options: PlanOptions): number[] {
  const distance = nearestSource(Math.hypot(...halfWidths), options.theta)
  const isSolid = Math.min(...halfWidths) > kSolid * Math.max(...halfWidths)
  const tolerance = options.tolerance * (isSolid ? kSolidTolerance : 1)
  return [...halfWidths].map((halfWidth) =>
    axisOrder(halfWidth, distance, { ...options, tolerance }),
  )
}

// Boxes while their parents' grow around their proxies.
interface Boxes {
  readonly centres: Float64Array // (clusters, 3), in space
  readonly halfWidths: Float64Array // (clusters, 3)
  readonly radii: Float64Array
  /** Whether the orders of the cluster and of all below it stay below the limit: else it has no proxies. */
  readonly fits: Uint8Array
  readonly orders: Int32Array
}

/** The plan of a tree for one wavenumber, θ and tolerance. @internal */
export function treePlan(tree: ClusterTree, options: PlanOptions): TreePlan {
  const boxes = makeBoxes(tree, options)
  const proxyStart = new Int32Array(tree.clusters + 1)
  for (let c = 0; c < tree.clusters; ++c) {
    proxyStart[c + 1] = (proxyStart[c] as number) + proxyCount(boxes.orders, c)
  }
  const frames = new Float64Array(kFrame * tree.clusters)
  for (let c = 0; c < tree.clusters; ++c) {
    frames.set(boxes.centres.subarray(3 * c, 3 * c + 3), kFrame * c)
    frames.set(tree.axes.subarray(9 * c, 9 * c + 9), kFrame * c + 3)
    for (let k = 0; k < 3; ++k) {
      const halfWidth = boxes.halfWidths[3 * c + k] as number
      frames[kFrame * c + 12 + k] = halfWidth > 0 ? 1 / halfWidth : 0
    }
  }
  const { far, near } = meetings(tree, boxes, options.theta)
  const farRows = symmetricRows(far, tree.clusters)
  const nearRows = symmetricRows(near, tree.clusters)
  return {
    frames,
    orders: boxes.orders,
    proxyStart,
    proxies: placeProxies(tree, boxes, proxyStart),
    farStart: farRows.start,
    far: farRows.entries,
    nearStart: nearRows.start,
    near: nearRows.entries,
  }
}

function proxyCount(orders: Int32Array, cluster: number): number {
  const [x, y, z] = orders.subarray(3 * cluster, 3 * cluster + 3)
  return (x as number) * (y as number) * (z as number)
}

// From the leaves up: the box of a cluster holds its nodes and the proxies of its children.
function makeBoxes(tree: ClusterTree, options: PlanOptions): Boxes {
  const { clusters, axes } = tree
  const boxes: Boxes = {
    centres: new Float64Array(3 * clusters),
    halfWidths: new Float64Array(3 * clusters),
    radii: new Float64Array(clusters),
    fits: new Uint8Array(clusters),
    orders: new Int32Array(3 * clusters),
  }
  for (let c = clusters - 1; c >= 0; --c) {
    const low = tree.low.slice(3 * c, 3 * c + 3)
    const high = tree.high.slice(3 * c, 3 * c + 3)
    const child = tree.firstChild[c] as number
    if (child >= 0) {
      growAround(tree, boxes, { cluster: c, child, low, high })
      growAround(tree, boxes, { cluster: c, child: child + 1, low, high })
    }
    const halfWidths = boxes.halfWidths.subarray(3 * c, 3 * c + 3)
    for (let k = 0; k < 3; ++k) {
      const middle = ((low[k] as number) + (high[k] as number)) / 2
      halfWidths[k] = ((high[k] as number) - (low[k] as number)) / 2
      for (let i = 0; i < 3; ++i) {
        const at = 3 * c + i
        boxes.centres[at] =
          (boxes.centres[at] as number) + middle * (axes[9 * c + 3 * k + i] as number)
      }
    }
    boxes.radii[c] = Math.hypot(...halfWidths)
    const orders = boxOrders(halfWidths, options)
    const fit = child < 0 || (boxes.fits[child] === 1 && boxes.fits[child + 1] === 1)
    boxes.fits[c] = fit && orders.every((order) => order <= kMaximumOrder) ? 1 : 0
    boxes.orders.set(boxes.fits[c] ? orders : [1, 1, 1], 3 * c)
  }
  return boxes
}

function growAround(
  { axes }: ClusterTree,
  { centres, halfWidths, orders, fits }: Boxes,
  {
    cluster,
    child,
    low,
    high,
  }: { cluster: number; child: number; low: Float64Array; high: Float64Array },
): void {
  if (!fits[child]) return
  for (let k = 0; k < 3; ++k) {
    const own = 9 * cluster + 3 * k
    let middle = 0
    let reach = 0
    for (let i = 0; i < 3; ++i)
      middle += (axes[own + i] as number) * (centres[3 * child + i] as number)
    for (let m = 0; m < 3; ++m) {
      const other = 9 * child + 3 * m
      const outermost = Math.cos(Math.PI / (2 * (orders[3 * child + m] as number)))
      let along = 0
      for (let i = 0; i < 3; ++i) along += (axes[own + i] as number) * (axes[other + i] as number)
      reach += Math.abs(along) * outermost * (halfWidths[3 * child + m] as number)
    }
    low[k] = Math.min(low[k] as number, middle - reach)
    high[k] = Math.max(high[k] as number, middle + reach)
  }
}

function placeProxies(tree: ClusterTree, boxes: Boxes, proxyStart: Int32Array): Float64Array {
  const count = proxyStart[tree.clusters] as number
  const proxies = new Float64Array(3 * count)
  const offsets = [0, 1, 2].map(() => new Float64Array(3 * kMaximumOrder))
  for (let c = 0; c < tree.clusters; ++c) {
    for (let k = 0; k < 3; ++k) {
      const order = boxes.orders[3 * c + k] as number
      const halfWidth = boxes.halfWidths[3 * c + k] as number
      for (let a = 0; a < order; ++a) {
        const s = halfWidth * Math.cos((Math.PI * (2 * a + 1)) / (2 * order))
        for (let i = 0; i < 3; ++i) {
          const offset = offsets[k] as Float64Array
          offset[3 * a + i] = s * (tree.axes[9 * c + 3 * k + i] as number)
        }
      }
    }
    placeGrid(proxies, count, { at: proxyStart[c] as number, cluster: c, boxes, offsets })
  }
  return proxies
}

function placeGrid(
  proxies: Float64Array,
  count: number,
  {
    at,
    cluster,
    boxes,
    offsets,
  }: { at: number; cluster: number; boxes: Boxes; offsets: readonly Float64Array[] },
): void {
  const [px, py, pz] = boxes.orders.subarray(3 * cluster, 3 * cluster + 3)
  const [x, y, z] = offsets as [Float64Array, Float64Array, Float64Array]
  let place = at
  for (let a = 0; a < (px as number); ++a) {
    for (let b = 0; b < (py as number); ++b) {
      for (let c = 0; c < (pz as number); ++c, ++place) {
        for (let i = 0; i < 3; ++i) {
          proxies[i * count + place] =
            (boxes.centres[3 * cluster + i] as number) +
            (x[3 * a + i] as number) +
            (y[3 * b + i] as number) +
            (z[3 * c + i] as number)
        }
      }
    }
  }
}

// A list of pairs that grows.
class Pairs {
  data = new Int32Array(1 << 14)
  length = 0
  add(a: number, b: number): void {
    if (this.length + 2 > this.data.length) {
      const wider = new Int32Array(2 * this.data.length)
      wider.set(this.data)
      this.data = wider
    }
    this.data[this.length++] = a
    this.data[this.length++] = b
  }
}

// Every pair of nodes is covered once: by the proxies of two clusters that hold them, are far apart for
// their size and have no more proxies than nodes; or by two leaves. Clusters whose nodes all coincide are
// points, far from everything.
function meetings(tree: ClusterTree, boxes: Boxes, theta: number): { far: Pairs; near: Pairs } {
  const { firstChild, nodeStart } = tree
  const { centres, radii } = boxes
  const far = new Pairs()
  const near = new Pairs()
  const meets = Uint8Array.from({ length: tree.clusters }, (_, c) => {
    const nodes = (nodeStart[2 * c + 1] as number) - (nodeStart[2 * c] as number)
    return boxes.fits[c] && proxyCount(boxes.orders, c) <= nodes ? 1 : 0
  })
  const pending = [0, 0]
  while (pending.length > 0) {
    const b = pending.pop() as number
    const a = pending.pop() as number
    const x = (centres[3 * a] as number) - (centres[3 * b] as number)
    const y = (centres[3 * a + 1] as number) - (centres[3 * b + 1] as number)
    const z = (centres[3 * a + 2] as number) - (centres[3 * b + 2] as number)
    const reach = (radii[a] as number) + (radii[b] as number)
    const childA = firstChild[a] as number
    const childB = firstChild[b] as number
    if (meets[a] && meets[b] && reach <= theta * Math.sqrt(x * x + y * y + z * z)) {
      far.add(a, b)
    } else if (childA < 0 && childB < 0) {
      near.add(a, b)
    } else if (a === b) {
      pending.push(childA, childA, childA, childA + 1, childA + 1, childA + 1)
    } else if (childB < 0 || (childA >= 0 && (radii[a] as number) >= (radii[b] as number))) {
      pending.push(childA, b, childA + 1, b)
    } else {
      pending.push(a, childB, a, childB + 1)
    }
  }
  return { far, near }
}

// Compressed rows in which both clusters of a pair list each other, ascending; a cluster that meets itself
// is listed once.
function symmetricRows(
  { data, length }: Pairs,
  clusters: number,
): { start: Int32Array; entries: Int32Array } {
  const start = new Int32Array(clusters + 1)
  for (let i = 0; i < length; i += 2) {
    const [a, b] = [data[i] as number, data[i + 1] as number]
    start[a + 1] = (start[a + 1] as number) + 1
    if (a !== b) start[b + 1] = (start[b + 1] as number) + 1
  }
  for (let c = 0; c < clusters; ++c) start[c + 1] = (start[c + 1] as number) + (start[c] as number)
  const unsorted = new Int32Array(start[clusters] as number)
  const cursor = start.slice()
  const put = (rows: Int32Array, row: number, entry: number) => {
    rows[cursor[row] as number] = entry
    cursor[row] = (cursor[row] as number) + 1
  }
  for (let i = 0; i < length; i += 2) {
    const [a, b] = [data[i] as number, data[i + 1] as number]
    put(unsorted, a, b)
    if (a !== b) put(unsorted, b, a)
  }
  // The rows are symmetric: transposing them sorts them.
  const entries = new Int32Array(unsorted.length)
  cursor.set(start)
  for (let c = 0; c < clusters; ++c) {
    for (let e = start[c] as number; e < (start[c + 1] as number); ++e)
      put(entries, unsorted[e] as number, c)
  }
  return { start, entries }
}
