// Compressed sparse rows on the host: row i lists, in column[rowPointer[i] … rowPointer[i + 1]), what
// pulls oscillator i. Everything here takes O(N + E) time and memory.
import { ShapeError, ValueError } from '../errors.js'

/** A sparse matrix by rows; without weights all are 1. @internal */
export interface Rows {
  readonly rowPointer: Int32Array
  readonly column: Int32Array
  readonly weight: Float64Array | null
}

/** The same matrix by columns: the rows of each, and where their entries stand in `column`. */
export interface TransposedRows {
  /** Where the entries of each column begin, and the end of the last (N + 1). */
  readonly sourcePointer: Int32Array
  /** The rows of each column, ascending (E). */
  readonly source: Int32Array
  /** Their places in `column` and `weight` (E). */
  readonly sourceEdge: Int32Array
}

/** Stored entries must be countable in int32, which the device arrays are of. */
const kMostEdges = 2 ** 31 - 1

/** Throws unless so many entries can be stored. @internal */
export function expectEdges(operation: string, edges: number): void {
  if (!(edges <= kMostEdges)) {
    throw new ShapeError(`${operation}: edges must be fewer than 2^31, got about ${edges}`)
  }
}

/** Turns counts in elements 1 … N into where rows begin. @internal */
export function accumulate(counts: Int32Array): Int32Array {
  for (let i = 1; i < counts.length; ++i) {
    counts[i] = (counts[i] as number) + (counts[i - 1] as number)
  }
  return counts
}

/** The columns of a matrix in order. @internal */
export function transpose({ rowPointer, column }: Rows): TransposedRows {
  const size = rowPointer.length - 1
  const sourcePointer = new Int32Array(size + 1)
  for (let e = 0; e < column.length; ++e) {
    const j = (column[e] as number) + 1
    sourcePointer[j] = (sourcePointer[j] as number) + 1
  }
  accumulate(sourcePointer)
  const next = sourcePointer.slice(0, size)
  const source = new Int32Array(column.length)
  const sourceEdge = new Int32Array(column.length)
  for (let i = 0; i < size; ++i) {
    const end = rowPointer[i + 1] as number
    for (let e = rowPointer[i] as number; e < end; ++e) {
      const j = column[e] as number
      const place = next[j] as number
      next[j] = place + 1
      source[place] = i
      sourceEdge[place] = e
    }
  }
  return { sourcePointer, source, sourceEdge }
}

/** Whether the columns of every row ascend strictly. @internal */
export function isSorted({ rowPointer, column }: Rows): boolean {
  for (let i = 0; i + 1 < rowPointer.length; ++i) {
    const end = rowPointer[i + 1] as number
    for (let e = (rowPointer[i] as number) + 1; e < end; ++e) {
      if ((column[e - 1] as number) >= (column[e] as number)) return false
    }
  }
  return true
}

/** The same matrix with ascending columns in every row. @internal */
export function sorted(rows: Rows): Rows {
  if (isSorted(rows)) return rows
  const { rowPointer, weight } = rows
  const { sourcePointer, source, sourceEdge } = transpose(rows)
  const size = rowPointer.length - 1
  const next = rowPointer.slice(0, size)
  const column = new Int32Array(rows.column.length)
  const moved = weight && new Float64Array(weight.length)
  for (let j = 0; j < size; ++j) {
    const end = sourcePointer[j + 1] as number
    for (let e = sourcePointer[j] as number; e < end; ++e) {
      const i = source[e] as number
      const place = next[i] as number
      next[i] = place + 1
      column[place] = j
      if (moved && weight) moved[place] = weight[sourceEdge[e] as number] as number
    }
  }
  return { rowPointer, column, weight: moved }
}

/** Entries of a matrix in any order: `row[e]`, `column[e]`, `weight[e]`. @internal */
export interface Entries {
  readonly row: Int32Array
  readonly column: Int32Array
  readonly weight: Float64Array | null
}

