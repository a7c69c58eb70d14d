// Scopes dispose what was made inside them. JavaScript's garbage collector does not see device memory,
// so a training loop without scopes would fill it.
import { type Context, contextStorage, currentContext } from './context.js'
import type { Tensor } from './tensor.js'

/** Tensors made while a scope is current are disposed with it, unless `keep` was called on them. */
export class Scope implements Disposable, AsyncDisposable {
  readonly #tensors = new Set<Tensor>()
  readonly #outer: Context
  #entered = false
  #closed = false

  /** @internal */
  constructor(outer: Context) {
    this.#outer = outer
  }

  /** @internal */
  add(tensor: Tensor): void {
    if (this.#closed) {
      // Who awaited a function that opened and ended a scope still has that scope as its current one.
      this.#outer.scope?.add(tensor)
      return
    }
    tensor.owner = this
    this.#tensors.add(tensor)
  }

  /** @internal */
  delete(tensor: Tensor): void {
    this.#tensors.delete(tensor)
  }

  /** Hands a tensor to the surrounding scope (or to the caller where there is none). */
  keep<T extends Tensor>(tensor: T): T {
    if (this.#tensors.delete(tensor)) {
      tensor.owner = null
      this.#outer.scope?.add(tensor)
    }
    return tensor
  }

  /** @internal */
  enter(): void {
    this.#entered = true
    contextStorage.enterWith({ scope: this, recording: this.#outer.recording })
  }

  /** Disposes every tensor of the scope and makes the surrounding scope current again. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose()
    this.#tensors.clear()
    this.#closed = true
    if (this.#entered) contextStorage.enterWith(this.#outer)
    this.#entered = false
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose()
  }
}

/**
 * Opens a scope: `await using step = scope()` (or `using`) disposes at the end of the block everything
 * made in it; `scope(body)` does so around a synchronous or asynchronous function, whose result, if it
 * is a tensor, is kept.
 */
export function scope(): Scope
export function scope<T>(body: (scope: Scope) => T): T
export function scope<T>(body?: (scope: Scope) => T): Scope | T {
  const outer = currentContext()
  const opened = new Scope(outer)
  if (!body) {
    opened.enter()
    return opened
  }
  return contextStorage.run({ scope: opened, recording: outer.recording }, () => {
    let result: T
    try {
      result = body(opened)
    } catch (error) {
      opened.dispose()
      throw error
    }
    if (result instanceof Promise)
      return result.then(
        (value) => finish(opened, value),
        (error: unknown) => {
          opened.dispose()
          throw error
        },
      ) as T
    return finish(opened, result)
  })
}

function finish<T>(opened: Scope, result: T): T {
  if (isTensor(result)) opened.keep(result)
  opened.dispose()
  return result
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'handle' in value
}
