// Advantage actor-critic: actions of a Gaussian policy, their advantages and the loss.
import { expectKind, expectNumber, expectShape } from '../check.js'
import { DtypeError, ShapeError, ValueError } from '../errors.js'
import { operation } from '../native.js'
import { differentiable, record } from '../tape.js'
import { Tensor } from '../tensor.js'

const act = operation('gaussianAction', [
  'mean',
  'logDeviation',
  'normal',
  'action',
  'time',
  'actions',
] as const)
const estimate = operation('advantages', [
  'rewards',
  'values',
  'lastValue',
  'advantages',
  'returns',
  'time',
  'discount',
  'trace',
] as const)
const inputs = ['mean', 'logDeviation', 'action', 'advantages', 'value', 'returns'] as const
const settings = ['time', 'actions', 'valueWeight', 'entropyWeight'] as const
const forward = operation('policyGradientForward', [...inputs, 'loss', ...settings] as const)
const backward = operation('policyGradientBackward', [
  'gradLoss',
  ...inputs,
  'gradMean',
  'gradLogDeviation',
  'gradValue',
  ...settings,
] as const)

function expectFullFloat(operationName: string, name: string, { dtype }: Tensor): void {
  if (dtype !== 'float64' && dtype !== 'float32') {
    throw new DtypeError(`${operationName}: ${name} must be float64 or float32, got ${dtype}`)
  }
}

// The sizes of a policy's output, (time, actions), both of at least 1.
function expectPolicy(operationName: string, mean: Tensor, logDeviation: Tensor) {
  const shape = { time: -1, actions: -1 }
  const [time = 0, actions = 0] = expectShape(operationName, 'mean', mean, shape)
  expectFullFloat(operationName, 'mean', mean)
  if (time < 1 || actions < 1) {
    throw new ShapeError(
      `${operationName}: mean must be of shape (time, actions) with sizes of at least 1, got [${mean.shape}]`,
    )
  }
  expectShape(operationName, 'logDeviation', logDeviation, { actions })
  expectKind(operationName, 'logDeviation', logDeviation, mean)
  return { time, actions }
}

/** Arguments of `gaussianAction`. */
export interface GaussianActionOptions {
  /** μ, (time, actions), float64 or float32 */
  mean: Tensor
  /** s, the logarithm of the standard deviation, (actions) */
  logDeviation: Tensor
  /** ξ, standard normal numbers, (time, actions) */
  normal: Tensor
}

/**
 * Actions drawn from a Gaussian policy.
 *
 *     a = μ + e^s ξ
 *
 * @returns (time, actions), outside the tape: a policy gradient holds its actions fixed.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function gaussianAction({ mean, logDeviation, normal }: GaussianActionOptions): Tensor {
  const sizes = expectPolicy('gaussianAction', mean, logDeviation)
  expectShape('gaussianAction', 'normal', normal, sizes)
  expectKind('gaussianAction', 'normal', normal, mean)
  const action = Tensor.like(mean)
  act({ mean, logDeviation, normal, action, ...sizes })
  return action
}

/** Arguments of `advantages`. */
export interface AdvantagesOptions {
  /** r, (time), float64 or float32 */
  rewards: Tensor
  /** V, (time) */
  values: Tensor
  /** V after the last step, (1) */
  lastValue: Tensor
  /** γ in [0, 1]. Default: 0.99. */
  discount?: number
  /** λ in [0, 1]: 0 trusts the values, 1 the rewards. Default: 0.95. */
  trace?: number
}

/**
 * Generalised advantages and returns of an episode.
 *
 *     δ_t = r_t + γ V_{t+1} − V_t,   Â_t = δ_t + γ λ Â_{t+1},   G_t = Â_t + V_t
 *
 * @returns Â and G, (time) each, outside the tape: the policy's loss holds them fixed.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError, ValueError. Deterministic.
 *
 * Source: Schulman et al. 2016, arXiv:1506.02438.
 */
