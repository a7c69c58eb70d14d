// The LSTM against its recurrence written from the definition in float64.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Adam,
  device as deviceOf,
  Linear,
  Lstm,
  type LstmState,
  lstmLayer,
  noGrad,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import { runProgram } from './support/child.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { checkGradients } from './support/gradient-check.js'

interface Sizes {
  readonly batch: number
  readonly time: number
  readonly width: number
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

function numbersFor({ batch, time, width }: Sizes, seed: number) {
  const { normals } = generator(seed)
  const scaled = (count: number, factor: number) => normals(count).map((x) => factor * x)
  return {
    inputGates: scaled(batch * time * 4 * width, 1),
    weight: scaled(4 * width * width, 1 / Math.sqrt(width)),
    initialHidden: scaled(batch * width, 0.5),
    initialCell: scaled(batch * width, 0.5),
  }
}

type Numbers = ReturnType<typeof numbersFor>

function reference(
  { inputGates, weight, initialHidden, initialCell }: Numbers,
  { batch, time, width }: Sizes,
) {
  const hidden = new Float64Array(batch * time * width)
  const cell = new Float64Array(batch * time * width)
  for (let b = 0; b < batch; ++b) {
    let h = initialHidden.slice(b * width, (b + 1) * width)
    let c = initialCell.slice(b * width, (b + 1) * width)
    for (let t = 0; t < time; ++t) {
      const row = b * time + t
      const gate = (block: number, unit: number): number => {
        let sum = inputGates[(row * 4 + block) * width + unit] as number
        for (let k = 0; k < width; ++k)
          sum += (weight[(block * width + unit) * width + k] as number) * (h[k] as number)
        return sum
      }
      const before = h
      const nextCell = c.map(
        (value, unit) =>
          logistic(gate(1, unit)) * value + logistic(gate(0, unit)) * Math.tanh(gate(2, unit)),
      )
      h = before.map((_, unit) => logistic(gate(3, unit)) * Math.tanh(nextCell[unit] as number))
      c = nextCell
      hidden.set(h, row * width)
      cell.set(c, row * width)
    }
  }
  return { hidden, cell }
}

function shapesOf({ batch, time, width }: Sizes): Readonly<Record<keyof Numbers, number[]>> {
  return {
    inputGates: [batch, time, 4 * width],
    weight: [4 * width, width],
    initialHidden: [batch, width],
    initialCell: [batch, width],
  }
}

const cases: readonly Sizes[] = [
  { batch: 1, time: 1, width: 1 },
  { batch: 1, time: 3, width: 33 },
  { batch: 3, time: 1, width: 31 },
  { batch: 3, time: 3, width: 3 },
  { batch: 31, time: 3, width: 3 },
  { batch: 1, time: 31, width: 3 },
  ...(emulated
    ? []
    : [
        { batch: 33, time: 31, width: 33 },
        { batch: 1, time: 33, width: 131 },
        { batch: 2, time: 33, width: 65 },
      ]),
]

onEveryDevice('lstmLayer', (device) => {
  for (const sizes of cases) {
    const { batch, time, width } = sizes
    const label = `batch ${batch}, time ${time}, width ${width}`
    test(`is its recurrence with and without initial states: ${label}`, async () => {
      await using _ = scope()
      const shapes = shapesOf(sizes)
      for (const dtype of ['float64', 'float32'] as const) {
        const bound = dtype === 'float64' ? 1e-12 : 1e-5
        for (const [withHidden, withCell] of [
          [true, true],
          [true, false],
          [false, true],
          [false, false],
        ]) {
          const drawn = numbersFor(sizes, batch + 10 * time + 100 * width)
          if (!withHidden) drawn.initialHidden.fill(0)
          if (!withCell) drawn.initialCell.fill(0)
          const make = (key: keyof Numbers): Tensor =>
            tensor(drawn[key], { shape: shapes[key], dtype, device })
          const got = lstmLayer({
            inputGates: make('inputGates'),
            weight: make('weight'),
            initialHidden: withHidden ? make('initialHidden') : null,
            initialCell: withCell ? make('initialCell') : null,
          })
          const want = reference(drawn, sizes)
          assert.deepEqual(got.hidden.shape, [batch, time, width])
          assertClose(await got.hidden.data(), want.hidden, bound, `hidden in ${dtype}`)
          assertClose(await got.cell.data(), want.cell, bound, `cell in ${dtype}`)
        }
      }
    })
  }

  for (const sizes of cases.filter(({ batch, time, width }) => batch * time * width <= 300)) {
    const { batch, time, width } = sizes
    test(`gradients agree with central differences: batch ${batch}, time ${time}, width ${width}`, async () => {
      const drawn = numbersFor(sizes, 7)
      const shapes = shapesOf(sizes)
      const checked = (key: keyof Numbers) => ({ shape: shapes[key], data: drawn[key] })
      const inputs = { inputGates: checked('inputGates'), weight: checked('weight') }
      const initial = { hidden: checked('initialHidden'), cell: checked('initialCell') }
      const options = { sample: emulated ? 2 : 10 }
      type Tensors = Readonly<Record<string, Tensor>>
      const run = (given: Tensors) => lstmLayer(given as unknown as Parameters<typeof lstmLayer>[0])
      const all = { ...inputs, initialHidden: initial.hidden, initialCell: initial.cell }
      const both = (given: Tensors) => Object.values(run(given))
      await checkGradients(device, all, both, options)
      if (emulated && batch * time * width > 100) return
      await checkGradients(device, all, (given) => [run(given).hidden], options)
      // c does not depend on what only the last h sees, so of a single step it has no output gate.
      await checkGradients(device, all, (given) => [run(given).cell], options)
      if (time > 1) await checkGradients(device, inputs, both, options)
      await checkGradients(device, { ...inputs, initialHidden: initial.hidden }, both, options)
      if (time > 1) {
        await checkGradients(device, { ...inputs, initialCell: initial.cell }, both, options)
      }
    })
  }

  test('without a state before it a single step gives the weight a gradient of zeros', async () => {
    await using _ = scope()
    const { inputGates } = numbersFor({ batch: 1, time: 1, width: 5 }, 1)
    const weight = tensor(generator(2).normals(100), { shape: [20, 5], device, requiresGrad: true })
    const gates = tensor(inputGates, { shape: [1, 1, 20], device })
    const { hidden } = lstmLayer({ inputGates: gates, weight })
    hidden.backward(tensor(generator(3).normals(5), { shape: [1, 1, 5], device }))
    assertSameBits(await (weight.grad as Tensor).data(), new Float32Array(100), 'gradient')
  })

  test('float32 gradients are those of float64', async () => {
    await using _ = scope()
    for (const sizes of cases) {
      const gradients = async (dtype: 'float64' | 'float32', of: 'hidden' | 'cell') => {
        const drawn = numbersFor(sizes, 3)
        const shapes = shapesOf(sizes)
        const make = (key: keyof Numbers): Tensor =>
          tensor(drawn[key], { shape: shapes[key], dtype, device, requiresGrad: true })
        const leaves = {
          inputGates: make('inputGates'),
          weight: make('weight'),
          initialHidden: make('initialHidden'),
          initialCell: make('initialCell'),
        }
        const output = lstmLayer(leaves)[of]
        const cotangent = generator(4).normals(output.length)
        output.backward(tensor(cotangent, { shape: output.shape, dtype, device }))
        return await Promise.all(
          Object.values(leaves).map(async (leaf) => await (leaf.grad as Tensor).data()),
        )
      }
      for (const of of ['hidden', 'cell'] as const) {
        const [wide, narrow] = [await gradients('float64', of), await gradients('float32', of)]
        for (const [i, want] of wide.entries()) {
          const label = `${of} of ${Object.values(sizes)}: gradient ${i}`
          assertClose(narrow[i] as Float32Array, want, 1e-4, label)
        }
      }
    }
  })

  test('every argument is refused where it does not fit', async () => {
    await using _ = scope()
    const make = (shape: number[], dtype: 'float32' | 'float64' | 'bfloat16' = 'float32') =>
      zeros(shape, { dtype, device })
    const valid = { inputGates: make([2, 3, 8]), weight: make([8, 2]) }
    const refuse = (change: object, code: string, name: string, message: string) =>
      assert.throws(() => lstmLayer({ ...valid, ...change }), { code, name, message })
    refuse(
      { inputGates: make([2, 24]) },
      'ERR_SHAPE',
      'ShapeError',
      'lstmLayer: inputGates must be of shape (batch, time, 4 width), got [2, 24]',
    )
    refuse(
      { inputGates: make([2, 3, 7]) },
      'ERR_SHAPE',
      'ShapeError',
      'lstmLayer: inputGates must be of shape (batch, time, 4 width) with sizes of at least 1, got [2,3,7]',
    )
    refuse(
      { inputGates: make([0, 3, 8]) },
      'ERR_SHAPE',
      'ShapeError',
      'lstmLayer: inputGates must be of shape (batch, time, 4 width) with sizes of at least 1, got [0,3,8]',
    )
    refuse(
      { inputGates: make([2, 3, 8], 'bfloat16') },
      'ERR_DTYPE',
      'DtypeError',
      'lstmLayer: inputGates must be float64 or float32, got bfloat16',
    )
    refuse(
      { weight: make([8, 3]) },
      'ERR_SHAPE',
      'ShapeError',
      'lstmLayer: weight must be of shape (4 width = 8, width = 2), got [8, 3]',
    )
    refuse(
      { weight: make([8, 2], 'float64') },
      'ERR_DTYPE',
      'DtypeError',
      'lstmLayer: weight must be float32, got float64',
    )
    for (const key of ['initialHidden', 'initialCell']) {
      refuse(
        { [key]: make([3, 2]) },
        'ERR_SHAPE',
        'ShapeError',
        `lstmLayer: ${key} must be of shape (batch = 2, width = 2), got [3, 2]`,
      )
      refuse(
        { [key]: make([2, 2], 'float64') },
        'ERR_DTYPE',
        'DtypeError',
        `lstmLayer: ${key} must be float32, got float64`,
      )
    }
  })
})

/** What a model gives on inputs split into calls of `lengths` steps, and its states. */
async function inCalls(model: Lstm, input: Float64Array, lengths: readonly number[]) {
  const outputs: number[] = []
  let state: LstmState | null = null
  let at = 0
  for (const length of lengths) {
    const piece = input.slice(at * model.input, (at + length) * model.input)
    const { dtype, device } = model.parameters()[0] as Tensor
    const shape = [1, length, model.input]
    const result: { output: Tensor; state: LstmState } = model.forward(
      tensor(piece, { shape, dtype, device }),
      state,
    )
    outputs.push(...(await result.output.data()))
    state = result.state
    at += length
  }
  return { outputs, state: state as unknown as LstmState }
}

onEveryDevice('Lstm', (device) => {
  test('several layers over all steps are those layers step by step', async () => {
    await using _ = scope()
    const [input, hidden, layers] = [5, emulated ? 6 : 33, 3]
    for (const dtype of ['float32', 'float64'] as const) {
      using model = new Lstm({ input, hidden, layers, seed: 4, device, dtype })
      const data = generator(1).normals(7 * input)
      const whole = await inCalls(model, data, [7])
      const steps = await inCalls(model, data, [1, 1, 1, 1, 1, 1, 1])
      const mixed = await inCalls(model, data, [2, 4, 1])
      const bound = dtype === 'float64' ? 1e-14 : 1e-6
      assertClose(steps.outputs, whole.outputs, bound, 'steps')
      assertClose(mixed.outputs, whole.outputs, bound, 'pieces')
      for (const key of ['hidden', 'cell'] as const) {
        for (let layer = 0; layer < layers; ++layer) {
          const want = await (whole.state[key][layer] as Tensor).data()
          const got = steps.state[key][layer] as Tensor
          assert.deepEqual(got.shape, [1, hidden])
          assertClose(await got.data(), want, bound, `${key} of layer ${layer}`)
        }
      }
    }
  })

  test('sequences of a batch do not see each other', async () => {
    await using _ = scope()
    const [batch, time, input, hidden] = [5, 4, 3, 9]
    using model = new Lstm({ input, hidden, layers: 2, seed: 1, device, dtype: 'float64' })
    const data = generator(2).normals(batch * time * input)
    const make = (numbers: Float64Array, count: number) =>
      tensor(numbers, { shape: [count, time, input], dtype: 'float64', device })
    const together = await model.forward(make(data, batch)).output.data()
    for (let b = 0; b < batch; ++b) {
      const own = data.slice(b * time * input, (b + 1) * time * input)
      const alone = await model.forward(make(own, 1)).output.data()
      const want = together.slice(b * time * hidden, (b + 1) * time * hidden)
      assertClose(alone, want, 1e-14, `sequence ${b}`)
    }
  })

  test('gradients flow through a state that is carried and end at a detached one', async () => {
    await using _ = scope()
    using model = new Lstm({ input: 2, hidden: 3, layers: 2, seed: 2, device, dtype: 'float64' })
    const data = generator(3).normals(8)
    const gradients = async (cut: 'whole' | 'carried' | 'detached') => {
      for (const parameter of model.parameters()) parameter.grad = null
      const piece = (from: number, count: number) =>
        tensor(data.slice(2 * from, 2 * (from + count)), {
          shape: [1, count, 2],
          dtype: 'float64',
          device,
        })
      const run = (): LstmState => {
        if (cut === 'whole') return model.forward(piece(0, 4)).state
        const { state } = model.forward(piece(0, 2))
        const before =
          cut === 'carried'
            ? state
            : {
                hidden: state.hidden.map((h) => h.detach()),
                cell: state.cell.map((c) => c.detach()),
              }
        return model.forward(piece(2, 2), before).state
      }
      const last = run().hidden.at(-1) as Tensor
      last.backward(tensor([1, -2, 3], { shape: [1, 3], dtype: 'float64', device }))
      const all: number[] = []
      for (const parameter of model.parameters()) {
        all.push(...(await (parameter.grad as Tensor).data()))
      }
      return all
    }
    const whole = await gradients('whole')
    assertClose(await gradients('carried'), whole, 1e-13, 'carried')
    const detached = await gradients('detached')
    assert.ok(detached.some((value, i) => Math.abs(value - (whole[i] as number)) > 1e-6))
  })

  test('parameters are named, uniform in ±1/√hidden and determined by the seed', async () => {
    await using _ = scope()
    const options = { input: 3, hidden: 16, layers: 2, seed: 5, device }
    using model = new Lstm(options)
    using same = new Lstm(options)
    using other = new Lstm({ ...options, seed: 6 })
    assert.deepEqual(
      [...model.namedParameters()].map(([name, { shape }]) => [name, shape]),
      [
        ['lstm.0.inputWeight', [64, 3]],
        ['lstm.0.hiddenWeight', [64, 16]],
        ['lstm.0.bias', [64]],
        ['lstm.1.inputWeight', [64, 16]],
        ['lstm.1.hiddenWeight', [64, 16]],
        ['lstm.1.bias', [64]],
      ],
    )
    assert.equal(model.parameterCount, 64 * (3 + 16 + 1) + 64 * (16 + 16 + 1))
    for (const [i, parameter] of model.parameters().entries()) {
      const data = await parameter.data()
      assert.ok(data.every((x) => Math.abs(x) <= 0.25) && data.some((x) => Math.abs(x) > 0.2))
      assertSameBits(await (same.parameters()[i] as Tensor).data(), data, 'same seed')
      const differing = await (other.parameters()[i] as Tensor).data()
      assert.notDeepEqual([...differing], [...data])
    }
  })

  test('learns to remember the sign it saw first', async () => {
    using model = new Lstm({ input: 1, hidden: 8, seed: 1, device })
    using head = new Linear({ input: 8, output: 1, seed: 2, device })
    using optimizer = new Adam([...model.parameters(), ...head.parameters()], {
      learningRate: 0.02,
    })
    const batch = 16
    const time = 5
    const { normals } = generator(8)
    const run = async (steps: number): Promise<number> => {
      let error = 0
      for (let step = 0; step < steps; ++step) {
        await using _ = scope()
        const data = normals(batch * time)
        const signs = Float64Array.from({ length: batch }, (_, b) =>
          Math.sign(data[b * time] as number),
        )
        const input = tensor(data, { shape: [batch, time, 1], device })
        const last = model.forward(input).state.hidden[0] as Tensor
        const output = head.forward(last)
        const difference = Float64Array.from(
          await output.data(),
          (y, b) => y - (signs[b] as number),
        )
        output.backward(tensor(difference, { shape: [batch, 1], device }))
        optimizer.step()
        error = difference.reduce((sum, d) => sum + d * d, 0) / batch
      }
      return error
    }
    const first = await run(1)
    const last = await run(emulated ? 20 : 200)
    assert.ok(last < first * (emulated ? 0.98 : 0.3), `${first} to ${last}`)
  })

  test('errors name what is wrong, and disposal gives everything back', async () => {
    const on = deviceOf(device)
    await on.synchronize()
    const before = on.memory().live
    {
      await using _ = scope()
      using model = new Lstm({ input: 2, hidden: 3, layers: 2, device })
      using input = zeros([1, 4, 2], { device })
      const { state } = noGrad(() => model.forward(input))
      const refuse = (call: () => unknown, code: string, message: string) =>
        assert.throws(call, { code, message })
      refuse(
        () => model.forward(zeros([1, 4, 3], { device })),
        'ERR_SHAPE',
        'Lstm: input must be of shape (batch, time, input = 2), got [1, 4, 3]',
      )
      refuse(
        () => model.forward(zeros([1, 0, 2], { device })),
        'ERR_SHAPE',
        'Lstm: input must be of at least 1 step, got [1,0,2]',
      )
      refuse(
        () => model.forward(zeros([1, 4, 2], { dtype: 'float64', device })),
        'ERR_DTYPE',
        'Lstm: input must be float32, got float64',
      )
      refuse(
        () => model.forward(input, { ...state, cell: state.cell.slice(1) }),
        'ERR_SHAPE',
        'Lstm: state.cell must be one tensor for each of 2 layers, got 1',
      )
      refuse(
        () => model.forward(zeros([2, 4, 2], { device }), state),
        'ERR_SHAPE',
        'Lstm: state.hidden[0] must be of shape (batch = 2, hidden = 3), got [1, 3]',
      )
      const gone = zeros([1, 4, 2], { device })
      gone.dispose()
      refuse(
        () => model.forward(gone),
        'ERR_DISPOSED',
        'Lstm: input must be alive, got a disposed tensor',
      )
      for (const key of ['input', 'hidden', 'layers'] as const) {
        const sizes = { input: 2, hidden: 3, layers: 1, [key]: 0 }
        refuse(
          () => new Lstm({ ...sizes, device }),
          'ERR_SHAPE',
          `Lstm: ${key} must be an integer of at least 1, got 0`,
        )
      }
      refuse(
        () => new Lstm({ input: 2, hidden: 3, dtype: 'float16' as never, device }),
        'ERR_DTYPE',
        'Lstm: dtype must be float32 or float64, got float16',
      )
      refuse(
        () => new Lstm({ input: 2, hidden: 3, seed: -1, device }),
        'ERR_SHAPE',
        'Lstm: seed must be an integer of at least 0, got -1',
      )
    }
    await on.synchronize()
    assert.equal(on.memory().live, before)
  })

  test('a disposed model refuses to run', async () => {
    await using _ = scope()
    const model = new Lstm({ input: 2, hidden: 3, device })
    model.dispose()
    model.dispose()
    assert.throws(() => model.forward(zeros([1, 1, 2], { device })), { code: 'ERR_DISPOSED' })
  })
})

onEveryDevice('Linear', (device) => {
  test('is y = x Wᵀ + b with parameters uniform in ±1/√input', async () => {
    await using _ = scope()
    for (const bias of [true, false]) {
      using layer = new Linear({ input: 5, output: 3, bias, seed: 3, device, dtype: 'float64' })
      const names = bias ? ['linear.weight', 'linear.bias'] : ['linear.weight']
      assert.deepEqual([...layer.namedParameters().keys()], names)
      assert.equal(layer.parameterCount, bias ? 18 : 15)
      const [weight = new Float64Array(), offset] = await Promise.all(
        layer.parameters().map(async (parameter) => await parameter.data()),
      )
      assert.ok(weight.every((w) => Math.abs(w) <= 1 / Math.sqrt(5)))
      const x = generator(1).normals(10)
      const want = Array.from({ length: 6 }, (_, i) => {
        let sum = offset?.[i % 3] ?? 0
        for (let k = 0; k < 5; ++k) {
          sum += (x[Math.floor(i / 3) * 5 + k] as number) * (weight[(i % 3) * 5 + k] as number)
        }
        return sum
      })
      const output = layer.forward(tensor(x, { shape: [2, 1, 5], dtype: 'float64', device }))
      assert.deepEqual(output.shape, [2, 1, 3])
      assertClose(await output.data(), want, 1e-14, 'output')
    }
  })

  test('errors name what is wrong', () => {
    for (const key of ['input', 'output']) {
      assert.throws(() => new Linear({ input: 2, output: 3, [key]: 1.5, device }), {
        code: 'ERR_SHAPE',
        message: `Linear: ${key} must be an integer of at least 1, got 1.5`,
      })
    }
    using layer = new Linear({ input: 2, output: 3, device })
    using wrong = zeros([4, 3], { device })
    assert.throws(() => layer.forward(wrong), { name: 'ShapeError', code: 'ERR_SHAPE' })
  })
})

test('1, 2 and 3 threads give the same bits, forward and backward', async () => {
  const program = `
    import { createHash } from 'node:crypto'
    const hash = createHash('sha256')
    for (const [batch, time, hidden] of [[1, 1, 192], [1, 6, 161], [3, 5, 96], [17, 2, 130]]) {
      const model = new lib.Lstm({ input: 40, hidden, layers: 2, seed: 3, device: 'cpu' })
      const input = lib.randomNormal(lib.zeros([batch, time, 40], { device: 'cpu' }), { seed: 1 })
      const first = model.forward(input)
      const { output } = model.forward(input, first.state)
      output.backward(lib.randomNormal(lib.zeros(output.shape, { device: 'cpu' }), { seed: 2 }))
      hash.update(await output.bytes())
      for (const parameter of model.parameters()) hash.update(await parameter.grad.bytes())
    }
    console.log(hash.digest('hex'))`
  const hashes: string[] = []
  for (const threads of ['1', '2', '3']) {
    const { code, stdout, stderr } = await runProgram(program, {
      env: { ENTRAIN_THREADS: threads },
    })
    assert.equal(code, 0, stderr)
    hashes.push(stdout)
  }
  assert.equal(new Set(hashes).size, 1, hashes.join())
})
