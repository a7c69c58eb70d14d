// From one form of a graph to another, all on the host.
import { expectInteger } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { accumulate, type Rows, sorted } from './rows.js'

/** N, an integer of at least 1 that numbers of oscillators in int32 can reach. @internal */
export function expectOscillators(operation: string, oscillators: number): number {
  expectInteger(operation, 'oscillators', oscillators)
  if (oscillators >= 2 ** 31 - 1) {
    throw new ShapeError(`${operation}: oscillators must be below 2^31 - 1, got ${oscillators}`)
  }
  return oscillators
}

/** k of a ring: both sides together are at most all others. @internal */
export function expectNeighbours(operation: string, oscillators: number, neighbours: number): void {
  expectInteger(operation, 'neighbours', neighbours)
  if (2 * neighbours > oscillators - 1) {
    throw new ValueError(
      `${operation}: neighbours must be at most (oscillators - 1) / 2 = ${(oscillators - 1) / 2}, ` +
        `got ${neighbours}`,
    )
  }
}

/** Rows of a global graph (`neighbours` 0) or of a ring. @internal */
export function implicitRows(oscillators: number, neighbours: number): Rows {
  const degree = neighbours > 0 ? 2 * neighbours : oscillators - 1
  const rowPointer = Int32Array.from({ length: oscillators + 1 }, (_, i) => degree * i)
  const column = new Int32Array(degree * oscillators)
  let place = 0
  for (let i = 0; i < oscillators; ++i) {
    const low = neighbours > 0 ? i - neighbours : 0
    const high = neighbours > 0 ? i + neighbours : oscillators - 1
    // What passes the end comes around first, what passes the beginning last: columns ascend.
    for (let j = oscillators; j <= high; ++j) column[place++] = j - oscillators
    for (let j = Math.max(low, 0); j < i; ++j) column[place++] = j
    for (let j = i + 1; j <= Math.min(high, oscillators - 1); ++j) column[place++] = j
    for (let j = low; j < 0; ++j) column[place++] = j + oscillators
  }
  return { rowPointer, column, weight: null }
}

/** The entries of a matrix that are neither zero nor on the diagonal. @internal */
export function rowsOfMatrix(values: Float64Array, size: number): Rows {
  const rowPointer = new Int32Array(size + 1)
  let [edges, ones] = [0, true]
  for (let i = 0; i < size; ++i) {
    for (let j = 0; j < size; ++j) {
      const value = values[i * size + j] as number
      if (value === 0 || i === j) continue
      ++edges
      ones &&= value === 1
    }
    rowPointer[i + 1] = edges
  }
  const column = new Int32Array(edges)
  const weight = ones ? null : new Float64Array(edges)
  let place = 0
  for (let i = 0; i < size; ++i) {
    for (let j = 0; j < size; ++j) {
      const value = values[i * size + j] as number
      if (value === 0 || i === j) continue
      if (weight) weight[place] = value
      column[place++] = j
    }
  }
  return { rowPointer, column, weight }
}

/** Where each old number went: place[order[i]] = i. Throws unless `order` is a permutation. @internal */
export function inverse(order: Int32Array, size: number): Int32Array {
  if (order.length !== size) {
    throw new ShapeError(`reorder: order must be of ${size} elements, got ${order.length}`)
  }
  const place = new Int32Array(size).fill(-1)
  for (const [i, old] of order.entries()) {
    if (place[old] !== -1) {
      throw new ValueError(
        `reorder: order must hold every integer from 0 to ${size - 1} once, got ${old} at ${i}`,
      )
    }
    place[old] = i
  }
  return place
}

/** The matrix with row and column order[i] at i. @internal */
export function renumbered(rows: Rows, order: Int32Array, place: Int32Array): Rows {
  const rowPointer = new Int32Array(order.length + 1)
  for (const [i, old] of order.entries()) {
    rowPointer[i + 1] = (rows.rowPointer[old + 1] as number) - (rows.rowPointer[old] as number)
  }
  accumulate(rowPointer)
  const column = new Int32Array(rows.column.length)
  const weight = rows.weight && new Float64Array(rows.weight.length)
  let next = 0
  for (const old of order) {
    const end = rows.rowPointer[old + 1] as number
    for (let e = rows.rowPointer[old] as number; e < end; ++e) {
      if (weight) weight[next] = rows.weight?.[e] as number
      column[next++] = place[rows.column[e] as number] as number
    }
  }
  return sorted({ rowPointer, column, weight })
}

/** The matrix with row and column order[i] at i. @internal */
export function renumberedMatrix(values: Float64Array, order: Int32Array): Float64Array {
  const size = order.length
  const moved = new Float64Array(values.length)
  for (const [i, row] of order.entries()) {
    for (const [j, column] of order.entries()) {
      moved[i * size + j] = values[row * size + column] as number
    }
  }
  return moved
}
