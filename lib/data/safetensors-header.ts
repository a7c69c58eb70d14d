// The header of a safetensors file: element types, shapes and byte ranges of its tensors, and every check
// that can be made before a byte of their data is read.
// Source: https://huggingface.co/docs/safetensors (format).

import type { Dtype } from '../dtype.js'
import { repeatedKey } from './json-keys.js'

export const kMetadataKey = '__metadata__'

export const kElementBytes = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  U8: 1,
  I8: 1,
  BOOL: 1,
} as const

/** Element types of the format that are read and written. */
export type SafetensorsDtype = keyof typeof kElementBytes

/** What a tensor's dtype is called in a file. @internal */
export const fileDtypes: Readonly<Record<Dtype, SafetensorsDtype>> = {
  float64: 'F64',
  float32: 'F32',
  bfloat16: 'BF16',
  float16: 'F16',
  int32: 'I32',
  uint8: 'U8',
}

/** One tensor: its element type, its shape (outermost first) and its little-endian bytes. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

interface HeaderEntry {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export const isDtype = (value: unknown): value is SafetensorsDtype =>
  typeof value === 'string' && Object.hasOwn(kElementBytes, value)

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

/** Bytes of a tensor, or null where the product of its sizes overflows. */
export function byteSize(shape: readonly number[], dtype: SafetensorsDtype): number | null {
  if (shape.includes(0)) return 0
  const bytes = shape.reduce((product, size) => product * size, kElementBytes[dtype])
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** Throws the error that names the file and the fault. */
export type Fail = (fault: string, cause?: unknown) => never

export const reason = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Parses and checks a header over `dataBytes` bytes of data. */
export function parseHeader(
  text: string,
  dataBytes: number,
  fail: Fail,
): { metadata: Record<string, string>; entries: HeaderEntry[] } {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch (error) {
    return fail(`header must be JSON, got ${reason(error)}`, error)
  }
  if (!text.startsWith('{') || !isObject(header))
    return fail('header must be a JSON object that starts at its first byte')
  const repeated = repeatedKey(text)
  if (repeated !== null) fail(`names must be distinct, got ${JSON.stringify(repeated)} twice`)
  const metadata = parseMetadata(header[kMetadataKey], fail)
  const entries = Object.entries(header)
    .filter(([name]) => name !== kMetadataKey)
    .map(([name, value]) => parseEntry(name, value, fail))
  checkRanges(entries, dataBytes, fail)
  return { metadata, entries }
}

function parseMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined || value === null) return {}
  if (!isObject(value))
    return fail(`${kMetadataKey} must be an object, got ${JSON.stringify(value)}`)
  const metadata: Record<string, string> = {}
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      return fail(
        `${kMetadataKey} ${JSON.stringify(key)} must be a string, got ${JSON.stringify(text)}`,
      )
    }
    Object.defineProperty(metadata, key, {
      value: text,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return metadata
}

function parseEntry(name: string, value: unknown, fail: Fail): HeaderEntry {
  const title = `tensor ${JSON.stringify(name)}`
  if (!isObject(value)) return fail(`${title} must be an object, got ${JSON.stringify(value)}`)
  const { dtype, shape, data_offsets: offsets, ...others } = value
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined)
    fail(`${title} must have dtype, shape and data_offsets only, got ${JSON.stringify(unknown)}`)
  if (!isDtype(dtype)) {
    return fail(
      `dtype of ${title} must be one of ${Object.keys(kElementBytes).join(', ')}, got ${JSON.stringify(dtype)}`,
    )
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    return fail(`shape of ${title} must be an array of sizes, got ${JSON.stringify(shape)}`)
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(`data_offsets of ${title} must be two byte offsets, got ${JSON.stringify(offsets)}`)
  }
  const [begin = 0, end = 0] = offsets
  const expected = byteSize(shape, dtype)
  if (expected === null)
    return fail(`shape of ${title} must have a safe product, got ${JSON.stringify(shape)}`)
  if (end - begin !== expected) {
    return fail(
      `data_offsets of ${title} must span ${expected} bytes for ${dtype} ${JSON.stringify(shape)}, ` +
        `got ${JSON.stringify(offsets)}`,
    )
  }
  return { name, dtype, shape, begin, end }
}

/** The ranges, in order, must tile [0, dataBytes): no overlap, no gap, nothing beyond the file. */
function checkRanges(entries: readonly HeaderEntry[], dataBytes: number, fail: Fail): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)
  let expected = 0
  for (const { name, begin, end } of ordered) {
    const title = `data_offsets of tensor ${JSON.stringify(name)}`
    if (begin !== expected) {
      fail(`${title} must begin at ${expected} (no gap, no overlap), got [${begin}, ${end}]`)
    }
    if (end > dataBytes)
      fail(`${title} must lie within the file's ${dataBytes} data bytes, got [${begin}, ${end}]`)
    expected = end
  }
  if (expected !== dataBytes)
    fail(`data must be ${expected} bytes as the header says, got ${dataBytes}`)
}
