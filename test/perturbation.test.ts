// PerturbationLayer: golden fields, normalisation, time, the cache, gradients, and what it refuses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  add,
  affine,
  type Dtype,
  PerturbationLayer,
  type PerturbationLayerOptions,
  SimplexNoise,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { goldenNames, readGolden } from './support/golden.js'
import { runGolden } from './support/golden-run.js'
import { checkGradients } from './support/gradient-check.js'
import { assertRefusal } from './support/refusals.js'

async function read(value: Tensor): Promise<Float64Array> {
  return Float64Array.from(await value.data())
}

onEveryDevice('PerturbationLayer', (device) => {
  const names = goldenNames(/^perturbation-/)
  assert.equal(names.length, 5)
  for (const name of names) {
    for (const dtype of ['float64', 'float32'] as const) {
      test(`golden case ${name} in ${dtype}`, async () => {
        const golden = await readGolden(name)
        const args = golden.args as unknown as Required<PerturbationLayerOptions> & {
          shape: number[]
          timeOffset: number
        }
        const table = golden.arrays.get('in.table')?.data as Uint8Array
        const { shape, timeOffset, ...options } = args
        using layer = new PerturbationLayer({ ...options, table, dtype, device })
        await runGolden(golden, {
          device,
          dtype,
          compute: () => ({ field: layer.forward(shape, { timeOffset }) }),
        })
      })
    }
  }

  test('a field that is kept costs no memory and no time, and has the same bits', async () => {
    await using _ = scope()
    using layer = new PerturbationLayer({ seed: 1, device })
    const first = layer.forward([20, 30])
    assert.deepEqual(
      { ...layer.statistics, budget: 0 },
      { hits: 0, misses: 1, evictions: 0, entries: 1, bytes: 2400, budget: 0 },
    )
    const live = first.device.memory().live
    const again = layer.forward([20, 30])
    assert.notEqual(again, first)
    assert.equal(first.device.memory().live, live)
    assert.equal(layer.statistics.hits, 1)
    assertSameBits(await read(again), await read(first), 'kept')
    using fresh = new PerturbationLayer({ seed: 1, device })
    assertSameBits(await read(fresh.forward([20, 30])), await read(first), 'computed again')
  })

  test('whatever determines a field makes another entry', () => {
    using layer = new PerturbationLayer({ animate: true, device })
    for (const [shape, timeOffset] of [
      [[4, 6], 0],
      [[6, 4], 0],
      [[4, 6, 1], 0],
      [[4, 6], 1],
      [[4, 6], 1e-9],
    ] as const) {
      layer.forward(shape, { timeOffset }).dispose()
    }
    assert.equal(layer.statistics.entries, 5)
    assert.equal(layer.statistics.misses, 5)
    layer.forward([4, 6], { timeOffset: -0 }).dispose()
    assert.equal(layer.statistics.hits, 1)
  })

  test('the least recently used field goes first, and its memory with it', async () => {
    using layer = new PerturbationLayer({ cacheBytes: 3 * 400, device })
    const ask = (width: number): void => layer.forward([10, width]).dispose()
    const on = layer.noise.device
    const empty = on.memory().live
    for (const width of [8, 9, 10]) ask(width) // 320 + 360 + 400 bytes
    assert.equal(layer.statistics.bytes, 1080)
    ask(8) // now 9 is the oldest
    ask(7) // 280 bytes: 1360 in all
    assert.deepEqual(
      { ...layer.statistics },
      { hits: 1, misses: 4, evictions: 1, entries: 3, bytes: 1000, budget: 1200 },
    )
    ask(8)
    ask(10)
    assert.equal(layer.statistics.hits, 3)
    ask(9)
    assert.equal(layer.statistics.misses, 5)
    assert.ok(layer.statistics.bytes <= 1200)
    layer.dispose()
    await on.synchronize()
    assert.equal(on.memory().live, empty)
  })

  test('a field that was handed out outlives its eviction and its layer', async () => {
    await using _ = scope()
    const layer = new PerturbationLayer({ cacheBytes: 400, device })
    const held = layer.forward([10, 10])
    const before = await read(held)
    layer.forward([9, 10])
    assert.equal(layer.statistics.evictions, 1)
    const other = tensor(new Float32Array(100).fill(7), { device })
    assertSameBits(await read(held), before, 'after its eviction')
    layer.dispose()
    assertSameBits(await read(held), before, 'after its layer')
    other.dispose()
  })

  test('disposing what was handed out does not harm the cache', async () => {
    await using _ = scope()
    using layer = new PerturbationLayer({ device })
    const bits = await scope(async () => await read(layer.forward([7, 9])))
    const again = layer.forward([7, 9])
    assert.equal(layer.statistics.hits, 1)
    assertSameBits(await read(again), bits, 'from the cache')
  })

  test('a field larger than the budget is computed each time', async () => {
    await using _ = scope()
    using layer = new PerturbationLayer({ cacheBytes: 399, device })
    const bits = await read(layer.forward([10, 10]))
    assertSameBits(await read(layer.forward([10, 10])), bits, 'again')
    assert.deepEqual(
      { ...layer.statistics },
      { hits: 0, misses: 2, evictions: 0, entries: 0, bytes: 0, budget: 399 },
    )
  })

  test('nothing is left behind where no scope is open', async () => {
    using layer = new PerturbationLayer({ cacheBytes: 64, octaves: 2, device })
    const on = layer.noise.device
    const live = on.memory().live
    for (const shape of [
      [6, 7],
      [2, 3, 4, 5],
      [2, 2, 3, 2, 2],
    ])
      layer.forward(shape).dispose()
    await on.synchronize()
    assert.equal(on.memory().live, live)
  })

  test('minmax fills [0, 1], fixed is (fBm + 1)/2, and a constant becomes zeros', async () => {
    await using _ = scope()
    const options = { seed: 4, dtype: 'float64', device } as const
    using noise = new SimplexNoise(options)
    const fbm = await read(noise.grid([12, 13], { step: 0.1, octaves: 4 }))
    using fixed = new PerturbationLayer({ ...options, normalize: 'fixed' })
    const want = fbm.map((n) => (n + 1) / 2)
    assertClose(await read(fixed.forward([12, 13])), want, 1e-14, 'fixed')
    using minmax = new PerturbationLayer(options)
    assert.equal(minmax.normalization, 'minmax')
    const field = await read(minmax.forward([12, 13]))
    assert.equal(Math.min(...field), 0)
    assert.equal(Math.max(...field), 1)
    assertSameBits(await read(minmax.forward([1, 1])), [0], 'one point')
    using animated = new PerturbationLayer({ ...options, animate: true })
    assert.equal(animated.normalization, 'fixed')
  })

  test('time moves the field smoothly, in 4D along its last axis', async () => {
    await using _ = scope()
    using layer = new PerturbationLayer({ seed: 2, animate: true, dtype: 'float64', device })
    const at = async (timeOffset: number): Promise<Float64Array> =>
      await read(layer.forward([8, 9], { timeOffset }))
    const [now, soon, later] = [await at(0), await at(0.01), await at(30)]
    const apart = (a: Float64Array, b: Float64Array): number =>
      Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number))))
    assert.ok(apart(now, soon) < 0.02 && apart(now, soon) > 0, `${apart(now, soon)}`)
    assert.ok(apart(now, later) > 0.1, `${apart(now, later)}`)
    const shape = [3, 4, 2, 6]
    const first = await read(layer.forward(shape))
    const moved = await read(layer.forward(shape, { timeOffset: 2 }))
    for (let row = 0; row < 24; ++row) {
      const [from, to] = [
        first.subarray(6 * row + 2, 6 * row + 6),
        moved.subarray(6 * row, 6 * row + 4),
      ]
      assertClose(to, from, 1e-12, `row ${row}`)
    }
  })

  test('sample has the values of forward, and gradients for its points', async () => {
    await using _ = scope()
    for (const [shape, animate] of [
      [[5, 6], false],
      [[5, 6], true],
      [[3, 4, 5], true],
      [[2, 3, 4, 2], false],
    ] as const) {
      const dim = shape.length
      const timeOffset = animate || dim === 4 ? 1.5 : 0
      using layer = new PerturbationLayer({
        seed: 3,
        animate,
        normalize: 'fixed',
        dtype: 'float64',
        device,
      })
      const points: number[] = []
      for (let i = 0; i < shape.reduce((a: number, b) => a * b, 1); ++i) {
        let rest = i
        const index = [...shape].reverse().map((size) => {
          const at = rest % size
          rest = Math.floor(rest / size)
          return at
        })
        points.push(...index.reverse())
      }
      const at = tensor(points, { shape: [points.length / dim, dim], dtype: 'float64', device })
      const field = await read(layer.forward(shape, { timeOffset }))
      assertClose(await read(layer.sample(at, { timeOffset })), field, 1e-12, `${shape}`)
      const data = generator(dim)
        .uniforms(5 * dim)
        .map((u) => 40 * u)
      for (const normalize of ['fixed', 'minmax'] as const) {
        using layer = new PerturbationLayer({
          seed: 3,
          animate,
          normalize,
          dtype: 'float64',
          device,
        })
        await checkGradients(
          device,
          { points: { shape: [5, dim], data } },
          ({ points }) => [layer.sample(points as Tensor, { timeOffset })],
          { tolerance: 1e-6 },
        )
      }
    }
  })

  test('perturb adds the field, with gradients for the input and a learned strength', async () => {
    await using _ = scope()
    using layer = new PerturbationLayer({ seed: 5, dtype: 'float64', device })
    const data = generator(1).normals(42)
    const input = tensor(data, { shape: [6, 7], dtype: 'float64', device })
    const field = layer.forward([6, 7])
    const want = await read(add(input, affine(field, { factor: -2.5 })))
    assertClose(await read(layer.perturb(input, { strength: -2.5 })), want, 1e-15, 'a number')
    assertClose(await read(layer.perturb(input)), await read(add(input, field)), 1e-15, 'one')
    await checkGradients(
      device,
      { input: { shape: [6, 7], data }, strength: { shape: [1], data: Float64Array.of(0.7) } },
      ({ input, strength }) => [layer.perturb(input as Tensor, { strength: strength as Tensor })],
    )
  })

  test('five axes and more are smooth Gaussian fields, other ones for other seeds', async () => {
    await using _ = scope()
    const shape = emulated ? [4, 3, 5, 4, 6] : [8, 7, 9, 8, 10]
    const options = { scale: 8, octaves: 1, normalize: 'fixed', dtype: 'float64', device } as const
    using layer = new PerturbationLayer({ ...options, seed: 1 })
    const field = (await read(layer.forward(shape))).map((f) => 2 * f - 1)
    using same = new PerturbationLayer({ ...options, seed: 1 })
    assertSameBits(
      (await read(same.forward(shape))).map((f) => 2 * f - 1),
      field,
      'the same seed',
    )
    const rms = (a: Float64Array): number => Math.sqrt(a.reduce((s, x) => s + x * x, 0) / a.length)
    // Each axis holds about n/4 independent values.
    assert.ok(rms(field) > 0.06 && rms(field) < 0.5, `standard deviation ${rms(field)}`)
    const steps = (stride: number, size: number): Float64Array =>
      field.map((f, i) =>
        Math.floor(i / stride) % size === 0 ? 0 : f - (field[i - stride] as number),
      )
    let stride = 1
    for (const size of [...shape].reverse()) {
      const ratio = rms(steps(stride, size)) / rms(field)
      // A correlation of e^(−1/16) between neighbours: √(2 − 2e^(−1/16)) = 0.35.
      assert.ok(ratio > 0.05 && ratio < 0.6, `stride ${stride}: steps of ${ratio}`)
      stride *= size
    }
    using other = new PerturbationLayer({ ...options, seed: 2 })
    const apart = (await read(other.forward(shape))).map((f, i) => 2 * f - 1 - (field[i] as number))
    assert.ok(rms(apart) > 0.5 * rms(field))
    using minmax = new PerturbationLayer({ octaves: 3, device })
    const whole = await read(minmax.forward([2, 3, 2, 3, 2, 3]))
    assert.equal(Math.min(...whole), 0)
    assert.equal(Math.max(...whole), 1)
  })

  test('bad input is refused by name', () => {
    const layer = new PerturbationLayer({ device })
    const make = (options: PerturbationLayerOptions) => () =>
      new PerturbationLayer({ device, ...options })
    const points = (count: number, dtype: Dtype = 'float32'): Tensor =>
      tensor(new Float32Array(count), { shape: [1, count], dtype, device })
    const forward =
      (shape: unknown, timeOffset = 0) =>
      () =>
        layer.forward(shape as number[], { timeOffset })
    const cases: readonly (readonly [string, string, readonly string[], () => unknown])[] = [
      ['no axes', 'ERR_SHAPE', ['shape'], forward([])],
      ['one axis', 'ERR_SHAPE', ['shape'], forward([5])],
      ['no shape', 'ERR_SHAPE', ['shape'], forward(undefined)],
      ['an empty axis', 'ERR_SHAPE', ['shape'], forward([5, 0])],
      ['a negative size', 'ERR_SHAPE', ['shape'], forward([5, -3])],
      ['half a size', 'ERR_SHAPE', ['shape'], forward([5, 2.5])],
      ['a time that is not a number', 'ERR_VALUE', ['timeOffset'], forward([5, 5], Number.NaN)],
      ['a time for still fields', 'ERR_VALUE', ['timeOffset'], forward([5, 5], 1)],
      ['a time for five axes', 'ERR_VALUE', ['timeOffset'], forward([2, 2, 2, 2, 2], 1)],
      ['points on a line', 'ERR_SHAPE', ['points'], () => layer.sample(points(1))],
      ['points of five axes', 'ERR_SHAPE', ['points'], () => layer.sample(points(5))],
      [
        'float64 points for float32 fields',
        'ERR_DTYPE',
        ['points'],
        () => layer.sample(points(2, 'float64')),
      ],
      [
        'a float64 input for float32 fields',
        'ERR_DTYPE',
        ['input'],
        () => layer.perturb(points(4, 'float64')),
      ],
      [
        'no strength',
        'ERR_VALUE',
        ['strength'],
        () => layer.perturb(points(4), { strength: Number.NaN }),
      ],
      ['no cache', 'ERR_VALUE', ['cacheBytes'], make({ cacheBytes: 0 })],
      ['a negative cache', 'ERR_VALUE', ['cacheBytes'], make({ cacheBytes: -1 })],
      ['half a byte', 'ERR_VALUE', ['cacheBytes'], make({ cacheBytes: 1.5 })],
      ['an endless cache', 'ERR_VALUE', ['cacheBytes'], make({ cacheBytes: Infinity })],
      ['scale 0', 'ERR_VALUE', ['scale'], make({ scale: 0 })],
      ['a scale that is not a number', 'ERR_VALUE', ['scale'], make({ scale: Number.NaN })],
      ['octaves 0', 'ERR_SHAPE', ['octaves'], make({ octaves: 0 })],
      ['negative persistence', 'ERR_VALUE', ['persistence'], make({ persistence: -1 })],
      ['lacunarity 0', 'ERR_VALUE', ['lacunarity'], make({ lacunarity: 0 })],
      ['another normalisation', 'ERR_VALUE', ['normalize'], make({ normalize: 'zscore' as never })],
    ]
    for (const [title, code, words, call] of cases) {
      let error: unknown
      try {
        call()
      } catch (thrown) {
        error = thrown
      }
      assertRefusal(error, { title, codes: [code], prefix: 'PerturbationLayer', words })
    }
    assert.equal(layer.statistics.misses, 0)
    assert.throws(() => make({ table: new Uint8Array(256) })(), { code: 'ERR_VALUE' })
    layer.dispose()
    layer.dispose()
    assert.throws(() => layer.forward([4, 4]), { code: 'ERR_DISPOSED' })
  })
})
