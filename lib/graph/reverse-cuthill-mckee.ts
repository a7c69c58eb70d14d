// Reverse Cuthill-McKee: numbers oscillators so that neighbours have near numbers, and what a row reads
// lies close together in memory. Breadth first from an end of every component, low degrees first, reversed.
// Source: George & Liu, Computer Solution of Large Sparse Positive Definite Systems (1981), chapter 4.
import { accumulate, type Rows, transpose } from './rows.js'

/** Searches for the end of a component stop here; almost all end after three. */
const kMostSearches = 8

/** order[new] = old, for the graph without directions and weights: O(N + E). @internal */
export function reverseCuthillMcKee(rows: Rows): Int32Array {
  const size = rows.rowPointer.length - 1
  const neighbours = byDegree(rows)
  const search = new Search(neighbours, size)
  const order = new Int32Array(size)
  let length = 0
  for (const first of nodesByDegree(neighbours.rowPointer)) {
    if (search.finished(first)) continue
    const found = search.run(search.end(first), true)
    order.set(found, length)
    length += found.length
  }
  return order.reverse()
}

// Every neighbour in either direction, in every row those of low degree first. Nodes are entered into the
// rows of their neighbours in the order of their degrees, so that nothing needs to be sorted.
function byDegree(rows: Rows): Rows {
  const { rowPointer, column } = rows
  const { sourcePointer, source } = transpose(rows)
  const size = rowPointer.length - 1
  const symmetric =
    same(rowPointer, sourcePointer) && (same(column, source) || sameRows(rows, source))
  const pointer = symmetric
    ? rowPointer
    : rowPointer.map((e, i) => e + (sourcePointer[i] as number))
  const next = pointer.slice(0, size)
  const ordered = new Int32Array(pointer[size] as number)
  const enter = (node: number, list: Int32Array, bounds: Int32Array): void => {
    const end = bounds[node + 1] as number
    for (let e = bounds[node] as number; e < end; ++e) {
      const j = list[e] as number
      const place = next[j] as number
      next[j] = place + 1
      ordered[place] = node
    }
  }
  for (const node of nodesByDegree(pointer)) {
    enter(node, source, sourcePointer)
    if (!symmetric) enter(node, column, rowPointer)
  }
  return { rowPointer: pointer, column: ordered, weight: null }
}

const same = (left: Int32Array, right: Int32Array): boolean =>
  left.length === right.length && left.every((value, i) => value === right[i])

// Whether unsorted rows hold what the ascending columns do.
function sameRows({ rowPointer, column }: Rows, source: Int32Array): boolean {
  for (let i = 0; i + 1 < rowPointer.length; ++i) {
    const row = column.slice(rowPointer[i], rowPointer[i + 1]).sort()
    if (!same(row, source.subarray(rowPointer[i], rowPointer[i + 1]))) return false
  }
  return true
}

function nodesByDegree(rowPointer: Int32Array): Int32Array {
  const size = rowPointer.length - 1
  const degree = (i: number): number => (rowPointer[i + 1] as number) - (rowPointer[i] as number)
  let highest = 0
  for (let i = 0; i < size; ++i) highest = Math.max(highest, degree(i))
  const begin = new Int32Array(highest + 2)
  for (let i = 0; i < size; ++i) begin[degree(i) + 1] = (begin[degree(i) + 1] as number) + 1
  accumulate(begin)
  const nodes = new Int32Array(size)
  for (let i = 0; i < size; ++i) {
    const place = begin[degree(i)] as number
    begin[degree(i)] = place + 1
    nodes[place] = i
  }
  return nodes
}

class Search {
  readonly #rows: Rows
  readonly #queue: Int32Array
  // The number of the search that last saw a node; infinite for what has its place in the order.
  readonly #seen: Float64Array
  #searches = 0
  #depth = 0
  #lastLevel = 0

  constructor(rows: Rows, size: number) {
    this.#rows = rows
    this.#queue = new Int32Array(size)
    this.#seen = new Float64Array(size)
  }

  finished(node: number): boolean {
    return this.#seen[node] === Infinity
  }

  /** The component of a node, breadth first. */
  run(first: number, final: boolean): Int32Array {
    const { rowPointer, column } = this.#rows
    const [queue, seen] = [this.#queue, this.#seen]
    const mark = final ? Infinity : ++this.#searches
    queue[0] = first
    seen[first] = mark
    let end = 1
    this.#depth = 0
    this.#lastLevel = 0
    for (let level = 0; level < end; ++this.#depth) {
      this.#lastLevel = level
      const levelEnd = end
      for (; level < levelEnd; ++level) {
        const node = queue[level] as number
        const rowEnd = rowPointer[node + 1] as number
        for (let e = rowPointer[node] as number; e < rowEnd; ++e) {
          const j = column[e] as number
          if (seen[j] === mark) continue
          seen[j] = mark
          queue[end++] = j
        }
      }
    }
    return queue.subarray(0, end)
  }

  /** A node from which the component is about as deep as it can be. */
  end(first: number): number {
    const { rowPointer } = this.#rows
    const degree = (i: number): number => (rowPointer[i + 1] as number) - (rowPointer[i] as number)
    let best = first
    let deepest = -1
    let candidate = first
    for (let search = 0; search < kMostSearches; ++search) {
      const found = this.run(candidate, false)
      if (this.#depth <= deepest) break
      deepest = this.#depth
      best = candidate
      const last = found.subarray(this.#lastLevel)
      candidate = last.reduce((low, node) => (degree(node) < degree(low) ? node : low))
    }
    return best
  }
}
