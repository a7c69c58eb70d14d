// Long runs in chunks: progress, cancellation and recordings that arrive on the host.
import { expectInteger } from '../check.js'
import { EntrainError, ValueError } from '../errors.js'

/** Numbers on the host, as they were computed. */
export type Numbers = Float32Array | Float64Array

/** How a run is watched and stopped. */
export interface WatchOptions {
  /** How many steps, at least 1. */
  steps: number
  /** Record after every n-th step. Default: once, after the last. */
  record?: number
  /** Stops the run after the chunk under way. */
  signal?: AbortSignal | null
  /** Called after every chunk. */
  onProgress?: ((progress: SimulationProgress) => void) | null
  /** Steps between two looks at the signal. Default: all, or about a tenth of a second's where there is a signal or `onProgress`. */
  chunk?: number
}

/** Where a run is. */
export interface SimulationProgress {
  /** Steps done, and of how many. */
  readonly step: number
  readonly steps: number
  /** The order parameter of each row as it was last looked at, in this chunk. */
  readonly orderParameter: Numbers
}

/** A run was stopped by its signal (`ERR_ABORTED`). What was done until then is in `partial`. */
export class AbortError<Partial = unknown> extends EntrainError {
  /** The result up to the last finished chunk. */
  readonly partial: Partial

  constructor(message: string, partial: Partial, options?: ErrorOptions) {
    super('ERR_ABORTED', message, options)
    this.partial = partial
  }
}

/** A stretch of steps that is run at once. @internal */
export interface Chunk {
  /** Counted from the start of this run. */
  readonly begin: number
  readonly steps: number
  /** Steps between looks at the order parameter, counted from `begin`. */
  readonly recordEvery: number
  /** Whether they are records, not only news for `onProgress`. */
  readonly kept: boolean
}

/**
 * Cuts a run so that records fall where they would without cuts: chunks of whole records, or parts of
 * one where records are further apart than chunks. @internal
 */
export function* chunksOf(steps: number, record: number, chunk: number): Generator<Chunk> {
  for (let begin = 0; begin < steps; ) {
    const wanted = chunk >= record ? chunk - (chunk % record) : chunk
    const nextRecord = begin - (begin % record) + record
    const end = Math.min(begin + wanted, chunk >= record ? steps : nextRecord, steps)
    const kept = chunk >= record ? record <= end - begin : end === nextRecord
    const recordEvery = kept && chunk >= record ? record : end - begin
    yield { begin, steps: end - begin, recordEvery, kept }
    begin = end
  }
}

/** What a chunk recorded, by name: (rows, records, width) each. @internal */
export type Recorded = Readonly<Record<string, Numbers>>

/** Recordings that grow chunk by chunk. @internal */
export class Recording {
  readonly #parts = new Map<string, Numbers[]>()
  readonly #rows: number

  constructor(rows: number) {
    this.#rows = rows
  }

  add(recorded: Recorded): void {
    for (const [name, values] of Object.entries(recorded)) {
      const parts = this.#parts.get(name)
      if (parts) parts.push(values)
      else this.#parts.set(name, [values])
    }
  }

  /** All of one name: (rows, records, width). */
  all(name: string, like: Numbers): Numbers {
    const parts = this.#parts.get(name) ?? []
    const [first] = parts
    if (parts.length === 1 && first) return first
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const whole = like instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)
    let from = 0
    for (let row = 0; row < this.#rows; ++row) {
      for (const part of parts) {
        const width = part.length / this.#rows
        whole.set(part.subarray(row * width, (row + 1) * width), from)
        from += width
      }
    }
    return whole
  }
}

/** Oscillator-steps that take a processor some tenth of a second. */
const kChunkWork = 3e7

/** The checked options of a run. @internal */
export function expectWatch(
  name: string,
  options: WatchOptions,
  workPerStep: number,
): { steps: number; record: number; chunk: number } {
  const { steps, record = steps, signal = null, onProgress = null } = options
  expectInteger(name, 'steps', steps)
  expectInteger(name, 'record', record)
  if (signal !== null && typeof signal?.aborted !== 'boolean') {
    throw new ValueError(`${name}: signal must be an AbortSignal, got ${typeof signal}`)
  }
  if (onProgress !== null && typeof onProgress !== 'function') {
    throw new ValueError(`${name}: onProgress must be a function, got ${typeof onProgress}`)
  }
  const watched = signal !== null || onProgress !== null
  const quick = Math.max(1, Math.ceil(kChunkWork / workPerStep))
  const { chunk = watched ? quick : steps } = options
  expectInteger(name, 'chunk', chunk)
  return { steps, record, chunk: Math.min(chunk, steps) }
}

/**
 * Runs chunk after chunk. `advance` runs one and keeps its state only when that is done; `finish` makes
 * the result of what was done. @internal
 */
export async function runInChunks<Result>(
  name: string,
  options: WatchOptions,
  body: {
    readonly workPerStep: number
    advance(chunk: Chunk): Promise<Numbers>
    finish(steps: number): Promise<Result>
  },
): Promise<Result> {
  const { steps, record, chunk } = expectWatch(name, options, body.workPerStep)
  let done = 0
  for (const part of chunksOf(steps, record, chunk)) {
    if (options.signal?.aborted) {
      throw new AbortError(
        `${name}: signal must not be aborted, got an abort after ${done} of ${steps} steps`,
        await body.finish(done),
        { cause: options.signal.reason },
      )
    }
    const orderParameter = await body.advance(part)
    done += part.steps
    options.onProgress?.({ step: done, steps, orderParameter })
  }
  return await body.finish(done)
}

/** The last number of every row. @internal */
export function lastOfRows(values: Numbers, rows: number): Numbers {
  const width = values.length / rows
  return values.filter((_, i) => i % width === width - 1) as Numbers
}
