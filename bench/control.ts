// One cycle of the control loop, control.cycle: all nodes' field, an update after every cycle; and its
// parts. control_cycle_torch.py measures the same in torch.
import { steeredOf, updateAgent } from '../lib/control/agent-update.js'
import {
  Adam,
  ControlLoop,
  type Device,
  MobiusSphere,
  noGrad,
  SphereAgent,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { waveFieldInto } from '../lib/operations/wave-field.js'
import type { Entry, Params } from './contract.js'
import { measure, type Trial } from './harness.js'

/** Cycles before parts are measured, so that the memory and the moments are as in a run. */
const kWarmUp = 3
const kPartMs = 1500
/** Time between cycles. */
const kTimeStep = 0.1
/** So far apart that no field is computed between. */
const kNever = 2 ** 30

type Sizes = Params & Record<'N' | 'hidden' | 'layers' | 'actions', number>

/** The parts of a cycle, each a call that queues its work. */
function parts(loop: ControlLoop, still: MobiusSphere) {
  const { sphere, agent, optimizer, settings } = loop
  const { device, dtype } = sphere
  const states = sphere.state().reshape([1, 1, -1])
  const { memory, action } = noGrad(() => agent.forward(states))
  const one = (values: readonly number[], shape: readonly number[]): Tensor =>
    tensor(values, { shape, dtype, device })
  const rollout = {
    states,
    actions: action,
    structures: one([0.5, 0.5], [1, 2]),
    rewards: one([-0.5], [1]),
    memory,
  }
  const steered = one([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [2, 6])
  const structure = { windings: one([77], [1]), torsion: one([1], [1]) }
  const { positions, amplitudes, frequencies, phases, field } = sphere
  const wave = { positions, amplitudes, frequencies, phases }
  return {
    field: () => waveFieldInto({ ...wave, times: 1.7 }, field),
    vortices_state: () => {
      still.evolve({ action: action.reshape([-1]), structure, time: 1.7 })
      still.state()
    },
    agent_forward: () => {
      const pass = agent.forward(states, memory)
      steeredOf(pass.structure, steered)
    },
    agent_update: () => {
      const pass = agent.forward(states, memory)
      updateAgent({
        agent,
        pass,
        optimizer,
        rollout,
        lastState: states,
        steered,
        options: settings,
      })
    },
  }
}

async function measureParts(loop: ControlLoop, still: MobiusSphere) {
  const { device } = loop.sphere
  return await scope(async () => {
    const found: Record<string, number> = {}
    for (const [name, call] of Object.entries(parts(loop, still))) {
      const calls = [() => scope(() => void call())]
      const synchronize = () => device.synchronize()
      const { ms, ms_min } = await measure({ calls, synchronize }, { capMs: kPartMs })
      found[`${name}_ms`] = ms
      found[`${name}_ms_min`] = ms_min
    }
    // The update alone: the pass that chose belongs to the forward part.
    for (const kind of ['ms', 'ms_min']) {
      const both = found[`agent_update_${kind}`] ?? Number.NaN
      found[`agent_update_${kind}`] = both - (found[`agent_forward_${kind}`] ?? Number.NaN)
    }
    return found
  })
}

/** Builds control.cycle. */
export async function buildControl(entry: Entry, on: Device): Promise<Trial> {
  const { N, hidden, layers, actions } = entry.params as Sizes
  const sphere = new MobiusSphere({ nodes: N, device: on })
  const still = new MobiusSphere({ nodes: N, device: on, skipInterval: kNever })
  const agent = new SphereAgent({ hidden, layers, actions, device: on, seed: 1 })
  const optimizer = new Adam(agent.parameters(), { learningRate: 5e-5, clipNorm: 1 })
  const loop = new ControlLoop({ sphere, agent, optimizer, horizon: 1, timeStep: kTimeStep })
  await loop.run({ cycles: kWarmUp })
  const found = await measureParts(loop, still)
  // Runs follow each other: a cycle is over when its numbers have arrived.
  let running: Promise<unknown> = Promise.resolve()
  return {
    calls: [
      () => {
        running = running.then(() => loop.run({ cycles: 1 }))
      },
    ],
    synchronize: async () => {
      await running
    },
    note: 'all targets, an update and its numbers after every cycle',
    extra: () => ({ ...found, params_m: agent.parameterCount / 1e6 }),
    dispose: () => {
      for (const part of [loop, optimizer, agent, still, sphere]) part.dispose()
    },
  }
}
