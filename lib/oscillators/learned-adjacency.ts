// A dense adjacency that is learned: A = σ(logits) where there may be an edge, 0 elsewhere.
import { RandomStream, randomNormals } from '../data/philox.js'
import type { FloatDtype } from '../dtype.js'
import type { Graph } from '../graph/graph.js'
import { cast } from '../operations/cast.js'
import { gate } from '../operations/gate.js'
import { type Tensor, tensor } from '../tensor.js'
import type { BankTensors } from './bank-tensors.js'

/** Standard deviation of the logits at the start: all couplings near one half. */
const kDeviation = 0.1

/** @internal */
export class LearnedAdjacency {
  readonly #logits: Tensor
  readonly #mask: Tensor
  readonly #zeros: Tensor

  constructor(tensors: BankTensors, graph: Graph, draw: { seed: number; block: number }) {
    const { oscillators: N } = graph
    const { device, dtype } = tensors
    const shape = [N, N]
    const stream = RandomStream.initialisation
    const drawn = randomNormals({ ...draw, count: N * N, stream })
    const start = drawn.map((value) => kDeviation * value)
    this.#logits = tensors.add('adjacencyLogits', start, { shapes: [shape], learned: true })
    this.#mask = tensors.keep(tensor(maskOf(graph), { shape, device, dtype }))
    this.#zeros = tensors.keep(tensor(new Float64Array(N), { device, dtype }))
  }

  /** A on the tape: the gate σ(logits + 0) ⊙ mask, so that masked logits have no gradient. */
  matrix(dtype: FloatDtype): Tensor {
    return cast(gate({ value: this.#mask, gate: this.#logits, bias: this.#zeros }), dtype)
  }
}

// 1 for the graph's edges, never on the diagonal.
function maskOf(graph: Graph): Float64Array {
  const { oscillators: N, kind } = graph
  const mask = kind === 'global' ? new Float64Array(N * N).fill(1) : graph.toDense()
  for (let i = 0; i < N; ++i) {
    for (let j = 0; j < N; ++j) mask[i * N + j] = i !== j && mask[i * N + j] !== 0 ? 1 : 0
  }
  return mask
}
