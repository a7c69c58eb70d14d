import { expectShape } from '../check.js'
import { computeDtype } from '../dtype.js'
import { ValueError } from '../errors.js'
import { operation } from '../native.js'
import { record, recording } from '../tape.js'
import { Tensor } from '../tensor.js'
import { add } from './add.js'
import { padTime, timeSlice } from './time-slice.js'

const sizes = ['batch', 'time', 'channels', 'taps'] as const
const forward = operation('causalConvolutionForward', [
  'input',
  'weight',
  'bias',
  'history',
  'output',
  ...sizes,
] as const)
const backward = operation('causalConvolutionBackward', [
  'gradOutput',
  'input',
  'weight',
  'gradInput',
  'gradWeight',
  'gradBias',
  ...sizes,
] as const)

/** Arguments of `causalConvolution`. */
export interface CausalConvolutionOptions {
  /** (batch, time, channels) */
  input: Tensor
  /** (channels, taps), in the input's dtype; the last tap is the present step */
  weight: Tensor
  /** (channels), in the input's dtype */
  bias: Tensor
  /** The inputs before the first step, (batch, taps − 1, channels); absent: zeros. No gradients. */
  history?: Tensor | null
}

/**
 * Depthwise causal convolution over time.
 *
 *     y[t] = b + Σ_n w[:, n] x[t − (taps − 1) + n]
 *
 * @returns the input's shape and dtype.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError; ValueError for a history while gradients
 * are recorded. Deterministic.
 */
export function causalConvolution(options: CausalConvolutionOptions): Tensor {
  const name = 'causalConvolution'
  const { input, weight, bias, history = null } = options
  const [batch = 0, time = 0, channels = 0] = expectShape(name, 'input', input, {
    batch: -1,
    time: -1,
    channels: -1,
  })
  const [, taps = 0] = expectShape(name, 'weight', weight, { channels, taps: -1 })
  expectShape(name, 'bias', bias, { channels })
  if (history) expectShape(name, 'history', history, { batch, 'taps - 1': taps - 1, channels })
  if (history && recording({ input, weight, bias })) {
    throw new ValueError(
      `${name}: history must be absent while gradients are recorded, got ${history}`,
    )
  }
  const call = { batch, time, channels, taps }
  const output = Tensor.like(input)
  forward({ input, weight, bias, history, output, ...call })
  return record({ input, weight, bias }, { output }, ({ output: gradOutput }) => {
    if (!gradOutput) return { input: null, weight: null, bias: null }
    return causalConvolutionBackward(gradOutput, { input, weight, bias }, call)
  }).output
}

function causalConvolutionBackward(
  gradOutput: Tensor,
  { input, weight, bias }: { input: Tensor; weight: Tensor; bias: Tensor },
  call: Readonly<Record<(typeof sizes)[number], number>>,
) {
  const compute = computeDtype(weight.dtype)
  const gradInput = Tensor.like(input)
  const gradWeight = Tensor.empty(weight.shape, compute, weight.device)
  const gradBias = Tensor.empty(bias.shape, compute, bias.device)
  backward({ gradOutput, input, weight, gradInput, gradWeight, gradBias, ...call })
  return { input: gradInput, weight: gradWeight, bias: gradBias }
}

/**
 * The last `count` steps of a sequence, with what was there before it (zeros without a history): what
 * the next call needs as history. (batch, count, channels)
 */
export function nextHistory(input: Tensor, history: Tensor | null, count: number): Tensor {
  const time = input.shape[1] ?? 0
  if (time >= count) return timeSlice({ input, begin: time - count, count })
  const recent = padTime({ input, begin: count - time, time: count })
  if (!history) return recent
  const older = timeSlice({ input: history, begin: time, count: count - time })
  return add(padTime({ input: older, begin: 0, time: count }), recent)
}
