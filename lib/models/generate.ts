// Text from a model, one token after another.
import { expectInteger, expectNumber } from '../check.js'
import { RandomStream, randomUniforms } from '../data/philox.js'
import { ValueError } from '../errors.js'
import { scope } from '../scope.js'
import { type Tensor, tensor } from '../tensor.js'
import type { ModelState, TemporalEigenstateNetwork } from './temporal-eigenstate-network.js'

/** How tokens are drawn. */
export interface GenerateOptions {
  /** At least one token to begin with. */
  prompt: ArrayLike<number>
  /** How many tokens to draw. */
  count: number
  /** Divides the scores; 0 takes the best token always. Default: 1. */
  temperature?: number
  /** Only the best so many tokens can be drawn; 0: all. Default: 0. */
  topK?: number
  /** Determines the draws. Default: 0. */
  seed?: number
  /** Stops generation between tokens. */
  signal?: AbortSignal
}

/**
 * Draws tokens from a model: the prompt is read in one scan, then every token costs one `step`, with
 * constant memory.
 *
 * @returns an asynchronous iterator over the drawn tokens; equal options give equal tokens.
 * @throws ValueError, ShapeError for options outside their ranges; the signal's reason when aborted.
 */
export async function* generate(
  model: TemporalEigenstateNetwork,
  options: GenerateOptions,
): AsyncGenerator<number, void, undefined> {
  const { prompt, temperature = 1, topK = 0, seed = 0, signal } = options
  const count = expectInteger('generate', 'count', options.count, 0)
  expectNumber('generate', 'temperature', temperature, { low: 0 })
  expectInteger('generate', 'topK', topK, 0)
  if (prompt.length < 1)
    throw new ValueError('generate: prompt must hold at least one token, got none')
  const { device } = model
  const draws = randomUniforms({ seed, count, stream: RandomStream.sampling })
  let state: ModelState | null = null
  let token = -1
  try {
    for (let i = 0; i < count; ++i) {
      signal?.throwIfAborted()
      const before: ModelState | null = state
      const step: Step = await scope(async (scope): Promise<Step> => {
        const int32 = { dtype: 'int32', device } as const
        const { logits, state: after }: { logits: Tensor; state: ModelState } = before
          ? model.step(tensor([token], int32), before)
          : model.read(tensor(prompt, { ...int32, shape: [1, prompt.length] }))
        for (const kept of tensorsOf(after)) scope.keep(kept)
        return { scores: await logits.data(), after }
      })
      disposeState(before, step.after)
      state = step.after
      token = draw(step.scores, { temperature, topK, uniform: draws[i] as number })
      yield token
    }
  } finally {
    disposeState(state, null)
  }
}

/** One token's scores and the state after it. */
interface Step {
  readonly scores: ArrayLike<number>
  readonly after: ModelState
}

function tensorsOf(state: ModelState | null): Tensor[] {
  const found = (state ?? []).flatMap(({ scan, history, scales }) => [
    scan,
    history,
    ...(scales?.scales ?? []).flatMap(({ window, scan, held }) => [window, scan, held]),
  ])
  return found.filter((tensor) => tensor !== null)
}

// What carries on unchanged stays alive.
function disposeState(state: ModelState | null, next: ModelState | null): void {
  const kept = new Set(tensorsOf(next))
  for (const tensor of tensorsOf(state)) if (!kept.has(tensor)) tensor.dispose()
}

/** Draws an index by the softmax of scores. @internal */
export function draw(
  scores: ArrayLike<number>,
  { temperature, topK, uniform }: { temperature: number; topK: number; uniform: number },
): number {
  const order = Array.from({ length: scores.length }, (_, i) => i)
  const score = (i: number): number => scores[i] as number
  order.sort((a, b) => score(b) - score(a) || a - b)
  const best = order[0] as number
  if (temperature === 0) return best
  const candidates = topK > 0 ? order.slice(0, topK) : order
  const weights = candidates.map((i) => Math.exp((score(i) - score(best)) / temperature))
  let rest = uniform * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [rank, weight] of weights.entries()) {
    rest -= weight
    if (rest < 0) return candidates[rank] as number
  }
  return best
}
