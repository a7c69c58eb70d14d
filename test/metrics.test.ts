import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DataError } from '../lib/errors.js'
import { MetricsWriter } from '../lib/train/metrics.js'
import { temporaryFolder } from './support/project.js'

test('records are appended in order, also by a second writer', async (context) => {
  const path = join(await temporaryFolder(context), 'metrics.jsonl')
  for (const run of [0, 1]) {
    const writer = await MetricsWriter.open(path)
    for (let step = 0; step < 200; ++step) writer.write({ run, step, loss: 1 / (step + 1) })
    await writer.close()
    await writer.close()
  }
  const lines = (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { step: number })
  assert.equal(lines.length, 400)
  assert.deepEqual(
    lines.map((line) => line.step),
    [...Array(400).keys()].map((i) => i % 200),
  )
})

test('numbers that JSON lacks become null', async (context) => {
  const path = join(await temporaryFolder(context), 'metrics.jsonl')
  const writer = await MetricsWriter.open(path)
  writer.write({ loss: NaN, norm: Infinity, name: 'x' })
  await writer[Symbol.asyncDispose]()
  assert.equal(await readFile(path, 'utf8'), '{"loss":null,"norm":null,"name":"x"}\n')
})

test('a path that cannot be written and a closed writer are errors that name the file', async (context) => {
  const folder = await temporaryFolder(context)
  await assert.rejects(
    MetricsWriter.open(folder),
    (error: unknown) =>
      error instanceof DataError && error.code === 'ERR_DATA' && error.message.includes(folder),
  )
  const writer = await MetricsWriter.open(join(folder, 'm.jsonl'))
  await writer.close()
  assert.throws(() => writer.write({ step: 1 }), DataError)
})

test('a full disk is reported at close', {
  skip: process.platform === 'linux' ? false : 'needs /dev/full',
}, async () => {
  const writer = await MetricsWriter.open('/dev/full')
  writer.write({ step: 1 })
  await assert.rejects(writer.close(), DataError)
})
