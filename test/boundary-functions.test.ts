// The public functions, given every kind of wrong argument: a typed error that begins with the function's
// name and names the argument, and no memory left behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as lib from '../lib/index.js'
import { type Dtype, device as deviceOf, type Tensor } from '../lib/index.js'
import { signatures } from '../lib/native.js'
import { devices, onEveryDevice } from './support/devices.js'
import { type PublicRow, publicTable, type TensorArgument } from './support/public-table.js'
import { assertRefused, bytesOf } from './support/refusals.js'

type Values = Record<string, unknown>

interface Spoilt {
  readonly what: string
  readonly value: unknown
  readonly codes: readonly string[]
  /** Any argument may be named. */
  readonly mutual?: boolean
}

onEveryDevice('public functions', (name) => {
  const device = deviceOf(name)
  for (const row of publicTable) {
    test(`${row.name} refuses every wrong argument and leaves nothing behind`, async () => {
      await using _ = lib.scope()
      const tensors = Object.fromEntries(
        Object.entries(row.tensors).map(([key, argument]) => [key, make(argument, device)]),
      )
      const valid: Values = { ...tensors, ...row.integers, ...row.numbers }
      const call = row.call as (values: Values) => unknown
      const outcome = call(valid)
      assert.ok(outcome, `${row.name} must take its own row`)
      const before = await bytesOf(Object.values(tensors))
      for (const [key, spoilt] of spoiltArguments(row, device)) {
        const given = { ...valid, [key]: spoilt.value }
        assertRefused(device, () => call(given), {
          title: `${row.name} with ${spoilt.what} as ${key}`,
          codes: spoilt.codes,
          prefix: row.name === 'eigenstateStep' ? 'eigenstateS' : row.name,
          words: spoilt.mutual ? Object.keys(row.tensors) : [key],
        })
      }
      assert.equal(await bytesOf(Object.values(tensors)), before, 'arguments were written')
    })
  }

  test('a failing operation keeps what was made before it', async () => {
    await using _ = lib.scope()
    const kept = lib.zeros([3], { device })
    const tokens = lib.tensor([1, 2], { dtype: 'int32', device })
    assert.throws(() => lib.silu(tokens), lib.DtypeError)
    assert.equal(kept.disposed, false)
    assert.deepEqual([...(await kept.data())], [0, 0, 0])
    assert.deepEqual([...(await tokens.data())], [1, 2])
  })

  test('tokens out of range fail the next read, which names operation and element, and only that read', async () => {
    await using _ = lib.scope()
    const table = lib.zeros([4, 2], { device })
    for (const [wrong, at] of [
      [4, 2],
      [-1, 0],
      [2 ** 31 - 1, 5],
    ] as const) {
      const ids = [1, 1, 1, 1, 1, 1]
      ids[at] = wrong
      const tokens = lib.tensor(ids, { shape: [1, 6], dtype: 'int32', device })
      const output = lib.embedding({ table, tokens })
      await assert.rejects(output.data(), {
        name: 'ValueError',
        code: 'ERR_VALUE',
        message: `embeddingForward: tokens must be integers in [0, vocabulary), got ${wrongText(wrong)} at element ${at}`,
      })
      assert.equal((await output.data()).length, 12)
      await device.synchronize()
    }
  })

  const hasCrossEntropy = signatures().some((s) => s.name === 'softmaxCrossEntropyForward')
  test('targets out of range fail the next read', { skip: !hasCrossEntropy }, async () => {
    await using _ = lib.scope()
    const logits = lib.zeros([3, 4], { device })
    const targets = lib.tensor([0, 4, -7], { dtype: 'int32', device })
    const loss = lib.softmaxCrossEntropy({ logits, targets })
    await assert.rejects(loss.item(), {
      code: 'ERR_VALUE',
      message:
        'softmaxCrossEntropyForward: targets must be integers in [0, vocabulary), got 4 at element 1',
    })
    assert.equal((await logits.data()).length, 12)
  })

  test('a fault surfaces at synchronize and survives trim', async () => {
    await using _ = lib.scope()
    const table = lib.zeros([4, 2], { device })
    const tokens = lib.tensor([9], { dtype: 'int32', device })
    lib.embedding({ table, tokens })
    device.trim()
    await assert.rejects(device.synchronize(), { code: 'ERR_VALUE' })
    await device.synchronize()
  })
})

const wrongText = (value: number): string =>
  value.toExponential().includes('e+9') ? '2.14748e+09' : `${value}`

function make(argument: TensorArgument, on: lib.Device): Tensor {
  const { shape, dtype = 'float32' } = argument
  return lib.zeros(shape, { dtype, device: on })
}

function spoiltArguments(row: PublicRow, device: lib.Device): [string, Spoilt][] {
  const found: [string, Spoilt][] = []
  for (const [key, argument] of Object.entries(row.tensors)) {
    const isOnly = Object.keys(row.tensors).length === 1
    const first = Object.keys(row.tensors)[0] === key
    for (const spoilt of spoiltTensors(argument, device, { isOnly, first }))
      found.push([key, spoilt])
  }
  for (const key of Object.keys(row.integers ?? {})) {
    for (const value of [Number.NaN, Infinity, -Infinity, 1.5, -1, 2 ** 60, '3', null]) {
      found.push([key, { what: String(value), value, codes: ['ERR_SHAPE'] }])
    }
  }
  for (const key of Object.keys(row.numbers ?? {})) {
    for (const value of [Number.NaN, Infinity, -Infinity, '1', null]) {
      found.push([key, { what: String(value), value, codes: ['ERR_VALUE'] }])
    }
  }
  return found
}

function spoiltTensors(
  argument: TensorArgument,
  device: lib.Device,
  { isOnly, first }: { isOnly: boolean; first: boolean },
): Spoilt[] {
  const { shape, dtype = 'float32', optional, anySize, anyFloat } = argument
  const disposed = make(argument, device)
  disposed.dispose()
  const whole: Dtype = dtype === 'float32' ? 'int32' : 'float32'
  const found: Spoilt[] = [
    { what: 'a disposed tensor', value: disposed, codes: ['ERR_DISPOSED'] },
    { what: 'a number', value: 3, codes: ['ERR_DTYPE'] },
    { what: 'a plain object', value: { shape, dtype }, codes: ['ERR_DTYPE'] },
    {
      what: whole,
      value: make({ shape, dtype: whole }, device),
      codes: ['ERR_DTYPE'],
      mutual: first,
    },
  ]
  if (!optional) {
    found.push({ what: 'undefined', value: undefined, codes: ['ERR_DTYPE'] })
    found.push({ what: 'null', value: null, codes: ['ERR_DTYPE'] })
  }
  if (!anySize) {
    const wrong = [...shape.slice(0, -1), (shape.at(-1) ?? 0) + 1]
    const value = make({ shape: wrong, dtype }, device)
    found.push({ what: `shape [${wrong}]`, value, codes: ['ERR_SHAPE'], mutual: true })
  }
  if (!isOnly && !anyFloat && dtype === 'float32') {
    const value = make({ shape, dtype: 'float64' }, device)
    found.push({ what: 'float64', value, codes: ['ERR_DTYPE'], mutual: true })
  }
  const elsewhere = devices.find((candidate) => deviceOf(candidate) !== device)
  if (elsewhere && !isOnly) {
    const value = make(argument, deviceOf(elsewhere))
    found.push({ what: 'a tensor elsewhere', value, codes: ['ERR_DEVICE'], mutual: true })
  }
  return found
}
