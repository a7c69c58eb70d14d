// Graphs: what is refused, conversions and round trips, renumbering, arrays on devices.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DirectedGraph, MultiGraph, UndirectedGraph } from 'graphology'
import { couplings, inertias, injections, newEngland39 } from '../examples/support/power-grids.js'
import { randomIntegers } from '../lib/data/philox.js'
import {
  DataError,
  type Device,
  device as deviceOf,
  type EntrainError,
  erdosRenyi,
  fromDense,
  fromEdgeList,
  fromGraphology,
  fromMatrixMarket,
  Graph,
  lattice,
  ring,
  ShapeError,
  scale,
  scaleFree,
  scope,
  smallWorld,
  type Tensor,
  tensor,
  toEdgeList,
  toMatrixMarket,
  ValueError,
} from '../lib/index.js'
import { record } from '../lib/tape.js'
import { onEveryDevice } from './support/devices.js'
import { temporaryFolder } from './support/project.js'

type ErrorClass = new (message: string) => EntrainError

const refused = (call: () => unknown, type: ErrorClass, text: RegExp): void =>
  assert.throws(call, (error: unknown) => {
    assert.ok(error instanceof type, `${error}`)
    assert.match(error.message, text)
    return true
  })

/** 0 pulls 1 by 0.5, 2 pulls 0 by −2, 3 pulls 0 by 1; columns of row 0 do not ascend. */
const small = (): Graph =>
  Graph.sparse({
    rowPointer: [0, 2, 3, 3, 3, 3],
    column: [3, 2, 0],
    weight: [1, -2, 0.5],
    oscillators: 5,
  })

const smallMatrix = [0, 0, -2, 1, 0, 0.5, ...new Array<number>(19).fill(0)]

/** 40 oscillators that pull some others by some weights. */
function random(seed: number): Graph {
  const ends = randomIntegers({ seed, count: 400, limit: 40 })
  const weight = randomIntegers({ seed, block: 1, count: 200, limit: 1000 }).map(
    (w) => w / 7 - 50.05,
  )
  return fromEdgeList(
    { from: ends.slice(0, 200), to: ends.slice(200), weight },
    { oscillators: 40, directed: true },
  )
}

const shuffled = (size: number, seed: number): Int32Array => {
  const order = Int32Array.from({ length: size }, (_, i) => i)
  for (let i = size - 1; i > 0; --i) {
    const j = randomIntegers({ seed, block: i, count: 1, limit: i + 1 })[0] as number
    const kept = order[i] as number
    order[i] = order[j] as number
    order[j] = kept
  }
  return order
}

function assertSame(got: Graph, expected: Graph): void {
  const [one, other] = [got.toSparse(), expected.toSparse()]
  assert.deepEqual(one.rowPointer, other.rowPointer)
  assert.deepEqual(one.column, other.column)
  assert.deepEqual(one.weight, other.weight)
}

test('sparse arrays are kept as they are given, and copied', () => {
  const column = Int32Array.of(3, 2, 0)
  const graph = Graph.sparse({ rowPointer: [0, 2, 3, 3, 3], column, oscillators: 4 })
  column[0] = 1
  assert.deepEqual([...(graph.column ?? [])], [3, 2, 0])
  assert.equal(graph.weight, null)
  assert.equal(graph.edges, 3)
  assert.equal(graph.kind, 'sparse')
  assert.equal(String(small()), 'Graph(sparse, 5 oscillators, 3 edges)')
})

