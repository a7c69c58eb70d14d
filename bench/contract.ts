// The contract: names and parameters of all workloads, peers/workloads.json with those that have no peer
// there, workloads.json. Nothing else may invent a row.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Parameters of a workload; the contract says which. */
export type Params = Readonly<Record<string, number | string | readonly number[]>>

export interface Entry {
  readonly workload: string
  readonly suites: readonly ('gpu' | 'cpu')[]
  /** 1: always measured; 2: on request. */
  readonly tier: number
  readonly tolerance: number
  readonly params: Params
}

/** Sizes of a language model. `K` eigenstates and `tenHeads` coupling blocks a layer. */
export interface ModelSizes {
  readonly layers: number
  readonly d: number
  readonly vocab: number
  readonly heads: number
  readonly K: number
  readonly tenHeads: number
}

interface Contract {
  readonly models: Readonly<Record<string, ModelSizes>>
  readonly workloads: readonly Entry[]
}

/** The folder of package.json, from source and from compiled files alike. */
export const projectRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('bench: no package.json above this file')
    folder = parent
  }
  return folder
})()

let contract: Contract | null = null

function read(): Contract {
  if (contract) return contract
  const parse = (...path: string[]): Contract =>
    JSON.parse(readFileSync(join(projectRoot, 'bench', ...path), 'utf8')) as Contract
  const peers = parse('peers', 'workloads.json')
  const { workloads } = parse('workloads.json')
  contract = { ...peers, workloads: [...peers.workloads, ...workloads] }
  return contract
}

export function modelSizes(name: string): ModelSizes {
  const sizes = read().models[name]
  if (!sizes) throw new Error(`bench: model must be one of the contract, got ${name}`)
  return sizes
}

/** Entries of a suite whose name begins with one of `only` (empty: all), up to a tier. */
export function cases(options: {
  suite: 'gpu' | 'cpu'
  only: readonly string[]
  tier: number
  quick: boolean
}): Entry[] {
  const { suite, only, tier, quick } = options
  return read()
    .workloads.filter((entry) => entry.suites.includes(suite) && entry.tier <= tier)
    .filter(({ workload }) => only.length === 0 || only.some((name) => workload.startsWith(name)))
    .map((entry) => (quick ? { ...entry, params: shrink(entry) } : entry))
    .filter(
      (entry, place, all) => all.findIndex((other) => keyOf(other) === keyOf(entry)) === place,
    )
}

/** Sizes for a dry run: every code path in milliseconds. Never a result. */
function shrink({ workload, params }: Entry): Params {
  if (workload.startsWith('eigenstate')) {
    return { ...params, B: 2, T: 192, K: Math.min(Number(params.K), 24) }
  }
  if (workload.startsWith('ten')) {
    return { ...params, model: 'tiny', T: Math.min(Number(params.T), 128), B: 1 }
  }
  if (workload.startsWith('kuramoto')) {
    return { ...params, N: 160, B: Math.min(Number(params.B), 3), steps: 10 }
  }
  if (workload.startsWith('control')) return { ...params, N: 600, hidden: 16, layers: 2 }
  if (workload.startsWith('lstm')) return { ...params, hidden: 24, input: 10 }
  if (workload.startsWith('wave')) {
    const N = Math.min(Number(params.N), 400)
    const S = params.S === params.N ? N : 60
    return { ...params, N, S, M: Math.min(Number(params.M), 24) }
  }
  if (workload.startsWith('simplex')) return { ...params, shape: [12, 13, 14] }
  return params
}

/** JSON with sorted keys: equal parameters give equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`
}

/** What tells two entries apart. */
export const keyOf = ({ workload, params }: Pick<Entry, 'workload' | 'params'>): string =>
  `${workload} ${canonical(params)}`

/** Short form of parameters, for people. */
export function label(params: Params): string {
  return Object.entries(params)
    .filter(([name]) => !['variant', 'dt', 'step', 'origin'].includes(name))
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join('x') : value}`)
    .join(' ')
}
