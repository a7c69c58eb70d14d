// A Gaussian policy's actions, advantages and loss against their definitions in float64.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  advantages,
  device as deviceOf,
  gaussianAction,
  type PolicyGradientLossOptions,
  policyGradientLoss,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { checkGradients } from './support/gradient-check.js'

const dtypes = ['float64', 'float32'] as const
const boundOf = (dtype: (typeof dtypes)[number]): number => (dtype === 'float64' ? 1e-13 : 1e-5)
const shapes: readonly (readonly [time: number, actions: number])[] = [
  [1, 1],
  [3, 31],
  [31, 33],
  [33, 3],
  [1, 128],
  ...(emulated ? [] : ([[1000, 5]] as const)),
]

interface Policy {
  readonly mean: Float64Array
  readonly logDeviation: Float64Array
  readonly action: Float64Array
  readonly advantages: Float64Array
  readonly value: Float64Array
  readonly returns: Float64Array
}

function drawPolicy(time: number, actions: number, seed: number): Policy {
  const { normals } = generator(seed)
  return {
    mean: normals(time * actions),
    logDeviation: normals(actions).map((x) => 0.3 * x - 0.5),
    action: normals(time * actions),
    advantages: normals(time),
    value: normals(time),
    returns: normals(time),
  }
}

function referenceLoss(
  policy: Policy,
  { valueWeight, entropyWeight }: { valueWeight: number; entropyWeight: number },
): number {
  const { mean, logDeviation, action, value, returns } = policy
  const time = policy.advantages.length
  let loss = 0
  for (let t = 0; t < time; ++t) {
    let logProbability = 0
    for (const [k, s] of logDeviation.entries()) {
      const at = t * logDeviation.length + k
      const z = ((action[at] as number) - (mean[at] as number)) / Math.exp(s)
      logProbability -= 0.5 * z * z + s + 0.5 * Math.log(2 * Math.PI)
    }
    const error = (returns[t] as number) - (value[t] as number)
    loss += -(policy.advantages[t] as number) * logProbability + 0.5 * valueWeight * error * error
  }
  const entropy = logDeviation.reduce((sum, s) => sum + s + 0.5 * Math.log(2 * Math.PI * Math.E), 0)
  return loss / time - entropyWeight * entropy
}

function shapeOf(key: keyof Policy, time: number, actions: number): number[] {
  if (key === 'mean' || key === 'action') return [time, actions]
  return [key === 'logDeviation' ? actions : time]
}

onEveryDevice('gaussianAction', (device) => {
  test('is a = μ + e^s ξ, outside the tape', async () => {
    await using _ = scope()
    for (const dtype of dtypes) {
      for (const [time, actions] of shapes) {
        const { mean, logDeviation, action: normal } = drawPolicy(time, actions, time)
        const shape = [time, actions]
        const action = gaussianAction({
          mean: tensor(mean, { shape, dtype, device, requiresGrad: true }),
          logDeviation: tensor(logDeviation, { dtype, device, requiresGrad: true }),
          normal: tensor(normal, { shape, dtype, device }),
        })
        const want = mean.map(
          (m, i) => m + Math.exp(logDeviation[i % actions] as number) * (normal[i] as number),
        )
        assert.deepEqual(action.shape, shape)
        assertClose(await action.data(), want, boundOf(dtype), `${shape} in ${dtype}`)
        assert.throws(() => action.backward(action), { code: 'ERR_VALUE' })
      }
    }
  })

  test('refuses what does not fit', async () => {
    await using _ = scope()
    const make = (...shape: number[]) => zeros(shape, { device })
    const valid = { mean: make(4, 3), logDeviation: make(3), normal: make(4, 3) }
    const refuse = (change: object, code: string, message: string) =>
      assert.throws(() => gaussianAction({ ...valid, ...change }), { code, message })
    refuse(
      { mean: make(0, 3) },
      'ERR_SHAPE',
      'gaussianAction: mean must be of shape (time, actions) with sizes of at least 1, got [0,3]',
    )
    refuse(
      { mean: zeros([4, 3], { dtype: 'float16', device }) },
      'ERR_DTYPE',
      'gaussianAction: mean must be float64 or float32, got float16',
    )
    refuse(
      { logDeviation: make(4) },
      'ERR_SHAPE',
      'gaussianAction: logDeviation must be of shape (actions = 3), got [4]',
    )
    refuse(
      { normal: make(3, 4) },
      'ERR_SHAPE',
      'gaussianAction: normal must be of shape (time = 4, actions = 3), got [3, 4]',
    )
  })
})

