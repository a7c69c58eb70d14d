// Fixed steps and velocities of oscillators: gradients by central differences, orders of convergence,
// laws of physics, equal bits, and sizes at the edge.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph } from '../lib/graph/graph.js'
import {
  type DeviceName,
  kuramotoVelocity,
  type OscillatorMethod,
  type OscillatorStepsOptions,
  oscillatorSteps,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { checkGradients } from './support/gradient-check.js'
import { type GraphCase, graphOf, kGraphs, systemCase } from './support/oscillators.js'

const methods: OscillatorMethod[] = ['euler', 'heun', 'rk4']
const normalisations = ['count', 'degree', 'none'] as const

onEveryDevice('oscillator steps', (device) => {
  const number = (data: ArrayLike<number>, shape?: number[]): Tensor =>
    tensor(data, { dtype: 'float64', device, ...(shape && { shape }) })

  for (const graph of kGraphs) {
    test(`velocities have the gradients of central differences, ${graph}`, async () => {
      for (const [i, normalisation] of normalisations.entries()) {
        const { inputs, options } = systemCase('phase', graph, { seed: 10 + i, batch: 2, n: 7 })
        const sample = emulated ? 3 : 24
        const velocity = (t: Readonly<Record<string, Tensor>>) => {
          const { system: _, ...coupling } = options(t)
          return [kuramotoVelocity({ ...coupling, normalisation, phases: t.start } as never)]
        }
        await checkGradients(device, inputs, velocity, { sample })
      }
    })

    for (const system of ['swing', 'stuart-landau'] as const) {
      test(`${system} has the gradients of central differences, ${graph}`, async () => {
        for (const [i, method] of methods.entries()) {
          const sizes = {
            seed: 20 + i,
            batch: 2,
            n: 6,
            drive: (['node', 'batch', 'step'] as const)[i],
            steps: 5,
          }
          const { inputs, options } = systemCase(system, graph, sizes)
          await checkGradients(
            device,
            inputs,
            (t) => {
              const { final, R, trajectory } = oscillatorSteps({
                ...options(t),
                start: t.start as Tensor,
                normalisation: normalisations[i],
                method,
                dt: 0.07,
                steps: 5,
                record: 2,
                recordStates: true,
                checkpoint: 1 + i,
              } as OscillatorStepsOptions)
              return [final, R as Tensor, trajectory as Tensor]
            },
            { sample: emulated ? 5 : 8 },
          )
        }
      })
    }
  }

  test('ott-antonsen has the gradients of central differences', async () => {
    for (const [i, method] of methods.entries()) {
      const { inputs, options } = systemCase('ott-antonsen', 'global', {
        seed: 30 + i,
        batch: 3,
        n: 1,
      })
      await checkGradients(device, inputs, (t) => {
        const { final, R } = oscillatorSteps({
          ...options(t),
          start: t.start as Tensor,
          method,
          dt: 0.1,
          steps: 7,
          record: 3,
          checkpoint: 2,
        } as OscillatorStepsOptions)
        return [final, R as Tensor]
      })
    }
  })

  test('errors fall with the order of the method', async () => {
    for (const system of ['swing', 'stuart-landau', 'ott-antonsen'] as const) {
      for (const [method, order] of [
        ['euler', 1],
        ['heun', 2],
        ['rk4', 4],
      ] as const) {
        const { inputs, options } = systemCase(system, 'global', {
          seed: 5,
          batch: 1,
          n: system === 'ott-antonsen' ? 1 : 5,
        })
        const at = async (by: OscillatorMethod, steps: number): Promise<ArrayLike<number>> => {
          await using _ = scope()
          const t = Object.fromEntries(
            Object.entries(inputs).map(([key, { data, shape }]) => [key, number(data, [...shape])]),
          )
          const { final } = oscillatorSteps({
            ...options(t),
            start: t.start as Tensor,
            method: by,
            dt: 1 / steps,
            steps,
          } as OscillatorStepsOptions)
          return await final.data()
        }
        const exact = await at('rk4', 400)
        const error = (got: ArrayLike<number>): number =>
          Math.hypot(...Array.from(got, (x, i) => x - (exact[i] as number)))
        const coarse = method === 'rk4' ? 30 : 40
        const ratio = error(await at(method, coarse)) / error(await at(method, 2 * coarse))
        const measured = Math.log2(ratio)
        assert.ok(Math.abs(measured - order) < 0.25, `${system} ${method}: order ${measured}`)
      }
    }
  })

  test('identical oscillators on a symmetric graph only lose energy', async () => {
    await using _ = scope()
    const n = 24
    const { uniforms } = generator(3)
    const phases = uniforms(n).map((u) => u * 2 * Math.PI)
    const weights = new Float64Array(n * n)
    const drawn = uniforms(n * n)
    for (let i = 0; i < n; ++i)
      for (let j = 0; j < i; ++j)
        weights[i * n + j] = weights[j * n + i] = drawn[i * n + j] as number
    const graph = Graph.dense(weights, n)
    let state = number(phases, [1, n])
    let before = Infinity
    for (let step = 0; step < 60; ++step) {
      const velocity = kuramotoVelocity({
        graph,
        phases: state,
        naturalFrequencies: number(new Float64Array(n)),
        coupling: 1,
        normalisation: 'none',
      })
      const theta = await state.data()
      const rate = await velocity.data()
      state = number(
        theta.map((x, i) => x + 0.01 * (rate[i] as number)),
        [1, n],
      )
      let energy = 0
      for (let i = 0; i < n; ++i)
        for (let j = 0; j < i; ++j)
          energy -=
            (weights[i * n + j] as number) * Math.cos((theta[i] as number) - (theta[j] as number))
      assert.ok(energy < before, `energy rose to ${energy} in step ${step}`)
      before = energy
    }
  })

  test('swing equations without damping and drive keep their energy, with damping they lose it', async () => {
    const n = 6
    const { normals, uniforms } = generator(8)
    const start = Float64Array.from([...uniforms(n), ...normals(n)])
    const graph = Graph.global(n)
    const energyOf = (state: ArrayLike<number>, row = 0): number => {
      let energy = 0
      for (let i = 0; i < n; ++i) {
        energy += 0.5 * 2 * (state[row + n + i] as number) ** 2
        for (let j = 0; j < i; ++j)
          energy -=
            (1.5 / (n - 1)) * Math.cos((state[row + i] as number) - (state[row + j] as number))
      }
      return energy
    }
    for (const damping of [0, 0.3]) {
      await using _ = scope()
      const { trajectory } = oscillatorSteps({
        system: 'swing',
        graph,
        naturalFrequencies: number(new Float64Array(n)),
        coupling: 1.5,
        inertia: 2,
        damping,
        start: number(start, [1, 2 * n]),
        dt: 0.01,
        steps: 200,
        record: 10,
        recordStates: true,
      })
      const states = await (trajectory as Tensor).data()
      const energies = [
        energyOf(start),
        ...Array.from({ length: 20 }, (_, k) => energyOf(states, k * 2 * n)),
      ]
      if (damping === 0) {
        for (const energy of energies) assert.ok(Math.abs(energy - (energies[0] as number)) < 1e-8)
      } else {
        for (let k = 1; k < energies.length; ++k)
          assert.ok((energies[k] as number) < (energies[k - 1] as number))
      }
    }
  })

  test('Ott-Antonsen comes to rest at |Z| = √(1 − 2Δ/K)', async () => {
    await using _ = scope()
    const couplings = [1, 2.5, 4, 10]
    const { R, psi, final } = oscillatorSteps({
      system: 'ott-antonsen',
      frequency: number([0]),
      width: 1,
      coupling: number(couplings),
      start: number(
        couplings.flatMap(() => [0.2, 0.1]),
        [4, 2],
      ),
      dt: 0.02,
      steps: 4000,
      record: 2000,
    })
    const got = await (R as Tensor).data()
    const state = await final.data()
    const angle = await (psi as Tensor).data()
    for (const [b, coupling] of couplings.entries()) {
      const want = coupling > 2 ? Math.sqrt(1 - 2 / coupling) : 0
      assert.ok(
        Math.abs((got[2 * b + 1] as number) - want) < 1e-12,
        `K = ${coupling}: ${got[2 * b + 1]}`,
      )
      if (coupling < 2) continue
      const from = Math.atan2(state[2 * b + 1] as number, state[2 * b] as number)
      assert.ok(Math.abs(Math.cos(from - (angle[2 * b + 1] as number)) - 1) < 1e-12)
    }
  })

  test('turns that are taken off add up', async () => {
    await using _ = scope()
    const omega = [9, -9, 0.5, 40]
    const start = [0.1, 6.2, 3, 0]
    const { final, winding } = oscillatorSteps({
      system: 'swing',
      graph: Graph.global(4),
      naturalFrequencies: number(omega),
      coupling: 0,
      inertia: 1,
      damping: 1,
      start: number([...start, ...omega], [1, 8]),
      dt: 0.01,
      steps: 300,
    })
    const state = await final.data()
    const turns = await (winding as Tensor).data()
    for (const [i, rate] of omega.entries()) {
      const theta = state[i] as number
      assert.ok(theta >= 0 && theta < 2 * Math.PI)
      const whole = theta + 2 * Math.PI * (turns[i] as number)
      assert.ok(Math.abs(whole - ((start[i] as number) + 3 * rate)) < 1e-10)
    }
  })

  for (const graph of kGraphs) {
    test(`is the sum of its definition, also for large and odd sizes, ${graph}`, async () => {
      const sizes = emulated ? [3, 65, 300] : [3, 17, 300, 5001]
      for (const n of graph === 'dense' ? sizes.filter((size) => size < 1000) : sizes)
        await directSums(device, graph, n)
    })
  }

  test('one oscillator, isolated ones and no coupling give numbers', async () => {
    await using _ = scope()
    const sparse = Graph.sparse({ rowPointer: [0, 1, 1, 2], column: [0, 0], oscillators: 3 })
    for (const normalisation of normalisations) {
      for (const graph of [
        Graph.global(1),
        Graph.dense([5], 1),
        Graph.dense(new Float64Array(9), 3),
        sparse,
      ]) {
        const n = graph.oscillators
        const omega = number(Float64Array.from({ length: n }, (_, i) => i + 1))
        const phases = tensor(new Float64Array(n).fill(0.4), {
          shape: [1, n],
          dtype: 'float64',
          device,
          requiresGrad: true,
        })
        const precision = tensor(new Float64Array(n).fill(1), {
          dtype: 'float64',
          device,
          requiresGrad: true,
        })
        const velocity = kuramotoVelocity({
          graph,
          phases,
          naturalFrequencies: omega,
          coupling: 3,
          normalisation,
          precision,
        })
        velocity.backward(
          tensor(new Float64Array(n).fill(1), { shape: [1, n], dtype: 'float64', device }),
        )
        for (const given of [velocity, phases.grad as Tensor, precision.grad as Tensor]) {
          assert.ok((await given.data()).every(Number.isFinite))
        }
        assert.equal((await velocity.data())[0], 1)
      }
    }
  })

  test('gives the same bits twice', async () => {
    for (const system of ['swing', 'stuart-landau'] as const) {
      for (const graph of kGraphs) {
        const n = emulated ? 70 : 600
        const { inputs, options } = systemCase(system, graph, { seed: 3, batch: 3, n })
        const once = async (): Promise<number[]> => {
          await using _ = scope()
          const t = Object.fromEntries(
            Object.entries(inputs).map(([key, { data, shape }]) => [
              key,
              tensor(data, { shape, dtype: 'float32', device, requiresGrad: true }),
            ]),
          )
          const { final } = oscillatorSteps({
            ...options(t),
            start: t.start as Tensor,
            dt: 0.02,
            steps: 4,
          } as OscillatorStepsOptions)
          final.backward(
            tensor(new Float32Array(final.length).fill(1), { shape: final.shape, device }),
          )
          const all = [await final.data()]
          for (const leaf of Object.values(t)) if (leaf.grad) all.push(await leaf.grad.data())
          return all.flatMap((data) => [...data])
        }
        assertSameBits(await once(), await once(), `${system} ${graph}`)
      }
    }
  })

  test('refuses what has no meaning', () => {
    const base = {
      system: 'swing' as const,
      graph: Graph.global(2),
      naturalFrequencies: number([1, 2]),
      coupling: 1,
      inertia: 1,
      damping: 1,
      start: number([0, 1, 0, 0], [1, 4]),
      dt: 0.1,
      steps: 3,
    }
    const refused = (changed: object, pattern: RegExp): void =>
      assert.throws(() => oscillatorSteps({ ...base, ...changed } as never), pattern)
    refused({ dt: 0 }, /dt must be above 0, got 0/)
    refused({ dt: Number.NaN }, /dt must be a finite number/)
    refused({ steps: 0 }, /steps must be an integer of at least 1, got 0/)
    refused({ method: 'midpoint' }, /method must be euler, heun or rk4, got midpoint/)
    refused({ system: 'phase' }, /system must be/)
    refused({ drive: number([1, 2]) }, /driveKind must be one of node, batch, step, got undefined/)
    refused(
      { drive: number([1, 2, 3]), driveKind: 'node' },
      /drive must be of shape \(N = 2\), got \[3\]/,
    )
    refused(
      { drive: number([1, 2, 3, 4], [2, 2]), driveKind: 'step' },
      /drive must be of shape \(steps = 3, N = 2\)/,
    )
    refused(
      { start: number([0, 1], [1, 2]) },
      /start must be of shape \(batch, state = 4\), got \[1, 2\]/,
    )
    refused(
      { adjacency: number([0, 1, 1, 0], [2, 2]) },
      /adjacency must be absent unless the graph is dense, got global/,
    )
    refused(
      { coupling: Number.POSITIVE_INFINITY },
      /coupling must be a finite number, got Infinity/,
    )
    refused({ normalisation: 'mean' }, /normalisation must be count, degree or none, got mean/)
    refused({ recordStates: true }, /recordStates must be false unless record is given/)
    assert.throws(() => oscillatorSteps({ ...base, dt: -1 }), ValueError)
  })
})

// Velocities against the double sum of the definition.
async function directSums(device: DeviceName, graph: GraphCase, n: number): Promise<void> {
  await using _ = scope()
  const { uniforms } = generator(n)
  const [theta, p] = [uniforms(n).map((u) => 20 * u - 10), uniforms(n).map((u) => 0.5 + u)]
  const built = graphOf(graph, n, 4)
  const weights = built.weight ?? built.adjacency
  const pairs: [number, number, number][] = []
  const add = (i: number, j: number, a: number): void => {
    if (i !== j) pairs.push([i, j, a])
  }
  for (let i = 0; i < n; ++i) {
    if (graph === 'global' || graph === 'dense') {
      for (let j = 0; j < n && n < 1000; ++j)
        add(i, j, graph === 'dense' ? (weights?.[i * n + j] as number) : 1)
    } else if (graph === 'ring') {
      for (let d = 1; d <= built.neighbours; ++d) {
        add(i, (i + d) % n, 1)
        add(i, (i - d + n) % n, 1)
      }
    } else {
      for (
        let e = built.rowPointer?.[i] as number;
        e < (built.rowPointer?.[i + 1] as number);
        ++e
      ) {
        add(i, built.column?.[e] as number, weights?.[e] as number)
      }
    }
  }
  const want = new Float64Array(n).fill(0.25)
  if (graph === 'global') {
    const sums = [0, 0]
    for (let j = 0; j < n; ++j) {
      sums[0] = (sums[0] as number) + (p[j] as number) * Math.sin(theta[j] as number)
      sums[1] = (sums[1] as number) + (p[j] as number) * Math.cos(theta[j] as number)
    }
    for (let i = 0; i < n; ++i) {
      const t = theta[i] as number
      const own = (p[i] as number) * Math.sin(-0.2)
      want[i] =
        (want[i] as number) +
        0.3 *
          ((sums[0] as number) * Math.cos(t + 0.2) - (sums[1] as number) * Math.sin(t + 0.2) - own)
    }
  } else {
    for (const [i, j, a] of pairs) {
      want[i] =
        (want[i] as number) +
        0.3 * a * (p[j] as number) * Math.sin((theta[j] as number) - (theta[i] as number) - 0.2)
    }
  }
  const make = (data: ArrayLike<number>, shape: number[]): Tensor =>
    tensor(data, { dtype: 'float64', device, shape })
  const velocity = kuramotoVelocity({
    graph: built,
    phases: make(theta, [1, n]),
    naturalFrequencies: make([0.25], [1]),
    coupling: 0.3,
    frustration: 0.2,
    precision: make(p, [n]),
    normalisation: 'none',
  })
  assertClose(await velocity.data(), want, 1e-12, `${graph} of ${n}`)
}
