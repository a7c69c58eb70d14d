// The loop that steers a Möbius sphere: state → agent → evolve → reward → update.
import { noGrad } from '../context.js'
import { RandomStream } from '../data/philox.js'
import { DisposedError, ValueError } from '../errors.js'
import { affine } from '../operations/affine.js'
import { gaussianAction } from '../operations/policy-gradient.js'
import { randomNormal } from '../operations/random.js'
import { scale } from '../operations/scale.js'
import { timeSlice } from '../operations/time-slice.js'
import { Adam } from '../optim/adamw.js'
import type { Optimizer } from '../optim/optimizer.js'
import { AbortError } from '../oscillators/simulation.js'
import { scope } from '../scope.js'
import { own, Tensor, tensor } from '../tensor.js'
import type { MobiusSphere } from '../waves/mobius-sphere.js'
import type { MobiusWishes } from '../waves/mobius-sphere-options.js'
import { type Losses, steeredOf, updateAgent } from './agent-update.js'
import { readLoop, writeLoop } from './control-checkpoint.js'
import {
  type ControlLoopOptions,
  type ControlMetrics,
  type ControlRun,
  type ControlRunOptions,
  type ControlSettings,
  controlSettings,
  expectReward,
  expectRun,
  type SteerableHead,
} from './control-options.js'
import { keptMemory, memoryTensors, Rollout } from './rollout.js'
import {
  type AgentMemory,
  type AgentPass,
  type SphereAgent,
  structureHeads,
  structureRanges,
} from './sphere-agent.js'

const name = 'ControlLoop'
/** Heads whose wishes the sphere needs on the host. */
const kHostHeads: readonly SteerableHead[] = ['sites', 'uvhlN']

// What the agent chose in a cycle.
interface Choice {
  readonly state: Tensor
  readonly action: Tensor
  readonly structure: Tensor | null
  /** Recorded where the update is due after one cycle. */
  readonly pass: AgentPass
}

/**
 * A sphere, its agent and an optimiser in a loop.
 *
 * A cycle: the agent sees 256 numbers of the sphere, a Gaussian policy draws 128 actions and the wishes of
 * the steered heads around the agent's means, the sphere evolves, and its reward is kept. After every
 * `horizon` cycles, one recorded pass through their time, from the memory at their start, gives
 *
 *     δ_t = r_t + γ V_{t+1} − V_t,   Â_t = δ_t + γ λ Â_{t+1},   G_t = Â_t + V_t
 *     L = (1/T) Σ_t (−Â_t log π(a_t, w_t|s_t) + ½ c_v (G_t − V_t)²) − c_e entropy
 *
 * or, with `loss: 'reference'`, L = −(1/T) Σ_t V_t r_t, which only the critic and the memory learn from.
 * Everything stays on the device; a cycle waits for nothing but the numbers of the one before. Equal
 * options and device give equal bits, also when a run is cut into several or goes on from a checkpoint.
 *
 * @throws ShapeError, ValueError, DtypeError, DeviceError.
 *
 * Source: Mnih et al. 2016, arXiv:1602.01783; Schulman et al. 2016, arXiv:1506.02438.
 */
export class ControlLoop implements Disposable {
  readonly sphere: MobiusSphere
  readonly agent: SphereAgent
  readonly optimizer: Optimizer
  readonly settings: ControlSettings
  readonly #reward: ControlLoopOptions['reward']
  readonly #ownsOptimizer: boolean
  /** Row i picks the i-th steered head of six; null where none is steered. */
  readonly #steered: Tensor | null
  #memory: AgentMemory | null = null
  #rollout = new Rollout()
  #cycle = 0
  #running = false
  #underWay = false
  #disposed = false

  constructor(options: ControlLoopOptions) {
    this.settings = controlSettings(name, options)
    const { sphere, agent, optimizer, reward } = options
    this.sphere = sphere
    this.agent = agent
    this.#reward = reward
    const { steered } = this.settings
    const { dtype, device } = sphere
    const shape = [steered.length, structureHeads.length]
    const rows = steered.flatMap((head) => structureHeads.map((other) => Number(other === head)))
    this.#steered = steered.length > 0 ? own(tensor(rows, { shape, dtype, device })) : null
    this.#ownsOptimizer = optimizer === undefined
    this.optimizer = optimizer ?? new Adam(agent.parameters(), { learningRate: 5e-5, clipNorm: 1 })
  }

