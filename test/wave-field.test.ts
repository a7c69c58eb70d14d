// waveField and its companions against the golden files, the double loop, central differences,
// themselves, and bad input.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeviceName,
  device as deviceOf,
  noGrad,
  scope,
  type Tensor,
  tensor,
  type WaveFieldOptions,
  type WaveParameter,
  waveField,
  waveFieldWithGradients,
  waveReceive,
  waveSources,
} from '../lib/index.js'
import { waveFieldInto } from '../lib/operations/wave-field.js'
import { assertClose, assertSameBits, generator, relativeError } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'
import { runGolden } from './support/golden-run.js'
import { checkGradients } from './support/gradient-check.js'
import { reducedPhase, waveReference } from './support/wave-reference.js'
import { randomWaves, type WaveDtype, waveTensors } from './support/wave-system.js'

const dtypes = ['float64', 'float32'] as const
const methods = ['direct', 'propagator'] as const
// As test/golden/README.md has them: the references keep ω t as one float64 number.
const allowed = {
  float64: { output: 1e-9, gradient: 1e-9 },
  float32: { output: 1e-5, gradient: 1e-4 },
} as const
const exact = { float64: 1e-12, float32: 1e-5 } as const
const parameters = [
  'positions',
  'amplitudes',
  'frequencies',
  'phases',
  'wavenumber',
  'softening',
] as const satisfies readonly WaveParameter[]

const shuffled = (nodes: number, count: number, seed: number): Int32Array => {
  const { uniform } = generator(seed)
  return Int32Array.from({ length: count }, () => Math.floor(uniform() * nodes))
}

const numbers = async (given: Tensor): Promise<Float64Array> => (await given.data()) as Float64Array

function goldenField(golden: GoldenCase, device: DeviceName, method: 'direct' | 'propagator') {
  const times = golden.arrays.get('in.times')?.data ?? []
  return (inputs: ReadonlyMap<string, Tensor>) => {
    const get = (name: string): Tensor => inputs.get(name) as Tensor
    const field = waveField({
      positions: get('positions'),
      amplitudes: get('amplitudes'),
      frequencies: get('frequencies'),
      phases: get('phases'),
      wavenumber: get('wavenumber'),
      softening: get('softening'),
      times: tensor(times, { dtype: 'float64', device }),
      targets: inputs.get('targets') ?? null,
      method,
    })
    return { field }
  }
}

