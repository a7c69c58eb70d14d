// Checkpoints of a control loop: sphere, agent, optimiser, memory and the rollout under way. Random
// numbers are functions of seed and cycle, so the cycle stands for the positions of all their streams.
import { CheckpointError } from '../errors.js'
import type { Optimizer } from '../optim/optimizer.js'
import { own, type Tensor, zeros } from '../tensor.js'
import { TensorFile, writeTensorFile } from '../train/tensor-file.js'
import type { MobiusSphere } from '../waves/mobius-sphere.js'
import type { ControlSettings } from './control-options.js'
import { memoryTensors, Rollout } from './rollout.js'
import type { AgentMemory, SphereAgent } from './sphere-agent.js'

const kFormat = 'entrain.control-loop.1'

/** What a loop consists of. @internal */
export interface LoopParts {
  readonly sphere: MobiusSphere
  readonly agent: SphereAgent
  readonly optimizer: Optimizer
  readonly settings: ControlSettings
}

/** What changes with its cycles beside its parts. @internal */
export interface LoopState {
  readonly cycle: number
  readonly memory: AgentMemory | null
  readonly rollout: Rollout
}

// What must be equal in the loop that goes on.
function describe({ sphere, agent, settings }: LoopParts): string {
  const { device, nodes, ...rest } = sphere.settings
  return JSON.stringify({ sphere: rest, agent: agent.options, settings })
}

const named = (prefix: string, tensors: Iterable<readonly [string, Tensor]>) =>
  [...tensors].map(([name, tensor]) => [prefix + name, tensor] as const)

const numbered = (memory: AgentMemory | null) =>
  (memory ? memoryTensors(memory) : []).map((tensor, i) => [String(i), tensor] as const)

/** @internal */
export async function writeLoop(path: string, parts: LoopParts, state: LoopState): Promise<void> {
  const { sphere, agent, optimizer } = parts
  const { cycle, memory, rollout } = state
  const tensors = [
    ...named('sphere.', sphere.namedTensors()),
    ...named('agent.', agent.namedParameters()),
    ...named('optimizer.', optimizer.state()),
    ...named('memory.', numbered(memory)),
    ...named('rollout.', rollout.namedTensors()),
  ]
  const json = {
    loop: JSON.parse(describe(parts)) as unknown,
    sphere: sphere.checkpointNumbers(),
    optimizer: { steps: optimizer.steps, learningRate: optimizer.learningRate },
    state: {
      cycle,
      rows: rollout.rows.length,
      remembers: memory !== null,
      began: rollout.memory !== null,
    },
  }
  await writeTensorFile(path, { format: kFormat, tensors, json })
}

/** Fills the parts and gives the rest; nothing is changed where the file does not fit. @internal */
export async function readLoop(path: string, parts: LoopParts): Promise<LoopState> {
  const file = await TensorFile.read(path, { operation: 'ControlLoop.restore', format: kFormat })
  const { sphere, agent, optimizer } = parts
  if (file.text('loop') !== describe(parts)) {
    file.fail(`loop must have the options ${describe(parts)}, got ${file.text('loop') ?? 'none'}`)
  }
  const { cycle, rows, remembers, began } = file.object('state') as Record<string, unknown>
  const { steps, learningRate } = file.object('optimizer') as Record<string, unknown>
  const state = {
    cycle: file.count('cycle', cycle),
    memory: remembers === true ? emptyMemory(agent) : null,
    rollout: emptyRollout(parts, file.count('rows', rows), began === true),
  }
  try {
    const targets = [
      ...named('agent.', agent.namedParameters()),
      ...named('optimizer.', optimizer.state()),
      ...named('memory.', numbered(state.memory)),
      ...named('rollout.', state.rollout.namedTensors()),
    ]
    for (const [name, tensor] of targets) file.check(name, tensor)
    file.count('steps', steps)
    if (!Number.isFinite(learningRate)) {
      file.fail(`learningRate must be a finite number, got ${String(learningRate)}`)
    }
    restoreSphere(file, sphere)
    for (const [name, tensor] of targets) file.fill(name, tensor)
    optimizer.steps = steps as number
    optimizer.learningRate = learningRate as number
    return state
  } catch (error) {
    state.rollout.dispose()
    for (const tensor of state.memory ? memoryTensors(state.memory) : []) tensor.dispose()
    throw error
  }
}

function restoreSphere(file: TensorFile, sphere: MobiusSphere): void {
  const numbers = file.object('sphere') as ReturnType<MobiusSphere['checkpointNumbers']>
  try {
    sphere.restore({ numbers, tensors: file.entries('sphere.') })
  } catch (error) {
    if (error instanceof CheckpointError) file.fail(error.message, error)
    throw error
  }
}

function emptyMemory({ options, device }: SphereAgent): AgentMemory {
  const { layers, hidden, dtype } = options
  const make = () =>
    Array.from({ length: layers }, () => own(zeros([1, hidden], { dtype, device })))
  return { hidden: make(), cell: make() }
}

function emptyRollout({ agent, settings }: LoopParts, rows: number, began: boolean): Rollout {
  const { device } = agent
  const { states, actions, dtype } = agent.options
  const row = (width: number): Tensor => own(zeros([1, width], { dtype, device }))
  const rollout = new Rollout(began ? emptyMemory(agent) : null)
  const heads = settings.steered.length
  for (let i = 0; i < rows; ++i) {
    rollout.add({
      state: row(states),
      action: row(actions),
      structure: heads > 0 ? row(heads) : null,
      reward: row(1),
    })
  }
  return rollout
}
