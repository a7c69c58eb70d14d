// Coupling, pooling, block and language model against their golden files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  blockDiagonal,
  causalHold,
  causalPool,
  type DeviceName,
  device as deviceOf,
  type FloatDtype,
  gate,
  generate,
  linear,
  scope,
  TemporalEigenstateNetwork,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { MultiScaleMixer } from '../lib/nn/multi-scale-mixer.js'
import { Parameters } from '../lib/nn/parameters.js'
import { type BlockCall, TemporalEigenstateBlock } from '../lib/nn/temporal-eigenstate-block.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden, withPrefix } from './support/golden.js'
import { runGolden, tolerances } from './support/golden-run.js'

const dtypes = ['float64', 'float32'] as const

onEveryDevice('coupling', (device) => {
  for (const name of goldenNames(/^coupled-/)) {
    test(`meets ${name}, folded and applied to the states`, async () => {
      const golden = await readGolden(name)
      for (const dtype of dtypes) {
        for (const folded of [true, false]) {
          await runGolden(golden, {
            device,
            dtype,
            compute: (inputs) => {
              const get = (key: string): Tensor => inputs.get(key) as Tensor
              const [states, coupling, outWeight] = [
                get('states'),
                get('coupling'),
                get('outWeight'),
              ]
              const value = folded
                ? linear({
                    input: states,
                    weight: blockDiagonal({ input: outWeight, coupling, transpose: true }),
                  })
                : linear({ input: blockDiagonal({ input: states, coupling }), weight: outWeight })
              if (!inputs.has('gateWeight')) return { y: value }
              const gateInput = linear({ input: get('x'), weight: get('gateWeight') })
              return { y: gate({ value, gate: gateInput, bias: get('gateBias') }) }
            },
          })
        }
      }
    })
  }
})

onEveryDevice('HTEN', (device) => {
  for (const name of goldenNames(/^hten-pool/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      const scale = golden.args.scale as number
      for (const dtype of dtypes) {
        await runGolden(golden, {
          device,
          dtype,
          compute: (inputs) => {
            const input = inputs.get('x') as Tensor
            const pooled = causalPool({ input, scale })
            return { pooled, held: causalHold({ input: pooled, scale, time: input.shape[1] ?? 0 }) }
          },
        })
      }
    })
  }

  for (const name of goldenNames(/^hten-mix/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      const scales = golden.args.scales as number[]
      const [width = 0] = golden.arrays.get('in.x')?.shape.slice(-1) ?? []
      const eigenstates = scales.reduce(
        (sum, s) => sum + (golden.arrays.get(`in.scale${s}.logDecay`)?.data.length ?? 0),
        0,
      )
      for (const dtype of dtypes) {
        await checkParameters(golden, { device, dtype, prefix: '' }, (parameters) => {
          const mixer = new MultiScaleMixer(parameters, '', {
            ...blockDefaults(width, eigenstates),
            scales,
          })
          return (inputs) => ({ h: mixer.forward(inputs.get('x') as Tensor, call(dtype)).mixed })
        })
      }
    })
  }
})

onEveryDevice('TemporalEigenstateBlock', (device) => {
  for (const name of goldenNames(/^block-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      const [width = 0] = golden.arrays.get('in.x')?.shape.slice(-1) ?? []
      const eigenstates = golden.arrays.get('in.frequency')?.data.length ?? 0
      const { heads, selective, pro, eps, selectionScale } = golden.args as Record<string, number>
      for (const dtype of dtypes) {
        await checkParameters(golden, { device, dtype, prefix: 'layer1.' }, (parameters) => {
          const block = new TemporalEigenstateBlock(parameters, {
            ...blockDefaults(width, eigenstates),
            heads: heads ?? 1,
            selective: Boolean(selective),
            pro: Boolean(pro),
            epsilon: eps ?? 1e-5,
            selectionScale: selectionScale ?? 0.1,
          })
          return (inputs) => {
            const memory = inputs.get('memory') ?? null
            const { output, coupled } = block.forward(inputs.get('x') as Tensor, {
              ...call(dtype),
              memory,
              coupled: true,
            })
            return { y: output, ...(coupled && { coupled }) }
          }
        })
      }
    })
  }
})

