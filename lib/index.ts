// The public interface of entrain.
export { noGrad } from './context.js'
export { Device, type DeviceName, device, machine } from './device.js'
export type { DataOf, Dtype, FloatDtype } from './dtype.js'
export * from './errors.js'
export type { Machine, MemoryStatistics } from './native.js'
export { silu } from './operations/silu.js'
export { Scope, scope } from './scope.js'
export { Tensor, type TensorOptions, tensor, zeros } from './tensor.js'
