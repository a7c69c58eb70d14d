import { assertTensor } from '../check.js'
import { computeDtype, type FloatDtype } from '../dtype.js'
import { DtypeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const casts = {
  float64: operation('castToFloat64', ['input', 'output'] as const),
  float32: operation('castToFloat32', ['input', 'output'] as const),
  bfloat16: operation('castToBfloat16', ['input', 'output'] as const),
  float16: operation('castToFloat16', ['input', 'output'] as const),
}

/**
 * The numbers in another floating type, rounded to nearest, ties to even; the tensor itself where it
 * has the type already. The gradient comes back in float32 or wider for a float32 (float64) input.
 *
 * @throws DtypeError if either type is not a floating one. Deterministic.
 */
export function cast(input: Tensor, dtype: FloatDtype): Tensor {
  assertTensor('cast', 'input', input)
  if (input.dtype === dtype) return input
  if (!Object.hasOwn(casts, dtype)) {
    throw new DtypeError(
      `cast: dtype must be float64, float32, bfloat16 or float16, got ${String(dtype)}`,
    )
  }
  const output = convert(input, dtype)
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && castBackward(gradOutput, input),
  })).output
}

// Gradients of parameters arrive in their computing type and stay there.
function castBackward(gradOutput: Tensor, input: Tensor): Tensor {
  const wanted = input.dtype as FloatDtype
  return gradOutput.dtype === wanted || gradOutput.dtype === computeDtype(wanted)
    ? gradOutput
    : convert(gradOutput, wanted)
}

function convert(input: Tensor, dtype: FloatDtype): Tensor {
  const output = Tensor.empty(input.shape, dtype, input.device)
  casts[dtype]({ input, output })
  return output
}
