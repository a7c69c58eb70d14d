// Optimisers and random numbers against their golden files and definitions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Adam,
  AdamW,
  cosineSchedule,
  type Optimizer,
  randomNormal,
  randomUniform,
  Sgd,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import { assertClose, assertSameBits } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'

interface OptimizerArguments {
  kind: 'adamw' | 'adam' | 'sgd'
  steps: number
  lr: number
  betas: [number, number]
  eps: number
  weightDecay: number
  momentum: number
  maxNorm: number
  schedule: string
  warmup: number
  total: number
  floor: number
}

function makeOptimizer(parameters: readonly Tensor[], args: OptimizerArguments): Optimizer {
  const { kind, lr, betas, eps, weightDecay, momentum, maxNorm } = args
  const shared = { learningRate: lr, clipNorm: maxNorm, weightDecay }
  if (kind === 'sgd') return new Sgd(parameters, { ...shared, momentum })
  const options = { ...shared, betas, epsilon: eps }
  return kind === 'adam' ? new Adam(parameters, options) : new AdamW(parameters, options)
}

onEveryDevice('optimisers', (device) => {
  for (const name of goldenNames(/^optimiser-/)) {
    test(`meet ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of ['float64', 'float32'] as const) await follow(golden, dtype)
    })
  }

  async function follow(golden: GoldenCase, dtype: 'float64' | 'float32'): Promise<void> {
    await using _ = scope()
    const args = golden.args as unknown as OptimizerArguments
    const parameters: Tensor[] = []
    for (let n = 0; golden.arrays.has(`in.parameter${n}`); ++n) {
      const { data, shape } = golden.arrays.get(`in.parameter${n}`) as NonNullable<
        ReturnType<typeof golden.arrays.get>
      >
      parameters.push(tensor(data, { shape, dtype, device, requiresGrad: true }))
    }
    const optimizer = makeOptimizer(parameters, args)
    const rates = golden.arrays.get('out.rates')?.data ?? []
    const bound = dtype === 'float64' ? 1e-12 : 1e-5
    for (let step = 0; step < args.steps; ++step) {
      optimizer.learningRate = rates[step] as number
      for (const [n, parameter] of parameters.entries()) {
        const all = golden.arrays.get(`in.gradients${n}`)?.data ?? []
        const one = Array.from(all).slice(step * parameter.length, (step + 1) * parameter.length)
        parameter.grad = tensor(one, { shape: parameter.shape, dtype, device })
      }
      optimizer.step()
      for (const [n, parameter] of parameters.entries()) {
        const all = golden.arrays.get(`out.parameters${n}`)?.data ?? []
        const want = Array.from(all).slice(step * parameter.length, (step + 1) * parameter.length)
        assertClose(
          await parameter.data(),
          want,
          bound,
          `${golden.name} ${dtype} step ${step} parameter ${n}`,
        )
      }
      if (optimizer.norm) {
        const want = [golden.arrays.get('out.norms')?.data[step] as number]
        assertClose(
          await optimizer.norm.data(),
          want,
          bound,
          `${golden.name} ${dtype} norm ${step}`,
        )
      }
    }
    optimizer.dispose()
  }

  test('a schedule sets the rate and training lowers a quadratic', async () => {
    await using _ = scope()
    const weight = tensor([3, -2], { shape: [1, 2], dtype: 'float64', device, requiresGrad: true })
    const { linear } = await import('../lib/index.js')
    const optimizer = new AdamW([weight], { learningRate: 0.3, weightDecay: 0, clipNorm: 1 })
    const schedule = cosineSchedule({ learningRate: 0.3, warmup: 5, total: 60, floor: 0 })
    for (let step = 0; step < 60; ++step) {
      optimizer.learningRate = schedule(step)
      // L = |w|²/2 through its gradient w = w I
      const output = linear({
        input: tensor([1, 0, 0, 1], { shape: [2, 2], dtype: 'float64', device }),
        weight,
      })
      output.backward(output.detach())
      optimizer.step()
    }
    for (const value of await weight.data()) assert.ok(Math.abs(value) < 0.1, `got ${value}`)
    optimizer.dispose()
  })
})

onEveryDevice('random numbers', (device) => {
  test('repeat for a seed, differ between streams, and have their moments', async () => {
    await using _ = scope()
    const count = 40_000
    const draw = async (seed: number, stream: number, kind: 'uniform' | 'normal') => {
      const made = zeros([count], { device, dtype: 'float64' })
      if (kind === 'uniform') randomUniform(made, { seed, stream })
      else randomNormal(made, { seed, stream })
      return await made.data()
    }
    for (const [kind, mean, variance] of [
      ['uniform', 0.5, 1 / 12],
      ['normal', 0, 1],
    ] as const) {
      const first = await draw(7, 1, kind)
      assertSameBits(await draw(7, 1, kind), first, kind)
      assert.notDeepEqual((await draw(7, 2, kind)).slice(0, 8), first.slice(0, 8))
      assert.notDeepEqual((await draw(8, 1, kind)).slice(0, 8), first.slice(0, 8))
      const average = first.reduce((sum, x) => sum + x, 0) / count
      const spread = first.reduce((sum, x) => sum + (x - average) ** 2, 0) / count
      assert.ok(
        Math.abs(average - mean) < 5 * Math.sqrt(variance / count),
        `${kind} mean ${average}`,
      )
      assert.ok(Math.abs(spread - variance) < 0.05 * variance, `${kind} variance ${spread}`)
    }
  })

  test('float32 uniforms are the golden words', async () => {
    await using _ = scope()
    const golden = await readGolden('philox')
    const counters = golden.arrays.get('in.counter')?.data as Int32Array
    const keys = golden.arrays.get('in.key')?.data as Int32Array
    const words = golden.arrays.get('out.words')?.data as Int32Array
    let compared = 0
    for (let row = 0; row < keys.length / 2; ++row) {
      const [low = 0, high = 0, stream = 0, last = 0] = counters.subarray(4 * row, 4 * row + 4)
      // Positions far into a stream would need tensors of that length.
      if (high !== 0 || last !== 0 || low < 0 || low > 1000) continue
      const seed =
        ((keys[2 * row] as number) >>> 0) + ((keys[2 * row + 1] as number) >>> 0) * 2 ** 32
      if (!Number.isSafeInteger(seed)) continue
      const made = zeros([4 * (low + 1)], { device })
      randomUniform(made, { seed, stream: stream >>> 0 })
      const want = Array.from(
        words.subarray(4 * row, 4 * row + 4),
        (word) => (word >>> 8) * 2 ** -24,
      )
      assertSameBits((await made.data()).subarray(4 * low), want, `row ${row}`)
      ++compared
    }
    assert.ok(compared > 0, 'no golden row has a small position')
  })
})
