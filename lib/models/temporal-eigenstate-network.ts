// The language model on Temporal Eigenstate blocks: embedding, blocks, norm, tied head.
import { expectInteger, expectNumber, expectShape } from '../check.js'
import { noGrad } from '../context.js'
import { type Device, type DeviceName, device as deviceOf } from '../device.js'
import type { FloatDtype } from '../dtype.js'
import { ShapeError, ValueError } from '../errors.js'
import type { Initialisation } from '../nn/initialisation.js'
import { Parameters } from '../nn/parameters.js'
import { type BlockState, TemporalEigenstateBlock } from '../nn/temporal-eigenstate-block.js'
import { embedding } from '../operations/embedding.js'
import { layerNorm } from '../operations/layer-norm.js'
import { linear } from '../operations/matrix-product.js'
import { softmaxCrossEntropy } from '../operations/softmax-cross-entropy.js'
import { timeSlice } from '../operations/time-slice.js'
import { recording } from '../tape.js'
import type { Tensor } from '../tensor.js'

/** The shape of a Temporal Eigenstate Network. */
export interface TemporalEigenstateNetworkOptions {
  /** Number of distinct tokens. */
  vocabulary: number
  /** Model width d. */
  width: number
  /** Number of blocks. */
  layers: number
  /** Eigenstates K of a layer. */
  eigenstates: number
  /** Diagonal blocks of the coupling; divides `eigenstates`. Default: 4, or the largest divisor below. */
  heads?: number
  /** Eigenvalues that depend on the input. Default: false. */
  selective?: boolean
  /** s in λ = σ(α + s tanh a) e^(i (ω + s tanh w)); one number, or one for a and one for w. Default: 0.1. */
  selectionScale?: number | readonly [number, number]
  /** Pro: convolution and SiLU after the input projection, memory from layer to layer. Default: false. */
  pro?: boolean
  /** HTEN: scans on inputs averaged over these many tokens, K / |scales| eigenstates each. Default: []. */
  scales?: readonly number[]
  /** Learned positions for sequences up to this length; 0 for none (the recurrence knows order). */
  positions?: number
  /** Probability of dropping in the residual branches, while gradients are recorded. Default: 0. */
  dropout?: number
  /** Default `long`: time constants from 2 steps to `trainingLength`. `paper`: α ~ U(−3, −0.1). */
  initialisation?: Initialisation
  /** Steps. Default: 1024. */
  trainingLength?: number
  /** Storage of activations and of the operands of products; parameters stay float32 (float64). */
  precision?: FloatDtype
  /** Keep the scan's states only every n steps for the backward pass. Default: all. */
  checkpoint?: number
  /** Layer norm's epsilon. Default: 1e-5. */
  epsilon?: number
  /** Determines every initial value and every dropped element. Default: 0. */
  seed?: number
  device?: DeviceName | Device
}

type Settled = Required<Omit<TemporalEigenstateNetworkOptions, 'checkpoint' | 'device'>> & {
  checkpoint: number | undefined
}

/** What generation carries from token to token: one state a layer, whatever was read before. */
export type ModelState = readonly BlockState[]

/** A causal language model whose memory is a bank of complex eigenstates. */
export class TemporalEigenstateNetwork implements Disposable {
  readonly options: Readonly<Settled>
  readonly device: Device
  readonly #parameters: Parameters
  readonly #blocks: readonly TemporalEigenstateBlock[]
  /** Counts calls of `loss` that recorded: the position of the dropout's random numbers. */
  trainingSteps = 0

