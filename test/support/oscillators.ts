// Graphs and systems of the golden cases.
import { Graph } from '../../lib/graph/graph.js'
import type {
  OscillatorNormalisation,
  OscillatorSystem,
  PhaseSystem,
  Tensor,
} from '../../lib/index.js'
import type { GoldenCase } from './golden.js'

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
