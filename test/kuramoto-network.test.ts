// Kuramoto oscillators on dense graphs, sparse graphs and rings: the native operations against their
// golden files, the definition, central differences, each other and themselves.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { serialize } from 'node:v8'
import { type DeviceName, type FloatDtype, machine } from '../lib/index.js'
import { runProgram } from './support/child.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'
import {
  type Arrays,
  type Edges,
  type Problem,
  referencePhases,
  runNetwork,
} from './support/kuramoto-network.js'

const turn = 2 * Math.PI
const wrapped = (x: number): number => x - turn * Math.round(x / turn)

/** Angles as numbers near `want`, which they equal modulo a turn. */
function near(got: ArrayLike<number>, want: ArrayLike<number>): Float64Array {
  return Float64Array.from(want, (value, i) => value + wrapped((got[i] as number) - value))
}

const unwrapped = (outputs: Arrays): Float64Array =>
  Float64Array.from(
    outputs.finalPhases as Float64Array,
    (phase, i) => phase + turn * (outputs.winding?.[i] as number),
  )

// ---- golden files ----

function problemOf(golden: GoldenCase): Problem {
  const { args } = golden
  const get = (name: string): Float64Array | undefined =>
    golden.arrays.get(`in.${name}`)?.data as Float64Array | undefined
  const [batch = 1, oscillators = 1] = golden.arrays.get('in.phases')?.shape ?? []
  const inputs: Record<string, Float64Array> = {}
  const names = ['phases', 'naturalFrequencies', 'coupling', 'precision', 'sign', 'frustration']
  for (const name of [...names, 'drive', 'adjacency', 'weight']) {
    const data = get(name)
    if (data) inputs[name] = data
  }
  const rowPointer = get('rowPtr')
  const steps = args.steps as number
  return {
    batch,
    oscillators,
    steps,
    stages: args.method === 'rk4' ? 4 : 1,
    timeStep: args.dt as number,
    normalisation: ['count', 'degree', 'none'].indexOf(args.normalisation as string),
    driveKind: ['none', 'node', 'batch', 'step'].indexOf(args.driveKind as string),
    recordEvery: (args.record as number) || steps,
    edges: rowPointer && { rowPointer: [...rowPointer], column: [...(get('col') ?? [])] },
    inputs,
  }
}

async function meetGolden(golden: GoldenCase, device: DeviceName, dtype: FloatDtype) {
  const problem = problemOf(golden)
  const { batch, steps, recordEvery = 0 } = problem
  const records = Math.floor(steps / recordEvery)
  const get = (name: string): Float64Array => golden.arrays.get(name)?.data as Float64Array
  const cotR = new Float64Array(batch * records)
  if (golden.arrays.has('cot.recordR')) cotR.set(get('cot.recordR'))
  for (let b = 0; b < batch; ++b) {
    const at = b * records + records - 1
    cotR[at] = (cotR[at] as number) + (get('cot.R')[b] as number)
  }
  const tolerance =
    dtype === 'float64' ? { output: 1e-9, gradient: 1e-9 } : { output: 1e-5, gradient: 1e-4 }
  for (const [checkpointEvery, keepPulls] of [
    [1, true],
    [1, false],
    [3, false],
    [8, true],
  ] as const) {
    const { outputs, gradients } = await runNetwork(
      problem,
      { device, dtype, checkpointEvery, keepPulls },
      { finalPhases: get('cot.phases'), recordR: cotR },
    )
    const label = `${golden.name} ${dtype} every ${checkpointEvery} ${keepPulls}`
    const expected = get('out.phases').map(
      (phase, i) => phase + turn * (get('out.winding')[i] as number),
    )
    assertClose(unwrapped(outputs), expected, tolerance.output, `${label}: phases`)
    const last = (name: string): Float64Array =>
      Float64Array.from(
        { length: batch },
        (_, b) => outputs[name]?.[(b + 1) * records - 1] as number,
      )
    assertClose(last('recordR'), get('out.R'), tolerance.output, `${label}: R`)
    assertClose(
      near(last('recordPsi'), get('out.psi')),
      get('out.psi'),
      tolerance.output,
      `${label}: psi`,
    )
    if (golden.arrays.has('out.recordR')) {
      const psi = get('out.recordPsi')
      assertClose(
        outputs.recordR as Float64Array,
        get('out.recordR'),
        tolerance.output,
        `${label}: recordR`,
      )
      assertClose(
        near(outputs.recordPsi as Float64Array, psi),
        psi,
        tolerance.output,
        `${label}: recordPsi`,
      )
    }
    for (const key of golden.arrays.keys()) {
      if (!key.startsWith('grad.')) continue
      const name = key.slice(5)
      const field =
        name === 'phases' ? 'gradInitial' : `grad${name[0]?.toUpperCase()}${name.slice(1)}`
      assertClose(
        gradients[field] as Float64Array,
        get(key),
        tolerance.gradient,
        `${label}: ${field}`,
      )
    }
  }
}

