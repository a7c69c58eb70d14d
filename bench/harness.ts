// Timing, checking and recording under the rules of peers/README.md: inputs are on the device, results
// stay there, allocation belongs to the call; warm-up, at least 20 repeats or a time cap, median.
import { loadavg } from 'node:os'
import type { Entry, Params } from './contract.js'

const kRepeats = 25
const kLeastRepeats = 3
const kMostRepeats = 200
/** A quick call is repeated until so much time was measured, in milliseconds. */
const kLeastTotalMs = 200
/** Calls shorter than this are timed several at a time, in milliseconds. */
const kShortCallMs = 1
const kMostCallsTogether = 50

export type Outputs = Readonly<Record<string, ArrayLike<number>>>

/** One workload, ready to be called. */
export interface Trial {
  /** One whole call for each set of inputs; each queues its work and disposes what it made. */
  readonly calls: readonly (() => void)[]
  /** Waits for all queued work. */
  readonly synchronize: () => Promise<void>
  /** Outputs of the first set of inputs, and what they should be; absent where nothing is compared. */
  readonly check?: () => Promise<{ outputs: Outputs; reference: Outputs }>
  readonly note: string
  /** What counts is how long a caller waits for one call: none is queued behind another. */
  readonly isLatency?: boolean
  /** More fields of the row, given the median in milliseconds. */
  readonly extra?: (ms: number) => Readonly<Record<string, number>>
  readonly dispose: () => void
}

/** A row of the peers' schema. */
export interface Row {
  readonly workload: string
  readonly params: Params
  readonly peer: string
  ms: number | null
  rel_err: number | null
  note: string
  readonly device: 'gpu' | 'cpu'
  readonly tolerance: number
  max_err?: number | null
  ms_min?: number
  spread?: number
  repeats?: number
  clock?: string
  load?: number
  build_s?: number
  error?: string
  [extra: string]: unknown
}

interface Timing {
  readonly ms: number
  readonly ms_min: number
  readonly spread: number
  readonly repeats: number
  readonly clock: string
}

/** Worst norm-wise relative error over the named arrays, and the worst elementwise one. */
export function errors(
  outputs: Outputs,
  reference: Outputs,
): { relative: number; largest: number } {
  let relative = 0
  let largest = 0
  for (const [name, expected] of Object.entries(reference)) {
    const got = outputs[name]
    if (!got) throw new Error(`bench: ${name} must be among the outputs, got none`)
    if (got.length !== expected.length) {
      throw new Error(`bench: ${name} must be ${expected.length} values, got ${got.length}`)
    }
    let difference = 0
    let scale = 0
    for (let i = 0; i < expected.length; ++i) {
      const wanted = expected[i] ?? 0
      const distance = (got[i] ?? Number.NaN) - wanted
      difference += distance * distance
      scale += wanted * wanted
      largest = Math.max(largest, Math.abs(distance))
    }
    const error = Math.sqrt(difference) / Math.max(Math.sqrt(scale), 1e-300)
    if (Number.isNaN(error)) return { relative: Number.NaN, largest: Number.NaN }
    relative = Math.max(relative, error)
  }
  return { relative, largest }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** Median, fastest and spread = (90th − 10th percentile) / median of samples in milliseconds. */
export function summary(samples: readonly number[], clock: string): Timing {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
  return {
    ms: median,
    ms_min: sorted[0] ?? Number.NaN,
    spread: (quantile(sorted, 0.9) - quantile(sorted, 0.1)) / median,
    repeats: sorted.length,
    clock,
  }
}

/** Times one call after warm-up; one that outlasts the cap is measured once. */
export async function measure(
  trial: Pick<Trial, 'calls' | 'synchronize' | 'isLatency'>,
  { capMs, repeats = kRepeats }: { capMs: number; repeats?: number },
): Promise<Timing> {
  let place = 0
  const timed = async (count: number): Promise<number> => {
    const begun = performance.now()
    for (let i = 0; i < count; ++i) trial.calls[place++ % trial.calls.length]?.()
    await trial.synchronize()
    return (performance.now() - begun) / count
  }
  await trial.synchronize()
  const first = await timed(1)
  if (first > capMs) return summary([first], 'host, one call')
  for (let i = 0; i < Math.min(5, Math.max(1, 1000 / first)); ++i) await timed(1)
  const warm = await timed(1)
  const together =
    trial.isLatency || warm > kShortCallMs
      ? 1
      : Math.min(kMostCallsTogether, Math.ceil(kShortCallMs / warm))
  const begun = performance.now()
  const samples: number[] = []
  let total = 0
  while (samples.length < repeats || (total < kLeastTotalMs && samples.length < kMostRepeats)) {
    const sample = await timed(together)
    samples.push(sample)
    total += sample
    if (performance.now() - begun > capMs && samples.length >= kLeastRepeats) break
  }
  return summary(samples, 'host')
}

const rounded = (value: number): number | null =>
  Number.isFinite(value) ? Number(value.toPrecision(6)) : null

/** Builds, checks and times one entry; a failure becomes the row's `error`. */
export async function runEntry(options: {
  entry: Entry
  device: 'gpu' | 'cpu'
  build: (entry: Entry) => Promise<Trial>
  quick: boolean
}): Promise<Row> {
  const { entry, device, build, quick } = options
  const { workload, params, tolerance } = entry
  const row: Row = {
    workload,
    params,
    peer: 'entrain',
    ms: null,
    rel_err: null,
    note: '',
    device,
    tolerance,
  }
  const begun = performance.now()
  let trial: Trial | null = null
  try {
    trial = await build(entry)
    row.note = trial.note
    if (trial.check) {
      const { outputs, reference } = await trial.check()
      const { relative, largest } = errors(outputs, reference)
      row.rel_err = rounded(relative)
      row.max_err = rounded(largest)
      if (Number.isNaN(relative)) row.error = 'result is NaN'
    }
    const timing = await measure(trial, { capMs: quick ? 500 : 6000, ...(quick && { repeats: 3 }) })
    for (const [name, value] of Object.entries({ ...timing, ...trial.extra?.(timing.ms) })) {
      row[name] = typeof value === 'number' ? rounded(value) : value
    }
  } catch (error) {
    row.error = (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
      0,
      300,
    )
  } finally {
    trial?.dispose()
  }
  row.load = Number((loadavg()[0] ?? 0).toFixed(2))
  row.build_s = Number(((performance.now() - begun) / 1000).toFixed(1))
  return row
}