onEveryDevice('TemporalEigenstateNetwork', (device) => {
  for (const name of goldenNames(/^model-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of dtypes) await runModel(golden, device, dtype)
    })
  }

  const small = { vocabulary: 11, width: 12, layers: 2, eigenstates: 8, heads: 2, seed: 3, device }
  const variants = {
    fixed: {},
    selective: { selective: true },
    pro: { pro: true },
    'pro selective': { pro: true, selective: true },
    scales: { scales: [1, 2, 4, 8] },
  }
  for (const [name, options] of Object.entries(variants)) {
    test(`${name}: steps after a prompt agree with the whole sequence`, async () => {
      await using _ = scope()
      const model = new TemporalEigenstateNetwork({ ...small, ...options })
      const tokens = Int32Array.from(generator(4).uniforms(2 * 19), (u) => Math.floor(u * 11))
      const int32 = { dtype: 'int32', device } as const
      const whole = await model.logits(tensor(tokens, { ...int32, shape: [2, 19] })).data()
      for (const prompt of [1, 2, 13]) {
        const head = [...tokens.subarray(0, prompt), ...tokens.subarray(19, 19 + prompt)]
        let { logits, state } = model.read(tensor(head, { ...int32, shape: [2, prompt] }))
        for (let t = prompt; t <= 19; ++t) {
          const want = [0, 1].flatMap((b) => [
            ...whole.subarray((b * 19 + t - 1) * 11, (b * 19 + t) * 11),
          ])
          assertClose(await logits.data(), want, 1e-5, `prompt ${prompt}, token ${t}`)
          if (t < 19) {
            const next = tensor([tokens[t] as number, tokens[19 + t] as number], int32)
            ;({ logits, state } = model.step(next, state))
          }
        }
      }
      model.dispose()
    })
  }

  test('bfloat16 and float16 stay near float32, with float32 parameters', async () => {
    await using _ = scope()
    const tokens = Int32Array.from(generator(5).uniforms(2 * 17), (u) => Math.floor(u * 11))
    const int32 = { dtype: 'int32', device, shape: [2, 17] } as const
    const run = async (precision: FloatDtype) => {
      const model = new TemporalEigenstateNetwork({ ...small, selective: true, precision })
      const loss = model.loss(tensor(tokens, int32), tensor(tokens, int32))
      loss.backward()
      const gradient = model.namedParameters().get('layer0.inWeight')?.grad
      assert.equal(gradient?.dtype, 'float32')
      const result = { loss: await loss.item(), gradient: await (gradient as Tensor).data() }
      model.dispose()
      return result
    }
    const want = await run('float32')
    for (const precision of ['bfloat16', 'float16'] as const) {
      const got = await run(precision)
      assert.ok(
        Math.abs(got.loss - want.loss) < 1e-2 * want.loss,
        `${precision}: ${got.loss} and ${want.loss}`,
      )
      assertClose(
        got.gradient,
        want.gradient,
        precision === 'bfloat16' ? 0.1 : 0.02,
        `${precision} gradient`,
      )
    }
  })

  test('dropout repeats for a seed and differs from step to step', async () => {
    await using _ = scope()
    const tokens = tensor(
      Int32Array.from({ length: 24 }, (_, i) => i % 11),
      { dtype: 'int32', device, shape: [2, 12] },
    )
    const losses = async (): Promise<number[]> => {
      const model = new TemporalEigenstateNetwork({ ...small, dropout: 0.5 })
      const found = []
      for (let step = 0; step < 3; ++step) found.push(await model.loss(tokens, tokens).item())
      model.dispose()
      return found
    }
    const first = await losses()
    assert.deepEqual(await losses(), first)
    assert.equal(new Set(first).size, 3)
  })

  test('generation repeats for a seed, and temperature 0 takes the best token', async () => {
    const model = new TemporalEigenstateNetwork(small)
    const draw = async (options: { seed?: number; temperature?: number }) => {
      const drawn: number[] = []
      for await (const token of generate(model, {
        prompt: [1, 2, 3],
        count: emulated ? 5 : 20,
        ...options,
      }))
        drawn.push(token)
      return drawn
    }
    const live = deviceOf(device).memory().live
    const first = await draw({ seed: 9 })
    assert.deepEqual(await draw({ seed: 9 }), first)
    const best = await draw({ temperature: 0 })
    assert.deepEqual(await draw({ temperature: 0, seed: 4 }), best)
    assert.equal(deviceOf(device).memory().live, live)
    model.dispose()
  })

  test('a run repeats to the bit', async () => {
    await using _ = scope()
    const tokens = tensor(
      Int32Array.from({ length: 62 }, (_, i) => (i * 7) % 11),
      { dtype: 'int32', device, shape: [2, 31] },
    )
    const gradients = async (): Promise<ArrayLike<number>[]> => {
      const model = new TemporalEigenstateNetwork({ ...small, pro: true, selective: true })
      model.loss(tokens, tokens).backward()
      const found = []
      for (const parameter of model.parameters())
        if (parameter.grad) found.push(await parameter.grad.data())
      model.dispose()
      return found
    }
    const first = await gradients()
    for (const [i, again] of (await gradients()).entries())
      assertSameBits(first[i] as Float32Array, again, `parameter ${i}`)
  })
})

