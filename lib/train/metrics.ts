// Metrics of a run as JSON lines: one object a line, appended, so that a run that ends early loses
// nothing and one that continues adds to its file.

import { type FileHandle, open } from 'node:fs/promises'
import { DataError } from '../errors.js'

/** One line; numbers that JSON cannot hold (NaN, infinities) are written as null. */
export type MetricsRecord = Readonly<Record<string, number | string | boolean | null>>

/** Appends records to a file. Writes are queued in order; `close` waits for them and for the disk. */
export class MetricsWriter {
  readonly path: string
  readonly #file: FileHandle
  #queue: Promise<void> = Promise.resolve()
  #failure: unknown = null
  #closed = false

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  /** Opens the file, creating it if need be. Throws DataError (ERR_DATA) where that fails. */
  static async open(path: string): Promise<MetricsWriter> {
    try {
      return new MetricsWriter(path, await open(path, 'a'))
    } catch (cause) {
      throw failure(path, cause)
    }
  }

  /** Appends one record. Throws DataError (ERR_DATA) after `close`, or where an earlier write failed. */
  write(record: MetricsRecord): void {
    if (this.#closed) throw failure(this.path, 'a closed writer')
    if (this.#failure !== null) throw failure(this.path, this.#failure)
    const line = `${JSON.stringify(record)}\n`
    this.#queue = this.#queue.then(() => this.#append(line))
  }

  async #append(line: string): Promise<void> {
    try {
      await this.#file.appendFile(line)
    } catch (error) {
      this.#failure ??= error
    }
  }

  /** Waits until all is on the disk and closes the file; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#queue
    try {
      if (this.#failure === null) await this.#file.sync()
    } catch (error) {
      // Pipes and devices cannot be forced to a disk: there is none.
      if (!(error instanceof Error && 'code' in error && error.code === 'EINVAL'))
        this.#failure = error
    } finally {
      await this.#file.close()
    }
    if (this.#failure !== null) throw failure(this.path, this.#failure)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function failure(path: string, cause: unknown): DataError {
  const got = cause instanceof Error ? cause.message : String(cause)
  return new DataError(`MetricsWriter: ${path}: file must be writable, got ${got}`, { cause })
}