test('malformed sparse arrays are refused, with what is wrong and where', () => {
  const good = { rowPointer: [0, 2, 3, 3], column: [1, 2, 0], oscillators: 3 }
  const sparse = (change: object) => () => Graph.sparse({ ...good, ...change })
  sparse({})()
  refused(sparse({ rowPointer: [1, 2, 3, 3] }), ValueError, /rowPointer must begin with 0, got 1/)
  refused(sparse({ rowPointer: [0, 3, 2, 3] }), ValueError, /not descend, got 3 then 2 at 2/)
  refused(sparse({ rowPointer: [0, 2, 2, 2] }), ValueError, /end with .*, 3, got 2/)
  refused(sparse({ rowPointer: [0, 2, 3] }), ShapeError, /rowPointer must be of 4 elements/)
  refused(sparse({ column: [1, 3, 0] }), ValueError, /column must be .* 0 to 2, got 3 at 1/)
  refused(sparse({ column: [1, -1, 0] }), ValueError, /column must be .* got -1 at 1/)
  refused(sparse({ column: [1, 1.5, 0] }), ValueError, /32-bit integers, got 1.5 at 1/)
  refused(sparse({ column: [1, 2 ** 32, 0] }), ValueError, /32-bit integers, got 4294967296 at 1/)
  refused(sparse({ column: [1, Number.NaN, 0] }), ValueError, /32-bit integers, got NaN/)
  refused(sparse({ column: 3 }), ShapeError, /column must be an array, got 3/)
  refused(sparse({ column: undefined }), ShapeError, /column must be an array/)
  refused(sparse({ weight: [1, 2] }), ShapeError, /weight must be of 3 elements/)
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY])
    refused(sparse({ weight: [1, 2, wrong] }), ValueError, /weight must be finite, got .* at 2/)
  for (const wrong of [0, -1, 2.5, Number.NaN])
    refused(sparse({ oscillators: wrong }), ShapeError, /oscillators must be an integer/)
  refused(sparse({ oscillators: 2 ** 31 }), ShapeError, /oscillators must be below/)
  refused(sparse({ column: { length: 2 ** 31 } }), ShapeError, /fewer than 2\^31/)
})

test('malformed matrices, rings and modules are refused', () => {
  refused(() => Graph.dense([1, 2, 3], 2), ShapeError, /values must be of 4 elements/)
  refused(() => Graph.dense([1, 2, 3, Number.NaN], 2), ValueError, /finite, got NaN at 3/)
  refused(() => Graph.ring(10, 5), ValueError, /ring: neighbours must be at most/)
  refused(() => Graph.ring(10, 0), ShapeError, /ring: neighbours must be an integer/)
  refused(() => Graph.global(1.5), ShapeError, /global: oscillators must be an integer/)
  refused(() => Graph.global(3).withModules([0, 1]), ShapeError, /modules must be of 3 elements/)
  refused(() => Graph.global(3).withModules([0, -1, 0]), ValueError, /at least 0, got -1/)
  refused(() => fromDense([1, 2, 3]), ShapeError, /must be square/)
  refused(() => fromDense([[1, 2], [3]]), ShapeError, /got 1 in row 1/)
  refused(() => fromDense([0, Number.NaN, 0, 0]), ValueError, /finite, got NaN at 1/)
})

test('malformed lists of edges are refused', () => {
  refused(() => fromEdgeList([[0]]), ShapeError, /got \[0\] at 0/)
  refused(() => fromEdgeList([[0, -1]]), ValueError, /to must be .* got -1 at 0/)
  refused(() => fromEdgeList([[0, 3]], { oscillators: 3 }), ValueError, /0 to 2, got 3 at 0/)
  refused(() => fromEdgeList([[0, 1, Number.NaN]]), ValueError, /weight must be finite/)
  refused(() => fromEdgeList({ from: [0], to: [1, 2] }), ShapeError, /to must be of 1 elements/)
  refused(
    () => fromEdgeList({ from: [0], to: [1], weight: [] }),
    ShapeError,
    /weight must be of 1 elements/,
  )
})

test('isolated oscillators and graphs without edges are legal', () => {
  const graph = Graph.sparse({ rowPointer: [0, 0, 0, 0], column: [], oscillators: 3 })
  assert.deepEqual([...graph.degrees()], [0, 0, 0])
  assert.equal(graph.components().count, 3)
  assert.equal(graph.bandwidth(), 0)
  assert.deepEqual([...graph.reorder().order].sort(), [0, 1, 2])
  assert.deepEqual([...graph.transposed().sourcePointer], [0, 0, 0, 0])
  assert.equal(fromEdgeList([], { oscillators: 2 }).edges, 0)
  assert.equal(Graph.global(1).edges, 0)
  assert.equal(Graph.global(1).toSparse().edges, 0)
  assert.deepEqual([...Graph.dense([3], 1).toSparse().degrees()], [0])
})