export function advantages(options: AdvantagesOptions): { advantages: Tensor; returns: Tensor } {
  const name = 'advantages'
  const { rewards, values, lastValue, discount = 0.99, trace = 0.95 } = options
  const [time = 0] = expectShape(name, 'rewards', rewards, { time: -1 })
  expectFullFloat(name, 'rewards', rewards)
  if (time < 1) {
    throw new ShapeError(`${name}: rewards must be of at least 1 step, got [${rewards.shape}]`)
  }
  expectShape(name, 'values', values, { time })
  expectKind(name, 'values', values, rewards)
  expectShape(name, 'lastValue', lastValue, { one: 1 })
  expectKind(name, 'lastValue', lastValue, rewards)
  expectNumber(name, 'discount', discount, { low: 0, high: 1 })
  expectNumber(name, 'trace', trace, { low: 0, high: 1 })
  const result = { advantages: Tensor.like(rewards), returns: Tensor.like(rewards) }
  estimate({ rewards, values, lastValue, ...result, time, discount, trace })
  return result
}

/** Arguments of `policyGradientLoss`. */
export interface PolicyGradientLossOptions {
  /** μ, (time, actions), float64 or float32 */
  mean: Tensor
  /** s, the logarithm of the standard deviation, (actions) */
  logDeviation: Tensor
  /** a, what was done, (time, actions); no gradient */
  action: Tensor
  /** Â, (time); no gradient */
  advantages: Tensor
  /** V, (time); absent: no critic */
  value?: Tensor | null
  /** G, (time), given where `value` is; no gradient */
  returns?: Tensor | null
  /** c_v, at least 0. Default: 0.5. */
  valueWeight?: number
  /** c_e: a positive one rewards a policy that keeps trying. Default: 0. */
  entropyWeight?: number
}

/** The largest weight of a term, as the addon has it. */
const kLargestWeight = 1e30

/**
 * The loss of an advantage actor-critic with a Gaussian policy of learned deviation.
 *
 *     log π(a|s) = −Σ_k (½ ((a_k − μ_k) e^(−s_k))² + s_k + ½ ln 2π)
 *     L = (1/T) Σ_t (−Â_t log π(a_t|s_t) + ½ c_v (G_t − V_t)²) − c_e Σ_k (s_k + ½ ln 2πe)
 *
 * @returns L, (1), with gradients for `mean`, `logDeviation` and `value`.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError; ValueError for weights out of range and where
 * only one of `value` and `returns` is given. Deterministic.
 *
 * Source: Mnih et al. 2016, arXiv:1602.01783.
 */
export function policyGradientLoss(options: PolicyGradientLossOptions): Tensor {
  const name = 'policyGradientLoss'
  const { mean, logDeviation, action, value = null, returns = null } = options
  const { valueWeight = 0.5, entropyWeight = 0 } = options
  const { time, actions } = expectPolicy(name, mean, logDeviation)
  expectShape(name, 'action', action, { time, actions })
  expectKind(name, 'action', action, mean)
  const expectSeries = (key: string, series: Tensor): void => {
    expectShape(name, key, series, { time })
    expectKind(name, key, series, mean)
  }
  expectSeries('advantages', options.advantages)
  if (value !== null) expectSeries('value', value)
  if (returns !== null) expectSeries('returns', returns)
  if ((value === null) !== (returns === null)) {
    throw new ValueError(
      `${name}: returns must be given where value is, and only there, got ${returns === null ? 'value' : 'returns'} alone`,
    )
  }
  expectNumber(name, 'valueWeight', valueWeight, { low: 0, high: kLargestWeight })
  expectNumber(name, 'entropyWeight', entropyWeight, { low: -kLargestWeight, high: kLargestWeight })
  const given = { mean, logDeviation, action, advantages: options.advantages, value, returns }
  const call = { time, actions, valueWeight, entropyWeight }
  const loss = Tensor.empty([1], mean.dtype, mean.device)
  forward({ ...given, loss, ...call })
  return record({ mean, logDeviation, value }, { loss }, ({ loss: gradLoss }) =>
    policyGradientLossBackward(gradLoss, given, call),
  ).loss
}

function policyGradientLossBackward(
  gradLoss: Tensor | null,
  given: {
    mean: Tensor
    logDeviation: Tensor
    action: Tensor
    advantages: Tensor
    value: Tensor | null
    returns: Tensor | null
  },
  call: Readonly<Record<(typeof settings)[number], number>>,
) {
  if (!gradLoss) return { mean: null, logDeviation: null, value: null }
  const { mean, logDeviation, value } = given
  const gradMean = Tensor.like(mean)
  const gradLogDeviation = Tensor.like(logDeviation)
  const gradValue = value && differentiable(value) ? Tensor.like(value) : null
  backward({ gradLoss, ...given, gradMean, gradLogDeviation, gradValue, ...call })
  return { mean: gradMean, logDeviation: gradLogDeviation, value: gradValue }
}
