// HTEN: scans on several time scales, mixed by learned weights,
//   h = Σ_s mix_s W_out,s hold_s(scan_s(W_in,s pool_s(z))),
// causal: a token sees only windows that are finished.
import { causalHold, causalPool } from '../operations/causal-pool.js'
import { eigenstateScan, eigenstateStep } from '../operations/eigenstate-scan.js'
import { linear } from '../operations/matrix-product.js'
import { scaledSum } from '../operations/scaled-sum.js'
import { type Tensor, tensor, zeros } from '../tensor.js'
import { blockInitialDecay, blockInitialFrequency } from './initialisation.js'
import type { Parameters } from './parameters.js'
import type { BlockCall, BlockOptions, BlockState } from './temporal-eigenstate-block.js'

/** What the scales carry between steps. */
export interface MultiScaleState {
  /** Tokens seen. */
  readonly tokens: number
  readonly scales: readonly {
    /** Mean so far of the unfinished window: (batch, d). */
    readonly window: Tensor
    /** State of the scan: (batch, 2K_s), float32. */
    readonly scan: Tensor | null
    /** W_out c of the last finished window: (batch, d); null while there is none. */
    readonly held: Tensor | null
  }[]
}

/** The scans of one block on all its scales. */
export class MultiScaleMixer {
  readonly #parameters: Parameters
  readonly #prefix: string
  readonly #scales: readonly number[]
  readonly #width: number

  constructor(parameters: Parameters, prefix: string, options: BlockOptions) {
    this.#parameters = parameters
    this.#prefix = prefix
    this.#scales = options.scales
    this.#width = options.width
    const eigenstates = options.eigenstates / options.scales.length
    const weight = { normal: 0.02 }
    for (const scale of options.scales) {
      const name = `${prefix}scale${scale}.`
      const trainingLength = Math.max(2, Math.ceil(options.trainingLength / scale))
      const decay = blockInitialDecay({ ...options, eigenstates, trainingLength })
      parameters.add(`${name}inWeight`, [2 * eigenstates, options.width], weight)
      parameters.add(`${name}logDecay`, [eigenstates], { values: decay })
      parameters.add(`${name}frequency`, [eigenstates], {
        values: blockInitialFrequency(eigenstates),
      })
      parameters.add(`${name}outWeight`, [options.width, 2 * eigenstates], weight)
    }
    parameters.add(`${prefix}mix`, [options.scales.length], { constant: 1 / options.scales.length })
  }

  /** One pass over z (batch, time, d); with `exact` and one step of time, from and to a state. */
  forward(z: Tensor, call: BlockCall): { mixed: Tensor; state: BlockState } {
    if (call.exact) return this.#step(z, call)
    const [batch = 0, time = 0] = z.shape
    let mixed: Tensor | null = null
    for (const [index, scale] of this.#scales.entries()) {
      if (time < scale) continue
      const pooled = causalPool({ input: z, scale })
      const drive = linear({ input: pooled, weight: this.#in(scale, 'inWeight', call) })
      const { states } = eigenstateScan({ input: drive, ...this.#eigenvalues(scale) })
      const projected = linear({ input: states, weight: this.#in(scale, 'outWeight', call) })
      const held = causalHold({ input: projected, scale, time })
      mixed = this.#mix(mixed, held, index)
    }
    mixed ??= zeros([batch, time, this.#width], { dtype: z.dtype, device: z.device })
    return { mixed, state: { scan: null, history: null, scales: null } }
  }

  #step(z: Tensor, call: BlockCall): { mixed: Tensor; state: BlockState } {
    const batch = z.shape[0] ?? 0
    const flat = z.reshape([batch, this.#width])
    const before = call.state?.scales ?? null
    const tokens = (before?.tokens ?? 0) + 1
    let mixed: Tensor | null = null
    const scales = this.#scales.map((scale, index) => {
      const old = before?.scales[index]
      const share = tensor([1 / scale], { dtype: this.#parameters.dtype, device: z.device })
      const window = scaledSum({ base: old?.window ?? null, value: flat, weight: share, index: 0 })
      let { scan = null, held = null } = old ?? {}
      const finished = tokens % scale === 0
      if (finished) {
        const drive = linear({ input: window, weight: this.#in(scale, 'inWeight', call) })
        scan = eigenstateStep({ input: drive, initial: scan, ...this.#eigenvalues(scale) })
        held = linear({ input: scan, weight: this.#parameters.get(this.#name(scale, 'outWeight')) })
      }
      if (held) mixed = this.#mix(mixed, held, index)
      const empty = finished ? zeros(window.shape, { dtype: z.dtype, device: z.device }) : window
      return { window: empty, scan, held }
    })
    const output = mixed ?? zeros([batch, this.#width], { dtype: z.dtype, device: z.device })
    return {
      mixed: (output as Tensor).reshape([batch, 1, this.#width]),
      state: { scan: null, history: null, scales: { tokens, scales } },
    }
  }

  #mix(sum: Tensor | null, value: Tensor, index: number): Tensor {
    return scaledSum({
      base: sum,
      value,
      weight: this.#parameters.get(`${this.#prefix}mix`),
      index,
    })
  }

  #name(scale: number, name: string): string {
    return `${this.#prefix}scale${scale}.${name}`
  }

  #in(scale: number, name: string, call: BlockCall): Tensor {
    return this.#parameters.in(this.#name(scale, name), call.precision)
  }

  #eigenvalues(scale: number) {
    return {
      logDecay: this.#parameters.get(this.#name(scale, 'logDecay')),
      frequency: this.#parameters.get(this.#name(scale, 'frequency')),
    }
  }
}
