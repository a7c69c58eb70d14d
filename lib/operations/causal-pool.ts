// Averages over windows of time and their causal return to every step (HTEN).
import { expectInteger, expectShape } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const sizes = ['batch', 'time', 'width', 'scale'] as const
const poolForward = operation('causalPoolForward', ['input', 'output', ...sizes] as const)
const poolBackward = operation('causalPoolBackward', ['gradOutput', 'gradInput', ...sizes] as const)
const holdForward = operation('causalHoldForward', ['input', 'output', ...sizes] as const)
const holdBackward = operation('causalHoldBackward', ['gradOutput', 'gradInput', ...sizes] as const)

/**
 * Means of the finished windows of `scale` steps; an unfinished tail is dropped.
 *
 *     y_i = (1/s) Σ_{t = is}^{is + s − 1} x_t
 *
 * @param options `input` (batch, time, width); `scale` ≥ 1 steps.
 * @returns (batch, ⌊time / scale⌋, width), possibly without elements. Deterministic.
 */
export function causalPool({ input, scale }: { input: Tensor; scale: number }): Tensor {
  const [batch = 0, time = 0, width = 0] = expectShape('causalPool', 'input', input, {
    batch: -1,
    time: -1,
    width: -1,
  })
  const call = { batch, time, width, scale: expectInteger('causalPool', 'scale', scale) }
  const output = Tensor.empty([batch, Math.floor(time / scale), width], input.dtype, input.device)
  if (output.length > 0) poolForward({ input, output, ...call })
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && causalPoolBackward(gradOutput, input, call),
  })).output
}

function causalPoolBackward(gradOutput: Tensor, input: Tensor, call: Sizes): Tensor {
  const gradInput = Tensor.like(input)
  poolBackward({ gradOutput, gradInput, ...call })
  return gradInput
}

/**
 * Gives every step the last window that is finished there: window ⌊(t + 1)/s⌋ − 1, zeros before.
 *
 * @param options `input` (batch, ⌊time / scale⌋, width); `time` ≥ 1 and `scale` ≥ 1 steps.
 * @returns (batch, time, width). Deterministic.
 */
export function causalHold(options: { input: Tensor; scale: number; time: number }): Tensor {
  const { input } = options
  const scale = expectInteger('causalHold', 'scale', options.scale)
  const time = expectInteger('causalHold', 'time', options.time)
  const windows = Math.floor(time / scale)
  const [batch = 0, , width = 0] = expectShape('causalHold', 'input', input, {
    batch: -1,
    windows,
    width: -1,
  })
  const call = { batch, time, width, scale }
  const output = Tensor.empty([batch, time, width], input.dtype, input.device)
  holdForward({ input, output, ...call })
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && causalHoldBackward(gradOutput, input, call),
  })).output
}

function causalHoldBackward(gradOutput: Tensor, input: Tensor, call: Sizes): Tensor {
  const gradInput = Tensor.like(input)
  if (gradInput.length > 0) holdBackward({ gradOutput, gradInput, ...call })
  return gradInput
}

type Sizes = Readonly<Record<(typeof sizes)[number], number>>