// ---- problems ----

/** A random graph with isolated nodes, repeated edges and edges to oneself. */
function randomEdges(count: number, degree: number, seed: number): Edges {
  const { uniform } = generator(seed)
  const rowPointer = [0]
  const column: number[] = []
  for (let i = 0; i < count; ++i) {
    const edges = i % 5 === 3 ? 0 : Math.floor(2 * degree * uniform())
    for (let e = 0; e < edges; ++e) column.push(Math.floor(count * uniform()))
    if (i % 4 === 1) column.push(i, (i + 1) % count, (i + 1) % count)
    rowPointer.push(column.length)
  }
  return { rowPointer, column }
}

type Kind = 'dense' | 'sparse' | 'ring'
interface Choice extends Partial<Omit<Problem, 'inputs' | 'edges'>> {
  readonly kind: Kind
  readonly seed?: number
  /** Without precision, sign, lag and drive. */
  readonly plain?: boolean
  readonly unweighted?: boolean
}

function makeProblem({ kind, seed = 3, plain, unweighted, ...given }: Choice): Problem {
  const { uniforms, normals } = generator(seed)
  const { batch = 2, oscillators: n = 7, steps = 6, driveKind = plain ? 0 : 3 } = given
  const edges = kind === 'sparse' ? randomEdges(n, 3, seed) : undefined
  const drives = [0, n, batch * n, steps * n][driveKind] as number
  const inputs: Record<string, Float64Array> = {
    phases: uniforms(batch * n).map((u) => turn * u),
    naturalFrequencies: normals(n),
    coupling: uniforms(batch).map((u) => 1 + u),
  }
  if (!plain) {
    inputs.precision = uniforms(n).map((u) => 0.5 + u)
    inputs.sign = uniforms(n).map((u) => (u < 0.3 ? -1 : 1))
    inputs.frustration = Float64Array.of(0.4)
  }
  if (drives > 0) inputs.drive = normals(drives)
  if (kind === 'dense') inputs.adjacency = normals(n * n)
  if (edges && !unweighted) inputs.weight = normals(edges.column.length)
  const neighbours = kind === 'ring' ? (given.neighbours ?? Math.min(2, (n - 1) >> 1)) : 0
  return {
    timeStep: 0.2,
    stages: 4,
    normalisation: 1,
    recordEvery: 2,
    ...given,
    batch,
    oscillators: n,
    steps,
    driveKind,
    edges,
    neighbours,
    inputs,
  }
}

// ---- central differences ----

const gradientFields = [
  'naturalFrequencies',
  'coupling',
  'precision',
  'frustration',
  'drive',
  'adjacency',
  'weight',
]

