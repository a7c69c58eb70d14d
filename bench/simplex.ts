// Simplex noise on a grid: simplex.grid, in both hashes, of which the table's is the contract's.
import { type Device, simplexGrid, tensor } from '../lib/index.js'
import type { Entry, Params } from './contract.js'
import type { Outputs, Trial } from './harness.js'
import { simplexReference } from './simplex-reference.js'

/** Points between those that are compared with the reference. */
const kStride = 997
const kTableSize = 256

interface Place {
  readonly shape: readonly number[]
  readonly origin: readonly number[]
  readonly step: number
  readonly octaves: number
}

function placeOf(params: Params): Place {
  const { dim, shape, origin, step, octaves } = params as Params & {
    readonly shape: readonly number[]
    readonly origin: readonly number[]
    readonly dim: number
    readonly step: number
    readonly octaves: number
  }
  const rest = new Array<number>(dim - shape.length).fill(1)
  return { shape: [...shape, ...rest], origin: origin.slice(0, dim), step, octaves }
}

/** A permutation of 0 to 255 by a linear congruential generator. */
function permutation(): Uint8Array {
  const table = Uint8Array.from({ length: kTableSize }, (_, i) => i)
  let state = 3
  for (let i = kTableSize - 1; i > 0; --i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const j = Math.floor((state / 2 ** 32) * (i + 1))
    const held = table[i] as number
    table[i] = table[j] as number
    table[j] = held
  }
  return table
}

function check(field: ArrayLike<number>, place: Place, table: Uint8Array) {
  const got: number[] = []
  const reference: number[] = []
  for (let i = 0; i < field.length; i += kStride) {
    got.push(field[i] as number)
    const point = new Array<number>(place.shape.length)
    let rest = i
    for (let axis = place.shape.length - 1; axis >= 0; --axis) {
      const size = place.shape[axis] as number
      point[axis] = (place.origin[axis] as number) + (rest % size) * place.step
      rest = Math.floor(rest / size)
    }
    reference.push(simplexReference(point, place.octaves, table))
  }
  return { outputs: { value: got } as Outputs, reference: { value: reference } as Outputs }
}

/** Builds simplex.grid. */
export async function buildSimplex(entry: Entry, on: Device): Promise<Trial> {
  const place = placeOf(entry.params)
  const numbers = permutation()
  const table = tensor(numbers, { shape: [kTableSize], dtype: 'uint8', device: on })
  const run = () => simplexGrid({ ...place, table, device: on, dtype: 'float32' }).value
  const points = place.shape.reduce((product, size) => product * size, 1)
  return {
    calls: [() => run().dispose()],
    synchronize: () => on.synchronize(),
    check: async () => {
      using field = run()
      return check((await field.data()) as Float32Array, place, numbers)
    },
    note: 'table of 256',
    extra: (ms) => ({ points_per_s: (1000 * points) / ms }),
    dispose: () => table.dispose(),
  }
}
