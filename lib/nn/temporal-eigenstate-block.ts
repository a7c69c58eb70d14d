// The block of a Temporal Eigenstate Network:
//   x ← x + drop(σ(W_g z + b_g) ⊙ W_out R scan(W_in z)),  z = LN x
//   x ← x + drop(MLP(LN x)),                              MLP = W₂ SiLU(W₁ · + b₁) + b₂
// with its variants: selective eigenvalues, Pro (convolution, memory between layers), several scales.
import type { FloatDtype } from '../dtype.js'
import { blockDiagonal } from '../operations/block-diagonal.js'
import { cast } from '../operations/cast.js'
import { causalConvolution, nextHistory } from '../operations/causal-convolution.js'
import { residualDropout } from '../operations/dropout.js'
import { eigenstateScan } from '../operations/eigenstate-scan.js'
import { gate } from '../operations/gate.js'
import { layerNorm } from '../operations/layer-norm.js'
import { linear } from '../operations/matrix-product.js'
import { scaledSum } from '../operations/scaled-sum.js'
import { silu } from '../operations/silu.js'
import type { Tensor } from '../tensor.js'
import type { Initialisation } from './initialisation.js'
import { blockInitialCoupling, blockInitialDecay, blockInitialFrequency } from './initialisation.js'
import { MultiScaleMixer, type MultiScaleState } from './multi-scale-mixer.js'
import type { Initial, Parameters } from './parameters.js'

/** What distinguishes the blocks of a model. */
export interface BlockOptions {
  /** Model width d. */
  readonly width: number
  /** Eigenstates K of the layer. */
  readonly eigenstates: number
  /** Blocks of the coupling matrix; divides `eigenstates`. */
  readonly heads: number
  /** Eigenvalues that depend on the input. */
  readonly selective: boolean
  /** Convolution after the input projection and memory from the layer before. */
  readonly pro: boolean
  /** Scales of average pooling; [] for the plain block. */
  readonly scales: readonly number[]
  /** Place in the model, from 0, and number of layers. */
  readonly layer: number
  readonly layers: number
  readonly initialisation: Initialisation
  /** Longest memory that `initialisation: 'long'` gives, steps. */
  readonly trainingLength: number
  readonly epsilon: number
  readonly selectionScale: number | readonly [number, number]
  readonly checkpoint: number | undefined
  readonly seed: number
}

/** What a block carries from one call to the next; tensors are disposed by whoever replaces them. */
export interface BlockState {
  /** c(t): (batch, 2K), float32. */
  readonly scan: Tensor | null
  /** The last three inputs of the convolution: (batch, 3, 2K). */
  readonly history: Tensor | null
  readonly scales: MultiScaleState | null
}

/** What a block gives. */
export interface BlockResult {
  readonly output: Tensor
  /** c̃ = R c: (batch, time, 2K), where asked for. */
  readonly coupled: Tensor | null
  readonly state: BlockState
}

/** How a call of a block differs from another. */
export interface BlockCall {
  readonly memory: Tensor | null
  readonly state: BlockState | null
  readonly precision: FloatDtype
  /** Probability of dropping, and where its random numbers are: 0 outside training. */
  readonly dropout: { readonly probability: number; readonly seed: number; readonly step: number }
  /** One step after another, for generation. */
  readonly exact: boolean
  /** Whether the state after the last step is asked for. */
  readonly carry: boolean
  /** Whether the coupled states are asked for: the next layer's memory. */
  readonly coupled: boolean
}

const kConvolutionTaps = 4

/** One layer of a Temporal Eigenstate Network. Parameters are named `layer<i>.<name>`. */
export class TemporalEigenstateBlock {
  readonly options: BlockOptions
  readonly #parameters: Parameters
  readonly #mixer: MultiScaleMixer | null
  readonly #prefix: string

