// What a control loop is asked and what it answers, and the checks of it.
import { expectInteger, expectNumber, expectShape } from '../check.js'
import { DeviceError, DtypeError, ShapeError, ValueError } from '../errors.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Tensor } from '../tensor.js'
import type { MetricsRecord, MetricsWriter } from '../train/metrics.js'
import type { MobiusSphere } from '../waves/mobius-sphere.js'
import type { LossOptions } from './agent-update.js'
import type { SphereAgent } from './sphere-agent.js'

/** Heads that a sphere obeys; uvhlW and uvhlL name nothing that it has. */
export const steerableHeads = ['windings', 'torsion', 'sites', 'uvhlN'] as const

/** A head that a sphere obeys. */
export type SteerableHead = (typeof steerableHeads)[number]

/** Arguments of `ControlLoop`. The sphere, the agent and a given optimiser stay the caller's. */
export interface ControlLoopOptions {
  sphere: MobiusSphere
  /** Of the sphere's dtype and device, with 256 states and at most as many actions as nodes. */
  agent: SphereAgent
  /** Over `agent.parameters()`. Default: Adam, rate 5e-5, gradients clipped to norm 1. */
  optimizer?: Optimizer
  /** Default: `advantage`. `reference`: −(1/T) Σ V r, without exploration. */
  loss?: 'advantage' | 'reference'
  /** Cycles between updates, T. Default: 8, or 1 with the reference's loss. */
  horizon?: number
  /** γ in [0, 1]. Default: 0.99. */
  discount?: number
  /** λ in [0, 1]. Default: 0.95. */
  trace?: number
  /** c_v, at least 0. Default: 0.5. */
  valueWeight?: number
  /** c_e. Default: 0.001. */
  entropyWeight?: number
  /** Rewards times this are learned from; the reference's loss takes them as they are. Default: 0.01. */
  rewardScale?: number
  /** What is rewarded: a tensor (1) of the sphere's dtype after each cycle. Default: `sphere.reward`. */
  reward?: (sphere: MobiusSphere) => Tensor
  /**
   * Heads that the sphere obeys. `sites` and `uvhlN` are needed on the host: each cycle waits for them.
   * Default: windings and torsion.
   */
  steered?: readonly SteerableHead[]
  /** Time between cycles; cycle n (from 1) is at n times this. Default: 0.1. */
  timeStep?: number
  /** Of the exploration. Default: 0. */
  seed?: number
}

/** One cycle, on the host. */
export interface ControlMetrics extends MetricsRecord {
  /** From 1, over all runs of the loop. */
  readonly cycle: number
  readonly time: number
  readonly reward: number
  /** Of the stored field; density is their share of the nodes. */
  readonly vortices: number
  readonly density: number
  readonly nodes: number
  readonly windings: number
  readonly torsion: number
  /** Wishes outside their ranges so far. */
  readonly clampedWishes: number
  /** Of the update after this cycle; null where there was none. */
  readonly loss: number | null
  /** Its parts: actor and critic, steered heads. */
  readonly policyLoss: number | null
  readonly structureLoss: number | null
  /** Before clipping; null also where the optimiser does not clip. */
  readonly gradientNorm: number | null
}

/** Where a run is. */
export interface ControlProgress {
  /** Cycles done, and of how many, in this run. */
  readonly step: number
  readonly steps: number
  readonly metrics: ControlMetrics
}

/** How a run is watched and stopped. */
export interface ControlRunOptions {
  /** How many, at least 1. */
  cycles: number
  /** Stops the run; the cycle under way is finished. */
  signal?: AbortSignal | null
  /** Called after every cycle. */
  onProgress?: ((progress: ControlProgress) => void) | null
  /** Gets a line for every cycle. */
  writer?: MetricsWriter | null
}

/** What a run gives, on the host. */
export interface ControlRun {
  readonly device: string
  /** Of each cycle of this run. */
  readonly metrics: readonly ControlMetrics[]
}

/** Every number and choice of a loop, with its default where none was given. */
export type ControlSettings = LossOptions & {
  readonly horizon: number
  readonly rewardScale: number
  readonly steered: readonly SteerableHead[]
  readonly timeStep: number
  readonly seed: number
}