onEveryDevice('advantages', (device) => {
  for (const time of emulated ? [1, 3, 31, 300] : [1, 3, 31, 33, 256, 257, 5000]) {
    test(`are the discounted differences of ${time} steps`, async () => {
      await using _ = scope()
      const { normals } = generator(time)
      const [rewards, values, last] = [normals(time), normals(time), normals(1)]
      for (const dtype of dtypes) {
        for (const [discount, trace] of [
          [0.99, 0.95],
          [1, 1],
          [0.9, 0],
          [0, 0.7],
        ] as const) {
          const got = advantages({
            rewards: tensor(rewards, { dtype, device }),
            values: tensor(values, { dtype, device }),
            lastValue: tensor(last, { dtype, device }),
            discount,
            trace,
          })
          const want = new Float64Array(time)
          let sum = 0
          for (let t = time - 1; t >= 0; --t) {
            const next = t + 1 < time ? values[t + 1] : last[0]
            const difference =
              (rewards[t] as number) + discount * (next as number) - (values[t] as number)
            sum = difference + discount * trace * sum
            want[t] = sum
          }
          const label = `γ = ${discount}, λ = ${trace} in ${dtype}`
          assertClose(await got.advantages.data(), want, boundOf(dtype), label)
          const returns = want.map((a, t) => a + (values[t] as number))
          assertClose(await got.returns.data(), returns, boundOf(dtype), label)
        }
      }
    })
  }

  test('are by default those of γ = 0.99 and λ = 0.95', async () => {
    await using _ = scope()
    const series = { dtype: 'float64', device } as const
    const given = {
      rewards: tensor([1, 2], series),
      values: tensor([3, 4], series),
      lastValue: tensor([5], series),
    }
    const [first, second] = await advantages(given).advantages.data()
    const last = 2 + 0.99 * 5 - 4
    assertClose(
      [first as number, second as number],
      [1 + 0.99 * 4 - 3 + 0.9405 * last, last],
      1e-15,
      'Â',
    )
  })

  test('refuse what does not fit', async () => {
    await using _ = scope()
    const make = (...shape: number[]) => zeros(shape, { device })
    const valid = { rewards: make(4), values: make(4), lastValue: make(1) }
    const refuse = (change: object, code: string, message: string) =>
      assert.throws(() => advantages({ ...valid, ...change }), { code, message })
    refuse(
      { rewards: make(0) },
      'ERR_SHAPE',
      'advantages: rewards must be of at least 1 step, got [0]',
    )
    refuse(
      { rewards: make(2, 2) },
      'ERR_SHAPE',
      'advantages: rewards must be of shape (time), got [2, 2]',
    )
    refuse(
      { values: make(5) },
      'ERR_SHAPE',
      'advantages: values must be of shape (time = 4), got [5]',
    )
    refuse(
      { lastValue: make(2) },
      'ERR_SHAPE',
      'advantages: lastValue must be of shape (one = 1), got [2]',
    )
    for (const key of ['discount', 'trace']) {
      for (const value of [-0.1, 1.5, Number.NaN]) {
        refuse(
          { [key]: value },
          'ERR_VALUE',
          `advantages: ${key} must be a number in [0, 1], got ${value}`,
        )
      }
    }
  })
})

