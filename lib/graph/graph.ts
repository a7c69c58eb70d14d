// Who pulls whom: the coupling graph of a bank of oscillators, checked once, unchanging, and its arrays on
// every device that uses it.
import type { Device } from '../device.js'
import { ShapeError, ValueError } from '../errors.js'
import { fill } from '../operations/fill.js'
import { own, Tensor, tensor } from '../tensor.js'
import {
  expectNeighbours,
  expectOscillators,
  implicitRows,
  inverse,
  renumbered,
  renumberedMatrix,
  rowsOfMatrix,
} from './conversions.js'
import { reverseCuthillMcKee } from './reverse-cuthill-mckee.js'
import {
  expectEdges,
  expectFinite,
  expectRows,
  int32,
  isSorted,
  type Rows,
  sorted,
  type TransposedRows,
  transpose,
} from './rows.js'
import { connectedComponents, rowBandwidth, rowDegrees } from './statistics.js'

/** How a graph is stored: not at all (`global`, `ring`), as a matrix, or as compressed sparse rows. */
export type GraphKind = 'global' | 'dense' | 'sparse' | 'ring'

/** A graph for so many oscillators, drawn with a seed. */
export type Topology = (oscillators: number, seed: number) => Graph

/** A sparse graph: row i lists what pulls oscillator i. */
export interface SparseArrays {
  /** Where each row begins, and the end of the last (N + 1). */
  rowPointer: ArrayLike<number>
  /** Oscillators that pull (E), 0 … N − 1. */
  column: ArrayLike<number>
  /** How strongly each pulls (E), finite. Default: 1. */
  weight?: ArrayLike<number> | null
  /** N. */
  oscillators: number
}

/** The arrays of a graph on a device; null where its kind has none. */
export interface GraphTensors {
  /** int32 (N + 1), (E) and weights (E), which are ones where the graph has none. Sparse only. */
  readonly rowPointer: Tensor | null
  readonly column: Tensor | null
  readonly weight: Tensor | null
  /** The same graph by columns, int32 (N + 1), (E), (E): see `Graph.transposed`. Sparse only. */
  readonly sourcePointer: Tensor | null
  readonly source: Tensor | null
  readonly sourceEdge: Tensor | null
  /** (N, N). Dense only. */
  readonly adjacency: Tensor | null
}

interface Fields {
  readonly kind: GraphKind
  readonly oscillators: number
  readonly neighbours?: number
  readonly rows?: Rows | null
  readonly adjacency?: Float64Array | null
  readonly modules?: Int32Array | null
}

const kIndices = ['rowPointer', 'column', 'sourcePointer', 'source', 'sourceEdge'] as const
const kNone: GraphTensors = {
  rowPointer: null,
  column: null,
  weight: null,
  sourcePointer: null,
  source: null,
  sourceEdge: null,
  adjacency: null,
}

/**
 * The coupling graph A of N oscillators; row i lists what pulls i. Self-edges have no effect.
 *
 * A graph does not change; its arrays are for reading. Memory on devices is taken by the first call of
 * `tensors` and given back by `dispose`, after which the graph is as it was before that call.
 */
export class Graph implements Disposable {
  readonly kind: GraphKind
  /** N. */
  readonly oscillators: number
  /** Entries of A: those stored if sparse, 2kN for a ring, else N(N − 1). */
  readonly edges: number
  /** k of a ring, which couples i to i ± 1 … i ± k with weight 1; else 0. */
  readonly neighbours: number
  /** Where each row begins, and the end of the last (N + 1), if sparse. */
  readonly rowPointer: Int32Array | null
  /** Oscillators that pull (E), if sparse. */
  readonly column: Int32Array | null
  /** How strongly (E), if sparse; null: all 1. */
  readonly weight: Float64Array | null
  /** A, row-major (N N), if dense. */
  readonly adjacency: Float64Array | null
  /** The module of each oscillator (N) where the graph has modules. */
  readonly modules: Int32Array | null
  readonly #tensors = new Map<Device, Map<string, Tensor>>()

  private constructor(fields: Fields) {
    const { kind, oscillators, rows, neighbours = 0 } = fields
    this.kind = kind
    this.oscillators = oscillators
    this.neighbours = neighbours
    this.rowPointer = rows?.rowPointer ?? null
    this.column = rows?.column ?? null
    this.weight = rows?.weight ?? null
    this.adjacency = fields.adjacency ?? null
    this.modules = fields.modules ?? null
    if (rows) this.edges = rows.column.length
    else
      this.edges = kind === 'ring' ? 2 * neighbours * oscillators : oscillators * (oscillators - 1)
  }

