// The sum of all waves at all nodes in O(N), for many nodes.
import { expectKind, expectNumber, expectShape } from '../check.js'
import { DisposedError, DtypeError, ShapeError, ValueError } from '../errors.js'
import { record } from '../tape.js'
import { type Tensor, tensor } from '../tensor.js'
import { type ClusterTree, clusterTree } from './cluster-tree.js'
import { DirectSample } from './tree-error.js'
import { boxOrders, type PlanOptions, type TreePlan, treePlan } from './tree-plan.js'
import { type Medium, TreeSum } from './tree-sum.js'

const name = 'WaveTree'
/** Plans that a build tries. */
const kAttempts = 5

/** Arguments of `WaveTree.build`. */
export interface WaveTreeOptions {
  /** x, in units of length: (3, N), float32 or float64, finite; read once, not kept. */
  positions: Tensor
  /** k, rad per unit of length. Default: 3. */
  wavenumber?: number
  /** ε > 0, in units of length. Default: 0.05. */
  softening?: number
  /** The relative error asked for, in (0, 1). Default: 1e-4. */
  error?: number
  /** The most nodes of a leaf. Default: a small multiple of its proxies. */
  leaf?: number
  /**
   * Whether the error is measured, and finer plans are made until it holds: about two sums more. Else the
   * first plan stays, `error` is NaN and `reached` is false. Default: true.
   */
  measure?: boolean
}

interface Built {
  readonly sum: TreeSum
  readonly medium: Medium
  readonly tree: ClusterTree
  readonly order: number
  readonly requested: number
  readonly error: number
}

/**
 * A tree of clusters over fixed nodes that sums the waves of all sources at all nodes in O(N).
 *
 *     U_i = Σ_j G_ij q_j,   G_ij = e^(−ik d_ij) / d_ij,   d_ij = |x_i − x_j| + ε
 *
 * Clusters that are far apart for their size meet by proxies, the Chebyshev points of boxes along the
 * clusters' own axes, so that patches of a surface and pieces of a curve need few (black-box fast
 * multipole method: Fong & Darve 2009, doi:10.1016/j.jcp.2009.08.031). Memory belongs to the tree until
 * `dispose`.
 */
export class WaveTree implements Disposable {
  /** N. */
  readonly nodes: number
  readonly wavenumber: number
  readonly softening: number
  /** The relative error that was asked for. */
  readonly requested: number
  /**
   * The relative error measured: ‖U − direct‖ / ‖direct‖ at a sample of about 200 nodes, for random
   * complex sources and for sources in step, of which the larger stands here. The direct sums are of the
   * dtype of the positions.
   */
  readonly error: number
  /** Whether `error` is at most `requested`. Float32 reaches about 1e-6. */
  readonly reached: boolean
  /** The most proxies along an axis of a cluster. */
  readonly order: number
  readonly clusters: number
  readonly levels: number
  readonly #sum: TreeSum
  #disposed = false

  private constructor({ sum, medium, tree, order, requested, error }: Built) {
    this.nodes = tree.nodes
    this.wavenumber = medium.wavenumber
    this.softening = medium.softening
    this.requested = requested
    this.error = error
    this.reached = error <= requested
    this.order = order
    this.clusters = tree.clusters
    this.levels = tree.levels
    this.#sum = sum
  }

  /**
   * Builds the tree of the nodes: reads the positions, then sums sources with more and more
   * proxies until the error, measured against direct sums, is what was asked for.
   *
   * @returns the tree; where no order reaches the error, the best one, with `reached` false.
   * @throws ShapeError, DtypeError, DisposedError; ValueError where a position is not finite or a number
   * is out of its range. O(N log N), on the host; the same tree for the same positions.
   */
  static async build({
    positions,
    wavenumber = 3,
    softening = 0.05,
    error = 1e-4,
    leaf = Infinity,
    measure = true,
  }: WaveTreeOptions): Promise<WaveTree> {
    checkPositions(positions)
    expectNumber(name, 'wavenumber', wavenumber, { low: -1e9, high: 1e9 })
    expectNumber(name, 'softening', softening, { low: 1e-30, high: 1e30 })
    expectNumber(name, 'error', error, { low: Number.MIN_VALUE, high: 1 })
    if (!(leaf >= 1)) throw new ValueError(`${name}: leaf must be at least 1, got ${leaf}`)
    const medium = { wavenumber, softening }
    const data = await positions.data()
    expectFinite(data)
    const options = planOptions(wavenumber, error)
    const tree = clusterTree(data, (halfWidths) => Math.min(leaf, leafSize(halfWidths, options)))
    const copy = copyOf(positions, data)
    try {
      const plan = { tree, copy, medium, options, requested: error }
      return new WaveTree(measure ? await best(plan) : first(plan))
    } finally {
      copy.dispose()
    }
  }

