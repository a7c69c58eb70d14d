// Every error that entrain throws. `code` is stable; messages follow
// "<operation>: <name> must be <rule>, got <value>".

/** Base of all errors of this package. */
export class EntrainError extends Error {
  /** Stable identifier, e.g. `ERR_SHAPE`. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** A tensor or size does not have the shape that the operation needs (`ERR_SHAPE`). */
export class ShapeError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SHAPE', message, options)
  }
}

/** A tensor has an element type that the operation does not take (`ERR_DTYPE`). */
export class DtypeError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DTYPE', message, options)
  }
}

/** A number is out of its range, or data hold a value that they must not (`ERR_VALUE`). */
export class ValueError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_VALUE', message, options)
  }
}

/** A device is unknown, absent, or not the one of the other tensors (`ERR_DEVICE`). */
export class DeviceError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DEVICE', message, options)
  }
}

/** A tensor was used after `dispose()` (`ERR_DISPOSED`). */
export class DisposedError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DISPOSED', message, options)
  }
}

/** The device has no memory left (`ERR_OUT_OF_MEMORY`). */
export class OutOfMemoryError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_OUT_OF_MEMORY', message, options)
  }
}

/** The CUDA runtime reported a failure (`ERR_CUDA`). */
export class CudaError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CUDA', message, options)
  }
}

/** A checkpoint is corrupt, truncated or belongs to another model (`ERR_CHECKPOINT`). */
export class CheckpointError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CHECKPOINT', message, options)
  }
}

/** A data file is missing, empty or malformed (`ERR_DATA`). */
export class DataError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DATA', message, options)
  }
}

/** The native addon could not be loaded or failed inside (`ERR_NATIVE`). */
export class NativeError extends EntrainError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_NATIVE', message, options)
  }
}

const classes: Readonly<
  Record<string, new (message: string, options?: ErrorOptions) => EntrainError>
> = {
  ERR_SHAPE: ShapeError,
  ERR_DTYPE: DtypeError,
  ERR_VALUE: ValueError,
  ERR_DEVICE: DeviceError,
  ERR_DISPOSED: DisposedError,
  ERR_OUT_OF_MEMORY: OutOfMemoryError,
  ERR_CUDA: CudaError,
  ERR_NATIVE: NativeError,
}

/** The typed error for one that the addon threw. @internal */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const errorClass = classes[String(error.code)]
  return errorClass ? new errorClass(error.message) : error
}