  /** Cycles done so far. */
  get cycle(): number {
    return this.#cycle
  }

  /**
   * Runs cycles, each queued before the numbers of the one before have arrived.
   *
   * @throws AbortError (ERR_ABORTED) where `signal` stops the run; what was done is in `partial`, and the
   * loop can go on. ValueError where a run is under way, and for numbers that only the device sees.
   */
  async run(options: ControlRunOptions): Promise<ControlRun> {
    this.#rest('run')
    expectRun(`${name}.run`, options)
    this.#running = true
    const { cycles, signal, onProgress, writer } = options
    const result = { device: String(this.sphere.device), metrics: [] as ControlMetrics[] }
    let reading: Promise<ControlMetrics> | null = null
    let last: Promise<unknown> = Promise.resolve()
    const arrived = async (): Promise<void> => {
      const before = reading
      reading = null
      if (!before) return
      const metrics = await before
      result.metrics.push(metrics)
      writer?.write(metrics)
      onProgress?.({ step: result.metrics.length, steps: cycles, metrics })
    }
    try {
      for (let i = 0; i < cycles && !signal?.aborted; ++i) {
        const next = this.#advance()
        // It may fail while the numbers of the cycle before are awaited.
        last = next.catch(() => undefined)
        await arrived()
        reading = next
        if (this.#waits) await arrived()
      }
      await arrived()
    } finally {
      await last
      this.#running = false
    }
    const done = result.metrics.length
    if (done < cycles) {
      throw new AbortError(
        `${name}.run: signal must not be aborted, got an abort after ${done} of ${cycles} cycles`,
        result,
        { cause: signal?.reason },
      )
    }
    return result
  }

  get #waits(): boolean {
    return this.settings.steered.some((head) => kHostHeads.includes(head))
  }

  async #advance(): Promise<ControlMetrics> {
    return await scope(async () => {
      this.#underWay = true
      let reading: Promise<ControlMetrics>
      try {
        const choice = this.#choose()
        const onHost = this.#waits ? await choice.structure?.data() : undefined
        const reward = noGrad(() => this.#act(choice, onHost))
        reading = this.#read(reward, this.#learn(choice))
      } finally {
        this.#underWay = false
      }
      return await reading
    })
  }