  /** Every oscillator pulls every other. Throws ShapeError unless N is an integer of at least 1. */
  static global(oscillators: number): Graph {
    return new Graph({ kind: 'global', oscillators: expectOscillators('global', oscillators) })
  }

  /**
   * A ring in which i ± 1 … i ± k pull i, without stored edges.
   *
   * @throws ShapeError unless N and k are integers of at least 1; ValueError where 2k > N − 1.
   */
  static ring(oscillators: number, neighbours: number): Graph {
    expectOscillators('ring', oscillators)
    expectNeighbours('ring', oscillators, neighbours)
    return new Graph({ kind: 'ring', oscillators, neighbours })
  }

  /**
   * A whole matrix, row-major: values[i N + j] is how strongly j pulls i.
   *
   * @throws ShapeError unless there are N N values; ValueError where one is not finite.
   */
  static dense(values: ArrayLike<number>, oscillators: number): Graph {
    expectOscillators('dense', oscillators)
    if (values?.length !== oscillators * oscillators) {
      throw new ShapeError(
        `dense: values must be of ${oscillators * oscillators} elements, N by N, got ${values?.length}`,
      )
    }
    const adjacency = Float64Array.from(values)
    expectFinite('dense', 'values', adjacency)
    return new Graph({ kind: 'dense', oscillators, adjacency })
  }

  /**
   * Compressed sparse rows, which are copied. Columns of a row may be in any order; entries of one place
   * count one by one.
   *
   * @throws ShapeError for arrays of the wrong length or 2^31 edges; ValueError where rowPointer does
   * not begin with 0, descends or does not end with E, a column is not in [0, N), a weight not finite.
   */
  static sparse({ rowPointer, column, weight, oscillators }: SparseArrays): Graph {
    expectOscillators('sparse', oscillators)
    expectEdges('sparse', column?.length ?? 0)
    const rows = {
      rowPointer: int32('sparse', 'rowPointer', rowPointer),
      column: int32('sparse', 'column', column),
      weight: weight ? Float64Array.from(weight) : null,
    }
    expectRows('sparse', oscillators, rows)
    return Graph.ofRows(rows)
  }

  /** A sparse graph of arrays that are right by construction and become its own. @internal */
  static ofRows(rows: Rows, modules: Int32Array | null = null): Graph {
    return new Graph({ kind: 'sparse', oscillators: rows.rowPointer.length - 1, rows, modules })
  }

  /** The same graph with a module for each oscillator: integers of at least 0 (N). */
  withModules(modules: ArrayLike<number>): Graph {
    const checked = int32('withModules', 'modules', modules)
    if (checked.length !== this.oscillators) {
      throw new ShapeError(
        `withModules: modules must be of ${this.oscillators} elements, got ${checked.length}`,
      )
    }
    if (checked.some((module) => module < 0)) {
      throw new ValueError(
        `withModules: modules must be of integers of at least 0, got ${Math.min(...new Set(checked))}`,
      )
    }
    return this.#with(checked)
  }

  #with(modules: Int32Array | null): Graph {
    const { kind, oscillators, neighbours, adjacency } = this
    return new Graph({ kind, oscillators, neighbours, rows: this.#rows(), adjacency, modules })
  }

  #rows(): Rows | null {
    const { rowPointer, column, weight } = this
    return rowPointer && column && { rowPointer, column, weight }
  }

