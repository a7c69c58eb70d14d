// Turns a row of the operation table into a call with real tensors.
import { computeDtype } from '../../lib/dtype.js'
import {
  type Device,
  type DeviceName,
  device as deviceOf,
  type FloatDtype,
  type Tensor,
  tensor,
} from '../../lib/index.js'
import { type Argument, operation, signatures } from '../../lib/native.js'
import { generator } from './compare.js'
import { operationTable, type Wanted } from './operation-table.js'

/** A call of an operation with real tensors. */
export interface PreparedCall {
  readonly name: string
  readonly values: Record<string, Argument>
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Names of the tensors that the operation writes. */
  readonly outputs: readonly string[]
  /** Names of those that hold fixed-point phases. */
  readonly phases: ReadonlySet<string>
  /** Queues the operation with some arguments replaced. */
  run(changed?: Readonly<Record<string, Argument>>): void
}

/** Makes the tensors of a row; those that are written hold seeded numbers too. */
export function prepareCall(
  name: string,
  { real, device, scale = 1 }: { real: FloatDtype; device: DeviceName; scale?: number },
): PreparedCall {
  const row = operationTable[name]
  const signature = signatures().find((candidate) => candidate.name === name)
  if (!row || !signature) throw new Error(`no row or no operation ${name}`)
  const on = deviceOf(device)
  const given = row.call(scale)
  const values: Record<string, Argument> = {}
  const tensors = new Map<string, Tensor>()
  const phases = new Set<string>()
  for (const [index, { name: field }] of signature.fields.entries()) {
    const wanted = given[field]
    if (wanted === undefined) throw new Error(`the row of ${name} lacks ${field}`)
    if (typeof wanted === 'object' && wanted !== null) {
      const made = makeTensor(wanted, real, on, index)
      if (wanted.type === 'phase') phases.add(field)
      tensors.set(field, made)
      values[field] = made
    } else {
      values[field] = wanted
    }
  }
  const outputs = signature.fields
    .filter(({ name: field, kind }) => kind === 'output' && tensors.has(field))
    .map((field) => field.name)
  return {
    name,
    values,
    tensors,
    outputs,
    phases,
    run: (changed = {}) => call(name, { ...values, ...changed }),
  }
}

function makeTensor(wanted: Wanted, real: FloatDtype, device: Device, seed: number): Tensor {
  const { type } = wanted
  const dtype =
    type === 'real'
      ? real
      : type === 'compute'
        ? computeDtype(real)
        : type === 'phase'
          ? 'int32'
          : type
  if (wanted.values) return tensor(wanted.values, { dtype, device })
  const length = type === 'phase' && real === 'float64' ? 2 * wanted.length : wanted.length
  const [low, high] = wanted.range ?? [0, 0]
  const whole = dtype === 'int32' || dtype === 'uint8'
  const { uniforms, normals } = numbers
  const data = new Float64Array(length)
  for (let i = 0; i < data.length; ++i) {
    const at = (i + 977 * seed) % kNumbers
    const u = uniforms[at] as number
    if (!wanted.range) data[i] = normals[at] as number
    else data[i] = whole ? Math.floor(low + (high - low + 1) * u) : low + (high - low) * u
  }
  return tensor(data, { dtype, device })
}

// Drawn once: large calls repeat them, each tensor from a place of its own.
const kNumbers = 65521
const numbers = {
  uniforms: generator(1).uniforms(kNumbers),
  normals: generator(2).normals(kNumbers),
}

const calls = new Map<string, (values: Record<string, Argument>) => void>()

function call(name: string, values: Record<string, Argument>): void {
  let found = calls.get(name)
  if (!found) {
    const fields = signatures().find((signature) => signature.name === name)?.fields ?? []
    found = operation(
      name,
      fields.map((field) => field.name),
    )
    calls.set(name, found)
  }
  found(values)
}
