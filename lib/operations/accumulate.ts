// Sums of gradients.

import { encode } from '../dtype.js'
import { operation } from '../native.js'
import { Tensor } from '../tensor.js'

const add = operation('add', ['left', 'right', 'output'] as const)

/** `target + source`, in place where nothing else shares the memory of `target`. @internal */
export function addInPlace(target: Tensor, source: Tensor): Tensor {
  const output = target.unshared ? target : Tensor.like(target)
  add({ left: target, right: source, output })
  return output
}

/** A tensor of ones like `other`. @internal */
export function ones(other: Tensor): Tensor {
  const made = Tensor.like(other)
  made.setBytes(encode(new Float64Array(other.length).fill(1), other.dtype))
  return made
}
