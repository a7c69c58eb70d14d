// What surrounds the code that makes tensors: the scope that will dispose them and whether operations
// are recorded. It follows asynchronous calls.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Scope } from './scope.js'

/** @internal */
export interface Context {
  readonly scope: Scope | null
  readonly recording: boolean
}

const outermost: Context = { scope: null, recording: true }

/** @internal */
export const contextStorage = new AsyncLocalStorage<Context>()

/** @internal */
export function currentContext(): Context {
  return contextStorage.getStore() ?? outermost
}

/** Runs `body` without recording operations for gradients; `body` may be asynchronous. */
export function noGrad<T>(body: () => T): T {
  return contextStorage.run({ scope: currentContext().scope, recording: false }, body)
}
