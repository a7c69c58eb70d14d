// ReLU, tanh and the logistic function against their definitions in float64.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FloatDtype, relu, scope, sigmoid, type Tensor, tanh, tensor } from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { tolerances } from './support/golden-run.js'
import { checkGradients } from './support/gradient-check.js'

const functions: Readonly<
  Record<string, { run: (x: Tensor) => Tensor; reference: (x: number) => number }>
> = {
  relu: { run: relu, reference: (x) => Math.max(x, 0) },
  tanh: { run: tanh, reference: Math.tanh },
  sigmoid: { run: sigmoid, reference: (x) => 1 / (1 + Math.exp(-x)) },
}
const dtypes: readonly FloatDtype[] = ['float64', 'float32', 'bfloat16', 'float16']

onEveryDevice('activations', (device) => {
  for (const [name, { run, reference }] of Object.entries(functions)) {
    for (const dtype of dtypes) {
      test(`${name} in ${dtype} is its definition for odd lengths`, async () => {
        await using _ = scope()
        for (const length of emulated ? [1, 3, 31, 1000] : [1, 3, 31, 33, 70001]) {
          const input = tensor(
            generator(length)
              .normals(length)
              .map((x) => 3 * x),
            { dtype, device },
          )
          // What is stored is the argument: rounding it is not the function's error.
          const stored = Float64Array.from(await input.data())
          const want = stored.map(reference)
          const { output } = tolerances[dtype]
          assertClose(await run(input).data(), want, output, `${name} of ${length}`)
        }
      })
    }

    test(`gradients of ${name} agree with central differences`, async () => {
      // Away from 0, where ReLU has no slope.
      const data = generator(2)
        .normals(37)
        .map((x) => x + 0.1 * Math.sign(x))
      await checkGradients(
        device,
        { x: { shape: [37], data } },
        ({ x }) => [run(x as NonNullable<typeof x>)],
        { sample: 37 },
      )
    })

    test(`${name} keeps NaN, its limits and an empty shape`, async () => {
      await using _ = scope()
      const data = [Number.NaN, -Infinity, Infinity, -1e30, 1e30]
      const got = await run(tensor(data, { dtype: 'float64', device })).data()
      assertSameBits(got, data.map(reference), name)
      assert.deepEqual(run(tensor([], { shape: [0, 3], device })).shape, [0, 3])
    })

    test(`${name} refuses integers, disposed tensors and what is no tensor`, async () => {
      await using _ = scope()
      assert.throws(() => run(tensor([1], { dtype: 'int32', device })), {
        name: 'DtypeError',
        code: 'ERR_DTYPE',
        message: `${name}: input must be of a floating type, got int32`,
      })
      const gone = tensor([1], { device })
      gone.dispose()
      assert.throws(() => run(gone), { name: 'DisposedError', code: 'ERR_DISPOSED' })
      assert.throws(() => run(3 as unknown as Tensor), {
        code: 'ERR_DTYPE',
        message: `${name}: input must be a tensor, got 3`,
      })
    })
  }

  test('the slope of ReLU at 0 is 0, from either side of zero', async () => {
    await using _ = scope()
    const x = tensor([0, -0, 1e-300, -1e-300], { dtype: 'float64', device, requiresGrad: true })
    relu(x).backward(tensor([1, 2, 3, 4], { dtype: 'float64', device }))
    assertSameBits(await (x.grad as Tensor).data(), [0, 0, 3, 0], 'gradient')
  })

  test('two runs give the same bits', async () => {
    await using _ = scope()
    const input = tensor(generator(9).normals(5003), { device })
    for (const { run } of Object.values(functions)) {
      assertSameBits(await run(input).data(), await run(input).data(), 'second run')
    }
  })
})
