// Checkpoints of models in the safetensors format, which Python's package reads too. Parameters are
// stored under their names, the optimiser's state under `optimizer.`, everything else as JSON metadata.
import type { Device, DeviceName } from '../device.js'
import { EntrainError } from '../errors.js'
import {
  TemporalEigenstateNetwork,
  type TemporalEigenstateNetworkOptions,
} from '../models/temporal-eigenstate-network.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Tensor } from '../tensor.js'
import { TensorFile, writeTensorFile } from './tensor-file.js'

const kFormat = 'entrain.temporal-eigenstate-network.1'

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
  const json = {
    model: { ...model.options, trainingSteps: model.trainingSteps },
    optimizer: optimizer ? { steps: optimizer.steps } : null,
    extra,
  }
  await writeTensorFile(path, { format: kFormat, tensors: named, json })
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
  const file = await TensorFile.read(path, { operation: 'loadCheckpoint', format: kFormat })
  const { trainingSteps = 0, ...options } = file.object(
    'model',
  ) as TemporalEigenstateNetworkOptions & { trainingSteps?: number }
  file.count('trainingSteps', trainingSteps)
  const extra = file.json('extra')
  let model: TemporalEigenstateNetwork
  try {
    model = new TemporalEigenstateNetwork({ ...options, device })
  } catch (error) {
    if (error instanceof EntrainError && error.code === 'ERR_DEVICE') throw error
    return file.fail(`model options must be valid, got ${file.text('model')}`, error)
  }
  try {
    for (const [name, parameter] of model.namedParameters()) file.fill(name, parameter)
  } catch (error) {
    model.dispose()
    throw error
  }
  model.trainingSteps = trainingSteps
  const restore = (optimizer: Optimizer): void => {
    const saved = file.json('optimizer') as { steps: number } | null
    if (!saved) file.fail('optimizer state must be in the file, got none')
    for (const [name, tensor] of optimizer.state()) file.fill(`optimizer.${name}`, tensor)
    optimizer.steps = saved?.steps ?? 0
  }
  return { model, extra, restore }
}