/** Rows of entries in any order; entries of one place are added up, diagonal ones left out. @internal */
export function rowsOfEntries(size: number, { row, column, weight }: Entries): Rows {
  const rowPointer = new Int32Array(size + 1)
  for (let e = 0; e < row.length; ++e) {
    const i = row[e] as number
    if (i !== column[e]) rowPointer[i + 1] = (rowPointer[i + 1] as number) + 1
  }
  accumulate(rowPointer)
  const next = rowPointer.slice(0, size)
  const edges = rowPointer[size] as number
  const columns = new Int32Array(edges)
  const weights = weight && new Float64Array(edges)
  for (let e = 0; e < row.length; ++e) {
    const i = row[e] as number
    if (i === column[e]) continue
    const place = next[i] as number
    next[i] = place + 1
    columns[place] = column[e] as number
    if (weights && weight) weights[place] = weight[e] as number
  }
  return merged(sorted({ rowPointer, column: columns, weight: weights }))
}

// Adds up neighbouring entries of one place.
function merged(rows: Rows): Rows {
  if (isSorted(rows)) return rows
  const size = rows.rowPointer.length - 1
  const rowPointer = new Int32Array(size + 1)
  const column = new Int32Array(rows.column.length)
  const weight = new Float64Array(rows.column.length)
  let place = 0
  for (let i = 0; i < size; ++i) {
    const begin = rows.rowPointer[i] as number
    const end = rows.rowPointer[i + 1] as number
    for (let e = begin; e < end; ++e) {
      const value = rows.weight ? (rows.weight[e] as number) : 1
      if (e > begin && rows.column[e] === rows.column[e - 1]) {
        weight[place - 1] = (weight[place - 1] as number) + value
      } else {
        column[place] = rows.column[e] as number
        weight[place++] = value
      }
    }
    rowPointer[i + 1] = place
  }
  return { rowPointer, column: column.slice(0, place), weight: weight.slice(0, place) }
}

/** Throws unless the arrays are a sparse matrix of N rows and columns. @internal */
export function expectRows(operation: string, size: number, rows: Rows): void {
  const { rowPointer, column, weight } = rows
  if (rowPointer.length !== size + 1) {
    throw new ShapeError(
      `${operation}: rowPointer must be of ${size + 1} elements, one more than the oscillators, ` +
        `got ${rowPointer.length}`,
    )
  }
  if (weight && weight.length !== column.length) {
    throw new ShapeError(
      `${operation}: weight must be of ${column.length} elements, one for each column, ` +
        `got ${weight.length}`,
    )
  }
  if (rowPointer[0] !== 0) {
    throw new ValueError(`${operation}: rowPointer must begin with 0, got ${rowPointer[0]}`)
  }
  for (let i = 0; i < size; ++i) {
    if ((rowPointer[i + 1] as number) < (rowPointer[i] as number)) {
      throw new ValueError(
        `${operation}: rowPointer must not descend, got ${rowPointer[i]} then ` +
          `${rowPointer[i + 1]} at ${i + 1}`,
      )
    }
  }
  if (rowPointer[size] !== column.length) {
    throw new ValueError(
      `${operation}: rowPointer must end with the number of columns, ${column.length}, ` +
        `got ${rowPointer[size]}`,
    )
  }
  for (let e = 0; e < column.length; ++e) {
    const j = column[e] as number
    if (j < 0 || j >= size) {
      throw new ValueError(
        `${operation}: column must be of integers from 0 to ${size - 1}, got ${j} at ${e}`,
      )
    }
  }
  if (weight) expectFinite(operation, 'weight', weight)
}

/** Throws unless every number is finite. @internal */
export function expectFinite(operation: string, name: string, values: Float64Array): void {
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at >= 0) {
    throw new ValueError(`${operation}: ${name} must be finite, got ${values[at]} at ${at}`)
  }
}

/** Numbers as int32, refused where one is no such integer: a conversion would wrap it silently. @internal */
export function int32(operation: string, name: string, values: ArrayLike<number>): Int32Array {
  if (values instanceof Int32Array) return values.slice()
  if (typeof values !== 'object' || typeof values?.length !== 'number') {
    throw new ShapeError(`${operation}: ${name} must be an array, got ${String(values)}`)
  }
  const made = new Int32Array(values.length)
  for (let i = 0; i < values.length; ++i) {
    made[i] = values[i] as number
    if (made[i] !== values[i]) {
      throw new ValueError(
        `${operation}: ${name} must be of 32-bit integers, got ${String(values[i])} at ${i}`,
      )
    }
  }
  return made
}
