// The recurrence of Temporal Eigenstate Networks: complex, diagonal, fixed or selective.
import {
  assertTensor,
  expectFloat,
  expectInteger,
  expectKind,
  expectNumber,
  expectShape,
} from '../check.js'
import { computeDtype } from '../dtype.js'
import { ShapeError, ValueError } from '../errors.js'
import { operation } from '../native.js'
import { record, recording } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('eigenstateScanForward', [
  'input',
  'logDecay',
  'frequency',
  'selection',
  'reset',
  'initial',
  'states',
  'final',
  'boundaries',
  'batch',
  'time',
  'channels',
  'checkpointEvery',
  'decayScale',
  'frequencyScale',
  'realInput',
  'magnitudeForm',
  'exact',
] as const)

const backward = operation('eigenstateScanBackward', [
  'gradInput',
  'gradStates',
  'gradFinal',
  'input',
  'logDecay',
  'frequency',
  'selection',
  'reset',
  'initial',
  'states',
  'boundaries',
  'gradLogDecay',
  'gradFrequency',
  'gradSelection',
  'gradInitial',
  'batch',
  'time',
  'channels',
  'checkpointEvery',
  'decayScale',
  'frequencyScale',
  'realInput',
  'magnitudeForm',
] as const)

/** The eigenvalues' parameters: a decay that keeps |λ| below 1, or |λ| itself. */
export type EigenvalueParameters =
  | {
      /** α (channels): |λ| = σ(α + …). float32, or float64 with float64 input. */
      logDecay: Tensor
      /** ω (channels), radians a step. */
      frequency: Tensor
    }
  | {
      /** |λ| (channels), in [0, 1]; anything else fails the next read with `ERR_VALUE`. */
      magnitude: Tensor
      /** arg λ (channels), radians a step. */
      phase: Tensor
    }

/** Arguments of `eigenstateScan`. */
export type EigenstateScanOptions = EigenvalueParameters & {
  /** β: (batch, time, 2 channels), real plane then imaginary plane; (batch, time, channels) if real. */
  input: Tensor
  /** The imaginary plane of the input is absent and counts as 0. Default: false. */
  realInput?: boolean
  /** (batch, time, 2 channels): a, then w. Absent: fixed λ. Not with `magnitude`. */
  selection?: Tensor | null
  /** s; one number, or one for a and one for w. Default: 0.1. */
  selectionScale?: number | readonly [number, number]
  /** uint8 (batch, time): where not 0, the state before that step counts as 0. */
  reset?: Tensor | null
  /** c(−1): (batch, 2 channels), float32 (float64 with float64 input). Default: 0. */
  initial?: Tensor | null
  /** Keep the state only every n steps for the backward pass, which computes the rest again. */
  checkpoint?: number
  /** Do the steps one after another, with the bits of `eigenstateStep`. Default: false. */
  exact?: boolean
}

/** What a scan gives. */
export interface EigenstateScanResult {
  /** c: (batch, time, 2 channels), in the input's dtype. */
  states: Tensor
  /** c(time − 1): (batch, 2 channels), in float32 (float64), to carry on with. */
  final: Tensor
}

/**
 * The eigenstate scan.
 *
 *     c_k(t) = λ_k(t) c_k(t−1) + β_k(t),   λ_k(t) = σ(α_k + s tanh a_k(t)) e^(i (ω_k + s tanh w_k(t)))
 *
 * Gradients flow to every floating argument. The state is held in float32 (float64 for float64 input)
 * whatever the storage type, and fixed λ in twice that precision, so that 10⁵ steps at |λ| = 0.9999
 * stay within 1e-5.
 *
 * @returns `states` and `final`.
 * @throws ShapeError, DtypeError, DeviceError, ValueError, DisposedError.
 * Two runs give the same bits on one device, whatever the number of threads.
 * Source: the recurrence of LRU, arXiv:2303.06349, with the selection of Mamba, arXiv:2312.00752.
 */
export function eigenstateScan(options: EigenstateScanOptions): EigenstateScanResult {
  const call = prepare('eigenstateScan', options)
  const { input, logDecay, frequency, selection, initial } = call.tensors
  const { batch, time, channels } = call.sizes
  const compute = computeDtype(input.dtype)
  const inputs = { input, logDecay, frequency, selection, initial }
  const keepsBoundaries = options.checkpoint !== undefined && recording(inputs)
  const checkpointEvery = keepsBoundaries ? (options.checkpoint as number) : 0
  const boundaries = keepsBoundaries
    ? Tensor.empty([batch, Math.ceil(time / checkpointEvery), 2 * channels], compute, input.device)
    : null
  const states = Tensor.empty([batch, time, 2 * channels], input.dtype, input.device)
  const final = Tensor.empty([batch, 2 * channels], compute, input.device)
  const { exact = false } = options
  const shared = { ...call.tensors, ...call.sizes, ...call.scalars, checkpointEvery, boundaries }
  forward({ ...shared, states, final, exact })
  return record(inputs, { states, final }, (gradients) =>
    eigenstateScanBackward(gradients, { ...shared, states: boundaries ? null : states }),
  )
}

