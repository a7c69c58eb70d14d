// The scan against its golden files, central differences, and itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type EigenvalueParameters,
  eigenstateScan,
  eigenstateStep,
  type FloatDtype,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'
import { runGolden } from './support/golden-run.js'
import { checkGradients } from './support/gradient-check.js'

// Parameters and carried states stay in float32 whatever the storage type.
const wide = (name: string): boolean => !['input', 'selection'].includes(name)

function scanOf(golden: GoldenCase, extra: { checkpoint?: number; exact?: boolean } = {}) {
  const { args } = golden
  return (inputs: ReadonlyMap<string, Tensor>) => {
    const get = (name: string): Tensor => inputs.get(name) as Tensor
    const eigenvalues: EigenvalueParameters =
      args.parametrisation === 'magnitude'
        ? { magnitude: get('magnitude'), phase: get('phase') }
        : { logDecay: get('logDecay'), frequency: get('frequency') }
    const { states, final } = eigenstateScan({
      ...eigenvalues,
      input: get('input'),
      realInput: args.realInput === true,
      selection: inputs.get('selection') ?? null,
      selectionScale: (args.selectionScale as number | undefined) ?? 0.1,
      reset: inputs.get('reset') ?? null,
      initial: inputs.get('initial') ?? null,
      ...extra,
    })
    return { states, final }
  }
}

