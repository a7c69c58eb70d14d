// Topologies: graphs drawn for any number of oscillators, seeded, built as sparse rows in O(N + E).
// Couplings are mutual with weight 1; no edge occurs twice, no oscillator pulls itself.
import { expectInteger, expectNumber } from '../check.js'
import { RandomStream, UniformStream } from '../data/philox.js'
import { ShapeError, ValueError } from '../errors.js'
import { expectNeighbours, expectOscillators } from './conversions.js'
import { EdgeSet } from './edge-set.js'
import { Graph, type Topology } from './graph.js'
import { Pairs } from './pairs.js'
import { expectEdges } from './rows.js'
import { Skips } from './skips.js'

/**
 * The graph of a topology, or a graph as it is, for a bank of `oscillators` with a seed.
 *
 * @throws ShapeError where a graph is of another number of oscillators.
 */
export function graphOf(
  topology: Topology | Graph,
  { oscillators, seed }: { oscillators: number; seed: number },
): Graph {
  const graph = topology instanceof Graph ? topology : topology(oscillators, seed)
  if (graph.oscillators !== oscillators) {
    throw new ShapeError(
      `topology: graph must be of ${oscillators} oscillators, got ${graph.oscillators}`,
    )
  }
  return graph
}

/** Up to so many moved edges of an oscillator are looked through; beyond, a set of them is faster. */
const kFewNeighbours = 32

const draws = (seed: number, block = 0): UniformStream =>
  new UniformStream({ seed, block, stream: RandomStream.topology })

const expectProbability = (operation: string, name: string, value: number): number =>
  expectNumber(operation, name, value, { low: 0, high: 1 })

/** Every oscillator pulls every other, without stored edges: O(N) a step. */
export function allToAll(): Topology {
  return (oscillators) => Graph.global(oscillators)
}

/**
 * A ring: i ± 1 … i ± k pull i, without stored edges.
 *
 * @param options.neighbours k on either side, 1 ≤ k ≤ (N − 1)/2
 */
export function ring({ neighbours }: { neighbours: number }): Topology {
  expectInteger('ring', 'neighbours', neighbours)
  return (oscillators) => Graph.ring(oscillators, neighbours)
}

/**
 * A small world (Watts-Strogatz): a ring in which the far end of each edge is moved with a probability to
 * an oscillator that is neither the near end nor one of its neighbours. There are kN couplings always.
 * Seeded; the same on every machine. Source: Watts & Strogatz, Nature 393, 440 (1998).
 *
 * @param options.neighbours k on either side, 1 ≤ k ≤ (N − 1)/2: the mean degree is 2k
 * @param options.rewiring probability that an edge is moved, 0 (a ring) to 1 (random)
 * @throws ShapeError or ValueError for sizes and probabilities outside these ranges
 */
export function smallWorld(options: { neighbours: number; rewiring: number }): Topology {
  const { neighbours, rewiring } = options
  expectInteger('smallWorld', 'neighbours', neighbours)
  expectProbability('smallWorld', 'rewiring', rewiring)
  return (oscillators, seed) => {
    expectOscillators('smallWorld', oscillators)
    expectNeighbours('smallWorld', oscillators, neighbours)
    expectEdges('smallWorld', 2 * neighbours * oscillators)
    return new RewiredRing(oscillators, neighbours).draw(rewiring, draws(seed))
  }
}

// Edge d of i goes to i + d around the ring, d = 1 … k, until it is moved. Edges are considered as in the
// source: all to the nearest neighbours once around, then all to the second nearest, …
class RewiredRing {
  readonly #size: number
  readonly #reach: number
  // Where edge d of i was moved to, or −1, at i k + d − 1.
  readonly #far: Int32Array
  readonly #degree: Int32Array

  constructor(size: number, reach: number) {
    this.#size = size
    this.#reach = reach
    this.#far = new Int32Array(size * reach).fill(-1)
    this.#degree = new Int32Array(size).fill(2 * reach)
  }

