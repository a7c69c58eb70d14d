// Tensors: typed arrays in a device's memory.
import { type Context, currentContext } from './context.js'
import { type Device, type DeviceName, device as deviceOf, settled } from './device.js'
import { type DataOf, type Dtype, decode, dtypeBytes, dtypeCodes, encode } from './dtype.js'
import { DisposedError, DtypeError, OutOfMemoryError, ShapeError } from './errors.js'
import { abandonOutputs, expectUse, guarded, native, used } from './native.js'
import { fill } from './operations/fill.js'
import type { Scope } from './scope.js'
import { backward, type Node, record } from './tape.js'

/** Where and how a new tensor is made. */
export interface TensorOptions {
  /** Default: one dimension with all elements. */
  shape?: readonly number[]
  /** Default: `float32`. */
  dtype?: Dtype
  /** Default: ENTRAIN_DEVICE, else the best there is. */
  device?: DeviceName | Device
  /** Whether `backward` leaves a gradient in `grad`. Default: false. */
  requiresGrad?: boolean
}

// Device memory that one or more tensors share.
class Storage {
  readonly handle: number
  references = 1
  constructor(handle: number) {
    this.handle = handle
  }
}

// The safety net for tensors that nobody disposed. A handle that was released before is ignored.
const abandoned = new FinalizationRegistry<number>((handle) => native().release(handle, true))

// Tensors made inside a backward function, so that the tape can dispose its temporaries. Backward is
// synchronous, so a plain variable is enough.
let collector: Tensor[] | null = null

/** Runs `body` and gives the tensors that it made; disposes them if it throws. @internal */
export function collect<T>(body: () => T): { result: T; made: Tensor[] } {
  const outer = collector
  const made: Tensor[] = []
  collector = made
  try {
    return { result: body(), made }
  } catch (error) {
    for (const tensor of made) tensor.dispose()
    throw error
  } finally {
    collector = outer
  }
}

/**
 * A typed, row-major array in a device's memory.
 *
 * Operations on tensors are queued and return at once; `data()` and `item()` wait. Memory is given back
 * by `dispose()`, by the end of a scope, or with `using`; the garbage collector is only a safety net.
 */
export class Tensor<D extends Dtype = Dtype> implements Disposable {
  readonly dtype: D
  /** Sizes, outermost first. */
  readonly shape: readonly number[]
  /** Number of elements. */
  readonly length: number
  readonly device: Device
  /** Whether `backward` leaves a gradient in `grad`. */
  readonly requiresGrad: boolean
  /** The gradient after `backward`, for tensors that require one; null before. */
  grad: Tensor | null = null
  /** The recorded operation that made this tensor. @internal */
  node: Node | null = null
  /** The scope that will dispose this tensor. @internal */
  owner: Scope | null = null
  readonly #storage: Storage
  #disposed = false

  /** @internal */
  constructor(
    storage: Storage,
    dtype: D,
    shape: readonly number[],
    length: number,
    on: Device,
    requiresGrad: boolean,
    context: Context,
  ) {
    this.#storage = storage
    this.dtype = dtype
    this.shape = shape
    this.length = length
    this.device = on
    this.requiresGrad = requiresGrad
    if (collector) collector.push(this)
    else if (context.scope) context.scope.add(this)
  }

