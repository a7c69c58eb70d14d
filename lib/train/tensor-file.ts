// Named tensors and JSON in one safetensors file: what every checkpoint is made of.
import {
  readSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  writeSafetensors,
} from '../data/safetensors.js'
import { fileDtypes } from '../data/safetensors-header.js'
import { CheckpointError } from '../errors.js'
import type { Tensor } from '../tensor.js'

/**
 * Writes tensors as they are now and `json`, each of its values under its name, in a format that a
 * reader asks for. All reads of the tensors are queued before the first is awaited, so that work on
 * them may go on while the file is written. @internal
 */
export async function writeTensorFile(
  path: string,
  {
    format,
    tensors,
    json,
  }: {
    format: string
    tensors: Iterable<readonly [string, Tensor]>
    json: Readonly<Record<string, unknown>>
  },
): Promise<void> {
  const read = async ([name, tensor]: readonly [string, Tensor]): Promise<
    [string, SafetensorsEntry]
  > => [
    name,
    { dtype: fileDtypes[tensor.dtype], shape: [...tensor.shape], bytes: await tensor.bytes() },
  ]
  const reads = Promise.all([...tensors].map(read))
  const described = Object.entries(json).map(([name, value]) => [name, JSON.stringify(value)])
  const metadata = { format, ...Object.fromEntries(described) } as Record<string, string>
  await writeSafetensors(path, { tensors: new Map(await reads), metadata })
}

/** A file that was read. Errors are CheckpointErrors that begin with the reader's name. @internal */
export class TensorFile {
  readonly #operation: string
  readonly #path: string
  readonly #tensors: ReadonlyMap<string, SafetensorsEntry>
  readonly #metadata: Readonly<Record<string, string>>

  private constructor(operation: string, path: string, { tensors, metadata }: SafetensorsFile) {
    this.#operation = operation
    this.#path = path
    this.#tensors = tensors
    this.#metadata = metadata
  }

  /** Reads a file of a format. */
  static async read(
    path: string,
    { operation, format }: { operation: string; format: string },
  ): Promise<TensorFile> {
    const file = new TensorFile(operation, path, await readSafetensors(path))
    const got = file.#metadata.format
    if (got !== format) file.fail(`format must be ${format}, got ${got ?? 'none'}`)
    return file
  }

  fail(fault: string, cause?: unknown): never {
    throw new CheckpointError(`${this.#operation}: ${this.#path}: ${fault}`, { cause })
  }

  /** A value of the JSON; null where there is none. */
  json(name: string): unknown {
    const text = this.text(name)
    try {
      return JSON.parse(text ?? 'null')
    } catch (error) {
      return this.fail(`metadata ${name} must be JSON, got ${text}`, error)
    }
  }

  /** A value of the JSON that must be an object. */
  object(name: string): object {
    const described = this.json(name)
    if (typeof described === 'object' && described !== null) return described
    return this.fail(`metadata ${name} must be an object, got ${this.text(name) ?? 'none'}`)
  }

  /** As it is written. */
  text(name: string): string | undefined {
    return this.#metadata[name]
  }

  /** A count that was saved. */
  count(name: string, value: unknown): number {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
    return this.fail(`${name} must be an integer of at least 0, got ${String(value)}`)
  }

  /** Fails unless there is a tensor of this name with the dtype and shape of another. */
  check(name: string, { dtype, shape }: Tensor): SafetensorsEntry {
    const entry = this.#tensors.get(name) ?? this.fail(`tensor ${name} must be there, got none`)
    const same = entry.dtype === fileDtypes[dtype] && entry.shape.join() === shape.join()
    if (same) return entry
    const got = `${entry.dtype} [${entry.shape}]`
    return this.fail(`tensor ${name} must be ${fileDtypes[dtype]} [${shape}], got ${got}`)
  }

  /** Overwrites a tensor with the one of this name. */
  fill(name: string, tensor: Tensor): void {
    const { bytes } = this.check(name, tensor)
    if (bytes.length > 0) tensor.setBytes(bytes)
  }

  /** The tensors whose names begin so, by the rest of their names. */
  entries(prefix: string): Map<string, SafetensorsEntry> {
    const chosen = [...this.#tensors].filter(([name]) => name.startsWith(prefix))
    return new Map(chosen.map(([name, entry]) => [name.slice(prefix.length), entry]))
  }
}
