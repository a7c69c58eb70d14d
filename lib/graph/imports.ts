// Graphs of other forms: lists of edges, matrices, and graphs of the library graphology. Self-edges, which
// have no effect, are left out; edges of one place are added up.
import { ShapeError, ValueError } from '../errors.js'
import { expectOscillators, rowsOfMatrix } from './conversions.js'
import { Graph } from './graph.js'
import { expectEdges, expectFinite, int32, rowsOfEntries } from './rows.js'

/** Edges by their ends: edge e goes from from[e] to to[e], and from[e] pulls to[e]. */
export interface EdgeList {
  from: ArrayLike<number>
  to: ArrayLike<number>
  /** Default: 1 each. */
  weight?: ArrayLike<number> | null
}

/** Options of `fromEdgeList`. */
export interface EdgeListOptions {
  /** N. Default: one more than the highest number in the list. */
  oscillators?: number
  /** Whether an edge pulls only its `to`, and not also its `from`. Default: false. */
  directed?: boolean
}

/**
 * A sparse graph of a list of edges: [from, to] or [from, to, weight] each, or arrays of all of them.
 *
 * @throws ShapeError for arrays of different lengths; ValueError for ends that are no integers in
 * [0, N) and weights that are not finite.
 */
export function fromEdgeList(
  edges: EdgeList | readonly (readonly number[])[],
  options: EdgeListOptions = {},
): Graph {
  const { from, to, weight } = columnsOf(edges)
  const list = {
    from: int32('fromEdgeList', 'from', from),
    to: int32('fromEdgeList', 'to', to),
    weight: weight ? Float64Array.from(weight) : null,
  }
  for (const [name, values] of Object.entries({ to: list.to, weight: list.weight })) {
    if (values && values.length !== list.from.length) {
      throw new ShapeError(
        `fromEdgeList: ${name} must be of ${list.from.length} elements as from, got ${values.length}`,
      )
    }
  }
  let highest = 0
  for (const ends of [list.from, list.to]) for (const end of ends) if (end > highest) highest = end
  const oscillators = options.oscillators ?? highest + 1
  expectOscillators('fromEdgeList', oscillators)
  for (const [name, ends] of Object.entries({ from: list.from, to: list.to })) {
    const wrong = ends.findIndex((end) => end < 0 || end >= oscillators)
    if (wrong >= 0) {
      throw new ValueError(
        `fromEdgeList: ${name} must be of integers from 0 to ${oscillators - 1}, got ${ends[wrong]} at ${wrong}`,
      )
    }
  }
  if (list.weight) expectFinite('fromEdgeList', 'weight', list.weight)
  return graphOfEdges('fromEdgeList', oscillators, { ...list, directed: options.directed ?? false })
}

function columnsOf(edges: EdgeList | readonly (readonly number[])[]): EdgeList {
  if ('from' in edges) return edges
  const wrong = edges.findIndex((edge) => edge.length !== 2 && edge.length !== 3)
  if (wrong >= 0) {
    throw new ShapeError(
      `fromEdgeList: edges must be [from, to] or [from, to, weight], got [${edges[wrong]}] at ${wrong}`,
    )
  }
  const weighted = edges.some((edge) => edge.length === 3)
  return {
    from: edges.map((edge) => edge[0] as number),
    to: edges.map((edge) => edge[1] as number),
    weight: weighted ? edges.map((edge) => edge[2] ?? 1) : null,
  }
}

/** A graph of checked edges; one that is not directed is stored in both directions. @internal */
export function graphOfEdges(
  operation: string,
  oscillators: number,
  edges: { from: Int32Array; to: Int32Array; weight: Float64Array | null; directed: boolean },
): Graph {
  const { from, to, weight, directed } = edges
  if (directed) return Graph.ofRows(rowsOfEntries(oscillators, { row: to, column: from, weight }))
  expectEdges(operation, 2 * from.length)
  return Graph.ofRows(
    rowsOfEntries(oscillators, {
      row: joined(Int32Array, to, from),
      column: joined(Int32Array, from, to),
      weight: weight && joined(Float64Array, weight, weight),
    }),
  )
}

