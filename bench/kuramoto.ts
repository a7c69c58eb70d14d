// Kuramoto oscillators: kuramoto.run and kuramoto.grad of the contract, compared with float64 phases.
import { randomIntegers, randomNormals, randomUniforms } from '../lib/data/philox.js'
import {
  cast,
  type Device,
  Graph,
  type KuramotoMethod,
  kuramoto,
  noGrad,
  randomUniform,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import type { Entry, Params } from './contract.js'
import type { Outputs, Trial } from './harness.js'

const kSeed = 11

interface Sizes {
  readonly topology: 'global' | 'dense' | 'csr'
  readonly N: number
  readonly batch: number
  readonly steps: number
  readonly method: KuramotoMethod
  readonly dt: number
  readonly degree: number
  readonly half: boolean
  readonly backward: boolean
}

function sizesOf({ workload, params }: Entry): Sizes {
  const {
    topology,
    N,
    B,
    steps,
    method,
    dt,
    dtype,
    degree = 0,
  } = params as Params & Record<'N' | 'B' | 'steps' | 'dt' | 'degree', number>
  return {
    topology: topology as Sizes['topology'],
    N,
    batch: B,
    steps,
    method: method as KuramotoMethod,
    dt,
    degree,
    half: dtype === 'bf16',
    backward: workload === 'kuramoto.grad',
  }
}

/** The numbers of a workload, on the host, as float32 holds them. */
interface Inputs {
  readonly phases: Float32Array
  readonly frequencies: Float32Array
  readonly cotangent: Float32Array
  /** (N, N) in the storage type of the workload. */
  readonly adjacency: Tensor | null
  readonly graph: Graph | null
  /** 1 / Z_i, which the contract holds fixed; null where Z = N − 1. */
  readonly inverseDegree: Float64Array | null
}

async function makeInputs(sizes: Sizes, on: Device): Promise<Inputs> {
  const { N, batch, topology } = sizes
  const uniforms = (count: number, block: number) => randomUniforms({ seed: kSeed, count, block })
  const normals = (count: number, block: number) => randomNormals({ seed: kSeed, count, block })
  return {
    phases: Float32Array.from(uniforms(batch * N, 0), (u) => 2 * Math.PI * u),
    frequencies: Float32Array.from(normals(N, 1), (x) => 1 + 0.5 * x),
    cotangent: Float32Array.from(normals(batch * N, 2)),
    ...(topology === 'dense'
      ? await denseGraph(sizes, on)
      : topology === 'csr'
        ? sparseGraph(sizes)
        : { adjacency: null, graph: null, inverseDegree: null }),
  }
}

/** A ~ U(0, 1); its diagonal counts nowhere. */
async function denseGraph({ N, half }: Sizes, on: Device) {
  const whole = randomUniform(zeros([N, N], { device: on }), { seed: kSeed, stream: 9 })
  const adjacency = half ? cast(whole, 'bfloat16') : whole
  const values = (await adjacency.data()) as Float32Array
  if (half) whole.dispose()
  const inverseDegree = new Float64Array(N)
  for (let i = 0; i < N; ++i) {
    let degree = -(values[i * N + i] as number)
    for (let j = 0; j < N; ++j) degree += values[i * N + j] as number
    inverseDegree[i] = 1 / degree
  }
  return { adjacency, graph: null, inverseDegree }
}

/** In each row one random column in each of `degree` equal ranges, weights ~ U(0.5, 1.5). */
function sparseGraph({ N, degree }: Sizes) {
  const edges = N * degree
  const range = Math.floor(N / degree)
  const drawn = randomIntegers({ seed: kSeed, count: edges, limit: range, block: 3 })
  const column = Int32Array.from(drawn, (at, edge) => (edge % degree) * range + at)
  const uniforms = randomUniforms({ seed: kSeed, count: edges, block: 4 })
  const weight = Float32Array.from(uniforms, (u) => 0.5 + u)
  const inverseDegree = new Float64Array(N)
  for (let i = 0; i < N; ++i) {
    let sum = 0
    for (let edge = i * degree; edge < (i + 1) * degree; ++edge) sum += weight[edge] as number
    inverseDegree[i] = 1 / sum
  }
  const rowPointer = Int32Array.from({ length: N + 1 }, (_, i) => i * degree)
  const graph = Graph.sparse({ rowPointer, column, weight, oscillators: N })
  return { adjacency: null, graph, inverseDegree }
}

/** A call's tensors. */
interface InputSet {
  readonly phases: Tensor
  readonly naturalFrequencies: Tensor
  readonly coupling: Tensor
  readonly cotangent: Tensor | null
  readonly adjacency: Tensor | null
  readonly sign: Tensor | null
  readonly graph: Graph | null
}

async function tensorsOf(
  inputs: Inputs,
  { N, batch, backward: requiresGrad }: Sizes,
  { on, dtype }: { on: Device; dtype: 'float32' | 'float64' },
): Promise<InputSet> {
  const options = { device: on, dtype }
  const shape = [batch, N]
  const { adjacency } = inputs
  const exact = dtype === 'float64' && adjacency
  const values = exact ? ((await adjacency.data()) as ArrayLike<number>) : null
  // A leaf of its own where gradients are asked for.
  const leaf =
    values ?? (requiresGrad && adjacency ? ((await adjacency.data()) as Float32Array) : null)
  return {
    phases: tensor(inputs.phases, { ...options, shape, requiresGrad }),
    naturalFrequencies: tensor(inputs.frequencies, { ...options, requiresGrad }),
    coupling: tensor([1], { ...options, requiresGrad }),
    cotangent: requiresGrad ? tensor(inputs.cotangent, { ...options, shape }) : null,
    adjacency: leaf ? tensor(leaf, { ...options, shape: [N, N], requiresGrad }) : adjacency,
    sign: inputs.inverseDegree && tensor(inputs.inverseDegree, options),
    graph: inputs.graph,
  }
}

const leaves = ({ phases, naturalFrequencies, coupling, adjacency }: InputSet) => ({
  phases,
  naturalFrequencies,
  coupling,
  adjacency,
})

function run(set: InputSet, { method, dt, steps }: Sizes): Tensor {
  const { cotangent, ...system } = set
  const normalisation = set.sign ? 'none' : 'count'
  const { phases } = kuramoto({ ...system, method, dt, steps, normalisation })
  if (cotangent) phases.backward(cotangent)
  return phases
}

function clearGradients(set: InputSet): void {
  for (const leaf of Object.values(leaves(set))) {
    leaf?.grad?.dispose()
    if (leaf) leaf.grad = null
  }
}

function call(set: InputSet, sizes: Sizes): void {
  scope(() => {
    run(set, sizes)
  })
  clearGradients(set)
}

/** Phases as points of the unit circle, so that wrapping does not matter, and every gradient. */
async function outputsOf(set: InputSet, sizes: Sizes): Promise<Outputs> {
  using phases = run(set, sizes)
  const angles = (await phases.data()) as Float32Array | Float64Array
  const circle = new Float64Array(2 * angles.length)
  for (let i = 0; i < angles.length; ++i) {
    circle[2 * i] = Math.cos(angles[i] as number)
    circle[2 * i + 1] = Math.sin(angles[i] as number)
  }
  const outputs: Record<string, ArrayLike<number>> = { circle }
  if (sizes.backward) {
    for (const [name, leaf] of Object.entries(leaves(set))) {
      if (leaf?.grad) outputs[name] = (await leaf.grad.data()) as ArrayLike<number>
    }
  }
  clearGradients(set)
  return outputs
}

function disposeSet(set: InputSet): void {
  const { graph: _, ...tensors } = set
  for (const found of Object.values(tensors)) found?.dispose()
}

/** Builds kuramoto.run or kuramoto.grad. */
export async function buildKuramoto(entry: Entry, on: Device): Promise<Trial> {
  const sizes = sizesOf(entry)
  const inputs = await noGrad(() => makeInputs(sizes, on))
  const set = await tensorsOf(inputs, sizes, { on, dtype: 'float32' })
  return {
    calls: [() => call(set, sizes)],
    synchronize: () => on.synchronize(),
    check: async () => {
      const exact = await tensorsOf(inputs, sizes, { on, dtype: 'float64' })
      try {
        return { outputs: await outputsOf(set, sizes), reference: await outputsOf(exact, sizes) }
      } finally {
        disposeSet(exact)
      }
    },
    note: 'compared with float64 phases of the same operation',
    extra: (ms) => ({ oscillator_steps_per_s: (1e3 * sizes.N * sizes.batch * sizes.steps) / ms }),
    dispose: () => {
      disposeSet(set)
      inputs.adjacency?.dispose()
      inputs.graph?.dispose()
    },
  }
}
