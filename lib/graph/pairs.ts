// Edges without direction, from which generators make rows that hold both directions.
import { accumulate, expectEdges, type Rows, transpose } from './rows.js'

/** Up to so many numbers are sorted by insertion. */
const kFew = 32

/** Edges without direction, each once, with room for more. @internal */
export class Pairs {
  #first: Int32Array
  #second: Int32Array
  #length = 0

  constructor(expected: number) {
    const room = Math.max(16, Math.ceil(expected))
    this.#first = new Int32Array(room)
    this.#second = new Int32Array(room)
  }

  push(first: number, second: number): void {
    if (this.#length === this.#first.length) this.#grow()
    this.#first[this.#length] = first
    this.#second[this.#length++] = second
  }

  #grow(): void {
    expectEdges('topology', 2 * this.#length)
    const grown = (values: Int32Array): Int32Array => {
      const wider = new Int32Array(Math.ceil(1.25 * values.length))
      wider.set(values)
      return wider
    }
    this.#first = grown(this.#first)
    this.#second = grown(this.#second)
  }

  /** Rows that hold both directions of every edge, columns ascending. */
  rows(size: number): Rows {
    expectEdges('topology', 2 * this.#length)
    const first = this.#first.subarray(0, this.#length)
    const second = this.#second.subarray(0, this.#length)
    return ascends(first) ? mergedRows(first, second, size) : sortedRows(first, second, size)
  }
}

function ascends(values: Int32Array): boolean {
  for (let e = 1; e < values.length; ++e) {
    if ((values[e - 1] as number) > (values[e] as number)) return false
  }
  return true
}

function counted(values: Int32Array, size: number): Int32Array {
  const pointer = new Int32Array(size + 1)
  for (let e = 0; e < values.length; ++e) {
    const i = (values[e] as number) + 1
    pointer[i] = (pointer[i] as number) + 1
  }
  return accumulate(pointer)
}

// Firsts that ascend are the rows of one direction already. Those of the other are a transposition of half
// the entries, the only pass that jumps about in memory; each row is then a merge of the two.
function mergedRows(first: Int32Array, second: Int32Array, size: number): Rows {
  const ownPointer = counted(first, size)
  const sourcePointer = counted(second, size)
  const next = sourcePointer.slice(0, size)
  const source = new Int32Array(first.length)
  for (let e = 0; e < first.length; ++e) {
    const j = second[e] as number
    const place = next[j] as number
    next[j] = place + 1
    source[place] = first[e] as number
  }
  const rowPointer = ownPointer.map((e, i) => e + (sourcePointer[i] as number))
  const column = new Int32Array(2 * first.length)
  let place = 0
  for (let i = 0; i < size; ++i) {
    const ownEnd = ownPointer[i + 1] as number
    const sourceEnd = sourcePointer[i + 1] as number
    let own = ownPointer[i] as number
    let other = sourcePointer[i] as number
    sortRange(second, own, ownEnd)
    while (own < ownEnd && other < sourceEnd) {
      const [a, b] = [second[own] as number, source[other] as number]
      column[place++] = Math.min(a, b)
      if (a < b) ++own
      else ++other
    }
    while (own < ownEnd) column[place++] = second[own++] as number
    while (other < sourceEnd) column[place++] = source[other++] as number
  }
  return { rowPointer, column, weight: null }
}

function sortRange(values: Int32Array, begin: number, end: number): void {
  if (end - begin > kFew) {
    values.subarray(begin, end).sort()
    return
  }
  for (let e = begin + 1; e < end; ++e) {
    const value = values[e] as number
    let place = e
    for (; place > begin && (values[place - 1] as number) > value; --place) {
      values[place] = values[place - 1] as number
    }
    values[place] = value
  }
}

function sortedRows(first: Int32Array, second: Int32Array, size: number): Rows {
  const sourcePointer = counted(second, size)
  const rowPointer = counted(first, size).map((e, i) => e + (sourcePointer[i] as number))
  const next = rowPointer.slice(0, size)
  const column = new Int32Array(2 * first.length)
  const put = (i: number, j: number): void => {
    const place = next[i] as number
    next[i] = place + 1
    column[place] = j
  }
  for (let e = 0; e < first.length; ++e) {
    put(first[e] as number, second[e] as number)
    put(second[e] as number, first[e] as number)
  }
  // A symmetric matrix by columns is the matrix with its rows in order.
  return {
    rowPointer,
    column: transpose({ rowPointer, column, weight: null }).source,
    weight: null,
  }
}
