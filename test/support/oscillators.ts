// Graphs and systems of the golden cases.
import { Graph } from '../../lib/graph/graph.js'
import {
  type OscillatorDriveKind,
  type OscillatorNormalisation,
  type OscillatorSystem,
  type PhaseSystem,
  type Tensor,
  tensor,
} from '../../lib/index.js'
import { generator } from './compare.js'
import type { GoldenCase } from './golden.js'
import type { CheckedInput } from './gradient-check.js'

/** The graph of a golden case. */
export function goldenGraph(golden: GoldenCase, oscillators: number): Graph {
  const array = (name: string) => golden.arrays.get(`in.${name}`)?.data ?? []
  switch (golden.args.graph) {
    case 'dense':
      return Graph.dense([...array('adjacency')], oscillators)
    case 'csr':
      return Graph.sparse({
        rowPointer: [...array('rowPtr')],
        column: [...array('col')],
        weight: [...array('weight')],
        oscillators,
      })
    default:
      return Graph.global(oscillators)
  }
}

/** The system of a golden case; `inputs` by their golden names. */
export function goldenSystem(
  golden: GoldenCase,
  system: OscillatorSystem['system'],
  inputs: ReadonlyMap<string, Tensor>,
): OscillatorSystem {
  const get = (name: string): Tensor => inputs.get(name) as Tensor
  const optional = (name: string): Tensor | null => inputs.get(name) ?? null
  if (system === 'ott-antonsen') {
    return { system, frequency: get('frequency'), width: get('width'), coupling: get('coupling') }
  }
  const shared = {
    graph: goldenGraph(golden, get('naturalFrequencies').shape.at(-1) ?? 0),
    naturalFrequencies: get('naturalFrequencies'),
    coupling: get('coupling'),
    adjacency: optional('adjacency'),
    weight: optional('weight'),
    precision: optional('precision'),
    sign: optional('sign'),
    normalisation: golden.args.normalisation as OscillatorNormalisation,
  }
  if (system === 'stuart-landau') return { system, ...shared, growth: get('growth') }
  const frustration = optional('frustration')
  if (system === 'phase') return { system, ...shared, frustration } satisfies PhaseSystem
  return {
    system,
    ...shared,
    frustration,
    inertia: get('inertia'),
    damping: get('damping'),
  }
}

/** Kinds of graphs under test. */
export const kGraphs = ['global', 'dense', 'sparse', 'ring'] as const
export type GraphCase = (typeof kGraphs)[number]
export type SystemName = OscillatorSystem['system']

/** A seeded graph; sparse ones have an isolated row, a repeated edge and a self-edge where they can. */
export function graphOf(kind: GraphCase, oscillators: number, seed: number): Graph {
  const n = oscillators
  const { normals, uniforms } = generator(seed)
  switch (kind) {
    case 'global':
      return Graph.global(n)
    case 'dense':
      return Graph.dense(normals(n * n), n)
    case 'ring':
      return Graph.ring(n, n < 100 ? Math.max(1, Math.floor((n - 1) / 3)) : Math.floor((n - 1) / 2))
  }
  const rowPointer = [0]
  const column: number[] = []
  for (let i = 0; i < n; ++i) {
    if (i !== 1) {
      for (const u of uniforms(3)) column.push(Math.floor(u * n))
      column.push(i, column.at(-1) as number)
    }
    rowPointer.push(column.length)
  }
  return Graph.sparse({ rowPointer, column, weight: normals(column.length), oscillators: n })
}

/** Seeded values for every argument of a system that gradients flow to, and the call made of them. */
export function systemCase(
  system: SystemName,
  kind: GraphCase,
  {
    seed,
    batch,
    n,
    drive,
    steps = 1,
  }: { seed: number; batch: number; n: number; drive?: OscillatorDriveKind; steps?: number },
) {
  const { normals, uniforms } = generator(seed)
  const planes = system === 'phase' ? 1 : 2
  const inputs: Record<string, CheckedInput> = {
    start: { shape: [batch, planes * n], data: normals(batch * planes * n) },
    coupling: { shape: [batch], data: uniforms(batch).map((u) => 1 + u) },
  }
  if (system === 'ott-antonsen') {
    inputs.start = { shape: [batch, 2], data: uniforms(2 * batch).map((u) => u - 0.5) }
    inputs.frequency = { shape: [batch], data: normals(batch) }
    inputs.width = { shape: [1], data: uniforms(1) }
    const options = (t: Tensors) => ({
      system,
      frequency: t.frequency,
      width: t.width,
      coupling: t.coupling,
    })
    return { inputs, options }
  }
  const graph = graphOf(kind, n, seed + 1)
  inputs.naturalFrequencies = { shape: [batch, n], data: normals(batch * n) }
  inputs.precision = { shape: [n], data: uniforms(n).map((u) => 0.5 + u) }
  if (graph.adjacency) inputs.adjacency = { shape: [n, n], data: graph.adjacency }
  if (graph.weight) inputs.weight = { shape: [graph.edges], data: graph.weight }
  if (system !== 'stuart-landau') inputs.frustration = { shape: [], data: normals(1) }
  if (system === 'stuart-landau') inputs.growth = { shape: [n], data: uniforms(n) }
  if (system === 'swing') {
    inputs.inertia = { shape: [n], data: uniforms(n).map((u) => 1 + u) }
    inputs.damping = { shape: [1], data: uniforms(1) }
  }
  const driven = drive && system !== 'stuart-landau' ? drive : undefined
  if (driven) {
    const rows = { node: [], batch: [batch], step: [steps] }[driven]
    const shape = [...rows, n]
    inputs.drive = { shape, data: normals(shape.reduce((a, b) => a * b, 1)) }
  }
  const signs = Float64Array.from({ length: n }, (_, i) => (i % 3 === 0 ? -1 : 1))
  const options = (t: Tensors) => {
    const { start, ...parameters } = t
    const { dtype, device } = start as Tensor
    const sign = tensor(signs, { dtype, device })
    return { system, graph, sign, ...parameters, ...(driven && { driveKind: driven }) }
  }
  return { inputs, options }
}

type Tensors = Readonly<Record<string, Tensor>>
