// The diagnostics of oscillators against their golden file, their definitions and known exponents.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attractorStability,
  chimeraIndex,
  type DeviceName,
  Graph,
  kuramoto,
  localOrder,
  lyapunovExponent,
  Modules,
  metastability,
  moduleMetastability,
  moduleOrder,
  orderParameter,
  phaseLocking,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { lyapunovRenormalise } from '../lib/operations/lyapunov.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { readGolden } from './support/golden.js'
import { checkGradients } from './support/gradient-check.js'

const dtypes = ['float64', 'float32'] as const
const tolerance = { float64: 1e-11, float32: 1e-5 } as const

/** R and ψ of some phases, by definition. */
function orderOf(phases: readonly number[]): { R: number; psi: number } {
  const sine = phases.reduce((sum, phase) => sum + Math.sin(phase), 0) / phases.length
  const cosine = phases.reduce((sum, phase) => sum + Math.cos(phase), 0) / phases.length
  const psi = Math.atan2(sine, cosine)
  return { R: Math.hypot(sine, cosine), psi: psi < 0 ? psi + 2 * Math.PI : psi }
}

// Entries of one place count one by one.
function localOrderOf(phases: Float64Array, graph: Graph): Float64Array {
  const N = graph.oscillators
  const matrix = graph.kind === 'sparse' ? null : graph.toDense()
  const { rowPointer, column, weight } = graph
  return phases.map((_, at) => {
    const i = at % N
    let [sine, cosine, degree] = [0, 0, 0]
    const add = (j: number, value: number): void => {
      if (i === j) return
      sine += value * Math.sin(phases[at - i + j] as number)
      cosine += value * Math.cos(phases[at - i + j] as number)
      degree += Math.abs(value)
    }
    if (matrix) for (let j = 0; j < N; ++j) add(j, matrix[i * N + j] as number)
    for (let e = rowPointer?.[i] ?? 0; e < (rowPointer?.[i + 1] ?? 0); ++e) {
      add(column?.[e] as number, weight?.[e] ?? 1)
    }
    return degree > 0 ? Math.hypot(sine, cosine) / degree : 0
  })
}

/** A graph with self-edges, negative weights and an oscillator that nothing pulls. */
function sparseGraph(N: number): Graph {
  const { uniforms, normals } = generator(N)
  const degree = (i: number): number => (i === 1 ? 0 : 1 + ((7 * i) % 13))
  const rowPointer = new Int32Array(N + 1)
  for (let i = 0; i < N; ++i) rowPointer[i + 1] = (rowPointer[i] as number) + degree(i)
  const edges = rowPointer[N] as number
  const column = Int32Array.from(uniforms(edges), (u) => Math.floor(u * N))
  return Graph.sparse({ rowPointer, column, weight: normals(edges), oscillators: N })
}

const angle = (difference: number): number =>
  difference - 2 * Math.PI * Math.round(difference / (2 * Math.PI))