  #choose(): Choice {
    const state = this.sphere.state()
    const states = state.reshape([1, 1, -1])
    // An update after every cycle learns from this very pass, so its memory must outlive the cycle.
    const pass =
      this.settings.horizon === 1
        ? this.agent.forward(states, this.#rollout.memory)
        : noGrad(() => this.agent.forward(states, this.#memory))
    const { action: actionDeviation, structure: structureDeviation } = this.agent.logDeviations
    return noGrad(() => {
      const action = this.#explore(pass.action, actionDeviation, 0)
      const row = { state: state.reshape([1, -1]), action, pass }
      if (!this.#steered) return { ...row, structure: null }
      const mean = steeredOf(pass.structure, this.#steered)
      const logDeviation = steeredOf(structureDeviation.reshape([1, -1]), this.#steered)
      return { ...row, structure: this.#explore(mean, logDeviation.reshape([-1]), 1) }
    })
  }

  #explore(mean: Tensor, logDeviation: Tensor, kind: 0 | 1): Tensor {
    if (this.settings.loss === 'reference') return mean.detach()
    const stream = RandomStream.exploration + 2 * this.#cycle + kind
    const normal = randomNormal(Tensor.like(mean), { seed: this.settings.seed, stream })
    return gaussianAction({ mean, logDeviation, normal })
  }

  // Gives the reward as it is.
  #act(choice: Choice, onHost: ArrayLike<number> | undefined): Tensor {
    const { sphere, settings } = this
    const cycle = this.#cycle + 1
    const { action, structure, pass } = choice
    const wishes = structure ? this.#wishes(structure, onHost) : {}
    sphere.evolve({
      action: action.reshape([-1]),
      structure: wishes,
      time: cycle * settings.timeStep,
    })
    const given = this.#reward?.(sphere) ?? sphere.reward
    const reward = expectReward(name, given, sphere)
    this.#rollout.add({ ...choice, reward: scale(reward, settings.rewardScale).reshape([1, 1]) })
    this.#remember(pass.memory)
    this.#cycle = cycle
    return reward
  }

  #wishes(structure: Tensor, onHost: ArrayLike<number> | undefined): MobiusWishes {
    const columns = structure.reshape([1, -1, 1])
    const wishes: { -readonly [Key in keyof MobiusWishes]: MobiusWishes[Key] } = {}
    for (const [begin, head] of this.settings.steered.entries()) {
      const [low, high] = structureRanges[head]
      if (head === 'windings' || head === 'torsion') {
        const share = timeSlice({ input: columns, begin, count: 1 }).reshape([1])
        wishes[head] = affine(share, { factor: high - low, offset: low })
        continue
      }
      const share = Math.min(Math.max(onHost?.[begin] ?? 0, 0), 1)
      const value = low + (high - low) * share
      if (head === 'sites') wishes.nodes = Math.round(value)
      else wishes.uvhlN = value
    }
    return wishes
  }

  #remember(memory: AgentMemory | null): void {
    const before = this.#memory
    this.#memory = memory && keptMemory(memory)
    for (const forgotten of before ? memoryTensors(before) : []) forgotten.dispose()
  }

  #learn({ pass }: Choice): Losses | null {
    const { agent, optimizer, settings } = this
    if (this.#rollout.rows.length < settings.horizon) return null
    const rollout = this.#rollout.stacked()
    const losses = updateAgent({
      agent,
      pass: settings.horizon === 1 ? pass : agent.forward(rollout.states, rollout.memory),
      optimizer,
      rollout,
      lastState: this.sphere.state().reshape([1, 1, -1]),
      steered: this.#steered,
      options: settings,
    })
    this.#begin(new Rollout(this.#memory && keptMemory(this.#memory)))
    return losses
  }

  #begin(rollout: Rollout): void {
    this.#rollout.dispose()
    this.#rollout = rollout
  }

  async #read(reward: Tensor, losses: Losses | null): Promise<ControlMetrics> {
    const { nodes } = this.sphere
    const cycle = this.#cycle
    const item = (one: Tensor | null | undefined): Promise<number> | null => one?.item() ?? null
    const [report, own, loss, policyLoss, structureLoss, gradientNorm] = await Promise.all([
      this.sphere.report(),
      item(this.#reward && reward),
      item(losses?.loss),
      item(losses?.policy),
      item(losses?.structure),
      item(losses && this.optimizer.norm),
    ])
    const { vortices, density, windings, torsion, clampedWishes } = report
    return {
      cycle,
      time: cycle * this.settings.timeStep,
      reward: own ?? report.reward,
      vortices,
      density,
      nodes,
      windings,
      torsion,
      clampedWishes,
      loss,
      policyLoss,
      structureLoss,
      gradientNorm,
    }
  }

  /**
   * Writes a checkpoint of the sphere, the agent, the optimiser, the memory and the rollout under way, all
   * as they are after the cycles queued so far.
   *
   * @throws CheckpointError if the file cannot be written; ValueError in the middle of a cycle.
   */
  async save(path: string): Promise<void> {
    this.#alive('save')
    if (this.#underWay) {
      throw new ValueError(`${name}.save: loop must be between cycles, got one in a cycle`)
    }
    const state = { cycle: this.#cycle, memory: this.#memory, rollout: this.#rollout }
    await writeLoop(path, this, state)
  }

  /**
   * Takes the state of a loop that was made with the same options: its runs then give the same numbers,
   * bit for bit, as if they had never stopped.
   *
   * @throws CheckpointError if the file is missing, corrupt or of a loop with other options; nothing is
   * changed then. ValueError while a run is under way.
   */
  async restore(path: string): Promise<void> {
    this.#rest('restore')
    this.#running = true
    try {
      const { cycle, memory, rollout } = await readLoop(path, this)
      this.#begin(rollout)
      this.#remember(memory)
      for (const given of memory ? memoryTensors(memory) : []) given.dispose()
      this.#cycle = cycle
    } finally {
      this.#running = false
    }
  }

  #rest(operation: string): void {
    this.#alive(operation)
    if (this.#running) {
      throw new ValueError(`${name}.${operation}: loop must be at rest, got a run under way`)
    }
  }

  #alive(operation: string): void {
    if (this.#disposed) {
      throw new DisposedError(`${name}.${operation}: loop must be alive, got a disposed one`)
    }
  }

  /** Gives back what the loop made: its memory, and the optimiser unless one was given. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#rollout.dispose()
    this.#remember(null)
    this.#steered?.dispose()
    if (this.#ownsOptimizer) this.optimizer.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
