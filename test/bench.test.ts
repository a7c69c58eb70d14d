// The benchmark's own arithmetic: a wrong error or median would make every row wrong.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { canonical, cases, keyOf, modelSizes } from '../bench/contract.js'
import { errors, measure, type Row, runEntry, summary } from '../bench/harness.js'
import { saveRows } from '../bench/results.js'
import { scanReference } from '../bench/scan-reference.js'
import { readSafetensors, safetensorsArray } from '../lib/data/safetensors.js'
import { goldenFile, projectRoot, temporaryFolder } from './support/project.js'

test('errors are norm-wise, the worst of all outputs, and NaN is not forgiven', () => {
  const reference = { a: [3, 4], b: [1, 0] }
  assert.deepEqual(errors({ a: [3, 4], b: [1, 0] }, reference), { relative: 0, largest: 0 })
  const { relative, largest } = errors({ a: [3, 4.5], b: [1, 0.2] }, reference)
  assert.ok(Math.abs(relative - 0.2) < 1e-15 && Math.abs(largest - 0.5) < 1e-15)
  assert.ok(Number.isNaN(errors({ a: [3, Number.NaN], b: [1, 0] }, reference).relative))
  assert.throws(() => errors({ a: [3, 4] }, reference), /b must be among the outputs/)
  assert.throws(() => errors({ a: [3], b: [1, 0] }, reference), /a must be 2 values, got 1/)
})

test('the median, the fastest and the spread of samples', () => {
  const samples = [5, 1, 2, 3, 4, 10, 6, 7, 8, 9]
  const expected = { ms: 5.5, ms_min: 1, spread: (10 - 2) / 5.5, repeats: 10, clock: 'host' }
  assert.deepEqual(summary(samples, 'host'), expected)
  assert.equal(summary([7], 'host').spread, 0)
})

test('timing warms up, takes turns between input sets and waits for the work', async () => {
  const counts = [0, 0]
  let pending = 0
  const calls = counts.map((_, i) => () => {
    counts[i] = (counts[i] ?? 0) + 1
    pending += 1
  })
  const synchronize = async (): Promise<void> => {
    const until = performance.now() + pending
    pending = 0
    while (performance.now() < until);
  }
  const timing = await measure({ calls, synchronize }, { capMs: 1000, repeats: 20 })
  assert.ok(timing.repeats >= 20 && timing.ms >= 1 && timing.ms < 3, JSON.stringify(timing))
  assert.ok(Math.abs((counts[0] ?? 0) - (counts[1] ?? 0)) <= 1, counts.join(' '))
})

test('a failure becomes the error of its row, and what was built is given back', async () => {
  const [entry] = cases({ suite: 'cpu', only: ['eigenstate'], tier: 1, quick: true })
  assert.ok(entry)
  let disposed = 0
  const row = await runEntry({
    entry,
    device: 'cpu',
    quick: true,
    build: async () => ({
      calls: [
        () => {
          throw new Error('broken')
        },
      ],
      synchronize: async () => undefined,
      note: 'how',
      dispose: () => {
        disposed += 1
      },
    }),
  })
  assert.equal(row.error, 'Error: broken')
  assert.equal(row.ms, null)
  assert.equal(row.note, 'how')
  assert.equal(disposed, 1)
})

test('the contract gives both suites, and dry runs are small', () => {
  const names = new Set(
    cases({ suite: 'cpu', only: [], tier: 1, quick: false }).map(({ workload }) => workload),
  )
  for (const name of [
    'eigenstate.fwd',
    'eigenstate.fwdbwd',
    'ten.train',
    'ten.infer',
    'control.cycle',
  ]) {
    assert.ok(names.has(name), name)
  }
  const few = cases({ suite: 'gpu', only: ['eigenstate.fwdbwd'], tier: 1, quick: true })
  assert.equal(few.length, 4)
  assert.ok(few.every(({ params }) => params.T === 192))
  assert.equal(modelSizes('tiny').K, 192)
  assert.throws(() => modelSizes('none'), /got none/)
  assert.equal(
    canonical({ b: [1, { d: 2, c: 'x' }], a: null }),
    '{"a":null,"b":[1,{"c":"x","d":2}]}',
  )
  assert.equal(
    keyOf({ workload: 'w', params: { a: 1, b: 2 } }),
    keyOf({ workload: 'w', params: { b: 2, a: 1 } }),
  )
})

test('rows are merged by workload and parameters, and files of another machine are replaced', async (context) => {
  const path = join(await temporaryFolder(context), 'rows.json')
  const head = (cpu: string, quick = false) =>
    ({ schema: 1, created: 'now', machine: { entrain: { cpu, gpus: [] } }, quick }) as const
  const row = (T: number, ms: number): Row => ({
    workload: 'eigenstate.fwd',
    params: { B: 1, T },
    peer: 'entrain',
    ms,
    rel_err: 0,
    note: '',
    device: 'cpu',
    tolerance: 1,
  })
  const times = (): (number | null)[] =>
    (JSON.parse(readFileSync(path, 'utf8')) as { rows: Row[] }).rows.map(({ ms }) => ms)
  saveRows(path, head('a'), [row(1, 10), row(2, 20)])
  saveRows(path, head('a'), [row(1, 11)])
  assert.deepEqual(times(), [20, 11])
  saveRows(path, head('b'), [row(3, 30)])
  assert.deepEqual(times(), [30])
  saveRows(path, head('b', true), [row(4, 40)])
  assert.deepEqual(times(), [40])
})

for (const name of ['scan-fixed', 'scan-half-selective']) {
  test(`the float64 reference equals ${name}`, async () => {
    const { metadata, tensors } = await readSafetensors(goldenFile(name))
    const optional = (key: string): Float64Array | null => {
      const entry = tensors.get(key)
      return entry ? (safetensorsArray(entry) as Float64Array) : null
    }
    const get = (key: string): Float64Array => {
      const found = optional(key)
      assert.ok(found, key)
      return found
    }
    const [batch = 0, time = 0, width = 0] = tensors.get('in.input')?.shape ?? []
    const gradient = get('cot.states').slice()
    const final = optional('cot.final')
    // The cotangent of the final state adds to that of the last row.
    for (let b = 0; b < batch && final; ++b) {
      for (let k = 0; k < width; ++k) {
        const place = (b * time + time - 1) * width + k
        gradient[place] = (gradient[place] ?? 0) + (final[b * width + k] ?? 0)
      }
    }
    const got = scanReference({
      sizes: { batch, time, channels: width / 2 },
      input: get('in.input'),
      selection: optional('in.selection'),
      gradient,
      logDecay: get('in.logDecay'),
      frequency: get('in.frequency'),
      scale: Number(
        (JSON.parse(metadata.args ?? '{}') as { selectionScale: number }).selectionScale,
      ),
    })
    const expected: Record<string, Float64Array> = {
      states: get('out.states'),
      gradInput: get('grad.input'),
      gradLogDecay: get('grad.logDecay'),
      gradFrequency: get('grad.frequency'),
    }
    const gradSelection = optional('grad.selection')
    if (gradSelection) expected.gradSelection = gradSelection
    for (const key of Object.keys(expected)) {
      const { relative } = errors(got, { [key]: expected[key] ?? [] })
      assert.ok(relative < 1e-12, `${key}: ${relative}`)
    }
  })
}

test('compare.mjs joins rows', () => {
  const script = join(projectRoot, 'bench', 'peers', 'compare.mjs')
  assert.match(
    execFileSync(process.execPath, [script, '--self-test'], { encoding: 'utf8' }),
    /passed/,
  )
})
