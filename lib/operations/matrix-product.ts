// Matrix products and the linear layer on them.
import { expectFloat, expectKind, expectShape } from '../check.js'
import { computeDtype } from '../dtype.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { differentiable, record } from '../tape.js'
import { Tensor } from '../tensor.js'
import { biasGradient } from './bias-gradient.js'

/** Fields of both products. @internal */
export const productFields = [
  'left',
  'right',
  'bias',
  'output',
  'rows',
  'columns',
  'inner',
  'transposeLeft',
  'transposeRight',
  'accumulate',
] as const
const product = operation('matrixProduct', productFields)
const wideProduct = operation('wideMatrixProduct', productFields)

/** Arguments of `matrixProduct`. */
export interface MatrixProductOptions {
  /** (rows, inner), or (inner, rows) when transposed. */
  left: Tensor
  /** (inner, columns), or (columns, inner) when transposed. */
  right: Tensor
  transposeLeft?: boolean
  transposeRight?: boolean
}

/**
 * The product of two matrices.
 *
 *     C = op(A) op(B),   op(X) = X or Xᵀ
 *
 * @returns (rows, columns), in the operands' dtype; sums in float32 (float64 for float64). A CPU that
 *   multiplies bfloat16 itself (AVX512_BF16) takes subnormal numbers, below 1.2e-38, for 0.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function matrixProduct(options: MatrixProductOptions): Tensor {
  const { left, right, transposeLeft = false, transposeRight = false } = options
  const [a = 0, b = 0] = expectShape('matrixProduct', 'left', left, { rows: -1, columns: -1 })
  const [rows, inner] = transposeLeft ? [b, a] : [a, b]
  const shape = transposeRight ? { columns: -1, inner } : { inner, columns: -1 }
  const sizes = expectShape('matrixProduct', 'right', right, shape)
  const columns = (transposeRight ? sizes[0] : sizes[1]) ?? 0
  const output = Tensor.empty([rows, columns], left.dtype, left.device)
  const call = { rows, columns, inner, transposeLeft, transposeRight }
  product({ left, right, bias: null, output, ...call, accumulate: false })
  return record({ left, right }, { output }, ({ output: gradOutput }) =>
    matrixProductBackward(gradOutput, left, right, call),
  ).output
}

function matrixProductBackward(
  gradOutput: Tensor | null,
  left: Tensor,
  right: Tensor,
  call: {
    rows: number
    columns: number
    inner: number
    transposeLeft: boolean
    transposeRight: boolean
  },
) {
  if (!gradOutput) return { left: null, right: null }
  const { rows, columns, inner, transposeLeft, transposeRight } = call
  // With G = ∂L/∂C: ∂L/∂op(A) = G op(B)ᵀ and ∂L/∂op(B) = op(A)ᵀ G, transposed where op transposes.
  const multiply = (
    a: Tensor,
    b: Tensor,
    output: Tensor,
    sizes: readonly [number, number, number],
    flags: readonly [boolean, boolean],
  ): Tensor => {
    const [rows, columns, inner] = sizes
    const [transposeLeft, transposeRight] = flags
    product({
      left: a,
      right: b,
      bias: null,
      output,
      rows,
      columns,
      inner,
      transposeLeft,
      transposeRight,
      accumulate: false,
    })
    return output
  }
  const gradLeft = Tensor.like(left)
  const gradRight = Tensor.like(right)
  if (transposeLeft)
    multiply(right, gradOutput, gradLeft, [inner, rows, columns], [transposeRight, true])
  else multiply(gradOutput, right, gradLeft, [rows, inner, columns], [false, !transposeRight])
  if (transposeRight)
    multiply(gradOutput, left, gradRight, [columns, inner, rows], [true, transposeLeft])
  else multiply(left, gradOutput, gradRight, [inner, columns, rows], [!transposeLeft, false])
  return { left: gradLeft, right: gradRight }
}

/** Arguments of `linear`. */
export interface LinearOptions {
  /** (…, inner) */
  input: Tensor
  /** (columns, inner), in the input's dtype */
  weight: Tensor
  /** (columns), float32 (float64 with float64 input) */
  bias?: Tensor | null
}

/**
 * A linear layer over the last dimension.
 *
 *     y = x Wᵀ + b
 *
 * @returns (…, columns). The weight's gradient is float32 whatever the storage type.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function linear({ input, weight, bias = null }: LinearOptions): Tensor {
  const [columns = 0, inner = 0] = expectShape('linear', 'weight', weight, {
    columns: -1,
    inner: -1,
  })
  expectFloat('linear', 'input', input)
  expectKind('linear', 'weight', weight, input)
  if (input.shape.at(-1) !== inner) {
    throw new ShapeError(
      `linear: input must be of shape (…, inner = ${inner}), got [${input.shape}]`,
    )
  }
  if (bias) {
    expectShape('linear', 'bias', bias, { columns })
    const { device, dtype } = input
    expectKind('linear', 'bias', bias, { device, dtype: computeDtype(dtype) })
  }
  const rows = inner > 0 ? input.length / inner : 0
  const output = Tensor.empty([...input.shape.slice(0, -1), columns], input.dtype, input.device)
  const call = { rows, columns, inner }
  if (rows > 0) {
    product({
      left: input,
      right: weight,
      bias,
      output,
      ...call,
      transposeLeft: false,
      transposeRight: true,
      accumulate: false,
    })
  }
  return record({ input, weight, bias }, { output }, ({ output: gradOutput }) =>
    linearBackward(gradOutput, { input, weight, bias }, call),
  ).output
}

function linearBackward(
  gradOutput: Tensor | null,
  { input, weight, bias }: { input: Tensor; weight: Tensor; bias: Tensor | null },
  { rows, columns, inner }: { rows: number; columns: number; inner: number },
) {
  if (!gradOutput || rows === 0) return { input: null, weight: null, bias: null }
  const shared = { bias: null, accumulate: false }
  let gradInput: Tensor | null = null
  if (differentiable(input)) {
    gradInput = Tensor.like(input)
    product({
      left: gradOutput,
      right: weight,
      output: gradInput,
      rows,
      columns: inner,
      inner: columns,
      transposeLeft: false,
      transposeRight: false,
      ...shared,
    })
  }
  let gradWeight: Tensor | null = null
  if (differentiable(weight)) {
    gradWeight = Tensor.empty(weight.shape, computeDtype(weight.dtype), weight.device)
    wideProduct({
      left: gradOutput,
      right: input,
      output: gradWeight,
      rows: columns,
      columns: inner,
      inner: rows,
      transposeLeft: true,
      transposeRight: false,
      ...shared,
    })
  }
  const gradBias = biasGradient(gradOutput, bias, { rows, columns })
  return { input: gradInput, weight: gradWeight, bias: gradBias }
}
