// The native all-to-all operations: golden files, central differences, bits, chunks, noise, drift.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceName } from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'
import { type GlobalCase, type GlobalResult, runGlobal } from './support/kuramoto-native.js'

const turn = 2 * Math.PI

function goldenCase({ args, arrays }: GoldenCase): GlobalCase {
  const input = (name: string) => arrays.get(`in.${name}`)?.data
  const [batch = 1, oscillators = 1] = arrays.get('in.phases')?.shape ?? []
  const optional = Object.fromEntries(
    ['precision', 'sign', 'frustration', 'drive'].flatMap((name) => {
      const data = input(name)
      return data ? [[name, data]] : []
    }),
  )
  const steps = args.steps as number
  return {
    ...optional,
    naturalFrequencies: input('naturalFrequencies') ?? [],
    coupling: input('coupling') ?? [],
    phases: input('phases') ?? [],
    driveKind: ['none', 'node', 'batch', 'step'].indexOf(args.driveKind as string),
    batch,
    oscillators,
    steps,
    stages: args.method === 'rk4' ? 4 : 1,
    normalisation: ['count', 'degree', 'none'].indexOf(args.normalisation as string),
    // The last record is also R at the end.
    recordEvery: (args.record as number) || steps,
    timeStep: args.dt as number,
  }
}

async function checkGolden(
  golden: GoldenCase,
  system: GlobalCase,
  dtype: 'float64' | 'float32',
  device: DeviceName,
): Promise<void> {
  const given = (name: string) => golden.arrays.get(name)?.data
  const { batch = 1, steps, recordEvery = 1 } = system
  const records = Math.floor(steps / recordEvery)
  const cotangentR = new Float64Array(batch * records)
  cotangentR.set(given('cot.recordR') ?? [])
  for (let b = 0; b < batch; ++b) {
    const at = (b + 1) * records - 1
    cotangentR[at] = (cotangentR[at] ?? 0) + (given('cot.R')?.[b] ?? 0)
  }
  const cotangents = { phases: given('cot.phases') ?? [], R: cotangentR }
  const got = await runGlobal(system, { device, dtype, cotangents })
  const [forOutput, forGradient] = dtype === 'float64' ? [1e-9, 1e-9] : [1e-5, 1e-4]
  const last = (of: ArrayLike<number>) =>
    Array.from({ length: batch }, (_, b) => of[(b + 1) * records - 1] as number)
  // The golden files have angles in (-π, π].
  const psi = Array.from(got.psi, (angle) => (angle > Math.PI ? angle - turn : angle))
  const outputs: Record<string, ArrayLike<number>> = {
    phases: got.phases,
    R: last(got.R),
    psi: last(psi),
    recordR: got.R,
    recordPsi: psi,
  }
  const label = `${golden.name} in ${dtype}`
  for (const [name, got] of Object.entries(outputs)) {
    const want = given(`out.${name}`)
    if (want) assertClose(got, want, forOutput, `${label}: ${name}`)
  }
  assert.deepEqual([...Array.from(got.winding)], [...(given('out.winding') ?? [])], label)
  for (const [name, gradient] of Object.entries(got.gradients)) {
    const want = given(`grad.${name}`)
    if (want) assertClose(gradient, want, forGradient, `${label}: gradient of ${name}`)
  }
}

// A system with everything in it; `kind` leaves things out.
function wholeCase(n: number, extra: Partial<GlobalCase> = {}): GlobalCase {
  const { uniforms, normals } = generator(n + 3)
  const { batch = 1, steps = 5, driveKind = 0 } = extra
  const drives = [0, n, batch * n, steps * n]
  return {
    naturalFrequencies: normals(n),
    coupling: [1.3],
    phases: uniforms(batch * n).map((u) => turn * u),
    oscillators: n,
    steps,
    ...(driveKind > 0 && { drive: normals(drives[driveKind] ?? 0) }),
    ...extra,
  }
}
const full = (n: number): Partial<GlobalCase> => {
  const { uniforms } = generator(n)
  return {
    precision: uniforms(n).map((u) => 0.2 + u),
    sign: uniforms(n).map((u) => (u < 0.3 ? -1 : 1)),
    frustration: [0.4],
    normalisation: 1,
  }
}

