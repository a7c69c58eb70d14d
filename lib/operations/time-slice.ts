import { expectInteger, expectShape } from '../check.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const sizes = ['batch', 'time', 'width', 'begin', 'count'] as const
const forward = operation('timeSliceForward', ['input', 'output', ...sizes] as const)
const backward = operation('timeSliceBackward', ['gradOutput', 'gradInput', ...sizes] as const)

/**
 * The steps [begin, begin + count) of a sequence.
 *
 * @param options `input` (batch, time, width), floating; `begin` ≥ 0; `count` ≥ 1.
 * @returns (batch, count, width).
 * @throws ShapeError where the steps are not all in the sequence.
 */
export function timeSlice({
  input,
  begin,
  count,
}: {
  input: Tensor
  begin: number
  count: number
}): Tensor {
  const [batch = 0, time = 0, width = 0] = expectShape('timeSlice', 'input', input, {
    batch: -1,
    time: -1,
    width: -1,
  })
  expectInteger('timeSlice', 'begin', begin, 0)
  expectInteger('timeSlice', 'count', count)
  if (begin + count > time) {
    throw new ShapeError(
      `timeSlice: begin + count must be at most time = ${time}, got ${begin + count}`,
    )
  }
  const call = { batch, time, width, begin, count }
  const output = Tensor.empty([batch, count, width], input.dtype, input.device)
  forward({ input, output, ...call })
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && timeSliceBackward(gradOutput, input, call),
  })).output
}

function timeSliceBackward(
  gradOutput: Tensor,
  input: Tensor,
  call: Record<(typeof sizes)[number], number>,
): Tensor {
  const gradInput = Tensor.like(input)
  backward({ gradOutput, gradInput, ...call })
  return gradInput
}

/**
 * A sequence of `time` steps with `input` from step `begin` on and zeros elsewhere; outside the tape.
 * @internal
 */
export function padTime({
  input,
  begin,
  time,
}: {
  input: Tensor
  begin: number
  time: number
}): Tensor {
  const [batch = 0, count = 0, width = 0] = input.shape
  const padded = Tensor.empty([batch, time, width], input.dtype, input.device)
  backward({ gradOutput: input, gradInput: padded, batch, time, width, begin, count })
  return padded
}
