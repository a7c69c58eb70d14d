// The largest Lyapunov exponent of Kuramoto oscillators by two trajectories.
import { expectInteger, expectNumber } from '../check.js'
import { noGrad } from '../context.js'
import { RandomStream, randomNormals } from '../data/philox.js'
import { ShapeError, ValueError } from '../errors.js'
import { add } from '../operations/add.js'
import { kuramoto } from '../operations/kuramoto.js'
import { lyapunovRenormalise } from '../operations/lyapunov.js'
import { expectFull } from '../operations/order-parameter.js'
import { scope } from '../scope.js'
import { Tensor, tensor } from '../tensor.js'
import {
  expectStepDrive,
  type KuramotoSystem,
  repeatRows,
  repeatSystem,
  systemDuring,
  systemOf,
} from './kuramoto-system.js'
import type { Numbers } from './simulation.js'

/** Arguments of `lyapunovExponent`. */
export interface LyapunovOptions extends KuramotoSystem {
  /** θ at the start, rad: (batch, N) or (N). */
  phases: Tensor
  /** Steps over which growth is measured: a multiple of `interval`. */
  steps: number
  /** Steps between renormalisations, at least 1. Default: 10. */
  interval?: number
  /**
   * Steps before anything is measured, in which the perturbation turns into the direction that grows
   * most: a multiple of `interval` of at least one. Default: `interval`.
   */
  transient?: number
  /**
   * Size of the perturbation, rad, root mean square over the oscillators. Default: 1e-8 in float64, 1e-3
   * in float32, whose phases are resolved to 1.5e-9.
   */
  distance?: number
  /**
   * Leave out the shift of all phases alike, which never grows or shrinks: without this the exponent of
   * a stable state is 0 instead of negative. Default: true.
   */
  transverse?: boolean
  /** Of the first perturbation: integer of at least 0. Default: 0. */
  seed?: number
}

/** What `lyapunovExponent` gives. */
export interface LyapunovResult {
  /** Where it was computed. */
  readonly device: string
  /** Per unit of time: (batch). */
  readonly exponent: Float64Array
  /** ln(d / distance) of each interval: (renormalisations, batch). Its scatter tells the error. */
  readonly growth: Numbers
}

const name = 'lyapunovExponent'

/**
 * The largest Lyapunov exponent: how fast a small perturbation grows on average.
 *
 *     λ = (1 / (n τ)) Σ_k ln(d_k / d_0),   τ = interval · dt
 *
 * Reference and perturbed copy run side by side as one batch on fixed-point states; after each interval
 * their wrapped distance is measured and scaled back on the device. Everything is read once, at the end.
 *
 * @throws ShapeError, DtypeError, DeviceError, DisposedError; ValueError for a perturbation that shrinks
 * below the resolution of a phase within an interval, or one oscillator alone with `transverse`.
 * Deterministic: equal seeds give equal bits on one device.
 * Source: Benettin, Galgani & Strelcyn 1976, doi:10.1103/PhysRevA.14.2338.
 */
export async function lyapunovExponent(options: LyapunovOptions): Promise<LyapunovResult> {
  const checked = expectOptions(options)
  const { phases, system, interval, renormalisations, distance, transverse, batch } = checked
  const growth = await noGrad(() =>
    scope(async () => {
      const pairs = repeatSystem(system, 2)
      const growth = Tensor.empty([1 + renormalisations, batch], phases.dtype, phases.device)
      const { start, end } = checked
      let from: { phases: Tensor } | { state: Tensor } = { phases: perturbed(checked) }
      for (let step = 0; step < end; step += interval) {
        // Row 0 takes what the transient gives.
        const slot = step < start ? 0 : 1 + (step - start) / interval
        const before: typeof from = from
        const state = scope((): Tensor => {
          const during = systemDuring(pairs, step, interval)
          const next = kuramoto({ ...during, ...before, steps: interval, firstStep: step }).state
          lyapunovRenormalise({ growth, state: next, slot, distance, transverse })
          return next
        })
        for (const old of Object.values(before)) old.dispose()
        from = { state }
      }
      return (await growth.data()) as Numbers
    }),
  )
  const measured = growth.subarray(batch)
  const lost = measured.findIndex((value) => !Number.isFinite(value))
  if (lost >= 0) {
    throw new ValueError(
      `${name}: interval must be short enough for the perturbation to stay above the resolution of a phase, got ${interval} steps (lost in interval ${Math.floor(lost / batch)})`,
    )
  }
  const time = renormalisations * interval * options.dt
  const exponent = Float64Array.from({ length: batch }, (_, b) => {
    let sum = 0
    for (let i = b; i < measured.length; i += batch) sum += measured[i] as number
    return sum / time
  })
  return { device: phases.device.name, exponent, growth: measured }
}

interface Checked {
  readonly phases: Tensor
  readonly system: KuramotoSystem
  readonly batch: number
  readonly oscillators: number
  readonly interval: number
  readonly renormalisations: number
  /** Steps before which nothing is measured, and all steps. */
  readonly start: number
  readonly end: number
  readonly distance: number
  readonly transverse: boolean
  readonly seed: number
}

function expectOptions(options: LyapunovOptions): Checked {
  const { phases, steps, interval = 10, transient = interval, transverse = true } = options
  expectFull(name, 'phases', phases)
  const [batch = 0, oscillators = 0] = phases.shape.length === 1 ? [1, phases.length] : phases.shape
  if (phases.shape.length > 2 || phases.length < 1) {
    throw new ShapeError(
      `${name}: phases must be of shape (batch, N) or (N), got [${phases.shape}]`,
    )
  }
  if (transverse && oscillators < 2) {
    throw new ValueError(`${name}: transverse must be false for 1 oscillator, got true`)
  }
  expectInteger(name, 'interval', interval)
  for (const [key, count] of Object.entries({ steps, transient })) {
    expectInteger(name, key, count)
    if (count % interval !== 0) {
      throw new ValueError(
        `${name}: ${key} must be a multiple of the interval of ${interval}, got ${count}`,
      )
    }
  }
  const { distance = phases.dtype === 'float64' ? 1e-8 : 1e-3, seed = 0 } = options
  const least = phases.dtype === 'float64' ? 1e-15 : 1e-6
  expectNumber(name, 'distance', distance, { low: least, high: 1 })
  expectInteger(name, 'seed', seed, 0)
  const system = systemOf(options)
  const end = transient + steps
  expectStepDrive(name, system, end)
  const renormalisations = steps / interval
  const sizes = { batch, oscillators, interval, renormalisations, start: transient, end }
  return { phases, system, ...sizes, distance, transverse, seed }
}

// The references, then the copies with normal numbers added, of which the first interval's end shows
// only the direction.
function perturbed({ phases, batch, oscillators, distance, seed }: Checked): Tensor {
  const count = batch * oscillators
  const shape = [2 * batch, oscillators]
  const drawn = randomNormals({ seed, count, stream: RandomStream.initialisation })
  const offsets = new Float64Array(2 * count)
  offsets.set(
    drawn.map((value) => distance * value),
    count,
  )
  const { dtype, device } = phases
  const pairs = repeatRows(phases.reshape([batch, oscillators]), 2)
  return add(pairs, tensor(offsets, { shape, dtype, device }))
}