/** Checks options and fills in defaults. @internal */
export function controlSettings(name: string, options: ControlLoopOptions): ControlSettings {
  const { loss = 'advantage', steered = ['windings', 'torsion'] } = options
  const fail = (key: string, rule: string, got: unknown): never => {
    throw new ValueError(`${name}: ${key} must be ${rule}, got ${String(got)}`)
  }
  if (loss !== 'advantage' && loss !== 'reference') fail('loss', 'advantage or reference', loss)
  const known: readonly unknown[] = steerableHeads
  const distinct = Array.isArray(steered) && new Set(steered).size === steered.length
  if (!distinct || !steered.every((head) => known.includes(head))) {
    fail('steered', `some of ${steerableHeads.join(', ')}, each once`, steered)
  }
  if (options.reward !== undefined && typeof options.reward !== 'function') {
    fail('reward', 'a function', options.reward)
  }
  expectParts(name, options)
  const { horizon = loss === 'reference' ? 1 : 8, seed = 0 } = options
  const unit = { low: 0, high: 1 }
  return {
    loss,
    horizon: expectInteger(name, 'horizon', horizon),
    discount: expectNumber(name, 'discount', options.discount ?? 0.99, unit),
    trace: expectNumber(name, 'trace', options.trace ?? 0.95, unit),
    valueWeight: expectNumber(name, 'valueWeight', options.valueWeight ?? 0.5, { low: 0 }),
    entropyWeight: expectNumber(name, 'entropyWeight', options.entropyWeight ?? 0.001),
    rewardScale:
      loss === 'reference' ? 1 : expectNumber(name, 'rewardScale', options.rewardScale ?? 0.01),
    steered: [...steered],
    timeStep: expectNumber(name, 'timeStep', options.timeStep ?? 0.1),
    seed: expectInteger(name, 'seed', seed, 0),
  }
}

const kStates = 256

function expectParts(name: string, { sphere, agent, optimizer }: ControlLoopOptions): void {
  const { states, actions, dtype } = agent.options
  if (dtype !== sphere.dtype) {
    throw new DtypeError(`${name}: agent must be ${sphere.dtype} as the sphere, got ${dtype}`)
  }
  if (agent.device !== sphere.device) {
    throw new DeviceError(
      `${name}: agent must be on ${sphere.device} as the sphere, got one on ${agent.device}`,
    )
  }
  if (states !== kStates) {
    throw new ShapeError(`${name}: agent must see ${kStates} states, got ${states}`)
  }
  if (actions > sphere.nodes) {
    throw new ShapeError(
      `${name}: agent must have at most nodes = ${sphere.nodes} actions, got ${actions}`,
    )
  }
  const own = new Set(agent.parameters())
  if (optimizer && !optimizer.parameters.every((parameter) => own.has(parameter))) {
    throw new ValueError(
      `${name}: optimizer must be over the agent's parameters, got one over others`,
    )
  }
}

/** Checks what is rewarded. @internal */
export function expectReward(
  name: string,
  reward: Tensor,
  { dtype, device }: MobiusSphere,
): Tensor {
  expectShape(name, 'reward', reward, { one: 1 })
  if (reward.dtype !== dtype || reward.device !== device) {
    throw new DtypeError(`${name}: reward must be ${dtype} on ${device}, got ${reward}`)
  }
  return reward
}

/** Checks how a run is watched. @internal */
export function expectRun(name: string, options: ControlRunOptions): void {
  const { cycles, signal = null, onProgress = null, writer = null } = options
  expectInteger(name, 'cycles', cycles)
  if (signal !== null && typeof signal?.aborted !== 'boolean') {
    throw new ValueError(`${name}: signal must be an AbortSignal, got ${typeof signal}`)
  }
  if (onProgress !== null && typeof onProgress !== 'function') {
    throw new ValueError(`${name}: onProgress must be a function, got ${typeof onProgress}`)
  }
  if (writer !== null && typeof writer?.write !== 'function') {
    throw new ValueError(`${name}: writer must be a MetricsWriter, got ${typeof writer}`)
  }
}