onEveryDevice('diagnostics', (device) => {
  const on = (dtype: 'float64' | 'float32') => ({ device, dtype }) as const

  test('meet kuramoto-diagnostics', async () => {
    const golden = await readGolden('kuramoto-diagnostics')
    const array = (key: string) => golden.arrays.get(key)?.data ?? []
    const { shape = [], data } = golden.arrays.get('in.phases') ?? {}
    const graph = Graph.sparse({
      rowPointer: array('in.rowPtr'),
      column: array('in.col'),
      weight: array('in.weight'),
      oscillators: shape[1] ?? 0,
    })
    for (const dtype of dtypes) {
      await using _ = scope()
      const phases = tensor(data ?? [], { ...on(dtype), shape })
      using modules = new Modules(array('in.module'))
      const all = orderParameter(phases)
      const byModule = moduleOrder(phases, modules)
      const got: Record<string, ArrayLike<number>> = {
        R: await all.R.data(),
        moduleR: await byModule.R.data(),
        localR: await localOrder({ phases, graph }).data(),
        metastability: [await metastability(all.R)],
        moduleMetastability: [await moduleMetastability(byModule.R)],
        chimera: [await chimeraIndex(byModule.R)],
      }
      const allowed = { float64: 1e-9, float32: 1e-5 }[dtype]
      for (const [key, values] of Object.entries(got)) {
        assertClose(values, array(`out.${key}`), allowed, `${key} in ${dtype}`)
      }
      const psi = Float64Array.from(await all.psi.data(), (value, t) =>
        angle(value - (array('out.psi')[t] as number)),
      )
      assertClose(psi, new Float64Array(psi.length), 10 * allowed, `psi in ${dtype}`)
      assert.equal(metastability(got.R ?? []), got.metastability?.[0])
      assert.equal(moduleMetastability(got.moduleR ?? [], 3), got.moduleMetastability?.[0])
      assert.equal(chimeraIndex(got.moduleR ?? [], 3), got.chimera?.[0])
      graph.dispose()
    }
  })

  test('module order is the order parameter of each module, of any size', async () => {
    for (const [N, count] of [
      [1, 1],
      [7, 3],
      [41, 41],
      [601, 2],
    ] as const) {
      const { uniforms } = generator(N)
      const labels = Int32Array.from({ length: N }, (_, i) => (i * i + 3 * i) % count)
      for (let m = 0; m < count; ++m) labels[m] = m
      for (const dtype of dtypes) {
        await using _ = scope()
        const data = uniforms(3 * N).map((u) => 20 * u - 10)
        const phases = tensor(data, { ...on(dtype), shape: [3, N] })
        const { R, psi } = moduleOrder(phases, labels)
        assert.deepEqual(R.shape, [3, count])
        const want = Array.from({ length: 3 * count }, (_, at) => {
          const row = data.subarray(Math.floor(at / count) * N)
          return orderOf(
            Array.from(labels.keys())
              .filter((i) => labels[i] === at % count)
              .map((i) => row[i] as number),
          )
        })
        const label = `N = ${N} in ${dtype}`
        assertClose(
          await R.data(),
          want.map((order) => order.R),
          tolerance[dtype],
          `R, ${label}`,
        )
        const off = Float64Array.from(await psi.data(), (value, at) =>
          (want[at]?.R ?? 0) > 1e-3 ? angle(value - (want[at]?.psi as number)) : 0,
        )
        assert.ok(
          off.every((value) => Math.abs(value) < 1e3 * tolerance[dtype]),
          `ψ, ${label}`,
        )
      }
    }
  })

  test('gradients of module order and phase locking meet central differences', async () => {
    const { uniforms } = generator(3)
    const phases = { shape: [3, 7], data: uniforms(21).map((u) => 6 * u) }
    await checkGradients(device, { phases }, ({ phases }) => {
      const { R, psi } = moduleOrder(phases as Tensor, [0, 1, 0, 2, 1, 1, 0])
      return [R, psi]
    })
    await checkGradients(device, { phases }, ({ phases }) => [phaseLocking(phases as Tensor)])
  })

  test('local order meets its definition on every kind of graph', async () => {
    for (const N of [1, 2, 5, 37, 1100]) {
      const { uniforms, normals } = generator(N)
      const rows = N > 1000 ? 2 : 5
      const values = uniforms(rows * N).map((u) => 20 * u - 10)
      const graphs = [Graph.global(N)]
      for (const k of N > 1000 ? [1, 200] : [1, 2, Math.floor((N - 1) / 2)]) {
        if (k >= 1 && 2 * k <= N - 1) graphs.push(Graph.ring(N, k))
      }
      if (N > 2) graphs.push(sparseGraph(N))
      if (N < 1000)
        graphs.push(Graph.dense(normals(N * N), N), Graph.dense(new Float64Array(N * N), N))
      for (const graph of graphs) {
        for (const dtype of dtypes) {
          await using _ = scope()
          const data = dtype === 'float64' ? values : Float64Array.from(Float32Array.from(values))
          const phases = tensor(data, { ...on(dtype), shape: [rows, N] })
          const got = await localOrder({ phases, graph }).data()
          const want = localOrderOf(data, graph)
          assertClose(got, want, tolerance[dtype], `${graph} in ${dtype}`)
          assertSameBits(got, await localOrder({ phases, graph }).data(), `${graph} again`)
          graph.dispose()
        }
      }
    }
  })

  test('local order of many rows meets that of each row alone', async () => {
    await using _ = scope()
    const [rows, N] = emulated ? [3, 5] : [700, 1800]
    const data = generator(4)
      .uniforms(rows * N)
      .map((u) => 6 * u)
    for (const graph of [Graph.global(N), Graph.ring(N, 2), sparseGraph(N)]) {
      const whole = await localOrder({
        phases: tensor(data, { ...on('float32'), shape: [rows, N] }),
        graph,
      }).data()
      for (const row of [0, rows >> 1, rows - 1]) {
        const phases = tensor(data.subarray(row * N, (row + 1) * N), on('float32'))
        const alone = await localOrder({ phases, graph }).data()
        assertSameBits(whole.subarray(row * N, (row + 1) * N), alone, `row ${row} of ${graph}`)
      }
      graph.dispose()
    }
  })

  test('local order takes weights and a matrix instead of those of the graph', async () => {
    await using _ = scope()
    const N = 9
    const { uniforms, normals } = generator(8)
    const data = uniforms(N).map((u) => 6 * u)
    const phases = tensor(data, on('float64'))
    using graph = sparseGraph(N)
    const weights = normals(graph.edges)
    const { rowPointer, column } = graph
    const other = Graph.sparse({
      rowPointer: rowPointer ?? [],
      column: column ?? [],
      weight: weights,
      oscillators: N,
    })
    const weight = tensor(weights, on('float64'))
    const want = localOrderOf(data, other)
    assertClose(await localOrder({ phases, graph, weight }).data(), want, 1e-11, 'weights')
    const matrix = normals(N * N)
    const adjacency = tensor(matrix, { ...on('float64'), shape: [N, N] })
    const ofMatrix = localOrderOf(data, Graph.dense(matrix, N))
    assertClose(await localOrder({ phases, adjacency }).data(), ofMatrix, 1e-11, 'matrix')
  })

  test('phase locking is 1 for locked oscillators and small for drifting ones', async () => {
    const [T, N] = [200, 5]
    // 0 … 2 keep their differences, 3 drifts by whole turns, 4 rocks to and fro.
    const path = (t: number): number[] => {
      const u = (2 * Math.PI * t) / T
      return [3 * u, 3 * u + 1, 3 * u + 4, 5 * u, 3 * u + Math.sin(u)]
    }
    const data = Float64Array.from(
      { length: T * N },
      (_, at) => path(Math.floor(at / N))[at % N] as number,
    )
    const want = Float64Array.from({ length: N * N }, (_, at) => {
      const [i, j] = [Math.floor(at / N), at % N]
      const differences = Array.from(
        { length: T },
        (_, t) => (data[t * N + i] as number) - (data[t * N + j] as number),
      )
      return orderOf(differences).R
    })
    for (const dtype of dtypes) {
      await using _ = scope()
      const got = await phaseLocking(tensor(data, { ...on(dtype), shape: [T, N] })).data()
      for (const [at, value] of got.entries()) {
        assert.ok(
          Math.abs(value - (want[at] as number)) < 2e-6,
          `P[${at}] in ${dtype}: ${value}, want ${want[at]}`,
        )
      }
      assert.ok((got[1] as number) > 0.99999 && (got[3] as number) < 1e-5)
      assert.ok((got[4] as number) > 0.7 && (got[4] as number) < 0.8) // |J0(1)| = 0.765
    }
  })

  test('a renormalisation measures the wrapped distance and scales it back', async () => {
    await using _ = scope()
    const unit = 2 ** 32 / (2 * Math.PI)
    // Two pairs of three oscillators; differences cross the end of the range.
    const reference = [2 ** 31 - 10, 0, -5e8, 7, 8, 9]
    const offsets = [0.02, -0.01, 0.05, 0.3, 0.3, 0.3].map((value) => Math.round(value * unit))
    const words = [...reference, ...reference.map((word, i) => (word + (offsets[i] as number)) | 0)]
    for (const transverse of [true, false]) {
      const state = tensor(words, { device, dtype: 'int32', shape: [4, 3, 1] })
      const growth = tensor(new Float64Array(6), { ...on('float32'), shape: [3, 2] })
      lyapunovRenormalise({ growth, state, slot: 1, distance: 1e-3, transverse })
      const delta = offsets.map((offset) => offset / unit)
      const distances = [delta.slice(0, 3), delta.slice(3)].map((pair) => {
        const mean = transverse ? pair.reduce((sum, value) => sum + value, 0) / 3 : 0
        return Math.sqrt(pair.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3)
      })
      const got = await growth.data()
      assert.ok(Math.abs((got[2] as number) - Math.log((distances[0] as number) / 1e-3)) < 1e-6)
      if (transverse) assert.equal(got[3], -Infinity)
      else assert.ok(Math.abs((got[3] as number) - Math.log(300)) < 1e-6)
      assert.deepEqual([got[0], got[1], got[4], got[5]], [0, 0, 0, 0])
      const after = await state.data()
      assert.deepEqual([...after.subarray(0, 6)], reference)
      const moved = Array.from(
        { length: 3 },
        (_, i) => ((after[6 + i] as number) - (after[i] as number)) | 0,
      )
      const mean = transverse
        ? (delta[0] as number) / 3 + (delta[1] as number) / 3 + (delta[2] as number) / 3
        : 0
      for (const [i, word] of moved.entries()) {
        const want = (((delta[i] as number) - mean) * 1e-3 * unit) / (distances[0] as number)
        assert.ok(Math.abs(word - want) <= 1, `oscillator ${i}: ${word}, want ${want}`)
      }
    }
  })
})

