// How an agent learns from a rollout: one recorded pass through time, a loss, one step of the optimiser.
import { noGrad } from '../context.js'
import { add } from '../operations/add.js'
import { linear, matrixProduct } from '../operations/matrix-product.js'
import { advantages, policyGradientLoss } from '../operations/policy-gradient.js'
import { scale } from '../operations/scale.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Tensor } from '../tensor.js'
import type { RolloutTensors } from './rollout.js'
import type { AgentPass, SphereAgent } from './sphere-agent.js'

/** Weights and rates of the losses. @internal */
export interface LossOptions {
  readonly loss: 'advantage' | 'reference'
  readonly discount: number
  readonly trace: number
  readonly valueWeight: number
  readonly entropyWeight: number
}

/** What the losses hold fixed: (T) each. @internal */
export interface LossTargets {
  readonly advantages: Tensor
  readonly returns: Tensor
}

/** Losses of a rollout, (1) each. @internal */
export interface Losses {
  /** The sum that is minimised. */
  readonly loss: Tensor
  /** Actor and critic. */
  readonly policy: Tensor
  /** The steered heads; null where there are none, and with the reference's loss. */
  readonly structure: Tensor | null
}

/** The steered heads' columns of (T, 6), by a matrix of zeros and ones (heads, 6). @internal */
export const steeredOf = (structure: Tensor, steered: Tensor): Tensor =>
  linear({ input: structure, weight: steered })

/**
 * Advantage actor-critic over actions and steered heads, which share their advantages.
 *
 *     L = policyGradientLoss(actor, critic) + policyGradientLoss(heads, no critic)
 *
 * @internal
 */
export function advantageLoss({
  agent,
  pass,
  rollout,
  targets,
  steered,
  options,
}: {
  agent: SphereAgent
  pass: AgentPass
  rollout: RolloutTensors
  targets: LossTargets
  steered: Tensor | null
  options: LossOptions
}): Losses {
  const { valueWeight, entropyWeight } = options
  const { action: actionDeviation, structure: structureDeviation } = agent.logDeviations
  const policy = policyGradientLoss({
    mean: pass.action,
    logDeviation: actionDeviation,
    action: rollout.actions,
    value: pass.value,
    ...targets,
    valueWeight,
    entropyWeight,
  })
  if (!steered || !rollout.structures) return { loss: policy, policy, structure: null }
  const heads = structureDeviation.length
  const structure = policyGradientLoss({
    mean: steeredOf(pass.structure, steered),
    logDeviation: steeredOf(structureDeviation.reshape([1, heads]), steered).reshape([-1]),
    action: rollout.structures,
    advantages: targets.advantages,
    entropyWeight,
  })
  return { loss: add(policy, structure), policy, structure }
}

/** L = −(1/T) Σ_t V_t r_t: only the critic and the memory learn. @internal */
export function referenceLoss({ value }: AgentPass, { rewards }: RolloutTensors): Losses {
  const time = rewards.length
  const product = matrixProduct({
    left: value.reshape([1, time]),
    right: rewards.reshape([time, 1]),
  })
  const loss = scale(product, -1 / time).reshape([1])
  return { loss, policy: loss, structure: null }
}

/**
 * One update. `pass` is recorded, of the rollout's states from its memory on; `lastState` (1, 1, states) is the state after the rollout; what it is worth stands for all
 * that comes later. @internal
 */
export function updateAgent({
  agent,
  pass,
  optimizer,
  rollout,
  lastState,
  steered,
  options,
}: {
  agent: SphereAgent
  pass: AgentPass
  optimizer: Optimizer
  rollout: RolloutTensors
  lastState: Tensor
  steered: Tensor | null
  options: LossOptions
}): Losses {
  const { loss, discount, trace } = options
  let losses: Losses
  if (loss === 'reference') {
    losses = referenceLoss(pass, rollout)
  } else {
    const lastValue = noGrad(() => agent.value(lastState, pass.memory))
    const values = pass.value.detach()
    const targets = advantages({ rewards: rollout.rewards, values, lastValue, discount, trace })
    losses = advantageLoss({ agent, pass, rollout, targets, steered, options })
  }
  losses.loss.backward()
  optimizer.step()
  return losses
}
