// kuramoto() against its golden files, central differences, itself, and bad input.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Graph,
  type KuramotoMethod,
  type KuramotoNormalisation,
  type KuramotoOptions,
  kuramoto,
  orderParameter,
  phaseDrive,
  phasePrecision,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'
import { runGolden } from './support/golden-run.js'
import { type CheckedInput, checkGradients } from './support/gradient-check.js'

function graphOfGolden({ args, arrays }: GoldenCase): Graph | null {
  if (args.graph !== 'csr') return null
  return Graph.sparse({
    rowPointer: arrays.get('in.rowPtr')?.data ?? [],
    column: arrays.get('in.col')?.data ?? [],
    weight: arrays.get('in.weight')?.data ?? [],
    oscillators: arrays.get('in.phases')?.shape[1] ?? 0,
  })
}

/** The golden files have ψ in (−π, π]. */
async function readRun(name: string): Promise<GoldenCase> {
  const golden = await readGolden(name)
  for (const key of ['out.psi', 'out.recordPsi']) {
    const { data = [] } = golden.arrays.get(key) ?? {}
    for (const [i, psi] of data.entries()) if (psi < 0) data[i] = psi + 2 * Math.PI
  }
  return golden
}

function runOf(golden: GoldenCase, extra: Partial<KuramotoOptions>) {
  const { args } = golden
  const graph = graphOfGolden(golden)
  return (inputs: ReadonlyMap<string, Tensor>) => {
    const get = (name: string): Tensor => inputs.get(name) as Tensor
    const drive = inputs.get('drive') ?? null
    const run = kuramoto({
      phases: get('phases'),
      naturalFrequencies: get('naturalFrequencies'),
      coupling: get('coupling'),
      precision: inputs.get('precision') ?? null,
      sign: inputs.get('sign') ?? null,
      frustration: inputs.get('frustration') ?? null,
      adjacency: inputs.get('adjacency') ?? null,
      weight: inputs.get('weight') ?? null,
      graph,
      drive,
      ...(drive && { driveKind: args.driveKind as 'node' }),
      method: args.method as KuramotoMethod,
      normalisation: args.normalisation as KuramotoNormalisation,
      dt: args.dt as number,
      steps: args.steps as number,
      record: args.record as number,
      winding: true,
      ...extra,
    })
    const { R, psi } = orderParameter(run.phases)
    return {
      phases: run.phases,
      winding: run.winding as Tensor,
      R,
      psi,
      ...(run.R && { recordR: run.R, recordPsi: run.psi as Tensor }),
    }
  }
}

/** A run of each kind of graph on N oscillators, with what is learned of it. */
function systems(device: string, N: number, dtype: 'float32' | 'float64' = 'float64') {
  const { normals, uniforms } = generator(N)
  const on = { device: device as 'cpu', dtype }
  const dense = () => tensor(normals(N * N), { ...on, shape: [N, N] })
  const rowPointer = Int32Array.from({ length: N + 1 }, (_, i) => 3 * i)
  const column = Int32Array.from(uniforms(3 * N), (u) => Math.floor(u * N))
  const sparse = Graph.sparse({ rowPointer, column, weight: normals(3 * N), oscillators: N })
  return {
    global: {},
    dense: { adjacency: dense() },
    sparse: { graph: sparse },
    ring: { graph: Graph.ring(N, 2) },
    wideRing: { graph: Graph.ring(N, Math.floor((N - 1) / 2)) },
  } satisfies Record<string, Partial<KuramotoOptions>>
}