/** N identical oscillators all to all, near the synchronous state. */
function identical(device: DeviceName, N: number, dtype: 'float64' | 'float32' = 'float64') {
  const on = { device, dtype }
  const phases = generator(N)
    .normals(N)
    .map((value) => 1e-3 * value)
  return {
    phases: tensor(phases, on),
    naturalFrequencies: tensor(new Float64Array(N).fill(0.7), on),
    coupling: 1.5,
    dt: 0.05,
  }
}

/** N frequencies at equal distances in [−1, 1], as Popovych, Maistrenko & Tass 2005 have them. */
const equidistant = (N: number): Float64Array =>
  Float64Array.from({ length: N }, (_, i) => -1 + (2 * i + 1) / N)

/** The largest transverse exponent by the variational equation, in plain numbers. */
function variationalExponent(options: {
  omega: Float64Array
  phases: Float64Array
  strength: number
  dt: number
  transient: number
  steps: number
}): number {
  const { omega, strength, dt, transient, steps } = options
  const N = omega.length
  // State: phases, then the perturbation; strength times Σ over j ≠ i.
  const rate = (state: Float64Array): Float64Array => {
    let [S, C, U, V] = [0, 0, 0, 0]
    for (let j = 0; j < N; ++j) {
      const [theta, delta] = [state[j] as number, state[N + j] as number]
      S += Math.sin(theta)
      C += Math.cos(theta)
      U += delta * Math.cos(theta)
      V += delta * Math.sin(theta)
    }
    return state.map((value, at) => {
      const i = at % N
      const [s, c] = [Math.sin(state[i] as number), Math.cos(state[i] as number)]
      if (at < N) return (omega[i] as number) + strength * (S * c - C * s)
      return strength * (U * c + V * s - value * (C * c + S * s))
    })
  }
  const moved = (state: Float64Array, by: Float64Array, factor: number): Float64Array =>
    state.map((value, i) => value + factor * (by[i] as number))
  let state = new Float64Array(2 * N)
  state.set(options.phases)
  state.set(generator(77).normals(N), N)
  let growth = 0
  for (let step = 0; step < transient + steps; ++step) {
    const a = rate(state)
    const b = rate(moved(state, a, dt / 2))
    const c = rate(moved(state, b, dt / 2))
    const d = rate(moved(state, c, dt))
    state = state.map(
      (value, i) =>
        value +
        (dt / 6) *
          ((a[i] as number) + 2 * (b[i] as number) + 2 * (c[i] as number) + (d[i] as number)),
    )
    if ((step + 1) % 10 !== 0) continue
    const mean = state.subarray(N).reduce((sum, value) => sum + value, 0) / N
    const size = Math.sqrt(state.subarray(N).reduce((sum, value) => sum + (value - mean) ** 2, 0))
    for (let i = N; i < 2 * N; ++i) state[i] = ((state[i] as number) - mean) / size
    if (step >= transient) growth += Math.log(size)
  }
  return growth / (steps * dt)
}

