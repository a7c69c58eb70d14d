// The Möbius helix sphere: a lattice of oscillating sources whose shape and amplitudes a control loop
// moves, and what the loop is told of the field.
import { fileDtypes } from '../data/safetensors-header.js'
import type { Device } from '../device.js'
import { CheckpointError, DisposedError } from '../errors.js'
import { guarded, native } from '../native.js'
import {
  buildLattice,
  expectNodes,
  followWishes,
  mobiusStructure,
} from '../operations/mobius-lattice.js'
import { applyAction } from '../operations/sphere-action.js'
import { scatterField } from '../operations/sphere-scatter.js'
import { sphereState } from '../operations/sphere-state.js'
import { countVortices } from '../operations/sphere-vortices.js'
import { waveFieldInto } from '../operations/wave-field.js'
import { scope } from '../scope.js'
import { own, Tensor, tensor, zeros } from '../tensor.js'
import { drawNodes } from './draw-nodes.js'
import {
  checkCycle,
  type EvolveOptions,
  type MobiusSphereOptions,
  type MobiusSphereSettings,
  type MobiusWishes,
  type SphereCheckpoint,
  type SphereReport,
  sphereSettings,
} from './mobius-sphere-options.js'
import { SphereNodes } from './sphere-nodes.js'

const name = 'MobiusSphere'
/** Vortices are looked for at about so many nodes, unless at all. */
const kVortexNodes = 500
/** Of a sample: its least and greatest size, and the uvhlN that leaves it as it is. */
const kSample = { least: 100, most: 300, uvhlN: 3.8 }

/**
 * n oscillating sources on a helix that winds over a sphere with half a twist.
 *
 *     u = 2π i/n,   ϑ = π (1 + cos u),   ϕ = w u + τ ϑ + u/2,   x = R (sin ϑ cos ϕ, sin ϑ sin ϕ, cos ϑ)
 *     F_i(t) = e^(iφ_i) Σ_j A_j sin(ω_j t − k d_ij) / d_ij,      d_ij = |x_i − x_j| + ε
 *
 * At first A = 2, φ is uniform in [0, 2π) and ω normal, 1.5 ± 0.3 rad per unit of time. `evolve` takes
 * one cycle of a control loop; everything stays on the device, and nothing waits for it. Tensors that the
 * sphere gives are its own: those of the nodes are replaced when their number changes. Equal options,
 * calls and device give equal bits. Give the memory back with `dispose()` or `using`.
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError,
 * DisposedError. What only the device sees (a wish or an amplitude that is NaN, an index outside [0, n))
 * is a ValueError of the next read.
 */
export class MobiusSphere implements Disposable {
  /** The options as they were given, with defaults. */
  readonly settings: MobiusSphereSettings
  readonly device: Device
  readonly dtype: 'float32' | 'float64'
  readonly #structure: Tensor
  readonly #clamped: Tensor
  readonly #vortices: Tensor
  readonly #reward: Tensor
  readonly #wavenumber: Tensor
  readonly #softening: Tensor
  readonly #wishes: Readonly<Record<'windings' | 'torsion', Tensor>>
  #nodes: SphereNodes
  #cycle = 0
  #disposed = false

