// The order parameter of every module of a bank of oscillators.
import type { Device } from '../device.js'
import { ShapeError, ValueError } from '../errors.js'
import { Graph } from '../graph/graph.js'
import { accumulate, int32 } from '../graph/rows.js'
import { operation } from '../native.js'
import { record, recording } from '../tape.js'
import { own, Tensor, tensor } from '../tensor.js'
import { expectFull, type OrderParameter } from './order-parameter.js'

const forward = operation('moduleOrderForward', [
  'phases',
  'start',
  'member',
  'coherence',
  'meanPhase',
  'rows',
  'oscillators',
  'modules',
] as const)
const backward = operation('moduleOrderBackward', [
  'phases',
  'start',
  'module',
  'coherence',
  'meanPhase',
  'gradCoherence',
  'gradMeanPhase',
  'gradPhases',
  'rows',
  'oscillators',
  'modules',
] as const)

interface ModuleTensors {
  readonly start: Tensor
  readonly member: Tensor
  readonly module: Tensor
}

/**
 * Which oscillator is in which module, sorted once, and its arrays on every device that uses it. Memory
 * on devices is taken by the first use and given back by `dispose`.
 */
export class Modules implements Disposable {
  /** The module of each oscillator (N). */
  readonly labels: Int32Array
  /** How many oscillators are in each module (count). */
  readonly sizes: Int32Array
  readonly #start: Int32Array
  readonly #member: Int32Array
  readonly #tensors = new Map<Device, ModuleTensors>()

  /**
   * @param labels of every oscillator (N): the modules' numbers 0 … count − 1, each of them in use.
   * @throws ShapeError where there is none; ValueError for anything but such integers.
   */
  constructor(labels: ArrayLike<number>) {
    const name = 'Modules'
    this.labels = int32(name, 'labels', labels)
    if (this.labels.length < 1) {
      throw new ShapeError(`${name}: labels must be of at least 1 element, got 0`)
    }
    const count = this.labels.reduce((most, label) => Math.max(most, label + 1), 0)
    const start = new Int32Array(Math.min(count, this.labels.length + 1) + 1)
    for (const [i, label] of this.labels.entries()) {
      if (label < 0) {
        throw new ValueError(`${name}: labels must be of at least 0, got ${label} at element ${i}`)
      }
      if (label + 1 < start.length) start[label + 1] = (start[label + 1] as number) + 1
    }
    this.sizes = start.slice(1)
    const unused = this.sizes.indexOf(0)
    if (unused >= 0) {
      throw new ValueError(
        `${name}: labels must be every integer from 0 to ${count - 1}, got none of ${unused}`,
      )
    }
    this.#start = accumulate(start)
    this.#member = new Int32Array(this.labels.length)
    const next = this.#start.slice(0, count)
    for (const [i, label] of this.labels.entries()) {
      const place = next[label] as number
      this.#member[place] = i
      next[label] = place + 1
    }
  }

  /** How many modules there are. */
  get count(): number {
    return this.sizes.length
  }

  /** N. */
  get oscillators(): number {
    return this.labels.length
  }

  /** The arrays on a device; no scope disposes them. @internal */
  tensors(device: Device): ModuleTensors {
    const kept = this.#tensors.get(device)
    if (kept) return kept
    const made = this.made(device)
    for (const each of Object.values(made)) own(each)
    this.#tensors.set(device, made)
    return made
  }

  /** The arrays on a device, for the current scope to dispose. @internal */
  made(device: Device): ModuleTensors {
    const onDevice = (values: Int32Array): Tensor => tensor(values, { dtype: 'int32', device })
    return {
      start: onDevice(this.#start),
      member: onDevice(this.#member),
      module: onDevice(this.labels),
    }
  }

  /** Gives the memory on all devices back. */
  dispose(): void {
    for (const made of this.#tensors.values()) {
      for (const kept of Object.values(made)) kept.dispose()
    }
    this.#tensors.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/**
 * The Kuramoto order parameter of every module m of the last dimension.
 *
 *     R_m e^(iψ_m) = (1/|m|) Σ_{j in m} e^(iθ_j)
 *
 * @param phases (…, N), rad, float64 or float32.
 * @param modules made once for many calls; a graph with modules or labels (N) are sorted in every call.
 * @returns `R` and `psi`, (…, modules). Gradients flow from both; none from ψ where R is 0.
 * @throws ShapeError, DtypeError, DisposedError; ValueError for a graph without modules. Two runs give
 * the same bits, whatever the number of threads.
 */
export function moduleOrder(
  phases: Tensor,
  modules: Modules | Graph | ArrayLike<number>,
): OrderParameter {
  const name = 'moduleOrder'
  expectFull(name, 'phases', phases)
  const given = modules instanceof Modules
  const sorted = given ? modules : new Modules(labelsOf(name, modules))
  const { oscillators, count } = sorted
  if (phases.shape.at(-1) !== oscillators) {
    throw new ShapeError(
      `${name}: phases must be of shape (…, N = ${oscillators}), got [${phases.shape}]`,
    )
  }
  const sizes = { rows: phases.length / oscillators, oscillators, modules: count }
  const tensors = given ? sorted.tensors(phases.device) : sorted.made(phases.device)
  const { start, member } = tensors
  const shape = [...phases.shape.slice(0, -1), count]
  const R = Tensor.empty(shape, phases.dtype, phases.device)
  const psi = Tensor.empty(shape, phases.dtype, phases.device)
  forward({ phases, start, member, coherence: R, meanPhase: psi, ...sizes })
  if (!given && !recording({ phases })) for (const made of Object.values(tensors)) made.dispose()
  return record({ phases }, { R, psi }, (gradients) => ({
    phases: moduleOrderBackward(gradients, { phases, R, psi, ...tensors }, sizes),
  }))
}

function moduleOrderBackward(
  gradients: { R: Tensor | null; psi: Tensor | null },
  { phases, R, psi, start, module }: OrderParameter & ModuleTensors & { phases: Tensor },
  sizes: { rows: number; oscillators: number; modules: number },
): Tensor {
  const gradPhases = Tensor.like(phases)
  backward({
    phases,
    start,
    module,
    coherence: R,
    meanPhase: psi,
    gradCoherence: gradients.R,
    gradMeanPhase: gradients.psi,
    gradPhases,
    ...sizes,
  })
  return gradPhases
}

function labelsOf(name: string, modules: Graph | ArrayLike<number>): ArrayLike<number> {
  if (!(modules instanceof Graph)) return modules
  if (modules.modules) return modules.modules
  throw new ValueError(`${name}: modules must be a graph with modules, got ${String(modules)}`)
}
