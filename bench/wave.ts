// Wave fields: wave.field of the contract, and of workloads.json value with gradients, many times and many
// nodes. Each is compared with ours in float64 at up to 2000 receivers; the peers' phase holds k r where
// ours has k (r + ε), a constant, at the same cost.
import { randomNormals, randomUniforms } from '../lib/data/philox.js'
import {
  type Device,
  mobiusLattice,
  scope,
  solveWaveField,
  type Tensor,
  tensor,
  WaveTree,
  waveField,
  waveFieldWithGradients,
} from '../lib/index.js'
import type { Entry, Params } from './contract.js'
import type { Outputs, Trial } from './harness.js'

const kSeed = 17
const kWindings = 3.8
const kOneTime = 1.7
const kChecked = 2000
const kMedium = { wavenumber: 3, softening: 0.05 } as const

interface Sizes {
  readonly N: number
  readonly S: number
  readonly M: number
  readonly step: number
  readonly error: number
  readonly method: 'direct' | 'propagator' | 'chebyshev' | 'treecode'
  readonly half: boolean
  readonly tape: boolean
  /** Where the nodes are. */
  readonly shape: 'lattice' | 'sphere' | 'cube'
  /** Whether a treecode's tree belongs to the call. */
  readonly plants: boolean
}

function sizesOf({ params }: Entry): Sizes {
  const {
    N,
    S,
    M,
    step = 0.05,
    error = 1e-5,
    dtype,
    method,
    way,
    shape = 'lattice',
    tree = 'there',
  } = params as Params &
    Record<'N' | 'S' | 'M', number> & { readonly step?: number; readonly error?: number }
  const usual = M > 1 ? 'propagator' : 'direct'
  return {
    N,
    S,
    M,
    step,
    error,
    method: (method as Sizes['method'] | undefined) ?? usual,
    half: dtype === 'bf16',
    tape: way === 'tape',
    shape: shape as Sizes['shape'],
    plants: tree === 'in the call',
  }
}

/** Nodes at random, evenly over the unit sphere or in the cube [−1, 1]³: three planes. */
function randomPositions(nodes: number, shape: 'sphere' | 'cube'): Float32Array {
  const draw = (block: number) => randomUniforms({ seed: kSeed, count: nodes, block })
  const [a, b, c] = [draw(5), draw(6), draw(7)]
  const positions = new Float32Array(3 * nodes)
  for (let i = 0; i < nodes; ++i) {
    const [u, v, w] = [a[i], b[i], c[i]].map((x) => 2 * (x as number) - 1) as [
      number,
      number,
      number,
    ]
    const across = Math.sqrt(1 - u * u)
    const [x, y] = [across * Math.cos(Math.PI * v), across * Math.sin(Math.PI * v)]
    positions.set(shape === 'sphere' ? [x] : [u], i)
    positions.set(shape === 'sphere' ? [y] : [v], nodes + i)
    positions.set(shape === 'sphere' ? [u] : [w], 2 * nodes + i)
  }
  return positions
}

/** S of N without replacement, or null for all. */
function drawTargets({ N, S }: Sizes): Int32Array | null {
  if (S === N) return null
  const nodes = Int32Array.from({ length: N }, (_, i) => i)
  const uniforms = randomUniforms({ seed: kSeed, count: S, block: 3 })
  for (let s = 0; s < S; ++s) {
    const other = s + Math.floor((uniforms[s] as number) * (N - s))
    const held = nodes[s] as number
    nodes[s] = nodes[other] as number
    nodes[other] = held
  }
  return nodes.slice(0, S)
}

function timesOf({ M, step }: Sizes): Float64Array {
  return M === 1 ? Float64Array.of(kOneTime) : Float64Array.from({ length: M }, (_, m) => step * m)
}

/** The Möbius helix lattice on the unit sphere, without torsion: three planes. */
async function latticePositions(nodes: number): Promise<Float32Array> {
  using positions = mobiusLattice({ nodes, windings: kWindings, dtype: 'float32', device: 'cpu' })
  return (await positions.data()) as Float32Array
}

