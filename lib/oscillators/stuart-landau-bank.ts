// Oscillators with an amplitude: the normal form of the onset of oscillation.
import { expectInteger } from '../check.js'
import { RandomStream, randomUniforms } from '../data/philox.js'
import { Graph, type Topology } from '../graph/graph.js'
import { allToAll, graphOf } from '../graph/topologies.js'
import type { OscillatorNormalisation } from '../operations/oscillators.js'
import { type Tensor, tensor } from '../tensor.js'
import { type BankNumbers, frequenciesOf } from './bank-tensors.js'
import type { FrequencyDistribution } from './distribution.js'
import { RealBank, type RealBankOptions } from './real-bank.js'
import { RealState } from './real-state.js'

/** Arguments of `StuartLandauBank`. */
export interface StuartLandauBankOptions extends RealBankOptions {
  /** N. */
  oscillators: number
  /** ω, rad per unit of time: see `KuramotoBank`. */
  naturalFrequencies: BankNumbers | FrequencyDistribution
  /** ρ: an oscillator alone settles at |z| = √ρ, or at rest where ρ ≤ 0. One number or (N). */
  growth: BankNumbers
  /** K: one number, or one for each batch. */
  coupling: BankNumbers
  /** Who pulls whom. Default: all to all. */
  topology?: Topology | Graph
  /** p (N), not negative. Default: 1. */
  precision?: BankNumbers | null
  /** s (N). Default: 1. */
  sign?: BankNumbers | null
  /** Default: `count`. */
  normalisation?: OscillatorNormalisation
  /** z at the start: N real parts, then N imaginary ones, (2N) for every batch or (batch, 2N). Default: on the unit circle at random. */
  state?: ArrayLike<number> | null
  /** Of the state, frequencies and topology. Default: 0. */
  seed?: number
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: { naturalFrequencies?: boolean; growth?: boolean; coupling?: boolean }
}

const name = 'StuartLandauBank'

/**
 * Stuart-Landau oscillators, coupled by diffusion.
 *
 *     dz_i/dt = (ρ + iω_i − |z_i|²) z_i + (s_i K / Z_i) Σ_{j≠i} A_ij p_j (z_j − z_i)
 *
 * R e^(iψ) is the mean of z. The state is Re z, then Im z: (batch, 2N).
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError.
 * Source: Aranson & Kramer 2002, doi:10.1103/RevModPhys.74.99.
 */
export class StuartLandauBank extends RealBank {
  readonly oscillators: number
  readonly graph: Graph
  readonly #ownsGraph: boolean
  protected readonly real: RealState

  constructor(options: StuartLandauBankOptions) {
    super(name, options)
    const { oscillators, seed = 0, learnable = {} } = options
    const { batch } = this
    this.oscillators = expectInteger(name, 'oscillators', oscillators)
    expectInteger(name, 'seed', seed, 0)
    this.#ownsGraph = !(options.topology instanceof Graph)
    this.graph = graphOf(options.topology ?? allToAll(), { oscillators, seed })
    const { normalisation = 'count' } = options
    try {
      const drawn = frequenciesOf(options.naturalFrequencies, {
        count: oscillators,
        seed,
        block: 1,
      })
      const each = [[oscillators]]
      const optional = (key: 'precision' | 'sign') => {
        const given = options[key]
        return given == null ? null : this.tensors.add(key, given, { shapes: each })
      }
      const parameters = {
        naturalFrequencies: this.tensors.add('naturalFrequencies', drawn, {
          shapes: [...each, [batch, oscillators]],
          learned: learnable.naturalFrequencies,
        }),
        growth: this.tensors.add('growth', options.growth, {
          shapes: [[1], ...each],
          learned: learnable.growth,
        }),
        coupling: this.tensors.add('coupling', options.coupling, {
          shapes: batch === 1 ? [[1]] : [[1], [batch]],
          learned: learnable.coupling,
        }),
        precision: optional('precision'),
        sign: optional('sign'),
      }
      this.real = new RealState(name, {
        tensors: this.tensors,
        state: this.#start(options.state ?? null, seed),
        system: () => ({
          system: 'stuart-landau',
          graph: this.graph,
          normalisation,
          ...parameters,
        }),
      })
    } catch (error) {
      this.tensors.dispose()
      throw error
    }
  }

  #start(given: ArrayLike<number> | null, seed: number): Tensor {
    const { oscillators: N, batch, device, dtype } = this
    const shape = [batch, 2 * N]
    const whole = new Float64Array(batch * 2 * N)
    if (given) {
      this.tensors.add('state', given, { shapes: [[2 * N], shape] })
      for (let at = 0; at < whole.length; ++at) whole[at] = given[at % given.length] as number
      return tensor(whole, { shape, device, dtype })
    }
    const angles = randomUniforms({ seed, count: batch * N, stream: RandomStream.initialisation })
    for (const [at, u] of angles.entries()) {
      const place = Math.floor(at / N) * 2 * N + (at % N)
      whole[place] = Math.cos(2 * Math.PI * u)
      whole[place + N] = Math.sin(2 * Math.PI * u)
    }
    return tensor(whole, { shape, device, dtype })
  }

  /** z now: Re, then Im, (batch, 2N). */
  state(): Tensor {
    return this.real.state.detach()
  }

  override dispose(): void {
    super.dispose()
    if (this.#ownsGraph) this.graph.dispose()
  }
}
