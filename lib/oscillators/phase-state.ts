// Where a bank is: its phases, their fixed-point form, the number of its next step, and whether it may be
// called now.
import { DisposedError, ValueError } from '../errors.js'
import type { KuramotoResult } from '../operations/kuramoto.js'
import type { Tensor } from '../tensor.js'
import type { BankTensors } from './bank-tensors.js'

/** @internal */
export class PhaseState {
  readonly #name: string
  readonly #tensors: BankTensors
  #phases: Tensor
  #state: Tensor | null = null
  #step = 0
  #running = false
  #disposed = false

  constructor(name: string, tensors: BankTensors, phases: Tensor) {
    this.#name = name
    this.#tensors = tensors
    this.#phases = tensors.keep(phases)
  }

  /** θ, in radians. */
  get phases(): Tensor {
    this.assertAlive()
    return this.#phases
  }

  /** The number of the next step. */
  get step(): number {
    return this.#step
  }

  /** Where a run begins, as `kuramoto` takes it. */
  get start(): { state: Tensor } | { phases: Tensor } {
    return this.#state ? { state: this.#state } : { phases: this.phases }
  }

  /** Goes to the end of a run. */
  advance({ phases, state }: Pick<KuramotoResult, 'phases' | 'state'>, steps: number): void {
    this.assertAlive()
    const { shape } = this.#phases
    this.#phases = this.#tensors.replace(this.#phases, phases.alias(shape))
    const words = state.shape.at(-1) ?? 1
    this.#state = this.#tensors.replace(this.#state, state.alias([...shape, words]))
    this.#step += steps
  }

  /** Awaits `body`, during which nothing else may move the bank. */
  async whileRunning<T>(body: () => Promise<T>): Promise<T> {
    this.assertIdle()
    this.#running = true
    try {
      return await body()
    } finally {
      this.#running = false
    }
  }

  assertIdle(): void {
    this.assertAlive()
    if (this.#running) {
      throw new ValueError(`${this.#name}: bank must be idle, got a call during simulate()`)
    }
  }

  assertAlive(): void {
    if (this.#disposed) {
      throw new DisposedError(`${this.#name}: bank must be alive, got a disposed one`)
    }
  }

  dispose(): void {
    this.#disposed = true
    this.#tensors.dispose()
  }
}