function eigenstateScanBackward(
  { states: gradStates, final: gradFinal }: { states: Tensor | null; final: Tensor | null },
  forwardCall: ReturnType<typeof prepare>['tensors'] &
    ReturnType<typeof prepare>['sizes'] &
    ReturnType<typeof prepare>['scalars'] & {
      checkpointEvery: number
      boundaries: Tensor | null
      states: Tensor | null
    },
) {
  const { input, logDecay, frequency, selection, initial } = forwardCall
  const gradInput = Tensor.like(input)
  const gradLogDecay = Tensor.like(logDecay)
  const gradFrequency = Tensor.like(frequency)
  const gradSelection = selection && Tensor.like(selection)
  const gradInitial = initial && Tensor.like(initial)
  backward({
    ...forwardCall,
    gradInput,
    gradStates,
    gradFinal,
    gradLogDecay,
    gradFrequency,
    gradSelection,
    gradInitial,
  })
  return {
    input: gradInput,
    logDecay: gradLogDecay,
    frequency: gradFrequency,
    selection: gradSelection,
    initial: gradInitial,
  }
}

/**
 * One step of the scan, for generation: state ← λ state + input.
 *
 * With float32 tensors it gives the bits of `eigenstateScan` with `exact: true`.
 *
 * @param options as for `eigenstateScan`, without the time dimension: `input` (batch, 2 channels),
 * `selection` (batch, 2 channels), `reset` (batch); `initial` is the state before the step.
 * @returns the state after the step, (batch, 2 channels), float32 (float64).
 */
export function eigenstateStep(options: EigenstateScanOptions): Tensor {
  const { input, selection, reset } = options
  const time = (name: string, tensor: Tensor): Tensor => {
    assertTensor('eigenstateStep', name, tensor)
    return tensor.reshape([tensor.shape[0] ?? 0, 1, ...tensor.shape.slice(1)])
  }
  return eigenstateScan({
    ...options,
    input: time('input', input),
    selection: selection && time('selection', selection),
    reset: reset && time('reset', reset),
    exact: true,
  }).final
}

// The checked arguments under the addon's names.
function prepare(name: string, options: EigenstateScanOptions) {
  const { input, realInput = false, selection = null, reset = null, initial = null } = options
  const magnitudeForm = 'magnitude' in options
  const logDecay = magnitudeForm ? options.magnitude : options.logDecay
  const frequency = magnitudeForm ? options.phase : options.frequency
  const names = magnitudeForm
    ? (['magnitude', 'phase'] as const)
    : (['logDecay', 'frequency'] as const)
  const [channels = 0] = expectShape(name, names[0], logDecay, { channels: -1 })
  expectShape(name, names[1], frequency, { channels })
  expectFloat(name, 'input', input)
  const wide = { dtype: computeDtype(input.dtype), device: input.device }
  expectKind(name, names[0], logDecay, wide)
  expectKind(name, names[1], frequency, wide)
  const planes = realInput ? channels : 2 * channels
  const [batch = 0, time = 0] = expectShape(name, 'input', input, {
    batch: -1,
    time: -1,
    [realInput ? 'channels' : '2 channels']: planes,
  })
  if (batch < 1 || time < 1 || channels < 1) {
    throw new ShapeError(`${name}: input must be of at least 1 element, got [${input.shape}]`)
  }
  const whole = { batch, time, '2 channels': 2 * channels }
  if (selection) expectShape(name, 'selection', selection, whole)
  if (selection && magnitudeForm) {
    throw new ValueError(`${name}: selection must be absent with magnitude, got a tensor`)
  }
  if (reset) expectShape(name, 'reset', reset, { batch, time })
  if (initial) expectShape(name, 'initial', initial, { batch, '2 channels': 2 * channels })
  const { selectionScale = 0.1, checkpoint } = options
  const [decayScale = Number.NaN, frequencyScale = decayScale] = [selectionScale].flat()
  expectNumber(name, 'selectionScale', decayScale)
  expectNumber(name, 'selectionScale', frequencyScale)
  if (checkpoint !== undefined) expectInteger(name, 'checkpoint', checkpoint)
  return {
    tensors: { input, logDecay, frequency, selection, reset, initial },
    sizes: { batch, time, channels },
    scalars: { decayScale, frequencyScale, realInput, magnitudeForm },
  }
}