test('every kind as rows, as a matrix and back', () => {
  assert.deepEqual([...small().toDense()], smallMatrix)
  assert.deepEqual([...(small().toSparse().column ?? [])], [2, 3, 0])
  assert.deepEqual([...(small().toSparse().weight ?? [])], [-2, 1, 0.5])
  for (const graph of [
    random(1),
    Graph.ring(11, 3),
    Graph.global(6),
    Graph.dense(smallMatrix, 5),
  ]) {
    const matrix = graph.toDense()
    assertSame(fromDense(matrix), graph)
    assertSame(Graph.dense(matrix, graph.oscillators), graph)
    const size = graph.oscillators
    const rows = Array.from({ length: size }, (_, i) => matrix.slice(i * size, (i + 1) * size))
    assertSame(fromDense(rows), graph)
    assertSame(
      fromEdgeList(toEdgeList(graph), { oscillators: size, directed: true }),
      expected(graph),
    )
  }
})

/** Lists of edges carry weights always. */
function expected(graph: Graph): Graph {
  const { rowPointer, column, weight, edges, oscillators } = graph.toSparse()
  const weights = weight ?? new Float64Array(edges).fill(1)
  return Graph.sparse({
    rowPointer: rowPointer ?? [],
    column: column ?? [],
    weight: weights,
    oscillators,
  })
}

test('edges of one place are added up, self-edges left out, both directions stored', () => {
  const graph = fromEdgeList([
    [0, 1],
    [1, 2, 3],
    [2, 1, 0.25],
    [2, 2, 9],
  ])
  assert.deepEqual([...graph.toDense()], [0, 1, 0, 1, 0, 3.25, 0, 3.25, 0])
  const directed = fromEdgeList([[0, 2]], { directed: true })
  assert.deepEqual([...(directed.rowPointer ?? [])], [0, 0, 0, 1], '0 pulls 2')
  assert.equal(directed.weight, null)
})

test('the transposed graph names the edges that leave each oscillator', () => {
  for (const graph of [small(), random(2), random(3).reorder(shuffled(40, 1)).graph]) {
    const { sourcePointer, source, sourceEdge } = graph.transposed()
    const { rowPointer, column, edges } = graph
    assert.deepEqual(
      [...sourceEdge].sort((a, b) => a - b),
      [...Array(edges).keys()],
    )
    for (let j = 0; j < graph.oscillators; ++j) {
      for (let e = sourcePointer[j] as number; e < (sourcePointer[j + 1] as number); ++e) {
        const edge = sourceEdge[e] as number
        const i = source[e] as number
        assert.equal(column?.[edge], j)
        assert.ok(edge >= (rowPointer?.[i] as number) && edge < (rowPointer?.[i + 1] as number))
        if (e > (sourcePointer[j] as number)) assert.ok(i >= (source[e - 1] as number))
      }
    }
  }
})

test('degrees, components and bandwidth', () => {
  assert.deepEqual([...small().degrees()], [2, 1, 0, 0, 0])
  assert.deepEqual(small().components(), { count: 2, component: Int32Array.of(0, 0, 0, 0, 1) })
  assert.equal(small().bandwidth(), 3)
  const own = Graph.sparse({ rowPointer: [0, 2, 2], column: [0, 1], oscillators: 2 })
  assert.deepEqual([...own.degrees()], [1, 0], 'itself not counted')
  assert.deepEqual([...Graph.global(4).degrees()], [3, 3, 3, 3])
  assert.equal(Graph.ring(10, 2).bandwidth(), 9)
  assert.equal(Graph.ring(10, 2).isConnected(), true)
  const apart = fromEdgeList([
    [5, 0],
    [1, 4],
    [4, 2],
  ])
  assert.deepEqual([...apart.components().component], [0, 1, 1, 2, 1, 0])
})