  /**
   * U of sources q. Gradients flow to the sources: ∂L/∂q = conj(G conj(∂L/∂U)), of the same cost.
   *
   * @param sources (M, 2, N): Re q and Im q of M samples; dtype and device of the positions. Samples
   * share the work of G four at a time.
   * @returns (M, 2, N): Re U and Im U.
   * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic, whatever the number of
   * threads.
   */
  sum(sources: Tensor): Tensor {
    this.#assertAlive()
    expectKind(name, 'sources', sources, this.#sum.positions as Parameters<typeof expectKind>[3])
    expectShape(name, 'sources', sources, { M: -1, planes: 2, N: this.nodes })
    const { wavenumber, softening } = this
    const potential = this.#sum.run(sources, { wavenumber, softening })
    return record({ sources }, { potential }, ({ potential: gradPotential }) => ({
      sources: gradPotential && this.#backward(gradPotential),
    })).potential
  }

  // Conjugation on both sides turns G into conj G, that of −k.
  #backward(gradPotential: Tensor): Tensor {
    this.#assertAlive()
    const { wavenumber, softening } = this
    return this.#sum.run(gradPotential, { wavenumber: -wavenumber, softening })
  }

  #assertAlive(): void {
    if (this.#disposed) throw new DisposedError(`${name}: tree must be alive, got a disposed one`)
  }

  /** Gives the memory back. Calling it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#sum.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function checkPositions(positions: Tensor): void {
  const [, nodes] = expectShape(name, 'positions', positions, { axes: 3, N: -1 })
  if (positions.dtype !== 'float32' && positions.dtype !== 'float64') {
    throw new DtypeError(`${name}: positions must be float32 or float64, got ${positions.dtype}`)
  }
  if (!nodes) throw new ShapeError(`${name}: positions must be of at least 1 node, got 0`)
}

function expectFinite(data: ArrayLike<number>): void {
  for (let i = 0; i < data.length; ++i) {
    if (!Number.isFinite(data[i])) {
      throw new ValueError(
        `${name}: positions must be finite numbers, got ${data[i]} at element ${i}`,
      )
    }
  }
}

// The nodes may move afterwards; those of the tree do not.
function copyOf(positions: Tensor, data: ArrayLike<number>): Tensor {
  const { shape, device } = positions
  const dtype = positions.dtype as 'float32' | 'float64'
  return tensor(data, { shape, dtype, device })
}

// Clusters meet by proxies a little beyond touching: closer ones would need more proxies than they save.
const kTheta = 0.9
// The tolerance along an axis for an error of 1e-4 of the sum, and how it follows the error; found on
// spheres, cubes and curves. Most pairs are farther apart than the closest that the plan allows.
const kTolerance = 1.3e-4
const kToleranceExponent = 0.85
/** Nodes of a leaf for each of its proxies, about; the fewest, and the most: leaves share the threads. */
const kLeafShare = 2
const kLeastLeaf = 64
const kMostLeaf = 512

function planOptions(wavenumber: number, error: number): PlanOptions {
  const tolerance = kTolerance * (error / 1e-4) ** kToleranceExponent
  return { wavenumber, theta: kTheta, tolerance }
}

function leafSize(halfWidths: Float64Array, options: PlanOptions): number {
  const proxies = boxOrders(halfWidths, options).reduce((product, order) => product * order, 1)
  return Math.min(kMostLeaf, Math.max(kLeastLeaf, kLeafShare * proxies))
}

interface Planning {
  readonly tree: ClusterTree
  readonly copy: Tensor
  readonly medium: Medium
  readonly options: PlanOptions
  readonly requested: number
}

function first({ tree, copy, medium, options, requested }: Planning): Built {
  const plan = treePlan(tree, options)
  const sum = new TreeSum(copy, { ...tree, ...plan })
  return { sum, medium, tree, order: highestOrder(plan), requested, error: Number.NaN }
}

// Plans with smaller and smaller tolerances until the measured error holds or does not fall any more.
async function best({ tree, copy, medium, options, requested }: Planning): Promise<Built> {
  using sample = await DirectSample.of(copy, tree, medium)
  let built: Built | null = null
  let { tolerance } = options
  for (let attempt = 0; attempt < kAttempts; ++attempt) {
    const plan = treePlan(tree, { ...options, tolerance })
    const sum = new TreeSum(copy, { ...tree, ...plan })
    const error = await sample.error(sum, medium)
    if (built && !(error < 0.9 * built.error)) {
      sum.dispose()
      break
    }
    built?.sum.dispose()
    built = { sum, medium, tree, order: highestOrder(plan), requested, error }
    if (error <= requested) break
    tolerance *= Math.max(0.03, Math.min(0.6, (0.6 * requested) / error))
  }
  return built as Built
}

function highestOrder({ orders }: TreePlan): number {
  let highest = 1
  for (const order of orders) if (order > highest) highest = order
  return highest
}
