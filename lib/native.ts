// The only file that loads the addon. Everything else speaks to it through `operation()` and the
// functions at the end.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromNative, NativeError } from './errors.js'

/** What the addon tells about one field of an operation. @internal */
export interface FieldSignature {
  readonly name: string
  readonly kind: 'input' | 'output' | 'size' | 'number' | 'flag'
  readonly optional: boolean
  readonly dtype: string
}

/** What the addon tells about one operation. @internal */
export interface OperationSignature {
  readonly name: string
  readonly fields: readonly FieldSignature[]
  readonly dtypes: readonly string[]
}

/** Threads, instruction set and GPUs of this machine. */
export interface Machine {
  readonly threads: number
  /** `v4` (AVX-512), `v3` (AVX2), `v2` (SSE4.2) or `baseline`. */
  readonly instructionSet: string
  readonly gpus: readonly {
    readonly name: string
    readonly memory: number
    readonly computeCapability: string
    readonly uuid: string
  }[]
  /** Why there is no GPU; empty where there is one. */
  readonly cudaUnavailable: string
}

/** Bytes held by a device: in use, kept for reuse, and the most that was ever in use. */
export interface MemoryStatistics {
  readonly live: number
  readonly cached: number
  readonly peak: number
}

interface Addon {
  bindArguments(array: Float64Array): void
  invoke(operation: number): void
  signatures(): OperationSignature[]
  allocate(device: number, dtype: number, length: number): number
  release(handle: number, byCollector: boolean): void
  upload(handle: number, bytes: Uint8Array): void
  download(handle: number, to: ArrayBuffer): Promise<ArrayBuffer>
  copyBuffer(to: number, from: number): void
  fillZero(handle: number): void
  synchronize(device: number): Promise<void>
  memory(device: number): MemoryStatistics
  trim(device: number): void
  machine(): Machine
}

// Operations have at most 32 fields; more than 64 bytes also keep the array outside V8's moving heap.
const argumentValues = new Float64Array(new ArrayBuffer(64 * 8))

let addon: Addon | undefined
let signatureList: readonly OperationSignature[] = []

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

function advice(message: string): string {
  if (/GLIBC_|GLIBCXX_/.test(message))
    return 'the system libraries are too old: build from source with `npx cmake-js build` in the package folder'
  if (/invalid ELF|file too short/.test(message))
    return 'the binary is damaged: reinstall the package'
  if (/ERR_DLOPEN_DISABLED|--allow-addons/.test(message))
    return 'native addons are disabled: run node with --allow-addons'
  return 'there is no binary for this platform: install cmake and g++ and run `npx cmake-js build` in the package folder'
}

function load(): Addon {
  const require = createRequire(import.meta.url)
  const root = packageRoot()
  const chosen = process.env.ENTRAIN_BINARY
  try {
    const path = chosen ? resolve(chosen) : require('node-gyp-build').path(root)
    const loaded = require(path) as Addon
    loaded.bindArguments(argumentValues)
    signatureList = loaded.signatures()
    return loaded
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new NativeError(
      `native: the addon must load on ${process.platform}-${process.arch} (node ${process.version}), got: ${message}; ${advice(message)}`,
      { cause: error },
    )
  }
}

/** The loaded addon; loads it on first use. @internal */
export function native(): Addon {
  addon ??= load()
  return addon
}

/** Calls into the addon and gives its errors their classes. @internal */
export function guarded<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}

/** Anything with a handle: tensors. @internal */
export interface Handled {
  readonly handle: number
}

// Outputs whose operation is not queued yet. Should it fail, nobody else knows them.
const unfinished: Disposable[] = []

/** Notes memory that the next operation will write and that goes with it if it fails. @internal */
export function expectUse(output: Disposable): void {
  unfinished.push(output)
}

/** Ends that: what was noted belongs to its makers from now on. @internal */
export function used(): void {
  unfinished.length = 0
}

/** Disposes what was noted, and gives the error its class. @internal */
export function abandonOutputs(error: unknown): unknown {
  for (const output of unfinished.splice(0)) output[Symbol.dispose]()
  return fromNative(error)
}

/** A value of an operation's argument; absent optional tensors are null. @internal */
export type Argument = Handled | number | boolean | null

/** Signatures of all operations. @internal */
export function signatures(): readonly OperationSignature[] {
  native()
  return signatureList
}

/** Every operation the TypeScript side declares, for the registry test. @internal */
export const declaredOperations = new Map<string, readonly string[]>()

/**
 * The native operation `name`, callable with its fields by name. `fields` repeats the C++ struct's
 * fields in their order; the first call checks that. @internal
 */
export function operation<const Names extends readonly string[]>(
  name: string,
  fields: Names,
): (values: { readonly [Name in Names[number]]: Argument }) => void {
  declaredOperations.set(name, fields)
  let index = -1
  let isTensor: readonly boolean[] = []
  const resolveOperation = (): void => {
    index = signatures().findIndex((signature) => signature.name === name)
    const signature = signatureList[index]
    const expected = signature?.fields.map((field) => field.name).join(', ') ?? 'no such operation'
    if (expected !== fields.join(', ')) {
      index = -1
      throw new NativeError(
        `native: fields of ${name} must be ${expected}, got ${fields.join(', ')}`,
      )
    }
    isTensor =
      signature?.fields.map((field) => field.kind === 'input' || field.kind === 'output') ?? []
  }
  const count = fields.length
  return (values) => {
    const named = values as Readonly<Record<string, Argument | undefined>>
    try {
      if (index < 0) resolveOperation()
      for (let i = 0; i < count; ++i) {
        const value = named[fields[i] as string]
        if (typeof value === 'object' && value !== null) argumentValues[i] = value.handle
        else if (typeof value === 'number') argumentValues[i] = isTensor[i] ? Number.NaN : value
        else if (typeof value === 'boolean') argumentValues[i] = value ? 1 : 0
        else argumentValues[i] = isTensor[i] ? 0 : Number.NaN
      }
      addon?.invoke(index)
    } catch (error) {
      throw abandonOutputs(error)
    }
    used()
  }
}