  /** @internal */
  get handle(): number {
    return this.#storage.handle
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Uninitialised memory, which goes again if the operation that should write it fails. @internal */
  static empty<D extends Dtype>(
    shape: readonly number[],
    dtype: D,
    on: Device,
    requiresGrad = false,
  ): Tensor<D> {
    const length = elements(shape)
    let handle: number
    try {
      handle = native().allocate(on.index, dtypeCodes[dtype], length)
    } catch (error) {
      throw abandonOutputs(error)
    }
    const storage = new Storage(handle)
    abandoned.register(storage, handle)
    const made = new Tensor(storage, dtype, shape, length, on, requiresGrad, currentContext())
    if (length > 0) expectUse(made)
    return made
  }

  /** Uninitialised memory of the shape, dtype and device of another tensor. @internal */
  static like<D extends Dtype>(other: Tensor<D>): Tensor<D> {
    return Tensor.empty(other.shape, other.dtype, other.device)
  }

  /** The elements, once everything queued before has finished. Half types arrive as float32. */
  async data(): Promise<DataOf<D>> {
    return decode(await this.#download(), this.dtype)
  }

  /** The bytes as they are stored. */
  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.#download())
  }

  /** The only element of a tensor of length 1. */
  async item(): Promise<number> {
    if (this.length !== 1) {
      throw new ShapeError(`item: tensor must be of 1 element, got shape [${this.shape}]`)
    }
    return (await this.data())[0] as number
  }

  #download(): Promise<ArrayBuffer> {
    this.assertAlive('data')
    return settled(guarded(() => native().download(this.handle, hostBytes(this))))
  }

  /** Overwrites the elements. `data` has one number for each element. */
  set(data: ArrayLike<number>): void {
    this.assertAlive('set')
    if (data.length !== this.length) {
      throw new ShapeError(`set: data must be ${this.length} numbers, got ${data.length}`)
    }
    this.setBytes(encoded('set', data, this.dtype))
  }

  /** Overwrites the elements with bytes as they are stored. @internal */
  setBytes(bytes: Uint8Array): void {
    this.assertAlive('set')
    guarded(() => native().upload(this.handle, bytes))
    used()
  }

  /**
   * The same memory under another shape, with gradients passing through. One size may be −1.
   *
   * @throws ShapeError if the number of elements differs.
   */
  reshape(shape: readonly number[]): Tensor<D> {
    this.assertAlive('reshape')
    const given = Array.isArray(shape) ? (shape as readonly number[]) : [Number.NaN]
    const known = given.reduce((product, size) => (size === -1 ? product : product * size), 1)
    const whole = given.map((size) => (size === -1 ? this.length / known : size))
    const fits =
      given.filter((size) => size === -1).length <= 1 &&
      whole.every(isSize) &&
      whole.reduce((product, size) => product * size, 1) === this.length
    if (!fits) {
      throw new ShapeError(`reshape: shape must hold ${this.length} elements, got [${shape}]`)
    }
    return record({ input: this as Tensor }, { output: this.alias(whole) }, ({ output }) => ({
      input: output?.alias(this.shape) ?? null,
    })).output
  }

  /** The same memory as a tensor of its own, outside the tape. */
  detach(): Tensor<D> {
    this.assertAlive('detach')
    return this.alias(this.shape)
  }

  /** Another tensor of the same memory, outside the tape. @internal */
  alias(shape: readonly number[]): Tensor<D> {
    ++this.#storage.references
    return new Tensor(
      this.#storage,
      this.dtype,
      shape,
      this.length,
      this.device,
      false,
      currentContext(),
    )
  }

  /** Whether no other tensor shares this memory. @internal */
  get unshared(): boolean {
    return this.#storage.references === 1
  }

  /**
   * Computes the gradients of this tensor for every tensor that requires one, adding to their `grad`.
   *
   * @param gradient ∂L/∂(this), of the same shape; may be left out for a tensor of one element, and is
   * 1 then.
   */
  backward(gradient?: Tensor): void {
    this.assertAlive('backward')
    backward(this, gradient)
  }

  /** @internal */
  assertAlive(operation: string, name = 'tensor'): void {
    if (this.#disposed) {
      throw new DisposedError(`${operation}: ${name} must be alive, got a disposed tensor`)
    }
  }