onEveryDevice('Lyapunov exponents', (device) => {
  // δ_i' = (K / (N − 1)) Σ_{j≠i} (δ_j − δ_i) = −K N / (N − 1) δ_i where Σ δ = 0.
  test('of identical oscillators in synchrony it is −K N / (N − 1)', async () => {
    for (const N of [2, 5, 33]) {
      for (const dtype of dtypes) {
        await using _ = scope()
        const system = identical(device, N, dtype)
        const interval = 4
        const options = { ...system, steps: 24, interval, transient: 60 }
        const { exponent, growth } = await lyapunovExponent(options)
        // RK4 multiplies by this, not by e^z.
        const z = (-1.5 * 0.05 * N) / (N - 1)
        const want = Math.log(1 + z + z ** 2 / 2 + z ** 3 / 6 + z ** 4 / 24) / 0.05
        assert.equal(growth.length, 6)
        assert.ok(Math.abs((-1.5 * N) / (N - 1) - want) < 1e-4)
        assertClose(exponent, [want], dtype === 'float64' ? 1e-6 : 2e-3, `N = ${N} in ${dtype}`)
      }
    }
  })

  // The least eigenvalue but 0 of the ring's Laplacian is 2k − 2 Σ_d cos(2π d / N), d = 1 … k.
  test('of identical oscillators on a ring it is that of the slowest wave, on every kind of graph', async () => {
    await using _ = scope()
    const N = 7
    const ring = Graph.ring(N, 2)
    const slowest = 4 - 2 * (Math.cos((2 * Math.PI) / N) + Math.cos((4 * Math.PI) / N))
    for (const graph of [ring, ring.toSparse(), Graph.dense(ring.toDense(), N)]) {
      const { exponent } = await lyapunovExponent({
        ...identical(device, N),
        normalisation: 'none',
        coupling: 1,
        graph,
        steps: 20,
        interval: 4,
        transient: 120,
      })
      assertClose(exponent, [-slowest], 1e-3, `${graph}`)
      graph.dispose()
    }
  })

  test('with the shift of all phases it is 0 where nothing else grows', async () => {
    await using _ = scope()
    const system = identical(device, 5)
    const options = { ...system, steps: 40, interval: 10, transient: 120, transverse: false }
    const { exponent } = await lyapunovExponent(options)
    assert.ok(Math.abs(exponent[0] as number) < 1e-5, `exponent ${exponent[0]}`)
  })

  test('of uncoupled oscillators it is 0', async () => {
    for (const dtype of dtypes) {
      await using _ = scope()
      const N = 7
      const on = { device, dtype }
      const { exponent } = await lyapunovExponent({
        phases: tensor(
          generator(1)
            .uniforms(2 * N)
            .map((u) => 6 * u),
          { ...on, shape: [2, N] },
        ),
        naturalFrequencies: tensor(generator(2).normals(N), on),
        coupling: 0,
        dt: 0.1,
        steps: 40,
      })
      assert.equal(exponent.length, 2)
      for (const value of exponent) assert.ok(Math.abs(value) < 1e-6, `${value} in ${dtype}`)
    }
  })

  test('of phase chaos it is positive and meets the variational equation', async () => {
    await using _ = scope()
    const N = 20
    const on = { device, dtype: 'float64' } as const
    const omega = equidistant(N)
    const phases = generator(6)
      .uniforms(N)
      .map((u) => 2 * Math.PI * u)
    const [dt, transient, steps] = emulated ? [0.1, 500, 500] : [0.1, 2000, 20000]
    const { exponent } = await lyapunovExponent({
      phases: tensor(phases, on),
      naturalFrequencies: tensor(omega, on),
      coupling: (1.1 * (N - 1)) / N,
      dt,
      steps,
      transient,
    })
    const strength = 1.1 / N
    const want = variationalExponent({ omega, phases, strength, dt, transient, steps })
    assert.ok((exponent[0] as number) > 0.02, `exponent ${exponent[0]}, variational ${want}`)
    // Chaotic averages scatter; equal starts stay together for a while only.
    assert.ok(
      Math.abs((exponent[0] as number) / want - 1) < 0.25,
      `exponent ${exponent[0]}, want ${want}`,
    )
  })

  test('batches with frequencies and couplings of their own give what each gives alone', async () => {
    await using _ = scope()
    const N = 6
    const on = { device, dtype: 'float64' } as const
    const phases = generator(9)
      .uniforms(2 * N)
      .map((u) => 6 * u)
    const omega = generator(10).normals(2 * N)
    const drive = generator(11).normals(2 * N)
    const couplings = [0.5, 3]
    const options = { dt: 0.05, steps: 40, interval: 5, transient: 20, driveKind: 'batch' } as const
    const together = await lyapunovExponent({
      ...options,
      phases: tensor(phases, { ...on, shape: [2, N] }),
      naturalFrequencies: tensor(omega, { ...on, shape: [2, N] }),
      coupling: tensor(couplings, on),
      drive: tensor(drive, { ...on, shape: [2, N] }),
    })
    for (const b of [0, 1]) {
      const row = (all: Float64Array) =>
        tensor(all.subarray(b * N, (b + 1) * N), { ...on, shape: [1, N] })
      const alone = await lyapunovExponent({
        ...options,
        phases: row(phases),
        naturalFrequencies: row(omega),
        coupling: couplings[b] as number,
        drive: row(drive),
        seed: 3,
      })
      const difference = Math.abs((together.exponent[b] as number) - (alone.exponent[0] as number))
      assert.ok(difference < 0.5, `batch ${b}: ${together.exponent[b]} and ${alone.exponent[0]}`)
    }
    assert.equal(together.growth.length, 16)
  })

  test('a drive with a row a step is cut into intervals, and equal calls give equal bits', async () => {
    await using _ = scope()
    const system = identical(device, 4)
    const rows = generator(12).normals(30 * 4)
    const on = { device, dtype: 'float64' } as const
    const drive = tensor(rows, { ...on, shape: [30, 4] })
    const options = { ...system, drive, driveKind: 'step', steps: 20 } as const
    const first = await lyapunovExponent(options)
    const second = await lyapunovExponent(options)
    assertSameBits(first.growth, second.growth, 'growth')
    const short = { ...options, drive: tensor(rows.subarray(4), { ...on, shape: [29, 4] }) }
    await assert.rejects(lyapunovExponent(short), {
      code: 'ERR_VALUE',
      message: 'lyapunovExponent: drive must be of 30 rows, one a step, got [29,4]',
    })
  })

  test('wrong arguments are refused', async () => {
    await using _ = scope()
    const system = identical(device, 3)
    const refused = (changed: object, code: string, message: RegExp) =>
      assert.rejects(lyapunovExponent({ ...system, steps: 20, ...changed }), { code, message })
    await refused(
      { steps: 25 },
      'ERR_VALUE',
      /steps must be a multiple of the interval of 10, got 25/,
    )
    await refused({ transient: 5 }, 'ERR_VALUE', /transient must be a multiple/)
    await refused({ interval: 0 }, 'ERR_SHAPE', /interval must be/)
    await refused({ distance: 0 }, 'ERR_VALUE', /distance must be/)
    await refused({ seed: -1 }, 'ERR_SHAPE', /seed must be/)
    await refused({ dt: 0 }, 'ERR_VALUE', /dt must be/)
    const one = tensor([1], { device, dtype: 'float64' })
    await refused(
      { phases: one, naturalFrequencies: one },
      'ERR_VALUE',
      /transverse must be false for 1 oscillator/,
    )
    // Contraction by e^-75 in an interval: nothing is left of the perturbation.
    await refused(
      { coupling: 10, interval: 100, steps: 200 },
      'ERR_VALUE',
      /interval must be short enough .* got 100 steps/,
    )
  })
})

