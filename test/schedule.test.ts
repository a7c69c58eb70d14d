import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSafetensors, safetensorsArray } from '../lib/data/safetensors.js'
import { ValueError } from '../lib/errors.js'
import {
  constantSchedule,
  cosineSchedule,
  oneCycleSchedule,
  type Schedule,
} from '../lib/optim/schedule.js'
import { goldenFile } from './support/project.js'

interface GoldenOptions {
  readonly lr: number
  readonly warmup: number
  readonly total: number
  readonly floor: number
  readonly schedule: string
}

function scheduleOf(options: GoldenOptions): Schedule {
  const { lr: learningRate, warmup, total, floor } = options
  return options.schedule === 'cosine'
    ? cosineSchedule({ learningRate, warmup, total, floor })
    : constantSchedule({ learningRate, warmup })
}

for (const name of ['optimiser-adamw', 'optimiser-adam', 'optimiser-sgd']) {
  test(`rates of ${name} equal the golden ones`, async () => {
    const { metadata, tensors } = await readSafetensors(goldenFile(name))
    const rate = scheduleOf(JSON.parse(metadata.args ?? '{}') as GoldenOptions)
    const entry = tensors.get('out.rates')
    assert.ok(entry)
    for (const [step, expected] of [...safetensorsArray(entry)].map(Number).entries()) {
      assert.ok(
        Math.abs(rate(step) - expected) <= 1e-15 * expected,
        `step ${step}: ${rate(step)} for ${expected}`,
      )
    }
  })
}

test('a cosine keeps its floor after the end, and a warm-up may outlast it', () => {
  const rate = cosineSchedule({ learningRate: 1, total: 10, warmup: 2, floor: 0.1 })
  assert.equal(rate(10), 0.1)
  assert.equal(rate(1000), 0.1)
  const long = cosineSchedule({ learningRate: 1, total: 2, warmup: 4 })
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(long), [0.25, 0.5, 0.75, 1, 1, 0])
})

test('one cycle rises to the peak and falls to its end', () => {
  const rate = oneCycleSchedule({
    learningRate: 1,
    total: 101,
    rise: 0.3,
    startDivisor: 4,
    endDivisor: 100,
  })
  assert.equal(rate(0), 0.25)
  assert.equal(rate(30), 1)
  assert.ok(Math.abs(rate(15) - 0.625) < 1e-15)
  assert.ok(Math.abs(rate(65) - 0.505) < 1e-15)
  assert.ok(Math.abs(rate(100) - 0.01) < 1e-15)
  assert.equal(rate(500), rate(100))
  assert.equal(oneCycleSchedule({ learningRate: 1, total: 2, rise: 0 })(0), 1)
  assert.ok(
    Math.abs(oneCycleSchedule({ learningRate: 1, total: 2, rise: 1, endDivisor: 1 })(1) - 1) <
      1e-15,
  )
})

test('arguments are checked by name', () => {
  const refused = (make: () => unknown, message: RegExp): void =>
    assert.throws(make, (error: unknown) => {
      assert.ok(error instanceof ValueError)
      assert.equal(error.code, 'ERR_VALUE')
      assert.match(error.message, message)
      return true
    })
  refused(
    () => constantSchedule({ learningRate: NaN }),
    /constantSchedule: learningRate .* got NaN/,
  )
  refused(() => constantSchedule({ learningRate: 1, warmup: -1 }), /warmup .* got -1/)
  refused(() => constantSchedule({ learningRate: 1 })(-1), /step .* got -1/)
  refused(
    () => cosineSchedule({ learningRate: Infinity, total: 1 }),
    /learningRate .* got Infinity/,
  )
  refused(() => cosineSchedule({ learningRate: 1, total: 0 }), /total .* got 0/)
  refused(
    () => cosineSchedule({ learningRate: 1, total: 9, floor: 2 }),
    /floor must be at most learningRate 1, got 2/,
  )
  refused(() => cosineSchedule({ learningRate: 1, total: 9 })(0.5), /step .* got 0.5/)
  refused(() => oneCycleSchedule({ learningRate: 1, total: 1 }), /total .* got 1/)
  refused(
    () => oneCycleSchedule({ learningRate: 1, total: 9, rise: 1.5 }),
    /rise must be at most 1, got 1.5/,
  )
  refused(
    () => oneCycleSchedule({ learningRate: 1, total: 9, startDivisor: 0 }),
    /startDivisor .* got 0/,
  )
})