function assertSameResult(a: GlobalResult, b: GlobalResult, label: string): void {
  for (const name of ['phases', 'state', 'winding', 'R', 'psi', 'recordPhases'] as const)
    assertSameBits(a[name], b[name], `${label}: ${name}`)
  for (const [name, gradient] of Object.entries(a.gradients))
    assertSameBits(gradient, b.gradients[name] ?? [], `${label}: gradient of ${name}`)
}

onEveryDevice('kuramoto all to all', (device) => {
  for (const name of goldenNames(/^kuramoto-(global|long)/)) {
    for (const dtype of ['float64', 'float32'] as const) {
      test(`${name} in ${dtype}`, async () => {
        const golden = await readGolden(name)
        const system = goldenCase(golden)
        await checkGolden(golden, system, dtype, device)
        await checkGolden(golden, { ...system, checkpointEvery: 3 }, dtype, device)
        await checkGolden(
          golden,
          { ...system, checkpointEvery: 3, keepPulls: false },
          dtype,
          device,
        )
      })
    }
  }

  const cases: Record<string, GlobalCase> = {
    euler: wholeCase(5, { ...full(5), batch: 2, recordEvery: 2, coupling: [1.3, -0.7] }),
    heun: wholeCase(5, { ...full(5), stages: 2, driveKind: 1, checkpointEvery: 2 }),
    'heun with noise': wholeCase(4, { stages: 2, diffusion: 0.3, batch: 2, checkpointEvery: 5 }),
    rk4: wholeCase(6, { ...full(6), stages: 4, driveKind: 3, batch: 3, recordEvery: 1 }),
    'rk4 by count': wholeCase(6, {
      ...full(6),
      stages: 4,
      normalisation: 0,
      driveKind: 2,
      batch: 2,
    }),
    'rk4 without pulls': wholeCase(7, {
      ...full(7),
      stages: 4,
      driveKind: 3,
      checkpointEvery: 2,
      keepPulls: false,
      recordEvery: 2,
    }),
    'rates of their own': wholeCase(4, {
      batch: 2,
      naturalFrequencies: generator(8).normals(8),
      recordEvery: 1,
    }),
    banks: wholeCase(9, {
      ...full(9),
      batch: 3,
      phases: generator(2).uniforms(9),
      bankStart: [0, 4, 5, 9],
      timeSteps: [0.05, 0.1, 0.02],
      coupling: [1, 2, 3],
      stages: 2,
      driveKind: 3,
      recordEvery: 2,
    }),
  }
  for (const [name, system] of Object.entries(cases)) {
    test(`central differences: ${name}`, () => checkDifferences(system, device))
  }

  test('two runs agree to the bit, at any size', async () => {
    for (const n of emulated ? [1, 31, 33, 1023] : [1, 31, 33, 1023, 16323]) {
      for (const dtype of ['float64', 'float32'] as const) {
        for (const stages of [1, 4]) {
          const system = wholeCase(n, {
            ...(stages > 1 && full(n)),
            stages,
            recordEvery: 2,
            steps: 6,
          })
          const cotangents = { phases: generator(4).normals(n), R: [1, 2, 3] }
          const a = await runGlobal(system, { device, dtype, cotangents })
          const b = await runGlobal(system, { device, dtype, cotangents })
          assertSameResult(a, b, `${n} oscillators, ${stages} stages, ${dtype}`)
          for (const values of [a.phases, a.R, ...Object.values(a.gradients)])
            assert.ok(Array.from(values).every(Number.isFinite), `${n} ${stages} ${dtype}`)
          const other = await runGlobal({ ...system, winding: false }, { device, dtype })
          assertSameBits(a.state, other.state, 'without winding')
          if (dtype === 'float64') continue
          const wide = await runGlobal(system, { device, cotangents })
          const circle = (of: ArrayLike<number>) =>
            Array.from(of).flatMap((theta) => [Math.sin(theta), Math.cos(theta)])
          assertClose(circle(a.phases), circle(wide.phases), 1e-5, `${n} phases`)
          assertClose(a.R, wide.R, 1e-5, `${n} R`)
          for (const [name, gradient] of Object.entries(a.gradients)) {
            const want = wide.gradients[name] ?? []
            if (n > 1) assertClose(gradient, want, 2e-4, `${n} ${stages}: ${name}`)
          }
        }
      }
    }
  })

  test('chunks of steps give the bits of one run', async () => {
    for (const dtype of ['float64', 'float32'] as const) {
      for (const extra of [{}, { stages: 2, diffusion: 0.1 }, { stages: 4 }]) {
        const system = wholeCase(77, { ...extra, steps: 12, recordEvery: 3, batch: 2 })
        const whole = await runGlobal(system, { device, dtype })
        const first = await runGlobal({ ...system, steps: 6 }, { device, dtype })
        const { phases: _, ...rest } = system
        const second = await runGlobal(
          { ...rest, state: first.state, steps: 6, firstStep: 6 },
          { device, dtype },
        )
        assertSameBits(second.state, whole.state, 'state')
        const winding = Array.from(first.winding, (w, i) => w + (second.winding[i] as number))
        assert.deepEqual(winding, Array.from(whole.winding))
        assertSameBits([second.R[1] as number], [whole.R[3] as number], 'R')
      }
    }
  })

  test('ragged banks are their own runs', async () => {
    const starts = [0, 1, 40, 40, 1600, 1603]
    const system = wholeCase(1603, {
      batch: 5,
      phases: generator(1)
        .uniforms(1603)
        .map((u) => turn * u),
      bankStart: starts,
      timeSteps: [0.05, 0.01, 0.03, 0.02, 0.05],
      coupling: [1, 2, 3, 4, 5],
      recordEvery: 2,
      steps: 8,
    })
    const whole = await runGlobal(system, { device })
    for (const bank of [0, 1, 3, 4]) {
      const [begin = 0, end = 0] = starts.slice(bank)
      const part = (of: ArrayLike<number> | undefined) => Array.from(of ?? []).slice(begin, end)
      const { bankStart: _, timeSteps, ...rest } = system
      const alone = await runGlobal(
        {
          ...rest,
          batch: 1,
          oscillators: end - begin,
          phases: part(system.phases),
          naturalFrequencies: part(system.naturalFrequencies),
          coupling: [bank + 1],
          timeStep: timeSteps?.[bank] ?? 0,
        },
        { device },
      )
      assertClose(part(whole.phases), alone.phases, 1e-12, `bank ${bank}`)
      assertClose(Array.from(whole.R).slice(4 * bank, 4 * bank + 4), alone.R, 1e-12, 'R')
    }
  })

  test('winding counts the turns that fell away', async () => {
    const rates = [0, 0.3, -0.3, 7, -7, 200, -200, 62.8]
    for (const dtype of ['float64', 'float32'] as const) {
      for (const stages of [1, 4]) {
        const system = {
          naturalFrequencies: rates,
          coupling: [stages === 1 ? 0 : 2],
          phases: rates.map((_, i) => 0.7 * i + 0.01),
          oscillators: rates.length,
          steps: 40,
          stages,
          timeStep: 0.05,
        }
        const { phases, winding } = await runGlobal(system, { device, dtype })
        const end = Array.from(phases, (theta, i) => theta + turn * (winding[i] as number))
        if (stages === 1) {
          const want = rates.map((rate, i) => 0.7 * i + 0.01 + rate * 2)
          assertClose(end, want, dtype === 'float64' ? 1e-13 : 1e-7, 'free rotation')
        } else {
          const sum = end.reduce((a, b) => a + b, 0)
          const want = rates.reduce((a, rate, i) => a + 0.7 * i + 0.01 + 2 * rate, 0)
          assert.ok(Math.abs(sum - want) < 1e-4, `the mean rate stays: ${sum} ${want}`)
        }
      }
    }
  })

  test('a million steps drift by less than 1e-5 rad in float32', async () => {
    const steps = emulated ? 10_000 : 1_000_000
    const rates = [1, -0.37, 2.3, 0.011, -1.71, 1e-4]
    const single = rates.map(Math.fround)
    const { phases } = await runGlobal(
      {
        naturalFrequencies: rates,
        coupling: [0],
        phases: rates.map(() => 0),
        oscillators: rates.length,
        steps,
        timeStep: 0.01,
        checkpointEvery: 0,
        keepPulls: false,
        winding: false,
      },
      { device, dtype: 'float32' },
    )
    for (const [i, rate] of single.entries()) {
      const off = ((phases[i] as number) - rate * 0.01 * steps) / turn
      assert.ok(Math.abs(off - Math.round(off)) * turn < 1e-5, `rate ${rate}: ${off}`)
    }
  })

  test('noise has its variance, and its own numbers for each step, batch and oscillator', async () => {
    const n = emulated ? 512 : 8192
    const system: GlobalCase = {
      naturalFrequencies: new Float64Array(n),
      coupling: [0],
      phases: new Float64Array(2 * n).fill(3),
      batch: 2,
      oscillators: n,
      steps: 10,
      timeStep: 0.01,
      diffusion: 0.2,
    }
    for (const dtype of ['float64', 'float32'] as const) {
      const { phases } = await runGlobal(system, { device, dtype })
      const moves = Array.from(phases, (theta) => theta - 3)
      const variance = 2 * 0.2 * 0.01 * 10
      const mean = moves.reduce((a, b) => a + b, 0) / moves.length
      const square = moves.reduce((a, b) => a + b * b, 0) / moves.length
      const together =
        moves.slice(0, n).reduce((a, x, i) => a + x * (moves[n + i] as number), 0) / n
      assert.ok(Math.abs(mean) < 5 * Math.sqrt(variance / moves.length), `mean ${mean}`)
      assert.ok(Math.abs(square / variance - 1) < 5 * Math.sqrt(2 / moves.length), `${square}`)
      assert.ok(Math.abs(together / variance) < 5 / Math.sqrt(n), `correlation ${together}`)
      const other = await runGlobal({ ...system, stream: 4 }, { device, dtype })
      assert.notDeepEqual(Array.from(other.phases), Array.from(phases))
    }
  })

  test('faulty data are told apart', async () => {
    const system = wholeCase(4)
    await assert.rejects(
      runGlobal({ ...system, naturalFrequencies: [1, 2, Number.NaN, 3] }, { device }),
      /naturalFrequencies and drive must be finite numbers, got nan at element 2/,
    )
    await assert.rejects(
      runGlobal({ ...system, batch: 2, bankStart: [0, 5, 4], timeSteps: [1, 1] }, { device }),
      /bankStart must be ascending from 0 to oscillators, got 5 at element 1/,
    )
  })
})

