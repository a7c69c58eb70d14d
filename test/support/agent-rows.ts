// Valid calls of the operations that an agent is made of.
import { elementwise, type Given, type Row, real } from './operation-rows.js'

function lstm(scale: number, backward: boolean): Record<string, Given> {
  const [batch, time, width] = [2, 3, 2 + Math.min(scale, 50)]
  const sizes = { batch, time, width }
  const gates = real(batch * time * 4 * width)
  const states = real(batch * time * width)
  const initial = { initialHidden: real(batch * width), initialCell: real(batch * width) }
  const weight = real(4 * width * width, [-0.5, 0.5])
  return backward
    ? {
        gradHidden: states,
        gradCell: states,
        weight,
        activations: real(batch * time * 4 * width, [0.1, 0.9]),
        hidden: states,
        cell: states,
        ...initial,
        gradInputGates: gates,
        gradWeight: real(4 * width * width),
        gradInitialHidden: real(batch * width),
        gradInitialCell: real(batch * width),
        ...sizes,
      }
    : {
        inputGates: gates,
        weight,
        ...initial,
        activations: gates,
        hidden: states,
        cell: states,
        ...sizes,
      }
}

function policyGradient(scale: number, backward: boolean): Record<string, Given> {
  const [time, actions] = [7 * scale, 5]
  const policy = {
    mean: real(time * actions),
    logDeviation: real(actions, [-1, 1]),
    action: real(time * actions),
    advantages: real(time),
    value: real(time),
    returns: real(time),
  }
  const settings = { time, actions, valueWeight: 0.5, entropyWeight: 0.01 }
  return backward
    ? {
        gradLoss: real(1),
        ...policy,
        gradMean: real(time * actions),
        gradLogDeviation: real(actions),
        gradValue: real(time),
        ...settings,
      }
    : { ...policy, loss: real(1), ...settings }
}

/** Valid calls by operation. */
export const agentRows: Readonly<Record<string, Row>> = {
  advantages: {
    call: (scale) => ({
      rewards: real(7 * scale),
      values: real(7 * scale),
      lastValue: real(1),
      advantages: real(7 * scale),
      returns: real(7 * scale),
      time: 7 * scale,
      discount: 0.99,
      trace: 0.95,
    }),
  },
  gaussianAction: {
    call: (scale) => ({
      mean: real(7 * scale * 5),
      logDeviation: real(5, [-1, 1]),
      normal: real(7 * scale * 5),
      action: real(7 * scale * 5),
      time: 7 * scale,
      actions: 5,
    }),
  },
  lstmBackward: { call: (scale) => lstm(scale, true) },
  lstmForward: { call: (scale) => lstm(scale, false) },
  policyGradientBackward: { call: (scale) => policyGradient(scale, true) },
  policyGradientForward: { call: (scale) => policyGradient(scale, false) },
  reluBackward: { call: elementwise(['gradOutput', 'output'], 'gradInput') },
  reluForward: { call: elementwise(['input'], 'output') },
  sigmoidBackward: { call: elementwise(['gradOutput', 'output'], 'gradInput') },
  sigmoidForward: { call: elementwise(['input'], 'output') },
  tanhBackward: { call: elementwise(['gradOutput', 'output'], 'gradInput') },
  tanhForward: { call: elementwise(['input'], 'output') },
}
