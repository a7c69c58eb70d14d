// Devices: where tensors live and operations run.
import { DeviceError } from './errors.js'
import { guarded, type Machine, type MemoryStatistics, native } from './native.js'

/** `auto`: the best device there is; `cpu`; `cuda` or `cuda:<index>`. */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

/** One processor with its ordered queue and its memory. Equal names give the same object. */
export class Device {
  /** `cpu`, `cuda:0`, … */
  readonly name: string
  /** −1 for the CPU, else the GPU's number. @internal */
  readonly index: number

  /** @internal */
  constructor(name: string, index: number) {
    this.name = name
    this.index = index
  }

  /** Settles when all work queued on this device has finished; rejects with the first failure of it. */
  async synchronize(): Promise<void> {
    await settled(guarded(() => native().synchronize(this.index)))
  }

  /** Bytes in use by tensors, kept for reuse, and the most ever in use. */
  memory(): MemoryStatistics {
    return guarded(() => native().memory(this.index))
  }

  /** Gives memory that is kept for reuse back to the system. Waits for queued work. */
  trim(): void {
    guarded(() => native().trim(this.index))
  }

  toString(): string {
    return this.name
  }
}

/** Awaits a native promise and gives its error its class. @internal */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    return guarded(() => {
      throw error
    })
  }
}

const devices = new Map<number, Device>()
let toldFallback = false

function at(index: number): Device {
  let found = devices.get(index)
  if (!found) {
    found = new Device(index < 0 ? 'cpu' : `cuda:${index}`, index)
    devices.set(index, found)
  }
  return found
}

/** Threads, instruction set and GPUs of this machine. */
export function machine(): Machine {
  return guarded(() => native().machine())
}

function automatic(): Device {
  const { gpus, cudaUnavailable } = machine()
  if (gpus.length > 0) return at(0)
  if (process.env.ENTRAIN_STRICT === '1') {
    throw new DeviceError(
      `device: auto must find a GPU under ENTRAIN_STRICT=1, got: ${cudaUnavailable}`,
    )
  }
  if (!toldFallback) {
    toldFallback = true
    process.stderr.write(`entrain: using the CPU: ${cudaUnavailable}\n`)
  }
  return at(-1)
}

/**
 * The device of a name. Without a name: ENTRAIN_DEVICE, else `auto`.
 *
 * `auto` takes the first GPU and falls back to the CPU, saying why once on stderr (an error under
 * ENTRAIN_STRICT=1); `cuda` never falls back.
 *
 * @throws DeviceError (`ERR_DEVICE`) if the name is unknown or the GPU is not there, with the reason.
 */
export function device(name?: DeviceName | Device): Device {
  if (name instanceof Device) return name
  const asked: string = name ?? (process.env.ENTRAIN_DEVICE || 'auto')
  if (asked === 'auto') return automatic()
  if (asked === 'cpu') return at(-1)
  const match = /^cuda(?::(\d{1,3}))?$/.exec(asked)
  if (!match) {
    throw new DeviceError(
      `device: name must be auto, cpu, cuda or cuda:<index>, got ${String(asked)}`,
    )
  }
  const index = Number(match[1] ?? 0)
  const { gpus, cudaUnavailable } = machine()
  if (index >= gpus.length) {
    const reason = gpus.length > 0 ? `this machine has ${gpus.length} GPU(s)` : cudaUnavailable
    throw new DeviceError(`device: ${asked} must be present, got: ${reason}`)
  }
  return at(index)
}
