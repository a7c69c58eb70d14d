// The order parameter, and the drive of oscillators by features.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderParameter, SensoryCoupling, scope, type Tensor, tensor } from '../lib/index.js'
import { assertClose, generator } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { type CheckedInput, checkGradients } from './support/gradient-check.js'

onEveryDevice('SensoryCoupling', (device) => {
  test('both modes drive as their equation says and pass gradients', async () => {
    for (const mode of ['rate', 'phase'] as const) {
      using senses = new SensoryCoupling({
        features: 3,
        oscillators: 4,
        mode,
        gain: 0.5,
        device,
        dtype: 'float64',
        seed: 2,
      })
      const { normals, uniforms } = generator(5)
      const inputs = {
        input: { shape: [2, 3], data: normals(6) },
        phases: { shape: [2, 4], data: uniforms(8).map((u) => 6 * u) },
      }
      {
        await using _ = scope()
        const input = tensor(inputs.input.data, { device, dtype: 'float64', shape: [2, 3] })
        const phases = tensor(inputs.phases.data, { device, dtype: 'float64', shape: [2, 4] })
        const drive = await senses.drive(input, phases).data()
        const named = senses.namedParameters()
        const planes = mode === 'rate' ? ['rate'] : ['sine', 'cosine']
        const weights = await Promise.all(
          planes.map((plane) => (named.get(`${plane}.weight`) as Tensor).data()),
        )
        const want = Float64Array.from({ length: 8 }, (_, place) => {
          const [b, i] = [Math.floor(place / 4), place % 4]
          const [s = 0, c = 0] = weights.map((weight) =>
            [0, 1, 2].reduce(
              (sum, k) =>
                sum + (weight[3 * i + k] as number) * (inputs.input.data[3 * b + k] as number),
              0,
            ),
          )
          const theta = inputs.phases.data[place] as number
          return 0.5 * (mode === 'rate' ? s : s * Math.cos(theta) - c * Math.sin(theta))
        })
        assertClose(drive, want, 1e-13, mode)
        if (mode === 'phase') {
          assert.throws(() => senses.drive(input), { code: 'ERR_VALUE', message: /phases/ })
        }
      }
      const { input, phases } = inputs
      const given: Record<string, CheckedInput> = mode === 'rate' ? { input } : { input, phases }
      await checkGradients(device, given, (made) => [
        senses.drive(made.input as Tensor, made.phases),
      ])
    }
  })
})

onEveryDevice('orderParameter', (device) => {
  test('agrees with its definition at every size, with gradients of R and psi', async () => {
    for (const [rows, N] of [
      [1, 1],
      [3, 5],
      [2, 63],
      [1, 64],
      [2, 8200],
    ] as const) {
      const data = generator(N)
        .normals(rows * N)
        .map((x) => 3 * x)
      for (const dtype of ['float64', 'float32'] as const) {
        await using _ = scope()
        const { R, psi } = orderParameter(tensor(data, { device, dtype, shape: [rows, N] }))
        const circle = (row: number, f: (x: number) => number) =>
          data.subarray(row * N, (row + 1) * N).reduce((sum, x) => sum + f(x), 0) / N
        const bound = dtype === 'float64' ? 1e-13 : 1e-5
        const [gotR, gotPsi] = [await R.data(), await psi.data()]
        for (let row = 0; row < rows; ++row) {
          const [c, s] = [circle(row, Math.cos), circle(row, Math.sin)]
          assertClose([gotR[row] as number], [Math.hypot(c, s)], bound, `R of ${N}`)
          const angle = (Math.atan2(s, c) + 2 * Math.PI) % (2 * Math.PI)
          assertClose([gotPsi[row] as number], [angle], 30 * bound, `psi of ${N}`)
        }
      }
      if (N > 100) continue
      const inputs = { phases: { shape: [rows, N], data } }
      await checkGradients(
        device,
        inputs,
        (given) => {
          const { R, psi } = orderParameter(given.phases as Tensor)
          return N === 1 ? [psi] : [R, psi]
        },
        { tolerance: 1e-6 },
      )
    }
  })

  test('splay phases have R = 0 and no gradient of psi', async () => {
    await using _ = scope()
    const phases = tensor([0, Math.PI], { device, dtype: 'float64', requiresGrad: true })
    const { R, psi } = orderParameter(phases)
    assert.ok((await R.item()) < 1e-15)
    psi.backward()
    assert.deepEqual(Array.from(await (phases.grad as Tensor).data(), Math.abs), [0, 0])
  })
})