  constructor(options: MobiusSphereOptions = {}) {
    this.settings = sphereSettings(name, options)
    const { device, dtype, windings, torsion, wavenumber, softening } = this.settings
    this.device = device
    this.dtype = dtype
    const made: Tensor[] = []
    const keep = (tensor: Tensor): Tensor => {
      made.push(own(tensor))
      return tensor
    }
    const one = (value: number): Tensor => keep(tensor([value], { dtype, device }))
    try {
      this.#structure = keep(mobiusStructure({ windings, torsion, device }))
      this.#clamped = keep(zeros([1], { dtype: 'int32', device }))
      this.#vortices = keep(zeros([1], { dtype: 'int32', device }))
      this.#reward = one(0)
      this.#wavenumber = one(wavenumber)
      this.#softening = one(softening)
      this.#wishes = { windings: one(windings), torsion: one(torsion) }
      this.#nodes = new SphereNodes(this.settings)
      made.push(...Object.values(this.#nodes.tensors))
      this.#build(this.#nodes, 'now')
      this.#count(this.#nodes)
    } catch (error) {
      for (const tensor of made) tensor.dispose()
      throw error
    }
  }

  /** n. */
  get nodes(): number {
    return this.#alive().nodes
  }

  /** Cycles evolved so far. */
  get cycle(): number {
    return this.#cycle
  }

  /** x (3, n). */
  get positions(): Tensor {
    return this.#alive().tensors.positions
  }

  /** A (n). */
  get amplitudes(): Tensor {
    return this.#alive().tensors.amplitudes
  }

  /** ω (n), rad per unit of time. */
  get frequencies(): Tensor {
    return this.#alive().tensors.frequencies
  }

  /** φ (n), rad. */
  get phases(): Tensor {
    return this.#alive().tensors.phases
  }

  /** F (2, n) as it was last computed: Re F, Im F; 0 at first. */
  get field(): Tensor {
    return this.#alive().tensors.field
  }

  /** Vortices of the stored field, |F| < 0.3: int32 (1). */
  get vortices(): Tensor {
    this.#alive()
    return this.#vortices
  }

  /** 100 d², less 50 e^(−100 d) where d < 0.01, for a vortex density d = min(vortices / n, 1): (1). */
  get reward(): Tensor {
    this.#alive()
    return this.#reward
  }

  /**
   * One cycle: the structure, then the amplitudes, then the field where the cycle's number (from 1) is a
   * multiple of `skipInterval`, then the vortices.
   *
   *     w ← 0.95 w + 0.05 w*,   τ ← 0.9 τ + 0.1 τ*,   A_i ← min(max(A_i + 0.02 a_i, 0.5), 5)
   *
   * Wishes outside w* ∈ [3.8, 150], τ* ∈ [0, 3] count as the nearest end, and are counted; where one is
   * NaN the structure stays and the next read throws a ValueError.
   *
   * @throws before anything is changed: ShapeError, ValueError, DtypeError, DeviceError, DisposedError.
   */
  evolve(options: EvolveOptions): void {
    const before = this.#alive()
    const { settings } = this
    const { structure, action } = options
    const wanted = checkCycle('evolve', options, { nodes: before.nodes, kind: settings })
    scope(() => {
      const cycle = this.#cycle + 1
      const measures = cycle % settings.skipInterval === 0
      const targets = measures ? this.#targets(options, wanted, cycle) : null
      const nodes = wanted === before.nodes ? before : before.resized(wanted)
      if (structure?.windings !== undefined || structure?.torsion !== undefined) {
        this.#follow(structure)
      }
      this.#build(nodes, nodes === before ? 'lazily' : 'now')
      this.#replace(nodes)
      if (action !== undefined) applyAction({ action, amplitudes: nodes.tensors.amplitudes })
      if (measures) this.#measure(options.time, targets)
      this.#count(nodes)
      this.#cycle = cycle
    })
  }

  // The nodes whose field is computed; null for all.
  #targets({ indices, structure }: EvolveOptions, nodes: number, cycle: number): Tensor | null {
    const { sampleSize, seed, device } = this.settings
    if (indices) return indices
    if (sampleSize === 'all') return null
    const { least, most, uvhlN } = kSample
    const scaled = Math.round((sampleSize * (structure?.uvhlN ?? uvhlN)) / uvhlN)
    const count = Math.min(Math.max(scaled, least), most, nodes)
    return tensor(drawNodes({ nodes, count, seed, block: cycle }), { dtype: 'int32', device })
  }

  #follow(wishes: MobiusWishes): void {
    for (const key of ['windings', 'torsion'] as const) {
      const wish = wishes[key]
      const kept = this.#wishes[key]
      if (wish instanceof Tensor) guarded(() => native().copyBuffer(kept.handle, wish.handle))
      else if (wish !== undefined) kept.set([wish])
    }
    followWishes({ ...this.#wishes, structure: this.#structure, clamped: this.#clamped })
  }

  #build({ tensors: { positions } }: SphereNodes, when: 'now' | 'lazily'): void {
    const { radius, lazyWindings, lazyTorsion } = this.settings
    const thresholds =
      when === 'now' ? { lazyWindings: 0, lazyTorsion: 0 } : { lazyWindings, lazyTorsion }
    buildLattice({ positions, structure: this.#structure, radius, ...thresholds })
  }

  #measure(times: number, targets: Tensor | null): void {
    const { field, ...system } = this.#nodes.tensors
    const call = { ...system, wavenumber: this.#wavenumber, softening: this.#softening, times }
    if (!targets) {
      waveFieldInto(call, field)
      return
    }
    const values = Tensor.empty([2, targets.length], this.dtype, this.device)
    waveFieldInto({ ...call, targets }, values)
    scatterField({ values, targets, field })
  }

  #count({ nodes, tensors: { field } }: SphereNodes): void {
    const stride = this.settings.exactVortices ? 1 : Math.max(1, Math.floor(nodes / kVortexNodes))
    countVortices({ field, vortices: this.#vortices, reward: this.#reward, stride })
  }

  /**
   * |F| at 128 nodes, then arg F in (−π, π] there: (256), a new tensor.
   *
   * The nodes are 0, s, 2s, … with s = max(1, ⌊n/256⌋), the first half of the sphere, with zeros past the
   * end; or ⌊i n/128⌋ with `stateSpacing: 'even'`.
   */
  state(): Tensor {
    const { field } = this.#alive().tensors
    return sphereState({ field, even: this.settings.stateSpacing === 'even' })
  }

  /**
   * Changes the number of nodes. The first ones keep their numbers, new ones get those that they would
   * have had from the beginning; the lattice is built anew and the field is 0.
   *
   * @param nodes in [1, 2^30].
   */
  resize(nodes: number): void {
    const before = this.#alive()
    if (expectNodes('resize', nodes) === before.nodes) return
    const after = before.resized(nodes)
    this.#build(after, 'now')
    this.#replace(after)
    this.#count(after)
  }

  #replace(nodes: SphereNodes): void {
    if (nodes === this.#nodes) return
    this.#nodes.dispose()
    this.#nodes = nodes
  }

  /** Reads what there is to tell; waits for the cycles queued so far. */
  async report(): Promise<SphereReport> {
    const { nodes } = this.#alive()
    const cycle = this.#cycle
    const [numbers, vortices, reward, clampedWishes] = await Promise.all([
      this.#structure.data(),
      this.#vortices.item(),
      this.#reward.item(),
      this.#clamped.item(),
    ])
    const [windings = 0, torsion = 0, builtWindings = 0, builtTorsion = 0] = numbers
    const density = Math.min(vortices / nodes, 1)
    const structure = { windings, torsion, builtWindings, builtTorsion }
    return { cycle, vortices, density, reward, ...structure, clampedWishes }
  }

  /** Everything that `restore` needs beside `checkpointNumbers()`: tensors of the sphere, by name. */
  namedTensors(): ReadonlyMap<string, Tensor> {
    return new Map([
      ...Object.entries(this.#alive().tensors),
      ['structure', this.#structure],
      ['clampedWishes', this.#clamped],
      ['windingsWish', this.#wishes.windings],
      ['torsionWish', this.#wishes.torsion],
    ])
  }

  /** The JSON that goes with `namedTensors()`. */
  checkpointNumbers(): SphereCheckpoint['numbers'] {
    return { nodes: this.nodes, cycle: this.#cycle }
  }

  /**
   * Takes the state of a sphere with the same options, bit for bit.
   *
   * @throws CheckpointError where a tensor lacks or has another dtype or shape; nothing is changed then.
   */
  restore({ numbers, tensors }: SphereCheckpoint): void {
    const before = this.#alive()
    const fail = (what: string): never => {
      throw new CheckpointError(`${name}: ${what}`)
    }
    const { nodes, cycle } = numbers
    if (!Number.isSafeInteger(nodes) || nodes < 1)
      fail(`nodes must be an integer of at least 1, got ${String(nodes)}`)
    if (!Number.isSafeInteger(cycle) || cycle < 0)
      fail(`cycle must be an integer of at least 0, got ${String(cycle)}`)
    const entries = [...this.namedTensors()].map(([key, { dtype, shape }]) => {
      // The last size of all that a node has.
      const whole = key in before.tensors ? [...shape.slice(0, -1), nodes] : [...shape]
      const entry = tensors.get(key)
      if (entry?.dtype !== fileDtypes[dtype] || entry?.shape.join() !== whole.join()) {
        const got = entry ? `${entry.dtype} [${entry.shape}]` : 'none'
        fail(`tensor ${key} must be ${fileDtypes[dtype]} [${whole}], got ${got}`)
      }
      return [key, entry?.bytes as Uint8Array] as const
    })
    this.#replace(nodes === before.nodes ? before : before.resized(nodes))
    const named = this.namedTensors()
    for (const [key, bytes] of entries) named.get(key)?.setBytes(bytes)
    this.#cycle = cycle
    this.#count(this.#nodes)
  }

  #alive(): SphereNodes {
    if (this.#disposed) {
      throw new DisposedError(`${name}: sphere must be alive, got a disposed one`)
    }
    return this.#nodes
  }

  /** Gives the memory back once the work queued on it is done. Calling it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#nodes.dispose()
    for (const tensor of [
      this.#structure,
      this.#clamped,
      this.#vortices,
      this.#reward,
      this.#wavenumber,
      this.#softening,
      ...Object.values(this.#wishes),
    ]) {
      tensor.dispose()
    }
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
