// Reader and writer of safetensors files: eight bytes of header length (little-endian), a JSON header
// of names, element types, shapes and byte ranges, then the tensors' bytes without gaps.
// Source: https://huggingface.co/docs/safetensors (format).

import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CheckpointError, ValueError } from '../errors.js'
import {
  byteSize,
  type Fail,
  isDtype,
  isObject,
  isSize,
  kElementBytes,
  kMetadataKey,
  parseHeader,
  reason,
  type SafetensorsDtype,
  type SafetensorsEntry,
} from './safetensors-header.js'

export type { SafetensorsDtype, SafetensorsEntry } from './safetensors-header.js'

const kLengthBytes = 8
/** The format's own limit on the header, in bytes. */
const kMaximumHeaderBytes = 100_000_000
/** One read or write moves at most this many bytes; the system's calls stop at 2 GiB. */
const kChunkBytes = 1 << 30

/** Arrays through which elements are seen; bfloat16 and float16 appear as their 16 bits. */
export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | Int32Array
  | Uint16Array
  | Int8Array
  | Uint8Array

/** A whole file: strings of `__metadata__`, and tensors by name. */
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>
}

/**
 * The elements of an entry as a typed array over the entry's own bytes (a copy only where they are
 * not aligned). BF16 and F16 give a Uint16Array of bit patterns, BOOL a Uint8Array of 0 and 1.
 */
export function safetensorsArray(entry: SafetensorsEntry): SafetensorsArray {
  const size = kElementBytes[entry.dtype]
  const aligned = entry.bytes.byteOffset % size === 0 ? entry.bytes : entry.bytes.slice()
  const { buffer, byteOffset, byteLength } = aligned
  const length = byteLength / size
  switch (entry.dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, length)
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length)
    case 'F32':
      return new Float32Array(buffer, byteOffset, length)
    case 'I32':
      return new Int32Array(buffer, byteOffset, length)
    case 'BF16':
    case 'F16':
      return new Uint16Array(buffer, byteOffset, length)
    case 'I8':
      return new Int8Array(buffer, byteOffset, length)
    case 'U8':
    case 'BOOL':
      return aligned
  }
}

/**
 * An entry over the bytes of a typed array; nothing is copied.
 * Throws ValueError where the array does not hold exactly the elements of `shape`.
 */
export function safetensorsEntry(options: {
  dtype: SafetensorsDtype
  shape: readonly number[]
  data: ArrayBufferView
}): SafetensorsEntry {
  const { dtype, shape, data } = options
  const entry = {
    dtype,
    shape: [...shape],
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }
  requireEntry('safetensorsEntry', 'data', entry)
  return entry
}

function requireEntry(operation: string, name: string, entry: SafetensorsEntry): void {
  if (!isDtype(entry.dtype)) {
    const known = Object.keys(kElementBytes).join(', ')
    throw new ValueError(
      `${operation}: dtype of ${name} must be one of ${known}, got ${String(entry.dtype)}`,
    )
  }
  const expected = entry.shape.every(isSize) ? byteSize(entry.shape, entry.dtype) : null
  if (expected === null) {
    throw new ValueError(
      `${operation}: shape of ${name} must be sizes whose product is a safe integer, got [${entry.shape.join(', ')}]`,
    )
  }
  if (entry.bytes.byteLength !== expected) {
    throw new ValueError(
      `${operation}: ${name} must be ${expected} bytes for ${entry.dtype} ` +
        `[${entry.shape.join(', ')}], got ${entry.bytes.byteLength}`,
    )
  }
}

// ---- reading ----

