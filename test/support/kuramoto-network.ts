// Runs of the native Kuramoto operations on dense graphs, sparse graphs and rings, with their
// gradients, and the same run written from the definition.
import { type DeviceName, type FloatDtype, scope, type Tensor, tensor } from '../../lib/index.js'
import { type Argument, operation, signatures } from '../../lib/native.js'

/** Compressed rows, row i listing what pulls i, or a ring without indices. */
export interface Edges {
  readonly rowPointer: readonly number[]
  readonly column: readonly number[]
}

/** A run: numbers, arrays, and a graph (`edges` or `neighbours`, or a matrix among the inputs). */
export interface Problem {
  readonly batch: number
  readonly oscillators: number
  readonly steps: number
  readonly stages: 1 | 2 | 4
  readonly timeStep: number
  /** 0 count, 1 degree, 2 none. */
  readonly normalisation: number
  /** 0 none, 1 node, 2 batch, 3 step. */
  readonly driveKind: number
  readonly recordEvery?: number
  readonly diffusion?: number
  readonly firstStep?: number
  readonly edges?: Edges
  readonly neighbours?: number
  /** phases, naturalFrequencies, coupling; precision, sign, frustration, drive; adjacency or weight. */
  readonly inputs: Readonly<Record<string, Float64Array>>
}

/** How it is run. */
export interface RunOptions {
  readonly device: DeviceName
  readonly dtype: FloatDtype
  /** 0: nothing is kept. */
  readonly checkpointEvery?: number
  readonly keepPulls?: boolean
  readonly half?: boolean
  /** Fixed-point phases instead of `phases`. */
  readonly state?: Int32Array
}

/** What comes out, as numbers. */
export type Arrays = Record<string, Float64Array>

const calls = new Map<string, (values: Record<string, Argument>) => void>()

function invoke(name: string, values: Readonly<Record<string, Argument | undefined>>): void {
  let call = calls.get(name)
  const fields = signatures().find((signature) => signature.name === name)?.fields ?? []
  if (!call) {
    call = operation(
      name,
      fields.map((field) => field.name),
    )
    calls.set(name, call)
  }
  call(Object.fromEntries(fields.map((field) => [field.name, values[field.name] ?? null])))
}

/** Whom each oscillator pulls: the transposed graph, with each edge's place in the graph. */
export function transposed({ rowPointer, column }: Edges) {
  const count = rowPointer.length - 1
  const sourcePointer = new Int32Array(count + 1)
  const source: number[] = []
  const sourceEdge: number[] = []
  for (let j = 0; j < count; ++j) {
    for (let i = 0; i < count; ++i) {
      for (let e = rowPointer[i] as number; e < (rowPointer[i + 1] as number); ++e) {
        if (column[e] !== j) continue
        source.push(i)
        sourceEdge.push(e)
      }
    }
    sourcePointer[j + 1] = source.length
  }
  return { sourcePointer, source: Int32Array.from(source), sourceEdge: Int32Array.from(sourceEdge) }
}

