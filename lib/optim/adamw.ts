import { expectNumber } from '../check.js'
import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'
import { moments, Optimizer, type OptimizerOptions } from './optimizer.js'

const adamW = operation('adamW', [
  'parameter',
  'gradient',
  'first',
  'second',
  'norm',
  'rate',
  'beta1',
  'beta2',
  'epsilon',
  'weightDecay',
  'maxNorm',
  'step',
  'decoupled',
] as const)

/** Options of `AdamW` and `Adam`. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay rates of the first and second moment. Default: [0.9, 0.999]. */
  betas?: readonly [number, number]
  /** Added to the square root of the second moment. Default: 1e-8. */
  epsilon?: number
  /** Default: 0.01 (AdamW), 0 (Adam). */
  weightDecay?: number
}

class AdamBase extends Optimizer {
  readonly #first: readonly Tensor[]
  readonly #second: readonly Tensor[]
  readonly #options: {
    beta1: number
    beta2: number
    epsilon: number
    weightDecay: number
    decoupled: boolean
  }

  constructor(
    name: string,
    parameters: readonly Tensor[],
    options: AdamOptions,
    defaults: { weightDecay: number; decoupled: boolean },
  ) {
    const [beta1, beta2] = options.betas ?? [0.9, 0.999]
    const below1 = { low: 0, high: 1 - 2 ** -24 }
    const checked = {
      beta1: expectNumber(name, 'betas', beta1, below1),
      beta2: expectNumber(name, 'betas', beta2, below1),
      epsilon: expectNumber(name, 'epsilon', options.epsilon ?? 1e-8, { low: 0 }),
      weightDecay: expectNumber(name, 'weightDecay', options.weightDecay ?? defaults.weightDecay, {
        low: 0,
      }),
      decoupled: defaults.decoupled,
    }
    super(name, parameters, { learningRate: 1e-3, ...options })
    this.#options = checked
    this.#first = moments(parameters)
    this.#second = moments(parameters)
  }

  protected override update(
    index: number,
    parameter: Tensor,
    gradient: Tensor,
    norm: Tensor | null,
  ): void {
    const first = this.#first[index] as Tensor
    const second = this.#second[index] as Tensor
    adamW({
      parameter,
      gradient,
      first,
      second,
      norm,
      rate: this.learningRate,
      ...this.#options,
      maxNorm: this.clipNorm,
      step: this.steps,
    })
  }

  override state(): ReadonlyMap<string, Tensor> {
    const named = (kind: string, tensors: readonly Tensor[]): [string, Tensor][] =>
      tensors.map((tensor, i) => [`${kind}.${i}`, tensor])
    return new Map([...named('first', this.#first), ...named('second', this.#second)])
  }
}

/**
 * Adam with decoupled weight decay, fused with clipping by the global norm, without waiting for the
 * device.
 *
 *     m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  θ ← θ − η (m̂ / (√v̂ + ε) + w θ)
 *
 * Source: Loshchilov & Hutter 2019, arXiv:1711.05101. Deterministic.
 */
export class AdamW extends AdamBase {
  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    super('AdamW', parameters, options, { weightDecay: 0.01, decoupled: true })
  }
}

/** Adam; weight decay is added to the gradient. Source: Kingma & Ba 2015, arXiv:1412.6980. */
export class Adam extends AdamBase {
  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    super('Adam', parameters, options, { weightDecay: 0, decoupled: false })
  }
}
