// Checkpoints of models in the safetensors format, which Python's package reads too. Parameters are
// stored under their names, the optimiser's state under `optimizer.`, everything else as JSON metadata.
import {
  readSafetensors,
  type SafetensorsDtype,
  type SafetensorsEntry,
  writeSafetensors,
} from '../data/safetensors.js'
import type { Device, DeviceName } from '../device.js'
import type { Dtype } from '../dtype.js'
import { CheckpointError, EntrainError } from '../errors.js'
import {
  TemporalEigenstateNetwork,
  type TemporalEigenstateNetworkOptions,
} from '../models/temporal-eigenstate-network.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Tensor } from '../tensor.js'

const kFormat = 'entrain.temporal-eigenstate-network.1'
const fileDtypes: Readonly<Record<Dtype, SafetensorsDtype>> = {
  float64: 'F64',
  float32: 'F32',
  bfloat16: 'BF16',
  float16: 'F16',
  int32: 'I32',
  uint8: 'U8',
}

/** What goes into a checkpoint beside the model. */
export interface SaveOptions {
  /** Its moments and step count are stored too. */
  optimizer?: Optimizer
  /** Any JSON: vocabulary, data position, … */
  extra?: unknown
}

/** What comes out of a checkpoint. */
export interface LoadedCheckpoint {
  readonly model: TemporalEigenstateNetwork
  /** The JSON that was saved; null where none was. */
  readonly extra: unknown
  /** Restores an optimiser over `model.parameters()` to the saved state. */
  restore(optimizer: Optimizer): void
}

/**
 * Writes a checkpoint: to a temporary file first, synced, then renamed, so that a finished checkpoint is
 * never lost.
 *
 * @throws CheckpointError if the file cannot be written.
 */
export async function saveCheckpoint(
  path: string,
  model: TemporalEigenstateNetwork,
  { optimizer, extra = null }: SaveOptions = {},
): Promise<void> {
  const named = new Map<string, Tensor>(model.namedParameters())
  for (const [name, tensor] of optimizer?.state() ?? []) named.set(`optimizer.${name}`, tensor)
  // All reads are queued before the first is awaited: training may go on while the file is written.
  const read = async ([name, tensor]: [string, Tensor]): Promise<[string, SafetensorsEntry]> => [
    name,
    {
      dtype: fileDtypes[tensor.dtype],
      shape: [...tensor.shape],
      bytes: await tensor.bytes(),
    },
  ]
  const reads = Promise.all([...named].map(read))
  const metadata = {
    format: kFormat,
    model: JSON.stringify({ ...model.options, trainingSteps: model.trainingSteps }),
    optimizer: JSON.stringify(optimizer ? { steps: optimizer.steps } : null),
    extra: JSON.stringify(extra),
  }
  await writeSafetensors(path, { tensors: new Map(await reads), metadata })
}

/**
 * Reads a checkpoint and makes its model.
 *
 * @throws CheckpointError if the file is missing, truncated, corrupt, or of another kind or shape.
 */
export async function loadCheckpoint(
  path: string,
  { device }: { device?: DeviceName | Device } = {},
): Promise<LoadedCheckpoint> {
  const fail = (fault: string, cause?: unknown): never => {
    throw new CheckpointError(`loadCheckpoint: ${path}: ${fault}`, { cause })
  }
  const { tensors, metadata } = await readSafetensors(path)
  if (metadata.format !== kFormat)
    fail(`format must be ${kFormat}, got ${metadata.format ?? 'none'}`)
  const parse = (name: string): unknown => {
    try {
      return JSON.parse(metadata[name] ?? 'null')
    } catch (error) {
      return fail(`metadata ${name} must be JSON, got ${metadata[name]}`, error)
    }
  }
  const described = parse('model')
  if (typeof described !== 'object' || described === null) {
    fail(`metadata model must be an object, got ${metadata.model ?? 'none'}`)
  }
  const { trainingSteps = 0, ...options } = described as TemporalEigenstateNetworkOptions & {
    trainingSteps?: number
  }
  if (!Number.isSafeInteger(trainingSteps) || trainingSteps < 0) {
    fail(`trainingSteps must be an integer of at least 0, got ${trainingSteps}`)
  }
  const extra = parse('extra')
  let model: TemporalEigenstateNetwork
  try {
    model = new TemporalEigenstateNetwork({ ...options, device })
  } catch (error) {
    if (error instanceof EntrainError && error.code === 'ERR_DEVICE') throw error
    return fail(`model options must be valid, got ${metadata.model}`, error)
  }
  const fill = (name: string, tensor: Tensor): void => {
    const entry = tensors.get(name)
    if (!entry)
      throw new CheckpointError(`loadCheckpoint: ${path}: tensor ${name} must be there, got none`)
    const same =
      entry.dtype === fileDtypes[tensor.dtype] && entry.shape.join() === tensor.shape.join()
    if (!same) fail(`tensor ${name} must be ${tensor}, got ${entry.dtype} [${entry.shape}]`)
    if (entry.bytes.length > 0) tensor.setBytes(entry.bytes)
  }
  try {
    for (const [name, parameter] of model.namedParameters()) fill(name, parameter)
  } catch (error) {
    model.dispose()
    throw error
  }
  model.trainingSteps = trainingSteps
  const restore = (optimizer: Optimizer): void => {
    const saved = parse('optimizer') as { steps: number } | null
    if (!saved) fail('optimizer state must be in the file, got none')
    for (const [name, tensor] of optimizer.state()) fill(`optimizer.${name}`, tensor)
    optimizer.steps = saved?.steps ?? 0
  }
  return { model, extra, restore }
}
