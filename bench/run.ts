// Measures entrain on the workloads of the contract and writes rows that peers/compare.mjs joins.
//
//   npm run bench                             every workload of this machine's device
//   npm run bench -- --only eigenstate        workloads whose name begins so
//   npm run bench -- --device gpu --full      also the less important parameter sets
//   npm run bench -- --quick                  tiny sizes: a dry run, never a result
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Device } from '../lib/index.js'
import { cases, type Entry, label, projectRoot } from './contract.js'
import { runEntry, type Trial } from './harness.js'

/** How a family of workloads is built on a device. */
export type Builder = (entry: Entry, on: Device) => Promise<Trial>

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    device: { type: 'string', default: 'cpu' },
    out: { type: 'string', default: '' },
    threads: { type: 'string', default: '' },
    budget: { type: 'string', default: '3600' },
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
  },
})

if (values.device !== 'cpu' && values.device !== 'gpu') {
  throw new Error(`bench: --device must be cpu or gpu, got ${values.device}`)
}
if (values.threads !== '' && !/^[1-9]\d*$/.test(values.threads)) {
  throw new Error(`bench: --threads must be a positive integer, got ${values.threads}`)
}
const budgetSeconds = Number(values.budget)
if (!(budgetSeconds > 0)) {
  throw new Error(`bench: --budget must be a number of seconds above 0, got ${values.budget}`)
}
// The addon reads it when it loads, which the imports below do.
if (values.threads !== '') process.env.ENTRAIN_THREADS = values.threads

const { device } = await import('../lib/index.js')
const { describeMachine, saveRows } = await import('./results.js')
const { buildControl } = await import('./control.js')
const { buildEigenstate } = await import('./eigenstate.js')
const { buildKuramoto } = await import('./kuramoto.js')
const { buildLstm } = await import('./lstm.js')
const { buildSimplex } = await import('./simplex.js')
const { buildTen } = await import('./ten.js')
const { buildWave } = await import('./wave.js')
const builders: Readonly<Record<string, Builder>> = {
  control: buildControl,
  eigenstate: buildEigenstate,
  kuramoto: buildKuramoto,
  lstm: buildLstm,
  simplex: buildSimplex,
  ten: buildTen,
  wave: buildWave,
}

const suite = values.device
const on = device(suite === 'gpu' ? 'cuda' : 'cpu')
const name = values.quick ? `entrain-${suite}-quick.json` : `entrain-${suite}.json`
const out = values.out ? resolve(values.out) : join(projectRoot, 'bench', 'results', name)
const head = {
  schema: 1,
  created: new Date().toISOString(),
  machine: { entrain: describeMachine(on.name) },
  quick: values.quick,
} as const

const only = values.only.split(',').filter(Boolean)
const chosen = cases({ suite, only, tier: values.full ? 2 : 1, quick: values.quick }).filter(
  ({ workload }) => builders[workload.split('.')[0] ?? ''],
)
if (chosen.length === 0) throw new Error(`bench: --only must name a workload, got ${values.only}`)
const deadline = performance.now() + 1000 * budgetSeconds
let failures = 0
for (const entry of chosen) {
  const builder = builders[entry.workload.split('.')[0] ?? '']
  if (!builder) continue
  if (performance.now() > deadline) {
    console.log(`${entry.workload} ${label(entry.params)}: left out, the time budget is spent`)
    continue
  }
  const build = (chosenEntry: Entry): Promise<Trial> => builder(chosenEntry, on)
  const row = await runEntry({ entry, device: suite, build, quick: values.quick })
  on.trim()
  if (row.error !== undefined) failures += 1
  const error = row.rel_err === null ? '' : ` err ${row.rel_err.toExponential(1)}`
  console.log(
    `${row.workload} ${label(row.params)}: ${row.ms ?? '-'} ms${error} ${row.error ?? row.note}`,
  )
  saveRows(out, head, [row])
}
console.log(`written to ${out}`)
process.exitCode = failures > 0 ? 1 : 0
