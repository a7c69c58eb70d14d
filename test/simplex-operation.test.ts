// The native simplex operations: golden files, derivatives against differences, tiling, curl, and the
// same bits from every way to reach a point.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Device,
  device as deviceOf,
  type SimplexFieldOptions,
  type SimplexFractal,
  scope,
  simplexCurlGrid,
  simplexCurlSample,
  simplexGrid,
  simplexSample,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden, withPrefix } from './support/golden.js'
import { goldenInputs } from './support/golden-run.js'
import { checkGradients } from './support/gradient-check.js'

const dtypes = ['float64', 'float32'] as const
// Of value and derivative or gradient, as test/golden/README.md has them.
const tolerances = { float64: [1e-9, 1e-9], float32: [1e-5, 1e-4] } as const

function fieldOf(golden: GoldenCase, table: Tensor): SimplexFieldOptions {
  const { kernel, kind, octaves, gain, lacunarity } = golden.args as Record<string, number>
  return {
    table,
    ...(kernel !== undefined && { kernel }),
    ...(kind !== undefined && { kind: String(kind) as SimplexFractal }),
    ...(octaves !== undefined && { octaves }),
    ...(gain !== undefined && { gain }),
    ...(lacunarity !== undefined && { lacunarity }),
  }
}

function shuffledTable(device: Device, seed: number): Tensor {
  const { uniform } = generator(seed)
  const table = Uint8Array.from({ length: 256 }, (_, i) => i)
  for (let i = 255; i > 0; --i) {
    const j = Math.floor(uniform() * (i + 1))
    const kept = table[i] as number
    table[i] = table[j] as number
    table[j] = kept
  }
  return tensor(table, { shape: [256], dtype: 'uint8', device })
}

function scattered(device: Device, options: { count: number; dim: number; range?: number }) {
  const { count, dim, range = 20 } = options
  const data = generator(17 + dim)
    .uniforms(count * dim)
    .map((u) => (u - 0.5) * range)
  return (dtype: 'float64' | 'float32') => tensor(data, { shape: [count, dim], dtype, device })
}

/** Every kind of field that has a derivative. */
function fields(device: Device, dim: number): [string, SimplexFieldOptions][] {
  const table = shuffledTable(device, 3)
  const kernel = dim === 1 ? 1 : 0.5
  const offsets = tensor(
    generator(5)
      .uniforms(3 * dim)
      .map((u) => 9 * u),
    { shape: [3, dim], dtype: 'float64', device },
  )
  const period = [3, 4, 5, 1].slice(0, dim)
  const fractal = { octaves: 3, gain: 0.6, lacunarity: 2 }
  const kinds = ['billow', 'ridged', 'ping-pong', 'turbulence'] as const
  return [
    ['integer hash', { seed: 12345678901 }],
    ['table', { table, kernel }],
    ['fbm', { ...fractal, seed: 5 }],
    ['fbm with offsets', { ...fractal, lacunarity: 1.9, offsets }],
    ['fbm of a table', { ...fractal, table, kernel, offsets }],
    ...kinds.map((kind): [string, SimplexFieldOptions] => [
      kind,
      { ...fractal, kind, strength: 1.5 },
    ]),
    ['warped', { ...fractal, warp: 0.4 }],
    ['warped table', { table, kernel, warp: 0.7 }],
    ['tiled', { period }],
    ['tiled fbm', { ...fractal, period }],
    ['tiled table', { table, kernel, period, octaves: 2 }],
    ['tiled and warped', { period, warp: 0.3 }],
    ['tiled along the first axis', { period: [7, 0, 0, 0].slice(0, dim) }],
  ]
}