onEveryDevice('eigenstateScan', (device) => {
  for (const name of goldenNames(/^scan-(?!long)/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      const dtypes: FloatDtype[] = ['float64', 'float32']
      if (golden.args.exactInHalf) dtypes.push('bfloat16', 'float16')
      for (const dtype of dtypes) {
        await runGolden(golden, { device, dtype, wide, compute: scanOf(golden) })
        await runGolden(golden, { device, dtype, wide, compute: scanOf(golden, { exact: true }) })
        await runGolden(golden, { device, dtype, wide, compute: scanOf(golden, { checkpoint: 5 }) })
      }
    })
  }

  for (const name of goldenNames(/^scan-long/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of ['float64', 'float32'] as const) await longScan(golden, dtype)
    })
  }

  async function longScan(golden: GoldenCase, dtype: 'float64' | 'float32'): Promise<void> {
    await using _ = scope()
    const array = (key: string) => golden.arrays.get(key)
    const steps = array('in.inputSteps')
    const rows = [...(array('in.rows')?.data ?? [])]
    const [batch = 0, time = 0, width = 0] = steps?.shape ?? []
    const scale = golden.args.inputScale as number
    const data = Float64Array.from(steps?.data ?? [], (step) => step * scale)
    const options = { dtype, device, requiresGrad: true }
    const input = tensor(data, { ...options, shape: [batch, time, width] })
    const parameter = (name: string) => tensor(array(`in.${name}`)?.data ?? [], options)
    const named: Record<string, Tensor> = {}
    for (const key of golden.arrays.keys()) {
      const name = key.startsWith('in.') ? key.slice(3) : ''
      if (['logDecay', 'frequency', 'magnitude', 'phase'].includes(name))
        named[name] = parameter(name)
    }
    const { states } = eigenstateScan({ ...(named as EigenvalueParameters), input })
    const atRows = (values: ArrayLike<number>): Float64Array => {
      const picked: number[] = []
      for (let b = 0; b < batch; ++b) {
        for (const row of rows) {
          for (let i = 0; i < width; ++i)
            picked.push(values[(b * time + row) * width + i] as number)
        }
      }
      return Float64Array.from(picked)
    }
    const wantStates = array('out.statesAtRows')?.data ?? []
    const outputBound = dtype === 'float64' ? 1e-11 : 1e-5
    assertClose(
      atRows(await states.data()),
      wantStates,
      outputBound,
      `${golden.name} ${dtype} states`,
    )
    const cotangent = new Float64Array(batch * time * width)
    const given = array('cot.statesAtRows')?.data ?? []
    for (let b = 0; b < batch; ++b) {
      for (const [r, row] of rows.entries()) {
        for (let i = 0; i < width; ++i) {
          cotangent[(b * time + row) * width + i] = given[
            (b * rows.length + r) * width + i
          ] as number
        }
      }
    }
    states.backward(tensor(cotangent, { shape: states.shape, dtype, device }))
    const gradientBound = dtype === 'float64' ? 1e-11 : 1e-4
    const gradInput = atRows((await input.grad?.data()) ?? [])
    assertClose(
      gradInput,
      array('grad.inputAtRows')?.data ?? [],
      gradientBound,
      `${golden.name} ${dtype} input`,
    )
    for (const [name, leaf] of Object.entries(named)) {
      const want = array(`grad.${name}`)?.data
      if (want)
        assertClose(
          (await leaf.grad?.data()) ?? [],
          want,
          gradientBound,
          `${golden.name} ${dtype} ${name}`,
        )
    }
  }

  test('gradients agree with central differences for every combination of arguments', async () => {
    const batch = 2
    const channels = 3
    for (const time of [1, 7]) {
      for (let bits = 0; bits < 32; ++bits) {
        const [selective, real, withInitial, magnitude, checkpointed] = [1, 2, 4, 8, 16].map(
          (bit) => (bits & bit) !== 0,
        )
        if (selective && magnitude) continue
        const { normals, uniforms } = generator(100 + bits)
        const planes = real ? channels : 2 * channels
        const reset = Uint8Array.from(uniforms(batch * time), (u) => (u < 0.3 ? 1 : 0))
        const inputs = {
          input: { shape: [batch, time, planes], data: normals(batch * time * planes) },
          decay: {
            shape: [channels],
            data: uniforms(channels).map((u) => (magnitude ? 0.2 + 0.7 * u : 3 * u)),
          },
          frequency: { shape: [channels], data: normals(channels) },
          ...(selective && {
            selection: {
              shape: [batch, time, 2 * channels],
              data: normals(batch * time * 2 * channels),
            },
          }),
          ...(withInitial && {
            initial: { shape: [batch, 2 * channels], data: normals(batch * 2 * channels) },
          }),
        }
        await checkGradients(
          device,
          inputs,
          (given) => {
            const pair = [given.decay as Tensor, given.frequency as Tensor] as const
            const { states, final } = eigenstateScan({
              ...(magnitude
                ? { magnitude: pair[0], phase: pair[1] }
                : { logDecay: pair[0], frequency: pair[1] }),
              input: given.input as Tensor,
              realInput: real,
              selection: given.selection ?? null,
              selectionScale: [0.1, 0.7],
              reset: tensor(reset, { shape: [batch, time], dtype: 'uint8', device }),
              initial: given.initial ?? null,
              checkpoint: checkpointed ? 3 : undefined,
            })
            return [states, final]
          },
          { sample: emulated ? 4 : 12 },
        )
      }
    }
  })

  test('odd shapes agree with a float64 recurrence near the unit circle', async () => {
    const sizes = emulated ? [1, 33] : [1, 31, 33, 1023]
    for (const time of emulated ? [1, 31, 1023] : [1, 31, 33, 1023, 16323]) {
      for (const channels of sizes) {
        if (time * channels > 2e6) continue
        await using _ = scope()
        const { normals, uniforms } = generator(time + channels)
        const data = normals(2 * time * 2 * channels)
        const logDecay = uniforms(channels).map((u) => 2 + 7.2 * u)
        const frequency = normals(channels)
        const float32 = { dtype: 'float32', device } as const
        const input = tensor(data, { ...float32, shape: [2, time, 2 * channels] })
        const parameters = {
          logDecay: tensor(logDecay, float32),
          frequency: tensor(frequency, float32),
        }
        const { states, final } = eigenstateScan({ ...parameters, input })
        const want = recurrence(
          await input.data(),
          await parameters.logDecay.data(),
          await parameters.frequency.data(),
          2,
          time,
        )
        const got = await states.data()
        assertClose(got, want, 1e-5, `time ${time}, channels ${channels}`)
        assertSameBits(
          await final.data(),
          got.length > 0 ? lastRows(got, 2, time, 2 * channels) : [],
          'final',
        )
      }
    }
  })

  test('two runs give the same bits', async () => {
    await using _ = scope()
    const { normals } = generator(3)
    const time = emulated ? 300 : 4097
    const run = async (): Promise<Float32Array[]> => {
      const float32 = { dtype: 'float32', device, requiresGrad: true } as const
      const { normals } = generator(4)
      const input = tensor(normals(2 * time * 6), { ...float32, shape: [2, time, 6] })
      const logDecay = tensor([2, 5, 9], float32)
      const frequency = tensor([0.1, 1, 3], float32)
      const selection = tensor(normals(2 * time * 6), { ...float32, shape: [2, time, 6] })
      const { states } = eigenstateScan({ input, logDecay, frequency, selection })
      states.backward(
        tensor(normals(2 * time * 6), { dtype: 'float32', device, shape: [2, time, 6] }),
      )
      return await Promise.all(
        [states, input.grad, logDecay.grad, frequency.grad, selection.grad].map(
          async (t) => (await (t as Tensor).data()) as Float32Array,
        ),
      )
    }
    normals(1)
    const first = await run()
    const second = await run()
    for (const [i, values] of first.entries())
      assertSameBits(values, second[i] as Float32Array, `array ${i}`)
  })

  test('steps give the bits of an exact scan', async () => {
    await using _ = scope()
    const { normals } = generator(6)
    const [batch, time, channels] = [2, 50, 5]
    const float32 = { dtype: 'float32', device } as const
    const data = normals(batch * time * 2 * channels)
    const drives = normals(batch * time * 2 * channels)
    const parameters = {
      logDecay: tensor([1, 3, 5, 7, 9], float32),
      frequency: tensor(normals(channels), float32),
    }
    const shape = [batch, time, 2 * channels]
    const whole = eigenstateScan({
      ...parameters,
      input: tensor(data, { ...float32, shape }),
      selection: tensor(drives, { ...float32, shape }),
      exact: true,
    })
    const states = await whole.states.data()
    let state: Tensor | null = null
    for (let t = 0; t < time; ++t) {
      const at = (values: Float64Array) => {
        const rows = Array.from({ length: batch }, (_, b) => [
          ...values.subarray((b * time + t) * 2 * channels, (b * time + t + 1) * 2 * channels),
        ])
        return tensor(rows.flat(), { ...float32, shape: [batch, 2 * channels] })
      }
      state = eigenstateStep({
        ...parameters,
        input: at(data),
        selection: at(drives),
        initial: state,
      })
      const want = Array.from({ length: batch }, (_, b) => [
        ...states.subarray((b * time + t) * 2 * channels, (b * time + t + 1) * 2 * channels),
      ]).flat()
      assertSameBits(await state.data(), want, `step ${t}`)
    }
  })

  test('a magnitude outside [0, 1] fails the next read', async () => {
    await using _ = scope()
    const float32 = { dtype: 'float32', device } as const
    const input = tensor([1, 2, 3, 4], { ...float32, shape: [1, 1, 4] })
    const { states } = eigenstateScan({
      input,
      magnitude: tensor([0.5, 1.5], float32),
      phase: tensor([0, 0], float32),
    })
    await assert.rejects(states.data(), {
      code: 'ERR_VALUE',
      message: /eigenstateScanForward: magnitude must be numbers in \[0, 1\], got 1.5 at element 1/,
    })
    assert.equal((await input.data()).length, 4)
  })
})

function lastRows(values: ArrayLike<number>, batch: number, time: number, width: number): number[] {
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: width }, (_, i) => values[(b * time + time - 1) * width + i] as number),
  ).flat()
}

function recurrence(
  input: ArrayLike<number>,
  logDecay: ArrayLike<number>,
  frequency: ArrayLike<number>,
  batch: number,
  time: number,
): Float64Array {
  const channels = logDecay.length
  const out = new Float64Array(input.length)
  for (let b = 0; b < batch; ++b) {
    for (let k = 0; k < channels; ++k) {
      const magnitude = 1 / (1 + Math.exp(-(logDecay[k] as number)))
      const real = magnitude * Math.cos(frequency[k] as number)
      const imaginary = magnitude * Math.sin(frequency[k] as number)
      let x = 0
      let y = 0
      for (let t = 0; t < time; ++t) {
        const at = (b * time + t) * 2 * channels + k
        ;[x, y] = [
          real * x - imaginary * y + (input[at] as number),
          real * y + imaginary * x + (input[at + channels] as number),
        ]
        out[at] = x
        out[at + channels] = y
      }
    }
  }
  return out
}
