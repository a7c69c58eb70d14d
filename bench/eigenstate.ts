// The eigenstate scan: eigenstate.fwd and eigenstate.fwdbwd of the contract, and their float64 reference.
import { randomNormals, randomUniforms } from '../lib/data/philox.js'
import { type Device, eigenstateScan, scope, type Tensor, tensor } from '../lib/index.js'
import type { Entry, Params } from './contract.js'
import type { Outputs, Trial } from './harness.js'
import { type ScanSizes, scanReference } from './scan-reference.js'

/** selectionScale of the contract. */
const kScale = 0.1
/** Channels are independent: of wide problems so many are compared, all batches and times of each. */
const kCheckedChannels = 16
/** Bytes of drive in rotation on a GPU, more than its L2 cache holds. */
const kRotatedBytes = 2e8
const kMostSets = 8
/** Normal numbers are drawn once and read from other places for each array; a prime, so rows differ. */
const kPoolSize = 4_194_301

interface Sizes extends ScanSizes {
  readonly dtype: 'float32' | 'bfloat16'
  readonly backward: boolean
  readonly selective: boolean
}

function sizesOf({ workload, params }: Entry): Sizes {
  const { B, T, K, lambda, dtype } = params as Params & Record<'B' | 'T' | 'K', number>
  return {
    batch: B,
    time: T,
    channels: K,
    dtype: dtype === 'bf16' ? 'bfloat16' : 'float32',
    backward: workload === 'eigenstate.fwdbwd',
    selective: lambda === 'selective',
  }
}

let pool: Float32Array | null = null

/** Standard normal numbers, others for each set and array. */
function normals(count: number, place: number): Float32Array {
  pool ??= Float32Array.from(randomNormals({ seed: 1234, count: kPoolSize }))
  const values = new Float32Array(count)
  // Steps of a third of the pool, so that small arrays do not share numbers.
  let from = (place * 1_398_101) % kPoolSize
  for (let done = 0; done < count; ) {
    const part = pool.subarray(from, from + Math.min(kPoolSize - from, count - done))
    values.set(part, done)
    done += part.length
    from = 0
  }
  return values
}

interface InputSet {
  readonly input: Tensor
  readonly selection: Tensor | null
  readonly gradient: Tensor | null
  readonly logDecay: Tensor
  readonly frequency: Tensor
}

/** Drive, selection and gradient ~ N(0, 1); α ~ U(2, 9.2); ω_k = 2πk/K. */
function makeInputs(sizes: Sizes, on: Device, set: number): InputSet {
  const { batch, time, channels, dtype, backward: requiresGrad, selective } = sizes
  const shape = [batch, time, 2 * channels]
  const count = batch * time * 2 * channels
  const plane = (place: number, grad: boolean): Tensor =>
    tensor(normals(count, 3 * set + place), { shape, dtype, device: on, requiresGrad: grad })
  const vector = (values: Float64Array): Tensor => tensor(values, { device: on, requiresGrad })
  const uniforms = randomUniforms({ seed: 1234 + set, count: channels })
  return {
    input: plane(0, requiresGrad),
    selection: selective ? plane(1, requiresGrad) : null,
    gradient: sizes.backward ? plane(2, false) : null,
    logDecay: vector(uniforms.map((u) => 2 + 7.2 * u)),
    frequency: vector(uniforms.map((_, k) => (2 * Math.PI * k) / channels)),
  }
}

const differentiated = ({ input, selection, logDecay, frequency }: InputSet): Tensor[] =>
  [input, selection, logDecay, frequency].filter((found) => found !== null)

function run({ input, selection, gradient, logDecay, frequency }: InputSet): Tensor {
  const options = { input, selection, logDecay, frequency, selectionScale: kScale }
  const { states } = eigenstateScan(options)
  if (gradient) states.backward(gradient)
  return states
}

function clearGradients(set: InputSet): void {
  for (const found of differentiated(set)) {
    found.grad?.dispose()
    found.grad = null
  }
}

/** One whole call: states and every gradient, given back at once. */
function call(set: InputSet): void {
  scope(() => {
    run(set)
  })
  clearGradients(set)
}

/** The chosen columns of rows of `width` values. */
function columns(
  values: ArrayLike<number>,
  width: number,
  chosen: readonly number[],
): Float64Array {
  const rows = values.length / width
  const out = new Float64Array(rows * chosen.length)
  for (let row = 0; row < rows; ++row) {
    for (const [place, column] of chosen.entries()) {
      out[row * chosen.length + place] = values[row * width + column] ?? Number.NaN
    }
  }
  return out
}

/** Every output of the chosen channels, and the reference on the very numbers that the tensors hold. */
async function check(
  set: InputSet,
  sizes: Sizes,
  channels: readonly number[],
): Promise<{ outputs: Outputs; reference: Outputs }> {
  const K = sizes.channels
  const both = [...channels, ...channels.map((channel) => channel + K)]
  const plane = async (found: Tensor | null): Promise<Float64Array> =>
    columns(await numbers(found), 2 * K, both)
  const vector = async (found: Tensor | null): Promise<Float64Array> =>
    columns(await numbers(found), K, channels)
  const { selection, gradient } = set
  const outputs: Record<string, Float64Array> = {}
  {
    using states = run(set)
    outputs.states = await plane(states)
  }
  if (gradient) {
    outputs.gradInput = await plane(set.input.grad)
    outputs.gradLogDecay = await vector(set.logDecay.grad)
    outputs.gradFrequency = await vector(set.frequency.grad)
    if (selection) outputs.gradSelection = await plane(selection.grad)
  }
  clearGradients(set)
  const reference = scanReference({
    sizes: { ...sizes, channels: channels.length },
    input: await plane(set.input),
    selection: selection && (await plane(selection)),
    gradient: gradient && (await plane(gradient)),
    logDecay: await vector(set.logDecay),
    frequency: await vector(set.frequency),
    scale: kScale,
  })
  return { outputs, reference }
}

async function numbers(found: Tensor | null): Promise<ArrayLike<number>> {
  if (!found) throw new Error('bench: a tensor to compare must be there, got none')
  return (await found.data()) as ArrayLike<number>
}

/** Builds eigenstate.fwd or eigenstate.fwdbwd. */
export async function buildEigenstate(entry: Entry, on: Device): Promise<Trial> {
  const sizes = sizesOf(entry)
  const elements = sizes.batch * sizes.time * 2 * sizes.channels
  const planeBytes = elements * (sizes.dtype === 'bfloat16' ? 2 : 4)
  const count =
    on.name === 'cpu' ? 1 : Math.max(1, Math.min(kMostSets, Math.ceil(kRotatedBytes / planeBytes)))
  const sets = Array.from({ length: count }, (_, set) => makeInputs(sizes, on, set))
  const [first] = sets
  if (!first) throw new Error('bench: at least one set of inputs must be made')
  const checked = Math.min(kCheckedChannels, sizes.channels)
  const channels = Array.from({ length: checked }, (_, i) =>
    Math.floor((i * sizes.channels) / checked),
  )
  const all = on.name === 'cpu' || checked === sizes.channels
  const compared = all ? Array.from({ length: sizes.channels }, (_, k) => k) : channels
  return {
    calls: sets.map((set) => () => call(set)),
    synchronize: () => on.synchronize(),
    check: () => check(first, sizes, compared),
    note: all ? '' : `${checked} of ${sizes.channels} channels compared`,
    dispose: () => {
      for (const set of sets) {
        for (const found of [...differentiated(set), set.gradient]) found?.dispose()
      }
    },
  }
}