function setUp(problem: Problem, { device, dtype, checkpointEvery = 0, half }: RunOptions) {
  const { batch, oscillators, inputs, edges } = problem
  const real = (data: Float64Array): Tensor => tensor(data, { dtype, device })
  const whole = (data: Int32Array): Tensor => tensor(data, { dtype: 'int32', device })
  const optional = (name: string): Tensor | null => {
    const data = inputs[name]
    return data && data.length > 0 ? real(data) : null
  }
  const { adjacency } = inputs
  const words = dtype === 'float64' ? 2 : 1
  const segments = checkpointEvery > 0 ? Math.ceil(problem.steps / checkpointEvery) + 1 : 0
  const graph = adjacency
    ? half
      ? { halfAdjacency: tensor(adjacency, { dtype: 'bfloat16', device }) }
      : { adjacency: real(adjacency) }
    : {
        rowPointer: edges ? whole(Int32Array.from(edges.rowPointer)) : null,
        column: edges && edges.column.length > 0 ? whole(Int32Array.from(edges.column)) : null,
        weight: optional('weight'),
        neighbours: problem.neighbours ?? 0,
      }
  return {
    name: adjacency ? 'kuramotoDense' : 'kuramotoSparse',
    real,
    whole,
    words,
    shared: {
      naturalFrequencies: real(inputs.naturalFrequencies as Float64Array),
      coupling: real(inputs.coupling as Float64Array),
      precision: optional('precision'),
      sign: optional('sign'),
      frustration: optional('frustration'),
      drive: optional('drive'),
      batch,
      oscillators,
      steps: problem.steps,
      stages: problem.stages,
      firstStep: problem.firstStep ?? 0,
      driveKind: problem.driveKind,
      normalisation: problem.normalisation,
      recordEvery: problem.recordEvery ?? 0,
      checkpointEvery,
      seedLow: 11,
      seedHigh: 22,
      stream: 33,
      timeStep: problem.timeStep,
      diffusion: problem.diffusion ?? 0,
      ...graph,
    },
    checkpoints:
      segments > 0 ? whole(new Int32Array(segments * batch * oscillators * words)) : null,
  }
}

async function numbers(tensors: Readonly<Record<string, Tensor | null>>): Promise<Arrays> {
  const arrays: Arrays = {}
  for (const [name, value] of Object.entries(tensors)) {
    if (value) arrays[name] = Float64Array.from(await value.data())
  }
  return arrays
}

/** Runs a problem; with `cotangents` (of finalPhases, recordR, recordPhases) its backward, too. */
export async function runNetwork(
  problem: Problem,
  options: RunOptions,
  cotangents?: Readonly<Record<string, Float64Array>>,
): Promise<{ outputs: Arrays; gradients: Arrays }> {
  await using _ = scope()
  const { batch, oscillators, steps, recordEvery = 0, inputs, edges } = problem
  const { name, real, whole, words, shared, checkpoints } = setUp(problem, options)
  const count = batch * oscillators
  const records = recordEvery > 0 ? Math.floor(steps / recordEvery) : 0
  const kept = options.keepPulls ? steps * problem.stages * 2 * count : 0
  const zeros = (length: number): Tensor | null =>
    length > 0 ? real(new Float64Array(length)) : null
  const pulls = zeros(kept)
  const outputs = {
    finalPhases: zeros(count),
    finalState: whole(new Int32Array(count * words)),
    winding: whole(new Int32Array(count)),
    recordR: zeros(batch * records),
    recordPsi: zeros(batch * records),
    recordPhases: zeros(batch * records * oscillators),
  }
  const { state } = options
  const start = state ? { state: whole(state) } : { phases: real(inputs.phases as Float64Array) }
  invoke(`${name}Forward`, { ...shared, ...start, ...outputs, checkpoints, pulls })
  const results = await numbers({ ...outputs, pulls })
  if (!cotangents) return { outputs: results, gradients: {} }
  const cotangent = (key: string): Tensor | null => {
    const data = cotangents[key]
    return data && data.length > 0 ? real(data) : null
  }
  const like = (key: string): Tensor | null => zeros(inputs[key]?.length ?? 0)
  const gradients = {
    gradInitial: zeros(count),
    gradNaturalFrequencies: like('naturalFrequencies'),
    gradCoupling: like('coupling'),
    gradPrecision: like('precision'),
    gradFrustration: like('frustration'),
    gradDrive: like('drive'),
    gradAdjacency: like('adjacency'),
    gradWeight: zeros(edges?.column.length ?? 0),
  }
  const graph = edges ? transposed(edges) : undefined
  invoke(`${name}Backward`, {
    ...shared,
    ...gradients,
    gradPhases: cotangent('finalPhases'),
    gradRecordR: cotangent('recordR'),
    gradRecordPhases: cotangent('recordPhases'),
    checkpoints,
    pulls,
    sourcePointer: graph ? whole(graph.sourcePointer) : null,
    source: graph && graph.source.length > 0 ? whole(graph.source) : null,
    sourceEdge: graph && graph.source.length > 0 ? whole(graph.sourceEdge) : null,
  })
  return { outputs: results, gradients: await numbers(gradients) }
}

