// A short training run whose result is one hash; a worker thread that is started with this file runs it
// too, as its workerData says.
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import {
  AdamW,
  type DeviceName,
  scope,
  TemporalEigenstateNetwork,
  tensor,
  zeros,
} from '../../lib/index.js'
import { generator } from './compare.js'

/** What a worker is asked to do. */
export interface Task {
  readonly kind: 'train' | 'flood'
  readonly device: DeviceName
  readonly seed: number
  readonly steps: number
}

/** Trains a small network and gives the hash of its parameters. */
export async function trainingHash({ device, seed, steps }: Omit<Task, 'kind'>): Promise<string> {
  using model = new TemporalEigenstateNetwork({
    vocabulary: 17,
    width: 24,
    layers: 2,
    eigenstates: 8,
    selective: true,
    dropout: 0.1,
    seed,
    device,
  })
  using optimizer = new AdamW(model.parameters(), { clipNorm: 1 })
  const { uniforms } = generator(seed)
  for (let step = 0; step < steps; ++step) {
    await using _ = scope()
    const ids = Int32Array.from(uniforms(4 * 33), (u) => Math.floor(17 * u))
    const tokens = tensor(ids, { shape: [4, 33], dtype: 'int32', device })
    const loss = model.loss(tokens, tokens)
    loss.backward()
    optimizer.step()
    if (step % 3 === 0) await loss.item()
  }
  const hash = createHash('sha256')
  for (const parameter of model.parameters()) hash.update(await parameter.bytes())
  return hash.digest('hex')
}

/** Queues long work, begins reads, and never ends. */
export function flood(device: DeviceName, ready: () => void): void {
  const large = zeros([1 << 20], { device, requiresGrad: true })
  const turn = (): void => {
    const output = large.reshape([1 << 10, 1 << 10])
    void output.data().catch(() => undefined)
    void trainingHash({ device, seed: 1, steps: 2 }).catch(() => undefined)
  }
  for (let i = 0; i < 4; ++i) turn()
  ready()
  setInterval(turn, 1)
}

if (parentPort && workerData !== null && typeof workerData === 'object' && 'kind' in workerData) {
  const port = parentPort
  const task = workerData as Task
  if (task.kind === 'train') port.postMessage(await trainingHash(task))
  else flood(task.device, () => port.postMessage('ready'))
}
