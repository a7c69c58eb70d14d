import { expectFloat, expectInteger, expectNumber } from '../check.js'
import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'

const uniform = operation('randomUniform', [
  'output',
  'seedLow',
  'seedHigh',
  'stream',
  'low',
  'high',
] as const)
const normal = operation('randomNormal', [
  'output',
  'seedLow',
  'seedHigh',
  'stream',
  'mean',
  'deviation',
] as const)

/** The two words of a seed. @internal */
export function seedWords(
  operationName: string,
  seed: number,
): { seedLow: number; seedHigh: number } {
  expectInteger(operationName, 'seed', seed, 0)
  return { seedLow: seed >>> 0, seedHigh: Math.floor(seed / 2 ** 32) }
}

/** Which random numbers: equal seed and stream give equal numbers on every device. */
export interface RandomOptions {
  /** Integer of at least 0, below 2^53. */
  seed: number
  /** Keeps the uses of one seed apart: integer in [0, 2^32). Default: 0. */
  stream?: number
}

/**
 * Overwrites a floating tensor with numbers uniform in [low, high), from Philox4x32-10.
 *
 * Source: Salmon et al. 2011, doi:10.1145/2063384.2063405. Independent of threads and launch shape.
 */
export function randomUniform(
  output: Tensor,
  { seed, stream = 0, low = 0, high = 1 }: RandomOptions & { low?: number; high?: number },
): Tensor {
  expectFloat('randomUniform', 'output', output)
  expectInteger('randomUniform', 'stream', stream, 0)
  expectNumber('randomUniform', 'low', low)
  expectNumber('randomUniform', 'high', high)
  if (output.length > 0) uniform({ output, ...seedWords('randomUniform', seed), stream, low, high })
  return output
}

/** Overwrites a floating tensor with normal numbers, by Box-Muller from the same generator. */
export function randomNormal(
  output: Tensor,
  {
    seed,
    stream = 0,
    mean = 0,
    deviation = 1,
  }: RandomOptions & { mean?: number; deviation?: number },
): Tensor {
  expectFloat('randomNormal', 'output', output)
  expectInteger('randomNormal', 'stream', stream, 0)
  expectNumber('randomNormal', 'mean', mean)
  expectNumber('randomNormal', 'deviation', deviation, { low: 0 })
  if (output.length > 0)
    normal({ output, ...seedWords('randomNormal', seed), stream, mean, deviation })
  return output
}
