import { assertTensor, expectShape } from '../check.js'
import { computeDtype } from '../dtype.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const sizes = ['rows', 'planes', 'heads', 'size', 'transpose'] as const
const forward = operation('blockDiagonalForward', [
  'input',
  'coupling',
  'output',
  ...sizes,
] as const)
const backward = operation('blockDiagonalBackward', [
  'gradOutput',
  'input',
  'coupling',
  'gradInput',
  'gradCoupling',
  ...sizes,
] as const)

// Complex states hold a real and an imaginary plane in their last dimension.
const kPlanes = 2

/** Arguments of `blockDiagonal`. */
export interface BlockDiagonalOptions {
  /** (…, 2 heads · size): real plane, imaginary plane */
  input: Tensor
  /** R: (heads, size, size), in the input's dtype */
  coupling: Tensor
  /** false: every row times Rᵀ on its right (c̃ = R c); true: times R (W_out blockdiag(R, R)). */
  transpose?: boolean
}

/**
 * The block-diagonal coupling of eigenstates, the same on the real and the imaginary plane.
 *
 *     c̃_hj = Σ_k R_hjk c_hk,   transposed: w̃_hk = Σ_j w_hj R_hjk
 *
 * @returns the input's shape and dtype. The coupling's gradient is float32 (float64 for float64).
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function blockDiagonal({
  input,
  coupling,
  transpose = false,
}: BlockDiagonalOptions): Tensor {
  assertTensor('blockDiagonal', 'coupling', coupling)
  assertTensor('blockDiagonal', 'input', input)
  const [heads = 0, size = 0] = expectShape('blockDiagonal', 'coupling', coupling, {
    heads: -1,
    size: -1,
    'size again': coupling.shape[1] ?? 0,
  })
  const width = kPlanes * heads * size
  if (width < 1 || input.shape.at(-1) !== width) {
    throw new ShapeError(
      `blockDiagonal: input must be of shape (…, 2 heads size = ${width}), got [${input.shape}]`,
    )
  }
  const call = { rows: input.length / width, planes: kPlanes, heads, size, transpose }
  const output = Tensor.like(input)
  forward({ input, coupling, output, ...call })
  return record({ input, coupling }, { output }, ({ output: gradOutput }) => {
    if (!gradOutput) return { input: null, coupling: null }
    return blockDiagonalBackward(gradOutput, input, coupling, call)
  }).output
}

function blockDiagonalBackward(
  gradOutput: Tensor,
  input: Tensor,
  coupling: Tensor,
  call: { rows: number; planes: number; heads: number; size: number; transpose: boolean },
) {
  const gradInput = Tensor.like(input)
  const gradCoupling = Tensor.empty(coupling.shape, computeDtype(coupling.dtype), coupling.device)
  backward({ gradOutput, input, coupling, gradInput, gradCoupling, ...call })
  return { input: gradInput, coupling: gradCoupling }
}