  constructor(parameters: Parameters, options: BlockOptions) {
    this.options = options
    this.#parameters = parameters
    this.#prefix = `layer${options.layer}.`
    const { width: d, eigenstates: K, heads, pro } = options
    const weight = { normal: 0.02 }
    const zero = { constant: 0 }
    this.#add('norm1Weight', [d], { constant: 1 })
    this.#add('norm1Bias', [d], zero)
    if (options.scales.length > 0) {
      this.#mixer = new MultiScaleMixer(parameters, this.#prefix, options)
    } else {
      this.#mixer = null
      this.#add('inWeight', [2 * K, d], weight)
      if (options.selective) this.#add('selectWeight', [2 * K, d], weight)
      this.#add('logDecay', [K], { values: blockInitialDecay(options) })
      this.#add('frequency', [K], { values: blockInitialFrequency(K) })
      this.#add('coupling', [heads, K / heads, K / heads], {
        values: blockInitialCoupling(options),
      })
      this.#add('outWeight', [d, 2 * K], weight)
    }
    this.#add('gateWeight', [d, d], weight)
    this.#add('gateBias', [d], { constant: -2 })
    this.#add('norm2Weight', [d], { constant: 1 })
    this.#add('norm2Bias', [d], zero)
    this.#add('mlpInWeight', [4 * d, d], weight)
    this.#add('mlpInBias', [4 * d], zero)
    this.#add('mlpOutWeight', [d, 4 * d], weight)
    this.#add('mlpOutBias', [d], zero)
    if (pro) this.#addPro(K)
  }

  #add(name: string, shape: readonly number[], initial: Initial): void {
    this.#parameters.add(this.#prefix + name, shape, initial)
  }

  #addPro(K: number): void {
    this.#add('convWeight', [2 * K, kConvolutionTaps], { normal: 0.02 })
    this.#add('convBias', [2 * K], { constant: 0 })
    if (this.options.layer > 0) {
      this.#add('memoryGate', [], { constant: -3 })
      const identity = new Float64Array(4 * K * K)
      for (let i = 0; i < 2 * K; ++i) identity[i * (2 * K + 1)] = 1
      this.#add('memoryWeight', [2 * K, 2 * K], { values: identity })
    }
  }

  #get(name: string): Tensor {
    return this.#parameters.get(this.#prefix + name)
  }

  /**
   * One pass over x (batch, time, d).
   *
   * @returns the block's output (batch, time, d), and what carries on.
   */
  forward(x: Tensor, call: BlockCall): BlockResult {
    const { layer, epsilon } = this.options
    const { precision, dropout } = call
    const weight = (name: string) => this.#parameters.in(this.#prefix + name, precision)
    const drop = (residual: Tensor, input: Tensor, site: number) =>
      residualDropout({
        residual,
        input,
        probability: dropout.probability,
        seed: dropout.seed,
        step: dropout.step,
        stream: 2 * layer + site,
      })
    const z = layerNorm({
      input: x,
      weight: weight('norm1Weight'),
      bias: weight('norm1Bias'),
      epsilon,
    })
    const { mixed, coupled, state } = this.#mixer
      ? { coupled: null, ...this.#mixer.forward(z, call) }
      : this.#mix(z, call)
    const gateInput = linear({ input: z, weight: weight('gateWeight') })
    const gated = gate({ value: mixed, gate: gateInput, bias: weight('gateBias') })
    const middle = drop(x, gated, 0)
    const normal = layerNorm({
      input: middle,
      weight: weight('norm2Weight'),
      bias: weight('norm2Bias'),
      epsilon,
    })
    const hidden = silu(
      linear({ input: normal, weight: weight('mlpInWeight'), bias: this.#get('mlpInBias') }),
    )
    const output = drop(
      middle,
      linear({ input: hidden, weight: weight('mlpOutWeight'), bias: this.#get('mlpOutBias') }),
      1,
    )
    return { output, coupled, state }
  }

  // W_out R scan(W_in z); the coupling is folded into W_out, since nothing nonlinear is between them.
  #mix(z: Tensor, call: BlockCall): { mixed: Tensor; coupled: Tensor | null; state: BlockState } {
    const { selective, selectionScale, checkpoint, pro } = this.options
    const { precision } = call
    const weight = (name: string) => this.#parameters.in(this.#prefix + name, precision)
    let drive = linear({ input: z, weight: weight('inWeight') })
    let history: Tensor | null = null
    if (pro) {
      const before = call.state?.history ?? null
      if (call.carry) history = nextHistory(drive, before, kConvolutionTaps - 1)
      const bias = weight('convBias')
      drive = silu(
        causalConvolution({ input: drive, weight: weight('convWeight'), bias, history: before }),
      )
      if (call.memory) {
        const recalled = linear({ input: call.memory, weight: weight('memoryWeight') })
        drive = scaledSum({
          base: drive,
          value: recalled,
          weight: this.#get('memoryGate'),
          index: 0,
          sigmoid: true,
        })
      }
    }
    const selection = selective ? linear({ input: z, weight: weight('selectWeight') }) : null
    const { states, final } = eigenstateScan({
      input: drive,
      logDecay: this.#get('logDecay'),
      frequency: this.#get('frequency'),
      selection,
      selectionScale,
      initial: call.state?.scan ?? null,
      checkpoint,
      exact: call.exact,
    })
    const coupling = this.#get('coupling')
    const state = { scan: final, history, scales: null }
    if (call.coupled) {
      const coupled = blockDiagonal({ input: states, coupling: cast(coupling, precision) })
      return { mixed: linear({ input: coupled, weight: weight('outWeight') }), coupled, state }
    }
    const folded = cast(
      blockDiagonal({ input: this.#get('outWeight'), coupling, transpose: true }),
      precision,
    )
    return { mixed: linear({ input: states, weight: folded }), coupled: null, state }
  }
}
