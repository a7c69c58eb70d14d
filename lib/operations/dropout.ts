import {
  assertTensor,
  expectFloat,
  expectInteger,
  expectKind,
  expectNumber,
  expectSameShape,
} from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'
import { seedWords } from './random.js'

const scalars = ['seedLow', 'seedHigh', 'stream', 'position', 'probability'] as const
const forward = operation('dropoutForward', ['input', 'residual', 'output', ...scalars] as const)
const backward = operation('dropoutBackward', ['gradOutput', 'gradInput', ...scalars] as const)

/** Which elements are dropped: a function of these and of an element's place alone. */
export interface DropoutOptions {
  input: Tensor
  /** Of dropping, in [0, 1). */
  probability: number
  /** Integer of at least 0, below 2^53. */
  seed: number
  /** Keeps the places of a model apart. Default: 0. */
  stream?: number
  /** Keeps the training steps apart. Default: 0. */
  step?: number
}

/**
 * Zeroes elements at random and scales the others, so that the mean stays.
 *
 *     y_i = x_i / (1 − p) where u_i ≥ p, else 0
 *
 * Nothing is stored for the backward pass: u comes again from Philox4x32-10.
 *
 * @throws ShapeError, ValueError, DtypeError, DisposedError. Deterministic for a seed.
 * Source: Srivastava et al. 2014, JMLR 15:1929.
 */
export function dropout(options: DropoutOptions): Tensor {
  return dropped('dropout', options, null)
}

/** `residual + dropout(input)` in one pass; with probability 0 exactly the sum. */
export function residualDropout(options: DropoutOptions & { residual: Tensor }): Tensor {
  assertTensor('residualDropout', 'residual', options.residual)
  return dropped('residualDropout', options, options.residual)
}

function dropped(name: string, options: DropoutOptions, residual: Tensor | null): Tensor {
  const { input, probability, seed, stream = 0, step = 0 } = options
  expectFloat(name, 'input', input)
  expectNumber(name, 'probability', probability, { low: 0, high: 1 - 2 ** -24 })
  expectInteger(name, 'stream', stream, 0)
  expectInteger(name, 'step', step, 0)
  if (residual) {
    expectSameShape(name, 'residual', residual, input)
    expectKind(name, 'residual', residual, input)
  }
  // Every step has its own run of positions; one position gives the numbers of four elements.
  const position = step * Math.ceil(input.length / 4)
  const call = { ...seedWords(name, seed), stream, position, probability }
  const output = Tensor.like(input)
  forward({ input, residual, output, ...call })
  return record({ input, residual }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && dropoutBackward(gradOutput, call),
    residual: residual && gradOutput,
  })).output
}

function dropoutBackward(
  gradOutput: Tensor,
  call: Readonly<Record<(typeof scalars)[number], number>>,
): Tensor {
  if (call.probability === 0) return gradOutput
  const gradInput = Tensor.like(gradOutput)
  backward({ gradOutput, gradInput, ...call })
  return gradInput
}
