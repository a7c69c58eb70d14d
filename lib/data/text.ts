// Character-level text: a vocabulary of the distinct characters of a text, and seeded batches of
// windows with their targets (the same window one character on). A character is a code point.

import { readFile } from 'node:fs/promises'
import { DataError, ValueError } from '../errors.js'
import { RandomStream, randomIntegers } from './philox.js'

/**
 * Reads text files and joins them in order.
 *
 * @param paths one file or several, UTF-8
 * @throws DataError (ERR_DATA) naming the file that is missing, unreadable, empty or not valid UTF-8
 */
export async function readText(paths: string | readonly string[]): Promise<string> {
  const files = typeof paths === 'string' ? [paths] : paths
  if (files.length === 0)
    throw new DataError('readText: paths must name at least one file, got none')
  const texts = await Promise.all(files.map(readOneText))
  return texts.join('')
}

async function readOneText(path: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(`readText: ${path}: file must be readable, got ${got}`, { cause })
  }
  if (bytes.length === 0) throw new DataError(`readText: ${path}: file must hold text, got 0 bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new DataError(`readText: ${path}: file must be valid UTF-8, got other bytes`, { cause })
  }
}

/** The distinct characters of a text, sorted by code point; a token is a place in that order. */
export class CharacterVocabulary {
  readonly characters: readonly string[]
  readonly #tokens: ReadonlyMap<string, number>

  /**
   * @param characters distinct single code points, in the order of their tokens
   * @throws ValueError (ERR_VALUE) where one is longer or occurs twice
   */
  constructor(characters: readonly string[]) {
    this.characters = [...characters]
    this.#tokens = new Map(this.characters.map((character, token) => [character, token]))
    const wrong = this.characters.find((character) => [...character].length !== 1)
    if (wrong !== undefined) {
      throw new ValueError(
        `CharacterVocabulary: characters must be single, got ${JSON.stringify(wrong)}`,
      )
    }
    if (this.#tokens.size !== this.characters.length) {
      throw new ValueError('CharacterVocabulary: characters must be distinct, got one twice')
    }
  }

  /** The vocabulary of a text. Throws DataError (ERR_DATA) for an empty one. */
  static of(text: string): CharacterVocabulary {
    if (text.length === 0)
      throw new DataError('CharacterVocabulary: text must not be empty, got 0 characters')
    const points = [...new Set(text)].map((character) => character.codePointAt(0) ?? 0)
    return new CharacterVocabulary(
      points.sort((a, b) => a - b).map((point) => String.fromCodePoint(point)),
    )
  }

  get size(): number {
    return this.characters.length
  }

  /** Tokens of a text. Throws DataError (ERR_DATA) for a character that the vocabulary lacks. */
  encode(text: string): Int32Array {
    const tokens = new Int32Array(text.length)
    let length = 0
    for (const character of text) {
      const token = this.#tokens.get(character)
      if (token === undefined) {
        throw new DataError(
          `CharacterVocabulary: text must hold known characters, got ${JSON.stringify(character)}` +
            ` at ${length}`,
        )
      }
      tokens[length++] = token
    }
    return tokens.slice(0, length)
  }

  /** Text of tokens. Throws ValueError (ERR_VALUE) for a token outside [0, size). */
  decode(tokens: Iterable<number>): string {
    let text = ''
    for (const token of tokens) {
      const character = this.characters[token]
      if (character === undefined) {
        throw new ValueError(
          `CharacterVocabulary: token must be an integer from 0 to ${this.size - 1}, got ${token}`,
        )
      }
      text += character
    }
    return text
  }
}

/** Windows of tokens and what follows each token; both are (batch, time), row-major. */
export interface TokenBatch {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  readonly batch: number
  readonly time: number
}

function requireCounts(operation: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ValueError(
        `${operation}: ${name} must be an integer of at least 1, got ${String(value)}`,
      )
    }
  }
}

function requireLength(operation: string, tokens: Int32Array, time: number): void {
  if (tokens.length <= time) {
    throw new DataError(`${operation}: tokens must be more than time ${time}, got ${tokens.length}`)
  }
}

/** Windows of `time` tokens beginning at `starts`. */
function windowsAt(tokens: Int32Array, starts: readonly number[], time: number): TokenBatch {
  const inputs = new Int32Array(starts.length * time)
  const targets = new Int32Array(starts.length * time)
  for (const [row, start] of starts.entries()) {
    inputs.set(tokens.subarray(start, start + time), row * time)
    targets.set(tokens.subarray(start + 1, start + time + 1), row * time)
  }
  return { inputs, targets, batch: starts.length, time }
}

/**
 * The batch of one training step: windows at random places, a pure function of seed and step, so that a
 * run continued from a checkpoint sees the batches that it would have seen.
 *
 * @param tokens the split to draw from, more than `time` of them
 * @param batch windows, `time` tokens in each
 * @param seed integer of at least 0
 * @param step integer of at least 0
 * @throws ValueError (ERR_VALUE) for sizes, DataError (ERR_DATA) where the split is too short
 */
export function randomBatch({
  tokens,
  batch,
  time,
  seed,
  step,
}: {
  tokens: Int32Array
  batch: number
  time: number
  seed: number
  step: number
}): TokenBatch {
  requireCounts('randomBatch', { batch, time })
  requireLength('randomBatch', tokens, time)
  const limit = tokens.length - time
  const starts = randomIntegers({
    seed,
    count: batch,
    limit,
    block: step,
    stream: RandomStream.batches,
  })
  return windowsAt(tokens, starts, time)
}

/**
 * The whole split once: windows side by side, `batch` at a time. The last batch may hold fewer windows;
 * fewer than `time` tokens at the very end are left out.
 *
 * @param tokens the split, more than `time` of them
 * @throws ValueError (ERR_VALUE) for sizes, DataError (ERR_DATA) where the split is too short
 */
export function* sequentialBatches({
  tokens,
  batch,
  time,
}: {
  tokens: Int32Array
  batch: number
  time: number
}): Generator<TokenBatch> {
  requireCounts('sequentialBatches', { batch, time })
  requireLength('sequentialBatches', tokens, time)
  const windows = Math.floor((tokens.length - 1) / time)
  for (let first = 0; first < windows; first += batch) {
    const rows = Math.min(batch, windows - first)
    yield windowsAt(
      tokens,
      Array.from({ length: rows }, (_, row) => (first + row) * time),
      time,
    )
  }
}

/** A text as tokens: the first part to train, the rest to validate. */
export class TextDataset {
  readonly vocabulary: CharacterVocabulary
  readonly train: Int32Array
  readonly validation: Int32Array

  /**
   * @param text the whole text; its characters are the vocabulary
   * @param trainFraction share of the characters to train on, above 0 and below 1 (default 0.9)
   * @throws DataError (ERR_DATA) where a part would be empty, ValueError (ERR_VALUE) for the fraction
   */
  constructor({ text, trainFraction = 0.9 }: { text: string; trainFraction?: number }) {
    if (!(trainFraction > 0 && trainFraction < 1)) {
      throw new ValueError(
        `TextDataset: trainFraction must be above 0 and below 1, got ${String(trainFraction)}`,
      )
    }
    this.vocabulary = CharacterVocabulary.of(text)
    const tokens = this.vocabulary.encode(text)
    const boundary = Math.floor(tokens.length * trainFraction)
    if (boundary === 0 || boundary === tokens.length) {
      throw new DataError(`TextDataset: text must fill both parts, got ${tokens.length} characters`)
    }
    this.train = tokens.slice(0, boundary)
    this.validation = tokens.slice(boundary)
  }

  /**
   * The data set of text files, joined in order.
   *
   * @param paths one file or several, UTF-8
   * @param trainFraction as for the constructor
   * @throws DataError (ERR_DATA) naming the file that is missing, empty or not UTF-8
   */
  static async read(
    paths: string | readonly string[],
    { trainFraction = 0.9 }: { trainFraction?: number } = {},
  ): Promise<TextDataset> {
    return new TextDataset({ text: await readText(paths), trainFraction })
  }
}
