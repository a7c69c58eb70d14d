// What theory says of Kuramoto oscillators: transition, relaxation, twisted states, chimeras, energy,
// orders of convergence, diffusion.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph, KuramotoBank, kuramoto, ring, scope, type Tensor, tensor } from '../lib/index.js'
import { generator, relativeError } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

/** x wrapped to [−π, π). */
const wrapped = (x: number): number => x - 2 * Math.PI * Math.round(x / (2 * Math.PI))

onEveryDevice('physics of Kuramoto oscillators', (device) => {
  const width = 0.5
  const lorentzian = { distribution: 'lorentzian', width, sampling: 'quantiles' } as const

  test('Lorentzian frequencies give R = √(1 − Kc/K) beyond Kc = 2Δ, and incoherence below', async () => {
    const N = emulated ? 4000 : 1_000_000
    for (const coupling of [0.5, 2]) {
      using bank = new KuramotoBank({
        oscillators: N,
        naturalFrequencies: lorentzian,
        coupling,
        phases: new Float64Array(N),
        device,
      })
      await bank.simulate({ steps: emulated ? 200 : 250, dt: 0.1 })
      const { orderParameter } = await bank.simulate({ steps: 100, dt: 0.1, record: 2 })
      const expected = coupling > 2 * width ? Math.sqrt(1 - (2 * width) / coupling) : 0
      const R = mean(orderParameter)
      assert.ok(Math.abs(R - expected) < 3 / Math.sqrt(N), `K = ${coupling}: ${R}, not ${expected}`)
    }
  })

  test('R relaxes as Ott and Antonsen say', async () => {
    const N = emulated ? 4000 : 200_000
    for (const coupling of [0.4, 3]) {
      using bank = new KuramotoBank({
        oscillators: N,
        naturalFrequencies: lorentzian,
        coupling,
        phases: new Float64Array(N),
        device,
      })
      const dt = 0.05
      const { orderParameter } = await bank.simulate({ steps: 80, dt, record: 4 })
      // dR/dt = a R − b R³ from R = 1
      const [a, b] = [coupling / 2 - width, coupling / 2]
      for (const [i, R] of orderParameter.entries()) {
        const t = 4 * dt * (i + 1)
        const expected = Math.sqrt(a / (b + (a - b) * Math.exp(-2 * a * t)))
        const bound = 4 / Math.sqrt(N)
        assert.ok(
          Math.abs(R - expected) < bound,
          `K = ${coupling}, t = ${t}: ${R}, not ${expected}`,
        )
      }
    }
  })

  test('twisted states of a ring stay, and return where the twist is small', async () => {
    const [N, neighbours] = [60, 2]
    for (const [twist, stable] of [
      [1, true],
      [3, true],
      [20, false],
    ] as const) {
      const state = Float64Array.from({ length: N }, (_, i) => (2 * Math.PI * twist * i) / N)
      const start = { oscillators: N, coupling: 1, topology: ring({ neighbours }), device } as const
      const options = {
        ...start,
        naturalFrequencies: 1,
        dtype: 'float64',
        normalisation: 'none',
      } as const
      const deviation = async (bank: KuramotoBank): Promise<number> => {
        const phases = await bank.phases().data()
        const away = Array.from(phases, (phase, i) => wrapped(phase - (state[i] as number)))
        const turn = Math.atan2(mean(away.map(Math.sin)), mean(away.map(Math.cos)))
        return Math.max(...away.map((x) => Math.abs(wrapped(x - turn))))
      }
      await using _ = scope()
      using still = new KuramotoBank({ ...options, phases: state })
      still.step({ dt: 0.05, steps: 20 })
      assert.ok((await deviation(still)) < 1e-10, `twist ${twist} does not stay`)
      const noise = generator(twist).normals(N)
      const disturbed = state.map((phase, i) => phase + 0.01 * (noise[i] as number))
      using bank = new KuramotoBank({ ...options, phases: disturbed })
      const before = await deviation(bank)
      bank.step({ dt: 0.1, steps: emulated ? 800 : 3000 })
      const after = await deviation(bank)
      assert.equal(after < 0.5 * before, stable, `twist ${twist}: ${before} became ${after}`)
    }
  })

  test('a ring with a lag holds a chimera: order beside disorder', { skip: emulated }, async () => {
    // Abrams & Strogatz 2004, doi:10.1103/PhysRevLett.93.174102: kernel 1 + 0.995 cos x, α = π/2 − 0.18.
    const N = 256
    const kernel = (i: number, j: number): number =>
      (1 + 0.995 * Math.cos((2 * Math.PI * (i - j)) / N)) / N
    const values = Float64Array.from({ length: N * N }, (_, at) =>
      kernel(Math.floor(at / N), at % N),
    )
    const { uniforms } = generator(2)
    const phases = uniforms(N).map((u, i) => {
      const x = (2 * Math.PI * i) / N - Math.PI
      return 6 * Math.exp(-0.76 * x * x) * (u - 0.5)
    })
    using bank = new KuramotoBank({
      oscillators: N,
      topology: Graph.dense(values, N),
      naturalFrequencies: 0,
      coupling: 1,
      frustration: Math.PI / 2 - 0.18,
      normalisation: 'none',
      phases,
      device,
    })
    await bank.simulate({ steps: 4000, dt: 0.05 })
    const run = await bank.simulate({ steps: 1000, dt: 0.05, record: 50, recordPhases: true })
    const trajectory = run.phases ?? new Float32Array()
    const local = localOrder(trajectory, N, 12)
    const [least, most] = [Math.min(...local), Math.max(...local)]
    assert.ok(most > 0.99, `nothing is ordered: ${most}`)
    assert.ok(least < 0.8, `nothing is disordered: ${least}`)
  })

  test('the energy of a gradient system falls at every step', async () => {
    await using _ = scope()
    const N = 30
    const { uniforms } = generator(12)
    const half = uniforms(N * N)
    const A = Float64Array.from({ length: N * N }, (_, at) => {
      const [i, j] = [Math.floor(at / N), at % N]
      return half[Math.max(i, j) * N + Math.min(i, j)] as number
    })
    const run = kuramoto({
      phases: tensor(
        uniforms(N).map((u) => 6 * u),
        { device, dtype: 'float64' },
      ),
      naturalFrequencies: tensor(new Float64Array(N), { device, dtype: 'float64' }),
      coupling: 2,
      graph: Graph.dense(A, N),
      dt: 0.05,
      steps: 60,
      record: 1,
      recordPhases: true,
    })
    const trajectory = (await run.trajectory?.data()) as Float64Array
    let before = Number.POSITIVE_INFINITY
    for (let t = 0; t < 60; ++t) {
      const phases = trajectory.subarray(t * N, (t + 1) * N)
      let energy = 0
      for (let i = 0; i < N; ++i) {
        for (let j = 0; j < i; ++j) {
          energy -=
            (A[i * N + j] as number) * Math.cos((phases[j] as number) - (phases[i] as number))
        }
      }
      assert.ok(energy < before, `step ${t}: ${before} became ${energy}`)
      before = energy
    }
  })

  test('Euler, Heun and Runge-Kutta converge with orders 1, 2 and 4', async () => {
    await using _ = scope()
    const { normals, uniforms } = generator(21)
    const N = 12
    const weights = normals(3 * N)
    const column = Int32Array.from(uniforms(3 * N), (u) => Math.floor(u * N))
    const rowPointer = Int32Array.from({ length: N + 1 }, (_, i) => 3 * i)
    const graph = Graph.sparse({ rowPointer, column, weight: weights, oscillators: N })
    const float64 = { device, dtype: 'float64' } as const
    const phases = tensor(
      uniforms(N).map((u) => 6 * u),
      float64,
    )
    const naturalFrequencies = tensor(normals(N), float64)
    for (const topology of [null, graph]) {
      const end = async (
        method: 'euler' | 'heun' | 'rk4',
        steps: number,
      ): Promise<Float64Array> => {
        const options = {
          phases,
          naturalFrequencies,
          graph: topology,
          coupling: 2,
          frustration: 0.2,
        }
        const run = kuramoto({ ...options, method, steps, dt: 2 / steps })
        const angles = (await run.phases.data()) as Float64Array
        return Float64Array.from([...angles.map(Math.cos), ...angles.map(Math.sin)])
      }
      const exact = await end('rk4', 2000)
      for (const [method, order, steps] of [
        ['euler', 1, 400],
        ['heun', 2, 100],
        ['rk4', 4, 40],
      ] as const) {
        const coarse = relativeError(await end(method, steps), exact)
        const fine = relativeError(await end(method, 2 * steps), exact)
        const measured = Math.log2(coarse / fine)
        assert.ok(Math.abs(measured - order) < 0.15, `${method} is of order ${measured}`)
      }
    }
  })

  test('noise diffuses free phases by 2 D t, whatever the cut of the run', async () => {
    await using _ = scope()
    const N = emulated ? 4000 : 200_000
    const [diffusion, dt, steps] = [0.05, 0.02, 50]
    for (const method of ['euler-maruyama', 'heun'] as const) {
      const run = kuramoto({
        phases: tensor(new Float64Array(N), { device }),
        naturalFrequencies: tensor(new Float64Array(N), { device }),
        coupling: 0,
        method,
        diffusion,
        dt,
        steps,
        seed: 3,
      })
      const away = Array.from((await (run.phases as Tensor).data()) as Float32Array, wrapped)
      const variance = mean(away.map((x) => x * x))
      const expected = 2 * diffusion * dt * steps
      const bound = 5 * expected * Math.sqrt(2 / N)
      assert.ok(Math.abs(variance - expected) < bound, `${method}: ${variance}, not ${expected}`)
      assert.ok(Math.abs(mean(away)) < 5 * Math.sqrt(expected / N), `${method}: mean ${mean(away)}`)
    }
  })
})

/** |mean of e^(iθ)| over 2 `reach` + 1 neighbours of each oscillator, averaged over the rows. */
function localOrder(trajectory: ArrayLike<number>, N: number, reach: number): number[] {
  const rows = trajectory.length / N
  return Array.from({ length: N }, (_, i) => {
    let sum = 0
    for (let row = 0; row < rows; ++row) {
      let [c, s] = [0, 0]
      for (let j = i - reach; j <= i + reach; ++j) {
        const phase = trajectory[row * N + ((j + N) % N)] as number
        c += Math.cos(phase)
        s += Math.sin(phase)
      }
      sum += Math.hypot(c, s) / (2 * reach + 1)
    }
    return sum / rows
  })
}