async function checkDifferences(
  problem: Problem,
  device: DeviceName,
  runs: readonly (readonly [number, boolean])[],
) {
  const { batch, oscillators: n, steps, recordEvery = 0, inputs } = problem
  const records = recordEvery > 0 ? Math.floor(steps / recordEvery) : 0
  const { normals } = generator(17)
  const cotangents: Record<string, Float64Array> = {
    finalPhases: normals(batch * n),
    recordR: normals(batch * records),
    recordPhases: normals(batch * records * n),
  }
  const options = { device, dtype: 'float64' as const }
  const step = 1e-5
  const numeric = new Map<string, { at: number; slope: number }[]>()
  for (const name of ['phases', ...gradientFields]) {
    const data = inputs[name]
    if (!data) continue
    const slopes: { at: number; slope: number }[] = []
    const every = Math.max(1, Math.floor(data.length / 9))
    for (let at = 0; at < data.length; at += every) {
      const moved = async (offset: number): Promise<Arrays> => {
        const changed = data.slice()
        changed[at] = (changed[at] as number) + offset
        return (await runNetwork({ ...problem, inputs: { ...inputs, [name]: changed } }, options))
          .outputs
      }
      const [above, below] = [await moved(step), await moved(-step)]
      let slope = 0
      for (const [key, cotangent] of Object.entries(cotangents)) {
        const turns = key !== 'recordR'
        for (let i = 0; i < cotangent.length; ++i) {
          const change = (above[key]?.[i] as number) - (below[key]?.[i] as number)
          slope += (cotangent[i] as number) * (turns ? wrapped(change) : change)
        }
      }
      slopes.push({ at, slope: slope / (2 * step) })
    }
    numeric.set(name, slopes)
  }
  for (const [checkpointEvery, keepPulls] of runs) {
    const { gradients } = await runNetwork(
      problem,
      { ...options, checkpointEvery, keepPulls },
      cotangents,
    )
    for (const [name, slopes] of numeric) {
      const field =
        name === 'phases' ? 'gradInitial' : `grad${name[0]?.toUpperCase()}${name.slice(1)}`
      const got = gradients[field] as Float64Array
      assertClose(
        slopes.map(({ at }) => got[at] as number),
        slopes.map(({ slope }) => slope),
        1e-7,
        `${field}, every ${checkpointEvery}, pulls ${keepPulls}`,
      )
    }
  }
}

