// The TEN language model: ten.train (one optimiser step) and ten.infer (logits of every position).
import { randomIntegers } from '../lib/data/philox.js'
import {
  AdamW,
  type Device,
  scope,
  TemporalEigenstateNetwork,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { type Entry, type ModelSizes, modelSizes, type Params } from './contract.js'
import type { Outputs, Trial } from './harness.js'

const kLearningRate = 3e-4
/** Two batches in turn, so that no step repeats the one before. */
const kBatches = 2
const kPromptTokens = 256

interface Sizes extends ModelSizes {
  readonly batch: number
  readonly time: number
  readonly precision: 'float32' | 'bfloat16'
}

function sizesOf(params: Params): Sizes {
  const { model, B, T, dtype } = params as Params & Record<'B' | 'T', number>
  const precision = dtype === 'bf16' ? 'bfloat16' : 'float32'
  return { ...modelSizes(String(model)), batch: B, time: T, precision }
}

function makeModel(
  sizes: Sizes,
  on: Device,
  dtype: 'float32' | 'float64',
): TemporalEigenstateNetwork {
  return new TemporalEigenstateNetwork({
    vocabulary: sizes.vocab,
    width: sizes.d,
    layers: sizes.layers,
    eigenstates: sizes.K,
    heads: sizes.tenHeads,
    trainingLength: sizes.time,
    seed: 1,
    device: on,
    dtype,
    ...(dtype === 'float32' && sizes.precision === 'bfloat16' && { precision: 'bfloat16' }),
  })
}

function randomTokens(options: {
  sizes: Sizes
  shape: readonly number[]
  on: Device
  block: number
}): Tensor {
  const { sizes, shape, on, block } = options
  const count = shape.reduce((product, size) => product * size, 1)
  const data = randomIntegers({ seed: 7, count, limit: sizes.vocab, block })
  return tensor(data, { shape, dtype: 'int32', device: on })
}

/** Logits of a prompt against a float64 model of the same weights. */
async function check(
  model: TemporalEigenstateNetwork,
  sizes: Sizes,
  on: Device,
): Promise<{ outputs: Outputs; reference: Outputs }> {
  const shape = [1, Math.min(kPromptTokens, sizes.time)]
  using prompt = randomTokens({ sizes, shape, on, block: 100 })
  using exact = makeModel(sizes, on, 'float64')
  const exactParameters = exact.parameters()
  for (const [place, parameter] of model.parameters().entries()) {
    exactParameters[place]?.set((await parameter.data()) as ArrayLike<number>)
  }
  using got = model.forward(prompt)
  using expected = exact.forward(prompt)
  return {
    outputs: { logits: (await got.data()) as ArrayLike<number> },
    reference: { logits: (await expected.data()) as ArrayLike<number> },
  }
}

/** Builds ten.train or ten.infer. */
export async function buildTen(entry: Entry, on: Device): Promise<Trial> {
  const sizes = sizesOf(entry.params)
  const model = makeModel(sizes, on, 'float32')
  const shape = [sizes.batch, sizes.time]
  const batches = Array.from({ length: kBatches }, (_, block) => ({
    inputs: randomTokens({ sizes, shape, on, block }),
    targets: randomTokens({ sizes, shape, on, block: kBatches + block }),
  }))
  const optimizer = new AdamW(model.parameters(), { learningRate: kLearningRate })
  const train = (inputs: Tensor, targets: Tensor): void =>
    scope(() => {
      const loss = model.loss(inputs, targets)
      loss.backward()
      optimizer.step()
    })
  const infer = (inputs: Tensor): void =>
    scope(() => {
      model.forward(inputs)
    })
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.length, 0)
  const training = entry.workload === 'ten.train'
  return {
    calls: batches.map(
      ({ inputs, targets }) =>
        () =>
          training ? train(inputs, targets) : infer(inputs),
    ),
    synchronize: () => on.synchronize(),
    check: () => check(model, sizes, on),
    note: training ? 'AdamW' : 'logits of every position',
    extra: (ms) => ({
      tokens_per_s: (1000 * sizes.batch * sizes.time) / ms,
      params_m: parameters / 1e6,
    }),
    dispose: () => {
      optimizer.dispose()
      model.dispose()
      for (const { inputs, targets } of batches) {
        inputs.dispose()
        targets.dispose()
      }
    },
  }
}
