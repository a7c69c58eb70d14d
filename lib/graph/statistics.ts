// What is asked of a graph before it is simulated: degrees, components, bandwidth. All O(N + E).
import type { Rows } from './rows.js'

/** Entries of each row off the diagonal. @internal */
export function rowDegrees({ rowPointer, column }: Rows): Int32Array {
  const degrees = new Int32Array(rowPointer.length - 1)
  for (let i = 0; i < degrees.length; ++i) {
    const end = rowPointer[i + 1] as number
    let degree = 0
    for (let e = rowPointer[i] as number; e < end; ++e) if (column[e] !== i) ++degree
    degrees[i] = degree
  }
  return degrees
}

/** The component of each node along edges of either direction, numbered in order of appearance. @internal */
export function connectedComponents({ rowPointer, column }: Rows): {
  count: number
  component: Int32Array
} {
  const size = rowPointer.length - 1
  const parent = Int32Array.from({ length: size }, (_, i) => i)
  const root = (node: number): number => {
    let at = node
    while (parent[at] !== at) {
      const above = parent[parent[at] as number] as number
      parent[at] = above
      at = above
    }
    return at
  }
  for (let i = 0; i < size; ++i) {
    const end = rowPointer[i + 1] as number
    for (let e = rowPointer[i] as number; e < end; ++e) {
      const one = root(i)
      const other = root(column[e] as number)
      // The lower number leads, so that a root appears before its members.
      if (one < other) parent[other] = one
      else parent[one] = other
    }
  }
  let count = 0
  const component = new Int32Array(size)
  for (let i = 0; i < size; ++i) {
    const lead = root(i)
    component[i] = lead === i ? count++ : (component[lead] as number)
  }
  return { count, component }
}

/** The furthest that an entry is from the diagonal. @internal */
export function rowBandwidth({ rowPointer, column }: Rows): number {
  let furthest = 0
  for (let i = 0; i + 1 < rowPointer.length; ++i) {
    const end = rowPointer[i + 1] as number
    for (let e = rowPointer[i] as number; e < end; ++e) {
      furthest = Math.max(furthest, Math.abs(i - (column[e] as number)))
    }
  }
  return furthest
}
