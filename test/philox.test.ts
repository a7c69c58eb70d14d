import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  philox,
  RandomStream,
  randomIntegers,
  randomNormals,
  randomUniforms,
} from '../lib/data/philox.js'
import { readSafetensors, safetensorsArray } from '../lib/data/safetensors.js'
import { ValueError } from '../lib/errors.js'
import { goldenFile } from './support/project.js'

test('words equal the golden vectors', async () => {
  const { tensors } = await readSafetensors(goldenFile('philox'))
  const words = (name: string): number[] => {
    const entry = tensors.get(name)
    assert.ok(entry)
    return [...safetensorsArray(entry)].map((value) => Number(value) >>> 0)
  }
  const [counters, keys, expected] = [words('in.counter'), words('in.key'), words('out.words')]
  const got: number[] = []
  for (let row = 0; row < counters.length / 4; ++row) {
    const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counters.slice(4 * row)
    const [k0 = 0, k1 = 0] = keys.slice(2 * row)
    got.push(...philox([c0, c1, c2, c3], [k0, k1]))
  }
  assert.ok(got.length >= 12)
  assert.deepEqual(got, expected)
})

test('numbers depend on seed, block and stream, and on nothing else', () => {
  const draw = (options: object): number[] => [...randomUniforms({ seed: 1, count: 5, ...options })]
  assert.deepEqual(draw({}), draw({}))
  for (const other of [
    { seed: 2 },
    { seed: 2 ** 32 + 1 },
    { block: 1 },
    { block: 2 ** 32 },
    { stream: RandomStream.batches },
  ]) {
    assert.notDeepEqual(draw(other), draw({}), JSON.stringify(other))
  }
  assert.deepEqual(draw({ count: 3 }), draw({}).slice(0, 3))
})

test('integers are uniform, normals have mean 0 and variance 1', () => {
  const counts = new Array<number>(10).fill(0)
  for (const value of randomIntegers({ seed: 3, count: 100_000, limit: 10 }))
    counts[value] = (counts[value] ?? 0) + 1
  // Five standard deviations of a binomial count, sqrt(1e5 * 0.1 * 0.9) = 95.
  for (const count of counts)
    assert.ok(Math.abs(count - 10_000) < 475, `counts ${counts.join(' ')}`)
  const normals = randomNormals({ seed: 4, count: 100_001 })
  const mean = normals.reduce((a, b) => a + b, 0) / normals.length
  const variance = normals.reduce((a, b) => a + b * b, 0) / normals.length
  assert.ok(
    Math.abs(mean) < 5 / Math.sqrt(1e5) && Math.abs(variance - 1) < 5 * Math.sqrt(2 / 1e5),
    `${mean} ${variance}`,
  )
})

test('arguments are checked', () => {
  assert.throws(() => randomUniforms({ seed: -1, count: 1 }), ValueError)
  assert.throws(() => randomUniforms({ seed: NaN, count: 1 }), ValueError)
  assert.throws(() => randomUniforms({ seed: 0, count: 1.5 }), ValueError)
  assert.throws(() => randomIntegers({ seed: 0, count: 1, limit: 0 }), ValueError)
})
