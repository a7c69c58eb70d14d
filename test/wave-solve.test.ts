// solveWaveField: the bound of Chebyshev samples in time, the treecode, what it chooses, and when it
// falls back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  device as deviceOf,
  scope,
  solveWaveField,
  type Tensor,
  tensor,
  type WaveSolveOptions,
  WaveTree,
  waveField,
} from '../lib/index.js'
import { besselMagnitudes, chebyshevPlan, sampleCount, windowOf } from '../lib/waves/chebyshev.js'
import { WaveCosts } from '../lib/waves/cost.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { reducedPhase } from './support/wave-reference.js'
import { randomWaves, waveTensors } from './support/wave-system.js'

const numbers = async (given: Tensor): Promise<Float64Array> => (await given.data()) as Float64Array
const evenly = (count: number, step: number, start = 0): number[] =>
  Array.from({ length: count }, (_, m) => start + step * m)

test('Bessel functions have their tabulated values', () => {
  const table: [number, number, number][] = [
    [0, 0, 1],
    [1, 0, 0.7651976865579666],
    [1, 1, 0.44005058574493355],
    [2.5, 5, 0.019501625134503223],
    [10, 0, 0.2459357644513483],
    [10, 10, 0.2074861066333589],
    [50, 50, 0.12140902189761506],
  ]
  for (const [a, n, want] of table) {
    const got = besselMagnitudes(a, n + 3)[n] as number
    assert.ok(Math.abs(got - want) < 1e-14, `J_${n}(${a}) = ${got}, not ${want}`)
  }
  for (const a of [1e-9, 1e-3, 0.7, 33.3, 1234.5]) {
    const values = besselMagnitudes(a, Math.ceil(a) + 200)
    const sum = values.reduce((total, J, n) => total + (n === 0 ? 1 : 2) * J * J, 0)
    assert.ok(Math.abs(sum - 1) < 1e-12, `Σ J(${a})² = ${sum}`)
  }
})

test('interpolation in time keeps its bound, with as few samples as it allows', () => {
  for (const [centre, halfLength] of [
    [0, 1],
    [-3, 0.01],
    [1.77e9, 1.275],
    [-2.5e5, 40],
  ] as const) {
    for (const band of [1e-3, 0.4, 3.3, 20, 47]) {
      for (const error of [1e-3, 1e-6, 1e-10]) {
        const frequency = band / halfLength
        const found = sampleCount(band, error, 1000)
        assert.ok(found && found.bound <= error)
        if (found.count > Math.max(1, Math.ceil(band))) {
          const tail = besselMagnitudes(band, found.count + 100).slice(found.count - 1)
          assert.ok(4 * tail.reduce((a, b) => a + b, 0) > error, 'one sample fewer would do')
        }
        const times = Array.from({ length: 301 }, (_, m) => centre + halfLength * (m / 150 - 1))
        const plan = chebyshevPlan(times, windowOf(times), found)
        assert.ok(plan)
        const { points, matrix } = plan
        for (const share of [1, -1, 0.83, 0.2]) {
          const wave = Float64Array.from(points, (t) =>
            Math.cos(reducedPhase(share * frequency, t) + 0.3),
          )
          for (const [m, time] of times.entries()) {
            let got = 0
            for (let p = 0; p < points.length; ++p) {
              got += (matrix[m * points.length + p] as number) * (wave[p] as number)
            }
            const off = Math.abs(got - Math.cos(reducedPhase(share * frequency, time) + 0.3))
            // Beside the bound: the rounding of the reference and of the sums.
            const rounding = 1e-13 * points.length + (Math.abs(centre) > 1e6 ? 1e-11 : 0)
            assert.ok(off <= found.bound + rounding, `${centre} ${band} ${error}: off by ${off}`)
          }
        }
      }
    }
  }
  assert.equal(sampleCount(100, 1e-6, 100), null)
  assert.equal(sampleCount(Number.NaN, 1e-6, 100), null)
  assert.equal(sampleCount(0, 1e-6, 5)?.count, 1)
})

