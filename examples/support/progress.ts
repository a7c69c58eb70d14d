// Progress of a training run: a bar where there is a terminal, a plain line every few seconds elsewhere.

import { Presets, SingleBar } from 'cli-progress'

const kPlainIntervalMs = 5000

/** What one update shows. */
export interface ProgressValues {
  /** Steps done so far. */
  readonly step: number
  /** What is watched: a training loss in nats, say. */
  readonly value: number
  readonly perSecond: number
}

export interface ProgressOptions {
  /** Steps of the whole run. */
  readonly total: number
  /** What `value` is. Default: loss. */
  readonly name?: string
  /** What is counted `perSecond`. Default: tokens. */
  readonly unit?: string
  /** Default: the standard error stream, so that results on the standard output stay clean. */
  readonly stream?: NodeJS.WriteStream
  /** Milliseconds of a steady clock. Default: `performance.now`. */
  readonly now?: () => number
}

/** 41234 as `41.2k`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const units: readonly [number, string][] = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]
  for (const [size, unit] of units) {
    if (Math.abs(value) >= size) return `${(value / size).toFixed(1)}${unit}`
  }
  return value.toFixed(0)
}

/** 72 as `1m 12s`; 3700 as `1h 01m`. */
export function shortDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '-'
  const whole = Math.round(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
  if (whole >= 60) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  return `${whole}s`
}

/** Shows a run's progress; end it with `stop`, also when the run fails, so that the cursor comes back. */
export class Progress {
  readonly #total: number
  readonly #name: string
  readonly #unit: string
  readonly #stream: NodeJS.WriteStream
  readonly #now: () => number
  readonly #bar: SingleBar | null
  readonly #started: number
  #lastLine = Number.NEGATIVE_INFINITY

  constructor({
    total,
    name = 'loss',
    unit = 'tokens',
    stream = process.stderr,
    now = () => performance.now(),
  }: ProgressOptions) {
    this.#total = total
    this.#name = name
    this.#unit = unit
    this.#stream = stream
    this.#now = now
    this.#started = now()
    this.#bar = stream.isTTY ? startBar({ total, name, unit, stream }) : null
  }

  /** Shows the state after `step` steps. */
  update({ step, value, perSecond }: ProgressValues): void {
    const elapsed = (this.#now() - this.#started) / 1000
    const left = step > 0 ? shortDuration((elapsed / step) * (this.#total - step)) : '-'
    const shown = { watched: value.toFixed(3), rate: shortNumber(perSecond), left }
    if (this.#bar) {
      this.#bar.update(step, shown)
      return
    }
    const due = this.#now() - this.#lastLine >= kPlainIntervalMs
    if (!due && step < this.#total) return
    this.#lastLine = this.#now()
    this.#stream.write(
      `step ${step}/${this.#total}  ${this.#name} ${shown.watched}  ${shown.rate} ${this.#unit}/s  ${left} left\n`,
    )
  }

  /** Prints a line above the bar, or just a line. */
  note(text: string): void {
    if (!this.#bar) {
      this.#stream.write(`${text}\n`)
      return
    }
    // Back to the start of the bar's line, and clear it; the bar draws itself again below.
    this.#stream.write(`\r\x1b[K${text}\n`)
    this.#bar.updateETA()
    this.#bar.render()
  }

  stop(): void {
    this.#bar?.stop()
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}

function startBar({
  total,
  name,
  unit,
  stream,
}: Required<Omit<ProgressOptions, 'now'>>): SingleBar {
  const bar = new SingleBar(
    {
      stream,
      format: `{bar} {value}/{total}  ${name} {watched}  {rate} ${unit}/s  {left} left`,
      hideCursor: true,
      barsize: 30,
      fps: 10,
      linewrap: null,
      stopOnComplete: false,
    },
    Presets.shades_classic,
  )
  bar.start(total, 0, { watched: '-', rate: '-', left: '-' })
  return bar
}