onEveryDevice('attractor stability', (device) => {
  const on = { device, dtype: 'float64' } as const
  const N = 12
  const system = {
    naturalFrequencies: tensor(
      equidistant(N).map((omega) => 0.1 * omega),
      on,
    ),
    coupling: 2,
    dt: 0.1,
  }
  const splay = Float64Array.from({ length: N }, (_, i) => (2 * Math.PI * i) / N)

  test('of synchrony is 1, by R and by the pattern', async () => {
    await using _ = scope()
    const start = kuramoto({
      ...system,
      phases: tensor(new Float64Array(N), on),
      steps: 200,
    }).phases
    const trials = emulated ? 5 : 17
    const options = { ...system, phases: start, trials, steps: 100, perturbation: 1 }
    const byR = await attractorStability(options)
    assert.equal(byR.fraction, 1)
    assert.equal(byR.patternDistance, null)
    assert.equal(byR.R.length, trials)
    assert.ok(byR.referenceR > 0.99)
    for (const reference of ['start', 'run'] as const) {
      const result = await attractorStability({ ...options, patternTolerance: 1e-3, reference })
      assert.equal(result.fraction, 1)
      assert.ok(result.patternDistance?.every((distance) => distance < 1e-6))
      assert.ok(result.R.every((R) => Math.abs(R - result.referenceR) < 1e-6))
    }
  })

  test('of an incoherent state below synchrony is lower', async () => {
    await using _ = scope()
    const options = { ...system, phases: tensor(splay, on), trials: 5, steps: 150 }
    const { fraction, referenceR, R, returned } = await attractorStability(options)
    assert.equal(fraction, 0)
    assert.equal(returned.length, 5)
    assert.ok(referenceR < 1e-9)
    assert.ok(R.every((value) => value > 0.9))
  })

  test('the pattern tells states of equal R apart', async () => {
    await using _ = scope()
    // Without coupling R of a splay state stays what the perturbation makes it.
    const still = { ...system, naturalFrequencies: tensor(new Float64Array(N), on), coupling: 0 }
    const options = { ...still, phases: tensor(splay, on), trials: 5, steps: 10, tolerance: 1 }
    const moved = await attractorStability({ ...options, patternTolerance: 0.05 })
    assert.equal(moved.fraction, 0)
    const kept = await attractorStability({ ...options, patternTolerance: 0.05, perturbation: 0 })
    assert.equal(kept.fraction, 1)
    assert.ok(kept.patternDistance?.every((distance) => distance < 1e-7))
  })

  test('wrong arguments are refused', async () => {
    await using _ = scope()
    const phases = tensor(splay, on)
    const refused = (changed: object, code: string, message: RegExp) =>
      assert.rejects(attractorStability({ ...system, phases, steps: 10, ...changed }), {
        code,
        message,
      })
    await refused({ trials: 0 }, 'ERR_SHAPE', /trials must be/)
    await refused({ perturbation: -1 }, 'ERR_VALUE', /perturbation must be/)
    await refused({ record: 11 }, 'ERR_VALUE', /record must be at most the 10 steps, got 11/)
    await refused({ window: 11 }, 'ERR_VALUE', /window must be at most the 10 looks, got 11/)
    await refused({ reference: 'end' }, 'ERR_VALUE', /reference must be start or run, got end/)
    await refused(
      { phases: tensor([...splay, ...splay], { ...on, shape: [2, N] }) },
      'ERR_SHAPE',
      /phases must be/,
    )
    await refused({ coupling: tensor([1, 2], on) }, 'ERR_SHAPE', /coupling must be of 1 element/)
    await refused({ steps: 0 }, 'ERR_SHAPE', /steps must be/)
  })
})