onEveryDevice('waveField', (device) => {
  const on = deviceOf(device)

  for (const name of goldenNames(/^wave-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of dtypes) {
        for (const method of methods) {
          const compute = goldenField(golden, device, method)
          await runGolden(golden, { device, dtype, allowed: allowed[dtype], compute })
        }
      }
    })
  }

  test('is the sum over all pairs for any number of nodes, times and targets', async () => {
    for (const nodes of emulated ? [1, 31, 33, 130] : [1, 2, 31, 33, 257, 1023]) {
      const waves = randomWaves(nodes)
      for (const samples of [1, 3, 16]) {
        const times = Array.from({ length: samples }, (_, m) => 1.7 + 0.37 * m)
        for (const targets of [null, shuffled(nodes, 7, samples), shuffled(nodes, 70, 3)]) {
          const want = waveReference(waves, times, targets ?? undefined)
          for (const dtype of dtypes) {
            for (const method of methods) {
              await using _ = scope()
              const system = waveTensors(waves, { device, dtype })
              const field = waveField({ ...system, times, targets, method })
              assert.deepEqual(field.shape, [samples, 2, targets?.length ?? nodes])
              const label = `N=${nodes} M=${samples} S=${targets?.length} ${dtype} ${method}`
              assertClose(await numbers(field), want, exact[dtype], label)
            }
          }
        }
      }
    }
  })

  test('central differences', async () => {
    const waves = randomWaves(11)
    const inputs = {
      positions: { shape: [3, 11], data: waves.positions.map((x) => 2 * x) },
      amplitudes: { shape: [11], data: waves.amplitudes },
      frequencies: { shape: [11], data: waves.frequencies },
      phases: { shape: [11], data: waves.phases },
      wavenumber: { shape: [1], data: Float64Array.of(2.5) },
      softening: { shape: [1], data: Float64Array.of(0.3) },
    }
    for (const method of methods) {
      for (const targets of [null, [3, 7, 3, 0, 10, 3]]) {
        for (const times of [[1.7], [-0.4, 2.5, 30.25]]) {
          await checkGradients(
            device,
            inputs,
            (given) => [
              waveField({ ...(given as unknown as WaveFieldOptions), times, targets, method }),
            ],
            { tolerance: 1e-6 },
          )
        }
      }
    }
  })

  test('gradients in float32 are those of float64', async () => {
    const nodes = emulated ? 70 : 600
    const waves = randomWaves(nodes)
    for (const times of [[1.7], [0.3, 1.1, 4]]) {
      const slope = generator(3).normals(times.length * 2 * nodes)
      const gradients = async (dtype: WaveDtype) => {
        const system = waveTensors(waves, { device, dtype, requiresGrad: true })
        const field = waveField({ ...system, times })
        field.backward(tensor(slope, { shape: field.shape, dtype, device }))
        return system
      }
      await using _ = scope()
      const got = await gradients('float32')
      const want = await gradients('float64')
      for (const key of parameters) {
        const gradient = want[key].grad as Tensor
        assertClose(await numbers(got[key].grad as Tensor), await numbers(gradient), 1e-4, key)
      }
    }
  })

  test('only what requires a gradient gets one', async () => {
    await using _ = scope()
    const waves = randomWaves(9)
    for (const key of parameters) {
      const system = waveTensors(waves, { device, dtype: 'float64' })
      const all = waveTensors(waves, { device, dtype: 'float64', requiresGrad: true })
      const slope = tensor(generator(2).normals(18), { shape: [1, 2, 9], dtype: 'float64', device })
      waveField({ ...system, [key]: all[key], times: 1 }).backward(slope)
      waveField({ ...all, times: 1 }).backward(slope)
      const one = await numbers(all[key].grad as Tensor)
      assert.ok(one.every(Number.isFinite))
      for (const other of parameters) assert.equal(system[other].grad, null)
    }
    const system = waveTensors(waves, { device, dtype: 'float64', requiresGrad: true })
    const silent = noGrad(() => waveField({ ...system, times: 1 }))
    assert.throws(() => silent.backward(), { code: 'ERR_VALUE' })
  })

  test('numbers, tensors and arrays say the same', async () => {
    await using _ = scope()
    for (const dtype of dtypes) {
      const waves = randomWaves(37)
      const system = waveTensors(waves, { device, dtype })
      const { wavenumber, softening } = waves
      const targets = shuffled(37, 5, 1)
      const times = tensor([0.5, 2], { dtype: 'float64', device })
      const int32 = tensor(targets, { dtype: 'int32', device })
      const want = await numbers(waveField({ ...system, times, targets: int32 }))
      const plain = waveField({ ...system, wavenumber, softening, times: [0.5, 2], targets })
      assertSameBits(await numbers(plain), want, dtype)
      const first = await numbers(waveField({ ...system, times: 0.5, targets: [...targets] }))
      assertClose(first, want.slice(0, first.length), exact[dtype], 'one time')
      const { wavenumber: _k, softening: _e, ...rest } = system
      const usual = waveField({ ...rest, wavenumber: 3, softening: 0.05, times: 0.5 })
      const defaults = waveField({ ...rest, times: 0.5 })
      assertSameBits(await numbers(defaults), await numbers(usual), 'defaults')
    }
  })

  test('nodes at one place are felt at distance ε, and pull nowhere', async () => {
    for (const dtype of dtypes) {
      for (const method of methods) {
        await using _ = scope()
        const waves = randomWaves(34)
        // All at one place, then two among many.
        const together = { ...waves, positions: waves.positions.map((_, i) => Math.floor(i / 34)) }
        const system = waveTensors(together, { device, dtype, requiresGrad: true })
        const field = waveField({ ...system, times: [1, 2], method })
        const want = waveReference(together, [1, 2])
        assertClose(await numbers(field), want, exact[dtype], `${dtype} ${method}`)
        field.backward(tensor(generator(1).normals(136), { shape: [2, 2, 34], dtype, device }))
        const pull = await numbers(system.positions.grad as Tensor)
        assert.ok(
          pull.every((x) => x === 0),
          `${dtype} ${method}: ${pull}`,
        )
        const pair = { ...waves, positions: waves.positions.slice() }
        for (const axis of [0, 34, 68]) pair.positions[axis + 20] = pair.positions[axis] as number
        const close = waveTensors(pair, { device, dtype, requiresGrad: true })
        const among = waveField({ ...close, times: 1, method })
        const pairWant = waveReference(pair, [1])
        assertClose(await numbers(among), pairWant, exact[dtype], 'a pair')
        among.backward(tensor(generator(1).normals(68), { shape: [1, 2, 34], dtype, device }))
        const gradient = await numbers(close.positions.grad as Tensor)
        assert.ok(gradient.every(Number.isFinite) && gradient.some((x) => x !== 0))
      }
    }
  })

  test('Unix time is as good as zero', async () => {
    const nodes = emulated ? 60 : 500
    const waves = randomWaves(nodes)
    for (const start of [1.77e9, -1.77e9, 1.77e9 + 0.123456]) {
      const times = [start, start + 0.37, start + 1000.5]
      const want = waveReference(waves, times)
      for (const method of methods) {
        await using _ = scope()
        const single = waveTensors(waves, { device, dtype: 'float32' })
        const got = await numbers(waveField({ ...single, times, method }))
        assertClose(got, want, 1e-6, `float32 ${method} at ${start}`)
        const double = waveTensors(waves, { device, dtype: 'float64' })
        const fine = await numbers(waveField({ ...double, times, method }))
        assertClose(fine, want, 1e-9, `float64 ${method} at ${start}`)
      }
    }
  })

  test('rounding of factors and distances stays within what is said of it', async () => {
    const nodes = emulated ? 200 : 3000
    const waves = randomWaves(nodes)
    const times = Array.from({ length: 16 }, (_, m) => 0.1 * m)
    await using _ = scope()
    const single = waveTensors(waves, { device, dtype: 'float32' })
    const double = waveTensors(waves, { device, dtype: 'float64' })
    const want = await numbers(waveField({ ...double, times, method: 'propagator' }))
    const factors = { method: 'propagator', precision: 'bfloat16' } as const
    const coarse = relativeError(await numbers(waveField({ ...single, times, ...factors })), want)
    assert.ok(coarse > 1e-5 && coarse < 6e-3, `bfloat16 factors: ${coarse}`)
    const half = waveField({ ...single, times, distances: 'float16' })
    const rounded = relativeError(await numbers(half), want)
    assert.ok(rounded > 1e-6 && rounded < 5e-4, `float16 distances: ${rounded}`)
    console.log(`# ${device}: bfloat16 factors ${coarse}, float16 distances ${rounded}`)
  })

  test('every run gives the same bits', async () => {
    const nodes = emulated ? 65 : 777
    const waves = randomWaves(nodes)
    for (const dtype of dtypes) {
      for (const method of methods) {
        for (const times of [[1.7], [0, 1, 2, 3, 4]]) {
          await using _ = scope()
          const run = async (): Promise<Float64Array[]> => {
            const system = waveTensors(waves, { device, dtype, requiresGrad: true })
            const field = waveField({ ...system, times, method })
            const slope = generator(8).normals(field.length)
            field.backward(tensor(slope, { shape: field.shape, dtype, device }))
            const gradients = parameters.map((key) => numbers(system[key].grad as Tensor))
            return [await numbers(field), ...(await Promise.all(gradients))]
          }
          const [first, second] = [await run(), await run()]
          for (const [i, values] of first.entries()) {
            assertSameBits(values, second[i] ?? [], `${dtype} ${method} ${parameters[i - 1]}`)
          }
        }
      }
    }
  })

  test('writes into memory that is there', async () => {
    await using _ = scope()
    const system = waveTensors(randomWaves(29), { device, dtype: 'float32', requiresGrad: true })
    const want = await numbers(waveField({ ...system, times: 1.5 }))
    for (const shape of [
      [2, 29],
      [1, 2, 29],
    ]) {
      const field = tensor(new Float32Array(58).fill(9), { shape, device })
      waveFieldInto({ ...system, times: 1.5 }, field)
      assertSameBits(await numbers(field), want, `${shape}`)
      assert.throws(() => field.backward(), { code: 'ERR_VALUE' })
    }
    const wrong = tensor(new Float32Array(58), { shape: [29, 2], device })
    assert.throws(() => waveFieldInto({ ...system, times: 1.5 }, wrong), {
      code: 'ERR_SHAPE',
      message: /^waveFieldInto: field must be of shape \(planes = 2, S = 29\), got \[29, 2\]/,
    })
    const double = tensor(new Float64Array(58), { shape: [2, 29], dtype: 'float64', device })
    assert.throws(() => waveFieldInto({ ...system, times: 1.5 }, double), { code: 'ERR_DTYPE' })
  })

  test('value with gradients equals value and backward', async () => {
    const waves = randomWaves(emulated ? 40 : 300)
    const nodes = waves.amplitudes.length
    for (const dtype of dtypes) {
      for (const targets of [null, shuffled(nodes, 25, 4)]) {
        await using _ = scope()
        const shape = [2, 2, targets?.length ?? nodes]
        const data = generator(6).normals(2 * 2 * (targets?.length ?? nodes))
        const gradField = tensor(data, { shape, dtype, device })
        const system = waveTensors(waves, { device, dtype, requiresGrad: true })
        const call = { ...system, times: [1, 9], targets }
        const field = waveField(call)
        field.backward(gradField)
        const both = waveFieldWithGradients({ ...call, gradField })
        assertClose(await numbers(both.field), await numbers(field), exact[dtype], 'field')
        for (const key of parameters) {
          const want = await numbers(system[key].grad as Tensor)
          const got = both.gradients[key] as Tensor
          assert.deepEqual(got.shape, system[key].shape)
          assertClose(await numbers(got), want, dtype === 'float64' ? 1e-12 : 1e-5, key)
        }
        const wanted = ['phases'] as const
        const some = waveFieldWithGradients({ ...call, gradField, wanted })
        assert.deepEqual(
          parameters.filter((key) => some.gradients[key] !== null),
          wanted,
        )
      }
    }
  })

  test('16323 nodes', { skip: device !== 'cpu' || emulated }, async () => {
    const waves = randomWaves(16323)
    const targets = shuffled(16323, 40, 9)
    const want = waveReference(waves, [2.5], targets)
    for (const dtype of dtypes) {
      for (const method of methods) {
        await using _ = scope()
        const system = waveTensors(waves, { device, dtype })
        const all = await numbers(waveField({ ...system, times: 2.5, method }))
        const got = [0, 16323].flatMap((plane) =>
          Array.from(targets, (i) => all[plane + i] as number),
        )
        assertClose(got, want, exact[dtype], `${dtype} ${method}`)
      }
    }
  })

  test('sources and receivers are what they say', async () => {
    const waves = randomWaves(33)
    const times = [0, 2.5, 1.77e9]
    for (const dtype of dtypes) {
      await using _ = scope()
      const { amplitudes, frequencies, phases } = waveTensors(waves, { device, dtype })
      const sources = waveSources({ amplitudes, frequencies, times })
      assert.deepEqual(sources.shape, [3, 2, 33])
      const turned = times.flatMap((time) =>
        [Math.cos, Math.sin].flatMap((of) =>
          Array.from(
            waves.amplitudes,
            (A, j) => A * of(reducedPhase(waves.frequencies[j] as number, time)),
          ),
        ),
      )
      assertClose(await numbers(sources), turned, dtype === 'float64' ? 1e-9 : 1e-6, dtype)
      const potential = generator(3)
        .normals(3 * 2 * 33)
        .map(Math.fround)
      const targets = shuffled(33, 50, 5)
      const field = waveReceive({
        potential: tensor(potential, { shape: [3, 2, 33], dtype, device }),
        phases,
        targets,
      })
      const heard = times.flatMap((_, m) =>
        [Math.cos, Math.sin].flatMap((of) =>
          Array.from(
            targets,
            (i) => of(waves.phases[i] as number) * (potential[(2 * m + 1) * 33 + i] as number),
          ),
        ),
      )
      assertClose(await numbers(field), heard, dtype === 'float64' ? 1e-12 : 1e-6, dtype)
    }
    await checkGradients(
      device,
      {
        amplitudes: { shape: [33], data: waves.amplitudes },
        frequencies: { shape: [33], data: waves.frequencies },
      },
      (given) => [waveSources({ ...(given as unknown as WaveFieldOptions), times: [0.5, 40] })],
    )
    for (const targets of [null, [3, 0, 3, 32]]) {
      await checkGradients(
        device,
        {
          potential: { shape: [2, 2, 33], data: generator(4).normals(132) },
          phases: { shape: [33], data: waves.phases },
        },
        ({ potential, phases }) => [
          waveReceive({ potential: potential as Tensor, phases: phases as Tensor, targets }),
        ],
      )
    }
  })

  test('refuses what it cannot take, and names it', async () => {
    await using _ = scope()
    const valid = { ...waveTensors(randomWaves(5), { device, dtype: 'float32' }), times: 1 }
    const int32 = (data: number[]) => tensor(data, { dtype: 'int32', device })
    const of = (data: number[], shape = [data.length]) => tensor(data, { shape, device })
    const double = waveTensors(randomWaves(5), { device, dtype: 'float64' })
    const disposed = of([1, 2, 3, 4, 5])
    disposed.dispose()
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ positions: null }, 'ERR_DTYPE', /positions must be a tensor, got null/],
      [
        { positions: of([1, 2, 3, 4], [2, 2]) },
        'ERR_SHAPE',
        /positions must be of shape \(axes = 3, N\)/,
      ],
      [{ positions: of([], [3, 0]) }, 'ERR_SHAPE', /positions must be of at least 1 node/],
      [{ positions: int32([1, 2, 3]) }, 'ERR_DTYPE', /positions must be of a floating type/],
      [{ amplitudes: of([1, 2]) }, 'ERR_SHAPE', /amplitudes must be of shape \(N = 5\), got \[2\]/],
      [
        { frequencies: double.frequencies },
        'ERR_DTYPE',
        /frequencies must be float32, got float64/,
      ],
      [{ phases: disposed }, 'ERR_DISPOSED', /phases must be alive/],
      [{ wavenumber: Number.NaN }, 'ERR_VALUE', /wavenumber must be a finite number, got NaN/],
      [{ wavenumber: 1e300 }, 'ERR_VALUE', /wavenumber must be a finite number, got Infinity/],
      [{ wavenumber: '3' }, 'ERR_VALUE', /wavenumber must be a finite number, got 3/],
      [{ wavenumber: of([1, 2]) }, 'ERR_SHAPE', /wavenumber must be of 1 element, got \[2\]/],
      [{ wavenumber: double.wavenumber }, 'ERR_DTYPE', /wavenumber must be float32/],
      [{ softening: 0 }, 'ERR_VALUE', /softening must be a finite number above 0, got 0/],
      [{ softening: -0.05 }, 'ERR_VALUE', /softening must be a finite number above 0, got -0.05/],
      [{ softening: 1e-60 }, 'ERR_VALUE', /softening must be a finite number above 0, got 0/],
      [{ times: Number.NaN }, 'ERR_VALUE', /times must be finite numbers, got NaN/],
      [
        { times: [0, Infinity] },
        'ERR_VALUE',
        /times must be finite numbers, got Infinity at element 1/,
      ],
      [{ times: [] }, 'ERR_SHAPE', /times must be at least 1 number, got 0/],
      [{ times: undefined }, 'ERR_VALUE', /times must be a finite number, an array/],
      [{ times: of([1]) }, 'ERR_DTYPE', /times must be float64, got float32/],
      [{ targets: [] }, 'ERR_SHAPE', /targets must be at least 1 node, got 0/],
      [{ targets: int32([]) }, 'ERR_SHAPE', /targets must be at least 1 node, got 0/],
      [
        { targets: [0, 5] },
        'ERR_VALUE',
        /targets must be nodes in \[0, N = 5\), got 5 at element 1/,
      ],
      [
        { targets: [0.5] },
        'ERR_VALUE',
        /targets must be nodes in \[0, N = 5\), got 0.5 at element 0/,
      ],
      [{ targets: [-1] }, 'ERR_VALUE', /targets must be nodes/],
      [{ targets: of([1]) }, 'ERR_DTYPE', /targets must be int32, got float32/],
      [{ targets: 3 }, 'ERR_DTYPE', /targets must be a tensor, got 3/],
      [{ method: 'fast' }, 'ERR_VALUE', /method must be one of direct, propagator, got fast/],
      [
        { precision: 'float16' },
        'ERR_VALUE',
        /precision must be one of float32, bfloat16, got float16/,
      ],
      [
        { distances: 'bfloat16' },
        'ERR_VALUE',
        /distances must be one of float32, float16, got bfloat16/,
      ],
      [
        { precision: 'bfloat16' },
        'ERR_VALUE',
        /precision must be float32 unless the method is propagator/,
      ],
      [
        { distances: 'float16', method: 'propagator' },
        'ERR_VALUE',
        /distances must be float32 unless/,
      ],
      [{ ...double, distances: 'float16' }, 'ERR_VALUE', /distances must be float32 unless/],
    ]
    const before = on.memory().live
    for (const [spoilt, code, message] of cases) {
      const given = { ...valid, ...spoilt } as WaveFieldOptions
      const label = JSON.stringify(Object.keys(spoilt))
      assert.throws(
        () => waveField(given),
        (error: Error & { code: string }) => {
          assert.equal(error.code, code, `${label}: ${error.message}`)
          assert.match(error.message, message)
          assert.match(error.message, /^waveField: /)
          return true
        },
      )
    }
    assert.equal(on.memory().live, before, 'a refused call left memory behind')
    const gradField = of(new Array(10).fill(1), [1, 2, 5])
    const wanted = ['amplitude'] as unknown as WaveParameter[]
    assert.throws(() => waveFieldWithGradients({ ...valid, gradField, wanted }), {
      code: 'ERR_VALUE',
      message: /^waveFieldWithGradients: wanted must be one of positions, .*, got amplitude$/,
    })
    assert.throws(() => waveFieldWithGradients({ ...valid, targets: [1], gradField }), {
      code: 'ERR_SHAPE',
      message: /gradField must be of shape \(M = 1, planes = 2, S = 1\), got \[1, 2, 5\]/,
    })
  })

  test('faults that only the device sees fail the next read', async () => {
    for (const dtype of dtypes) {
      for (const method of methods) {
        await using _ = scope()
        const waves = randomWaves(40)
        const valid = waveTensors(waves, { device, dtype })
        const spoil = (key: WaveParameter, at: number, value: number): Tensor => {
          const source = waves[key]
          const data = typeof source === 'number' ? [source] : [...source]
          data[at] = value
          return tensor(data, { shape: valid[key].shape, dtype, device })
        }
        const finite =
          'waveFieldForward: positions, amplitudes, frequencies, wavenumber and times must be finite numbers, got'
        const positive = 'waveFieldForward: softening must be a finite number above 0, got'
        const int32 = (data: number[]) => tensor(data, { dtype: 'int32', device })
        const late = (data: number[]) => tensor(data, { dtype: 'float64', device })
        const cases: [Partial<WaveFieldOptions>, string][] = [
          [{ positions: spoil('positions', 77, Number.NaN) }, `${finite} nan at element 77`],
          [{ amplitudes: spoil('amplitudes', 3, Infinity) }, `${finite} inf at element 3`],
          [{ frequencies: spoil('frequencies', 39, Number.NaN) }, `${finite} nan at element 39`],
          [{ wavenumber: spoil('wavenumber', 0, Infinity) }, `${finite} inf at element 0`],
          [{ times: late([0, Number.NaN]) }, `${finite} nan at element 1`],
          [{ softening: spoil('softening', 0, 0) }, `${positive} 0 at element 0`],
          [{ softening: spoil('softening', 0, -1) }, `${positive} -1 at element 0`],
          [
            { targets: int32([0, 40]) },
            'waveFieldForward: targets must be nodes in [0, N), got 40 at element 1',
          ],
          [
            { targets: int32([-1, 2]) },
            'waveFieldForward: targets must be nodes in [0, N), got -1 at element 0',
          ],
        ]
        for (const [spoilt, message] of cases) {
          const field = waveField({ ...valid, times: 1, method, ...spoilt })
          await assert.rejects(field.data(), (error: Error & { code: string }) => {
            assert.equal(error.code, 'ERR_VALUE')
            assert.equal(error.message.replace('-nan', 'nan'), message)
            return true
          })
          await on.synchronize()
        }
        const { field } = {
          field: waveField({ ...valid, times: 1, method, targets: int32([1, 99]) }),
        }
        await assert.rejects(field.data(), { code: 'ERR_VALUE' })
        const data = await numbers(field)
        assert.ok(Number.isFinite(data[0]) && Number.isNaN(data[1]), `${data}`)
        assert.ok(Number.isFinite(data[2]) && Number.isNaN(data[3]), `${data}`)
        const gradField = tensor(new Float64Array(4), { shape: [1, 2, 2], dtype, device })
        const bad = { ...valid, times: 1, targets: int32([1, 99]), gradField }
        const { gradients } = waveFieldWithGradients(bad)
        await assert.rejects((gradients.phases as Tensor).data(), {
          code: 'ERR_VALUE',
          message: 'waveFieldBackward: targets must be nodes in [0, N), got 99 at element 1',
        })
        await on.synchronize()
      }
    }
  })
})
