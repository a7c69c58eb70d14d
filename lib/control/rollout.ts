// What a control loop keeps of the cycles since its last update: rows of (1, width), on the device.
import { noGrad } from '../context.js'
import { addInPlace } from '../operations/add.js'
import { padTime } from '../operations/time-slice.js'
import { own, type Tensor } from '../tensor.js'
import type { AgentMemory } from './sphere-agent.js'

/** One cycle: what was seen, what was done, what it brought. @internal */
export interface RolloutRow {
  /** (1, states) */
  readonly state: Tensor
  /** (1, actions) */
  readonly action: Tensor
  /** Of the steered heads, in [0, 1] but for the noise: (1, heads); null where none is steered. */
  readonly structure: Tensor | null
  /** (1, 1), scaled. */
  readonly reward: Tensor
}

/** Rows one below the other. @internal */
export interface RolloutTensors {
  /** (1, T, states) */
  readonly states: Tensor
  /** (T, actions) */
  readonly actions: Tensor
  /** (T, heads) */
  readonly structures: Tensor | null
  /** (T) */
  readonly rewards: Tensor
  /** Before the first row; null: none yet. */
  readonly memory: AgentMemory | null
}

/** All tensors of a memory. @internal */
export const memoryTensors = ({ hidden, cell }: AgentMemory): Tensor[] => [...hidden, ...cell]

/** The same numbers as tensors that no scope disposes, outside the tape. @internal */
export function keptMemory({ hidden, cell }: AgentMemory): AgentMemory {
  const kept = (tensors: readonly Tensor[]) => tensors.map((tensor) => own(tensor.detach()))
  return { hidden: kept(hidden), cell: kept(cell) }
}

/** Rows since an update. They and the memory belong to the rollout. @internal */
export class Rollout implements Disposable {
  readonly memory: AgentMemory | null
  readonly rows: RolloutRow[] = []

  /** @param memory of the agent before the first row, which the rollout disposes. */
  constructor(memory: AgentMemory | null = null) {
    this.memory = memory
  }

  add({ state, action, structure, reward }: RolloutRow): void {
    this.rows.push({
      state: own(state),
      action: own(action),
      structure: structure && own(structure),
      reward: own(reward),
    })
  }

  /** The rows one below the other, outside the tape. */
  stacked(): RolloutTensors {
    return noGrad(() => {
      const { memory, rows } = this
      const time = rows.length
      const structures = rows.flatMap(({ structure }) => structure ?? [])
      return {
        states: stack(rows.map(({ state }) => state)),
        actions: flat(stack(rows.map(({ action }) => action))),
        structures: structures.length === time ? flat(stack(structures)) : null,
        rewards: stack(rows.map(({ reward }) => reward)).reshape([time]),
        memory,
      }
    })
  }

  /** By name, for a checkpoint. */
  namedTensors(): Map<string, Tensor> {
    const named = new Map<string, Tensor>()
    for (const [i, row] of this.rows.entries()) {
      for (const [key, tensor] of Object.entries(row)) {
        if (tensor) named.set(`${key}.${i}`, tensor)
      }
    }
    for (const [i, tensor] of (this.memory ? memoryTensors(this.memory) : []).entries()) {
      named.set(`memory.${i}`, tensor)
    }
    return named
  }

  dispose(): void {
    for (const tensor of this.namedTensors().values()) tensor.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

const flat = (stacked: Tensor): Tensor => stacked.reshape([...stacked.shape.slice(1)])

// Rows (1, width) as (1, time, width). Each addend has zeros where the others stand: sums change nothing.
function stack(rows: readonly Tensor[]): Tensor {
  const time = rows.length
  let stacked: Tensor | null = null
  for (const [begin, row] of rows.entries()) {
    const input = row.reshape([1, 1, row.length])
    if (time === 1) return input
    const padded = padTime({ input, begin, time })
    stacked = stacked ? addInPlace(stacked, padded) : padded
  }
  return stacked as Tensor
}