test('renumbering keeps the graph: order[new] is the old number', () => {
  const order = shuffled(40, 5)
  const modules = Int32Array.from({ length: 40 }, (_, i) => i % 3)
  const whole = random(4).withModules(modules)
  for (const graph of [whole, Graph.dense(whole.toDense(), 40).withModules(modules)]) {
    for (const result of [graph.reorder(order), graph.reorder()]) {
      const [before, after] = [graph.toDense(), result.graph.toDense()]
      assert.equal(result.graph.kind, graph.kind)
      for (const [i, oldRow] of result.order.entries()) {
        assert.equal(result.graph.modules?.[i], modules[oldRow])
        for (const [j, old] of result.order.entries())
          assert.equal(after[i * 40 + j], before[oldRow * 40 + old])
      }
    }
  }
  const turned = Graph.ring(6, 1).reorder(Int32Array.of(0, 2, 4, 1, 3, 5)).graph
  assert.equal(turned.kind, 'sparse')
  assert.deepEqual([...(turned.column ?? [])].slice(0, 2), [3, 5])
  assert.equal(Graph.global(3).reorder(Int32Array.of(2, 0, 1)).graph.kind, 'global')
  assert.equal(Graph.ring(6, 1).reorder().graph.kind, 'ring')
  refused(() => whole.reorder(Int32Array.of(1)), ShapeError, /order must be of 40 elements/)
  refused(() => whole.reorder(new Int32Array(40)), ValueError, /once, got 0 at 1/)
  refused(() => whole.reorder(order.map((i) => i + 1)), ValueError, /once, got 40 at/)
})

test('reverse Cuthill-McKee brings neighbours close together', () => {
  const path = lattice({ sizes: [500], periodic: false })(500, 0)
  const cases = [
    { graph: path, bound: 1 },
    { graph: ring({ neighbours: 1 })(500, 0).toSparse(), bound: 2 },
    { graph: ring({ neighbours: 4 })(500, 0).toSparse(), bound: 16 },
    { graph: lattice({ sizes: [12, 50], periodic: false })(600, 0), bound: 14 },
    { graph: lattice({ sizes: [30, 30] })(900, 0), bound: 90 },
  ]
  for (const { graph, bound } of cases) {
    const mixed = graph.reorder(shuffled(graph.oscillators, 9)).graph
    assert.ok(mixed.bandwidth() > 0.8 * graph.oscillators)
    const { graph: near } = mixed.reorder()
    assert.ok(near.bandwidth() <= bound, `${near.bandwidth()} > ${bound}`)
    assert.equal(near.edges, graph.edges)
  }
  // Of one direction only, and with oscillators apart.
  const oneWay = fromEdgeList(
    { from: shuffled(100, 3).slice(0, 60), to: shuffled(100, 3).slice(1, 61) },
    { oscillators: 100, directed: true },
  )
  assert.equal(oneWay.reorder().graph.bandwidth(), 1)
  for (const graph of [smallWorld({ neighbours: 3, rewiring: 0.1 })(400, 1), random(5)]) {
    const sorted = [...graph.reorder().order].sort((a, b) => a - b)
    assert.deepEqual(sorted, [...Array(graph.oscillators).keys()])
  }
})

test('Matrix Market texts give back what was written', async (context) => {
  const folder = await temporaryFolder(context)
  const dense = Graph.dense(random(6).toDense(), 40)
  const graphs = {
    'coordinate real general': random(6),
    'coordinate pattern symmetric': scaleFree({ attachments: 2 })(50, 1),
    'coordinate real symmetric': fromEdgeList([
      [0, 1, 0.1],
      [3, 1, 1e-300],
    ]),
    'coordinate pattern general': fromEdgeList([[0, 1]], { directed: true }),
    'array real general': dense,
  }
  for (const [header, graph] of Object.entries(graphs)) {
    const text = toMatrixMarket(graph)
    assert.ok(text.startsWith(`%%MatrixMarket matrix ${header}\n`), text.slice(0, 50))
    const read = await fromMatrixMarket(text)
    assert.equal(read.kind, graph.kind)
    assert.deepEqual(read.toDense(), graph.toDense())
    const path = join(folder, 'graph.mtx')
    await writeFile(path, text.replaceAll('\n', '\r\n'))
    assert.deepEqual((await fromMatrixMarket(path)).toDense(), graph.toDense())
  }
  assert.match(toMatrixMarket(Graph.ring(5, 1)), /pattern symmetric\n5 5 5\n2 1\n/)
})

