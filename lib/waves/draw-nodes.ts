// Nodes drawn without replacement: the first steps of a Fisher-Yates shuffle.
import { RandomStream, UniformStream } from '../data/philox.js'

/**
 * `count` of the nodes 0 … `nodes` − 1, each at most once, in the order they are drawn: a pure function
 * of the arguments. @internal
 */
export function drawNodes(options: {
  nodes: number
  count: number
  seed: number
  /** Which draw: an integer of at least 0. */
  block: number
}): Int32Array {
  const { nodes, count, seed, block } = options
  const source = new UniformStream({ seed, block, stream: RandomStream.sampling })
  // What a shuffle has moved to a place; every other place holds its own number.
  const moved = new Map<number, number>()
  return Int32Array.from({ length: count }, (_, i) => {
    const j = i + source.integer(nodes - i)
    const drawn = moved.get(j) ?? j
    moved.set(j, moved.get(i) ?? i)
    return drawn
  })
}
