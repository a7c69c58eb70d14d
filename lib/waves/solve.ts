// The wave field by the cheapest way that keeps a requested error.
import { noGrad } from '../context.js'
import { ValueError } from '../errors.js'
import { matrixProduct } from '../operations/matrix-product.js'
import { type CheckedWave, checkWave, expectChoice, isTensor } from '../operations/wave-call.js'
import { type WaveFieldOptions, type WaveSystem, waveField } from '../operations/wave-field.js'
import { waveReceive, waveSources } from '../operations/wave-sources.js'
import { scope } from '../scope.js'
import { differentiable, recording } from '../tape.js'
import { type Tensor, tensor } from '../tensor.js'
import { type ChebyshevPlan, chebyshevPlan, sampleCount, windowOf } from './chebyshev.js'
import { WaveCosts } from './cost.js'
import { relativeError } from './tree-error.js'
import { WaveTree } from './wave-tree.js'

/** Ways to a wave field. */
export type WaveMethod = 'direct' | 'propagator' | 'chebyshev' | 'treecode'

/** Arguments of `solveWaveField`. */
export interface WaveSolveOptions extends WaveSystem {
  /** t: a number, an array of M of them, or float64 (M). */
  times: number | ArrayLike<number> | Tensor
  /** int32 (S), or an array of integers in [0, N). Default: all N. */
  targets?: Tensor | ArrayLike<number> | null
  /** Default: 'auto', the one that is estimated to be quickest. */
  method?: 'auto' | WaveMethod
  /** What `chebyshev` and `treecode` may be off by, in (0, 1); see `solveWaveField`. Default: 1e-5. */
  error?: number
  /** `bfloat16`: the factors of the propagator's product are rounded, up to 3e-3 beside `error`. */
  precision?: 'float32' | 'bfloat16'
  /** A tree that was built of these positions, wavenumber and softening, for `treecode`. */
  tree?: WaveTree | null
}

/** What `solveWaveField` gives. */
export interface WaveSolution {
  /** (M, 2, S): the real plane, then the imaginary one. */
  readonly field: Tensor
  /** The way that was taken. */
  readonly method: WaveMethod
  /** Times at which `chebyshev` evaluated. */
  readonly samples?: number
  /** Interpolation points along an axis of a cluster, of `treecode`. */
  readonly order?: number
  /** Of `treecode`: ‖F − direct‖ / ‖direct‖ at a sample of up to 192 nodes, at all times. */
  readonly measuredError?: number
  /**
   * The tree that was built here, where gradients are recorded and its backward will sum over it: to be
   * disposed after that.
   */
  readonly tree?: WaveTree
  /** Why this way. */
  readonly reason: string
}

const name = 'solveWaveField'
const kMethods = ['auto', 'direct', 'propagator', 'chebyshev', 'treecode'] as const
/** Trees that are built, each finer than the one before, until the field's own error holds. */
const kTreeAttempts = 3
/** Of a finer tree: what part of the requested error it is built for. */
const kMargin = 0.5
/** Nodes at which a treecode's field is checked. */
const kSampled = 192
/** Below, the rounding of a dtype is larger than what interpolation would add. */
const kRounding = { float32: 1e-6, float64: 1e-12 } as const