const hostInputs = async (sizes: Sizes) => {
  const { N, shape } = sizes
  return {
    positions: shape === 'lattice' ? await latticePositions(N) : randomPositions(N, shape),
    amplitudes: Float32Array.from(
      randomUniforms({ seed: kSeed, count: N, block: 0 }),
      (u) => 0.5 + 4.5 * u,
    ),
    frequencies: Float32Array.from(
      randomNormals({ seed: kSeed, count: N, block: 1 }),
      (x) => 1.5 + 0.3 * x,
    ),
    phases: Float32Array.from(
      randomUniforms({ seed: kSeed, count: N, block: 2 }),
      (u) => 2 * Math.PI * u,
    ),
    targets: drawTargets(sizes),
    times: timesOf(sizes),
  }
}
type HostInputs = Awaited<ReturnType<typeof hostInputs>>

function systemOf(
  host: HostInputs,
  {
    on,
    dtype,
    requiresGrad = false,
  }: { on: Device; dtype: 'float32' | 'float64'; requiresGrad?: boolean },
) {
  const options = { device: on, dtype, requiresGrad }
  return {
    positions: tensor(host.positions, { ...options, shape: [3, host.amplitudes.length] }),
    amplitudes: tensor(host.amplitudes, options),
    frequencies: tensor(host.frequencies, options),
    phases: tensor(host.phases, options),
    wavenumber: tensor([kMedium.wavenumber], options),
    softening: tensor([kMedium.softening], options),
  }
}

/** Which receivers and times are compared. */
function checkedPlaces({ S, M }: Sizes): { receivers: Int32Array; samples: readonly number[] } {
  const stride = S <= kChecked ? 1 : Math.floor(S / kChecked)
  const receivers = Int32Array.from({ length: Math.min(S, kChecked) }, (_, s) => s * stride)
  const all = Array.from({ length: M }, (_, m) => m)
  return { receivers, samples: M <= 8 ? all : [0, Math.floor(M / 3), M - 1] }
}

async function checkField(
  field: Tensor,
  { host, sizes, on }: { host: HostInputs; sizes: Sizes; on: Device },
): Promise<{ outputs: Outputs; reference: Outputs }> {
  const { receivers, samples } = checkedPlaces(sizes)
  const whole = (await field.data()) as Float32Array
  const got = samples.flatMap((m) =>
    [0, 1].flatMap((plane) =>
      Array.from(receivers, (s) => whole[(2 * m + plane) * sizes.S + s] as number),
    ),
  )
  const targets = receivers.map((s) => host.targets?.[s] ?? s)
  const times = samples.map((m) => host.times[m] as number)
  const want = waveField({ ...systemOf(host, { on, dtype: 'float64' }), times, targets })
  return { outputs: { field: got }, reference: { field: (await want.data()) as Float64Array } }
}

/** A call that is one field, queued at once. */
function fieldTrial(host: HostInputs, sizes: Sizes, on: Device): Trial {
  const system = systemOf(host, { on, dtype: 'float32' })
  const times = tensor(host.times, { dtype: 'float64', device: on })
  const targets = host.targets && tensor(host.targets, { dtype: 'int32', device: on })
  const method = sizes.method as 'direct' | 'propagator'
  const precision = sizes.half ? 'bfloat16' : 'float32'
  const run = () => waveField({ ...system, times, targets, method, precision })
  return {
    calls: [() => run().dispose()],
    synchronize: () => on.synchronize(),
    check: () => scope(async () => checkField(run(), { host, sizes, on })),
    note: method,
    extra: (ms) => ({ pairs_per_s: (1000 * sizes.N * sizes.S * sizes.M) / ms }),
    dispose: () => disposeAll({ ...system, times, targets }),
  }
}