async function checkDifferences(system: GlobalCase, device: DeviceName): Promise<void> {
  const once = await runGlobal(system, { device })
  const { uniforms } = generator(77)
  const cotangents = {
    phases: uniforms(once.phases.length),
    ...(once.R.length > 0 && {
      R: uniforms(once.R.length),
      recordPhases: uniforms(once.recordPhases.length),
    }),
  }
  const dot = (a: ArrayLike<number>, b: ArrayLike<number> = []) =>
    Array.from(b).reduce((sum, value, i) => sum + value * (a[i] as number), 0)
  const { gradients } = await runGlobal(system, { device, cotangents })
  for (const [name, gradient] of Object.entries(gradients)) {
    const from = Float64Array.from(system[name as 'phases'] ?? [])
    const numeric: number[] = []
    for (let i = 0; i < from.length; ++i) {
      const at = async (offset: number) => {
        const moved = from.slice()
        moved[i] = (moved[i] as number) + offset
        const got = await runGlobal({ ...system, [name]: moved }, { device })
        // Phases without the turns that wrapping takes off.
        const near = (of: ArrayLike<number>, than: ArrayLike<number>) =>
          Array.from(of, (theta, j) => {
            const base = than[j] as number
            return base + (theta - base) - turn * Math.round((theta - base) / turn)
          })
        return (
          dot(near(got.phases, once.phases), cotangents.phases) +
          dot(got.R, cotangents.R) +
          dot(near(got.recordPhases, once.recordPhases), cotangents.recordPhases)
        )
      }
      numeric.push(((await at(1e-5)) - (await at(-1e-5))) / 2e-5)
    }
    assertClose(gradient, numeric, 1e-7, `gradient of ${name}`)
  }
}