  /** Gives the memory back once the work queued on it is done. Calling it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.node = null
    this.owner?.delete(this)
    if (--this.#storage.references === 0) native().release(this.#storage.handle, false)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return `Tensor(${this.dtype}, [${this.shape}], ${this.device})`
  }
}

function isSize(size: unknown): boolean {
  return Number.isSafeInteger(size) && (size as number) >= 0
}

/** The product of the sizes; throws where they are no sizes. @internal */
export function elements(shape: readonly number[]): number {
  if (!Array.isArray(shape)) {
    throw new ShapeError(`tensor: shape must be an array of sizes, got ${String(shape)}`)
  }
  let product = 1
  for (const size of shape) {
    if (!isSize(size)) {
      throw new ShapeError(`tensor: shape must be of integers of at least 0, got [${shape}]`)
    }
    product *= size
  }
  if (!Number.isSafeInteger(product)) {
    throw new ShapeError(`tensor: shape must hold fewer than 2^53 elements, got [${shape}]`)
  }
  return product
}

/**
 * A tensor with the given numbers.
 *
 * @param data numbers in row-major order; rounded to the dtype, ties to even.
 * @throws ShapeError if `shape` does not hold as many elements; DtypeError for an unknown dtype.
 */
export function tensor<D extends Dtype = 'float32'>(
  data: ArrayLike<number>,
  options: TensorOptions & { dtype?: D } = {},
): Tensor<D> {
  if (typeof data !== 'object' || typeof data?.length !== 'number') {
    throw new DtypeError(`tensor: data must be an array of numbers, got ${String(data)}`)
  }
  const { shape = [data.length], dtype = 'float32' as D, requiresGrad = false } = options
  assertDtype(dtype)
  if (elements(shape) !== data.length) {
    throw new ShapeError(
      `tensor: data must be ${elements(shape)} numbers for shape [${shape}], got ${data.length}`,
    )
  }
  const bytes = encoded('tensor', data, dtype)
  const made = Tensor.empty([...shape], dtype, deviceOf(options.device), requiresGrad)
  if (data.length > 0) filled(() => made.setBytes(bytes))
  return made
}

/** A tensor of zeros. */
export function zeros<D extends Dtype = 'float32'>(
  shape: readonly number[],
  options: Omit<TensorOptions, 'shape'> & { dtype?: D } = {},
): Tensor<D> {
  const { dtype = 'float32' as D, requiresGrad = false } = options
  assertDtype(dtype)
  elements(shape)
  const made = Tensor.empty([...shape], dtype, deviceOf(options.device), requiresGrad)
  filled(() => native().fillZero(made.handle))
  return made
}

/** Takes a tensor just made out of its scope: whoever calls disposes it. @internal */
export function own(made: Tensor): Tensor {
  made.owner?.delete(made)
  made.owner = null
  const at = collector?.lastIndexOf(made) ?? -1
  if (at >= 0) collector?.splice(at, 1)
  return made
}

/** Ones of the shape, dtype and device of another tensor. @internal */
export function onesLike(other: Tensor): Tensor {
  return fill(Tensor.like(other), 1)
}

function encoded(operation: string, data: ArrayLike<number>, dtype: Dtype): Uint8Array {
  try {
    return encode(data, dtype)
  } catch (error) {
    throw new DtypeError(`${operation}: data must be numbers, got ${error}`, { cause: error })
  }
}

// Memory that could not be filled is of no use to anyone.
function filled(fill: () => void): void {
  try {
    fill()
    used()
  } catch (error) {
    throw abandonOutputs(error)
  }
}

// What a read arrives in. The engine would end the process if the addon asked for too much.
function hostBytes({ length, dtype }: Tensor): ArrayBuffer {
  const bytes = length * dtypeBytes[dtype]
  try {
    return new ArrayBuffer(bytes)
  } catch (error) {
    throw new OutOfMemoryError(`data: ${bytes} bytes must fit into memory, got ${error}`)
  }
}

function assertDtype(dtype: string): void {
  if (!Object.hasOwn(dtypeCodes, dtype)) {
    throw new DtypeError(
      `tensor: dtype must be one of ${Object.keys(dtypeCodes).join(', ')}, got ${dtype}`,
    )
  }
}
