#!/usr/bin/env node
// Joins row files into one Markdown table: for every workload the best peer, entrain, and the ratio.
//
//   node compare.mjs peers.json ../results/entrain-cpu.json
//   node compare.mjs rows.json --device gpu          rows of one device only
//   node compare.mjs --self-test [rows.json]         tests itself on these rows, or on made-up ones
//
// A row with an error, without a time, or with rel_err above the workload's tolerance is not a peer: a
// wrong answer cannot be the best one. Such rows are listed below the table. Where several files hold
// the same row the faster one counts for a peer (nobody weakens the baseline by measuring it badly) and
// the last one for entrain.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { CONTRACT, canonical, label } from './node/harness.mjs'

/** Rows of a file: a document with `rows`, a plain array, or one JSON object a line. */
export function readRows(path) {
  const text = readFileSync(path, 'utf8').trim()
  let data
  try {
    data = JSON.parse(text)
  } catch {
    data = text.split('\n').filter((line) => line.trim().startsWith('{')).map((line) => JSON.parse(line))
  }
  const rows = Array.isArray(data) ? data : data.rows ?? [data]
  if (data.quick) console.error(`# ${path}: rows of a dry run (--quick), not results`)
  return rows.filter((r) => r && r.workload && r.params && r.peer)
}

export const isEntrain = (row) => row.peer === 'entrain' || row.peer.startsWith('entrain-')
const base = (peer) => peer.split('@')[0]

/** Whether a row counts, or why not. */
export function verdict(row, tolerance) {
  if (row.error) return row.error.slice(0, 80)
  if (typeof row.ms !== 'number' || !(row.ms > 0)) return row.note || 'no time'
  if (typeof row.rel_err === 'number' && tolerance && !(row.rel_err <= tolerance)) return `rel_err ${row.rel_err.toExponential(1)} above ${tolerance}`
  return null
}

/** One record a workload and parameter set, in the contract's order. */
export function join(rows) {
  const order = new Map(CONTRACT.workloads.map((e, i) => [e.workload + canonical(e.params), { index: i, entry: e }]))
  const groups = new Map()
  for (const row of rows) {
    const known = order.get(row.workload + canonical(row.params))
    const key = `${row.device ?? ''} ${row.workload} ${canonical(row.params)}`
    if (!groups.has(key)) {
      groups.set(key, { workload: row.workload, params: row.params, device: row.device, index: known?.index ?? 1e6, tolerance: known?.entry.tolerance ?? row.tolerance, rows: [] })
    }
    groups.get(key).rows.push(row)
  }
  for (const g of groups.values()) {
    const seeds = CONTRACT.seeds
      .filter((s) => g.workload.startsWith(s.workload) && Object.entries(s.where ?? {}).every(([k, v]) => g.params[k] === v))
      .flatMap((s) => s.peers)
    const good = g.rows.filter((r) => !verdict(r, g.tolerance))
    const fastest = (list) => list.reduce((a, b) => (a && a.ms <= b.ms ? a : b), null)
    g.best = fastest(good.filter((r) => !isEntrain(r)))
    g.seed = fastest(good.filter((r) => !isEntrain(r) && seeds.includes(base(r.peer))))
    const own = good.filter(isEntrain)
    const latest = new Map(own.map((r) => [r.peer, r]))
    g.entrain = fastest([...latest.values()])
    g.limit = g.rows.map((r) => r.limit_ms).find((v) => typeof v === 'number' && v > 0) ?? null
    g.excluded = g.rows.map((r) => [r, verdict(r, g.tolerance)]).filter(([, why]) => why)
  }
  return [...groups.values()].sort((a, b) => a.index - b.index || a.workload.localeCompare(b.workload))
}

const number = (x) => (x === null || x === undefined ? '' : x >= 1000 ? x.toFixed(0) : x >= 100 ? x.toFixed(1) : String(Number(x.toPrecision(3))))
const ratio = (a, b) => (a && b ? `${number(a / b)}x` : '')

