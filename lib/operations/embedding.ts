import { assertTensor, expectShape } from '../check.js'
import { computeDtype } from '../dtype.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('embeddingForward', [
  'table',
  'tokens',
  'positions',
  'output',
  'vocabulary',
  'width',
  'count',
  'time',
] as const)
const backward = operation('embeddingBackward', [
  'gradOutput',
  'tokens',
  'gradTable',
  'gradPositions',
  'vocabulary',
  'width',
  'count',
  'time',
  'accumulate',
] as const)

/** Arguments of `embedding`. */
export interface EmbeddingOptions {
  /** (vocabulary, width) */
  table: Tensor
  /** int32 (…, time), each in [0, vocabulary); anything else fails the next read with `ERR_VALUE`. */
  tokens: Tensor
  /** (at least time, width), in the table's dtype: added by place in the sequence. */
  positions?: Tensor | null
}

/**
 * Rows of a table, chosen by tokens.
 *
 *     y_i = table[tokens_i] + positions[i mod time]
 *
 * @returns (…, time, width), in the table's dtype. The tables' gradients are float32 (float64).
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic, gradients too: rows that
 * occur several times are added in the order of the tokens.
 */
export function embedding({ table, tokens, positions = null }: EmbeddingOptions): Tensor {
  const name = 'embedding'
  const [vocabulary = 0, width = 0] = expectShape(name, 'table', table, {
    vocabulary: -1,
    width: -1,
  })
  assertTensor(name, 'tokens', tokens)
  const time = tokens.shape.at(-1) ?? 1
  if (positions) {
    const [length = 0] = expectShape(name, 'positions', positions, { length: -1, width })
    if (length < time) {
      throw new ShapeError(`${name}: positions must be of at least ${time} rows, got ${length}`)
    }
  }
  const call = { vocabulary, width, count: tokens.length, time }
  const output = Tensor.empty([...tokens.shape, width], table.dtype, table.device)
  forward({ table, tokens, positions, output, ...call })
  return record({ table, positions }, { output }, ({ output: gradOutput }) => {
    if (!gradOutput) return { table: null, positions: null }
    return embeddingBackward(gradOutput, { table, tokens, positions }, call)
  }).output
}

function embeddingBackward(
  gradOutput: Tensor,
  { table, tokens, positions }: { table: Tensor; tokens: Tensor; positions: Tensor | null },
  call: { vocabulary: number; width: number; count: number; time: number },
) {
  const compute = computeDtype(table.dtype)
  const gradTable = Tensor.empty(table.shape, compute, table.device)
  const gradPositions = positions && Tensor.empty(positions.shape, compute, table.device)
  backward({ gradOutput, tokens, gradTable, gradPositions, ...call, accumulate: false })
  return { table: gradTable, positions: gradPositions }
}
