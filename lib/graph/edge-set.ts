// A set of undirected edges by open addressing in a typed array: 16 to 32 bytes an edge, where a Set of the
// language would take a hundred.

/** Pairs of oscillators whose order does not matter. @internal */
export class EdgeSet {
  // Lower and higher end side by side, so that a look is one line of the cache; −1 where a slot is empty.
  #slots: Int32Array
  #length = 0

  constructor(expected: number) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(4 * Math.max(expected, 8)))).fill(-1)
  }

  /** Adds an edge; false where it was there. */
  add(one: number, other: number): boolean {
    const low = Math.min(one, other)
    const high = Math.max(one, other)
    const slot = this.#slot(low, high)
    if (this.#slots[slot] === low) return false
    this.#slots[slot] = low
    this.#slots[slot + 1] = high
    if (4 * ++this.#length > this.#slots.length) this.#grow()
    return true
  }

  // Where the edge is, or the empty slot where it would be.
  #slot(low: number, high: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (2 * (hash ^ (hash >>> 13))) & mask
    while (slots[slot] !== -1 && (slots[slot] !== low || slots[slot + 1] !== high)) {
      slot = (slot + 2) & mask
    }
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(2 * old.length).fill(-1)
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === -1) continue
      const slot = this.#slot(old[at] as number, old[at + 1] as number)
      this.#slots[slot] = old[at] as number
      this.#slots[slot + 1] = old[at + 1] as number
    }
  }
}
