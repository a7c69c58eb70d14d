import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CharacterVocabulary,
  randomBatch,
  readText,
  sequentialBatches,
  TextDataset,
} from '../lib/data/text.js'
import { DataError, ValueError } from '../lib/errors.js'
import { temporaryFolder } from './support/project.js'

const counted = Int32Array.from({ length: 100 }, (_, i) => i)

test('the vocabulary is the sorted code points, and decoding undoes encoding', () => {
  const text = 'naïve 🐋 whale\n𝄞 z'
  const vocabulary = CharacterVocabulary.of(text)
  const points = vocabulary.characters.map((character) => character.codePointAt(0) ?? 0)
  assert.deepEqual(
    points,
    [...points].sort((a, b) => a - b),
  )
  assert.equal(vocabulary.size, new Set(text).size)
  const tokens = vocabulary.encode(text)
  assert.equal(tokens.length, [...text].length)
  assert.equal(vocabulary.decode(tokens), text)
  assert.equal(vocabulary.decode([]), '')
})

test('unknown characters and tokens are refused', () => {
  const vocabulary = CharacterVocabulary.of('abc')
  assert.throws(
    () => vocabulary.encode('abz'),
    (error: unknown) => {
      assert.ok(error instanceof DataError)
      assert.match(error.message, /got "z" at 2/)
      return true
    },
  )
  for (const token of [3, -1, 0.5, NaN]) assert.throws(() => vocabulary.decode([token]), ValueError)
  assert.throws(() => CharacterVocabulary.of(''), DataError)
  assert.throws(() => new CharacterVocabulary(['ab']), ValueError)
  assert.throws(() => new CharacterVocabulary(['a', 'a']), ValueError)
})

test('a missing, an empty and a broken file are named', async (context) => {
  const folder = await temporaryFolder(context)
  const path = (name: string): string => join(folder, name)
  await writeFile(path('empty.txt'), '')
  await writeFile(path('latin1.txt'), Uint8Array.of(0x61, 0xe9, 0x62))
  await writeFile(path('good.txt'), 'good ')
  const refused = (name: string, message: RegExp): Promise<void> =>
    assert.rejects(readText([path('good.txt'), path(name)]), (error: unknown) => {
      assert.ok(error instanceof DataError)
      assert.equal(error.code, 'ERR_DATA')
      assert.ok(error.message.includes(path(name)), error.message)
      assert.match(error.message, message)
      return true
    })
  await refused('missing.txt', /readable/)
  await refused('empty.txt', /0 bytes/)
  await refused('latin1.txt', /UTF-8/)
  await assert.rejects(readText(folder), DataError)
  await assert.rejects(readText([]), DataError)
  assert.equal(await readText([path('good.txt'), path('good.txt')]), 'good good ')
})

test('a batch is a pure function of seed and step, its targets one character on', () => {
  const batch = (options: object = {}) =>
    randomBatch({ tokens: counted, batch: 8, time: 5, seed: 1, step: 0, ...options })
  assert.deepEqual(batch(), batch())
  assert.notDeepEqual(batch({ step: 1 }), batch())
  assert.notDeepEqual(batch({ seed: 2 }), batch())
  const { inputs, targets } = batch()
  for (let i = 0; i < 40; ++i) {
    assert.equal(targets[i], (inputs[i] ?? 0) + 1)
    if (i % 5 > 0) assert.equal(inputs[i], targets[i - 1])
  }
})

test('random windows reach both ends and nothing beyond', () => {
  const starts = new Set<number>()
  for (let step = 0; step < 200; ++step) {
    const { inputs } = randomBatch({
      tokens: counted.subarray(0, 8),
      batch: 4,
      time: 5,
      seed: 3,
      step,
    })
    for (let row = 0; row < 4; ++row) starts.add(inputs[5 * row] ?? -1)
  }
  assert.deepEqual([...starts].sort(), [0, 1, 2])
})

test('sequential batches predict every token but the first once', () => {
  const batches = [...sequentialBatches({ tokens: counted, batch: 4, time: 11 })]
  assert.deepEqual(
    batches.map((batch) => batch.batch),
    [4, 4, 1],
  )
  const targets = batches.flatMap((batch) => [...batch.targets])
  assert.deepEqual(
    targets,
    Array.from({ length: 99 }, (_, i) => i + 1),
  )
  assert.equal([...sequentialBatches({ tokens: counted, batch: 4, time: 30 })][0]?.batch, 3)
})

test('sizes and splits are checked', () => {
  assert.throws(
    () => randomBatch({ tokens: counted, batch: 0, time: 5, seed: 1, step: 0 }),
    ValueError,
  )
  assert.throws(
    () => randomBatch({ tokens: counted, batch: 1, time: 1.5, seed: 1, step: 0 }),
    ValueError,
  )
  assert.throws(
    () => randomBatch({ tokens: counted, batch: 1, time: 100, seed: 1, step: 0 }),
    DataError,
  )
  assert.throws(
    () => randomBatch({ tokens: counted, batch: 1, time: 5, seed: 1, step: -1 }),
    ValueError,
  )
  assert.throws(() => [...sequentialBatches({ tokens: counted, batch: 1, time: 100 })], DataError)
  assert.throws(() => new TextDataset({ text: '' }), DataError)
  assert.throws(() => new TextDataset({ text: 'a' }), DataError)
  assert.throws(() => new TextDataset({ text: 'ab', trainFraction: 1 }), ValueError)
})

test('the split counts characters', async (context) => {
  const path = join(await temporaryFolder(context), 'text.txt')
  await writeFile(path, '🐋bcdefghij')
  const data = await TextDataset.read(path)
  assert.equal(data.vocabulary.decode(data.train), '🐋bcdefghi')
  assert.equal(data.vocabulary.decode(data.validation), 'j')
})
