// Affine maps and min-max normalisation against their definitions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { affine, normalize, scope, tensor } from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { checkGradients } from './support/gradient-check.js'

function normalized(data: Float64Array): Float64Array {
  const low = data.reduce((a, b) => Math.min(a, b))
  const high = data.reduce((a, b) => Math.max(a, b))
  return data.map((x) => (high === low ? 0 : (x - low) / (high - low)))
}

onEveryDevice('normalize', (device) => {
  const lengths = emulated ? [1, 2, 33, 5000, 40000] : [1, 2, 33, 5000, 16384, 40000, 300001]
  for (const length of lengths) {
    test(`${length} elements are mapped onto [0, 1] exactly`, async () => {
      await using _ = scope()
      const data = generator(length).normals(length)
      const output = await normalize(tensor(data, { dtype: 'float64', device })).data()
      assertSameBits(output, normalized(data), `${length} elements`)
      const single = Float32Array.from(data)
      const narrow = await normalize(tensor(single, { device })).data()
      assertClose(narrow, normalized(Float64Array.from(single)), 1e-6, 'float32')
      if (length > 1) {
        assert.equal(Math.min(...[...narrow].slice(0, 50000)) >= 0, true)
        assert.ok(narrow.includes(0) && narrow.includes(1))
      }
    })
  }

  test('a constant becomes zeros and its gradient is zero', async () => {
    await using _ = scope()
    const input = tensor(new Float64Array(37).fill(-2.5), {
      dtype: 'float64',
      device,
      requiresGrad: true,
    })
    const output = normalize(input)
    assertSameBits(await output.data(), new Float64Array(37), 'constant')
    output.backward(tensor(generator(1).normals(37), { dtype: 'float64', device }))
    const gradient = await (input.grad as NonNullable<typeof input.grad>).data()
    assert.ok(gradient.every((g) => g === 0))
  })

  test('NaN anywhere becomes NaN everywhere, and nothing is an empty tensor', async () => {
    await using _ = scope()
    for (const place of [0, 16, 40, 20000]) {
      const data = generator(place).normals(20001)
      data[place] = Number.NaN
      const output = await normalize(tensor(data, { device })).data()
      assert.ok(output.every(Number.isNaN), `NaN at ${place}`)
    }
    assert.deepEqual(normalize(tensor([], { device, shape: [0, 3] })).shape, [0, 3])
  })

  test('gradients agree with central differences, at the extremes too', async () => {
    const data = generator(3).normals(23)
    const shape = [23]
    const sample = 23
    await checkGradients(
      device,
      { x: { shape, data } },
      ({ x }) => [normalize(x as NonNullable<typeof x>)],
      { sample },
    )
    await checkGradients(device, { x: { shape, data } }, ({ x }) => [
      affine(x as NonNullable<typeof x>, { factor: -3, offset: 0.5 }),
    ])
  })

  test('of several equal extremes the first one takes the gradient', async () => {
    await using _ = scope()
    const input = tensor([1, 0, 2, 0, 2], { dtype: 'float64', device, requiresGrad: true })
    normalize(input).backward(tensor([1, 1, 1, 1, 1], { dtype: 'float64', device }))
    // y = (x − m) / 2: each element has 1/2; m takes −(5 − 2.5)/2, M takes −2.5/2.
    const gradient = await (input.grad as NonNullable<typeof input.grad>).data()
    assertSameBits(gradient, [0.5, -0.75, -0.75, 0.5, 0.5], 'gradient')
  })

  test('an affine map has one rounding', async () => {
    await using _ = scope()
    const data = generator(4).normals(1001)
    const output = await affine(tensor(data, { dtype: 'float64', device }), {
      factor: 1 / 3,
      offset: -7,
    }).data()
    assertClose(
      output,
      data.map((x) => x / 3 - 7),
      1e-15,
      'affine',
    )
  })
})
