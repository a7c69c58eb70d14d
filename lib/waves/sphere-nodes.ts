// What a Möbius sphere holds for each node, drawn so that a node's numbers do not depend on how many
// nodes there are.
import { noGrad } from '../context.js'
import { RandomStream } from '../data/philox.js'
import type { Device } from '../device.js'
import { add } from '../operations/add.js'
import { fill } from '../operations/fill.js'
import { randomNormal, randomUniform } from '../operations/random.js'
import { padTime, timeSlice } from '../operations/time-slice.js'
import { scope } from '../scope.js'
import { own, Tensor, zeros } from '../tensor.js'

const kAmplitude = 2
const kFrequency = { mean: 1.5, deviation: 0.3 } // rad per unit of time

/** @internal */
export interface SphereNodesOptions {
  readonly nodes: number
  readonly seed: number
  readonly dtype: 'float32' | 'float64'
  readonly device: Device
}

/** The tensors of n nodes. @internal */
export interface NodeTensors {
  /** x (3, n). */
  readonly positions: Tensor
  /** A, ω and φ (n). */
  readonly amplitudes: Tensor
  readonly frequencies: Tensor
  readonly phases: Tensor
  /** F (2, n): Re F, Im F. */
  readonly field: Tensor
}

/** @internal */
export class SphereNodes implements Disposable {
  readonly tensors: NodeTensors
  readonly #options: SphereNodesOptions

  /** Positions are left to the lattice; the field is 0. With `before` its nodes stay as they are. */
  constructor(options: SphereNodesOptions, before: SphereNodes | null = null) {
    this.#options = options
    this.tensors = noGrad(() => scope(() => makeTensors(options, before?.tensors)))
  }

  get nodes(): number {
    return this.#options.nodes
  }

  /** As many nodes as asked for: the first of these, and new ones beyond. */
  resized(nodes: number): SphereNodes {
    return new SphereNodes({ ...this.#options, nodes }, this)
  }

  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function makeTensors(
  { nodes, seed, dtype, device }: SphereNodesOptions,
  before: NodeTensors | undefined,
): NodeTensors {
  const empty = (): Tensor => Tensor.empty([nodes], dtype, device)
  const { sphereFrequencies, spherePhases } = RandomStream
  const amplitudes = fill(empty(), kAmplitude)
  const frequencies = randomNormal(empty(), { seed, stream: sphereFrequencies, ...kFrequency })
  const phases = randomUniform(empty(), { seed, stream: spherePhases, high: 2 * Math.PI })
  const made = {
    positions: Tensor.empty([3, nodes], dtype, device),
    amplitudes: withFirst(amplitudes, before?.amplitudes),
    frequencies: withFirst(frequencies, before?.frequencies),
    phases: withFirst(phases, before?.phases),
    field: zeros([2, nodes], { dtype, device }),
  }
  for (const tensor of Object.values(made)) own(tensor)
  return made
}

/** `numbers` with its first ones, as far as they go, from `first`. */
function withFirst(numbers: Tensor, first: Tensor | undefined): Tensor {
  if (!first) return numbers
  const begin = first.length
  const time = numbers.length
  const steps = (of: Tensor): Tensor => of.reshape([1, of.length, 1])
  if (time <= begin) {
    return timeSlice({ input: steps(first), begin: 0, count: time }).reshape([time])
  }
  const rest = timeSlice({ input: steps(numbers), begin, count: time - begin })
  // Each part has zeros where the other stands: the sum changes no number.
  return add(
    padTime({ input: steps(first), begin: 0, time }),
    padTime({ input: rest, begin, time }),
  ).reshape([time])
}