/**
 * The field of `waveField` by the way that suits sizes and times.
 *
 *     direct:     every pair at every time
 *     propagator: every pair once, e^(−ik d)/d, and all times as one matrix product
 *     chebyshev:  P times in the window [t_0, t_1] of all M, and F(t_m) = Σ_p ℓ_p(t_m) F(t_p)
 *     treecode:   O(N) sums by interpolation between well separated clusters of nodes
 *
 * `chebyshev`: each field is band-limited by Ω = max |ω|, read once from the device. P is the least number
 * with 4 Σ_{n≥P} |J_n(Ω (t_1 − t_0) / 2)| ≤ error / √N, which bounds what interpolation adds:
 *
 *     |δF_i(t)| ≤ error √(Σ_j A_j² / d_ij²)
 *
 * The window is centred in float64, so that Unix time loses nothing. It falls back to `direct` or
 * `propagator` where P ≥ M, where `error` is below the rounding of the dtype (1e-6 for float32), and where the
 * window is too short for its points to be apart in float64.
 *
 * `treecode`: the error is a norm over the norm of the field, measured at a sample of the nodes against
 * `direct`; where it is above `error`, finer trees are tried. It falls back to `direct` where none reaches it.
 *
 * Gradients flow as from `waveField`; through `treecode` to amplitudes, frequencies and phases alone. Where
 * positions, wavenumber or softening require gradients, 'treecode' throws and 'auto' takes another way.
 *
 * @returns the field, the way that was taken, and why.
 * @throws as `waveField`; ValueError where method, error or precision do not fit.
 * Deterministic: the way depends on the arguments alone, and each gives the same bits in every run.
 */
export async function solveWaveField(options: WaveSolveOptions): Promise<WaveSolution> {
  const solver = new Solver(options)
  const { method = 'auto' } = options
  if (method === 'direct' || method === 'propagator') {
    const field = solver.evaluate(method, options.times)
    return { field, method, reason: `${method}: as asked` }
  }
  if (method === 'treecode') return await solver.treecode('as asked')
  if (method === 'chebyshev') return await solver.chebyshev('as asked')
  return await solver.automatic()
}

class Solver {
  readonly #options: WaveSolveOptions
  readonly #checked: CheckedWave
  readonly #error: number
  readonly #half: boolean
  readonly #costs: WaveCosts

  constructor(options: WaveSolveOptions) {
    const checked = checkWave(name, options)
    const { error = 1e-5, method = 'auto', precision = 'float32' } = options
    expectChoice(name, 'method', method, kMethods)
    expectChoice(name, 'precision', precision, ['float32', 'bfloat16'])
    if (!(typeof error === 'number' && error > 0 && error < 1)) {
      throw new ValueError(`${name}: error must be a number in (0, 1), got ${String(error)}`)
    }
    const half = precision === 'bfloat16'
    if (
      half &&
      (checked.kind.dtype !== 'float32' || method === 'direct' || method === 'treecode')
    ) {
      const rule =
        'float32 unless tensors are float32 and the method is neither direct nor treecode'
      throw new ValueError(`${name}: precision must be ${rule}, got bfloat16`)
    }
    if (options.tree && options.tree.nodes !== checked.nodes) {
      throw new ValueError(
        `${name}: tree must be of N = ${checked.nodes} nodes, got one of ${options.tree.nodes}`,
      )
    }
    this.#options = options
    this.#checked = checked
    this.#error = error
    this.#half = half
    this.#costs = new WaveCosts(checked.kind.device, half)
    const blocked = method === 'treecode' && this.#geometryGradient()
    if (blocked) {
      throw new ValueError(
        `${name}: method must not be treecode where ${blocked} requires gradients, got treecode`,
      )
    }
  }