/** A as a matrix, from any of the graphs, its diagonal 0; or Σ |weight| of the edges between two. */
function matrixOf(
  { oscillators: n, edges, neighbours, inputs }: Problem,
  magnitudes: boolean,
): Float64Array {
  const measure = magnitudes ? Math.abs : (x: number): number => x
  const a = inputs.adjacency?.map(measure) ?? new Float64Array(n * n)
  for (let i = 0; i < n; ++i) {
    for (let e = edges?.rowPointer[i] ?? 0; e < (edges?.rowPointer[i + 1] ?? 0); ++e) {
      const at = i * n + (edges?.column[e] as number)
      a[at] = (a[at] as number) + (inputs.weight ? measure(inputs.weight[e] as number) : 1)
    }
    for (let k = 1; k <= (neighbours ?? 0); ++k) {
      a[i * n + ((i + k) % n)] = 1
      a[i * n + ((i - k + n) % n)] = 1
    }
    a[i * n + i] = 0
  }
  return a
}

/** Unwrapped phases (batch, N) at the end of the run, from the definition in float64, no noise. */
export function referencePhases(problem: Problem): Float64Array {
  const { batch, oscillators: n, steps, stages, timeStep, normalisation, driveKind } = problem
  const { inputs } = problem
  const at = (name: string, i: number, otherwise: number): number => {
    const data = inputs[name]
    return data ? (data[data.length === 1 ? 0 : i] as number) : otherwise
  }
  const a = matrixOf(problem, false)
  const magnitudes = matrixOf(problem, true)
  const theta = (inputs.phases as Float64Array).slice()
  const alpha = at('frustration', 0, 0)
  for (let b = 0; b < batch; ++b) {
    const velocity = (x: Float64Array, step: number): Float64Array =>
      x.map((own, i) => {
        let sum = 0
        let degree = 0
        for (let j = 0; j < n; ++j) {
          const weight = (a[i * n + j] as number) * at('precision', j, 1)
          sum += weight * Math.sin((x[j] as number) - own - alpha)
          degree += (magnitudes[i * n + j] as number) * at('precision', j, 1)
        }
        const z = normalisation === 0 ? Math.max(n - 1, 1) : normalisation === 1 ? degree : 1
        const strength = z < 1e-8 ? 0 : (at('sign', i, 1) * at('coupling', b, 1)) / z
        const row = [0, i, b * n + i, step * n + i][driveKind] as number
        const drive = driveKind > 0 ? (inputs.drive?.[row] as number) : 0
        const frequencies = inputs.naturalFrequencies as Float64Array
        const own0 = frequencies[frequencies.length === n ? i : b * n + i] as number
        return own0 + drive + strength * sum
      })
    let x: Float64Array = theta.slice(b * n, (b + 1) * n)
    for (let step = 0; step < steps; ++step) {
      const plus = (slope: Float64Array, factor: number): Float64Array =>
        x.map((value, i) => value + factor * timeStep * (slope[i] as number))
      const k1 = velocity(x, step)
      if (stages === 1) x = plus(k1, 1)
      else if (stages === 2) {
        const k2 = velocity(plus(k1, 1), step)
        x = plus(
          k1.map((value, i) => (value + (k2[i] as number)) / 2),
          1,
        )
      } else {
        const k2 = velocity(plus(k1, 0.5), step)
        const k3 = velocity(plus(k2, 0.5), step)
        const k4 = velocity(plus(k3, 1), step)
        x = plus(
          k1.map((value, i) => {
            const middle = 2 * ((k2[i] as number) + (k3[i] as number))
            return (value + middle + (k4[i] as number)) / 6
          }),
          1,
        )
      }
    }
    theta.set(x, b * n)
  }
  return theta
}
