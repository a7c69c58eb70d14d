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

/** @internal */
export class SphereNodes implements Disposable {
  /** (3, n). */
  readonly positions: Tensor
  /** (n) each. */
  readonly amplitudes: Tensor
  readonly frequencies: Tensor
  readonly phases: Tensor
  /** (2, n): Re F, Im F. */
  readonly field: Tensor
  readonly #options: SphereNodesOptions

  /** Positions are left to the lattice; the field is 0. With `before` its nodes stay as they are. */
  constructor(options: SphereNodesOptions, before: SphereNodes | null = null) {
    const { nodes, seed, dtype, device } = options
    this.#options = options
    const made = noGrad(() =>
      scope((all) => {
        const empty = (): Tensor => Tensor.empty([nodes], dtype, device)
        const drawn = {
          amplitudes: fill(empty(), kAmplitude),
          frequencies: randomNormal(empty(), {
            seed,
            stream: RandomStream.sphereFrequencies,
            ...kFrequency,
          }),
          phases: randomUniform(empty(), {
            seed,
            stream: RandomStream.spherePhases,
            high: 2 * Math.PI,
          }),
        }
        const kept = {
          amplitudes: withFirst(drawn.amplitudes, before?.amplitudes),
          frequencies: withFirst(drawn.frequencies, before?.frequencies),
          phases: withFirst(drawn.phases, before?.phases),
          positions: Tensor.empty([3, nodes], dtype, device),
          field: zeros([2, nodes], { dtype, device }),
        }
        for (const kind of Object.values(kept)) {
          all.delete(kind)
          own(kind)
        }
        return kept
      }),
    )
    this.positions = made.positions
    this.amplitudes = made.amplitudes
    this.frequencies = made.frequencies
    this.phases = made.phases
    this.field = made.field
  }

  get nodes(): number {
    return this.#options.nodes
  }

  /** As many nodes as asked for: the first of these, and new ones beyond. */
  resized(nodes: number): SphereNodes {
    return new SphereNodes({ ...this.#options, nodes }, this)
  }

  dispose(): void {
    for (const kind of [
      this.positions,
      this.amplitudes,
      this.frequencies,
      this.phases,
      this.field,
    ]) {
      kind.dispose()
    }
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
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
  // Zeros elsewhere: the sum changes no bit of either part.
  return add(
    padTime({ input: steps(first), begin: 0, time }),
    padTime({ input: rest, begin, time }),
  ).reshape([time])
}