function blockDefaults(width: number, eigenstates: number) {
  return {
    width,
    eigenstates,
    heads: 1,
    selective: false,
    pro: false,
    scales: [],
    layer: 1,
    layers: 2,
    initialisation: 'paper',
    trainingLength: 64,
    epsilon: 1e-5,
    selectionScale: 0.1,
    checkpoint: undefined,
    seed: 0,
  } as const
}

function call(precision: FloatDtype): BlockCall {
  return {
    memory: null,
    state: null,
    precision,
    dropout: { probability: 0, seed: 0, step: 0 },
    exact: false,
    carry: false,
    coupled: false,
  }
}

// Like runGolden, with the parameters taken from a model's own set.
async function checkParameters(
  golden: GoldenCase,
  { device, dtype, prefix }: { device: DeviceName; dtype: 'float64' | 'float32'; prefix: string },
  build: (
    parameters: Parameters,
  ) => (inputs: ReadonlyMap<string, Tensor>) => Readonly<Record<string, Tensor>>,
): Promise<void> {
  await using _ = scope()
  const parameters = new Parameters({ device: deviceOf(device), dtype, seed: 0 })
  const compute = build(parameters)
  const given = withPrefix(golden, 'in')
  for (const [name, parameter] of parameters.named) {
    const data = given.get(name.slice(prefix.length))
    if (!data) throw new Error(`${golden.name} has no ${name}`)
    parameter.set(data.data as Float64Array)
  }
  await runGolden(
    {
      ...golden,
      arrays: new Map(
        [...golden.arrays].filter(
          ([key]) => !parameters.named.has(prefix + key.slice(5)) || !key.startsWith('grad.'),
        ),
      ),
    },
    { device, dtype, compute },
  )
  for (const [name, parameter] of parameters.named) {
    const want = golden.arrays.get(`grad.${name.slice(prefix.length)}`)
    if (!want) continue
    const got = (await parameter.grad?.data()) ?? new Float64Array(want.data.length)
    assertClose(
      got,
      want.data,
      tolerances[dtype].gradient,
      `${golden.name} in ${dtype} on ${device}: gradient of ${name}`,
    )
  }
  parameters.dispose()
}

async function runModel(
  golden: GoldenCase,
  device: DeviceName,
  dtype: 'float64' | 'float32',
): Promise<void> {
  await using _ = scope()
  const { args, arrays } = golden
  const size = (key: string, axis: number): number => arrays.get(`in.${key}`)?.shape[axis] ?? 0
  const model = new TemporalEigenstateNetwork({
    vocabulary: size('embedding', 0),
    width: size('embedding', 1),
    layers: args.layers as number,
    eigenstates: size('layer0.frequency', 0),
    heads: args.heads as number,
    selective: args.selective === true,
    pro: args.pro === true,
    positions: args.positions ? size('positions', 0) : 0,
    epsilon: args.eps as number,
    selectionScale: (args.selectionScale as number | undefined) ?? 0.1,
    precision: dtype,
    device,
  })
  for (const [name, parameter] of model.namedParameters()) {
    const data = arrays.get(`in.${name}`)
    if (!data) throw new Error(`${golden.name} has no ${name}`)
    parameter.set(data.data as Float64Array)
  }
  const int32 = (key: string) => {
    const array = arrays.get(`in.${key}`)
    return tensor(array?.data ?? [], { shape: array?.shape ?? [], dtype: 'int32', device })
  }
  const [tokens, targets] = [int32('tokens'), int32('targets')]
  const label = `${golden.name} in ${dtype} on ${device}`
  const { output, gradient } = tolerances[dtype]
  assertClose(
    await model.logits(tokens).data(),
    arrays.get('out.logits')?.data ?? [],
    output,
    `${label}: logits`,
  )
  const loss = model.loss(tokens, targets)
  assertClose(await loss.data(), arrays.get('out.loss')?.data ?? [], output, `${label}: loss`)
  loss.backward()
  for (const [name, parameter] of model.namedParameters()) {
    const want = arrays.get(`grad.${name}`)?.data
    if (!want) continue
    const got = (await parameter.grad?.data()) ?? new Float64Array(want.length)
    assertClose(got, want, gradient, `${label}: gradient of ${name}`)
  }
  model.dispose()
}