onEveryDevice('Kuramoto networks', (device) => {
  for (const name of goldenNames(/^kuramoto-(dense|csr)/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of ['float64', 'float32'] as const) await meetGolden(golden, device, dtype)
    })
  }

  const ways = [
    [1, true],
    [1, false],
    [3, false],
    [3, true],
  ] as const
  for (const kind of ['dense', 'sparse', 'ring'] as const) {
    for (const stages of [1, 2, 4] as const) {
      test(`central differences: ${kind}, ${stages} stages`, async () => {
        for (const normalisation of [0, 1, 2]) {
          const problem = makeProblem({ kind, stages, normalisation, seed: 5 + normalisation })
          await checkDifferences(problem, device, ways)
        }
      })
    }
    test(`central differences: ${kind}, drives that stay, plain, noise`, async () => {
      for (const driveKind of [1, 2]) {
        await checkDifferences(makeProblem({ kind, driveKind, oscillators: 5 }), device, [
          [2, false],
        ])
      }
      const plain = { kind, plain: true, oscillators: 9, batch: 1 }
      await checkDifferences(makeProblem(plain), device, ways)
      for (const stages of [1, 2] as const) {
        const noisy = makeProblem({ kind, stages, diffusion: 0.3, recordEvery: 0 })
        await checkDifferences(noisy, device, ways)
      }
    })

    test(`the definition, any size: ${kind}`, async () => {
      const sizes = [1, 2, 3, 16, 17, 40, 67, 131]
      for (const [at, oscillators] of sizes.entries()) {
        for (const batch of [1, 2, 3, 4, 5, 9, 17]) {
          const stages = ([1, 2, 4] as const)[at % 3] as 1 | 2 | 4
          const problem = makeProblem({
            kind,
            oscillators,
            batch,
            stages,
            steps: at % 2 === 0 ? 1 : 7,
            normalisation: batch % 3,
            driveKind: (at + batch) % 4,
            unweighted: batch === 3,
            neighbours: Math.min(at % 2 === 0 ? 2 : 40, (oscillators - 1) >> 1),
            recordEvery: 0,
            // Strong coupling would amplify rounding.
            timeStep: 0.01,
          })
          const want = referencePhases(problem)
          for (const dtype of ['float64', 'float32'] as const) {
            const { outputs } = await runNetwork(problem, { device, dtype })
            const label = `${oscillators} oscillators, batch ${batch}, ${dtype}`
            assertClose(unwrapped(outputs), want, dtype === 'float64' ? 1e-11 : 1e-5, label)
          }
        }
      }
    })

    test(`gradients at any size agree with and without pulls: ${kind}`, async () => {
      for (const [oscillators, batch] of [
        [1, 1],
        [2, 3],
        [19, 1],
        [67, 9],
        [33, 5],
        [200, 2],
      ] as const) {
        const problem = makeProblem({
          kind,
          oscillators,
          batch,
          steps: 7,
          stages: 2,
          normalisation: 2,
          timeStep: 0.02,
        })
        const cotangents = {
          finalPhases: generator(1).normals(batch * oscillators),
          recordR: generator(2).normals(batch * 3),
        }
        const run = async (dtype: FloatDtype, checkpointEvery: number, keepPulls: boolean) =>
          (await runNetwork(problem, { device, dtype, checkpointEvery, keepPulls }, cotangents))
            .gradients
        const want = await run('float64', 1, true)
        for (const other of [await run('float64', 3, false), await run('float64', 7, true)]) {
          for (const [name, data] of Object.entries(want)) {
            assertClose(other[name] as Float64Array, data, 1e-12, `${name} of ${oscillators}`)
          }
        }
        for (const [name, data] of Object.entries(await run('float32', 3, false))) {
          assertClose(data, want[name] as Float64Array, 1e-4, `${name} of ${oscillators}, float32`)
        }
      }
    })

    test(`chunks of a run are the run to the bit, and so is a second run: ${kind}`, async () => {
      for (const dtype of ['float64', 'float32'] as const) {
        for (const diffusion of [0, 0.2]) {
          const whole = makeProblem({
            kind,
            oscillators: 37,
            batch: 3,
            stages: 2,
            steps: 9,
            driveKind: 1,
            diffusion,
            recordEvery: 1,
          })
          const once = (await runNetwork(whole, { device, dtype })).outputs
          const again = (
            await runNetwork(whole, { device, dtype, checkpointEvery: 2, keepPulls: true })
          ).outputs
          for (const name of ['finalState', 'recordR', 'recordPsi', 'winding']) {
            assertSameBits(again[name] as Float64Array, once[name] as Float64Array, name)
          }
          let state: Int32Array | undefined
          let firstStep = 0
          for (const steps of [4, 2, 3]) {
            const part = { ...whole, steps, firstStep }
            const { outputs } = await runNetwork(part, { device, dtype, state })
            state = Int32Array.from(outputs.finalState as Float64Array)
            firstStep += steps
          }
          assertSameBits(state as Int32Array, once.finalState as Float64Array, 'chunks')
        }
      }
    })
  }

  // On the CPU, segments of 2 and 3 of 41 steps are computed by fours, of 4 by twos, of 5 alone.
  test('gradients do not depend on how many segments are computed side by side', async () => {
    for (const [batch, stages, diffusion] of [
      [1, 1, 0],
      [1, 2, 0.2],
      [2, 4, 0],
      [3, 1, 0.2],
    ] as const) {
      const problem = makeProblem({
        kind: 'sparse',
        oscillators: 70,
        batch,
        steps: 41,
        stages,
        diffusion,
        normalisation: 2,
        timeStep: 0.02,
        unweighted: batch === 2,
      })
      const cotangents = {
        finalPhases: generator(1).normals(batch * 70),
        recordR: generator(2).normals(batch * 20),
      }
      for (const dtype of ['float64', 'float32'] as const) {
        const run = async (checkpointEvery: number, keepPulls: boolean) =>
          (await runNetwork(problem, { device, dtype, checkpointEvery, keepPulls }, cotangents))
            .gradients
        const want = await run(1, true)
        for (const every of [2, 3, 4, 5]) {
          for (const [name, data] of Object.entries(await run(every, false))) {
            const label = `${name} ${dtype}, batch ${batch}, every ${every}`
            if (device === 'cpu') assertSameBits(data, want[name] as Float64Array, label)
            else assertClose(data, want[name] as Float64Array, 1e-5, label)
          }
        }
      }
    }
  })

  test('1, 2 and 3 threads give the same bits', async () => {
    const support = new URL('./support/kuramoto-network.js', import.meta.url)
    const problems = [
      makeProblem({ kind: 'dense', oscillators: 150, batch: 1, stages: 1 }),
      makeProblem({ kind: 'dense', oscillators: 150, batch: 9, stages: 2 }),
      makeProblem({ kind: 'sparse', oscillators: 900, batch: 1, stages: 1 }),
      makeProblem({ kind: 'sparse', oscillators: 900, batch: 3, stages: 4 }),
    ]
    const file = join(await mkdtemp(join(tmpdir(), 'entrain-')), 'problems.bin')
    await writeFile(file, serialize(problems))
    const program = `
      import { createHash } from 'node:crypto'
      import { readFileSync } from 'node:fs'
      import { deserialize } from 'node:v8'
      const { runNetwork } = await import('${support.href}')
      for (const problem of deserialize(readFileSync('${file}'))) {
        for (const dtype of ['float64', 'float32']) {
          const count = problem.batch * problem.oscillators
          const cotangents = { finalPhases: new Float64Array(count).map((_, i) => Math.sin(i)) }
          const options = { device: '${device}', dtype, checkpointEvery: 2 }
          const { outputs, gradients } = await runNetwork(problem, options, cotangents)
          for (const data of [...Object.values(outputs), ...Object.values(gradients)])
            console.log(createHash('sha256').update(data).digest('hex'))
        }
      }`
    const run = async (threads: string): Promise<string> => {
      const { code, stdout, stderr } = await runProgram(program, {
        env: { ENTRAIN_THREADS: threads },
      })
      assert.equal(code, 0, stderr)
      return stdout
    }
    const one = await run('1')
    assert.ok(one.split('\n').length > 80)
    assert.equal(await run('2'), one)
    assert.equal(await run('3'), one)
    await rm(dirname(file), { recursive: true })
  })

  test('a ring is the same graph in rows, few neighbours and many', async () => {
    for (const [oscillators, neighbours] of [
      [3, 1],
      [50, 16],
      [301, 17],
      [301, 100],
      [640, 300],
    ] as const) {
      const ring = makeProblem({ kind: 'ring', oscillators, neighbours, batch: 2, stages: 1 })
      const rowPointer = [0]
      const column: number[] = []
      for (let i = 0; i < oscillators; ++i) {
        for (let k = 1; k <= neighbours; ++k) {
          column.push((i + k) % oscillators, (i - k + oscillators) % oscillators)
        }
        rowPointer.push(column.length)
      }
      const rows = { ...ring, neighbours: 0, edges: { rowPointer, column } }
      const cotangents = { finalPhases: generator(4).normals(2 * oscillators) }
      for (const [dtype, tolerance] of [
        ['float64', 1e-12],
        ['float32', 1e-5],
      ] as const) {
        const options = { device, dtype, checkpointEvery: 2 }
        const [a, b] = [
          await runNetwork(ring, options, cotangents),
          await runNetwork(rows, options, cotangents),
        ]
        assertClose(unwrapped(a.outputs), unwrapped(b.outputs), tolerance, `ring ${neighbours}`)
        for (const [name, data] of Object.entries(a.gradients)) {
          assertClose(
            data,
            b.gradients[name] as Float64Array,
            10 * tolerance,
            `${name} ${neighbours}`,
          )
        }
      }
    }
  })

  test('A in bfloat16 is A rounded to bfloat16', async () => {
    for (const [oscillators, batch] of [
      [21, 1],
      [50, 9],
      [97, 5],
      [40, 3],
    ] as const) {
      const problem = makeProblem({ kind: 'dense', oscillators, batch })
      const { adjacency } = problem.inputs
      const eighths = adjacency?.map((a) => Math.round(8 * a) / 8) as Float64Array
      const exact = { ...problem, inputs: { ...problem.inputs, adjacency: eighths } }
      const cotangents = { finalPhases: generator(4).normals(batch * oscillators) }
      for (const dtype of ['float64', 'float32'] as const) {
        const options = { device, dtype, checkpointEvery: 1, keepPulls: true }
        const want = await runNetwork(exact, options, cotangents)
        const got = await runNetwork(exact, { ...options, half: true }, cotangents)
        const multipliesHalves =
          device === 'cuda' || (batch > 4 && machine().instructionSet === 'v4')
        if (dtype === 'float32' && multipliesHalves) {
          // Tensor cores multiply A with circles in bfloat16, and so does AVX512_BF16.
          const phases = want.outputs.finalPhases as Float64Array
          assertClose(near(got.outputs.finalPhases as Float64Array, phases), phases, 0.02, 'phases')
          for (const [name, data] of Object.entries(got.gradients)) {
            assertClose(data, want.gradients[name] as Float64Array, 0.1, name)
          }
          continue
        }
        for (const [name, data] of Object.entries(got.gradients)) {
          assertSameBits(data, want.gradients[name] as Float64Array, `${name} ${dtype}`)
        }
        assertSameBits(
          got.outputs.finalState as Float64Array,
          want.outputs.finalState as Float64Array,
          dtype,
        )
      }
    }
  })

  test('circles that bfloat16 holds lose nothing', async () => {
    for (const [oscillators, batch] of [
      [31, 5],
      [64, 6],
      [77, 11],
    ] as const) {
      const problem = makeProblem({ kind: 'dense', oscillators, batch, plain: true })
      const eighths = problem.inputs.adjacency?.map((a) => Math.round(8 * a) / 8) as Float64Array
      const phases = problem.inputs.phases?.map((angle) => {
        return (Math.round((angle * 2) / Math.PI) * Math.PI) / 2
      }) as Float64Array
      const exact = {
        ...problem,
        steps: 1,
        stages: 1 as const,
        inputs: { ...problem.inputs, adjacency: eighths, phases },
      }
      const options = { device, dtype: 'float32' as const }
      const want = await runNetwork(exact, options)
      const got = await runNetwork(exact, { ...options, half: true })
      const expected = want.outputs.finalPhases as Float64Array
      assertClose(near(got.outputs.finalPhases as Float64Array, expected), expected, 1e-6, 'phases')
    }
  })

  test('what is on the diagonal does not matter, even if it is not a number', async () => {
    for (const batch of [1, 3, 9]) {
      const problem = makeProblem({ kind: 'dense', oscillators: 35, batch, plain: true })
      const cotangents = { finalPhases: generator(4).normals(batch * 35) }
      const options = { device, dtype: 'float32' as const, checkpointEvery: 2 }
      const want = await runNetwork(problem, options, cotangents)
      const adjacency = problem.inputs.adjacency?.slice() as Float64Array
      for (let i = 0; i < 35; ++i) adjacency[36 * i] = i % 2 === 0 ? Number.NaN : Infinity
      const spoilt = { ...problem, inputs: { ...problem.inputs, adjacency } }
      const got = await runNetwork(spoilt, options, cotangents)
      assertSameBits(
        got.outputs.finalPhases as Float64Array,
        want.outputs.finalPhases as Float64Array,
        'phases',
      )
      for (const [name, data] of Object.entries(got.gradients)) {
        assertSameBits(data, want.gradients[name] as Float64Array, name)
        assert.ok(data.every(Number.isFinite), name)
      }
    }
  })

  test('nobody pulls an isolated oscillator, nor one that is alone; K = 0 is free rotation', async () => {
    const lonely = makeProblem({ kind: 'sparse', oscillators: 4, batch: 1, plain: true, steps: 10 })
    const edges = { rowPointer: [0, 0, 0, 0, 0], column: [] }
    const free = (problem: Problem): Float64Array =>
      Float64Array.from(
        problem.inputs.phases as Float64Array,
        (phase, i) => phase + 10 * 0.2 * (problem.inputs.naturalFrequencies?.[i] as number),
      )
    const { weight: _, ...inputs } = lonely.inputs
    const still = makeProblem({ kind: 'dense', oscillators: 4, batch: 1, plain: true, steps: 10 })
    const uncoupled = { ...still, inputs: { ...still.inputs, coupling: Float64Array.of(0) } }
    for (const problem of [{ ...lonely, edges, inputs }, uncoupled]) {
      for (const normalisation of [0, 1, 2]) {
        const { outputs, gradients } = await runNetwork(
          { ...problem, normalisation },
          { device, dtype: 'float64', checkpointEvery: 3 },
          { finalPhases: Float64Array.of(1, 2, 3, 4) },
        )
        assertClose(unwrapped(outputs), free(problem), 1e-12, 'free rotation')
        assertClose(gradients.gradInitial as Float64Array, [1, 2, 3, 4], 1e-12, 'gradInitial')
        assertClose(
          gradients.gradNaturalFrequencies as Float64Array,
          [2, 4, 6, 8],
          1e-12,
          'gradient of ω',
        )
        for (const data of Object.values(gradients)) assert.ok(data.every(Number.isFinite))
      }
    }
  })
})