test('modules are labels that are all in use', () => {
  const refused = (labels: unknown, code: string, message: RegExp) =>
    assert.throws(() => new Modules(labels as number[]), { code, message })
  refused([], 'ERR_SHAPE', /labels must be of at least 1 element/)
  refused([0, 2], 'ERR_VALUE', /labels must be every integer from 0 to 2, got none of 1/)
  refused([0, 2 ** 31 - 1], 'ERR_VALUE', /got none of 1/)
  refused([0, -1], 'ERR_VALUE', /labels must be of at least 0, got -1 at element 1/)
  refused([0, 0.5], 'ERR_VALUE', /labels must be of 32-bit integers/)
  refused(null, 'ERR_SHAPE', /labels must be an array/)
  using modules = new Modules([1, 0, 1])
  assert.deepEqual([...modules.sizes], [1, 2])
  assert.deepEqual([modules.count, modules.oscillators], [2, 3])
})

test('diagnostics refuse what does not fit together', async () => {
  await using _ = scope()
  const phases = tensor([1, 2, 3], { dtype: 'float64' })
  const matrix = tensor(new Float64Array(9), { dtype: 'float64', shape: [3, 3] })
  const refused = (call: () => unknown, code: string, message: RegExp) =>
    assert.throws(call, { code, message })
  refused(() => moduleOrder(phases, [0, 1]), 'ERR_SHAPE', /phases must be of shape/)
  refused(() => moduleOrder(phases, Graph.global(3)), 'ERR_VALUE', /modules must be a graph with/)
  refused(() => localOrder({ phases, graph: Graph.ring(5, 1) }), 'ERR_SHAPE', /graph must be of 3/)
  refused(
    () => localOrder({ phases, graph: Graph.ring(3, 1), adjacency: matrix }),
    'ERR_VALUE',
    /adjacency must be absent with a ring graph/,
  )
  refused(() => localOrder({ phases, weight: phases }), 'ERR_VALUE', /weight must be absent/)
  refused(
    () => localOrder({ phases, adjacency: phases }),
    'ERR_SHAPE',
    /adjacency must be of shape/,
  )
  refused(() => phaseLocking(phases), 'ERR_SHAPE', /trajectory must be of shape/)
  refused(() => metastability([]), 'ERR_SHAPE', /R must be of at least 1 number/)
  refused(() => chimeraIndex([1, 2, 3], 2), 'ERR_SHAPE', /R must be of rows of 2 modules/)
  refused(() => moduleMetastability([1, 2], 0), 'ERR_SHAPE', /modules must be an integer/)
  refused(() => chimeraIndex(phases), 'ERR_SHAPE', /R must be of shape \(T, modules\)/)
  const labelled = Graph.global(3).withModules([0, 0, 1])
  assert.deepEqual(moduleOrder(phases, labelled).R.shape, [2])
})