  /** @throws ShapeError, ValueError for sizes and rates outside their ranges; DeviceError. */
  constructor(options: TemporalEigenstateNetworkOptions) {
    this.options = settle(options)
    this.device = deviceOf(options.device)
    const { vocabulary, width, layers, positions, seed, precision } = this.options
    const dtype = precision === 'float64' ? 'float64' : 'float32'
    const parameters = new Parameters({ device: this.device, dtype, seed })
    try {
      parameters.add('embedding', [vocabulary, width], { normal: 0.02 })
      if (positions > 0) parameters.add('positions', [positions, width], { normal: 0.02 })
      this.#blocks = Array.from(
        { length: layers },
        (_, layer) => new TemporalEigenstateBlock(parameters, { ...this.options, layer, layers }),
      )
      parameters.add('normWeight', [width], { constant: 1 })
      parameters.add('normBias', [width], { constant: 0 })
    } catch (error) {
      parameters.dispose()
      throw error
    }
    this.#parameters = parameters
  }

  /** All parameters, in a fixed order. */
  parameters(): Tensor[] {
    return [...this.#parameters.named.values()]
  }

  /** All parameters by name: `embedding`, `layer0.inWeight`, … */
  namedParameters(): ReadonlyMap<string, Tensor> {
    return this.#parameters.named
  }

  /** Number of elements of all parameters. */
  get parameterCount(): number {
    return this.#parameters.count
  }

  /**
   * Scores of the next token at every position.
   *
   * @param tokens int32 (batch, time), each in [0, vocabulary).
   * @returns (batch, time, vocabulary), in the model's precision.
   */
  logits(tokens: Tensor): Tensor {
    const call = { state: null, exact: false, carry: false }
    return this.#head(this.#trunk(this.#embed('logits', tokens), call).hidden)
  }

  /**
   * Mean cross-entropy of the next tokens, in nats.
   *
   * @param inputs int32 (batch, time); @param targets int32 (batch, time): the tokens that follow.
   * @returns one element. Dropout is active while gradients are recorded.
   */
  loss(inputs: Tensor, targets: Tensor): Tensor {
    const [batch = 0, time = 0] = expectShape('loss', 'inputs', inputs, { batch: -1, time: -1 })
    expectShape('loss', 'targets', targets, { batch, time })
    const training = recording({ embedding: this.#parameters.get('embedding') })
    const call = { state: null, exact: false, carry: false, training }
    const { hidden } = this.#trunk(this.#embed('loss', inputs), call)
    if (training) ++this.trainingSteps
    const logits = this.#head(hidden).reshape([batch * time, this.options.vocabulary])
    return softmaxCrossEntropy({ logits, targets: targets.reshape([batch * time]) })
  }

  /**
   * Reads a prompt in one scan.
   *
   * @param tokens int32 (batch, time).
   * @returns scores of the token after the last, (batch, vocabulary), and the state to carry on from.
   */
  read(tokens: Tensor): { logits: Tensor; state: ModelState } {
    return noGrad(() => {
      if (this.options.scales.length > 0) return this.#readStepwise(tokens)
      const call = { state: null, exact: false, carry: true }
      const { hidden, state } = this.#trunk(this.#embed('read', tokens), call)
      const last = timeSlice({ input: hidden, begin: (hidden.shape[1] ?? 0) - 1, count: 1 })
      return { logits: this.#flatHead(last), state }
    })
  }

  /**
   * Reads one more token, in time and memory that do not depend on how many came before.
   *
   * @param tokens int32 (batch). @returns as `read`.
   */
  step(tokens: Tensor, state: ModelState | null): { logits: Tensor; state: ModelState } {
    const [batch = 0] = expectShape('step', 'tokens', tokens, { batch: -1 })
    if (this.options.positions > 0) {
      throw new ValueError(
        `step: positions must be 0, got ${this.options.positions}: learned positions end with the window`,
      )
    }
    return noGrad(() => {
      const embedded = this.#embed('step', tokens.reshape([batch, 1]))
      const result = this.#trunk(embedded, { state, exact: true, carry: true })
      return { logits: this.#flatHead(result.hidden), state: result.state }
    })
  }

  // Average pooling keeps a window open between calls, so its state is built step by step.
  #readStepwise(tokens: Tensor): { logits: Tensor; state: ModelState } {
    const x = this.#embed('read', tokens)
    const time = x.shape[1] ?? 0
    let result: { hidden: Tensor; state: ModelState } | null = null
    for (let t = 0; t < time; ++t) {
      const step = timeSlice({ input: x, begin: t, count: 1 })
      result = this.#trunk(step, { state: result?.state ?? null, exact: true, carry: true })
    }
    const { hidden, state } = result as { hidden: Tensor; state: ModelState }
    return { logits: this.#flatHead(hidden), state }
  }

  #embed(name: string, tokens: Tensor): Tensor {
    const { precision, positions } = this.options
    const [batch = 0, time = 0] = expectShape(name, 'tokens', tokens, { batch: -1, time: -1 })
    if (batch < 1 || time < 1) {
      throw new ShapeError(`${name}: tokens must be of at least 1 element, got [${tokens.shape}]`)
    }
    if (positions > 0 && time > positions) {
      throw new ValueError(`${name}: time must be at most positions = ${positions}, got ${time}`)
    }
    return embedding({
      table: this.#parameters.in('embedding', precision),
      tokens,
      positions: positions > 0 ? this.#parameters.in('positions', precision) : null,
    })
  }

  #trunk(
    embedded: Tensor,
    options: { state: ModelState | null; exact: boolean; carry: boolean; training?: boolean },
  ): { hidden: Tensor; state: ModelState } {
    const { precision, dropout, seed, pro } = this.options
    const { state, exact, carry, training = false } = options
    let x = embedded
    let memory: Tensor | null = null
    const states: BlockState[] = []
    const drop = { probability: training ? dropout : 0, seed, step: this.trainingSteps }
    for (const [i, block] of this.#blocks.entries()) {
      const coupled = pro && i + 1 < this.#blocks.length
      const call = {
        memory,
        state: state?.[i] ?? null,
        precision,
        dropout: drop,
        exact,
        carry,
        coupled,
      }
      const result = block.forward(x, call)
      x = result.output
      memory = result.coupled
      states.push(result.state)
    }
    return { hidden: x, state: states }
  }

  #head(hidden: Tensor): Tensor {
    const { precision, epsilon } = this.options
    const weight = this.#parameters.in('normWeight', precision)
    const bias = this.#parameters.in('normBias', precision)
    const input = layerNorm({ input: hidden, weight, bias, epsilon })
    return linear({ input, weight: this.#parameters.in('embedding', precision) })
  }

  #flatHead(hidden: Tensor): Tensor {
    const batch = hidden.shape[0] ?? 0
    return this.#head(hidden).reshape([batch, this.options.vocabulary])
  }

  /** Gives the parameters' memory back. */
  dispose(): void {
    this.#parameters.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function largestDivisor(n: number, limit: number): number {
  for (let divisor = limit; divisor > 1; --divisor) if (n % divisor === 0) return divisor
  return 1
}

function settle(options: TemporalEigenstateNetworkOptions): Settled {
  const name = 'TemporalEigenstateNetwork'
  for (const key of ['vocabulary', 'width', 'layers', 'eigenstates'] as const) {
    expectInteger(name, key, options[key])
  }
  const settled = {
    heads: largestDivisor(options.eigenstates, 4),
    selective: false,
    selectionScale: 0.1,
    pro: false,
    scales: [],
    positions: 0,
    dropout: 0,
    initialisation: 'long' as const,
    trainingLength: 1024,
    precision: 'float32' as const,
    checkpoint: undefined,
    epsilon: 1e-5,
    seed: 0,
    ...options,
  }
  expectInteger(name, 'heads', settled.heads)
  expectInteger(name, 'positions', settled.positions, 0)
  expectInteger(name, 'trainingLength', settled.trainingLength)
  expectInteger(name, 'seed', settled.seed, 0)
  expectNumber(name, 'dropout', settled.dropout, { low: 0, high: 1 - 2 ** -24 })
  expectNumber(name, 'epsilon', settled.epsilon, { low: 0 })
  for (const scale of [settled.selectionScale].flat()) expectNumber(name, 'selectionScale', scale)
  if (settled.checkpoint !== undefined) expectInteger(name, 'checkpoint', settled.checkpoint)
  const fail = (key: string, rule: string, got: unknown): never => {
    throw new ValueError(`${name}: ${key} must be ${rule}, got ${String(got)}`)
  }
  if (settled.eigenstates % settled.heads !== 0)
    fail('heads', `a divisor of eigenstates = ${settled.eigenstates}`, settled.heads)
  if (!['float64', 'float32', 'bfloat16', 'float16'].includes(settled.precision)) {
    fail('precision', 'float64, float32, bfloat16 or float16', settled.precision)
  }
  if (!['long', 'paper'].includes(settled.initialisation))
    fail('initialisation', 'long or paper', settled.initialisation)
  if (settled.scales.length > 0) {
    for (const scale of settled.scales) expectInteger(name, 'scales', scale)
    if (new Set(settled.scales).size < settled.scales.length)
      fail('scales', 'distinct', settled.scales)
    if (settled.eigenstates % settled.scales.length !== 0)
      fail(
        'scales',
        `a number of scales that divides eigenstates = ${settled.eigenstates}`,
        settled.scales.length,
      )
    if (settled.pro || settled.selective)
      fail('scales', 'absent with pro or selective', settled.scales)
  }
  return settled
}
