// What a refused call must look like: the class, the code and the text of its error, and that it changed
// nothing.
import assert from 'node:assert/strict'
import type { Tensor } from '../../lib/index.js'
import * as lib from '../../lib/index.js'

const classes: Readonly<Record<string, new (...values: never[]) => Error>> = {
  ERR_SHAPE: lib.ShapeError,
  ERR_DTYPE: lib.DtypeError,
  ERR_VALUE: lib.ValueError,
  ERR_DEVICE: lib.DeviceError,
  ERR_DISPOSED: lib.DisposedError,
  ERR_OUT_OF_MEMORY: lib.OutOfMemoryError,
  ERR_CHECKPOINT: lib.CheckpointError,
  ERR_DATA: lib.DataError,
  ERR_NATIVE: lib.NativeError,
}

/** What is expected of one error. */
export interface Expected {
  /** What was wrong, for the test's own message. */
  readonly title: string
  /** Any of these. */
  readonly codes: readonly string[]
  /** The message begins so, whatever the case of the letters. */
  readonly prefix: string
  /** Words of which the message has at least one. */
  readonly words: readonly string[]
}

/** Asserts class, code and message of an error. */
export function assertRefusal(error: unknown, { title, codes, prefix, words }: Expected): void {
  assert.ok(error instanceof lib.EntrainError, `${title}: not an error of entrain: ${error}`)
  const { code, message, name } = error
  assert.ok(codes.includes(code), `${title}: ${codes} expected, got ${code} (${message})`)
  const errorClass = classes[code]
  assert.ok(errorClass && error instanceof errorClass, `${title}: ${name} is not of ${code}`)
  assert.equal(name, errorClass.name, title)
  assert.ok(
    message.toLowerCase().startsWith(prefix.toLowerCase()),
    `${title}: message must begin with ${prefix}: ${message}`,
  )
  assert.ok(
    words.some((word) => new RegExp(`(^|\\W)${word}(\\W|$)`).test(message)),
    `${title}: message must name ${words.join(' or ')}: ${message}`,
  )
}

/** Asserts that `call` throws as expected, and that no memory is in use that was not before. */
export function assertRefused(device: lib.Device, call: () => unknown, expected: Expected): void {
  const before = device.memory().live
  let result: unknown
  try {
    result = call()
  } catch (error) {
    assertRefusal(error, expected)
    assert.equal(device.memory().live, before, `${expected.title}: memory stays in use`)
    return
  }
  assert.fail(`${expected.title}: must throw, gave ${result}`)
}

/** The bytes of tensors, to be compared later. */
export async function bytesOf(tensors: Iterable<Tensor>): Promise<string> {
  const all = await Promise.all([...tensors].map(async (tensor) => await tensor.bytes()))
  return all.map((bytes) => Buffer.from(bytes).toString('hex')).join(' ')
}
