// What all optimisers share: their parameters, the norm of all gradients, clipping.
import { assertTensor, expectNumber } from '../check.js'
import { ValueError } from '../errors.js'
import { operation } from '../native.js'
import { own, type Tensor, zeros } from '../tensor.js'

const gradientNormPart = operation('gradientNormPart', ['gradient', 'partial', 'slot'] as const)
const gradientNorm = operation('gradientNorm', ['partial', 'norm'] as const)

/** Options of every optimiser. */
export interface OptimizerOptions {
  /** Step size. A schedule sets `learningRate` before each step. */
  learningRate?: number
  /** The gradients of all parameters together are scaled down to this norm; 0: never. Default: 0. */
  clipNorm?: number
}

/** Named state of an optimiser, for checkpoints. */
export interface OptimizerState {
  readonly tensors: ReadonlyMap<string, Tensor>
  steps: number
}

/** Base of the optimisers. `step` uses the gradients and frees them. */
export abstract class Optimizer implements Disposable {
  readonly parameters: readonly Tensor[]
  learningRate: number
  readonly clipNorm: number
  /** Steps taken. */
  steps = 0
  readonly #partial: Tensor | null
  readonly #norm: Tensor | null

  constructor(
    name: string,
    parameters: readonly Tensor[],
    options: OptimizerOptions & { learningRate: number },
  ) {
    if (parameters.length === 0)
      throw new ValueError(`${name}: parameters must hold at least one tensor, got none`)
    for (const parameter of parameters) {
      assertTensor(name, 'parameters', parameter)
      if (!parameter.requiresGrad)
        throw new ValueError(`${name}: parameters must require gradients, got ${parameter}`)
    }
    this.parameters = [...parameters]
    this.learningRate = expectNumber(name, 'learningRate', options.learningRate, { low: 0 })
    this.clipNorm = expectNumber(name, 'clipNorm', options.clipNorm ?? 0, { low: 0 })
    const device = parameters[0]?.device
    const clips = this.clipNorm > 0
    this.#partial = clips ? own(zeros([parameters.length], { dtype: 'float64', device })) : null
    this.#norm = clips ? own(zeros([1], { dtype: 'float64', device })) : null
  }

  /** The norm of all gradients before the last step's clipping; null without clipping. */
  get norm(): Tensor | null {
    return this.#norm
  }

  /** Takes one step with the gradients of the last `backward` and frees them. */
  step(): void {
    expectNumber('step', 'learningRate', this.learningRate, { low: 0 })
    if (!this.parameters.some((parameter) => parameter.grad)) {
      throw new ValueError('step: parameters must have gradients, got none: call backward first')
    }
    // Before anything is changed: a step happens wholly or not at all.
    for (const tensor of [...this.parameters, ...this.state().values()]) {
      tensor.assertAlive('step', 'parameters and state')
    }
    for (const { grad } of this.parameters) grad?.assertAlive('step', 'gradient')
    ++this.steps
    if (this.#partial && this.#norm) {
      for (const [slot, { grad }] of this.parameters.entries()) {
        if (grad) gradientNormPart({ gradient: grad, partial: this.#partial, slot })
      }
      gradientNorm({ partial: this.#partial, norm: this.#norm })
    }
    for (const [index, parameter] of this.parameters.entries()) {
      if (parameter.grad) this.update(index, parameter, parameter.grad, this.#norm)
    }
    this.zeroGrad()
  }

  /** Frees all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.dispose()
      parameter.grad = null
    }
  }

  protected abstract update(
    index: number,
    parameter: Tensor,
    gradient: Tensor,
    norm: Tensor | null,
  ): void

  /** Tensors of the state by `<kind>.<parameter index>`. */
  abstract state(): ReadonlyMap<string, Tensor>

  dispose(): void {
    this.zeroGrad()
    this.#partial?.dispose()
    this.#norm?.dispose()
    for (const tensor of this.state().values()) tensor.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Zeros like every parameter. @internal */
export function moments(parameters: readonly Tensor[]): Tensor[] {
  return parameters.map(({ shape, dtype, device }) => own(zeros(shape, { dtype, device })))
}