test('Matrix Market: comments, blanks, integers, symmetric arrays, repeated entries', async () => {
  const text = `%%matrixmarket MATRIX Coordinate Integer Symmetric
% a comment

3 3 4
2 1  -4
%another
 3\t2 2
3 2 1
1 1 7
`
  const graph = await fromMatrixMarket(text)
  assert.deepEqual([...graph.toDense()], [0, -4, 0, -4, 0, 3, 0, 3, 0])
  const array = await fromMatrixMarket('%%MatrixMarket matrix array real symmetric\n2 2\n1\n2.5\n3')
  assert.deepEqual([...array.toDense()], [1, 2.5, 2.5, 3])
})

test('Matrix Market: what is wrong is told with its line', async () => {
  const banner = '%%MatrixMarket matrix'
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no header', '3 3 1\n1 2 3\n', /line 1: header must be %%MatrixMarket …, got 3 3 1/],
    ['object', '%%MatrixMarket vector coordinate real general\n', /line 1: object must be matrix/],
    ['format', `${banner} sparse real general\n`, /line 1: format must be coordinate or array/],
    ['field', `${banner} coordinate complex general\n`, /field must be .* got complex/],
    ['pattern array', `${banner} array pattern general\n`, /field must be real or integer/],
    ['symmetry', `${banner} coordinate real hermitian\n`, /symmetry must be .* got hermitian/],
    ['cut header', `${banner} coordinate\n`, /line 1: field must be .* got undefined/],
    [
      'no size',
      `${banner} coordinate real general\n%\n`,
      /line 2: size must be .* end of the text/,
    ],
    ['size', `${banner} coordinate real general\n3 3\n`, /line 2: size must be .* got 3 3/],
    ['not square', `${banner} coordinate real general\n3 4 0\n`, /line 2: .* square, got 3 by 4/],
    [
      'rows',
      `${banner} coordinate real general\n0 0 0\n`,
      /line 2: rows must be an integer from 1/,
    ],
    ['many', `${banner} coordinate real general\n9 9 3e9\n`, /line 2: entries must be/],
    ['row', `${banner} coordinate real general\n%\n3 3 1\n0 1 1\n`, /line 4: row must be .* got 0/],
    [
      'column',
      `${banner} coordinate real general\n3 3 1\n1 4 1\n`,
      /line 3: column .* 1 to 3, got 4/,
    ],
    ['index', `${banner} coordinate real general\n3 3 1\n1.0 2 1\n`, /line 3: row .* got 1\.0/],
    [
      'value',
      `${banner} coordinate real general\n3 3 1\n1 2 x\n`,
      /line 3: value .* finite.* got x/,
    ],
    ['NaN', `${banner} coordinate real general\n3 3 1\n1 2 NaN\n`, /line 3: value .* got NaN/],
    ['integer', `${banner} coordinate integer general\n3 3 1\n1 2 1.5\n`, /integer, got 1\.5/],
    ['words', `${banner} coordinate pattern general\n3 3 1\n1 2 3\n`, /line 3: entry .* got 1 2 3/],
    ['upper', `${banner} coordinate real symmetric\n3 3 1\n1 2 3\n`, /below the diagonal .* 1 2 3/],
    ['short', `${banner} coordinate real general\n3 3 2\n1 2 3\n`, /the size says, 2, got 1/],
    [
      'long',
      `${banner} coordinate real general\n3 3 0\n1 2 3\n`,
      /line 3: text .* end.* got 1 2 3/,
    ],
    ['short array', `${banner} array real general\n2 2\n1\n2\n3\n`, /values must be as many .* 4/],
    ['array words', `${banner} array real general\n1 1\n1 2\n`, /line 3: line must be one value/],
  ]
  for (const [title, text, message] of wrong) {
    await assert.rejects(fromMatrixMarket(text), (error: unknown) => {
      assert.ok(error instanceof DataError, title)
      assert.match(error.message, /^fromMatrixMarket: /)
      assert.match(error.message, message, title)
      return true
    })
  }
  await assert.rejects(fromMatrixMarket('/no/such/file.mtx'), /\/no\/such\/file\.mtx: file must be/)
})