export function markdown(groups) {
  const withLimit = groups.some((g) => g.limit)
  const withEntrain = groups.some((g) => g.entrain)
  const head = ['workload', 'best peer', 'ms', 'rel err', "best of the seed's", 'ms']
  if (withEntrain) head.push('entrain ms', 'rel err', 'against best', 'against seed')
  if (withLimit) head.push('limit ms', 'best peer / limit', ...(withEntrain ? ['entrain / limit'] : []))
  const lines = [`| ${head.join(' | ')} |`, `|${head.map((_, i) => (i ? ' ---: |' : ' --- |')).join('')}`]
  for (const g of groups) {
    const error = (r) => (typeof r?.rel_err === 'number' ? r.rel_err.toExponential(0) : '')
    const cells = [`${g.workload} ${label(g.params)}`, g.best?.peer ?? '', number(g.best?.ms), error(g.best), g.seed?.peer ?? '', number(g.seed?.ms)]
    if (withEntrain) cells.push(number(g.entrain?.ms), error(g.entrain), ratio(g.best?.ms, g.entrain?.ms), ratio(g.seed?.ms, g.entrain?.ms))
    if (withLimit) cells.push(number(g.limit), ratio(g.best?.ms, g.limit), ...(withEntrain ? [ratio(g.entrain?.ms, g.limit)] : []))
    lines.push(`| ${cells.join(' | ')} |`)
  }
  const excluded = groups.flatMap((g) => g.excluded.map(([r, why]) => `- ${g.workload} ${label(g.params)}: ${r.peer}: ${why}`))
  if (excluded.length) lines.push('', 'Not counted:', ...excluded)
  return lines.join('\n')
}

/** Rows of two made-up peers for every workload of the cpu suite. */
function madeUpRows() {
  const entries = CONTRACT.workloads.filter((e) => e.suites.includes('cpu'))
  return entries.flatMap(({ workload, params }, i) => ['one', 'two'].map((peer, j) => ({ workload, params, peer, ms: 1 + i + j, rel_err: 1e-7, note: '', device: 'cpu' })))
}

function selfTest(file) {
  const assert = (ok, what) => {
    if (!ok) throw new Error(`self-test: ${what}`)
  }
  const rows = file ? readRows(file) : madeUpRows()
  assert(rows.length > 0, 'no rows')
  const peersOnly = join(rows)
  const known = new Set(CONTRACT.workloads.map((e) => e.workload + canonical(e.params)))
  for (const g of peersOnly) {
    assert(known.has(g.workload + canonical(g.params)), `${g.workload} ${label(g.params)} is not in the contract`)
    assert(g.best, `${g.workload} ${label(g.params)} has no valid peer`)
    assert(g.rows.filter((r) => !isEntrain(r) && !verdict(r, g.tolerance)).every((r) => r.ms >= g.best.ms), 'best is the fastest')
  }
  for (const e of CONTRACT.workloads.filter((w) => w.suites.includes('cpu'))) {
    assert(peersOnly.some((g) => g.workload === e.workload && canonical(g.params) === canonical(e.params)), `${e.workload} ${label(e.params)} was not measured`)
  }
  // entrain at half the best time; keys of params in another order; a wrong and faster peer; an error
  const reversed = (o) => Object.fromEntries(Object.entries(o).reverse())
  const own = peersOnly.map((g) => ({ workload: g.workload, params: reversed(g.params), peer: 'entrain', ms: g.best.ms / 2, rel_err: 1e-7, device: 'cpu', limit_ms: g.best.ms / 4 }))
  const first = peersOnly[0]
  const bad = [
    { ...first.best, peer: 'fast-and-wrong', ms: first.best.ms / 1000, rel_err: 0.5 },
    { ...first.best, peer: 'broken', ms: null, error: 'Error: broken' },
    { ...first.best, ms: first.best.ms * 9 },
  ]
  const joined = join([...rows, ...own, ...bad])
  assert(joined.length === peersOnly.length, 'params match whatever the order of keys')
  for (const g of joined) assert(Math.abs(g.best.ms / g.entrain.ms - 2) < 1e-9, `ratio of ${g.workload}`)
  assert(joined[0].excluded.some(([r]) => r.peer === 'fast-and-wrong') && joined[0].excluded.some(([r]) => r.peer === 'broken'), 'wrong rows are not counted')
  assert(joined[0].best.ms === first.best.ms, 'a slower second measurement does not weaken a peer')
  const text = markdown(joined)
  assert(text.split('\n').filter((l) => l.startsWith('|')).length === joined.length + 2, 'one line a workload')
  assert(text.includes('| 2x |') && text.includes('| 4x |'), 'ratios are printed')
  console.log(markdown(peersOnly))
  console.log(`\nself-test passed on ${file ?? 'made-up rows'}: ${rows.length} rows, ${peersOnly.length} workloads`)
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { device: { type: 'string', default: '' }, 'self-test': { type: 'boolean', default: false } },
  })
  if (values['self-test']) return selfTest(positionals[0])
  if (!positionals.length) {
    console.error('usage: node compare.mjs rows.json [more.json ...] [--device gpu|cpu] | --self-test [rows.json]')
    process.exit(2)
  }
  const rows = positionals.flatMap(readRows).filter((r) => !values.device || r.device === values.device)
  console.log(markdown(join(rows)))
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main()