onEveryDevice('kuramoto', (device) => {
  const on = (dtype: 'float32' | 'float64') => ({ device, dtype }) as const

  for (const name of goldenNames(/^kuramoto-(?!velocity|diagnostics|precision)/)) {
    test(`meets ${name}`, async () => {
      const golden = await readRun(name)
      for (const dtype of ['float64', 'float32'] as const) {
        for (const extra of [{}, { checkpoint: 3 }, { checkpoint: 3, keepPulls: false }]) {
          await runGolden(golden, { device, dtype, compute: runOf(golden, extra) })
        }
      }
    })
  }

  test('meets kuramoto-precision', async () => {
    const golden = await readGolden('kuramoto-precision')
    const trajectory = golden.arrays.get('in.trajectory')
    const [rows = 0, N = 0] = trajectory?.shape ?? []
    for (const dtype of ['float64', 'float32'] as const) {
      await using _ = scope()
      const row = (t: number): Tensor =>
        tensor(trajectory?.data.subarray(t * N, (t + 1) * N) ?? [], { ...on(dtype), shape: [1, N] })
      let variance: Tensor = tensor(golden.arrays.get('in.variance')?.data ?? [], on(dtype))
      const got: Record<'variance' | 'precision', number[]> = { variance: [], precision: [] }
      for (let t = 1; t < rows; ++t) {
        const tau = golden.args.tau as number
        const updated = phasePrecision({ before: row(t - 1), after: row(t), variance, tau })
        variance = updated.variance
        got.variance.push(...((await updated.variance.data()) as Float64Array))
        got.precision.push(...((await updated.precision.data()) as Float64Array))
      }
      for (const key of ['variance', 'precision'] as const) {
        const want = golden.arrays.get(`out.${key}`)?.data ?? []
        assertClose(got[key], want, dtype === 'float64' ? 1e-12 : 1e-5, `${key} in ${dtype}`)
      }
    }
  })

  for (const kind of ['global', 'dense', 'sparse', 'ring', 'wideRing'] as const) {
    test(`gradients agree with central differences on a ${kind} graph`, async () => {
      const [N, B, steps] = [7, 2, 5]
      let seed = 0
      for (const method of ['euler', 'heun', 'rk4'] as const) {
        for (const normalisation of ['count', 'degree', 'none'] as const) {
          // The emulator takes one combination of each method.
          if (emulated && seed % 4 !== 0 && ++seed) continue
          const driveKind = (['node', 'batch', 'step'] as const)[seed % 3] as 'node'
          const { normals, uniforms } = generator(++seed)
          const graph = systems(device, N)[kind]
          const own: Record<string, CheckedInput> = {}
          if (kind === 'dense') own.adjacency = { shape: [N, N], data: normals(N * N) }
          if (kind === 'sparse') own.weight = { shape: [3 * N], data: normals(3 * N) }
          const rows = { node: [N], batch: [B, N], step: [steps, N] }[driveKind]
          const inputs = {
            phases: { shape: [B, N], data: uniforms(B * N).map((u) => 0.3 + 5.6 * u) },
            naturalFrequencies: { shape: [N], data: normals(N) },
            coupling: { shape: [B], data: normals(B) },
            precision: { shape: [N], data: uniforms(N).map((u) => 0.5 + u) },
            frustration: { shape: [1], data: normals(1) },
            drive: { shape: rows, data: normals(rows.reduce((a, b) => a * b)) },
            ...own,
          }
          const sign = tensor(normals(N), on('float64'))
          for (const extra of [{}, { checkpoint: 2, keepPulls: false }]) {
            await checkGradients(
              device,
              inputs,
              (given) => {
                const run = kuramoto({
                  ...graph,
                  ...(given as unknown as KuramotoOptions),
                  driveKind,
                  sign,
                  method,
                  normalisation,
                  dt: 0.05,
                  steps,
                  record: 2,
                  recordPhases: true,
                  ...extra,
                })
                // Through the circle, for a phase may lie on either side of 0.
                const end = orderParameter(run.phases)
                const one = tensor(normals0(B * N), { ...on('float64'), shape: [B, N] })
                const pulled = phaseDrive({ phases: run.phases, sine: one, cosine: one })
                const recorded = orderParameter(run.trajectory as Tensor)
                return [end.R, pulled, run.R as Tensor, recorded.R]
              },
              // The sampled gradients may be as small as 1e-5, and differences carry 1e-10.
              { sample: emulated ? 1 : 3, tolerance: 1e-5 },
            )
          }
        }
      }
    })

    test(`runs in pieces give the bits of one run on a ${kind} graph`, async () => {
      for (const dtype of ['float32', 'float64'] as const) {
        for (const method of ['rk4', 'euler-maruyama', 'heun'] as const) {
          await using _ = scope()
          const [N, B] = [70, 3]
          const { normals, uniforms } = generator(4)
          const options = {
            ...systems(device, N, dtype)[kind],
            naturalFrequencies: tensor(normals(N), on(dtype)),
            coupling: tensor([0.5, 1, 2], on(dtype)),
            method,
            dt: 0.03,
            diffusion: method === 'rk4' ? 0 : 0.2,
            seed: 9,
            record: 2,
          }
          const phases = tensor(
            uniforms(B * N).map((u) => 6 * u),
            { ...on(dtype), shape: [B, N] },
          )
          const whole = kuramoto({ ...options, phases, steps: 12 })
          const first = kuramoto({ ...options, phases, steps: 4 })
          const rest = kuramoto({ ...options, state: first.state, steps: 8, firstStep: 4 })
          assertSameBits(await rest.state.data(), await whole.state.data(), 'state')
          const tail = (values: ArrayLike<number>, width: number, from: number) =>
            Array.from(values).filter((_, i) => i % width >= from)
          const R = (await whole.R?.data()) as Float64Array
          assertSameBits((await rest.R?.data()) as Float64Array, tail(R, 6, 2), 'R')
          const again = kuramoto({ ...options, phases, steps: 12 })
          assertSameBits(await again.state.data(), await whole.state.data(), 'two runs')
        }
      }
    })
  }

  test('a ring and the same graph in rows and as a matrix agree', async () => {
    await using _ = scope()
    for (const neighbours of [1, 3, 40]) {
      const N = 90
      const { normals, uniforms } = generator(neighbours)
      const ring = Graph.ring(N, neighbours)
      const options = {
        phases: tensor(
          uniforms(2 * N).map((u) => 6 * u),
          { ...on('float64'), shape: [2, N] },
        ),
        naturalFrequencies: tensor(normals(N), on('float64')),
        coupling: 1.5,
        frustration: 0.3,
        normalisation: 'degree' as const,
        dt: 0.05,
        steps: 10,
      }
      const want = await kuramoto({ ...options, graph: ring }).phases.data()
      const sparse = await kuramoto({ ...options, graph: ring.toSparse() }).phases.data()
      const dense = Graph.dense(ring.toDense(), N)
      const matrix = await kuramoto({ ...options, graph: dense }).phases.data()
      assertClose(sparse, want, 1e-11, `rows, ${neighbours} neighbours`)
      assertClose(matrix, want, 1e-11, `matrix, ${neighbours} neighbours`)
    }
  })

  test('a bfloat16 adjacency is near the float32 one and learns in float32', async () => {
    await using _ = scope()
    const N = 40
    const { uniforms, normals } = generator(8)
    const values = uniforms(N * N).map((u) => Math.round(u * 64) / 64)
    const options = {
      phases: tensor(
        uniforms(N).map((u) => 6 * u),
        on('float32'),
      ),
      naturalFrequencies: tensor(normals(N), on('float32')),
      coupling: 1,
      dt: 0.05,
      steps: 10,
    }
    const run = async (dtype: 'float32' | 'bfloat16') => {
      const adjacency = tensor(values, { device, dtype, shape: [N, N], requiresGrad: true })
      const { phases } = kuramoto({ ...options, adjacency })
      orderParameter(phases).R.backward()
      return { phases: await phases.data(), grad: await (adjacency.grad as Tensor).data() }
    }
    const [single, half] = [await run('float32'), await run('bfloat16')]
    assertClose(half.phases, single.phases, 5e-3, 'phases')
    assertClose(half.grad, single.grad, 5e-2, 'gradient')
  })

  test('one oscillator, isolated ones and no coupling give no NaN', async () => {
    await using _ = scope()
    const one = kuramoto({
      phases: tensor([1], { ...on('float64'), requiresGrad: true }),
      naturalFrequencies: tensor([2], on('float64')),
      coupling: 3,
      dt: 0.1,
      steps: 5,
    })
    assertClose(await one.phases.data(), [2], 1e-14, 'one oscillator')
    for (const normalisation of ['count', 'degree', 'none'] as const) {
      const weight = tensor([1], { ...on('float64'), requiresGrad: true })
      const phases = tensor([1, 2, 3], { ...on('float64'), requiresGrad: true })
      const graph = Graph.sparse({ rowPointer: [0, 1, 1, 1], column: [1], oscillators: 3 })
      const run = kuramoto({
        phases,
        naturalFrequencies: tensor([0.1, 0.2, 0.3], on('float64')),
        coupling: 1,
        graph,
        weight,
        normalisation,
        dt: 0.1,
        steps: 10,
      })
      const got = await run.phases.data()
      assertClose([got[1] as number, got[2] as number], [2.2, 3.3], 1e-14, 'isolated')
      run.phases.backward(tensor([1, 1, 1], on('float64')))
      for (const leaf of [phases, weight]) {
        const gradient = await (leaf.grad as Tensor).data()
        assert.ok(gradient.every(Number.isFinite), `gradient ${gradient}`)
      }
    }
    const free = kuramoto({
      phases: tensor([0, 1], on('float64')),
      naturalFrequencies: tensor([1, 2], on('float64')),
      coupling: 0,
      dt: 0.25,
      steps: 100,
      winding: true,
    })
    const turns = (await free.winding?.data()) as Int32Array
    const unwrapped = (await free.phases.data()).map(
      (phase, i) => phase + 2 * Math.PI * (turns[i] ?? 0),
    )
    assertClose(unwrapped, [25, 51], 1e-14, 'free rotation')
  })

  test('float32 phases stay accurate over 10⁵ free steps', { skip: emulated }, async () => {
    await using _ = scope()
    const omega = Float32Array.from([0.3, 1.7, -2.9, 12.34])
    const run = kuramoto({
      phases: tensor([0, 0, 0, 0], on('float32')),
      naturalFrequencies: tensor(omega, on('float32')),
      coupling: 0,
      method: 'euler',
      dt: 0.01,
      steps: 100_000,
    })
    const got = await run.phases.data()
    for (const [i, rate] of omega.entries()) {
      const off = Math.sin(((got[i] as number) - rate * 1000) / 2)
      // 10⁵ steps, each rounded to 2⁻³⁵ of a turn: the fastest one leaves 3 bits below the last place.
      assert.ok(Math.abs(off) < 2.5e-6, `oscillator ${i} is off by ${2 * off}`)
    }
  })

  test('bad input is refused by name', async () => {
    await using _ = scope()
    const valid: KuramotoOptions = {
      phases: tensor([0, 1, 2, 3], { ...on('float32'), shape: [2, 2] }),
      naturalFrequencies: tensor([1, 2], on('float32')),
      coupling: 1,
      dt: 0.1,
      steps: 3,
    }
    kuramoto(valid)
    const refuse = (changed: Partial<KuramotoOptions>, code: string, message: RegExp) =>
      assert.throws(() => kuramoto({ ...valid, ...changed }), { code, message })
    const vector = (count: number) => tensor(new Float64Array(count), on('float32'))
    const matrix = (rows: number, columns: number) =>
      tensor(new Float64Array(rows * columns), { ...on('float32'), shape: [rows, columns] })
    refuse({ dt: 0 }, 'ERR_VALUE', /^kuramoto: dt must be a finite number above 0, got 0$/)
    refuse({ dt: -1 }, 'ERR_VALUE', /dt/)
    refuse({ dt: Number.NaN }, 'ERR_VALUE', /dt .* got NaN/)
    refuse({ steps: 0 }, 'ERR_SHAPE', /^kuramoto: steps must be an integer of at least 1, got 0$/)
    refuse({ steps: 1.5 }, 'ERR_SHAPE', /steps/)
    refuse({ firstStep: -1 }, 'ERR_SHAPE', /firstStep/)
    refuse({ coupling: Number.POSITIVE_INFINITY }, 'ERR_VALUE', /coupling .* got Infinity/)
    refuse({ coupling: vector(3) }, 'ERR_SHAPE', /coupling/)
    refuse({ frustration: Number.NaN }, 'ERR_VALUE', /frustration/)
    refuse({ diffusion: -1, method: 'heun' }, 'ERR_VALUE', /diffusion/)
    refuse({ diffusion: 1, method: 'rk4' }, 'ERR_VALUE', /diffusion .* euler-maruyama or heun/)
    refuse({ method: 'leapfrog' as 'rk4' }, 'ERR_VALUE', /method must be one of euler/)
    refuse({ normalisation: 'x' as 'none' }, 'ERR_VALUE', /normalisation must be one of count/)
    refuse({ drive: vector(2) }, 'ERR_VALUE', /driveKind must be one of node, batch, step/)
    refuse({ drive: vector(3), driveKind: 'node' }, 'ERR_SHAPE', /drive must be of shape \(N = 2\)/)
    refuse({ drive: matrix(3, 2), driveKind: 'batch' }, 'ERR_SHAPE', /drive .*batch = 2, N = 2/)
    refuse({ drive: matrix(2, 2), driveKind: 'step' }, 'ERR_SHAPE', /drive .*steps = 3, N = 2/)
    refuse({ recordPhases: true }, 'ERR_VALUE', /recordPhases/)
    refuse({ checkpoint: 0 }, 'ERR_SHAPE', /checkpoint/)
    refuse({ graph: Graph.global(3) }, 'ERR_SHAPE', /graph must be of 2 oscillators, got one of 3/)
    refuse({ adjacency: matrix(2, 3) }, 'ERR_SHAPE', /adjacency/)
    refuse({ weight: vector(2) }, 'ERR_VALUE', /weight must be absent with a global graph/)
    refuse({ graph: Graph.global(2), adjacency: matrix(2, 2) }, 'ERR_VALUE', /adjacency/)
    refuse({ precision: vector(3) }, 'ERR_SHAPE', /precision/)
    refuse({ phases: null }, 'ERR_DTYPE', /phases must be a tensor/)
    refuse({ state: vector(2) }, 'ERR_VALUE', /state must be absent with phases/)
    refuse({ naturalFrequencies: tensor([1, 2], on('float64')) }, 'ERR_DTYPE', /phases|naturalF/)
    refuse({ phases: matrix(0, 2) }, 'ERR_SHAPE', /phases/)
  })
})

const normals0 = (count: number): Float64Array => generator(77).normals(count)