  // Of any kind, as they are stored if sparse.
  #anyRows(): Rows {
    const rows = this.#rows()
    if (rows) return rows
    if (this.adjacency) return rowsOfMatrix(this.adjacency, this.oscillators)
    expectEdges('toSparse', this.edges)
    return implicitRows(this.oscillators, this.neighbours)
  }

  /** The graph as compressed sparse rows with ascending columns; zeros of a dense one are left out. */
  toSparse(): Graph {
    const rows = this.#anyRows()
    if (this.kind === 'sparse' && isSorted(rows)) return this
    return Graph.ofRows(sorted(rows), this.modules)
  }

  /** A as a matrix, row-major (N N). Entries of one place are added up; the diagonal is as stored. */
  toDense(): Float64Array {
    if (this.adjacency) return this.adjacency.slice()
    const { oscillators } = this
    const { rowPointer, column, weight } = this.#anyRows()
    const values = new Float64Array(oscillators * oscillators)
    for (let i = 0; i < oscillators; ++i) {
      for (let e = rowPointer[i] as number; e < (rowPointer[i + 1] as number); ++e) {
        const place = i * oscillators + (column[e] as number)
        values[place] = (values[place] as number) + (weight ? (weight[e] as number) : 1)
      }
    }
    return values
  }

  /** How many pull each oscillator (N), itself not counted. */
  degrees(): Int32Array {
    const { kind, oscillators, neighbours } = this
    if (kind === 'global') return new Int32Array(oscillators).fill(oscillators - 1)
    if (kind === 'ring') return new Int32Array(oscillators).fill(2 * neighbours)
    return rowDegrees(this.#anyRows())
  }

  /** Parts without an edge between them: how many, and the part of each oscillator (N). */
  components(): { count: number; component: Int32Array } {
    const whole = this.kind === 'global' || this.kind === 'ring'
    if (whole) return { count: 1, component: new Int32Array(this.oscillators) }
    return connectedComponents(this.#anyRows())
  }

  /** Whether every oscillator can be reached from every other along edges of either direction. */
  isConnected(): boolean {
    return this.components().count === 1
  }

  /** The largest |i − j| over all edges: how far apart in memory neighbours are. */
  bandwidth(): number {
    const whole = this.kind === 'global' || this.kind === 'ring'
    return whole ? this.oscillators - 1 : rowBandwidth(this.#anyRows())
  }

  /** The graph by columns: for column j the rows i that j pulls, and where each edge is stored. */
  transposed(): TransposedRows {
    return transpose(this.#anyRows())
  }

  /**
   * The same graph with its oscillators renumbered; order[new] = old.
   *
   * @param order a permutation (N). Default: reverse Cuthill-McKee, which brings neighbours close
   * together; a global graph and a ring keep theirs, which none betters.
   */
  reorder(order?: Int32Array): { graph: Graph; order: Int32Array } {
    const { kind, oscillators } = this
    const implicit = kind === 'global' || kind === 'ring'
    if (!order && implicit) {
      return { graph: this, order: Int32Array.from({ length: oscillators }, (_, i) => i) }
    }
    const used = order ? int32('reorder', 'order', order) : reverseCuthillMcKee(this.#anyRows())
    const place = inverse(used, oscillators)
    const modules = this.modules && used.map((old) => this.modules?.[old] as number)
    if (kind === 'global') return { graph: this.#with(modules), order: used }
    if (this.adjacency) {
      const adjacency = renumberedMatrix(this.adjacency, used)
      return { graph: new Graph({ kind, oscillators, adjacency, modules }), order: used }
    }
    return { graph: Graph.ofRows(renumbered(this.#anyRows(), used, place), modules), order: used }
  }

  /**
   * The graph's arrays on a device, made by the first call and kept until `dispose`; no scope disposes
   * them. They are for reading: weights that are learned are parameters of their own.
   *
   * @param dtype of `weight` and `adjacency`
   */
  tensors(device: Device, dtype: 'float32' | 'float64'): GraphTensors {
    const rows = this.#rows()
    if (this.adjacency) {
      const values = this.adjacency
      const shape = [this.oscillators, this.oscillators]
      const adjacency = this.#tensor(device, `adjacency ${dtype}`, () =>
        tensor(values, { shape, dtype, device }),
      )
      return { ...kNone, adjacency }
    }
    if (!rows) return kNone
    let transposed: TransposedRows | undefined
    const index = (name: (typeof kIndices)[number]): Tensor =>
      this.#tensor(device, name, () => {
        if (name === 'rowPointer' || name === 'column') {
          return tensor(rows[name], { dtype: 'int32', device })
        }
        transposed ??= transpose(rows)
        return tensor(transposed[name], { dtype: 'int32', device })
      })
    const weight = this.#tensor(device, `weight ${dtype}`, () =>
      rows.weight
        ? tensor(rows.weight, { dtype, device })
        : fill(Tensor.empty([this.edges], dtype, device), 1),
    )
    const indices = Object.fromEntries(kIndices.map((name) => [name, index(name)]))
    return { ...kNone, ...indices, weight }
  }

  #tensor(device: Device, name: string, make: () => Tensor): Tensor {
    const kept = this.#tensors.get(device) ?? new Map<string, Tensor>()
    this.#tensors.set(device, kept)
    const found = kept.get(name)
    if (found && !found.disposed) return found
    const made = own(make())
    kept.set(name, made)
    return made
  }

  /** Gives the memory on all devices back. */
  dispose(): void {
    for (const kept of this.#tensors.values()) for (const made of kept.values()) made.dispose()
    this.#tensors.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return `Graph(${this.kind}, ${this.oscillators} oscillators, ${this.edges} edges)`
  }
}