test('graphs of graphology, of every type', () => {
  const undirected = new UndirectedGraph()
  for (const node of ['c', 'a', 'b']) undirected.addNode(node)
  undirected.addEdge('a', 'b', { weight: 2, strength: 5 })
  undirected.addEdge('c', 'a')
  undirected.addEdge('b', 'b')
  // In the graph's own order: c 0, a 1, b 2.
  assert.deepEqual([...fromGraphology(undirected).toDense()], [0, 1, 0, 1, 0, 2, 0, 2, 0])
  const strength = fromGraphology(undirected, { weight: 'strength' })
  assert.deepEqual([...strength.toDense()], [0, 1, 0, 1, 0, 5, 0, 5, 0])

  const directed = new DirectedGraph()
  directed.mergeEdge('x', 'y')
  assert.deepEqual([...(fromGraphology(directed).rowPointer ?? [])], [0, 0, 1], 'x pulls y')

  const mixed = new MultiGraph()
  for (const node of [0, 1, 2]) mixed.addNode(node)
  mixed.addDirectedEdge(0, 1)
  mixed.addUndirectedEdge(1, 2)
  assert.deepEqual([...fromGraphology(mixed).toDense()], [0, 0, 0, 1, 0, 1, 0, 1, 0])

  const parallel = new MultiGraph()
  for (const node of [0, 1]) parallel.addNode(node)
  for (const weight of [1, 2.5]) parallel.addDirectedEdge(1, 0, { weight })
  assert.deepEqual([...fromGraphology(parallel).toDense()], [0, 3.5, 0, 0])

  undirected.setEdgeAttribute('c', 'a', 'weight', 'much')
  refused(() => fromGraphology(undirected), ValueError, /weight must be a finite number, got much/)
  refused(() => fromGraphology(new MultiGraph()), ShapeError, /oscillators must be/)
})

test('a graph through graphology and back', () => {
  const graph = random(8)
  const other = new DirectedGraph()
  for (let i = 0; i < graph.oscillators; ++i) other.addNode(i)
  const { from, to, weight } = toEdgeList(graph)
  for (const [e, source] of from.entries())
    other.addEdge(source, to[e], { weight: weight[e] as number })
  assertSame(fromGraphology(other), graph)
})

test('the data of the New England grid satisfy the power flow they come with', () => {
  const { buses, lines, generators } = newEngland39
  assert.deepEqual([buses.length, lines.length, generators.length], [39, 46, 10])
  const { from, to, weight } = couplings(newEngland39)
  assert.ok(fromEdgeList({ from, to, weight }).isConnected())
  // Bus 19 hangs on the rest by one line.
  const cut = lines.findIndex((line) => line.from === 16 && line.to === 19)
  assert.equal(fromEdgeList(couplings(newEngland39, [cut])).components().count, 2)
  const power = injections(newEngland39)
  assert.ok(Math.abs(power.reduce((sum, p) => sum + p, 0)) < 1e-12)
  assert.equal([...inertias(newEngland39)].filter((m) => m > 0).length, 10)
  // A wrong digit in a line or load shows as power that appears from nowhere.
  const left = Float64Array.from(buses, ({ load }) => -load / 100)
  for (const { bus, power: made } of generators) left[bus - 1] = (left[bus - 1] ?? 0) + made / 100
  for (const line of lines) {
    const [i, j] = [line.from - 1, line.to - 1]
    const [one, other] = [buses[i], buses[j]]
    assert.ok(one && other)
    const norm = line.resistance ** 2 + line.reactance ** 2
    const [g, b] = [line.resistance / norm, line.reactance / norm]
    const [v, w] = [one.voltage / line.ratio, other.voltage]
    const delta = ((one.angle - other.angle) * Math.PI) / 180
    left[i] = (left[i] ?? 0) - (v * v * g - v * w * (g * Math.cos(delta) - b * Math.sin(delta)))
    left[j] = (left[j] ?? 0) - (w * w * g - v * w * (g * Math.cos(delta) + b * Math.sin(delta)))
  }
  for (const [bus, value] of left.entries())
    assert.ok(Math.abs(value) < 0.01, `bus ${bus + 1}: ${value}`)
})