  /** The input whose gradient a treecode does not have, if one is recorded. */
  #geometryGradient(): string | null {
    const { positions, wavenumber, softening } = this.#options
    const geometry = { positions, wavenumber, softening }
    for (const [key, given] of Object.entries(geometry)) {
      if (isTensor(given) && differentiable(given) && recording({ given })) return key
    }
    return null
  }

  evaluate(method: 'direct' | 'propagator', times: WaveFieldOptions['times']): Tensor {
    const { tree: _, error: __, ...options } = this.#options
    const precision = this.#half && method === 'propagator' ? 'bfloat16' : 'float32'
    return waveField({ ...options, times, method, precision })
  }

  /** The cheaper of the two ways that always work; with bfloat16 factors there is but one. */
  #plain(samples: number): { method: 'direct' | 'propagator'; seconds: number } {
    const sizes = { ...this.#checked, samples }
    const propagator = this.#costs.propagator(sizes)
    const direct = this.#costs.direct(sizes)
    return this.#half || propagator < direct
      ? { method: 'propagator', seconds: propagator }
      : { method: 'direct', seconds: direct }
  }

  #fallback(why: string): WaveSolution {
    const { method } = this.#plain(this.#checked.samples)
    return {
      field: this.evaluate(method, this.#options.times),
      method,
      reason: `${method}: ${why}`,
    }
  }

  /** How chebyshev would go, or why it would not. */
  async #chebyshevPlan(): Promise<ChebyshevPlan | string> {
    const { samples, nodes, kind, times: given } = this.#checked
    if (this.#error < kRounding[kind.dtype]) {
      return `an error of ${this.#error} is below the rounding of ${kind.dtype}`
    }
    const times = isTensor(given) ? ((await given.data()) as Float64Array) : given
    let highest = 0
    for (const frequency of (await this.#options.frequencies.data()) as Float64Array) {
      highest = Math.max(highest, Math.abs(frequency))
    }
    const window = windowOf(times)
    if (!Number.isFinite(highest * window.halfLength + window.centre)) {
      return 'frequencies and times are not all finite'
    }
    const band = highest * window.halfLength
    const found = sampleCount(band, this.#error / Math.sqrt(nodes), samples - 1)
    if (!found) {
      return `the band of ${(band / Math.PI).toPrecision(3)} turns a window needs no fewer than the ${samples} times`
    }
    return (
      chebyshevPlan(times, window, found) ??
      'the points of so short a window are not apart in float64'
    )
  }

  async chebyshev(why: string): Promise<WaveSolution> {
    const plan = await this.#chebyshevPlan()
    if (typeof plan === 'string') return this.#fallback(plan)
    return this.#interpolate(plan, why)
  }

  #interpolate(plan: ChebyshevPlan, why: string): WaveSolution {
    const { samples, receivers, kind } = this.#checked
    const count = plan.points.length
    const { method } = this.#plain(count)
    const compute = (): Tensor => {
      const sampled = this.evaluate(method, plan.points).reshape([count, 2 * receivers])
      const left = tensor(plan.matrix, { shape: [samples, count], ...kind })
      const product = matrixProduct({ left, right: sampled })
      return product.reshape([samples, 2, receivers])
    }
    return {
      field: this.#recorded() ? compute() : scope(compute),
      method: 'chebyshev',
      samples: count,
      reason: `chebyshev: ${why}; ${count} samples by ${method} stand for ${samples} times, each source within ${plan.bound.toExponential(1)}`,
    }
  }

  #recorded(): boolean {
    const { amplitudes, frequencies, phases, positions, wavenumber, softening } = this.#options
    const numbers = Object.fromEntries(
      Object.entries({ wavenumber, softening }).filter(([, given]) => isTensor(given)),
    ) as Record<string, Tensor>
    return recording({ amplitudes, frequencies, phases, positions, ...numbers })
  }

  async treecode(why: string): Promise<WaveSolution> {
    const given = this.#options.tree ?? null
    if (given) await this.#expectSameMedium(given)
    let wanted = this.#error
    for (let attempt = 1; ; ++attempt) {
      const tree = given ?? (await this.#build(wanted))
      const discard = (cause: unknown): never => {
        if (!given) tree.dispose()
        throw cause
      }
      const found = tree.error > wanted ? null : await this.#byTree(tree).catch(discard)
      const error = found?.error ?? tree.error
      if (found && error <= this.#error) {
        const kept = this.#recorded() && !given
        if (!kept && !given) tree.dispose()
        return {
          ...(kept && { tree }),
          field: found.field,
          method: 'treecode',
          order: tree.order,
          measuredError: error,
          reason: `treecode: ${why}; order ${tree.order}, measured error ${error.toExponential(1)}`,
        }
      }
      found?.field.dispose()
      if (!given) tree.dispose()
      if (given || !found || attempt === kTreeAttempts) {
        const best = error.toExponential(1)
        return {
          ...this.#fallback(
            `no order of the treecode reaches an error of ${this.#error}, its best is ${best}`,
          ),
          measuredError: error,
        }
      }
      wanted *= (kMargin * this.#error) / error
    }
  }

  // The field by a tree, and its error at some of the nodes against the field that `direct` gives there.
  async #byTree(tree: WaveTree): Promise<{ field: Tensor; error: number }> {
    const { amplitudes, frequencies, phases, times, targets = null } = this.#options
    const sample = sampleOf(this.#checked.nodes)
    let heard: Promise<ArrayLike<number>> | null = null
    const compute = (): Tensor => {
      const potential = tree.sum(waveSources({ amplitudes, frequencies, times }))
      noGrad(() => {
        const some = waveReceive({ potential, phases, targets: sample })
        heard = some.data().finally(() => some.dispose())
      })
      return waveReceive({ potential, phases, targets })
    }
    const field = this.#recorded() ? compute() : scope(compute)
    const direct = noGrad(() =>
      scope(() =>
        waveField({ ...this.#options, method: 'direct', precision: 'float32', targets: sample }),
      ),
    )
    const [got, want] = await Promise.all([
      heard as unknown as Promise<ArrayLike<number>>,
      direct.data(),
    ])
    direct.dispose()
    return { field, error: relativeError(got, want) }
  }

  async #medium(): Promise<{ wavenumber: number; softening: number }> {
    const { wavenumber, softening } = this.#checked
    const numberOf = async (given: number | Tensor): Promise<number> =>
      isTensor(given) ? await given.item() : given
    return { wavenumber: await numberOf(wavenumber), softening: await numberOf(softening) }
  }

  async #build(error: number): Promise<WaveTree> {
    const { positions } = this.#options
    const medium = await this.#medium()
    // The field's own error is measured anyway.
    return await WaveTree.build({ positions, ...medium, error, measure: false })
  }

  // Numbers and tensors of them differ by the rounding of float32.
  async #expectSameMedium(tree: WaveTree): Promise<void> {
    const medium = await this.#medium()
    for (const key of ['wavenumber', 'softening'] as const) {
      if (Math.abs(tree[key] - medium[key]) <= 1e-6 * Math.abs(medium[key])) continue
      throw new ValueError(
        `${name}: tree must be of ${key} ${medium[key]}, got one of ${tree[key]}`,
      )
    }
  }

  async automatic(): Promise<WaveSolution> {
    const { samples } = this.#checked
    const plain = this.#plain(samples)
    const plan = samples > 2 ? await this.#chebyshevPlan() : 'few times'
    const interpolated =
      typeof plan === 'string'
        ? Infinity
        : this.#plain(plan.points.length).seconds +
          this.#costs.interpolation(this.#checked, plan.points.length)
    const tree = this.#treeSeconds()
    const estimates = `estimated ${seconds(plain.seconds)} by ${plain.method}, ${seconds(interpolated)} by chebyshev, ${seconds(tree)} by treecode`
    if (tree < plain.seconds && tree < interpolated) return await this.treecode(estimates)
    if (typeof plan !== 'string' && interpolated < plain.seconds) {
      return this.#interpolate(plan, estimates)
    }
    return this.#fallback(estimates)
  }

  #treeSeconds(): number {
    const { tree = null } = this.#options
    if (this.#half || this.#geometryGradient() || (tree && tree.error > this.#error))
      return Infinity
    return this.#costs.tree(this.#checked, { error: this.#error, built: tree !== null })
  }
}

function seconds(estimate: number): string {
  if (estimate === Infinity) return 'not at all'
  return estimate < 1 ? `${(1000 * estimate).toPrecision(2)} ms` : `${estimate.toPrecision(2)} s`
}

// Nodes evenly spaced among all.
function sampleOf(nodes: number): Int32Array {
  const count = Math.min(nodes, kSampled)
  return Int32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * nodes) / count))
}
