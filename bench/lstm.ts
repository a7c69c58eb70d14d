// One step of a control loop's agent: lstm.step. Host clock, from the call to the finished result.
import {
  type Device,
  Lstm,
  type LstmState,
  noGrad,
  randomUniform,
  scope,
  type Tensor,
  zeros,
} from '../lib/index.js'
import type { Entry } from './contract.js'
import type { Outputs, Trial } from './harness.js'

/** Sets of inputs, used in turn. */
const kSets = 8
const kSeed = 29

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

interface Sizes {
  readonly layers: number
  readonly hidden: number
  readonly input: number
  readonly batch: number
}

async function stateNumbers(state: LstmState): Promise<Outputs> {
  const read = async (tensors: readonly Tensor[]): Promise<number[]> => {
    const all = await Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]))
    return all.flat()
  }
  return { h: await read(state.hidden), c: await read(state.cell) }
}

/** The same step in float64, from the recurrence's definition. */
async function reference(
  model: Lstm,
  first: ArrayLike<number>,
  before: Outputs,
  { layers, hidden, input, batch }: Sizes,
): Promise<Outputs> {
  const named = model.namedParameters()
  const numbers = async (layer: number, name: string) =>
    await (named.get(`lstm.${layer}.${name}`) as Tensor).data()
  const at = (from: ArrayLike<number>, i: number): number => from[i] ?? Number.NaN
  const { h: oldHidden = [], c: oldCell = [] } = before
  const h: number[] = []
  const c: number[] = []
  let x = Array.from(first)
  for (let layer = 0; layer < layers; ++layer) {
    const width = layer === 0 ? input : hidden
    const inputWeight = await numbers(layer, 'inputWeight')
    const hiddenWeight = await numbers(layer, 'hiddenWeight')
    const bias = await numbers(layer, 'bias')
    const output: number[] = []
    for (let b = 0; b < batch; ++b) {
      const own = (layer * batch + b) * hidden
      const gate = (block: number, unit: number): number => {
        const row = block * hidden + unit
        let sum = at(bias, row)
        for (let k = 0; k < width; ++k)
          sum += at(inputWeight, row * width + k) * at(x, b * width + k)
        for (let k = 0; k < hidden; ++k) {
          sum += at(hiddenWeight, row * hidden + k) * at(oldHidden, own + k)
        }
        return sum
      }
      for (let unit = 0; unit < hidden; ++unit) {
        const kept = logistic(gate(1, unit)) * at(oldCell, own + unit)
        const cell = kept + logistic(gate(0, unit)) * Math.tanh(gate(2, unit))
        c.push(cell)
        output.push(logistic(gate(3, unit)) * Math.tanh(cell))
      }
    }
    h.push(...output)
    x = output
  }
  return { h, c }
}

/** Builds lstm.step. */
export async function buildLstm(entry: Entry, on: Device): Promise<Trial> {
  const sizes = entry.params as unknown as Sizes
  const { layers, hidden, input, batch } = sizes
  const model = new Lstm({ input, hidden, layers, seed: kSeed, device: on })
  const bound = 1 / Math.sqrt(hidden)
  let stream = 0
  const draw = (shape: readonly number[], low: number): Tensor =>
    randomUniform(zeros(shape, { device: on }), { seed: kSeed, stream: ++stream, low, high: -low })
  const drawState = (): Tensor[] =>
    Array.from({ length: layers }, () => draw([batch, hidden], -bound))
  const state: LstmState = { hidden: drawState(), cell: drawState() }
  const inputs = Array.from({ length: kSets }, () => draw([batch, 1, input], -Math.sqrt(3)))
  const step = (x: Tensor): LstmState => noGrad(() => model.forward(x, state).state)
  return {
    calls: inputs.map((x) => () => {
      using _ = scope()
      step(x)
    }),
    synchronize: () => on.synchronize(),
    check: async () => {
      await using _ = scope()
      const first = inputs[0] as Tensor
      const outputs = await stateNumbers(step(first))
      const wanted = await reference(model, await first.data(), await stateNumbers(state), sizes)
      return { outputs, reference: wanted }
    },
    note: 'host clock, synchronised',
    isLatency: true,
    extra: (ms) => ({ weight_GB_per_s: (4 * model.parameterCount) / (1e6 * ms) }),
    dispose: () => {
      model.dispose()
      for (const made of [...inputs, ...state.hidden, ...state.cell]) made.dispose()
    },
  }
}
