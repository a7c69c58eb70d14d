// Row files: what was measured, on what machine, at which commit.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { dirname } from 'node:path'
import { machine } from '../lib/index.js'
import { keyOf, projectRoot } from './contract.js'
import type { Row } from './harness.js'

/** A row file without its rows. */
export interface ResultsHead {
  readonly schema: 1
  readonly created: string
  readonly machine: Readonly<Record<string, unknown>>
  readonly quick: boolean
}

function commit(): string {
  try {
    const git = (...names: string[]): string =>
      execFileSync('git', names, { cwd: projectRoot, encoding: 'utf8', stdio: 'pipe' }).trim()
    const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return process.env.ENTRAIN_COMMIT ?? 'unknown'
  }
}

function vectorFlags(): string {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return line
      .split(' ')
      .filter((flag) => /^(avx|fma|amx)/.test(flag))
      .join(' ')
  } catch {
    return ''
  }
}

/** What the numbers are measured on. */
export function describeMachine(device: string): Readonly<Record<string, unknown>> {
  const { threads, instructionSet, gpus } = machine()
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    flags: vectorFlags(),
    node: process.version,
    commit: commit(),
    device,
    threads,
    instructionSet,
    gpus: gpus.map(({ name }) => name),
    load_at_start: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

const rowKey = (row: Row): string => `${keyOf(row)} ${row.peer} ${row.device}`

interface Document extends ResultsHead {
  readonly rows: readonly Row[]
}

/** Whether rows of both files may stand side by side: the same processor, GPUs and kind of run. */
function sameMachine(a: ResultsHead, b: ResultsHead): boolean {
  const identity = ({ machine: { entrain }, quick }: ResultsHead): string => {
    const { cpu, gpus } = (entrain ?? {}) as Record<string, unknown>
    return JSON.stringify([cpu, gpus, quick])
  }
  return identity(a) === identity(b)
}

/**
 * Writes rows, keeping those of the same machine that the file held for other workloads; a file of
 * another machine, or of a dry run, is replaced.
 */
export function saveRows(path: string, head: ResultsHead, rows: readonly Row[]): void {
  let kept: readonly Row[] = []
  if (existsSync(path)) {
    const old = JSON.parse(readFileSync(path, 'utf8')) as Document
    const fresh = new Set(rows.map(rowKey))
    if (sameMachine(old, head)) kept = old.rows.filter((row) => !fresh.has(rowKey(row)))
  }
  const lines = [...kept, ...rows].map((row) => `    ${JSON.stringify(row)}`).join(',\n')
  const text = `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "rows": [\n${lines}\n  ]\n}\n`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.part`, text)
  renameSync(`${path}.part`, path)
}
