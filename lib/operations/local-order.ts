// Local order on any graph.
import { expectKind, expectShape } from '../check.js'
import { noGrad } from '../context.js'
import { ShapeError, ValueError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import { operation } from '../native.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { matrixProduct } from './matrix-product.js'
import { expectFull } from './order-parameter.js'
import { phaseStack } from './phase-locking.js'

const overEdges = operation('localOrder', [
  'phases',
  'rowPointer',
  'column',
  'weight',
  'order',
  'rows',
  'oscillators',
  'neighbours',
] as const)
const dropSelfEdges = operation('dropSelfEdges', [
  'adjacency',
  'others',
  'degree',
  'oscillators',
] as const)
const dense = operation('denseLocalOrder', [
  'pull',
  'degree',
  'order',
  'rows',
  'oscillators',
] as const)

/** Arguments of `localOrder`. */
export interface LocalOrderOptions {
  /** θ, rad: (…, N), float64 or float32. */
  phases: Tensor
  /** Who pulls whom. Default: all to all, or `adjacency` where it is given. */
  graph?: Graph | null
  /** A (N, N) instead of that of a dense graph. */
  adjacency?: Tensor | null
  /** Weights (E) instead of those of a sparse graph. */
  weight?: Tensor | null
}

const name = 'localOrder'
const kImplicit = { rowPointer: null, column: null, weight: null }

/**
 * How coherent the phases are that pull each oscillator.
 *
 *     L_i = |Σ_{j≠i} A_ij e^(iθ_j)| / Σ_{j≠i} |A_ij|
 *
 * 0 where nothing pulls; precision and sign of the oscillators do not count. O(N) a row all to all and
 * on a ring of any width, O(E) on a sparse graph, a matrix product on a dense one. No gradient.
 *
 * @returns (…, N), in [0, 1].
 * @throws ShapeError, DtypeError, DeviceError, DisposedError; ValueError where `adjacency` or `weight`
 * come with a graph of another kind. Deterministic, whatever the number of threads.
 */
export function localOrder({
  phases,
  graph = null,
  adjacency = null,
  weight = null,
}: LocalOrderOptions): Tensor {
  expectFull(name, 'phases', phases)
  const oscillators = phases.shape.at(-1) ?? 0
  if (oscillators < 1) {
    throw new ShapeError(
      `${name}: phases must be of shape (…, N) with N at least 1, got [${phases.shape}]`,
    )
  }
  if (graph && graph.oscillators !== oscillators) {
    throw new ShapeError(
      `${name}: graph must be of ${oscillators} oscillators, got one of ${graph.oscillators}`,
    )
  }
  const kind = graph?.kind ?? (adjacency ? 'dense' : 'global')
  expectOnly('adjacency', adjacency, kind, 'dense')
  expectOnly('weight', weight, kind, 'sparse')
  const like = { dtype: phases.dtype as 'float64' | 'float32', device: phases.device }
  if (adjacency) {
    expectKind(name, 'adjacency', adjacency, like)
    expectShape(name, 'adjacency', adjacency, { N: oscillators, 'N columns': oscillators })
  }
  if (weight) {
    expectKind(name, 'weight', weight, like)
    expectShape(name, 'weight', weight, { edges: (graph as Graph).edges })
  }
  const tensors = graph?.tensors(like.device, like.dtype)
  const matrix = adjacency ?? tensors?.adjacency
  if (matrix) return noGrad(() => scope(() => denseLocalOrder(phases, matrix)))
  const order = Tensor.like(phases)
  const rows = phases.length / oscillators
  const neighbours = kind === 'ring' ? (graph?.neighbours ?? 0) : 0
  const { rowPointer, column } = tensors ?? kImplicit
  const weights = weight ?? (graph?.weight ? (tensors?.weight ?? null) : null)
  overEdges({ phases, rowPointer, column, weight: weights, order, rows, oscillators, neighbours })
  return order
}

function denseLocalOrder(phases: Tensor, adjacency: Tensor): Tensor {
  const oscillators = phases.shape.at(-1) as number
  const rows = phases.length / oscillators
  const others = Tensor.like(adjacency)
  const degree = Tensor.empty([oscillators], phases.dtype, phases.device)
  dropSelfEdges({ adjacency, others, degree, oscillators })
  const { stack } = phaseStack(phases, { rotated: false })
  const left = stack.reshape([2 * rows, oscillators])
  const pull = matrixProduct({ left, right: others, transposeRight: true })
  const order = Tensor.like(phases)
  dense({ pull, degree, order, rows, oscillators })
  return order
}

function expectOnly(key: string, given: Tensor | null, kind: string, wanted: string): void {
  if (!given || kind === wanted) return
  throw new ValueError(`${name}: ${key} must be absent with a ${kind} graph, got a tensor`)
}
