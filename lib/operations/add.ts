import { assertTensor, expectSameShape } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('add', ['left', 'right', 'output'] as const)

/**
 * The sum of two tensors of one shape and dtype, elementwise.
 *
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function add(left: Tensor, right: Tensor): Tensor {
  assertTensor('add', 'left', left)
  expectSameShape('add', 'right', right, left)
  const output = Tensor.like(left)
  forward({ left, right, output })
  return record({ left, right }, { output }, ({ output: gradOutput }) => ({
    left: gradOutput,
    right: gradOutput,
  })).output
}

/** `target + source`, in place where nothing else shares the memory of `target`. @internal */
export function addInPlace(target: Tensor, source: Tensor): Tensor {
  const output = target.unshared ? target : Tensor.like(target)
  forward({ left: target, right: source, output })
  return output
}