test('estimates follow sizes', () => {
  const cpu = new WaveCosts({ index: -1 }, false)
  const small = { nodes: 8000, receivers: 8000, samples: 1 }
  assert.ok(cpu.direct(small) < cpu.propagator(small))
  assert.ok(cpu.direct({ ...small, samples: 64 }) > cpu.propagator({ ...small, samples: 64 }))
  const tree = { error: 1e-4, built: false }
  assert.ok(cpu.direct(small) < cpu.tree(small, tree))
  const large = { nodes: 1e6, receivers: 1e6, samples: 1 }
  assert.ok(cpu.direct(large) > 10 * cpu.tree(large, tree))
  assert.ok(cpu.direct({ ...large, receivers: 200 }) < cpu.tree(large, tree))
})

onEveryDevice('solveWaveField', (device) => {
  const on = deviceOf(device)
  const nodes = emulated ? 90 : 400

  test('chebyshev is direct within its error, at any time', async () => {
    const waves = randomWaves(nodes)
    for (const dtype of ['float64', 'float32'] as const) {
      for (const start of [0, -40, 1.77e9]) {
        for (const error of [1e-4, 1e-6]) {
          await using _ = scope()
          const system = waveTensors(waves, { device, dtype })
          const times = evenly(emulated ? 64 : 256, 0.01, start)
          const want = await numbers(waveField({ ...system, times, method: 'propagator' }))
          const solution = await solveWaveField({ ...system, times, method: 'chebyshev', error })
          assert.equal(solution.method, 'chebyshev')
          assert.ok((solution.samples as number) <= 16, `${solution.samples} samples`)
          assert.match(solution.reason, /^chebyshev: as asked; \d+ samples by/)
          assert.deepEqual(solution.field.shape, [times.length, 2, nodes])
          const got = await numbers(solution.field)
          const label = `${dtype} at ${start} to ${error}`
          assertClose(got, want, error + (dtype === 'float32' ? 1e-6 : 0), label)
          const late = tensor(times, { dtype: 'float64', device })
          const again = await solveWaveField({ ...system, times: late, method: 'chebyshev', error })
          assertSameBits(await numbers(again.field), got, `${label}: times in a tensor`)
        }
      }
    }
  })

  test('every field stays within error √(Σ A² / d²)', async () => {
    const waves = randomWaves(61)
    await using _ = scope()
    const system = waveTensors(waves, { device, dtype: 'float64' })
    const times = evenly(100, 0.11, 3)
    const want = await numbers(waveField({ ...system, times }))
    for (const error of [1e-2, 1e-5, 1e-9]) {
      const { field } = await solveWaveField({ ...system, times, method: 'chebyshev', error })
      const got = await numbers(field)
      for (let i = 0; i < 61; ++i) {
        let square = 0
        for (let j = 0; j < 61; ++j) {
          const apart = [0, 61, 122].map(
            (axis) => (waves.positions[axis + i] as number) - (waves.positions[axis + j] as number),
          )
          square +=
            ((waves.amplitudes[j] as number) / (Math.hypot(...apart) + waves.softening)) ** 2
        }
        for (let m = 0; m < 100; ++m) {
          const [real, imaginary] = [0, 1].map((plane) => {
            const at = (2 * m + plane) * 61 + i
            return (got[at] as number) - (want[at] as number)
          })
          const off = Math.hypot(real as number, imaginary as number)
          assert.ok(off <= error * Math.sqrt(square) + 1e-11, `${error}: off by ${off}`)
        }
      }
    }
  })

  test('gradients flow through the samples in time', async () => {
    const waves = randomWaves(23)
    await using _ = scope()
    const times = evenly(40, 0.02, 1)
    const targets = [3, 22, 3, 0]
    const slope = tensor(generator(5).normals(40 * 2 * 4), {
      shape: [40, 2, 4],
      dtype: 'float64',
      device,
    })
    const own = waveTensors(waves, { device, dtype: 'float64', requiresGrad: true })
    const call = { times, targets, method: 'chebyshev', error: 1e-11 } as const
    const { field, method } = await solveWaveField({ ...own, ...call })
    assert.equal(method, 'chebyshev')
    field.backward(slope)
    const other = waveTensors(waves, { device, dtype: 'float64', requiresGrad: true })
    waveField({ ...other, times, targets }).backward(slope)
    for (const [key, leaf] of Object.entries(other) as [keyof typeof other, Tensor][]) {
      const want = await numbers(leaf.grad as Tensor)
      assertClose(await numbers(own[key].grad as Tensor), want, 1e-9, key)
    }
  })

  test('falls back where samples in time do not pay or cannot hold', async () => {
    await using _ = scope()
    const system = waveTensors(randomWaves(30), { device, dtype: 'float32' })
    const cases: [Partial<WaveSolveOptions>, RegExp][] = [
      [
        { times: evenly(5, 1) },
        /the band of 1\.\d+ turns a window needs no fewer than the 5 times/,
      ],
      [{ times: 3 }, /no fewer than the 1 times/],
      [
        { times: evenly(64, 0.01), error: 1e-8 },
        /an error of 1e-8 is below the rounding of float32/,
      ],
      [{ times: evenly(40, 2 ** -22, 1.77e9) }, /not apart in float64/],
    ]
    for (const [given, reason] of cases) {
      const { times = 0, ...rest } = given
      const solution = await solveWaveField({ ...system, ...rest, times, method: 'chebyshev' })
      assert.match(solution.reason, reason)
      assert.match(solution.reason, new RegExp(`^${solution.method}: `))
      const method = solution.method as 'direct' | 'propagator'
      const want = await numbers(waveField({ ...system, times, method }))
      assertSameBits(await numbers(solution.field), want, solution.reason)
    }
    const frequencies = tensor(new Float32Array(30).fill(Number.NaN), { device })
    const broken = { ...system, frequencies, times: evenly(40, 0.01) }
    const { field, reason } = await solveWaveField({ ...broken, method: 'chebyshev' })
    assert.match(reason, /not all finite/)
    await assert.rejects(field.data(), { code: 'ERR_VALUE', message: /frequencies/ })
    await on.synchronize()
  })

  test('takes the way it is told to', async () => {
    await using _ = scope()
    const system = waveTensors(randomWaves(30), { device, dtype: 'float32' })
    for (const method of ['direct', 'propagator'] as const) {
      const times = [0, 1]
      const solution = await solveWaveField({ ...system, times, method })
      assert.equal(solution.method, method)
      assert.equal(solution.reason, `${method}: as asked`)
      const want = await numbers(waveField({ ...system, times, method }))
      assertSameBits(await numbers(solution.field), want, method)
    }
    const call = { ...system, times: [0, 1, 2], precision: 'bfloat16' } as const
    const half = await solveWaveField(call)
    assert.equal(half.method, 'propagator')
    const want = await numbers(waveField({ ...call, method: 'propagator' }))
    assertSameBits(await numbers(half.field), want, 'bfloat16')
  })

  test('chooses by sizes and times, and says why', async () => {
    await using _ = scope()
    const system = waveTensors(randomWaves(nodes), { device, dtype: 'float32' })
    const wayOf = async (times: WaveSolveOptions['times']) => {
      const solution = await solveWaveField({ ...system, times })
      assert.match(solution.reason, /estimated .* by (direct|propagator), .* by treecode/)
      return solution.method
    }
    assert.equal(await wayOf(1.7), 'direct')
    if (device === 'cpu') {
      assert.equal(await wayOf(evenly(256, 0.01)), 'chebyshev')
      assert.equal(await wayOf(evenly(64, 100)), 'propagator')
    }
  })

  test('the treecode is direct within its measured error, forward and backward', async () => {
    const count = emulated ? 300 : 5000
    const waves = randomWaves(count)
    for (const dtype of ['float64', 'float32'] as const) {
      await using _ = scope()
      const own = waveTensors(waves, { device, dtype, requiresGrad: true })
      const { positions, wavenumber, softening } = waveTensors(waves, { device, dtype })
      const times = [1.7, 4]
      for (const targets of [null, [5, 0, 299, 5]]) {
        const geometry = { positions, wavenumber, softening }
        const call = {
          ...own,
          ...geometry,
          times,
          targets,
          method: 'treecode',
          error: 1e-4,
        } as const
        const solution = await solveWaveField(call)
        assert.equal(solution.method, 'treecode')
        assert.match(solution.reason, /^treecode: as asked; order \d+, measured error/)
        assert.ok((solution.measuredError as number) <= 1e-4 && (solution.order as number) >= 1)
        const other = waveTensors(waves, { device, dtype, requiresGrad: true })
        const want = waveField({ ...other, times, targets })
        assertClose(await numbers(solution.field), await numbers(want), 5e-4, dtype)
        const { shape } = want
        const slope = tensor(generator(4).normals(want.length), { shape, dtype, device })
        solution.field.backward(slope)
        want.backward(slope)
        for (const key of ['amplitudes', 'frequencies', 'phases'] as const) {
          const gradient = await numbers(other[key].grad as Tensor)
          assertClose(await numbers(own[key].grad as Tensor), gradient, 1e-3, `${dtype} ${key}`)
          ;(own[key].grad as Tensor).dispose()
          own[key].grad = null
        }
        assert.ok(solution.tree)
        solution.tree.dispose()
      }
    }
  })

  test('a tree is used again, and only for what it was built of', async () => {
    const waves = randomWaves(emulated ? 300 : 2000)
    await using _ = scope()
    const system = waveTensors(waves, { device, dtype: 'float32' })
    const { positions } = system
    using tree = await WaveTree.build({ positions, error: 1e-4 })
    const call = { ...system, times: 1, method: 'treecode', error: 1e-4, tree } as const
    const first = await solveWaveField(call)
    const second = await solveWaveField(call)
    assert.equal(first.tree, undefined)
    assertSameBits(await numbers(first.field), await numbers(second.field), 'the same tree')
    await assert.rejects(solveWaveField({ ...call, wavenumber: 4 }), {
      code: 'ERR_VALUE',
      message: 'solveWaveField: tree must be of wavenumber 4, got one of 3',
    })
    const few = waveTensors(randomWaves(20), { device, dtype: 'float32' })
    await assert.rejects(solveWaveField({ ...call, ...few }), {
      code: 'ERR_VALUE',
      message: /tree must be of N = 20 nodes, got one of/,
    })
  })

  test('no order reaches an error below the rounding: direct, and it says so', async () => {
    await using _ = scope()
    const system = waveTensors(randomWaves(300), { device, dtype: 'float32' })
    const call = { ...system, times: 1, error: 1e-12 } as const
    const before = on.memory().live
    const solution = await solveWaveField({ ...call, method: 'treecode' })
    assert.equal(solution.method, 'direct')
    assert.match(solution.reason, /^direct: no order of the treecode reaches an error of 1e-12/)
    assert.ok((solution.measuredError as number) > 1e-12)
    const direct = waveField({ ...system, times: 1 })
    assertSameBits(await numbers(solution.field), await numbers(direct), 'direct')
    solution.field.dispose()
    direct.dispose()
    assert.equal(on.memory().live, before, 'the tree left memory behind')
  })

  test('refuses what it cannot take', async () => {
    await using _ = scope()
    const waves = randomWaves(5)
    const valid = { ...waveTensors(waves, { device, dtype: 'float32' }), times: 1 }
    const double = waveTensors(waves, { device, dtype: 'float64' })
    const { positions, softening } = waveTensors(waves, {
      device,
      dtype: 'float32',
      requiresGrad: true,
    })
    const cases: [Record<string, unknown>, RegExp][] = [
      [
        { method: 'fmm' },
        /method must be one of auto, direct, propagator, chebyshev, treecode, got fmm/,
      ],
      [{ precision: 'float16' }, /precision must be one of float32, bfloat16, got float16/],
      [{ error: 0 }, /error must be a number in \(0, 1\), got 0/],
      [{ error: Number.NaN }, /error must be a number in \(0, 1\), got NaN/],
      [{ error: 1 }, /error must be a number in \(0, 1\), got 1/],
      [{ precision: 'bfloat16', method: 'direct' }, /precision must be float32 unless/],
      [{ precision: 'bfloat16', ...double }, /precision must be float32 unless/],
      [
        { positions, method: 'treecode' },
        /method must not be treecode where positions requires grad/,
      ],
      [
        { softening, method: 'treecode' },
        /method must not be treecode where softening requires grad/,
      ],
      [{ targets: [7] }, /targets must be nodes in \[0, N = 5\), got 7 at element 0/],
      [{ times: [Number.NaN] }, /times must be finite numbers, got NaN at element 0/],
    ]
    for (const [spoilt, message] of cases) {
      const call = solveWaveField({ ...valid, ...spoilt } as WaveSolveOptions)
      await assert.rejects(call, (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_VALUE')
        assert.match(error.message, message)
        assert.match(error.message, /^solveWaveField: /)
        return true
      })
    }
    const taken = await solveWaveField({ ...valid, positions })
    assert.notEqual(taken.method, 'treecode')
  })
})