onEveryDevice('graph', (name) => {
  const device: Device = deviceOf(name)
  const live = (): number => device.memory().live
  const numbers = async (made: Tensor | null): Promise<number[]> => [
    ...((await made?.data()) ?? []),
  ]

  test('tensors hold the arrays of the graph and of its transpose', async () => {
    using graph = random(7)
    const made = graph.tensors(device, 'float64')
    const transposed = graph.transposed()
    assert.deepEqual(await numbers(made.rowPointer), [...(graph.rowPointer ?? [])])
    assert.deepEqual(await numbers(made.column), [...(graph.column ?? [])])
    assert.deepEqual(await numbers(made.weight), [...(graph.weight ?? [])])
    for (const key of ['sourcePointer', 'source', 'sourceEdge'] as const) {
      assert.equal(made[key]?.dtype, 'int32')
      assert.equal(made[key]?.device, device)
      assert.deepEqual(await numbers(made[key]), [...transposed[key]])
    }
    assert.equal(made.adjacency, null)
  })

  test('tensors of the other kinds; ones where there are no weights', async () => {
    using dense = Graph.dense(smallMatrix, 5)
    const { adjacency, column } = dense.tensors(device, 'float32')
    assert.deepEqual(adjacency?.shape, [5, 5])
    assert.deepEqual(await numbers(adjacency), smallMatrix)
    assert.equal(column, null)
    for (const graph of [Graph.global(4), Graph.ring(5, 1)])
      assert.ok(Object.values(graph.tensors(device, 'float32')).every((made) => made === null))
    using unit = erdosRenyi({ probability: 0.5 })(8, 1)
    const { weight } = unit.tensors(device, 'float64')
    assert.equal(weight?.dtype, 'float64')
    assert.deepEqual(await numbers(weight), new Array(unit.edges).fill(1))
    using empty = Graph.sparse({ rowPointer: [0, 0], column: [], oscillators: 1 })
    assert.deepEqual(await numbers(empty.tensors(device, 'float32').weight), [])
  })

  test('tensors are made once for each device and dtype, indices once for all', () => {
    using graph = small()
    const first = graph.tensors(device, 'float32')
    const second = graph.tensors(device, 'float32')
    const wide = graph.tensors(device, 'float64')
    for (const key of Object.keys(first) as (keyof typeof first)[]) {
      assert.equal(second[key], first[key])
      if (key !== 'weight') assert.equal(wide[key], first[key])
    }
    assert.notEqual(wide.weight, first.weight)
  })

  test('tensors outlive scopes and backward passes, and end with dispose', async () => {
    const before = live()
    const graph = small()
    scope(() => {
      graph.tensors(device, 'float32')
    })
    const kept = graph.tensors(device, 'float32')
    assert.ok(Object.values(kept).every((made) => made === null || !made.disposed))
    assert.deepEqual(await numbers(kept.column), [3, 2, 0])
    graph.dispose()
    assert.ok(Object.values(kept).every((made) => made === null || made.disposed))
    assert.equal(live(), before)
    await scope(async () => {
      const input = tensor([2], { device, requiresGrad: true })
      const { output } = record(
        { input: input as Tensor },
        { output: scale(input, 3) as Tensor },
        ({ output: gradient }) => {
          graph.tensors(device, 'float32')
          return { input: gradient && scale(gradient, 3) }
        },
      )
      output.backward()
      input.grad?.dispose()
    })
    assert.deepEqual(await numbers(graph.tensors(device, 'float32').column), [3, 2, 0])
    graph.dispose()
    graph.dispose()
    assert.equal(live(), before)
  })
})
