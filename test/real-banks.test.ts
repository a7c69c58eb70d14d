// Banks with real states: amplitudes, inertia, mean fields.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AbortError,
  Graph,
  MeanField,
  type RealSimulation,
  ring,
  StuartLandauBank,
  SwingNetwork,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'

onEveryDevice('MeanField', (device) => {
  test('settles at √(1 − 2Δ/K), by steps and by solving, in one piece or many', async () => {
    const options = {
      width: 0.5,
      coupling: [0.5, 2, 4],
      batch: 3,
      device,
      dtype: 'float64',
    } as const
    const want = [0, Math.sqrt(1 / 2), Math.sqrt(3 / 4)]
    const runs: RealSimulation[] = []
    for (const chunk of [400, 33]) {
      using field = new MeanField(options)
      runs.push(
        await field.simulate({ steps: 400, dt: 0.2, record: 20, chunk, recordStates: true }),
      )
      assert.equal(field.stepsTaken, 400)
    }
    const [whole, cut] = runs as [RealSimulation, RealSimulation]
    assertSameBits(cut.orderParameter, whole.orderParameter, 'R')
    assertSameBits(cut.states ?? [], whole.states ?? [], 'states')
    const last = [0, 1, 2].map((b) => whole.orderParameter[20 * b + 19] as number)
    for (const [b, R] of last.entries()) assert.ok(Math.abs(R - (want[b] as number)) < 1e-6)
    await using _ = scope()
    using field = new MeanField(options)
    const { final } = await field.solve({ times: [80] })
    const order = await final.data()
    for (const b of [0, 1, 2]) {
      const R = Math.hypot(order[2 * b] as number, order[2 * b + 1] as number)
      assert.ok(Math.abs(R - (want[b] as number)) < 1e-5, `batch ${b}: ${R}`)
    }
  })

  test('its width is learned', async () => {
    await using _ = scope()
    using field = new MeanField({ width: 0.5, coupling: 2, device, learnable: { width: true } })
    const { R } = field.forward({ steps: 50, dt: 0.1, record: 50 })
    R?.backward(tensor([1], { device, shape: R.shape }))
    const [width] = field.parameters() as [Tensor]
    assert.ok((await (width.grad as Tensor).item()) < 0, 'wider frequencies, less order')
  })
})

onEveryDevice('StuartLandauBank', (device) => {
  test('an oscillator alone settles at |z| = √ρ, or at rest, and turns with ω', async () => {
    await using _ = scope()
    using bank = new StuartLandauBank({
      oscillators: 3,
      naturalFrequencies: [0.5, -1, 2],
      growth: [1, 0.25, -1],
      coupling: 0,
      state: [1, 0.5, 1, 0, 0, 0],
      device,
      dtype: 'float64',
    })
    bank.step({ dt: 0.01, steps: 2000 })
    const z = await bank.state().data()
    const want = [Math.cos(10), 0.5 * Math.cos(20), 0, Math.sin(10), -0.5 * Math.sin(20), 0]
    assertClose(z, want, 1e-7, 'z')
  })

  test('two oscillators far apart stop each other', async () => {
    using bank = new StuartLandauBank({
      oscillators: 2,
      naturalFrequencies: [-5, 5],
      growth: 1,
      coupling: 2,
      device,
    })
    const { orderParameter } = await bank.simulate({ dt: 0.02, steps: 1500, record: 1500 })
    assert.ok((orderParameter.at(-1) as number) < 1e-5)
    await using _ = scope()
    const z = await bank.state().data()
    assert.ok(
      z.every((x) => Math.abs(x) < 1e-5),
      `amplitudes ${z}`,
    )
  })
})