function joined<T extends Int32Array | Float64Array>(
  type: new (length: number) => T,
  first: T,
  second: T,
): T {
  const both = new type(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** The stored edges of a graph of any kind, row by row: each is one direction. */
export function toEdgeList(graph: Graph): {
  from: Int32Array
  to: Int32Array
  weight: Float64Array
} {
  const { rowPointer, column, weight } = graph.toSparse()
  const from = (column as Int32Array).slice()
  const to = new Int32Array(from.length)
  for (let i = 0; i < graph.oscillators; ++i) to.fill(i, rowPointer?.[i], rowPointer?.[i + 1])
  return { from, to, weight: weight?.slice() ?? new Float64Array(from.length).fill(1) }
}

/**
 * A sparse graph of the entries of a matrix that are not zero; `Graph.dense` keeps a matrix whole.
 *
 * @param matrix N rows of N numbers, or all in a row: row i lists how strongly each pulls i
 * @throws ShapeError for a matrix that is not square; ValueError for entries that are not finite
 */
export function fromDense(matrix: readonly ArrayLike<number>[] | ArrayLike<number>): Graph {
  const nested = typeof matrix[0] === 'object'
  const oscillators = nested ? matrix.length : Math.round(Math.sqrt(matrix.length))
  expectOscillators('fromDense', oscillators)
  const values = new Float64Array(oscillators * oscillators)
  if (nested) {
    for (const [i, row] of Array.from(matrix as readonly ArrayLike<number>[]).entries()) {
      if (row.length !== oscillators) {
        throw new ShapeError(
          `fromDense: matrix must be of ${oscillators} rows of ${oscillators}, got ${row.length} in row ${i}`,
        )
      }
      values.set(row, i * oscillators)
    }
  } else {
    if (matrix.length !== values.length) {
      throw new ShapeError(`fromDense: matrix must be square, got ${matrix.length} elements`)
    }
    values.set(matrix as ArrayLike<number>)
  }
  expectFinite('fromDense', 'matrix', values)
  return Graph.ofRows(rowsOfMatrix(values, oscillators))
}

/** What `fromGraphology` needs of a graph of the library graphology, of any type. */
export interface GraphologyGraph {
  readonly order: number
  forEachNode(callback: (node: string) => void): void
  forEachEdge(
    callback: (
      edge: string,
      attributes: Readonly<Record<string, unknown>>,
      source: string,
      target: string,
      sourceAttributes: Readonly<Record<string, unknown>>,
      targetAttributes: Readonly<Record<string, unknown>>,
      undirected: boolean,
    ) => void,
  ): void
}

/**
 * A sparse graph of one of graphology: directed, undirected, mixed or with parallel edges. Oscillator i is
 * the i-th node in the graph's own order; the source of a directed edge pulls its target.
 *
 * @param options.weight the edge attribute that is the weight; edges without it weigh 1. Default: 'weight'
 * @throws ShapeError for a graph without nodes; ValueError for weights that are no finite numbers
 */
export function fromGraphology(
  graph: GraphologyGraph,
  { weight = 'weight' }: { weight?: string } = {},
): Graph {
  expectOscillators('fromGraphology', graph.order)
  const numbers = new Map<string, number>()
  graph.forEachNode((node) => numbers.set(node, numbers.size))
  const [row, column, weights]: [number[], number[], number[]] = [[], [], []]
  const add = (from: number, to: number, value: number): void => {
    row.push(to)
    column.push(from)
    weights.push(value)
  }
  graph.forEachEdge((edge, attributes, source, target, _source, _target, undirected) => {
    const value = attributes[weight] ?? 1
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new ValueError(
        `fromGraphology: ${weight} must be a finite number, got ${String(value)} at edge ${edge}`,
      )
    }
    const from = numbers.get(source) as number
    const to = numbers.get(target) as number
    add(from, to, value)
    if (undirected && from !== to) add(to, from, value)
  })
  const unit = weights.every((value) => value === 1)
  const entries = {
    row: Int32Array.from(row),
    column: Int32Array.from(column),
    weight: unit ? null : Float64Array.from(weights),
  }
  return Graph.ofRows(rowsOfEntries(graph.order, entries))
}
