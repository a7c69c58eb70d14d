import { expectNumber } from '../check.js'
import { operation } from '../native.js'
import type { Tensor } from '../tensor.js'
import { moments, Optimizer, type OptimizerOptions } from './optimizer.js'

const sgd = operation('sgd', [
  'parameter',
  'gradient',
  'first',
  'norm',
  'rate',
  'momentum',
  'weightDecay',
  'maxNorm',
  'step',
] as const)

/** Options of `Sgd`. */
export interface SgdOptions extends OptimizerOptions {
  /** Default: 0. */
  momentum?: number
  /** Added to the gradient, times the parameter. Default: 0. */
  weightDecay?: number
}

/**
 * Stochastic gradient descent with momentum.
 *
 *     b ← μ b + g (b = g at first),  θ ← θ − η b
 */
export class Sgd extends Optimizer {
  readonly #first: readonly Tensor[]
  readonly #momentum: number
  readonly #weightDecay: number

  constructor(parameters: readonly Tensor[], options: SgdOptions = {}) {
    const momentum = expectNumber('Sgd', 'momentum', options.momentum ?? 0, { low: 0, high: 1 })
    const weightDecay = expectNumber('Sgd', 'weightDecay', options.weightDecay ?? 0, { low: 0 })
    super('Sgd', parameters, { learningRate: 1e-2, ...options })
    this.#momentum = momentum
    this.#weightDecay = weightDecay
    this.#first = this.#momentum > 0 ? moments(parameters) : []
  }

  protected override update(
    index: number,
    parameter: Tensor,
    gradient: Tensor,
    norm: Tensor | null,
  ): void {
    sgd({
      parameter,
      gradient,
      first: this.#first[index] ?? null,
      norm,
      rate: this.learningRate,
      momentum: this.#momentum,
      weightDecay: this.#weightDecay,
      maxNorm: this.clipNorm,
      step: this.steps,
    })
  }

  override state(): ReadonlyMap<string, Tensor> {
    return new Map(this.#first.map((tensor, i) => [`first.${i}`, tensor]))
  }
}
