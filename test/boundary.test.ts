// Every argument of every operation, wrong in every way, through the addon: a typed error that names it,
// before anything is written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Device,
  type Dtype,
  device as deviceOf,
  type FloatDtype,
  scope,
  type Tensor,
  zeros,
} from '../lib/index.js'
import { type Argument, type FieldSignature, signatures } from '../lib/native.js'
import { devices, onEveryDevice } from './support/devices.js'
import { type PreparedCall, prepareCall } from './support/operation-call.js'
import { operationTable } from './support/operation-table.js'
import { assertRefused, bytesOf, type Expected } from './support/refusals.js'

// Other tests may have an operation whose row is missing; the registry test names it.
const known = signatures().filter(({ name }) => operationTable[name])

interface Refusal extends Omit<Expected, 'prefix'> {
  readonly changed: Readonly<Record<string, Argument>>
}

onEveryDevice('operations', (name) => {
  const device = deviceOf(name)
  for (const signature of known) {
    test(`${signature.name} takes its row of the table in every dtype`, async () => {
      for (const dtype of signature.dtypes as FloatDtype[]) {
        await using _ = scope()
        const call = prepareCall(signature.name, { real: dtype, device: name })
        call.run()
        await bytesOf(call.tensors.values())
      }
    })

    test(`${signature.name} refuses every wrong argument and writes nothing`, async () => {
      const dtypes = signature.dtypes as FloatDtype[]
      await using _ = scope()
      const real = dtypes.includes('float32') ? 'float32' : (dtypes[0] as FloatDtype)
      const call = prepareCall(signature.name, { real, device: name })
      const outputs = call.outputs.map((output) => call.tensors.get(output) as Tensor)
      const before = await bytesOf(outputs)
      const refusals = [
        ...signature.fields.flatMap((field, i) => refusalsOf(call, field, i === 0, device)),
        ...overflow(call, signature.fields),
      ]
      for (const { changed, ...expected } of refusals) {
        assertRefused(device, () => call.run(changed), {
          ...expected,
          prefix: `${signature.name}: `,
        })
        assert.equal(await bytesOf(outputs), before, `${expected.title}: outputs were written`)
      }
      call.run()
      await bytesOf(outputs)
    })
  }
})

function refusalsOf(
  call: PreparedCall,
  field: FieldSignature,
  isFirst: boolean,
  device: Device,
): Refusal[] {
  const { name } = field
  const because = (what: string, code: string, value: Argument): Refusal => ({
    title: `${call.name} with ${what} as ${name}`,
    codes: [code],
    words: [name],
    changed: { [name]: value },
  })
  const missing = undefined as unknown as Argument
  switch (field.kind) {
    case 'input':
    case 'output': {
      if (field.optional && call.values[name] === null) return []
      const tensor = call.tensors.get(name)
      if (!tensor && field.optional) return []
      assert.ok(tensor, `the row of ${call.name} must give ${name}`)
      return tensorRefusals({ call, field, tensor, isFirst, device, because, missing })
    }
    case 'number':
      return [
        because('NaN', 'ERR_VALUE', Number.NaN),
        because('infinity', 'ERR_VALUE', Infinity),
        because('−infinity', 'ERR_VALUE', -Infinity),
        because('nothing', 'ERR_VALUE', missing),
      ]
    case 'flag':
      return [because('nothing', 'ERR_VALUE', missing), because('2', 'ERR_VALUE', 2)]
    case 'size':
      return sizeRefusals(call, name, because, missing)
  }
}

type Because = (what: string, code: string, value: Argument) => Refusal

function sizeRefusals(
  call: PreparedCall,
  name: string,
  because: Because,
  missing: Argument,
): Refusal[] {
  const row = operationTable[call.name]
  const isValue = row?.values?.includes(name)
  const found = [
    because('NaN', 'ERR_SHAPE', Number.NaN),
    because('infinity', 'ERR_SHAPE', Infinity),
    because('a fraction', 'ERR_SHAPE', 1.5),
    because('2^60', 'ERR_SHAPE', 2 ** 60),
    because('nothing', 'ERR_SHAPE', missing),
    because('−1', isValue ? 'ERR_VALUE' : 'ERR_SHAPE', -1),
    because('−2^53', isValue ? 'ERR_VALUE' : 'ERR_SHAPE', -(2 ** 53)),
  ]
  // Steps and positions have no upper bound below 2^53.
  if (row?.unbounded?.includes(name)) return found
  for (const huge of [2 ** 33, 2 ** 53]) {
    // The tensor that does not fit is named, or the argument that exceeds it.
    const words = [...call.tensors.keys(), name]
    found.push({ ...because(`${huge}`, '', huge), codes: ['ERR_SHAPE', 'ERR_VALUE'], words })
  }
  return found
}

function tensorRefusals(options: {
  call: PreparedCall
  field: FieldSignature
  tensor: Tensor
  isFirst: boolean
  device: Device
  because: Because
  missing: Argument
}): Refusal[] {
  const { call, field, tensor, isFirst, device, because, missing } = options
  const { length, dtype } = tensor
  const found: Refusal[] = []
  const other: Dtype = dtype === 'int32' || dtype === 'uint8' ? 'float32' : 'int32'
  found.push(because(other, 'ERR_DTYPE', zeros([length], { dtype: other, device })))
  if (!isFirst && dtype !== 'float64') {
    const wide = zeros([length], { dtype: 'float64', device })
    found.push(because('float64', 'ERR_DTYPE', wide))
  }
  const disposed = zeros([length], { dtype, device })
  disposed.dispose()
  found.push(because('a disposed tensor', 'ERR_DISPOSED', disposed))
  found.push(because('a handle that never was', 'ERR_DISPOSED', { handle: 2 ** 51 + 77 }))
  found.push(because('a number', 'ERR_DTYPE', 3))
  if (!field.optional) found.push(because('nothing', 'ERR_DTYPE', missing))
  if (!operationTable[call.name]?.anyLength?.includes(field.name)) {
    for (const wrong of [length + 1, 0]) {
      const made = zeros([wrong], { dtype, device })
      found.push(because(`${wrong} elements`, 'ERR_SHAPE', made))
    }
  }
  const elsewhere = devices.find((candidate) => deviceOf(candidate) !== device)
  if (elsewhere && call.tensors.size > 1) {
    const there = zeros([length], { dtype, device: elsewhere })
    const words = isFirst ? [...call.tensors.keys()] : [field.name]
    found.push({ ...because('a tensor of another device', 'ERR_DEVICE', there), words })
  }
  return found
}

function overflow(call: PreparedCall, fields: readonly FieldSignature[]): Refusal[] {
  const { values = [], unbounded = [] } = operationTable[call.name] ?? {}
  const sizes = fields
    .filter(({ name, kind }) => kind === 'size' && ![...values, ...unbounded].includes(name))
    .map((field) => field.name)
  if (sizes.length < 2) return []
  return [2 ** 32, 2 ** 40, 2 ** 53].map((size) => ({
    title: `${call.name} with sizes of ${size}, whose product overflows`,
    // A size with a bound of its own is named before any product is formed.
    codes: ['ERR_SHAPE', 'ERR_VALUE'],
    words: [...sizes, ...call.tensors.keys()],
    changed: Object.fromEntries(sizes.map((name) => [name, size])),
  }))
}