/** The field with all six gradients, in one pass or by the tape. */
function gradientTrial(host: HostInputs, sizes: Sizes, on: Device): Trial {
  const { S, M, tape } = sizes
  const slope = Float32Array.from(randomNormals({ seed: kSeed, count: 2 * S * M, block: 4 }))
  const compute = (dtype: 'float32' | 'float64', oneWay: boolean) => {
    const system = systemOf(host, { on, dtype, requiresGrad: oneWay })
    const times = tensor(host.times, { dtype: 'float64', device: on })
    const targets = host.targets && tensor(host.targets, { dtype: 'int32', device: on })
    const gradField = tensor(slope, { shape: [M, 2, S], dtype, device: on })
    const call = { ...system, times, targets }
    const run = (): Tensor[] => {
      if (!oneWay) {
        const { field, gradients } = waveFieldWithGradients({ ...call, gradField })
        return [field, ...(Object.values(gradients) as Tensor[])]
      }
      const field = waveField(call)
      field.backward(gradField)
      return [field, ...Object.values(system).map(({ grad }) => grad as Tensor)]
    }
    return { run, system, inputs: { ...call, gradField } }
  }
  const { run, system, inputs } = compute('float32', tape)
  const clear = (made: readonly Tensor[]): void => {
    for (const one of made) one.dispose()
    for (const leaf of Object.values(system)) leaf.grad = null
  }
  const read = async (made: readonly Tensor[]): Promise<Outputs> => {
    const data = await Promise.all(made.map((one) => one.data()))
    return Object.fromEntries(data.map((values, i) => [`output ${i}`, values as Float64Array]))
  }
  return {
    calls: [() => clear(run())],
    synchronize: () => on.synchronize(),
    check: () =>
      scope(async () => {
        const made = run()
        const outputs = await read(made)
        clear(made)
        return { outputs, reference: await read(compute('float64', false).run()) }
      }),
    note: tape ? 'waveField and backward' : 'waveFieldWithGradients, one pass',
    extra: (ms) => ({ pairs_per_s: (1000 * sizes.N * S * M) / ms }),
    dispose: () => disposeAll(inputs),
  }
}

/** solveWaveField as a user calls it; a tree is built once, unless that is what is measured. */
async function solveTrial(host: HostInputs, sizes: Sizes, on: Device): Promise<Trial> {
  const { method, error } = sizes
  const system = systemOf(host, { on, dtype: 'float32' })
  const times = tensor(host.times, { dtype: 'float64', device: on })
  const targets = host.targets && tensor(host.targets, { dtype: 'int32', device: on })
  const begun = performance.now()
  const tree =
    method === 'treecode' && !sizes.plants
      ? await WaveTree.build({ positions: system.positions, ...kMedium, error })
      : null
  const buildMs = performance.now() - begun
  const precision = sizes.half ? 'bfloat16' : 'float32'
  const call = { ...system, times, targets, method, error, precision } as const
  const run = () => solveWaveField(tree ? { ...call, tree } : call)
  const { reason, field: first } = await run()
  first.dispose()
  let pending: Promise<void>[] = []
  return {
    calls: [() => pending.push(run().then(({ field }) => field.dispose()))],
    synchronize: async () => {
      await Promise.all(pending)
      pending = []
      await on.synchronize()
    },
    check: () => scope(async () => checkField((await run()).field, { host, sizes, on })),
    note: reason,
    extra: (ms) => ({
      pairs_per_s: (1000 * sizes.N * sizes.S * sizes.M) / ms,
      ...(tree && { tree_build_ms: buildMs, measured_error: tree.error }),
    }),
    dispose: () => {
      tree?.dispose()
      disposeAll({ ...system, times, targets })
    },
  }
}

function disposeAll(tensors: Readonly<Record<string, Tensor | null>>): void {
  for (const one of Object.values(tensors)) one?.dispose()
}

/** Builds a workload of the family. */
export async function buildWave(entry: Entry, on: Device): Promise<Trial> {
  const sizes = sizesOf(entry)
  const host = await hostInputs(sizes)
  if (entry.workload === 'wave.field') return fieldTrial(host, sizes, on)
  if (entry.workload === 'wave.grad') return gradientTrial(host, sizes, on)
  return await solveTrial(host, sizes, on)
}