onEveryDevice('policyGradientLoss', (device) => {
  for (const [time, actions] of shapes) {
    const policy = drawPolicy(time, actions, 10 * time + actions)
    const make = (key: keyof Policy, dtype: 'float32' | 'float64', requiresGrad = false): Tensor =>
      tensor(policy[key], { shape: shapeOf(key, time, actions), dtype, device, requiresGrad })
    const given = (dtype: 'float32' | 'float64', requiresGrad = false) => ({
      mean: make('mean', dtype, requiresGrad),
      logDeviation: make('logDeviation', dtype, requiresGrad),
      action: make('action', dtype),
      advantages: make('advantages', dtype),
      value: make('value', dtype, requiresGrad),
      returns: make('returns', dtype),
    })

    test(`is its definition for ${time} steps of ${actions} actions`, async () => {
      await using _ = scope()
      for (const dtype of dtypes) {
        const weights = { valueWeight: 0.7, entropyWeight: 0.03 }
        const inputs = given(dtype)
        const scale = Math.abs(referenceLoss(policy, weights)) + actions
        const close = async (loss: Tensor, want: number) => {
          const error = Math.abs((await loss.item()) - want) / scale
          assert.ok(error <= boundOf(dtype), `${dtype}: ${error}`)
        }
        await close(policyGradientLoss({ ...inputs, ...weights }), referenceLoss(policy, weights))
        const plain = { ...inputs, value: null, returns: null }
        const none = { ...policy, value: policy.returns }
        await close(policyGradientLoss({ ...plain, ...weights }), referenceLoss(none, weights))
        const defaults = { valueWeight: 0.5, entropyWeight: 0 }
        await close(policyGradientLoss(inputs), referenceLoss(policy, defaults))
      }
    })

    test(`gradients agree with central differences for ${time} steps of ${actions} actions`, async () => {
      const checked = (key: keyof Policy) => ({
        shape: shapeOf(key, time, actions),
        data: policy[key],
      })
      const both = { mean: checked('mean'), logDeviation: checked('logDeviation') }
      const loss = (change: object) => [
        policyGradientLoss({
          ...given('float64'),
          valueWeight: 0.7,
          entropyWeight: 0.1,
          ...change,
        }),
      ]
      const options = { sample: emulated ? 5 : 12, tolerance: 1e-6 }
      await checkGradients(device, { ...both, value: checked('value') }, loss, options)
      await checkGradients(
        device,
        both,
        (change) => loss({ value: null, returns: null, ...change }),
        options,
      )
      await checkGradients(device, { mean: both.mean }, loss, options)
    })

    test(`float32 gradients are those of float64 for ${time} steps of ${actions} actions`, async () => {
      await using _ = scope()
      const gradients = async (dtype: 'float32' | 'float64') => {
        const { mean, logDeviation, value, ...fixed } = given(dtype, true)
        const loss = policyGradientLoss({ mean, logDeviation, value, ...fixed, entropyWeight: 0.1 })
        loss.backward()
        return await Promise.all(
          [mean, logDeviation, value].map(async (leaf) => await (leaf.grad as Tensor).data()),
        )
      }
      const [wide, narrow] = [await gradients('float64'), await gradients('float32')]
      for (const [i, want] of wide.entries()) {
        assertClose(narrow[i] as Float32Array, want, 1e-4, `gradient ${i}`)
      }
    })
  }

  test('two runs give the same bits, and disposal gives everything back', async () => {
    const on = deviceOf(device)
    await on.synchronize()
    const before = on.memory().live
    const run = async () => {
      await using _ = scope()
      const policy = drawPolicy(77, 19, 2)
      const given = Object.fromEntries(
        Object.entries(policy).map(([key, data]) => {
          const shape = shapeOf(key as keyof Policy, 77, 19)
          const requiresGrad = ['mean', 'logDeviation', 'value'].includes(key)
          return [key, tensor(data, { shape, device, requiresGrad })]
        }),
      )
      const loss = policyGradientLoss(given as unknown as PolicyGradientLossOptions)
      loss.backward()
      const leaves = [given.mean, given.logDeviation, given.value] as Tensor[]
      const gradients = leaves.map(async (leaf) => [...(await (leaf.grad as Tensor).data())])
      const numbers = [...(await loss.data()), ...(await Promise.all(gradients)).flat()]
      for (const leaf of leaves) leaf.grad?.dispose()
      return numbers
    }
    assertSameBits(await run(), await run(), 'second run')
    await on.synchronize()
    assert.equal(on.memory().live, before)
  })

  test('every argument is refused where it does not fit', async () => {
    await using _ = scope()
    const make = (...shape: number[]) => zeros(shape, { device })
    const valid = {
      mean: make(4, 3),
      logDeviation: make(3),
      action: make(4, 3),
      advantages: make(4),
      value: make(4),
      returns: make(4),
    }
    const refuse = (change: object, code: string, message: string) =>
      assert.throws(() => policyGradientLoss({ ...valid, ...change }), {
        code,
        message: `policyGradientLoss: ${message}`,
      })
    refuse(
      { mean: make(4, 0) },
      'ERR_SHAPE',
      'mean must be of shape (time, actions) with sizes of at least 1, got [4,0]',
    )
    refuse(
      { logDeviation: make(2) },
      'ERR_SHAPE',
      'logDeviation must be of shape (actions = 3), got [2]',
    )
    refuse(
      { action: make(4, 2) },
      'ERR_SHAPE',
      'action must be of shape (time = 4, actions = 3), got [4, 2]',
    )
    for (const key of ['advantages', 'value', 'returns']) {
      refuse({ [key]: make(5) }, 'ERR_SHAPE', `${key} must be of shape (time = 4), got [5]`)
      refuse(
        { [key]: zeros([4], { dtype: 'float64', device }) },
        'ERR_DTYPE',
        `${key} must be float32, got float64`,
      )
    }
    const rule = 'returns must be given where value is, and only there'
    refuse({ returns: null }, 'ERR_VALUE', `${rule}, got value alone`)
    refuse({ value: null }, 'ERR_VALUE', `${rule}, got returns alone`)
    refuse({ valueWeight: -1 }, 'ERR_VALUE', 'valueWeight must be a number in [0, 1e+30], got -1')
    refuse(
      { entropyWeight: Number.NaN },
      'ERR_VALUE',
      'entropyWeight must be a number in [-1e+30, 1e+30], got NaN',
    )
  })
})