onEveryDevice('simplex', (name) => {
  const device = deviceOf(name)

  for (const file of goldenNames(/^simplex-(?!grid)/)) {
    test(`meets ${file}`, async () => {
      const golden = await readGolden(file)
      for (const dtype of dtypes) {
        await using _ = scope()
        const inputs = goldenInputs(golden, { device: name, dtype })
        const points = inputs.get('points') as Tensor
        const field = fieldOf(golden, inputs.get('table') as Tensor)
        const { value, derivative } = simplexSample({ points, derivative: true, ...field })
        const [forValue, forDerivative] = tolerances[dtype]
        const label = `${file} in ${dtype} on ${name}`
        const out = withPrefix(golden, 'out')
        const want = (key: string) => out.get(key)?.data ?? []
        assertClose(await value.data(), want('value'), forValue, label)
        assertClose(await (derivative as Tensor).data(), want('derivative'), forDerivative, label)
        const cotangent = withPrefix(golden, 'cot').get('value')?.data ?? new Float64Array()
        value.backward(tensor(cotangent, { shape: value.shape, dtype, device }))
        const gradient = withPrefix(golden, 'grad').get('points')?.data ?? []
        assertClose(await (points.grad as Tensor).data(), gradient, forDerivative, label)
      }
    })
  }

  for (const file of goldenNames(/^simplex-grid/)) {
    test(`meets ${file}`, async () => {
      const golden = await readGolden(file)
      const { shape, origin, step } = golden.args as Record<string, number[]>
      for (const dtype of dtypes) {
        await using _ = scope()
        const table = goldenInputs(golden, { device: name, dtype }).get('table') as Tensor
        const place = { shape: shape ?? [], origin: origin ?? [], step: step ?? [] }
        const { value } = simplexGrid({ ...place, dtype, device, table })
        const want = withPrefix(golden, 'out').get('value')?.data ?? []
        assertClose(await value.data(), want, tolerances[dtype][0], `${file} in ${dtype}`)
      }
    })
  }

  for (const dim of [1, 2, 3, 4]) {
    test(`derivatives in ${dim} dimensions equal central differences`, async () => {
      await using _ = scope()
      const at = scattered(device, { count: 37, dim })('float64')
      for (const [title, field] of fields(device, dim)) {
        const { value, derivative } = simplexSample({ points: at, derivative: true, ...field })
        const center = (await at.data()) as Float64Array
        const got = await (derivative as Tensor).data()
        const want = new Float64Array(got.length)
        const h = 1e-5
        for (let axis = 0; axis < dim; ++axis) {
          const shifted = async (by: number) => {
            const moved = center.map((x, i) => (i % dim === axis ? x + by : x))
            const points = tensor(moved, { shape: at.shape, dtype: 'float64', device })
            return (await simplexSample({ points, ...field }).value.data()) as Float64Array
          }
          const [up, down] = [await shifted(h), await shifted(-h)]
          for (let i = 0; i < up.length; ++i) {
            want[i * dim + axis] = ((up[i] as number) - (down[i] as number)) / (2 * h)
          }
        }
        assertClose(got, want, 1e-6, `${title} in ${dim}D`)
        const bound = title.includes('turbulence') ? 2 : 1
        for (const x of await value.data()) assert.ok(Math.abs(Number(x)) <= bound, title)
      }
    })

    test(`float32 in ${dim} dimensions is float64 rounded`, async () => {
      await using _ = scope()
      const at = scattered(device, { count: 500, dim })
      for (const [title, field] of fields(device, dim)) {
        const single = at('float32')
        const exact = tensor((await single.data()) as Float32Array, {
          shape: single.shape,
          dtype: 'float64',
          device,
        })
        const got = simplexSample({ points: single, derivative: true, ...field })
        const want = simplexSample({ points: exact, derivative: true, ...field })
        assertClose(await got.value.data(), (await want.value.data()) as Float64Array, 5e-6, title)
        assertClose(
          await (got.derivative as Tensor).data(),
          (await (want.derivative as Tensor).data()) as Float64Array,
          1e-4,
          title,
        )
      }
    })

    test(`a grid in ${dim} dimensions equals its points`, async () => {
      await using _ = scope()
      const shape = [[37], [5, 18], [3, 4, 17], [2, 3, 1, 19]][dim - 1] as number[]
      const origin = [-3.31, 1.7, 120.2, -8.1].slice(0, dim)
      const step = [0.31, -0.17, 0.53, 0.41].slice(0, dim)
      const count = shape.reduce((a, b) => a * b, 1)
      const points = new Float64Array(count * dim)
      for (let i = 0; i < count; ++i) {
        let rest = i
        for (let k = dim - 1; k >= 0; --k) {
          const index = rest % (shape[k] as number)
          rest = Math.floor(rest / (shape[k] as number))
          points[i * dim + k] = (origin[k] as number) + index * (step[k] as number)
        }
      }
      const at = tensor(points, { shape: [count, dim], dtype: 'float64', device })
      for (const [title, field] of fields(device, dim)) {
        const want = simplexSample({ points: at, derivative: true, ...field })
        for (const dtype of dtypes) {
          const place = { shape, origin, step, dtype, device, derivative: true }
          const got = simplexGrid({ ...place, ...field })
          const [forValue, forDerivative] = tolerances[dtype]
          const label = `${title} in ${dtype}`
          const exact = (await want.value.data()) as Float64Array
          assertClose(await got.value.data(), exact, forValue, label)
          assertClose(
            await (got.derivative as Tensor).data(),
            (await (want.derivative as Tensor).data()) as Float64Array,
            forDerivative,
            label,
          )
          const alone = simplexGrid({ ...place, derivative: false, ...field })
          assertSameBits(await alone.value.data(), await got.value.data(), `${label}: value alone`)
        }
      }
    })

    test(`a field in ${dim} dimensions repeats after its periods`, async () => {
      await using _ = scope()
      const table = shuffledTable(device, 9)
      for (const period of [1, 2, 3, 4, 5, 7, 8, 12, 64]) {
        for (const variant of [{ seed: 3 }, { table }] as SimplexFieldOptions[]) {
          const field = { ...variant, octaves: 2, period: new Array<number>(dim).fill(period) }
          const here = (await scattered(device, { count: 60, dim })(
            'float64',
          ).data()) as Float64Array
          const at = (data: Float64Array) =>
            simplexSample({
              points: tensor(data, { shape: [60, dim], dtype: 'float64', device }),
              ...field,
            }).value
          const want = (await at(here).data()) as Float64Array
          for (let axis = 0; axis < dim; ++axis) {
            for (const turns of [1, -3]) {
              const moved = here.map((x, i) => (i % dim === axis ? x + turns * period : x))
              assertClose(await at(moved).data(), want, 1e-11, `period ${period}, axis ${axis}`)
            }
          }
          const other = here.map((x, i) => (i % dim === 0 ? x + period / 2 : x))
          const elsewhere = await at(other).data()
          assert.ok(
            'table' in variant || want.some((x, i) => Math.abs(x - Number(elsewhere[i])) > 1e-3),
          )
        }
      }
    })

    test(`far and missing coordinates in ${dim} dimensions`, async () => {
      await using _ = scope()
      const rows = [Number.NaN, Infinity, -Infinity, 1e10, 1e15, -1e300, 2 ** 31 + 0.3]
      for (const dtype of dtypes) {
        const data = rows.flatMap((x) => new Array<number>(dim).fill(0.4).fill(x, 0, 1))
        const points = tensor(data, { shape: [rows.length, dim], dtype, device })
        const { value } = simplexSample({ points, octaves: 2 })
        const got = [...((await value.data()) as Float64Array)]
        assert.deepEqual(
          got.map(Number.isNaN),
          rows.map((x) => !Number.isFinite(dtype === 'float32' ? Math.fround(x) : x)),
          `${dtype}: ${got}`,
        )
      }
    })
  }

  test('gradients reach the points', async () => {
    const data = generator(2)
      .uniforms(21)
      .map((u) => 5 * u)
    await checkGradients(name, { points: { shape: [7, 3], data } }, ({ points }) => [
      simplexSample({ points: points as Tensor, octaves: 2 }).value,
    ])
  })

  test('curl has no divergence', async () => {
    for (const dim of [2, 3]) {
      await using _ = scope()
      const center = (await scattered(device, { count: 40, dim })('float64').data()) as Float64Array
      for (const field of [{ octaves: 3 }, { warp: 0.3 }, { period: [3, 4, 5].slice(0, dim) }]) {
        const divergence = new Float64Array(40)
        const h = 1e-5
        for (let axis = 0; axis < dim; ++axis) {
          for (const side of [1, -1]) {
            const moved = center.map((x, i) => (i % dim === axis ? x + side * h : x))
            const points = tensor(moved, { shape: [40, dim], dtype: 'float64', device })
            const curl = (await simplexCurlSample({ points, ...field }).data()) as Float64Array
            for (let i = 0; i < 40; ++i) {
              divergence[i] =
                (divergence[i] as number) + (side * (curl[i * dim + axis] as number)) / (2 * h)
            }
          }
        }
        assert.ok(
          divergence.every((x) => Math.abs(x) < 1e-5),
          `${dim}D: ${divergence}`,
        )
      }
      const shape = [6, 7, 8].slice(0, dim)
      const got = await simplexCurlGrid({ shape, step: 0.3, dtype: 'float64', device }).data()
      assert.ok(got.some((x) => Math.abs(Number(x)) > 0.1))
    }
  })
})
