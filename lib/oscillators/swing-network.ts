// Power grids and other rotating masses: oscillators with inertia.
import { expectInteger } from '../check.js'
import { noGrad } from '../context.js'
import { Graph, type Topology } from '../graph/graph.js'
import { allToAll, graphOf } from '../graph/topologies.js'
import type { OscillatorNormalisation } from '../operations/oscillators.js'
import { timeSlice } from '../operations/time-slice.js'
import { type Tensor, tensor } from '../tensor.js'
import { type BankNumbers, frequenciesOf } from './bank-tensors.js'
import type { FrequencyDistribution } from './distribution.js'
import { RealBank, type RealBankOptions } from './real-bank.js'
import { RealState } from './real-state.js'

/** Arguments of `SwingNetwork`. */
export interface SwingNetworkOptions extends RealBankOptions {
  /** N. */
  oscillators: number
  /** P: what drives each mass, in the unit of m θ″ (a grid: the power fed in, per unit); see `KuramotoBank`. */
  power: BankNumbers | FrequencyDistribution
  /** K: one number, or one for each batch. Default: 1, the weights of the graph saying it all. */
  coupling?: BankNumbers
  /** m, above 0: one number or (N). */
  inertia: BankNumbers
  /** γ: one number or (N). */
  damping: BankNumbers
  /** α, rad. Default: 0. */
  frustration?: BankNumbers | null
  /** Who pulls whom, how strongly. Default: all to all. */
  topology?: Topology | Graph
  /** Default: `none`, the coupling of a grid's lines being what it is. */
  normalisation?: OscillatorNormalisation
  /** θ at the start, rad: (N) for every batch or (batch, N). Default: 0. */
  phases?: ArrayLike<number> | null
  /** dθ/dt at the start. Default: 0. */
  velocities?: ArrayLike<number> | null
  /** Of the topology and drawn powers. Default: 0. */
  seed?: number
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: { power?: boolean; coupling?: boolean; inertia?: boolean; damping?: boolean }
}

const name = 'SwingNetwork'

/**
 * The swing equation on a network.
 *
 *     m θ″ + γ θ′ = P + (K / Z) Σ_{j≠i} A_ij sin(θ_j − θ_i − α)
 *
 * For a grid: θ is a bus's angle against the rated frequency, A_ij the greatest power of a line, R near 1
 * means synchrony; `rewire` trips lines during a run. The state is θ, then θ′: (batch, 2N).
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError.
 * Source: Filatrella, Nielsen & Pedersen 2008, doi:10.1140/epjb/e2008-00098-8.
 */
export class SwingNetwork extends RealBank {
  readonly oscillators: number
  readonly normalisation: OscillatorNormalisation
  protected readonly real: RealState
  readonly #parameters: Readonly<
    Record<'naturalFrequencies' | 'coupling' | 'inertia' | 'damping', Tensor>
  > & { readonly frustration: Tensor | null }
  #graph: Graph
  #ownsGraph: boolean

  constructor(options: SwingNetworkOptions) {
    super(name, options)
    const { oscillators, seed = 0, learnable = {} } = options
    const { batch } = this
    this.oscillators = expectInteger(name, 'oscillators', oscillators)
    expectInteger(name, 'seed', seed, 0)
    this.normalisation = options.normalisation ?? 'none'
    this.#ownsGraph = !(options.topology instanceof Graph)
    this.#graph = graphOf(options.topology ?? allToAll(), { oscillators, seed })
    try {
      const drawn = frequenciesOf(options.power, { count: oscillators, seed, block: 1 })
      const each = [[oscillators]]
      const one = batch === 1 ? [[1]] : [[1], [batch]]
      const add = (
        key: 'power' | 'coupling' | 'inertia' | 'damping',
        given: BankNumbers,
        shapes: readonly (readonly number[])[],
      ) => this.tensors.add(key, given, { shapes, learned: learnable[key] })
      this.#parameters = {
        naturalFrequencies: add('power', drawn, [...each, [batch, oscillators]]),
        coupling: add('coupling', options.coupling ?? 1, one),
        inertia: add('inertia', options.inertia, [[1], ...each]),
        damping: add('damping', options.damping, [[1], ...each]),
        frustration:
          options.frustration == null
            ? null
            : this.tensors.add('frustration', options.frustration, { shapes: [[1]] }),
      }
      const state = this.#start(options)
      this.real = new RealState(name, {
        tensors: this.tensors,
        state,
        system: () => ({
          system: 'swing',
          graph: this.#graph,
          normalisation: this.normalisation,
          ...this.#parameters,
        }),
      })
    } catch (error) {
      this.tensors.dispose()
      throw error
    }
  }

  // θ and θ′ of a batch element side by side.
  #start({ phases, velocities }: SwingNetworkOptions): Tensor {
    const { oscillators: N, batch, device, dtype } = this
    const whole = new Float64Array(batch * 2 * N)
    for (const [half, given] of [phases, velocities].entries()) {
      if (!given) continue
      this.tensors.add(half === 0 ? 'phases' : 'velocities', given, { shapes: [[N], [batch, N]] })
      for (let at = 0; at < batch * N; ++at) {
        whole[Math.floor(at / N) * 2 * N + half * N + (at % N)] = given[at % given.length] as number
      }
    }
    return tensor(whole, { shape: [batch, 2 * N], device, dtype })
  }

  /** The graph as it is now. */
  get graph(): Graph {
    return this.#graph
  }

  /**
   * Goes on with another graph of as many oscillators: lines trip, or close. The graph stays the caller's.
   */
  rewire(graph: Graph): void {
    this.real.assertIdle()
    const { oscillators } = this
    const next = graphOf(graph, { oscillators, seed: 0 })
    if (this.#ownsGraph) this.#graph.dispose()
    this.#graph = next
    this.#ownsGraph = false
  }

  #half(half: 0 | 1): Tensor {
    const { oscillators: N, batch } = this
    const input = this.real.state.reshape([batch, 2, N])
    return noGrad(() => timeSlice({ input, begin: half, count: 1 }).reshape([batch, N]))
  }

  /** θ now, in [0, 2π) after the first step: (batch, N). */
  phases(): Tensor {
    return this.#half(0)
  }

  /** dθ/dt now: (batch, N). */
  velocities(): Tensor {
    return this.#half(1)
  }

  override dispose(): void {
    super.dispose()
    if (this.#ownsGraph) this.#graph.dispose()
  }
}