onEveryDevice('SwingNetwork', (device) => {
  test('a free mass is driven and damped as its closed form says', async () => {
    await using _ = scope()
    using network = new SwingNetwork({
      oscillators: 2,
      power: [0.6, -1],
      inertia: [2, 0.5],
      damping: [0.4, 1],
      coupling: 0,
      velocities: [1, 0],
      device,
      dtype: 'float64',
    })
    network.step({ dt: 0.01, steps: 300 })
    const velocity = (P: number, m: number, gamma: number, v: number): number =>
      P / gamma + (v - P / gamma) * Math.exp((-gamma * 3) / m)
    const want = [velocity(0.6, 2, 0.4, 1), velocity(-1, 0.5, 1, 0)]
    assertClose(await network.velocities().data(), want, 1e-9, 'velocities')
    const phases = await network.phases().data()
    assert.ok(phases.every((phase) => phase >= 0 && phase < 2 * Math.PI))
  })

  test('without damping it keeps its energy', async () => {
    const N = 8
    using network = new SwingNetwork({
      oscillators: N,
      power: 0,
      inertia: 1.5,
      damping: 0,
      topology: ring({ neighbours: 1 }),
      phases: Float64Array.from({ length: N }, (_, i) => Math.sin(3 * i)),
      device,
      dtype: 'float64',
    })
    const { states } = await network.simulate({
      dt: 0.01,
      steps: 600,
      record: 100,
      recordStates: true,
    })
    const energies = Array.from({ length: 6 }, (_, row) => {
      let energy = 0
      for (let i = 0; i < N; ++i) {
        const at = (place: number) => states?.[row * 2 * N + place] as number
        energy += 0.75 * at(N + i) ** 2 - Math.cos(at((i + 1) % N) - at(i))
      }
      return energy
    })
    assert.ok(Math.max(...energies) - Math.min(...energies) < 1e-7, `${energies}`)
  })

  test('goes on with another graph, and a signal leaves it after a whole chunk', async () => {
    const line = Graph.sparse({
      rowPointer: [0, 1, 2],
      column: [1, 0],
      weight: [2, 2],
      oscillators: 2,
    })
    const cut = Graph.sparse({ rowPointer: [0, 0, 0], column: [], oscillators: 2 })
    const options = { oscillators: 2, power: [1, -1], inertia: 1, damping: 1, device } as const
    using network = new SwingNetwork({ ...options, topology: line })
    const settled = await network.simulate({ dt: 0.05, steps: 1200 })
    assert.ok(Math.abs((settled.orderParameter.at(-1) as number) - Math.cos(Math.PI / 12)) < 1e-4)
    network.rewire(cut)
    const controller = new AbortController()
    const run = network.simulate({
      dt: 0.05,
      steps: 400,
      chunk: 100,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 200) controller.abort()
      },
    })
    const error = await run.catch((reason: unknown) => reason)
    assert.ok(error instanceof AbortError)
    assert.equal((error.partial as RealSimulation).steps, 200)
    assert.equal(network.stepsTaken, 1400)
    await using _ = scope()
    const [fast = 0, slow = 0] = await network.velocities().data()
    assert.ok(fast > 0.99 && slow < -0.99, 'each goes its own way')
    assert.throws(() => network.rewire(Graph.global(3)), { code: 'ERR_SHAPE' })
  })

  test('what is given wrongly is refused by name', async () => {
    const valid = { oscillators: 2, power: 0, inertia: 1, damping: 1, device }
    const refuse = (changed: object, code: string, message: RegExp) =>
      assert.throws(() => new SwingNetwork({ ...valid, ...changed }), { code, message })
    refuse({ oscillators: 1.5 }, 'ERR_SHAPE', /SwingNetwork: oscillators/)
    refuse({ inertia: [1, 2, 3] }, 'ERR_SHAPE', /inertia/)
    refuse({ damping: Number.NaN }, 'ERR_VALUE', /damping must be finite/)
    refuse({ velocities: [0] }, 'ERR_SHAPE', /velocities/)
    using network = new SwingNetwork(valid)
    assert.throws(() => network.step({ dt: 0 }), { code: 'ERR_VALUE', message: /dt/ })
    network.dispose()
    assert.throws(() => network.phases(), { code: 'ERR_DISPOSED' })
  })
})