  draw(rewiring: number, source: UniformStream): Graph {
    const [size, reach, far, degree] = [this.#size, this.#reach, this.#far, this.#degree]
    const moved = reach > kFewNeighbours ? new EdgeSet(rewiring * size * reach) : null
    const taken = (i: number, chosen: number): boolean =>
      moved ? !moved.add(i, chosen) : this.#moved(i, chosen) || this.#moved(chosen, i)
    for (let distance = 1; distance <= reach; ++distance) {
      for (let i = 0; i < size; ++i) {
        if (source.next() >= rewiring) continue
        // An oscillator that all others pull has nowhere to move an edge to.
        if (degree[i] === size - 1) continue
        let chosen = source.integer(size)
        while (chosen === i || this.#near(i, chosen) || taken(i, chosen)) {
          chosen = source.integer(size)
        }
        far[i * reach + distance - 1] = chosen
        const left = (i + distance) % size
        degree[left] = (degree[left] as number) - 1
        degree[chosen] = (degree[chosen] as number) + 1
      }
    }
    return Graph.ofRows(this.#pairs().rows(size))
  }

  // Whether an edge of the ring that is still in its place joins two oscillators.
  #near(one: number, other: number): boolean {
    const [size, reach, far] = [this.#size, this.#reach, this.#far]
    const ahead = other >= one ? other - one : other - one + size
    if (ahead <= reach && far[one * reach + ahead - 1] === -1) return true
    const behind = size - ahead
    return behind <= reach && far[other * reach + behind - 1] === -1
  }

  // Whether an edge of one oscillator was moved to another.
  #moved(one: number, other: number): boolean {
    const far = this.#far
    const end = (one + 1) * this.#reach
    for (let e = one * this.#reach; e < end; ++e) if (far[e] === other) return true
    return false
  }

  #pairs(): Pairs {
    const [size, reach, far] = [this.#size, this.#reach, this.#far]
    const pairs = new Pairs(size * reach)
    for (let i = 0; i < size; ++i) {
      for (let distance = 1; distance <= reach; ++distance) {
        const chosen = far[i * reach + distance - 1] as number
        pairs.push(i, chosen === -1 ? (i + distance) % size : chosen)
      }
    }
    return pairs
  }
}

/**
 * A scale-free graph (Barabási-Albert): beginning with m + 1 oscillators that all pull each other, each
 * further one is coupled to m others, chosen with probabilities proportional to their degrees. Degrees k
 * follow 2m(m + 1)/(k(k + 1)(k + 2)). Seeded; the same on every machine.
 * Source: Barabási & Albert, Science 286, 509 (1999).
 *
 * @param options.attachments m, 1 ≤ m ≤ N − 1: the mean degree nears 2m
 * @throws ShapeError or ValueError for sizes outside these ranges
 */
export function scaleFree({ attachments }: { attachments: number }): Topology {
  expectInteger('scaleFree', 'attachments', attachments)
  return (oscillators, seed) => {
    expectOscillators('scaleFree', oscillators)
    if (attachments > oscillators - 1) {
      throw new ValueError(
        `scaleFree: attachments must be at most oscillators - 1 = ${oscillators - 1}, got ${attachments}`,
      )
    }
    expectEdges('scaleFree', 2 * attachments * oscillators)
    const source = draws(seed)
    const couplings =
      attachments * (oscillators - attachments - 1) + (attachments * (attachments + 1)) / 2
    const pairs = new Pairs(couplings)
    // Every oscillator once for each of its edges: a uniform choice here is one in proportion to degree.
    const ends = new Int32Array(2 * couplings)
    let length = 0
    const couple = (one: number, other: number): void => {
      pairs.push(one, other)
      ends[length++] = one
      ends[length++] = other
    }
    for (let i = 1; i <= attachments; ++i) for (let j = 0; j < i; ++j) couple(i, j)
    const chosenBy = new Int32Array(oscillators)
    for (let i = attachments + 1; i < oscillators; ++i) {
      const before = length
      for (let made = 0; made < attachments; ++made) {
        let chosen = ends[source.integer(before)] as number
        while (chosenBy[chosen] === i) chosen = ends[source.integer(before)] as number
        chosenBy[chosen] = i
        couple(i, chosen)
      }
    }
    return Graph.ofRows(pairs.rows(oscillators))
  }
}

/**
 * A random graph (Erdős-Rényi): each of the N(N − 1)/2 couplings is there with the same probability.
 * Seeded; the same on every machine.
 *
 * @param options.probability in [0, 1]
 * @param options.meanDegree instead of the probability: meanDegree / (N − 1), in [0, N − 1]
 * @throws ValueError for both, neither, or outside these ranges; ShapeError for 2^31 edges
 */
export function erdosRenyi(
  options:
    | { probability: number; meanDegree?: never }
    | { meanDegree: number; probability?: never },
): Topology {
  const { probability, meanDegree } = options
  if ((probability === undefined) === (meanDegree === undefined)) {
    throw new ValueError(
      'erdosRenyi: options must be probability or meanDegree, got both or neither',
    )
  }
  if (probability !== undefined) expectProbability('erdosRenyi', 'probability', probability)
  else expectNumber('erdosRenyi', 'meanDegree', meanDegree, { low: 0 })
  return (oscillators, seed) => {
    expectOscillators('erdosRenyi', oscillators)
    expectNumber('erdosRenyi', 'meanDegree', meanDegree ?? 0, { low: 0, high: oscillators - 1 })
    const intra = probability ?? (oscillators > 1 ? meanDegree / (oscillators - 1) : 0)
    return Graph.ofRows(blockRows('erdosRenyi', { oscillators, seed, modules: 1, intra, inter: 0 }))
  }
}

/**
 * A modular graph (stochastic block model): oscillators in consecutive modules, whose sizes differ by at
 * most 1; a coupling is there with one probability within a module and another between modules.
 * `modules` of the graph says which oscillator is where. Seeded; the same on every machine.
 *
 * @param options.modules how many, 1 … N
 * @param options.intra probability within a module
 * @param options.inter probability between modules
 * @throws ShapeError or ValueError for sizes and probabilities outside these ranges, or 2^31 edges
 */
export function modular(options: { modules: number; intra: number; inter: number }): Topology {
  const { modules, intra, inter } = options
  expectInteger('modular', 'modules', modules)
  expectProbability('modular', 'intra', intra)
  expectProbability('modular', 'inter', inter)
  return (oscillators, seed) => {
    expectOscillators('modular', oscillators)
    if (modules > oscillators) {
      throw new ValueError(
        `modular: modules must be at most the ${oscillators} oscillators, got ${modules}`,
      )
    }
    const rows = blockRows('modular', { oscillators, seed, modules, intra, inter })
    const membership = new Int32Array(oscillators)
    for (let module = 0; module < modules; ++module) {
      membership.fill(module, moduleBegin(module, modules, oscillators))
    }
    return Graph.ofRows(rows, membership)
  }
}

const moduleBegin = (module: number, modules: number, oscillators: number): number =>
  Math.floor((module * oscillators) / modules)

function blockRows(
  operation: string,
  options: { oscillators: number; seed: number; modules: number; intra: number; inter: number },
): ReturnType<Pairs['rows']> {
  const { oscillators, seed, modules, intra, inter } = options
  const within = (oscillators * (oscillators / modules - 1)) / 2
  const between = (oscillators * (oscillators - oscillators / modules)) / 2
  const expected = intra * within + inter * between
  expectEdges(operation, 2 * expected)
  const pairs = new Pairs(expected + 5 * Math.sqrt(expected))
  const near = new Skips(draws(seed, 0), intra)
  const far = new Skips(draws(seed, 1), inter)
  for (let module = 0; module < modules; ++module) {
    const begin = moduleBegin(module, modules, oscillators)
    const end = moduleBegin(module + 1, modules, oscillators)
    for (let i = begin; i < end; ++i) {
      far.run(begin, (j) => pairs.push(i, j))
      near.run(i - begin, (j) => pairs.push(i, begin + j))
    }
  }
  return pairs.rows(oscillators)
}

/**
 * A lattice in any number of dimensions; neighbours along each axis are coupled. Oscillators are numbered
 * row-major, the last axis fastest.
 *
 * @param options.sizes of the axes, whose product is N
 * @param options.dimensions instead of sizes: a square, cube, … of as many axes, N^(1/dimensions) long
 * @param options.periodic whether the ends of an axis are coupled. Default: true
 * @throws ShapeError where N is not the product or power, or a size no integer of at least 1
 */
export function lattice(
  options:
    | { sizes: readonly number[]; dimensions?: never; periodic?: boolean }
    | { dimensions: number; sizes?: never; periodic?: boolean },
): Topology {
  const { sizes, dimensions, periodic = true } = options
  if ((sizes === undefined) === (dimensions === undefined)) {
    throw new ValueError('lattice: options must be sizes or dimensions, got both or neither')
  }
  if (dimensions !== undefined) expectInteger('lattice', 'dimensions', dimensions)
  for (const size of sizes ?? []) expectInteger('lattice', 'sizes', size)
  return (oscillators) => {
    expectOscillators('lattice', oscillators)
    const axes = sizes ?? powerSizes(oscillators, dimensions as number)
    if (axes.reduce((product, size) => product * size, 1) !== oscillators) {
      throw new ShapeError(
        `lattice: sizes must have the product ${oscillators}, got ${axes.join(' x ')}`,
      )
    }
    expectEdges('lattice', 2 * axes.length * oscillators)
    return latticeGraph(oscillators, axes, periodic)
  }
}

function powerSizes(oscillators: number, dimensions: number): number[] {
  const size = Math.round(oscillators ** (1 / dimensions))
  if (size ** dimensions !== oscillators) {
    throw new ShapeError(
      `lattice: oscillators must be a power of ${dimensions} of an integer, got ${oscillators}`,
    )
  }
  return new Array<number>(dimensions).fill(size)
}

function latticeGraph(oscillators: number, axes: readonly number[], periodic: boolean): Graph {
  const pairs = new Pairs(axes.length * oscillators)
  let stride = oscillators
  for (const size of axes) {
    const span = stride
    stride /= size
    // An axis of 2 has one edge, not one through each end.
    const around = periodic && size > 2
    for (let i = 0; i < oscillators; ++i) {
      const at = Math.floor((i % span) / stride)
      if (at + 1 < size) pairs.push(i, i + stride)
      else if (around) pairs.push(i, i - (size - 1) * stride)
    }
  }
  return Graph.ofRows(pairs.rows(oscillators))
}
