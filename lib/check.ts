// Checks of arguments that happen before anything is allocated. The addon checks again what it can see.
import type { Device } from './device.js'
import type { Dtype } from './dtype.js'
import { DeviceError, DtypeError, ShapeError, ValueError } from './errors.js'
import type { Tensor } from './tensor.js'

/**
 * Compares a tensor's shape with named sizes. A size that is a number must be met; −1 is free.
 * Returns the tensor's shape. @internal
 */
export function expectShape(
  operation: string,
  name: string,
  tensor: Tensor,
  sizes: Readonly<Record<string, number>>,
): readonly number[] {
  assertTensor(operation, name, tensor)
  const names = Object.keys(sizes)
  const fits =
    tensor.shape.length === names.length &&
    names.every((key, i) => sizes[key] === -1 || sizes[key] === tensor.shape[i])
  if (!fits) {
    const wanted = names.map((key) => (sizes[key] === -1 ? key : `${key} = ${sizes[key]}`))
    throw new ShapeError(
      `${operation}: ${name} must be of shape (${wanted.join(', ')}), got [${tensor.shape.join(', ')}]`,
    )
  }
  return tensor.shape
}

/** Throws unless `tensor` is alive and of the shape of `other`. @internal */
export function expectSameShape(
  operation: string,
  name: string,
  tensor: Tensor,
  { shape }: Tensor,
): void {
  expectShape(
    operation,
    name,
    tensor,
    Object.fromEntries(shape.map((size, i) => [`size ${i}`, size])),
  )
}

/** Throws unless `tensor` is of a dtype and on a device. @internal */
export function expectKind(
  operation: string,
  name: string,
  tensor: Tensor,
  { dtype, device }: { dtype: Dtype; device: Device },
): void {
  assertTensor(operation, name, tensor)
  if (tensor.dtype !== dtype) {
    throw new DtypeError(`${operation}: ${name} must be ${dtype}, got ${tensor.dtype}`)
  }
  if (tensor.device !== device) {
    throw new DeviceError(`${operation}: ${name} must be on ${device}, got ${tensor.device}`)
  }
}

/** Throws unless `tensor` is of a floating dtype. @internal */
export function expectFloat(operation: string, name: string, tensor: Tensor): void {
  assertTensor(operation, name, tensor)
  if (tensor.dtype === 'int32' || tensor.dtype === 'uint8') {
    throw new DtypeError(`${operation}: ${name} must be of a floating type, got ${tensor.dtype}`)
  }
}

/** Throws unless `tensor` is a live tensor. @internal */
export function assertTensor(operation: string, name: string, tensor: unknown): void {
  if (typeof tensor !== 'object' || tensor === null || !('handle' in tensor)) {
    throw new DtypeError(`${operation}: ${name} must be a tensor, got ${describeValue(tensor)}`)
  }
  ;(tensor as Tensor).assertAlive(operation, name)
}

/** A finite number in [low, high]. @internal */
export function expectNumber(
  operation: string,
  name: string,
  value: number,
  { low = -Infinity, high = Infinity }: { low?: number; high?: number } = {},
): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < low || value > high) {
    const rule =
      low === -Infinity && high === Infinity
        ? 'a finite number'
        : high === Infinity
          ? `a finite number of at least ${low}`
          : `a number in [${low}, ${high}]`
    throw new ValueError(`${operation}: ${name} must be ${rule}, got ${describeValue(value)}`)
  }
  return value
}

/** An integer of at least `low`. @internal */
export function expectInteger(operation: string, name: string, value: number, low = 1): number {
  if (!Number.isSafeInteger(value) || value < low) {
    throw new ShapeError(
      `${operation}: ${name} must be an integer of at least ${low}, got ${describeValue(value)}`,
    )
  }
  return value
}

function describeValue(value: unknown): string {
  return typeof value === 'object' && value !== null ? value.constructor?.name : String(value)
}