/**
 * Reads a safetensors file.
 *
 * Checked before any tensor is read: the header's length against the file and the limit of 100 MB, the
 * header's JSON, repeated names, element types, shapes, and that the byte ranges fit their shapes and
 * cover the data without gap or overlap.
 *
 * @param path the file
 * @returns metadata and tensors; each tensor owns its bytes
 * @throws CheckpointError (ERR_CHECKPOINT) naming the file and the fault
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const fail: Fail = (fault, cause) => {
    throw new CheckpointError(
      `readSafetensors: ${path}: ${fault}`,
      cause === undefined ? {} : { cause },
    )
  }
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    return fail(`file must be readable, got ${reason(error)}`, error)
  }
  try {
    const stat = await file.stat()
    if (!stat.isFile()) fail('path must be a regular file, got something else')
    const { text, dataOffset } = await readHeader(file, stat.size, fail)
    const { metadata, entries } = parseHeader(text, stat.size - dataOffset, fail)
    const tensors = new Map<string, SafetensorsEntry>()
    for (const { name, dtype, shape, begin, end } of entries) {
      const bytes = await readBytes({
        file,
        position: dataOffset + begin,
        length: end - begin,
        fail,
      })
      tensors.set(name, { dtype, shape, bytes })
    }
    return { metadata, tensors }
  } catch (error) {
    if (error instanceof CheckpointError) throw error
    return fail(`file must be readable, got ${reason(error)}`, error)
  } finally {
    await file.close()
  }
}

async function readBytes(options: {
  file: FileHandle
  position: number
  length: number
  fail: Fail
}): Promise<Uint8Array> {
  const { file, position, length, fail } = options
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const wanted = Math.min(kChunkBytes, length - done)
    const { bytesRead } = await file.read(bytes, done, wanted, position + done)
    if (bytesRead === 0) fail(`file must hold ${position + length} bytes, got ${position + done}`)
    done += bytesRead
  }
  return bytes
}

async function readHeader(
  file: FileHandle,
  fileBytes: number,
  fail: Fail,
): Promise<{ text: string; dataOffset: number }> {
  if (fileBytes < kLengthBytes)
    fail(`file must be at least ${kLengthBytes} bytes, got ${fileBytes}`)
  const prefix = await readBytes({ file, position: 0, length: kLengthBytes, fail })
  const length = new DataView(prefix.buffer).getBigUint64(0, true)
  if (length > BigInt(kMaximumHeaderBytes)) {
    fail(`header length must be at most ${kMaximumHeaderBytes} bytes, got ${length}`)
  }
  const dataOffset = kLengthBytes + Number(length)
  if (dataOffset > fileBytes) {
    fail(
      `header length must be at most ${fileBytes - kLengthBytes} bytes (the rest of the file), got ${length}`,
    )
  }
  const header = await readBytes({ file, position: kLengthBytes, length: Number(length), fail })
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header),
      dataOffset,
    }
  } catch (error) {
    return fail('header must be UTF-8, got other bytes', error)
  }
}

// ---- writing ----

let temporaryFiles = 0

/**
 * Writes a safetensors file: into a temporary file of the same folder, forced to the disk, then renamed
 * over `path`. Where anything fails an existing file stays as it was and the temporary one is removed.
 * Equal contents give equal bytes: tensors are ordered by element size (widest first), then by name.
 *
 * @param path the file to create or replace
 * @param contents tensors by name, and strings for `__metadata__`
 * @throws ValueError (ERR_VALUE) for an entry whose bytes do not fit its shape; CheckpointError
 *   (ERR_CHECKPOINT) where the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  contents: {
    tensors: ReadonlyMap<string, SafetensorsEntry>
    metadata?: Readonly<Record<string, string>>
  },
): Promise<void> {
  const { header, ordered } = layOut(contents.tensors, contents.metadata ?? {})
  temporaryFiles += 1
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${temporaryFiles}.part`)
  let file: FileHandle | null = null
  try {
    file = await open(temporary, 'wx')
    await writeBytes(file, header)
    for (const entry of ordered) await writeBytes(file, entry.bytes)
    await file.sync()
    await file.close()
    file = null
    await rename(temporary, path)
  } catch (error) {
    const created = !(isObject(error) && error.code === 'EEXIST')
    await file?.close().catch(() => undefined)
    if (created) await rm(temporary, { force: true }).catch(() => undefined)
    throw new CheckpointError(
      `writeSafetensors: ${path}: file must be writable, got ${reason(error)}`,
      { cause: error },
    )
  }
  await syncFolder(dirname(path))
}

function layOut(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>>,
): { header: Uint8Array; ordered: SafetensorsEntry[] } {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== 'string') {
      throw new ValueError(
        `writeSafetensors: metadata ${JSON.stringify(key)} must be a string, got ${String(text)}`,
      )
    }
  }
  const names = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      kElementBytes[b.dtype] - kElementBytes[a.dtype] || (nameA < nameB ? -1 : 1),
  )
  const fields: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) fields.push([kMetadataKey, metadata])
  let begin = 0
  for (const [name, entry] of names) {
    if (name === kMetadataKey) {
      throw new ValueError(
        `writeSafetensors: name of a tensor must be other than ${kMetadataKey}, got it`,
      )
    }
    requireEntry('writeSafetensors', `tensor ${JSON.stringify(name)}`, entry)
    const end = begin + entry.bytes.byteLength
    fields.push([name, { dtype: entry.dtype, shape: entry.shape, data_offsets: [begin, end] }])
    begin = end
  }
  return { header: encodeHeader(fields), ordered: names.map(([, entry]) => entry) }
}

/** The header with its length, padded by spaces so that the data begins at a multiple of 8 bytes. */
function encodeHeader(fields: readonly [string, unknown][]): Uint8Array {
  // Joined by hand: an object would reorder names that look like integers.
  const text = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
  const json = new TextEncoder().encode(text)
  const length = Math.ceil(json.length / 8) * 8
  if (length > kMaximumHeaderBytes) {
    throw new ValueError(
      `writeSafetensors: header must be at most ${kMaximumHeaderBytes} bytes, got ${length}`,
    )
  }
  const header = new Uint8Array(kLengthBytes + length).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true)
  header.set(json, kLengthBytes)
  return header
}

async function writeBytes(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(
      bytes,
      done,
      Math.min(kChunkBytes, bytes.length - done),
    )
    done += bytesWritten
  }
}

/** Makes the rename itself durable; some file systems cannot open a folder, and then it is left out. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch {
    // The file is complete either way.
  }
}
